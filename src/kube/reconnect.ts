/** Why a watch is begun again. */
import { ApiError } from "./client.ts";
import type { Json } from "./intake.ts";

/** Closed: a metric label. */
export const RECONNECT_REASONS = ["closed", "gone", "error", "mute", "overdue", "history"] as const;
export type ReconnectReason = (typeof RECONNECT_REASONS)[number];

/** Ends one connection for a reason that is no error of the server. */
export class Reconnect extends Error {
  override readonly name = "Reconnect";
  readonly reason: ReconnectReason;
  constructor(reason: ReconnectReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function otherHistory(): Reconnect {
  return new Reconnect("history", "the API server's resourceVersion went back: it has another history now");
}

/** What the API server says in a line of type ERROR. */
export function statusError(object: unknown): ApiError {
  const status = (typeof object === "object" && object !== null ? object : {}) as Json;
  const code = typeof status.code === "number" ? status.code : 500;
  const message = typeof status.message === "string" ? status.message.slice(0, 512) : "no message";
  const seconds = (status.details as Json | undefined)?.retryAfterSeconds;
  return new ApiError("status", `the watch ended with status ${code}: ${message}`, {
    status: code,
    reason: typeof status.reason === "string" ? status.reason : "",
    retryAfterMs: typeof seconds === "number" ? seconds * 1_000 : undefined,
  });
}
