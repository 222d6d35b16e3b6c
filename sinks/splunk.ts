/** Splunk, through its HTTP Event Collector. */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { newestMs } from "../src/wire/event-time.ts";
import { isPlain, jsonObject, openHttp, templatedTexts } from "../src/wire/sink-http.ts";
import { acknowledged, collectorUrls, judgeCollector, openAcks } from "../src/wire/splunk.ts";

export default defineSink({
  name: "splunk",
  title: "Splunk",
  summary: "Sends events in batches to Splunk's HTTP Event Collector, each with its own time.",
  config: (field) =>
    field.object({
      url: field.url().describe("Address of the collector, as `https://splunk:8088`; with a path it is used as it is."),
      token: field.secret().describe("Token of the collector."),
      index: field.template().optional().describe("Index; by default the token's."),
      source: field.template().default("kubernetes").describe("Source."),
      sourcetype: field.template().default("kubernetes:event").describe("Source type."),
      host: field.template().default("{{ .Source.Host }}").describe("Host; empty: the collector's choice."),
      fields: field.templates().default({}).describe("Indexed fields beside the event."),
      eventId: field.flag().default(true).describe("Add the event's id as indexed field `event_id`."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      ack: field
        .flag()
        .default(false)
        .describe(
          "Wait until the indexers have acknowledged; the token must have it enabled. What they have not after five minutes is sent again.",
        ),
      gzip: field.gzip(),
      ...field.connection(),
    }),
  example: { url: "https://splunk.example.com:8088", token: { env: "SPLUNK_HEC_TOKEN" }, index: "k8s", ack: true },
  // Splunk's own exporter for the OpenTelemetry collector sends 2 MiB at most.
  batch: { count: 1_000, bytes: 2 * 1024 * 1024, lingerMs: 1_000 },
  carriesId: true,
  updates: "all",
  create(config, context) {
    const token = context.secret(config.token);
    const { index, source, sourcetype, host } = config;
    const texts = templatedTexts({ index, source, sourcetype, host }, context);
    const fields = templatedTexts(config.fields, context);
    const ownIndex = index !== undefined && !isPlain(index);
    const payload = context.payload({ layout: config.layout });
    const urls = collectorUrls(config.url);
    const channel = crypto.randomUUID();
    const http = openHttp(config, context);
    const acks = openAcks(context.store);
    const headers = (through: string = channel) => {
      const sent = [
        ["Content-Type", "application/json"] as const,
        ["Authorization", `Splunk ${token.reveal()}`] as const,
      ];
      return config.ack ? [...sent, ["X-Splunk-Request-Channel", through] as const] : sent;
    };
    const record = (event: Event) => {
      const own = Object.entries(texts(event)).filter(([, text]) => text !== "");
      const indexed = { ...fields(event), ...(config.eventId && { event_id: event.id }) };
      const head = { time: newestMs(event, Date.now()) / 1000, ...Object.fromEntries(own), fields: indexed };
      return `${JSON.stringify(head).slice(0, -1)},"event":${payload(event)}}`;
    };
    return {
      render: (batch) => ({ body: batch.map(record).join("\n") }),
      async deliver(batch, signal) {
        let open = config.ack ? acks.find(batch) : undefined;
        if (open === undefined) {
          const body = batch.map(record).join("\n");
          const response = await http.send({
            ...{ method: "POST", url: urls.event, headers: headers(), body, gzip: config.gzip, signal },
            judge: (answer) => judgeCollector(answer, batch.length, ownIndex),
          });
          const id = jsonObject(response.text)?.ackId;
          if (!config.ack || typeof id !== "number") return;
          open = acks.keep(batch, { channel, id });
        }
        const url = `${urls.ack}?channel=${open.channel}`;
        await acknowledged(http, { url, headers: headers(open.channel), id: open.id, signal });
        acks.forget(batch);
      },
      check: async (signal) => {
        await http.send({
          method: "GET",
          url: urls.health,
          headers: headers(),
          signal,
          judge: (answer) => judgeCollector(answer, 1),
        });
      },
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});
