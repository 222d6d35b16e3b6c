/** A wait that ends early when there is something to do. */

export interface Pause {
  /** Resolves after this time, when woken, or when the signal aborts. One at a time. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** Ends the wait that is under way, if any. */
  wake(): void;
}

export function createPause(): Pause {
  let wake = (): void => {};
  return {
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          wake = () => {};
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener("abort", done, { once: true });
        wake = done;
        if (signal.aborted) done();
      }),
    wake: () => wake(),
  };
}
