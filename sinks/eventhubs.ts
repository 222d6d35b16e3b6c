/** Azure Event Hubs. */
import { type KafkaMessage, kafkaMessage } from "../src/cloudevents.ts";
import { ConfigError } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { entraField, entraTokens } from "../src/wire/entra.ts";
import { deliverEntries } from "../src/wire/entries.ts";
import { EVENTHUBS_LIMITS, openEventHub } from "../src/wire/eventhubs.ts";
import { openHttp, templatedTexts } from "../src/wire/sink-http.ts";
import { tlsReader } from "../src/wire/tls.ts";

/** What a record costs beside key, value and headers, at most. @see https://kafka.apache.org/documentation/#record */
const RECORD_BYTES = 70;
const HEADER_BYTES = 10;

export default defineSink({
  name: "eventhubs",
  aliases: ["eventhub"],
  title: "Azure Event Hubs",
  summary: "Sends each event to an event hub, many in a request, those of an object to one partition.",
  config: (field) =>
    field.object({
      connectionString: field
        .secret()
        .optional()
        .describe(
          "Connection string of the hub or its namespace; without it `namespace` and the identity of `entra` count.",
        ),
      namespace: field.text().optional().describe("Host of the namespace, as `my-namespace.servicebus.windows.net`."),
      eventHub: field.text().optional().describe("Name of the hub; by default the connection string's `EntityPath`."),
      partitionKey: field
        .template()
        .optional()
        .describe("Key that decides about the partition, by default the involved object; order is kept within it."),
      properties: field.templates().default({}).describe("Properties beside `id`, the event's id."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      entra: entraField(field),
      tls: field.tls().optional().describe("TLS settings of this receiver alone."),
    }),
  example: { connectionString: { env: "EVENTHUB_CONNECTION_STRING" }, eventHub: "kubernetes-events" },
  batch: { ...EVENTHUBS_LIMITS, eventBytes: EVENTHUBS_LIMITS.bytes },
  carriesId: true,
  modes: ["structured", "binary"],
  updates: "all",
  create(config, context) {
    const { tls } = config;
    if (!config.connectionString && !config.namespace)
      throw new ConfigError("eventhubs: set connectionString, or namespace for an identity at Entra");
    if (tls?.insecureSkipVerify) context.log.warn("certificates are not verified: tls.insecureSkipVerify is set");
    const secret = config.connectionString ? context.secret(config.connectionString) : undefined;
    const payload = context.payload({ layout: config.layout });
    const cloudEvents = context.mode === undefined ? undefined : context.cloudEvents({ layout: config.layout });
    const messages = (event: Event): readonly KafkaMessage[] =>
      cloudEvents === undefined
        ? [{ headers: [], body: payload(event) }]
        : cloudEvents(event).map((one) => kafkaMessage(one, context.mode));
    const key = config.partitionKey === undefined ? undefined : context.template(config.partitionKey);
    const properties = templatedTexts(config.properties, context);
    const http = openHttp({}, context);
    const hub = openEventHub({
      connectionString: secret && (() => secret.reveal()),
      namespace: config.namespace,
      hub: config.eventHub,
      tokens: (resource) => entraTokens(config.entra ?? {}, resource, http, context),
      tls: tlsReader(tls ?? { insecureSkipVerify: false }),
      now: () => performance.now(),
    });

    const entries = (event: Event, index: number) =>
      messages(event).map(({ headers, body }) => {
        const named = [["id", event.id] as const, ...Object.entries<string>(properties(event)), ...headers];
        const value = {
          key: Buffer.from(key ? key(event) : event.objectKey),
          value: Buffer.from(body),
          headers: new Map(named.map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const)),
        };
        let bytes = RECORD_BYTES + value.key.length + value.value.length;
        for (const [name, text] of value.headers) bytes += HEADER_BYTES + name.length + text.length;
        return { index, value, bytes };
      });

    return {
      render: (batch: Batch) => ({
        body: batch
          .flatMap(messages)
          .map(({ body }) => body)
          .join("\n"),
      }),
      deliver: (batch, signal) =>
        deliverEntries(batch.flatMap(entries), { ...EVENTHUBS_LIMITS, inOrder: true }, (part) => {
          for (const { bytes } of part) context.sent(bytes);
          return hub.send(part, signal);
        }),
      check: (signal) => hub.check(signal),
      async [Symbol.asyncDispose]() {
        hub.close();
        http[Symbol.dispose]();
      },
    };
  },
});
