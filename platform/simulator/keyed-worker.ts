import type { Clock } from "#platform/process/clock.ts";

/** Runs one function per key: never twice at a time for one key, never lost when asked for meanwhile. */
export interface KeyedWorker {
  /** Asks for a run of this key, now or after a time. A sooner request wins over a later one. */
  request(key: string, afterMs?: number): void;
  /** No run begins any more; resolves when those under way have ended. */
  stop(): Promise<void>;
}

export interface KeyedWorkerOptions {
  readonly clock: Clock;
  /** Runs at a time over all keys. */
  readonly concurrency: number;
  /** One run; may return after how many milliseconds the key wants the next. */
  readonly run: (key: string) => Promise<number | undefined>;
  /** Told of a run that failed; it is repeated after a short while. */
  readonly onError: (key: string, error: unknown) => void;
}

const FIRST_RETRY_MS = 10;
const LONGEST_RETRY_MS = 2_000;

export function startKeyedWorker(options: KeyedWorkerOptions): KeyedWorker {
  const { clock } = options;
  const due = new Set<string>();
  const underWay = new Map<string, Promise<void>>();
  const timers = new Map<string, { readonly atMs: number; readonly cancel: () => void }>();
  const failures = new Map<string, number>();
  let stopped = false;

  const request = (key: string, afterMs = 0): void => {
    if (stopped) return;
    if (afterMs <= 0) {
      forget(key);
      due.add(key);
      pump();
      return;
    }
    const atMs = clock.monotonic() + afterMs;
    const armed = timers.get(key);
    if (armed !== undefined && armed.atMs <= atMs) return;
    armed?.cancel();
    const cancel = clock.schedule(afterMs, () => {
      timers.delete(key);
      request(key);
    });
    timers.set(key, { atMs, cancel });
  };
  const forget = (key: string): void => {
    timers.get(key)?.cancel();
    timers.delete(key);
  };
  const pump = (): void => {
    for (const key of due) {
      if (stopped || underWay.size >= options.concurrency) return;
      if (underWay.has(key)) continue;
      due.delete(key);
      underWay.set(key, work(key));
    }
  };
  const work = async (key: string): Promise<void> => {
    // The caller must have noted the promise before the run can end.
    await Promise.resolve();
    try {
      const againAfterMs = await options.run(key);
      failures.delete(key);
      if (againAfterMs !== undefined) request(key, againAfterMs);
    } catch (error) {
      const failed = (failures.get(key) ?? 0) + 1;
      failures.set(key, failed);
      if (!stopped) options.onError(key, error);
      request(key, Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failed - 1)));
    } finally {
      underWay.delete(key);
      pump();
    }
  };

  return {
    request,
    stop: async () => {
      stopped = true;
      for (const { cancel } of timers.values()) cancel();
      timers.clear();
      due.clear();
      await Promise.all(underWay.values());
    },
  };
}
