/** Those who wait until what they wanted written is written: several may be served by one write. */

export interface Saves {
  /** Everything that is wanted so far; a write that begins now, and only then, serves all of it. */
  mark(): number;
  /** Resolves once a write that began after this call was kept. Rejects with what `refuse` says, or the signal's reason. */
  wait(signal: AbortSignal): Promise<void>;
  waiting(): boolean;
  /** The write that began at this mark has been kept. */
  kept(mark: number): void;
  /** Nothing that is waited for will be written. */
  refuse(error: Error): void;
}

export function createSaves(): Saves {
  let wanted = 0;
  const waiting = new Set<{ readonly mark: number; settle(error?: unknown): void }>();
  return {
    mark: () => wanted,
    wait(signal) {
      const mark = ++wanted;
      return new Promise((resolve, reject) => {
        const abort = (): void => one.settle(signal.reason);
        const one = {
          mark,
          settle(error?: unknown): void {
            waiting.delete(one);
            signal.removeEventListener("abort", abort);
            if (error === undefined) resolve();
            else reject(error);
          },
        };
        waiting.add(one);
        signal.addEventListener("abort", abort, { once: true });
      });
    },
    waiting: () => waiting.size > 0,
    kept(mark) {
      for (const one of [...waiting]) if (one.mark <= mark) one.settle();
    },
    refuse(error) {
      for (const one of [...waiting]) one.settle(error);
    },
  };
}
