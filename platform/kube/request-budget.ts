import type { Clock } from "#platform/process/clock.ts";

/** How much one API server is asked at most. One budget per API server, shared by all who talk to it. */
export interface RequestBudget {
  /**
   * Resolves, first come first served, when a request may be sent; rejects with the signal's reason when that aborts first.
   * Call the result once, when the answer is there: `throttled` when the API server answered 429.
   */
  acquire(signal?: AbortSignal): Promise<(throttled?: boolean) => void>;
  /** For metrics. `requestsPerSecond` is the present limit. */
  state(): { readonly waiting: number; readonly inFlight: number; readonly requestsPerSecond: number };
}

export interface RequestBudgetOptions {
  readonly clock: Clock;
  readonly requestsPerSecond: number;
  /** Requests that may be sent at once after a quiet time. */
  readonly burst: number;
  /** Requests without an answer yet. Watches count only until they have started. */
  readonly inFlight: number;
}

interface Waiter {
  grant(): void;
}

/** The limit never falls below this part of the configured one. */
const LOWEST_SHARE = 1 / 32;
/** After a 429 the limit rises back to the configured one, linearly, within this time. */
const RECOVERY_MS = 60_000;
/** Several 429 within this time are one sign, not several. */
const HALVE_AT_MOST_EVERY_MS = 1_000;

/** Token bucket plus concurrency limit. A 429 empties the bucket and halves the rate. */
export function createRequestBudget(options: RequestBudgetOptions): RequestBudget {
  const { clock, requestsPerSecond: full, burst } = options;
  const waiters: Waiter[] = [];
  let tokens = burst;
  let filledAt = clock.monotonic();
  let reduced = { perSecond: full, at: Number.NEGATIVE_INFINITY };
  let inFlight = 0;
  let cancelTimer: (() => void) | undefined;

  function ratePerSecond(): number {
    const sinceMs = clock.monotonic() - reduced.at;
    return sinceMs >= RECOVERY_MS ? full : Math.min(full, reduced.perSecond + (full * sinceMs) / RECOVERY_MS);
  }

  function refill(): void {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * ratePerSecond());
    filledAt = now;
  }

  function pump(): void {
    refill();
    // The tolerance swallows rounding: a timer that fires exactly on time must find its token.
    while (tokens >= 1 - 1e-6 && inFlight < options.inFlight) {
      const waiter = waiters.shift();
      if (waiter === undefined) return;
      tokens -= 1;
      inFlight += 1;
      waiter.grant();
    }
    if (waiters.length === 0 || inFlight >= options.inFlight || cancelTimer !== undefined) return;
    cancelTimer = clock.schedule(Math.ceil(((1 - tokens) / ratePerSecond()) * 1000), () => {
      cancelTimer = undefined;
      pump();
    });
  }

  function throttle(): void {
    refill();
    tokens = 0;
    const now = clock.monotonic();
    if (now - reduced.at < HALVE_AT_MOST_EVERY_MS) return;
    reduced = { perSecond: Math.max(full * LOWEST_SHARE, ratePerSecond() / 2), at: now };
  }

  function release(): (throttled?: boolean) => void {
    let released = false;
    return (throttled = false) => {
      if (released) return;
      released = true;
      inFlight -= 1;
      if (throttled) throttle();
      pump();
    };
  }

  return {
    acquire: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(abortReason(signal));
          return;
        }
        const waiter: Waiter = {
          grant: () => {
            signal?.removeEventListener("abort", onAbort);
            resolve(release());
          },
        };
        const onAbort = (): void => {
          waiters.splice(waiters.indexOf(waiter), 1);
          if (signal !== undefined) reject(abortReason(signal));
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        waiters.push(waiter);
        pump();
      }),
    state: () => ({ waiting: waiters.length, inFlight, requestsPerSecond: ratePerSecond() }),
  };
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("aborted");
}
