/** What the contract asks of every sink, by name; test/contract-*.ts have what each means. */

/** Of a sink alone. */
export const SINK_CLAUSES = [
  "golden",
  "render",
  "full batch in order",
  "hostile events",
  "idempotent id",
  "gone",
  "reset",
  "lost answer",
  "hang",
  "slow answer",
  "garbage",
  "aborted before",
  "aborted during",
  "statuses",
  "no secret shown",
  "check sends nothing",
  "check tells credentials from address",
  "open and dispose",
  "templates in all texts",
  "proxy",
] as const;

/** Of its connections. */
export const TLS_CLAUSES = [
  "own authority",
  "unknown authority",
  "wrong host",
  "expired certificate",
  "client certificate",
] as const;

/** Of a sink and the runtime together. */
export const RUNTIME_CLAUSES = [
  "more events than a delivery takes",
  "more bytes than a delivery takes",
  "an event too large",
  "partial failure",
  "restarted",
  "bytes counted",
] as const;

export const CLAUSES = [...SINK_CLAUSES, ...TLS_CLAUSES, ...RUNTIME_CLAUSES] as const;
export type Clause = (typeof CLAUSES)[number];
