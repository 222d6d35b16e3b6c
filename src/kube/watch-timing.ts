/** How long a watch waits for what. */

/** Milliseconds. */
export const TIMING = {
  /** Silence after which a probe asks whether the watch is mute. */
  silence: 45_000,
  /** How long the probe's own watch looks. */
  peek: 1_000,
  /** How long the main watch has to bring what the probe saw. */
  patience: 5_000,
  /** The server ends a watch after its timeoutSeconds; this much later it is cut. */
  overdue: 30_000,
  /** A list's body may stand still this long. */
  stall: 60_000,
  minBackoff: 500,
  maxBackoff: 30_000,
  tick: 1_000,
};

/** Milliseconds until the attempt after so many failures in a row: exponential, with full jitter. `random`: 0 <= x < 1. */
export function backoffMs(failures: number, random: number, { minBackoff, maxBackoff }: typeof TIMING): number {
  return random * Math.min(maxBackoff, minBackoff * 2 ** Math.min(failures, 16));
}

/** Rejects with the signal's reason. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
