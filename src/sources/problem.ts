/** What is wrong with what was posted, as whoever posted it is told: https://www.rfc-editor.org/rfc/rfc9457. */

/** Statuses that the door refuses with. Closed: a metric label. */
export const REFUSALS = [400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503] as const;
export type RefusalStatus = (typeof REFUSALS)[number];

export interface ProblemDetails {
  /** What to do about it; never holds the input whole. */
  readonly detail: string;
  /** Where in the body, as a JSON Pointer (RFC 6901). */
  readonly pointer?: string | undefined;
  /** Which of a list, from 0. */
  readonly index?: number | undefined;
}

export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: RefusalStatus;
  readonly details: ProblemDetails;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: RefusalStatus, details: ProblemDetails, headers: Readonly<Record<string, string>> = {}) {
    super(details.detail);
    this.status = status;
    this.details = details;
    this.headers = headers;
  }
}

const TITLES: Readonly<Record<RefusalStatus, string>> = {
  400: "this is no event",
  401: "a token is needed",
  403: "not from here",
  404: "nothing is here",
  405: "events are posted",
  408: "the body did not come in time",
  413: "too large",
  415: "not in this form",
  429: "not so fast",
  500: "a bug",
  503: "not now",
};

export function problemResponse({ status, details, headers }: Refused): Response {
  const { detail, pointer, index } = details;
  const body = {
    type: "about:blank",
    title: TITLES[status],
    status,
    detail,
    ...(pointer !== undefined && { pointer }),
    ...(index !== undefined && { index }),
  };
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}
