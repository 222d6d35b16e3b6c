/** Redis, and what speaks its protocol: a stream, a list, or a channel. */

import { DeliveryError, type Refusal } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { parseAddress } from "../src/wire/address.ts";
import { redisConnection } from "../src/wire/redis.ts";
import { tlsReader } from "../src/wire/tls.ts";

const PORT = 6379;
/** `$100`, and two ends of lines. @see https://redis.io/docs/latest/develop/reference/protocol-spec/#bulk-strings */
const WORD_BYTES = 8;

export default defineSink({
  name: "redis",
  title: "Redis",
  summary: "Adds each event to a Redis stream or list, or publishes it on a channel.",
  config: (field) =>
    field.object({
      address: field
        .text()
        .describe("`host:port` of one server; not of a Sentinel, and not of a Cluster, which Petrel does not follow."),
      key: field.template().default("kubernetes-events").describe("Name of the stream, list or channel; a template."),
      mode: field
        .choice(["stream", "list", "pubsub"])
        .default("stream")
        .describe("`XADD` with the fields `id` and `event`, `RPUSH`, or `PUBLISH`."),
      maxLength: field
        .integer()
        .default(100_000)
        .describe("Entries that a stream (about: `MAXLEN ~`) or list keeps; older ones go. 0: all."),
      username: field.text().default("default").describe("User of the server's ACL."),
      password: field.secret().optional().describe("Password of the user."),
      database: field.integer().default(0).describe("Number of the database."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      tls: field.tls().optional().describe("Speak TLS, with these settings; `{}` for the system's authorities."),
    }),
  example: { address: "redis.example.com:6379", key: "events:{{ .InvolvedObject.Kind }}", tls: {} },
  batch: { count: 500, bytes: 4 * 1024 * 1024 },
  // Each command is answered by itself.
  partial: true,
  carriesId: true,
  updates: "all",
  create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const key = context.template(config.key);
    const { mode, maxLength } = config;
    const secret = config.password === undefined ? undefined : context.secret(config.password);
    if (config.tls?.insecureSkipVerify)
      context.log.warn("certificates are not verified: tls.insecureSkipVerify is set");
    const redis = redisConnection({
      to: parseAddress(config.address, "redis.address", PORT),
      database: config.database,
      username: config.username,
      password: secret && (() => secret.reveal()),
      tls: config.tls && tlsReader(config.tls),
    });
    const doing = `the command to Redis at ${config.address}`;

    const command = (event: Event): string[] => {
      if (mode === "list") return ["RPUSH", key(event), payload(event)];
      if (mode === "pubsub") return ["PUBLISH", key(event), payload(event)];
      const trim = maxLength > 0 ? ["MAXLEN", "~", String(maxLength)] : [];
      return ["XADD", key(event), ...trim, "*", "id", event.id, "event", payload(event)];
    };
    const commands = (batch: Batch): string[][] => {
      const made = batch.map(command);
      if (mode !== "list" || maxLength === 0) return made;
      // One for each list, after all events of the batch.
      return [
        ...made,
        ...[...new Set(made.map(([, name = ""]) => name))].map((name) => ["LTRIM", name, String(-maxLength), "-1"]),
      ];
    };

    return {
      render: (batch) => ({ body: batch.map(payload).join("\n"), headers: { Command: command(batch[0])[0] ?? "" } }),
      async deliver(batch, signal) {
        const all = commands(batch);
        for (const words of all) for (const word of words) context.sent(WORD_BYTES + Buffer.byteLength(word));
        const errors = await redis.run(all, signal, doing);
        const refused: Refusal[] = [];
        // A list that could not be cut holds the events all the same.
        for (const [index, error] of errors.slice(0, batch.length).entries())
          if (error) refused.push({ index, reason: error.reason, message: error.message });
        const [worst] = refused;
        if (worst === undefined) return;
        if (refused.length === batch.length && batch.length === 1) throw new DeliveryError(worst.reason, worst.message);
        throw new DeliveryError(worst.reason, `${refused.length} of ${batch.length} events failed: ${worst.message}`, {
          refused,
        });
      },
      async check(signal) {
        const [error] = await redis.run([["PING"]], signal, doing);
        if (error) throw error;
      },
      async [Symbol.asyncDispose]() {
        redis.close();
      },
    };
  },
});
