/** How much may go out over time. What is spent beyond that is paid back before anything else goes. */
export interface Rate {
  /** 0: something may go out now; else how many milliseconds to wait before asking again. */
  wait(now: number): number;
  /** So much goes out, whatever {@link wait} would say. */
  spend(amount: number): void;
}

const UNLIMITED: Rate = { wait: () => 0, spend() {} };

/** `perSecond`: over time, and at once after a pause of a second; 0: no limit. `start`: milliseconds, as `now`. */
export function createRate(perSecond: number, start: number): Rate {
  if (perSecond === 0) return UNLIMITED;
  const most = Math.max(1, perSecond);
  let left = most;
  let filledAt = start;
  return {
    wait(now) {
      left = Math.min(most, left + ((now - filledAt) / 1_000) * perSecond);
      filledAt = now;
      return left >= 1 ? 0 : ((1 - left) / perSecond) * 1_000;
    },
    spend(amount) {
      left -= amount;
    },
  };
}

/** The same of what somebody else counts, after the fact: what is spent at once is so much, however much it is. */
export function createCountedRate(
  perSecond: number,
  counter: { readonly value: number },
  start: number,
): Pick<Rate, "wait"> {
  const rate = createRate(perSecond, start);
  let counted = counter.value;
  return {
    wait(now) {
      rate.spend(counter.value - counted);
      counted = counter.value;
      return rate.wait(now);
    },
  };
}
