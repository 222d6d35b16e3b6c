/**
 * A strict fake on the API's published description, which makes datasets and tables, and takes the rows that fit a
 * table's columns: there is no BigQuery to run.
 */
import { type Fixture, httpDestination, type Judge } from "../contract.ts";
import { GOOGLE_AUTH, GOOGLE_RETRIES } from "./about.ts";
import { called, DISCOVERY, GOOGLE_SECRETS, googleError, isAuthorized, serviceAccount } from "./google-fake.ts";

export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly fields?: readonly Field[];
}

export interface StreamedRow {
  readonly insertId: string;
  readonly json: Readonly<Record<string, unknown>>;
}

const MATCHES: Readonly<Record<string, (value: unknown) => boolean>> = {
  STRING: (value) => typeof value === "string",
  INTEGER: (value) => Number.isSafeInteger(value) || /^-?\d+$/.test(String(value)),
  FLOAT: (value) => typeof value === "number",
  BOOLEAN: (value) => typeof value === "boolean",
  JSON: (value) => typeof value === "string" && JSON.parse(value) !== undefined,
  TIMESTAMP: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value),
};

/** Why a row does not fit, by column. */
function misfit(row: unknown, fields: readonly Field[], path = ""): { location: string; message: string } | undefined {
  for (const [name, value] of Object.entries(row as Record<string, unknown>)) {
    const location = path + name;
    const field = fields.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!field) return { location, message: `no such field: ${location}.` };
    if (field.mode === "REPEATED" && !Array.isArray(value)) return { location, message: "Array specified for …" };
    for (const item of field.mode === "REPEATED" ? (value as unknown[]) : [value]) {
      const isRecord = typeof item === "object" && item !== null && !Array.isArray(item);
      if (field.type === "RECORD" && !isRecord) return { location, message: "This field is not a record." };
      const inner = field.type === "RECORD" ? misfit(item, field.fields ?? [], `${location}.`) : undefined;
      if (inner) return inner;
      if (field.type !== "RECORD" && !MATCHES[field.type]?.(item)) return { location, message: `no ${field.type}` };
    }
  }
  return undefined;
}

/** Throws for columns that no table may have. */
function checkFields(fields: readonly Field[]): void {
  const names = new Set(fields.map(({ name }) => name.toLowerCase()));
  if (names.size !== fields.length) throw new Error("Field already exists in schema");
  for (const { name, type, mode, fields: inner } of fields) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,299}$/.test(name)) throw new Error(`Invalid field name "${name}"`);
    if (mode === "REQUIRED") throw new Error("a column that is added must be NULLABLE");
    if ((type === "RECORD") !== (inner !== undefined && inner.length > 0)) throw new Error(`${name}: ${type}`);
    if (type !== "RECORD" && !Object.hasOwn(MATCHES, type)) throw new Error(`${name}: ${type}`);
    checkFields(inner ?? []);
  }
}

export interface Answered {
  readonly came: readonly StreamedRow[];
  readonly refused?: readonly StreamedRow[];
  readonly answer: Response;
}

