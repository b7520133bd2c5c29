import { type Clock, sleep } from "#platform/process/clock.ts";

/** Resolves when `holds`; throws with what did not come about. */
export async function until(
  clock: Clock,
  what: string,
  { holds, timeoutMs }: { holds: () => boolean | Promise<boolean>; timeoutMs: number },
): Promise<void> {
  const end = clock.monotonic() + timeoutMs;
  while (!(await holds())) {
    if (clock.monotonic() > end) throw new Error(`not within ${Math.round(timeoutMs / 1000)} s: ${what}`);
    await sleep(clock, 25);
  }
}

/** Runs `act` over all items, some at a time. */
export async function inParallel<T>(
  items: readonly T[],
  act: (item: T) => Promise<unknown>,
  width = 16,
): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await act(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
