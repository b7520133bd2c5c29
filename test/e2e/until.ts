import { sleep, systemClock } from "#platform/process/clock.ts";

const clock = systemClock();

/** What `look` finds, as soon as it finds something. When that takes longer than `withinMs` it throws with `what`, and with how it `stands`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | undefined>,
  withinMs = 120_000,
  stands?: () => Promise<string>,
): Promise<T> {
  const end = clock.monotonic() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== false && found !== undefined) return found;
    if (clock.monotonic() > end) {
      const how = stands === undefined ? "" : `; ${await stands()}`;
      throw new Error(`not within ${withinMs / 1000} s: ${what}${how}`);
    }
    await sleep(clock, 100);
  }
}

/** Throws with what was claimed when it does not hold. */
export function claim(what: string, holds: boolean): void {
  if (!holds) throw new Error(`this does not hold: ${what}`);
}
