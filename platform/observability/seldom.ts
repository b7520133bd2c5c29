import type { Clock } from "#platform/process/clock.ts";

/** Whether something may be told now: `passedOver` is how often it was not, since it was told last. Undefined: not now. */
export type Seldom = (what: string) => { readonly passedOver: number } | undefined;

interface Told {
  readonly at: number;
  passedOver: number;
}

/** Lets the same thing be told once in `everyMs`, for what may happen for thousands of objects at once. `what` is one of few words. */
export function seldom(clock: Clock, everyMs: number): Seldom {
  const told = new Map<string, Told>();
  return (what) => {
    const last = told.get(what);
    const now = clock.monotonic();
    if (last !== undefined && now - last.at < everyMs) {
      last.passedOver += 1;
      return undefined;
    }
    told.set(what, { at: now, passedOver: 0 });
    return { passedOver: last?.passedOver ?? 0 };
  };
}
