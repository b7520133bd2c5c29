import type { Clock } from "#platform/process/clock.ts";

/** How much one API server is asked at most. One budget per API server, shared by all who talk to it. */
export interface RequestBudget {
  /**
   * Resolves, first come first served, when a request may be sent; rejects with the signal's reason when that aborts first.
   * Call the result once, when the answer is there: `throttled` when the API server answered 429. What is sent in the `background` waits until
   * nobody else does and half of a burst is left, so that it never takes the place of what follows.
   */
  acquire(signal?: AbortSignal, background?: boolean): Promise<(throttled?: boolean) => void>;
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
  const inBackground: Waiter[] = [];
  /** Tokens that have to be left after a request in the background. */
  const reserve = Math.max(0, Math.min(burst / 2, burst - 1));
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

  /** Tokens that have to be there for the next request. */
  function needed(): number {
    return waiters.length > 0 ? 1 : 1 + reserve;
  }

  function pump(): void {
    refill();
    // The tolerance swallows rounding: a timer that fires exactly on time must find its token.
    while (tokens >= needed() - 1e-6 && inFlight < options.inFlight) {
      const waiter = waiters.shift() ?? inBackground.shift();
      if (waiter === undefined) return;
      tokens -= 1;
      inFlight += 1;
      waiter.grant();
    }
    const isNobodyWaiting = waiters.length === 0 && inBackground.length === 0;
    if (isNobodyWaiting || inFlight >= options.inFlight) return;
    cancelTimer?.();
    cancelTimer = clock.schedule(Math.ceil(((needed() - tokens) / ratePerSecond()) * 1000), () => {
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
    acquire: (signal, background = false) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(abortReason(signal));
          return;
        }
        const line = background ? inBackground : waiters;
        const waiter: Waiter = {
          grant: () => {
            signal?.removeEventListener("abort", onAbort);
            resolve(release());
          },
        };
        const onAbort = (): void => {
          line.splice(line.indexOf(waiter), 1);
          if (signal !== undefined) reject(abortReason(signal));
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        line.push(waiter);
        pump();
      }),
    state: () => ({
      waiting: waiters.length + inBackground.length,
      inFlight,
      requestsPerSecond: ratePerSecond(),
    }),
  };
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("aborted");
}
