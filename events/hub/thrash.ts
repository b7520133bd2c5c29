/** How often an item may run before it is slowed down. */
export interface ThrashPolicy {
  /** Runs an item may do at once; at least twice the number of objects it looks at is always granted. */
  readonly burst: number;
  /** One further run per this time, ms. Also the pace while it thrashes. */
  readonly paceMs: number;
}

export const defaultThrash: ThrashPolicy = { burst: 30, paceMs: 30_000 };

/** Runs of one item, as a bucket of tokens. */
export interface RunBucket {
  readonly tokens: number;
  /** Wall clock ms of the last run. */
  readonly at: number;
}

export interface RunGrant {
  readonly bucket: RunBucket;
  /** 0: may run now. Otherwise ms until the item gets its next look: delayed, never dropped. */
  readonly delayMs: number;
}

/** Takes one token for a run now. Two parties that undo each other's writes empty the bucket; work that converges never does. */
export function grantRun(
  policy: ThrashPolicy,
  bucket: RunBucket | undefined,
  related: number,
  now: number,
): RunGrant {
  const capacity = Math.max(policy.burst, 2 * related);
  const refilled =
    bucket === undefined
      ? capacity
      : Math.min(capacity, bucket.tokens + Math.max(0, now - bucket.at) / policy.paceMs);
  if (refilled >= 1) return { bucket: { tokens: refilled - 1, at: now }, delayMs: 0 };
  return { bucket: { tokens: refilled, at: now }, delayMs: Math.ceil((1 - refilled) * policy.paceMs) };
}
