/** How many requests may be made: `rate` a second over time, `burst` at once. */
export interface TokenBucket {
  /** 0 when a request may be made now, and it is then taken as made; else how many milliseconds to wait before asking again. */
  take(now: number): number;
  /** Gives nothing before this time. */
  pauseUntil(time: number): void;
}

/** A negative rate means no limit. */
export function createTokenBucket(rate: number, burst: number, start: number): TokenBucket {
  const size = Math.max(burst, 1);
  let tokens = size;
  let filledAt = start;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  return {
    take(now) {
      if (now < pausedUntil) return pausedUntil - now;
      if (rate < 0) return 0;
      tokens = Math.min(size, tokens + (Math.max(now - filledAt, 0) * rate) / 1000);
      filledAt = now;
      if (tokens < 1) return rate === 0 ? 60_000 : Math.ceil(((1 - tokens) * 1000) / rate);
      tokens -= 1;
      return 0;
    },
    pauseUntil(time) {
      pausedUntil = Math.max(pausedUntil, time);
    },
  };
}
