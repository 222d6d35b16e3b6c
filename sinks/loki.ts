/** Grafana Loki. @see https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs */
import type { Event } from "../src/event.ts";
import { defineSink, type TemplateText } from "../src/sink.ts";
import { newestNs, newestTime } from "../src/wire/event-time.ts";
import type { HeaderList } from "../src/wire/http.ts";
import { isLate, judgeEmptyPush, judgePush } from "../src/wire/loki.ts";
import { deliverParts } from "../src/wire/parts.ts";
import { authorization, isPlain, openHttp, templatedHeaders } from "../src/wire/sink-http.ts";

/** Loki takes 4 MB a second and tenant, and never more than 6 MB at once. */
const MAX_BATCH = { count: 1_000, bytes: 1024 * 1024, lingerMs: 1_000 } as const;
const PUSH = "/loki/api/v1/push";
export default defineSink({
  name: "loki",
  title: "Loki",
  summary: "Pushes each event to Grafana Loki as a line of JSON with the event's own time, grouped into streams.",
  config: (field) =>
    field.object({
      url: field.url().describe(`Where to push; to a URL without a path, \`${PUSH}\` is added.`),
      streamLabels: field
        .templates()
        .default({})
        .describe('Labels of the stream; few values each, or Loki refuses. Without any: `source="petrel"`.'),
      structuredMetadata: field.templates().default({}).describe("Metadata of each line, for what has many values."),
      eventId: field
        .flag()
        .default(true)
        .describe("Add the event's id as metadata `event_id`; Loki before 3.0 may refuse it."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      tenant: field.template().optional().describe("Tenant, for the header X-Scope-OrgID."),
      headers: field.templates().default({}).describe("Headers to add; their values are templates."),
      ...field.credentials(),
      gzip: field.gzip(),
      ...field.connection(),
    }),
  example: {
    url: "http://loki:3100",
    streamLabels: { source: "kubernetes-events", namespace: "{{ .InvolvedObject.Namespace }}" },
  },
  batch: MAX_BATCH,
  limits: (_, compat) => (compat ? { count: 1 } : MAX_BATCH),
  carriesId: true,
  updates: "all",
  create(config, context) {
    const { compat } = context;
    const url = !compat && new URL(config.url).pathname === "/" ? config.url.replace(/\/*$/, PUSH) : config.url;
    const payload = context.payload({ layout: config.layout });
    const compiled = (templates: Readonly<Record<string, TemplateText>>, plain = false) =>
      Object.entries(templates)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, text]) => [name, plain ? () => String(text) : context.template(text)] as const);
    const labels = compiled(config.streamLabels, compat);
    const metadata = compiled(config.structuredMetadata);
    if (labels.length === 0 && !compat)
      context.log.warn('streamLabels is empty: every event goes into the stream {source="petrel"}');
    const ours = config.tenant ? { "X-Scope-OrgID": config.tenant, ...config.headers } : config.headers;
    const headersOf = templatedHeaders(ours, context);
    const oneForAll = Object.values(ours).every(isPlain);
    const credentials = authorization(config, context);
    const http = openHttp(config, context);

    const entry = (event: Event, late: boolean): readonly unknown[] => {
      const now = Date.now();
      if (compat) return [`${Math.floor(now / 1000)}000000000`, payload(event)];
      const extra = rendered(metadata, event);
      if (config.eventId) extra.event_id = event.id;
      if (late) extra.event_time = newestTime(event) ?? "";
      const time = late ? `${now}000000` : newestNs(event, now);
      return Object.keys(extra).length > 0 ? [time, payload(event), extra] : [time, payload(event)];
    };
    const bodyOf = (events: readonly Event[], late = false) => {
      const streams = new Map<string, { stream: unknown; values: unknown[] }>();
      for (const event of events) {
        let stream: Record<string, string> | null = rendered(labels, event);
        if (Object.keys(stream).length === 0) stream = compat ? null : { source: "petrel" };
        const key = JSON.stringify(stream);
        const found = streams.get(key);
        if (found) found.values.push(entry(event, late));
        else streams.set(key, { stream, values: [entry(event, late)] });
      }
      return JSON.stringify({ streams: [...streams.values()] });
    };
    const send = async (body: string, own: HeaderList, signal: AbortSignal, judge = judgePush) => {
      const headers: (readonly [string, string])[] = [["Content-Type", "application/json"], ...own];
      const said = credentials();
      if (said !== undefined) headers.push(["Authorization", said]);
      await http.send({ method: "POST", url, headers, body, gzip: config.gzip, signal, judge });
    };
    return {
      render: (batch) => ({ body: bodyOf(batch), headers: Object.fromEntries(headersOf(batch[0])) }),
      async deliver(batch, signal) {
        const groups = new Map<string, number[]>();
        for (const [index, event] of batch.entries()) {
          const key = oneForAll ? "" : JSON.stringify(headersOf(event));
          const group = groups.get(key);
          if (group) group.push(index);
          else groups.set(key, [index]);
        }
        // Loki stores what is good of a push that it answers with 400; what comes again, at the same time, it stores once.
        await deliverParts([...groups.values()], async (part) => {
          const events = part.map((index) => batch[index] as Event);
          const headers = headersOf(events[0] ?? batch[0]);
          try {
            await send(bodyOf(events), headers, signal);
          } catch (error) {
            if (compat || !isLate(error) || events.length > 1) throw error;
            await send(bodyOf(events, true), headers, signal);
          }
        });
      },
      // A push of nothing is refused for that, after credentials and tenant were looked at.
      async check(signal) {
        if (!oneForAll) return http.reach(url, signal);
        const own = Object.entries(ours).map(([name, text]) => [name, String(text)] as const);
        await send('{"streams":[]}', own, signal, judgeEmptyPush);
        return undefined;
      },
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});

/** Empty values are left out: to Loki an empty label is none. */
function rendered(templates: readonly (readonly [string, (event: Event) => string])[], event: Event) {
  const out: Record<string, string> = {};
  for (const [name, template] of templates) {
    const value = template(event);
    if (value !== "") out[name] = value;
  }
  return out;
}
