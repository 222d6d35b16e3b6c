/** What an aborted signal means to a delivery. */
import { DeliveryError } from "../errors.ts";

/** `doing` opens the message: `POST https://host`. */
export function abortError(signal: AbortSignal, doing: string): DeliveryError {
  const timedOut = signal.reason instanceof Error && signal.reason.name === "TimeoutError";
  return new DeliveryError(
    "timeout",
    `${doing} ${timedOut ? "got no answer in time" : "was stopped before an answer"}`,
  );
}

/**
 * Two turns of the loop: after that, what a host near by has against something just sent is known. A syslog server or
 * sidecar on the same machine that went away is noticed by the event that it did not get, instead of by the next one.
 */
export async function untilEcho(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Settles like `work`, or rejects with {@link abortError} as soon as the signal aborts. `undo` runs in that case. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal, doing: string, undo: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      undo();
      reject(abortError(signal, doing));
    };
    if (signal.aborted) {
      work.catch(() => {});
      stop();
      return;
    }
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
