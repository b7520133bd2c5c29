import type { Operator } from "#events/start.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";

/** How often it is looked, ms. */
const LOOK_MS = 50;

export interface QuietOptions {
  readonly timeoutMs: number;
  /** For how long nothing must have moved, ms: what a step did to the world comes back as a change. 0 where no steps run. */
  readonly quietMs: number;
}

/** Resolves to true when all first lists are complete and nothing has been in line or running for a while; to false when the time is up. */
export async function untilQuiet(
  operator: Operator,
  clock: Clock,
  { timeoutMs, quietMs }: QuietOptions,
): Promise<boolean> {
  const end = clock.monotonic() + timeoutMs;
  let quietSince = clock.monotonic();
  while (clock.monotonic() < end) {
    const now = clock.monotonic();
    if (!operator.ready() || !operator.hub.idle) quietSince = now;
    else if (now - quietSince >= quietMs) return true;
    await sleep(clock, LOOK_MS);
  }
  return false;
}
