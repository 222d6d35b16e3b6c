/** How long a source that can wait should: for receivers that come to take what it brings, and not for those that do not. */
import type { Logger } from "../logger.ts";
import type { Receiver } from "./receiver.ts";

export interface Pressure {
  /** Something was acknowledged. `empty`: nothing is left in the log. */
  relieved(empty: boolean): void;
  /** A promise while receivers that take events are so far behind that a source which can wait should. */
  room(signal: AbortSignal): Promise<void> | undefined;
  /** Resolves when `over` says so, which is asked after every acknowledgement, or when the signal aborts. */
  until(over: () => boolean, signal: AbortSignal): Promise<void>;
}

export interface PressureOptions {
  /** How full what holds events is: 0 empty, 1 full; the greater of its bounds. */
  fill(): number;
  /** Entries held. */
  held(): number;
  receivers(): readonly Receiver[];
  readonly logger: Logger;
  /** Milliseconds; steady. */
  now(): number;
}

/** How long a source waits, in all, until nothing is left in the log: for receivers that keep others from work, and at all. */
const HOLD_BACK_OTHERS_MS = 10_000;
const HOLD_BACK_MS = 300_000;
const ASK_EVERY_MS = 250;

export function createPressure(options: PressureOptions): Pressure {
  let waiters: (() => void)[] = [];
  /** For how long sources were held back since the log was empty; part of that while some receiver had nothing to do. */
  let heldBack = 0;
  let heldBackOthers = 0;
  const patient = (): boolean => heldBack < HOLD_BACK_MS && heldBackOthers < HOLD_BACK_OTHERS_MS;

  /** Receivers that take events have more than this share of the buffer before them: more may push out what they wait for. */
  function crowded(share: number): boolean {
    const fill = options.fill();
    if (fill <= share) return false;
    // What a receiver that takes nothing leaves in the log is nothing to wait for.
    const held = options.held();
    const many = Math.min(held / 2, (held / fill) * share);
    return options.receivers().some((receiver) => receiver.backlog > many && receiver.status().state === "up");
  }

  function until(over: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (over() || signal.aborted) {
          signal.removeEventListener("abort", check);
          clearInterval(timer);
          resolve();
        } else {
          waiters.push(check);
        }
      };
      // Receivers may stop acknowledging altogether, and then nothing else would ask.
      const timer = setInterval(() => {
        waiters = waiters.filter((waiter) => waiter !== check);
        check();
      }, ASK_EVERY_MS);
      signal.addEventListener("abort", check, { once: true });
      check();
    });
  }

  async function room(signal: AbortSignal): Promise<void> {
    let at = options.now();
    const over = (): boolean => {
      const now = options.now();
      heldBack += now - at;
      if (options.receivers().some((receiver) => receiver.backlog === 0)) heldBackOthers += now - at;
      at = now;
      // Further than where it began, so that there is room for some.
      return !crowded(1 / 4) || !patient();
    };
    await until(over, signal);
    if (!patient()) {
      const behind = options.receivers().filter((receiver) => receiver.backlog > 0);
      options.logger.warn(
        "receivers are too slow to wait for them any longer: what does not fit the buffer is dropped",
        { receivers: behind.map((receiver) => receiver.name) },
      );
    }
  }

  return {
    relieved(empty) {
      if (empty) {
        heldBack = 0;
        heldBackOthers = 0;
      }
      if (waiters.length === 0) return;
      const waiting = waiters;
      waiters = [];
      for (const check of waiting) check();
    },
    room: (signal) => (patient() && crowded(1 / 2) ? room(signal) : undefined),
    until,
  };
}
