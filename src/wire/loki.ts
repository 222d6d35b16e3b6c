/** What Loki answers. @see pkg/validation/validate.go, pkg/chunkenc */
import { DeliveryError } from "../errors.ts";
import type { HttpResponse, Judgement } from "./http.ts";

const LATE = /too far behind|timestamp too (?:old|new)|out of order/;
/** What no event can help: labels, and metadata where Loki has that switched off. */
const SETTINGS = /(?:couldn't parse|error parsing) labels|label names; limit|metadata, but this feature is disallowed/;
const EMPTY = /at least one valid stream is required/;

/** Whether an event was refused for its time; it may be sent again with the time of now. */
export function isLate(error: unknown): boolean {
  return error instanceof DeliveryError && error.reason === "rejected" && LATE.test(error.message);
}

export function judgePush({ status, text }: HttpResponse): Judgement | undefined {
  // Loki's answer while it blocks ingestion: nothing was stored.
  if (status === 260) return "unavailable";
  if (status !== 400) return undefined;
  return SETTINGS.test(text) ? "not_found" : /max entry size/i.test(text) ? "too_large" : undefined;
}

/** Of a push without streams, which is refused for that once credentials and tenant were looked at. */
export function judgeEmptyPush(answer: HttpResponse): Judgement | undefined {
  return EMPTY.test(answer.text) ? "taken" : judgePush(answer);
}
