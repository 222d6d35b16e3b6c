/** Time that passes only when told, and a random that repeats: hundreds of long stories in a second. */
import { drainMicrotasks } from "bun:jsc";

export interface VirtualTime {
  now(): number;
  /** Timers that have not fired. */
  readonly pending: number;
  readonly fired: number;
  /** Lets this many milliseconds pass, every timer at its time, and everything settle. */
  pass(ms: number): void;
  /** Calls `work` at that time. */
  later(ms: number, work: () => void): void;
}

/** Runs `story` with the global timers replaced. It must be synchronous: promises settle whenever time passes. */
export function withVirtualTime(story: (time: VirtualTime) => void): void {
  const { setTimeout, clearTimeout } = globalThis;
  let now = 1_000_000;
  let serial = 0;
  let fired = 0;
  const timers = new Map<number, { readonly at: number; readonly work: () => void }>();
  const arm = (work: () => void, ms = 0): number => {
    // As the real ones: what is no 32-bit number fires at once.
    const delay = ms > 0x7fffffff || !(ms >= 1) ? 1 : ms;
    timers.set(++serial, { at: now + delay, work });
    return serial;
  };
  globalThis.setTimeout = arm as unknown as typeof setTimeout;
  globalThis.clearTimeout = ((id: number) => void timers.delete(id)) as unknown as typeof clearTimeout;
  try {
    story({
      now: () => now,
      get pending() {
        return timers.size;
      },
      get fired() {
        return fired;
      },
      pass(ms) {
        const end = now + ms;
        drainMicrotasks();
        for (;;) {
          let next: number | undefined;
          for (const [id, timer] of timers) {
            if (timer.at <= end && (next === undefined || timer.at < (timers.get(next)?.at ?? 0))) next = id;
          }
          const timer = next === undefined ? undefined : timers.get(next);
          if (next === undefined || !timer) break;
          timers.delete(next);
          now = Math.max(now, timer.at);
          if (++fired > 100_000) throw new Error("timers fire without end");
          timer.work();
          drainMicrotasks();
        }
        now = end;
      },
      later: (ms, work) => void arm(work, ms),
    });
  } finally {
    globalThis.setTimeout = setTimeout;
    globalThis.clearTimeout = clearTimeout;
  }
}

export interface Random {
  /** 0 <= x < 1. */
  next(): number;
  /** An integer, both ends included. */
  int(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = (seed * 0x9e3779b1) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: <T>(from: readonly T[]): T => from[int(0, from.length - 1)] as T,
  };
}

/** Runs the story for every seed and names the one that failed. */
export function forSeeds(from: number, to: number, story: (random: Random, seed: number) => void): void {
  for (let seed = from; seed <= to; seed++) {
    try {
      story(seeded(seed), seed);
    } catch (error) {
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`seed ${seed}: ${said}`);
    }
  }
}
