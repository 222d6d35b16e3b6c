/** Any HTTP endpoint that takes JSON. */
import { type HttpMessage, httpMessages } from "../src/cloudevents.ts";
import { ConfigError } from "../src/errors.ts";
import type { Batch } from "../src/sink.ts";
import { defineSink } from "../src/sink.ts";
import { authorization, openHttp, templatedHeaders } from "../src/wire/sink-http.ts";

const MAX_BATCH = { count: 1_000, bytes: 4 * 1024 * 1024 } as const;

export default defineSink({
  name: "webhook",
  title: "Webhook",
  summary: "Sends each event as JSON to an HTTP endpoint, with an `Idempotency-Key` by which a repeat can be dropped.",
  config: (field) =>
    field.object({
      endpoint: field.url().describe("Where to send. A user and password in it become Basic authorization."),
      method: field.choice(["POST", "PUT", "PATCH"]).default("POST").describe("HTTP method."),
      headers: field.headers().default({}).describe("Headers to add; their values are templates."),
      ...field.credentials(),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      batch: field
        .object({
          format: field.choice(["array", "ndjson"]).describe("One JSON array, or one line of JSON per event."),
        })
        .optional()
        .describe("Send several events in one request. Headers are then those of the first event."),
      gzip: field.gzip(),
      ...field.connection(),
    }),
  example: {
    endpoint: "https://events.example.com/kubernetes",
    headers: { "X-Reason": "{{ .Reason }}" },
    layout: { reason: "{{ .Reason }}", message: "{{ .Message }}" },
  },
  batch: MAX_BATCH,
  limits: ({ batch }, _, mode) => (mode === "batch" || (mode === undefined && batch) ? MAX_BATCH : { count: 1 }),
  modes: ["structured", "binary", "batch"],
  concurrency: 4,
  carriesId: true,
  updates: "all",
  create(config, context) {
    const { mode } = context;
    const payload = context.payload({ layout: config.layout });
    const cloudEvents = context.cloudEvents({ layout: config.layout });
    const format = config.batch?.format;
    const type = format === "ndjson" ? "application/x-ndjson" : "application/json";
    const headers = templatedHeaders(config.headers, context);
    const theirs = new Set(Object.keys(config.headers).map((name) => name.toLowerCase()));
    // The predecessor added its users' Content-Type to its own, so that two lines went out.
    const sendsType = context.compat || !theirs.has("content-type");
    const sendsId = format === undefined && !theirs.has("idempotency-key");
    if (mode !== undefined && format !== undefined)
      throw new ConfigError("webhook.batch does not go with CloudEvents: write `mode: batch` beside `format`");
    if (mode !== undefined && theirs.has("content-type"))
      throw new ConfigError(
        "webhook.headers: Content-Type says how CloudEvents are sent, which is `mode`'s; remove it",
      );
    // A header of the author's own goes before.
    const credentials = theirs.has("authorization") ? () => undefined : authorization(config, context);
    const http = openHttp(config, context);

    const render = (batch: Batch): readonly HttpMessage[] => {
      const [first] = batch;
      if (mode !== undefined) {
        const own = headers(first);
        return httpMessages(batch.flatMap(cloudEvents), mode).map((message) => ({
          ...message,
          headers: [...message.headers, ...own],
        }));
      }
      const sent: (readonly [string, string])[] = [];
      if (sendsType) sent.push(["Content-Type", type]);
      if (sendsId) sent.push(["Idempotency-Key", first.id]);
      sent.push(...headers(first));
      let body = payload(first);
      for (let i = 1; i < batch.length; i++)
        body += (format === "array" ? "," : "\n") + payload(batch[i] as typeof first);
      if (format === "array") body = `[${body}]`;
      if (format === "ndjson") body += "\n";
      return [{ body, headers: sent }];
    };

    return {
      render(batch) {
        const messages = render(batch);
        const body = messages.map((message) => message.body).join("\n");
        return { body, headers: Object.fromEntries(messages[0]?.headers ?? []) };
      },
      async deliver(batch, signal) {
        for (const { body, headers: rendered } of render(batch)) {
          const sent = [...rendered];
          const said = credentials();
          if (said !== undefined) sent.push(["Authorization", said]);
          await http.send({
            method: config.method,
            url: config.endpoint,
            headers: sent,
            body,
            gzip: config.gzip,
            signal,
          });
        }
      },
      check: (signal) => http.reach(config.endpoint, signal),
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});
