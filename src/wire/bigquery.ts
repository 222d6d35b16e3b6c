/**
 * A table of BigQuery that rows are streamed into; it, its dataset and its columns are made as rows need them.
 * @see https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery
 */
import { DeliveryError, type Refusal } from "../errors.ts";
import type { TokenSource } from "./access-token.ts";
import { type Column, columnsOf, extended, fitted, type Row } from "./bigquery-schema.ts";
import { deliverEntries, type Entry } from "./entries.ts";
import { askGoogle, type GoogleAnswer, type GoogleRequest, reasonOfError } from "./google-http.ts";
import type { Http } from "./http.ts";

/** 50,000 rows and 10 MB a request. @see https://cloud.google.com/bigquery/quotas#streaming_inserts */
export const BIGQUERY_LIMITS = { count: 50_000, bytes: 9_000_000 } as const;
/** Streaming finds a table, or a column, some minutes after it was made. @see https://cloud.google.com/bigquery/docs/error-messages#metadata-errors-for-streaming-inserts */
const SETTLE_MS = 10 * 60_000;
/** What a row costs beside its JSON and id. */
const FRAME_BYTES = 32;

export interface NewRow {
  readonly insertId: string;
  readonly row: Row;
}

export interface BigQueryOptions {
  readonly project: string;
  readonly dataset: string;
  readonly table: string;
  /** Of a dataset that is made. */
  readonly location: string;
  /** Scheme, host and port. */
  readonly base: string;
  /** The rows are events as they are, so that some columns are known to be times. */
  readonly wholeEvents: boolean;
  readonly http: Http;
  readonly tokens: TokenSource;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

export interface BigQueryTable {
  /** Rejects with DeliveryError, which lists the rows that were not taken. */
  insert(rows: readonly NewRow[], signal: AbortSignal): Promise<void>;
  check(signal: AbortSignal): Promise<void>;
}

interface Known {
  readonly columns: readonly Column[];
  readonly etag: string | undefined;
}

export function bigQueryTable(options: BigQueryOptions): BigQueryTable {
  const { project, dataset, table, location, http, tokens, now } = options;
  const name = `${project}.${dataset}.${table}`;
  const root = `${options.base.replace(/\/+$/, "")}/bigquery/v2/projects/${encodeURIComponent(project)}/datasets`;
  const tables = `${root}/${encodeURIComponent(dataset)}/tables`;
  const url = `${tables}/${encodeURIComponent(table)}`;
  let known: Known | undefined;
  let changedAt = Number.NEGATIVE_INFINITY;
  const isYoung = () => now() - changedAt < SETTLE_MS;

  async function ask(request: GoogleRequest, what = `table ${name}`) {
    try {
      return await askGoogle(http, tokens, request);
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      const { reason, message, retryAfterMs } = error;
      throw new DeliveryError(reason, `${what}: ${message}`, { retryAfterMs });
    }
  }
  const found = ({ json: { schema, etag } }: GoogleAnswer): Known => {
    const { fields } = (schema ?? {}) as { readonly fields?: readonly Column[] };
    return { columns: fields ?? [], etag: typeof etag === "string" ? etag : undefined };
  };
  const load = async (signal: AbortSignal) => found(await ask({ method: "GET", url, signal }));

  /** Makes what somebody else may have made meanwhile. */
  async function make(at: string, value: unknown, what: string, signal: AbortSignal): Promise<void> {
    await ask({ method: "POST", url: at, body: JSON.stringify(value), accepts: [409], signal }, what);
    changedAt = now();
  }

  async function makeTable(columns: readonly Column[], signal: AbortSignal): Promise<void> {
    const tableReference = { projectId: project, datasetId: dataset, tableId: table };
    const value = { tableReference, schema: { fields: columns } };
    try {
      await make(tables, value, `table ${name}`, signal);
    } catch (error) {
      if (!(error instanceof DeliveryError) || error.reason !== "not_found") throw error;
      const datasetReference = { projectId: project, datasetId: dataset };
      await make(root, { datasetReference, location }, `dataset ${project}.${dataset}`, signal);
      await make(tables, value, `table ${name}`, signal);
    }
  }

  /** The table, with all columns that these rows need. */
  async function prepare(rows: readonly Row[], signal: AbortSignal): Promise<Known> {
    let wanted: Column[] = [];
    for (const row of rows) wanted = extended(wanted, columnsOf(row, options.wholeEvents)) ?? wanted;
    if (!known) {
      try {
        known = await load(signal);
      } catch (error) {
        if (!(error instanceof DeliveryError) || error.reason !== "not_found") throw error;
        await makeTable(wanted, signal);
        known = await load(signal);
      }
    }
    const fields = extended(known.columns, wanted);
    if (!fields) return known;
    const body = JSON.stringify({ schema: { fields } });
    const { etag } = known;
    // Until the answer is there nobody knows what the table has.
    known = undefined;
    const answer = await ask({ method: "PATCH", url, body, ifMatch: etag, accepts: [412], signal });
    if (answer.status === 412)
      throw new DeliveryError("unavailable", `table ${name}: somebody else has changed its columns; looking again`);
    changedAt = now();
    known = { ...found(answer), columns: fields };
    return known;
  }

  async function send(entries: readonly Entry<NewRow>[], columns: readonly Column[], signal: AbortSignal) {
    const rows = entries.map(({ value: { insertId, row } }) => ({ insertId, json: fitted(row, columns) }));
    const request = { rows, skipInvalidRows: true };
    let errors: unknown;
    try {
      const body = JSON.stringify(request);
      errors = (await ask({ method: "POST", url: `${url}/insertAll`, body, signal })).json.insertErrors;
    } catch (error) {
      if (!(error instanceof DeliveryError) || error.reason !== "not_found") throw error;
      // Just made, or deleted: then it is made anew.
      if (!isYoung()) known = undefined;
      throw new DeliveryError("unavailable", error.message);
    }
    return Array.isArray(errors) ? errors.flatMap((one) => refusalOf(one, entries)) : [];
  }

  function refusalOf(error: unknown, entries: readonly Entry<NewRow>[]): Refusal[] {
    const { index: place, errors } = (error ?? {}) as { index?: number; errors?: readonly Record<string, string>[] };
    const index = entries[place ?? 0]?.index;
    if (index === undefined) return [];
    const [first] = errors ?? [];
    const message = `${first?.reason}${first?.location ? ` (${first.location})` : ""}: ${first?.message}`.slice(0, 256);
    const unknown = /no such field/i.test(first?.message ?? "");
    // The column was added, and streaming has not heard of it yet; or it was dropped, and is added again.
    if (unknown && !isYoung()) known = undefined;
    return [{ index, reason: unknown ? "unavailable" : (reasonOfError(first?.reason) ?? "rejected"), message }];
  }

  return {
    async insert(rows, signal) {
      const { columns } = await prepare(
        rows.map(({ row }) => row),
        signal,
      );
      const entries = rows.map((value, index) => {
        const bytes = Buffer.byteLength(JSON.stringify(value.row)) + Buffer.byteLength(value.insertId) + FRAME_BYTES;
        return { index, value, bytes };
      });
      await deliverEntries(entries, BIGQUERY_LIMITS, (part) => send(part, columns, signal));
    },
    async check(signal) {
      try {
        await load(signal);
      } catch (error) {
        // It is made with the first event; what is not there at all is the project.
        const isMade =
          error instanceof DeliveryError &&
          error.reason === "not_found" &&
          /Not found: (Table|Dataset)/.test(error.message);
        if (!isMade) throw error;
      }
    },
  };
}
