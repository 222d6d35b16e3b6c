/** Errors with a meaning: what delivery does next, and what a config's author must mend. */

/**
 * Why a delivery failed. Closed, because it is a metric label, and because it alone decides what happens next:
 * `retry` tries again; `event` is the event's refusal (dead letter; batches are bisected);
 * `receiver` is the receiver's refusal (the circuit opens, the cursor stays).
 */
export const REASONS = {
  network: "retry",
  timeout: "retry",
  unavailable: "retry",
  throttled: "retry",
  rejected: "event",
  too_large: "event",
  template: "event",
  internal: "event",
  unauthorized: "receiver",
  not_found: "receiver",
  quota: "receiver",
} as const;

export type Reason = keyof typeof REASONS;

/** One event of a batch that the destination did not take; `index` counts from 0 in the batch. */
export interface Refusal {
  readonly index: number;
  readonly reason: Reason;
  readonly message: string;
}

/** The only error a sink throws. `refused` absent: the whole batch failed; present: all others were taken. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly reason: Reason;
  /** What the destination asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly refused: readonly Refusal[] | undefined;

  constructor(
    reason: Reason,
    message: string,
    options: { readonly retryAfterMs?: number | undefined; readonly refused?: readonly Refusal[] } = {},
  ) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
    this.refused = options.refused;
  }
}

/** What an HTTP status means to delivery; undefined for success. The one table for every HTTP sink. */
export function reasonOfStatus(status: number): Reason | undefined {
  if (status >= 200 && status < 300) return undefined;
  switch (status) {
    case 401:
    case 403:
    case 407:
      return "unauthorized";
    case 402:
      return "quota";
    case 404:
    case 405:
    case 410:
      return "not_found";
    case 408:
    case 425:
      return "timeout";
    case 413:
      return "too_large";
    case 429:
      return "throttled";
    default:
      return status >= 500 || status < 200 ? "unavailable" : "rejected";
  }
}

/** `error`: Petrel cannot or will not do what is written. `warning`: accepted, surely not meant. `info`: good to know. */
export type Severity = "error" | "warning" | "info";

/** One thing that is wrong with a config. `line` and `column` count from 1. */
export interface Finding {
  readonly severity: Severity;
  /** Stable, kebab-case: what tests and editors key on. */
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** A config that cannot be used; carries everything found, not the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly findings: readonly Finding[];

  constructor(message: string, findings: readonly Finding[] = []) {
    super(message);
    this.findings = findings;
  }
}

/** The command line was wrong (exit code 2). */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
