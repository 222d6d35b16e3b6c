/** When a destination that failed, or refused Petrel itself, is tried again. Given the time, and no timer of its own. */
import type { DeliveryError } from "../errors.ts";

/** `retrying`: it fails, and is probed with one delivery at a time. `open`: it refuses Petrel, and is probed seldom. */
export type CircuitState = "up" | "retrying" | "open";

export interface Circuit {
  readonly state: CircuitState;
  /** Since the destination last answered. */
  readonly lastError: string | undefined;
  /** Nothing is delivered before; milliseconds. */
  until(): number;
  /** A delivery failed in a way that may pass, for so many times now. Returns how long its events wait, in milliseconds. */
  failed(error: DeliveryError, attempts: number, now: number): number;
  /** The destination refuses Petrel, not the event. Returns when it is probed. */
  refused(error: DeliveryError, now: number): number;
  /** What was wrong, for who asks. */
  note(error: DeliveryError): void;
  /** The destination answers, be it that it takes an event or that it refuses one. True: it was down before. */
  answered(): boolean;
  /** What the destination refused Petrel for may be over: true when it does, and is to be probed now. */
  hasten(): boolean;
  /** Another begins anew. */
  reset(): void;
}

export interface CircuitOptions {
  /** First and longest wait between attempts. */
  readonly minMs: number;
  readonly maxMs: number;
  /** 0 <= x < 1. */
  random(): number;
}

/** Failures in a row after which the destination is probed instead of tried with every event. */
const PATIENCE = 5;
/** Between two probes of a destination that refuses Petrel itself. */
const PROBE_MS = 30_000;
/** What a destination may ask for with Retry-After. */
const MAX_WAIT_MS = 3_600_000;

export function createCircuit({ minMs, maxMs, random }: CircuitOptions): Circuit {
  let state: CircuitState = "up";
  let lastError: string | undefined;
  let failuresInRow = 0;
  let pausedUntil = 0;
  /** While the destination is down: when it is probed next. */
  let probeAt = 0;

  /** What the destination asks for, within reason; undefined when it does not ask. */
  function asked({ retryAfterMs }: DeliveryError): number | undefined {
    if (retryAfterMs === undefined || !(retryAfterMs >= 0)) return undefined;
    return Math.min(Math.max(retryAfterMs, minMs / 2), MAX_WAIT_MS);
  }

  /** Exponential, with full jitter. Never at once: what fails in no time would keep everything else from running. */
  function backoff(failures: number): number {
    const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 20));
    return Math.max(1, minMs / 2, random() * ceiling);
  }

  return {
    get state() {
      return state;
    },
    get lastError() {
      return lastError;
    },
    until: () => (state === "up" ? pausedUntil : Math.max(pausedUntil, probeAt)),
    failed(error, attempts, now) {
      failuresInRow++;
      const wanted = asked(error);
      const delay = Math.max(1, wanted ?? backoff(attempts));
      if (error.reason === "throttled" && wanted !== undefined) pausedUntil = Math.max(pausedUntil, now + delay);
      if (failuresInRow >= PATIENCE) {
        if (state === "up") state = "retrying";
        probeAt = Math.max(probeAt, now + Math.max(1, wanted ?? backoff(failuresInRow - PATIENCE + 1)));
      }
      return delay;
    },
    refused(error, now) {
      failuresInRow++;
      state = "open";
      probeAt = now + Math.max(1, asked(error) ?? PROBE_MS);
      return probeAt;
    },
    note({ reason, message }) {
      lastError = `${reason}: ${message}`;
    },
    answered() {
      if (failuresInRow === 0 && state === "up") return false;
      failuresInRow = 0;
      probeAt = 0;
      lastError = undefined;
      const down = state !== "up";
      state = "up";
      return down;
    },
    hasten() {
      if (state === "open") probeAt = 0;
      return state === "open";
    },
    reset() {
      failuresInRow = 0;
      pausedUntil = 0;
      probeAt = 0;
    },
  };
}
