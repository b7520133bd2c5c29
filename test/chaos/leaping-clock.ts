import { type Clock, systemClock } from "#platform/process/clock.ts";

/** A clock that can go ahead of time itself, when all that happens next is that time passes. */
export interface LeapingClock extends Clock {
  /** Goes to the next timer, if it lies ahead no further than this, and fires it. Returns by how much it went ahead, ms. */
  leap(withinMs: number): number;
}

interface Timer {
  /** By `monotonic`. */
  readonly due: number;
  readonly fire: () => void;
  cancel: () => void;
}

/** Timers that fire sooner are not worth a leap, ms. */
const AT_ONCE_MS = 30;

export function leapingClock(): LeapingClock {
  const base = systemClock();
  const timers = new Set<Timer>();
  let aheadMs = 0;
  const monotonic = (): number => base.monotonic() + aheadMs;
  const arm = (timer: Timer): void => {
    timer.cancel = base.schedule(timer.due - monotonic(), () => {
      timers.delete(timer);
      timer.fire();
    });
  };
  return {
    now: () => base.now() + aheadMs,
    monotonic,
    schedule: (afterMs, fire) => {
      const timer: Timer = { due: monotonic() + afterMs, fire, cancel: () => {} };
      timers.add(timer);
      arm(timer);
      return () => {
        timers.delete(timer);
        timer.cancel();
      };
    },
    leap: (withinMs) => {
      const leftMs = [...timers].map(({ due }) => due - monotonic());
      const byMs = Math.min(...leftMs.filter((left) => left > AT_ONCE_MS));
      if (byMs > withinMs) return 0;
      aheadMs += byMs;
      // In the order in which they are due.
      for (const timer of [...timers].toSorted((a, b) => a.due - b.due)) {
        timer.cancel();
        arm(timer);
      }
      return byMs;
    },
  };
}
