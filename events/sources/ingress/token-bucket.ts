import type { Clock } from "#platform/process/clock.ts";

/** A limit on how often something may be done. */
export interface TokenBucket {
  /** 0 when it may be done now, which counts; else how long to wait, ms. */
  take(): number;
}

/** Twice the rate may come in one burst. */
export function tokenBucket(clock: Clock, perSecond: number): TokenBucket {
  const most = Math.max(1, perSecond * 2);
  let tokens = most;
  let filledAt = clock.monotonic();
  return {
    take: () => {
      const now = clock.monotonic();
      tokens = Math.min(most, tokens + ((now - filledAt) / 1000) * perSecond);
      filledAt = now;
      if (tokens < 1) return ((1 - tokens) / perSecond) * 1000;
      tokens -= 1;
      return 0;
    },
  };
}
