/** InfluxDB, and what takes its line protocol, such as VictoriaMetrics. */
import { ConfigError, DeliveryError } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { newestNs } from "../src/wire/event-time.ts";
import type { HeaderList, HttpResponse, Judgement } from "../src/wire/http.ts";
import { lineOf, type Point } from "../src/wire/line-protocol.ts";
import { deliverParts } from "../src/wire/parts.ts";
import { authorization, openHttp } from "../src/wire/sink-http.ts";

/** Bounds of the server's that no other event can help. @see https://docs.influxdata.com/influxdb/v1/administration/config/ */
const FULL = /max-(?:series|values)-per-(?:database|tag)/;

export default defineSink({
  name: "influxdb",
  title: "InfluxDB",
  summary: "Writes each event to InfluxDB (1.x, or 2.x by a token) as a point of its own; a repeat overwrites itself.",
  config: (field) =>
    field.object({
      url: field.url().describe("Where it listens, as `http://influxdb:8086`."),
      database: field.text().default("k8s").describe("Database of InfluxDB 1.x; made when it is not there."),
      retentionPolicy: field.text().optional().describe("Retention policy, by default the database's own."),
      username: field.text().optional().describe("User of InfluxDB 1.x."),
      password: field.secret().optional().describe("Password of that user."),
      token: field.secret().optional().describe("Token of InfluxDB 2.x; goes before a user."),
      org: field.text().optional().describe("Organization of InfluxDB 2.x."),
      bucket: field.text().optional().describe("Bucket; with it, events are written the way of InfluxDB 2.x."),
      withFields: field
        .flag()
        .default(false)
        .describe(
          "`false`: measurement `k8s_events`, its field `value` the event's JSON. `true`: measurement `events`, its field `message`, and what describes the event as tags.",
        ),
      clusterName: field.text().default("default").describe("Tag `cluster_name` of events whose cluster has no name."),
      layout: field.layout().optional().describe("What `value` holds instead of the whole event."),
      gzip: field.gzip(),
      ...field.connection(),
    }),
  example: { url: "http://influxdb:8086", username: "petrel", password: { env: "INFLUXDB_PASSWORD" } },
  // @see https://docs.influxdata.com/influxdb/v2/write-data/best-practices/optimize-writes/ (5,000 lines at most)
  batch: { count: 1_000, bytes: 4 * 1024 * 1024, lingerMs: 1_000 },
  carriesId: true,
  updates: "all",
  create(config, context) {
    const { bucket, database, org, retentionPolicy, withFields } = config;
    if (org !== undefined && bucket === undefined) throw new ConfigError("influxdb.bucket is missing");
    const base = config.url.replace(/\/+$/, "");
    const at = (path: string, query: Readonly<Record<string, string | undefined>>) => {
      const given = new URLSearchParams();
      for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, value);
      return `${base}${path}?${given}`;
    };
    const url =
      bucket === undefined
        ? at("/write", { db: database, rp: retentionPolicy, precision: "ns" })
        : at("/api/v2/write", { org, bucket, precision: "ns" });
    const payload = context.payload({ layout: config.layout });
    const token = config.token && context.secret(config.token);
    const user = authorization(config, context);
    const http = openHttp(config, context);

    const point = (event: Event): Point => {
      const { involvedObject: object, source } = event;
      const pod = object.kind === "Pod";
      const common = { hostname: source.host ?? "", pod_id: pod ? (object.uid ?? "") : "" };
      const cluster_name = event.clusterName || config.clusterName;
      const uid = event.metadata.uid ?? "";
      const time = newestNs(event, Date.now());
      if (!withFields) {
        const tags = { cluster_name, ...common, pod_name: pod ? (object.name ?? "") : "", uid };
        return { measurement: "k8s_events", tags, fields: { event_id: event.id, value: payload(event) }, time };
      }
      const { type, reason, message } = event;
      const of = { kind: object.kind ?? "", namespace_name: event.metadata.namespace ?? "" };
      const named = { component: source.component || event.reportingComponent, object_name: object.name ?? "" };
      const tags = { cluster_name, ...named, ...common, ...of, reason, type, uid };
      return { measurement: "events", tags, fields: { event_id: event.id, message }, time };
    };
    const bodyOf = (events: readonly Event[]) => events.map((event) => `${lineOf(point(event))}\n`).join("");
    const post = (to: string, type: string, body: string, signal: AbortSignal, judge: typeof judgeWrite) => {
      const said = token ? `Token ${token.reveal()}` : user();
      const headers: HeaderList = [
        ["Content-Type", type],
        ...(said === undefined ? [] : [["Authorization", said] as const]),
      ];
      return http.send({ method: "POST", url: to, headers, body, gzip: config.gzip, signal, judge });
    };
    const write = (body: string, signal: AbortSignal) =>
      post(url, "text/plain; charset=utf-8", body, signal, judgeWrite);
    const makeDatabase = (signal: AbortSignal) => {
      const q = `CREATE DATABASE "${database.replace(/["\\]/g, "\\$&")}"`;
      return post(at("/query", { q }), "text/plain", "", signal, judgeWrite);
    };

    return {
      render: (batch: Batch) => ({ body: bodyOf(batch) }),
      // Which point of a refused request is at fault is not said, and what is written twice is there once.
      deliver: (batch, signal) =>
        deliverParts([batch.map((_, index) => index)], async (part) => {
          const body = bodyOf(part.map((index) => batch[index] ?? batch[0]));
          try {
            await write(body, signal);
          } catch (error) {
            if (bucket !== undefined || !isMissing(error)) throw error;
            await makeDatabase(signal);
            await write(body, signal);
          }
        }),
      // Nothing to write: credentials are looked at all the same.
      check: async (signal) => {
        try {
          await post(url, "text/plain", "", signal, (answer) => (answer.status === 400 ? "taken" : judgeWrite(answer)));
        } catch (error) {
          if (bucket !== undefined || !isMissing(error)) throw error;
        }
      },
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});

function judgeWrite({ status, text }: HttpResponse): Judgement | undefined {
  return status === 400 && FULL.test(text) ? "quota" : undefined;
}

const isMissing = (error: unknown): boolean =>
  error instanceof DeliveryError && error.reason === "not_found" && /database not found/i.test(error.message);
