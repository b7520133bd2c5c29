/** How often an item may run before it is slowed down. */
export interface ThrashPolicy {
  /** Runs an item may do at once; at least twice the number of objects it looks at is always granted. */
  readonly burst: number;
  /** One further run per this time, ms. Also the pace while it thrashes. */
  readonly paceMs: number;
}

export const defaultThrash: ThrashPolicy = { burst: 30, paceMs: 30_000 };

/** Runs of one item, as a bucket of tokens. */
interface Bucket {
  tokens: number;
  /** Wall clock ms of the last look. */
  at: number;
  capacity: number;
  thrashing: boolean;
  told: boolean;
}

/** `run`, or `wait` for so many ms: delayed, never dropped. */
export type Grant =
  /** `calmed`: the item was slowed down before and is no more. */
  | { readonly kind: "run"; readonly calmed: boolean }
  /** `first`: since the item last ran it has not been told before. */
  | { readonly kind: "wait"; readonly delayMs: number; readonly first: boolean };

/** Buckets kept before full ones are forgotten. */
const REMEMBERED = 1_000;

/**
 * Run buckets by item. Two parties that undo each other's writes empty a bucket; work that converges never does. Kept apart from the items,
 * because between two rounds of such a fight everything is as it should be and the item itself is forgotten.
 */
export class RunBuckets {
  readonly #policy: ThrashPolicy;
  readonly #buckets = new Map<string, Bucket>();
  #cleanAbove = REMEMBERED;

  constructor(policy: ThrashPolicy) {
    this.#policy = policy;
  }

  /** Takes one token for a run of the item now. `related`: how many objects it looks at. */
  take(item: string, related: number, now: number): Grant {
    const capacity = Math.max(this.#policy.burst, 2 * related);
    const bucket = this.#buckets.get(item) ?? {
      tokens: capacity,
      at: now,
      capacity,
      thrashing: false,
      told: false,
    };
    bucket.tokens = this.#level(bucket, now);
    bucket.at = now;
    bucket.capacity = capacity;
    this.#buckets.set(item, bucket);
    if (bucket.tokens < 1) {
      const first = !bucket.told;
      bucket.thrashing = true;
      bucket.told = true;
      return { kind: "wait", delayMs: Math.ceil((1 - bucket.tokens) * this.#policy.paceMs), first };
    }
    const calmed = bucket.thrashing && bucket.tokens >= capacity / 2;
    if (calmed) bucket.thrashing = false;
    bucket.tokens -= 1;
    bucket.told = false;
    if (this.#buckets.size > this.#cleanAbove) this.#forgetFull(now);
    return { kind: "run", calmed };
  }

  /** The object is gone. */
  forget(item: string): void {
    this.#buckets.delete(item);
  }

  #level({ tokens, at, capacity }: Bucket, now: number): number {
    return Math.min(capacity, tokens + Math.max(0, now - at) / this.#policy.paceMs);
  }

  #forgetFull(now: number): void {
    for (const [item, bucket] of this.#buckets) {
      if (!bucket.thrashing && this.#level(bucket, now) >= bucket.capacity) this.#buckets.delete(item);
    }
    this.#cleanAbove = Math.max(REMEMBERED, 2 * this.#buckets.size);
  }
}
