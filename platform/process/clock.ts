/** The one place that knows the time. Everything else is handed a {@link Clock}, so that a test can own it. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. Due times and conditions use it. */
  now(): number;
  /** Monotonic milliseconds. Deadlines and durations use it: a clock jump must not expire an attempt. */
  monotonic(): number;
  /** Runs `callback` once after `afterMs`; returns what cancels it. `afterMs` may exceed 2^31. */
  schedule(afterMs: number, callback: () => void): () => void;
}

/** Longest delay a timer of the platform keeps; a larger one would fire at once (2^31 - 1 ms, 24.8 days). */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The clock of the running process. Its timers do not keep the process alive. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule: (afterMs, callback) => {
      let timer: NodeJS.Timeout;
      let leftMs = Math.max(0, afterMs);
      const arm = (): void => {
        const stepMs = Math.min(leftMs, LONGEST_TIMER_MS);
        leftMs -= stepMs;
        timer = setTimeout(() => (leftMs > 0 ? arm() : callback()), stepMs);
        timer.unref();
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}

/** Resolves after `ms` of `clock`, or rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
      return;
    }
    const cancel = clock.schedule(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
