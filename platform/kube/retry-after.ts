/** A shorter wait would be a hot loop against a server that has just asked for less. */
const SHORTEST_RETRY_MS = 100;

/**
 * `Retry-After` as milliseconds from `nowMs`: a number of seconds or an HTTP date (RFC 9110 10.2.3). Undefined when missing,
 * unparsable, zero or past, which all mean "the normal backoff". Never below {@link SHORTEST_RETRY_MS}.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const value = header?.trim();
  if (value === undefined || value === "") return undefined;
  const afterMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  if (!Number.isFinite(afterMs) || afterMs <= 0) return undefined;
  return Math.max(SHORTEST_RETRY_MS, afterMs);
}
