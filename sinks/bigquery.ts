/** Google BigQuery. */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { BIGQUERY_LIMITS, bigQueryTable } from "../src/wire/bigquery.ts";
import { rowOf } from "../src/wire/bigquery-schema.ts";
import { googleFields, googleTokens } from "../src/wire/google-auth.ts";
import { openHttp } from "../src/wire/sink-http.ts";

const SCOPE = "https://www.googleapis.com/auth/bigquery";
/** Characters of an insertId. @see https://cloud.google.com/bigquery/quotas#streaming_inserts */
const ID_MAX = 128;

export default defineSink({
  name: "bigquery",
  title: "Google BigQuery",
  summary: "Streams each event into a BigQuery table as a row, and makes the dataset, the table and its columns.",
  config: (field) =>
    field.object({
      project: field.text().describe("Project."),
      dataset: field.text().describe("Dataset; created when it is missing."),
      table: field.text().describe("Table; created when it is missing, and given the columns that events need."),
      location: field.text().default("US").describe("Where a dataset that is created lies."),
      credentials_path: field.text().optional().describe("Path of a credential file; `credentials` goes before."),
      layout: field.layout().optional().describe("Columns to fill instead of those of the whole event."),
      batch_size: field.integer().default(1_000).describe("Rows in a request at most; 50000 is BigQuery's limit."),
      interval_seconds: field.number().default(1).describe("How long a request waits for more rows."),
      max_retries: field.integer().optional().describe("Ignored: `retry` of the receiver says how often."),
      timeout_seconds: field.integer().optional().describe("Ignored: `timeout` of the receiver says how long."),
      ...googleFields(field),
    }),
  example: { project: "my-project", dataset: "kubernetes", table: "events", location: "EU" },
  batch: { count: BIGQUERY_LIMITS.count, bytes: 4 * 1024 * 1024, eventBytes: BIGQUERY_LIMITS.bytes, lingerMs: 1_000 },
  limits: ({ batch_size, interval_seconds }) => ({
    count: Math.min(Math.max(1, batch_size), BIGQUERY_LIMITS.count),
    bytes: 4 * 1024 * 1024,
    eventBytes: BIGQUERY_LIMITS.bytes,
    lingerMs: Math.max(0, interval_seconds) * 1_000,
  }),
  partial: true,
  carriesId: true,
  updates: "all",
  create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const http = openHttp(config, context);
    const credentials = { credentials: config.credentials, credentialsPath: config.credentials_path };
    const table = bigQueryTable({
      project: config.project,
      dataset: config.dataset,
      table: config.table,
      location: config.location,
      base: config.endpoint ?? "https://bigquery.googleapis.com",
      wholeEvents: config.layout === undefined,
      http,
      tokens: googleTokens(credentials, SCOPE, http, context),
      now: () => performance.now(),
    });
    // The text is what the exporter and every other receiver send; a row needs other names, and no nulls.
    const row = (event: Event) => rowOf(JSON.parse(payload(event)));
    return {
      render: (batch) => ({ body: batch.map((event) => JSON.stringify(row(event))).join("\n") }),
      deliver: (batch, signal) =>
        table.insert(
          batch.map((event) => ({ insertId: insertId(event), row: row(event) })),
          signal,
        ),
      check: (signal) => table.check(signal),
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});

function insertId({ id }: Event): string {
  if (id.length <= ID_MAX && id.isWellFormed()) return id;
  return `sha256-${new Bun.CryptoHasher("sha256").update(id).digest("hex")}`;
}
