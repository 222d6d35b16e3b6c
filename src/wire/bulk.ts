/**
 * Elasticsearch's and OpenSearch's way of taking documents.
 * @see https://www.elastic.co/guide/en/elasticsearch/reference/7.17/docs-bulk.html
 */
import type { Fields } from "../config/fields.ts";
import { DeliveryError, type Reason, type Refusal, reasonOfStatus } from "../errors.ts";
import type { Event } from "../event.ts";
import type { Layout, Sink, SinkContext, TemplateText } from "../sink.ts";
import { formatTime, fromMillis } from "../template/gotime.ts";
import { localZone } from "../template/gotime-zone.ts";
import { newestMs, newestTime } from "./event-time.ts";
import { gzipped } from "./gzip.ts";
import type { HeaderList, HttpRequest, Judgement } from "./http.ts";
import { type ConnectionSettings, jsonObject, openHttp } from "./sink-http.ts";

/** The official clients' helpers send at 5 MB. */
export const BULK_BATCH = { count: 1_000, bytes: 5_000_000, lingerMs: 1_000 } as const;

/** The settings that both have. */
export const bulkFields = (field: Fields) => ({
  hosts: field
    .urls()
    .default(["http://localhost:9200"])
    .describe("Where it listens; the next one is tried when one is gone."),
  username: field.text().optional().describe("User of Basic authorization."),
  password: field.secret().optional().describe("Password of Basic authorization."),
  headers: field.texts().default({}).describe("Headers to add to every request, as they are."),
  index: field.template().default("kube-events").describe("Index, or data stream; may be a template."),
  indexFormat: field
    .text()
    .optional()
    .describe("Index with the event's time in it, in braces as Go writes times; goes before `index`.")
    .meta({ examples: ["kube-events-{2006-01-02}"] }),
  type: field.text().optional().describe("Mapping type, for servers before Elasticsearch 8 and OpenSearch 2."),
  useEventID: field
    .flag()
    .default(false)
    .describe("Keep one document per event, the newest state under the event's uid; otherwise one per state."),
  dataStream: field.flag().default(false).describe("The index is a data stream: create only, with `@timestamp`."),
  documentId: field
    .choice(["event", "none"])
    .default("event")
    .describe(
      "`none` leaves ids to the server, which OpenSearch Serverless wants for time series; repeats are then kept.",
    ),
  deDot: field.flag().default(false).describe("Replace dots in label and annotation keys by underscores."),
  layout: field.layout().optional().describe("Fields to send instead of the whole event."),
  pipeline: field.text().optional().describe("Ingest pipeline."),
  /** @see https://docs.aws.amazon.com/opensearch-service/latest/developerguide/gzip.html for domains at AWS */
  gzip: field.gzip(),
  ...field.connection(),
});

export interface BulkSettings extends ConnectionSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly index: TemplateText;
  readonly indexFormat?: string | undefined;
  readonly type?: string | undefined;
  readonly useEventID: boolean;
  readonly dataStream: boolean;
  readonly documentId: "event" | "none";
  readonly deDot: boolean;
  readonly layout?: Layout | undefined;
  readonly pipeline?: string | undefined;
  readonly gzip: boolean;
}

export interface BulkOptions {
  readonly hosts: readonly string[];
  readonly authorization: () => string | undefined;
  /** Adds what proves who we are to a whole request. */
  readonly sign?: (request: HttpRequest, body: string | Uint8Array) => Promise<HttpRequest>;
}

