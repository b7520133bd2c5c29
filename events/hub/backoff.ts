/** Delays between attempts after a fault: capped exponential with full jitter, so that many items do not come back at once. */
export interface BackoffPolicy {
  readonly firstMs: number;
  readonly longestMs: number;
  /** Faults of the object itself within `budgetWindowMs` before it is parked. */
  readonly budget: number;
  readonly budgetWindowMs: number;
}

export const defaultBackoff: BackoffPolicy = {
  firstMs: 1_000,
  longestMs: 300_000,
  budget: 10,
  budgetWindowMs: 1_800_000,
};

/** Shortest delay anybody may ask for: an answer that says "retry now" must not make a hot loop. */
const FLOOR_MS = 100;

/**
 * How long to wait after the n-th fault (n from 1). `retryAfterMs` of the server wins over our own, within floor and cap; one that is not
 * positive says nothing.
 */
export function backoffMs(
  policy: BackoffPolicy,
  faults: number,
  random: () => number,
  retryAfterMs?: number,
): number {
  const ceiling = Math.min(policy.longestMs, policy.firstMs * 2 ** Math.min(faults - 1, 30));
  const asked = retryAfterMs !== undefined && retryAfterMs > 0 ? retryAfterMs : ceiling * random();
  return Math.min(policy.longestMs, Math.max(FLOOR_MS, asked));
}

/** Faults of one item that count against its budget. */
export interface Attempts {
  readonly faults: number;
  /** Wall clock ms of the first one in the window. */
  readonly since: number;
}

/** Counts one more fault; an old series is forgotten. */
export function countFault(policy: BackoffPolicy, before: Attempts | undefined, now: number): Attempts {
  if (before === undefined || now - before.since > policy.budgetWindowMs) return { faults: 1, since: now };
  return { faults: before.faults + 1, since: before.since };
}
