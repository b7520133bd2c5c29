import type { Clock } from "#platform/process/clock.ts";

/** Time that runs `factor` times as fast, so that waits of seconds pass in milliseconds. Remembers what was scheduled. */
export function fastClock(factor: number): Clock & { readonly delays: number[] } {
  const startedAt = Date.now();
  const delays: number[] = [];
  return {
    delays,
    now: () => startedAt + performance.now() * factor,
    monotonic: () => performance.now() * factor,
    schedule: (afterMs, callback) => {
      delays.push(afterMs);
      const timer = setTimeout(callback, afterMs / factor);
      return () => clearTimeout(timer);
    },
  };
}

/** Time that stands still until it is moved. */
export function manualClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    schedule: (afterMs, callback) => {
      const timer = { at: now + afterMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: (ms) => {
      const until = now + ms;
      for (;;) {
        const due = [...timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers.delete(due);
        now = due.at;
        due.callback();
      }
      now = until;
    },
  };
}
