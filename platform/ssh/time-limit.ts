import { SshError } from "#platform/ssh/errors.ts";

export interface TimeLimit {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Names host and doing for the error. */
  readonly what: string;
}

/** Waits for a promise no longer than allowed; what it comes to later is nobody's concern. */
export async function withinTime<T>(promise: Promise<T>, limit: TimeLimit): Promise<T> {
  const { timeoutMs, what } = limit;
  const signal = AbortSignal.any([limit.signal, AbortSignal.timeout(timeoutMs)]);
  const expired = Promise.withResolvers<never>();
  const expire = (): void => {
    const why = limit.signal.aborted ? "the attempt ended first" : `not within ${timeoutMs} ms`;
    expired.reject(new SshError(`${what}: ${why}`, "timedOut"));
  };
  promise.catch(() => {});
  signal.addEventListener("abort", expire, { once: true });
  if (signal.aborted) expire();
  try {
    return await Promise.race([promise, expired.promise]);
  } finally {
    signal.removeEventListener("abort", expire);
  }
}
