/** Requests to Google's APIs: the token in the header, and what their errors mean. */
import { DeliveryError, type Reason } from "../errors.ts";
import type { TokenSource } from "./access-token.ts";
import type { Http, HttpResponse } from "./http.ts";
import { jsonObject } from "./sink-http.ts";

/** By canonical code. @see https://cloud.google.com/apis/design/errors#handling_errors */
const REASON_OF_STATUS: Readonly<Record<string, Reason>> = {
  UNAUTHENTICATED: "unauthorized",
  PERMISSION_DENIED: "unauthorized",
  // Billing, a disabled key, a policy: nothing that the event could help.
  FAILED_PRECONDITION: "unauthorized",
  NOT_FOUND: "not_found",
  RESOURCE_EXHAUSTED: "throttled",
  ABORTED: "unavailable",
  CANCELLED: "unavailable",
  UNKNOWN: "unavailable",
  INTERNAL: "unavailable",
  UNAVAILABLE: "unavailable",
  DEADLINE_EXCEEDED: "timeout",
};

/** By the older APIs' reason. @see https://cloud.google.com/bigquery/docs/error-messages#errortable */
const REASON_OF_ERROR: Readonly<Record<string, Reason>> = {
  accessDenied: "unauthorized",
  billingNotEnabled: "unauthorized",
  blocked: "unauthorized",
  notFound: "not_found",
  quotaExceeded: "quota",
  rateLimitExceeded: "throttled",
  backendError: "unavailable",
  internalError: "unavailable",
  stopped: "unavailable",
  timeout: "timeout",
  tableUnavailable: "unavailable",
  resourceInUse: "unavailable",
};

/** What a reason of BigQuery means, undefined when it does not say. */
export const reasonOfError = (reason: unknown): Reason | undefined =>
  typeof reason === "string" && Object.hasOwn(REASON_OF_ERROR, reason) ? REASON_OF_ERROR[reason] : undefined;

/** What an error in the body means; undefined when the HTTP status must tell. */
export function judgeGoogle({ status, text }: HttpResponse): Reason | undefined {
  if (status < 400) return undefined;
  const error = jsonObject(text)?.error;
  if (typeof error !== "object" || error === null) return undefined;
  const code = "status" in error ? error.status : undefined;
  const [first] = "errors" in error && Array.isArray(error.errors) ? error.errors : [];
  const byReason = reasonOfError(first?.reason);
  if (byReason) return byReason;
  return typeof code === "string" && Object.hasOwn(REASON_OF_STATUS, code) ? REASON_OF_STATUS[code] : undefined;
}

export interface GoogleRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly url: string;
  /** JSON text. */
  readonly body?: string;
  readonly ifMatch?: string | undefined;
  /** Statuses beside 2xx that are answers and no errors. */
  readonly accepts?: readonly number[];
  readonly signal: AbortSignal;
}

export interface GoogleAnswer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Sends a request with a token (without `tokens`: to an emulator, without one). Rejects with DeliveryError. */
export async function askGoogle(
  http: Http,
  tokens: TokenSource | undefined,
  { method, url, body, ifMatch, accepts = [], signal }: GoogleRequest,
): Promise<GoogleAnswer> {
  const headers: [string, string][] = [];
  if (body !== undefined) headers.push(["Content-Type", "application/json"]);
  if (ifMatch !== undefined) headers.push(["If-Match", ifMatch]);
  if (tokens) headers.push(["Authorization", `Bearer ${await tokens.current(signal)}`]);
  try {
    const judge = (answer: HttpResponse) => (accepts.includes(answer.status) ? "taken" : judgeGoogle(answer));
    const sent = { method, url, headers, signal, judge };
    const { status, text } = await http.send(body === undefined ? sent : { ...sent, body });
    return { status, json: jsonObject(text) ?? {} };
  } catch (error) {
    // A token that was refused may have been withdrawn; the next attempt asks for another.
    if (error instanceof DeliveryError && error.reason === "unauthorized") tokens?.forget();
    throw error;
  }
}