export function bulkSink(config: BulkSettings, context: SinkContext, options: BulkOptions): Sink {
  const { compat } = context;
  const hosts = options.hosts.map((host) => host.replace(/\/+$/, ""));
  const http = openHttp(config, context);
  const payload = context.payload({ layout: config.layout, deDot: config.deDot });
  const stamped = config.dataStream && !Object.hasOwn(config.layout ?? {}, "@timestamp");
  const indexOf = indexName(config, context);
  if (config.useEventID && config.dataStream)
    context.log.warn("useEventID has no effect in a data stream, which keeps every state of an event");

  const action = (event: Event): string => {
    const { uid, resourceVersion: version } = event.metadata;
    const target = { _index: indexOf(event), ...(config.type && { _type: config.type }) };
    if (config.useEventID && !config.dataStream && uid) {
      // Only a plain number can be compared; a state that comes late is answered 409.
      const index = JSON.stringify({ index: { ...target, _id: uid } });
      // Written as it is: a double would take neighbours beyond 2^53 for one.
      const versioned = version !== undefined && /^(?:0|[1-9]\d{0,17})$/.test(version);
      return versioned ? `${index.slice(0, -2)},"version":${version},"version_type":"external"}}` : index;
    }
    // An id may have 512 bytes.
    const id = config.documentId === "event" && event.id !== "" && Buffer.byteLength(event.id) <= 512;
    return JSON.stringify({ create: { ...target, ...(id && { _id: event.id }) } });
  };
  const document = (event: Event): string => {
    const text = payload(event);
    if (!stamped) return text;
    const stamp = `"@timestamp":${JSON.stringify(newestTime(event) ?? new Date().toISOString())}`;
    return text === "{}" ? `{${stamp}}` : `{${stamp},${text.slice(1)}`;
  };
  const bodyOf = (batch: readonly Event[]) => {
    let body = "";
    for (const event of batch) body += `${action(event)}\n${document(event)}\n`;
    return body;
  };

  let turn = 0;
  const send = async (path: string, request: Omit<HttpRequest, "url" | "headers">, type?: string) => {
    const headers: (readonly [string, string])[] = [...Object.entries(config.headers)];
    if (type) headers.unshift(["Content-Type", type]);
    const said = options.authorization();
    if (said !== undefined) headers.push(["Authorization", said]);
    const zipped = config.gzip && !compat && typeof request.body === "string";
    if (zipped) headers.push(["Content-Encoding", "gzip"]);
    const body = zipped ? await gzipped(request.body as string) : request.body;
    for (let tried = 1; ; tried++) {
      const url = `${hosts[turn++ % hosts.length]}${path}`;
      const whole = { ...request, url, headers: headers as HeaderList, ...(body !== undefined && { body }) };
      try {
        return await http.send(options.sign ? await options.sign(whole, body ?? "") : whole);
      } catch (error) {
        const gone = error instanceof DeliveryError && error.reason === "network";
        if (!gone || tried >= hosts.length || request.signal.aborted) throw error;
      }
    }
  };
  /** The exporter's one request per event. */
  const one = (event: Event) => {
    const id = config.useEventID ? `/${encodeURIComponent(event.metadata.uid ?? "")}` : "";
    const path = `/${indexOf(event)}/${config.type || "_doc"}${id}`;
    return { path, method: config.useEventID ? "PUT" : "POST", body: payload(event) };
  };
  const query = new URLSearchParams({ filter_path: "errors,items.*.status,items.*.error" });
  if (config.pipeline) query.set("pipeline", config.pipeline);

  return {
    render: (batch) => ({ body: compat ? one(batch[0]).body : bodyOf(batch) }),
    async deliver(batch, signal) {
      if (compat) {
        const { path, method, body } = one(batch[0]);
        await send(path, { method, body, signal }, "application/json");
        return;
      }
      const judge: HttpRequest["judge"] = ({ status, text }) =>
        status === 200 ? judgeItems(text, batch.length) : undefined;
      await send(`/_bulk?${query}`, { method: "POST", body: bodyOf(batch), signal, judge }, "application/x-ndjson");
    },
    /** A key that may only write is answered 403 by `GET /`, and is good. */
    check: async (signal) => {
      const { status } = await send("/", {
        method: "GET",
        signal,
        judge: (answer) => (answer.status === 403 ? "taken" : undefined),
      });
      return status === 403 ? "not checked: whether these credentials may write; they may not read" : undefined;
    },
    async [Symbol.asyncDispose]() {
      http[Symbol.dispose]();
    },
  };
}

/** What a 200 says of each document, in the order of the request. */
function judgeItems(text: string, count: number): Judgement {
  const answer = jsonObject(text);
  if (answer?.errors === false) return "taken";
  const { items } = answer ?? {};
  // A login page, or a gateway's words: nobody says that anything was stored.
  if (!Array.isArray(items) || items.length !== count) return "unavailable";
  const refused: Refusal[] = [];
  for (const [index, item] of items.entries()) {
    const { status, error } = Object.values(item as object)[0] as ItemAnswer;
    // 409: this id, or a newer state, is there already.
    if (status < 300 || status === 409) continue;
    const reason = reasonOfItem(status, error);
    refused.push({ index, reason, message: `${status} ${error?.type}: ${error?.reason}${hintFor(error)}` });
  }
  return refused;
}

interface ItemAnswer {
  readonly status: number;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

const STREAMS = /only write ops with an op_type of create are allowed in data streams/;
const NO_IDS = /Document ID is not supported/;

function reasonOfItem(status: number, error: ItemAnswer["error"]): Reason {
  // A disk that is full, an index that is being moved: it passes.
  if (error?.type === "cluster_block_exception") return "unavailable";
  // A setting is wrong, not the event.
  if (STREAMS.test(error?.reason ?? "") || NO_IDS.test(error?.reason ?? "")) return "not_found";
  return reasonOfStatus(status) ?? "rejected";
}

function hintFor(error: ItemAnswer["error"]): string {
  if (STREAMS.test(error?.reason ?? "")) return "; set dataStream: true";
  return NO_IDS.test(error?.reason ?? "") ? "; set documentId: none" : "";
}

/**
 * The index of an event. Dates are UTC, of the time that the event was last seen; of its first with useEventID, so that
 * it stays in one index. In compat: of now, in the local zone, from the first brace to the last.
 */
function indexName({ index, indexFormat, useEventID }: BulkSettings, context: SinkContext): (event: Event) => string {
  if (!indexFormat) return context.compat && typeof index === "string" ? () => index : context.template(index);
  if (context.compat) {
    const zone = localZone(Intl.DateTimeFormat().resolvedOptions().timeZone);
    const [whole = "", layout] = /\{(.*)\}/s.exec(indexFormat) ?? [];
    return () =>
      layout === undefined
        ? indexFormat
        : indexFormat.replace(whole, () => formatTime(fromMillis(Date.now(), zone), layout));
  }
  return (event) => {
    const first = event.metadata.creationTimestamp ?? event.firstTimestamp ?? event.eventTime;
    const firstMs = useEventID && first ? Date.parse(first) : Number.NaN;
    const time = fromMillis(firstMs > 0 ? firstMs : newestMs(event, Date.now()));
    return indexFormat.replace(/\{([^{}]*)\}/g, (_, layout: string) => formatTime(time, layout));
  };
}
