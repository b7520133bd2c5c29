import type { Operator } from "#events/start.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";

/** How often it is looked, and for how long nothing must have moved, ms. */
const LOOK_MS = 50;
const QUIET_MS = 500;

/** Resolves to true when all first lists are complete and nothing has been in line or running for a while; to false when the time is up. */
export async function untilQuiet(
  operator: Operator,
  clock: Clock,
  { timeoutMs }: { timeoutMs: number },
): Promise<boolean> {
  const end = clock.monotonic() + timeoutMs;
  let quietSince = clock.monotonic();
  while (clock.monotonic() < end) {
    const now = clock.monotonic();
    if (!operator.ready() || !operator.hub.idle) quietSince = now;
    if (now - quietSince >= QUIET_MS) return true;
    await sleep(clock, LOOK_MS);
  }
  return false;
}
