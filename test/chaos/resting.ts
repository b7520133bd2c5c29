import { setTimeout as sleep } from "node:timers/promises";
import type { Director } from "#test/chaos/director.ts";
import { type History, NotReached } from "#test/chaos/history.ts";
import type { LeapingClock } from "#test/chaos/leaping-clock.ts";
import type { Lives } from "#test/chaos/lives.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

/** Nothing observed for this long counts as rest, ms. */
export const QUIET_MS = 80;
/** What is waited out after a short quiet: less than any limit of something that is under way, ms. */
const SHORT_LEAP_MS = 10_000;
const LONG_QUIET_MS = 1_000;
/** Less than what makes a watch count as silent, ms. */
const LONGEST_LEAP_MS = 40_000;
/** Leaps together: waits of ten minutes end by themselves only, ms. */
const MOST_LEAPT_MS = 480_000;
/** A state at rest that is wrong may still mend itself this long, ms. */
export const LONGEST_REST_MS = 30_000;

/** What a trial is made of while it runs. */
export interface RunningTrial {
  readonly theatre: Theatre;
  readonly names: TrialNames;
  readonly history: History;
  readonly director: Director;
  readonly lives: Lives;
}

/**
 * Waits that nothing but time ends are not waited out: limits of rates, looks again after a while, backoffs. The longer a wait is, the longer
 * everything must have been quiet: a machine that starts must not be overtaken by the limit of its start.
 */
export function leapWhenNothingHappens(
  clock: LeapingClock,
  { theatre, names, history, director, lives }: RunningTrial,
): NodeJS.Timeout {
  let busyAt = 0;
  let leaptMs = 0;
  return setInterval(() => {
    if (director.pending > 0 || !lives.idle || !theatre.isQuiet(names.id)) busyAt = performance.now();
    const quietMs = performance.now() - Math.max(history.lastAt, busyAt);
    if (quietMs < QUIET_MS || leaptMs > MOST_LEAPT_MS) return;
    const byMs = clock.leap(quietMs > LONG_QUIET_MS ? LONGEST_LEAP_MS : SHORT_LEAP_MS);
    if (byMs === 0) return;
    busyAt = performance.now();
    leaptMs += byMs;
  }, 20);
}

/** Resolves when all operators are idle, nobody waits for an answer, and nothing has changed for so long. */
export async function rest(
  { theatre, names, history, director, lives }: RunningTrial,
  quietMs: number,
): Promise<void> {
  const deadline = performance.now() + LONGEST_REST_MS;
  while (performance.now() < deadline) {
    const quiet = performance.now() - history.lastAt > quietMs && theatre.isQuiet(names.id);
    if (quiet && director.pending === 0 && lives.idle) return;
    await sleep(15);
  }
  throw new NotReached(
    `no rest within ${LONGEST_REST_MS} ms: ${JSON.stringify(lives.operator?.hub.figures())}`,
  );
}
