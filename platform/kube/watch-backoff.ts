/** Waits between the attempts of one watch. Never shared: a broken watch must not delay the others. */
export interface WatchBackoff {
  /** The watch got on: the next failure is a first one again. */
  progress(): void;
  /** Milliseconds to wait after one more failure. `retryAfterMs` is the least the API server asked for. */
  failed(retryAfterMs?: number): number;
  readonly failures: number;
}

const SHORTEST_MS = 500;
const LONGEST_MS = 30_000;

/** Exponential with full jitter between 0.5 s and 30 s; `Retry-After` is honoured up to the same 30 s. */
export function createWatchBackoff(random: () => number): WatchBackoff {
  let failures = 0;
  return {
    get failures() {
      return failures;
    },
    progress: () => {
      failures = 0;
    },
    failed: (retryAfterMs = 0) => {
      failures += 1;
      const ceilingMs = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(failures, 16));
      const jitteredMs = SHORTEST_MS + random() * (ceilingMs - SHORTEST_MS);
      return Math.max(jitteredMs, Math.min(retryAfterMs, LONGEST_MS));
    },
  };
}