/** A project of BigQuery. */
export function bigQueryProject() {
  const datasets = new Map<string, string>();
  const tables = new Map<string, { fields: readonly Field[]; version: number }>();
  const rows: StreamedRow[] = [];
  const calls: string[] = [];
  return {
    datasets,
    tables,
    rows,
    calls,
    /** Answers one request; throws for one that the API does not know. */
    answer(request: Request, text: string, judge: Judge = () => undefined): Answered {
      isAuthorized(request);
      const { name, parameters, body } = called(DISCOVERY.bigquery, request, text);
      calls.push(name);
      const { datasetId = "", tableId = "" } = parameters;
      const key = `${datasetId}.${tableId}`;
      const table = tables.get(key);
      const none = (answer: Response) => ({ came: [], answer });
      const missing = () =>
        none(
          googleError(
            404,
            "NOT_FOUND",
            `Not found: ${datasets.has(datasetId) ? "Table" : "Dataset"} ${key}`,
            "notFound",
          ),
        );
      const shown = (found: { fields: readonly Field[]; version: number }) =>
        none(Response.json({ etag: `"${found.version}"`, schema: { fields: found.fields } }));
      const input = body as Record<string, never>;
      switch (name) {
        case "datasets.insert": {
          const { datasetReference, location } = input as unknown as {
            datasetReference: { datasetId: string };
            location: string;
          };
          datasets.set(datasetReference.datasetId, location);
          return none(Response.json({}));
        }
        case "tables.insert": {
          if (!datasets.has(datasetId)) return missing();
          const { tableReference, schema } = input as unknown as {
            tableReference: { tableId: string };
            schema: { fields: readonly Field[] };
          };
          const id = `${datasetId}.${tableReference.tableId}`;
          if (tables.has(id)) return none(googleError(409, "ALREADY_EXISTS", "Already Exists: Table", "duplicate"));
          checkFields(schema.fields);
          const made = { fields: schema.fields, version: 1 };
          tables.set(id, made);
          return shown(made);
        }
        case "tables.get":
          return table ? shown(table) : missing();
        case "tables.patch": {
          if (!table) return missing();
          if (request.headers.get("if-match") !== `"${table.version}"`)
            return none(googleError(412, "FAILED_PRECONDITION", "Precondition check failed.", "conditionNotMet"));
          const { fields } = (input as unknown as { schema: { fields: readonly Field[] } }).schema;
          checkFields(fields);
          table.fields = fields;
          table.version++;
          return shown(table);
        }
        case "tabledata.insertAll": {
          if (!table) return missing();
          const request_ = input as unknown as { rows: readonly StreamedRow[]; skipInvalidRows?: boolean };
          if (request_.rows.length === 0 || request_.rows.length > 50_000 || text.length > 10_485_760)
            return none(googleError(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit", "invalid"));
          const errors = request_.rows.flatMap(({ json, insertId }, index) => {
            if (insertId.length > 128) throw new Error("insertId");
            const why = misfit(json, table.fields);
            const verdict = why ? "never" : judge(JSON.stringify(json));
            const reason = verdict === "again" ? "backendError" : "invalid";
            return verdict
              ? [{ index, errors: [{ reason, debugInfo: "", location: "", message: verdict, ...why }] }]
              : [];
          });
          if (errors.length > 0 && !request_.skipInvalidRows) throw new Error("no partial success was asked for");
          const bad = new Set(errors.map(({ index }) => index));
          const came = request_.rows.filter((_, index) => !bad.has(index));
          rows.push(...came);
          const refused = request_.rows.filter((_, index) => bad.has(index));
          return { came, refused, answer: Response.json(errors.length > 0 ? { insertErrors: errors } : {}) };
        }
        default:
          throw new Error(name);
      }
    },
  };
}

export default {
  open: (tls) => {
    const project = bigQueryProject();
    return httpDestination(
      (endpoint) => ({
        ...{ project: "my-project", dataset: "kubernetes", table: "events", endpoint },
        credentials: JSON.stringify(serviceAccount()),
      }),
      (request, text, judge) => {
        const { came, refused = [], answer } = project.answer(request, text, judge);
        return {
          texts: came.map(({ json }) => JSON.stringify(json)),
          ids: came.map(({ insertId }) => insertId),
          refused: refused.map(({ json }) => JSON.stringify(json)),
          answer,
        };
      },
      tls,
    );
  },
  golden:
    '{"metadata":{"name":"web-1.17aa","namespace":"default","uid":"ba30f343-3351","resourceVersion":"101","creationTimestamp":"2026-11-20T21:44:18Z"},"reason":"BackOff","message":"Back-off <restarting> failed container","source":{"component":"kubelet","host":"node-1"},"firstTimestamp":"2026-11-20T21:44:18Z","lastTimestamp":"2026-11-20T21:45:18Z","count":7,"type":"Warning","reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"kind":"Pod","namespace":"default","name":"web-1","uid":"poduid-1","apiVersion":"v1","resourceVersion":"55","labels":{"app":"web","app_kubernetes_io_name":"web"},"deleted":false}}',
  secrets: GOOGLE_SECRETS,
  about: {
    auth: `${GOOGLE_AUTH} \`credentials_path\` names a file with one.`,
    permissions:
      "Role `roles/bigquery.dataEditor` on the dataset (`bigquery.tables.get`, `create`, `update`, `updateData`). Where the dataset is to be made also `bigquery.datasets.create` in the project (`roles/bigquery.user` has it).",
    limits:
      "50,000 rows and 10 MB a request, of which Petrel uses 9 ([quotas](https://cloud.google.com/bigquery/quotas#streaming_inserts))",
    order: "none",
    id: "`insertId`: BigQuery drops a repeat within about a minute, on best effort",
    retries: `${GOOGLE_RETRIES}, \`insertErrors\`: exactly those`,
    tested: [{ fake: "https://bigquery.googleapis.com/discovery/v1/apis/bigquery/v2/rest" }],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
