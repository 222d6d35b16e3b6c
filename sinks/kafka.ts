/** Kafka, and what speaks its protocol, such as the Kafka endpoint of Azure Event Hubs. */

import { type KafkaMessage, kafkaMessage } from "../src/cloudevents.ts";
import { ConfigError } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { avroEncoder, avroSettings } from "../src/wire/avro.ts";
import { deliverEntries } from "../src/wire/entries.ts";
import { MECHANISMS, openKafka } from "../src/wire/kafka.ts";
import { tlsReader } from "../src/wire/tls.ts";

const COUNT = 1_000;
/** What a record costs beside key, value and headers, at most. @see https://kafka.apache.org/documentation/#record */
const RECORD_BYTES = 70;

type Outgoing = Pick<KafkaMessage, "headers"> & { readonly body: string | Buffer };

export default defineSink({
  name: "kafka",
  title: "Kafka",
  summary: "Sends each event to a Kafka topic, many in a request, and waits until all in-sync replicas have it.",
  config: (field) =>
    field.object({
      topic: field.text().describe("Topic."),
      brokers: field.strings().describe("`host:port` of some brokers; the others are found through them."),
      key: field.template().optional().describe("Key of the message, by default the event's uid."),
      headers: field.headers().default({}).describe("Headers beside `id`, the event's id; their values are templates."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      clientId: field.text().default("petrel").describe("Name by which the brokers know Petrel."),
      compressionCodec: field
        .choice(["none", "snappy", "gzip", "lz4", "zstd"])
        .default("none")
        .describe("Compression; Event Hubs takes `gzip` only."),
      maxMessageBytes: field
        .bytes()
        .prefault("1MB")
        .describe("Bytes that the topic takes in a request (its `max.message.bytes`), counted before compression."),
      version: field.text().optional().describe("Ignored: Petrel and the brokers agree on the protocol's version."),
      tls: field
        .object({
          enable: field.flag().default(false).describe("Speak TLS."),
          ...field.tls().shape,
        })
        .optional()
        .describe("TLS settings of this receiver alone."),
      sasl: field
        .object({
          enable: field.flag().default(false).describe("Say who we are."),
          mechanism: field
            .choice(["plain", "sha256", "sha512", "oauthbearer"])
            .default("plain")
            .describe("`sha256` and `sha512` are SCRAM."),
          username: field.text().default("").describe("User; `$$ConnectionString` for Event Hubs."),
          password: field.secret().optional().describe("Password, or Event Hubs' connection string."),
          token: field.secret().optional().describe("Token of `oauthbearer`."),
        })
        .optional()
        .describe("Authentication."),
      avro: avroSettings(field).optional().describe("Send events in Avro; with a layout it is not used."),
    }),
  example: { brokers: ["kafka-0:9092", "kafka-1:9092"], topic: "kubernetes-events", compressionCodec: "zstd" },
  batch: { count: COUNT, bytes: 4 * 1024 * 1024, eventBytes: 1_000_000 },
  limits: ({ maxMessageBytes }) => ({ count: COUNT, bytes: 4 * 1024 * 1024, eventBytes: maxMessageBytes }),
  carriesId: true,
  modes: ["structured", "binary"],
  updates: "all",
  async create(config, context) {
    const { tls, sasl } = config;
    if (config.avro?.schemaID && context.mode) throw new ConfigError("kafka.avro and CloudEvents exclude each other");
    const payload = context.payload({ layout: config.layout });
    // With a layout the predecessor did not use the schema either.
    const avro = config.avro?.schemaID && !config.layout ? await avroEncoder(config.avro) : undefined;
    const cloudEvents = context.mode === undefined ? undefined : context.cloudEvents({ layout: config.layout });
    /** What goes out for an event: one message, or that of its raw form and that of its friendly one. */
    const messages = (event: Event): readonly Outgoing[] =>
      cloudEvents === undefined
        ? [{ headers: [], body: avro ? avro(payload(event)) : payload(event) }]
        : cloudEvents(event).map((one) => kafkaMessage(one, context.mode));
    const key = config.key === undefined ? undefined : context.template(config.key);
    const headers = Object.entries(config.headers).map(
      ([name, text]) => [Buffer.from(name), context.template(text)] as const,
    );
    const input = sasl?.mechanism === "oauthbearer" ? sasl.token : sasl?.password;
    if (sasl?.enable && input === undefined)
      throw new ConfigError(`kafka.sasl.${sasl.mechanism === "oauthbearer" ? "token" : "password"} is missing`);
    const secret = input === undefined ? undefined : context.secret(input);
    if (tls && !tls.enable) context.log.warn("the connection is not encrypted: tls.enable is not set");
    if (tls?.insecureSkipVerify) context.log.warn("certificates are not verified: tls.insecureSkipVerify is set");
    const kafka = await openKafka({
      brokers: config.brokers,
      clientId: config.clientId,
      topic: config.topic,
      compression: config.compressionCodec,
      tls: tls?.enable ? tlsReader(tls) : undefined,
      sasl: sasl?.enable
        ? { mechanism: MECHANISMS[sasl.mechanism], username: sasl.username, secret: () => secret?.reveal() ?? "" }
        : undefined,
    });

    const ID = Buffer.from("id");
    const entry = (event: Event, index: number, { headers: own, body }: Outgoing) => {
      const value = typeof body === "string" ? Buffer.from(body) : body;
      const named = headers.map(([name, render]) => [name, Buffer.from(render(event))] as const);
      named.push(...own.map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const));
      // The predecessor sent none.
      if (!context.compat) named.unshift([ID, Buffer.from(event.id)]);
      const message = {
        key: Buffer.from(key ? key(event) : event.metadata.uid || event.id),
        value,
        headers: new Map(named),
      };
      let bytes = RECORD_BYTES + message.key.length + value.length;
      for (const [name, text] of named) bytes += 10 + name.length + text.length;
      return { index, value: message, bytes };
    };
    const limits = { count: COUNT, bytes: config.maxMessageBytes, inOrder: true };

    return {
      render: (batch: Batch) => {
        const bodies = batch.flatMap(messages).map(({ body }) => body);
        return { body: bodies.map((body) => (typeof body === "string" ? body : body.toString("base64"))).join("\n") };
      },
      async deliver(batch, signal) {
        const all = batch.flatMap((event, index) => messages(event).map((message) => entry(event, index, message)));
        await deliverEntries(all, limits, (entries) => {
          // What compression leaves of it, only the client knows.
          for (const { bytes } of entries) context.sent(bytes);
          return kafka.send(entries, signal);
        });
      },
      check: (signal) => kafka.check(signal),
      async [Symbol.asyncDispose]() {
        kafka.close();
      },
    };
  },
});
