/** NATS: a stream of JetStream, or whoever listens. */
import { ConfigError } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { parseAddress } from "../src/wire/address.ts";
import { deliverEntries } from "../src/wire/entries.ts";
import { type NatsIdentity, natsClient } from "../src/wire/nats.ts";
import { natsHead } from "../src/wire/nats-connection.ts";
import { subjectTemplate } from "../src/wire/nats-subject.ts";
import { tlsReader } from "../src/wire/tls.ts";

const PORT = 4222;
const COUNT = 500;
const ID = "Nats-Msg-Id";
/** No part of a header's value: it would be the end of it, or of what comes after. */
const CONTROL = /\p{Cc}/gu;

export default defineSink({
  name: "nats",
  title: "NATS",
  summary: "Publishes each event on a NATS subject, many in one go, and waits until a JetStream stream has stored it.",
  config: (field) =>
    field.object({
      servers: field
        .strings()
        .describe("`host:port` of one server or several of a cluster; each is tried until one takes the connection."),
      subject: field
        .template()
        .default("kubernetes.events.{{ .Namespace }}")
        .describe(
          "Subject, a template. Its own dots divide tokens; dots, spaces and wildcards that come out of an event become `_`, as does an empty token.",
        ),
      jetstream: field
        .flag()
        .default(true)
        .describe(
          "Wait until a stream has stored the event. False: until the server has it, which keeps nothing for those who do not listen at that moment.",
        ),
      headers: field
        .headers()
        .default({})
        .describe("Headers beside `Nats-Msg-Id`, the event's id; their values are templates."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      token: field.secret().optional().describe("Token of the server."),
      username: field.text().optional().describe("User; needs `password`."),
      password: field.secret().optional().describe("Password of the user."),
      nkeySeed: field.secret().optional().describe("Seed of the user's nkey, `SU…`; it never leaves Petrel."),
      credentials: field
        .secret()
        .optional()
        .describe("A `.creds` file's text, as `nsc` writes it: `{ file: PATH }` reads it."),
      tls: field.tls().optional().describe("Speak TLS, with these settings; `{}` for the system's authorities."),
    }),
  example: {
    servers: ["nats-0.nats:4222", "nats-1.nats:4222"],
    subject: "kubernetes.events.{{ .Namespace }}.{{ .Reason }}",
    credentials: { file: "/etc/petrel/nats.creds" },
  },
  batch: { count: COUNT, bytes: 4 * 1024 * 1024 },
  // Each message is answered by itself.
  partial: true,
  carriesId: true,
  updates: "all",
  create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const { template, subject, pattern } = subjectTemplate(config.subject);
    const render = context.template(template);
    const headers = Object.entries(config.headers).map(([name, text]) => {
      if (/^[!-9;-~]+$/.test(name)) return [name, context.template(text)] as const;
      throw new ConfigError(`nats.headers: ${JSON.stringify(name)} cannot be the name of a header`);
    });
    const sendsId = !Object.hasOwn(config.headers, ID);
    if (config.tls?.insecureSkipVerify)
      context.log.warn("certificates are not verified: tls.insecureSkipVerify is set");
    const nats = natsClient({
      servers: addresses(config.servers),
      jetstream: config.jetstream,
      identity: identity(),
      tls: config.tls && tlsReader(config.tls),
      sent: context.sent,
    });

    function identity(): NatsIdentity | undefined {
      const { username } = config;
      const kinds = (["token", "password", "nkeySeed", "credentials"] as const).filter((kind) => config[kind]);
      if (kinds.length > 1) throw new ConfigError(`nats.${kinds.join(" and nats.")} exclude each other`);
      const [kind] = kinds;
      const input = kind === undefined ? undefined : config[kind];
      if ((username === undefined) !== (kind !== "password"))
        throw new ConfigError("nats.username and nats.password need each other");
      if (kind === undefined || input === undefined) return undefined;
      const secret = context.secret(input);
      return { kind, username: username ?? "", secret: () => secret.reveal() };
    }

    const head = (event: Event) => {
      const named = headers.map(([name, value]) => [name, value(event).replace(CONTROL, " ")] as const);
      const id = event.id.replace(CONTROL, "_");
      return natsHead(sendsId && id !== "" ? [[ID, id], ...named] : named);
    };
    const message = (event: Event) => ({
      subject: subject(render(event)),
      head: head(event),
      payload: Buffer.from(payload(event)),
    });

    return {
      render: (batch) => ({
        body: batch.map(payload).join("\n"),
        headers: { Subject: subject(render(batch[0])) },
      }),
      async deliver(batch, signal) {
        const entries = batch.map((event, index) => ({ index, bytes: 0, value: message(event) }));
        // In one go, so that a message has the place of its event.
        await deliverEntries(entries, { count: batch.length, bytes: Number.POSITIVE_INFINITY }, (all) =>
          nats.publish(
            all.map(({ value }) => value),
            signal,
          ),
        );
      },
      check: (signal) => nats.check(pattern, signal),
      async [Symbol.asyncDispose]() {
        nats.close();
      },
    };
  },
});

/** Throws ConfigError, without the text where a password may be in it. */
function addresses(servers: readonly string[]) {
  if (servers.length === 0) throw new ConfigError("nats.servers is empty");
  return servers.map((text) => {
    if (text.includes("@"))
      throw new ConfigError("nats.servers: credentials have settings of their own, such as token");
    return parseAddress(text.replace(/^nats:\/\//, ""), "nats.servers", PORT);
  });
}
