/** NATS's own client, as whoever may do everything: makes streams, and reads what they hold. */
import { readFileSync } from "node:fs";
import { jetstream, jetstreamManager, type StreamConfig } from "@nats-io/jetstream";
import { type ConnectionOptions, connect, credsAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import type { Running } from "../testbed/component.ts";

/** The component's servers, by how their clients say who they are. */
export type NatsServer = "users" | "token" | "operator";

export const natsAddress = (nats: Running, server: NatsServer): string => `localhost:${nats.ports[server]}`;

/** To be closed by the caller. */
export function natsAdministrator(nats: Running, server: NatsServer): Promise<NatsConnection> {
  const { PASSWORD = "", TOKEN = "", ADMINISTRATOR = "", CA = "", CLIENT_CERT = "", CLIENT_KEY = "" } = nats.env;
  const who: Record<NatsServer, () => ConnectionOptions> = {
    users: () => ({ user: "administrator", pass: PASSWORD }),
    token: () => ({ token: TOKEN, tls: { caFile: CA, certFile: CLIENT_CERT, keyFile: CLIENT_KEY } }),
    operator: () => ({ authenticator: credsAuthenticator(readFileSync(ADMINISTRATOR)) }),
  };
  return connect({ servers: natsAddress(nats, server), ...who[server]() });
}

export interface StoredMessage {
  /** `Nats-Msg-Id`. */
  readonly id: string;
  readonly subject: string;
  readonly text: string;
}

export interface NatsStream {
  update(change: Partial<StreamConfig>): Promise<unknown>;
  /** What it holds, in order. */
  stored(): Promise<readonly StoredMessage[]>;
}

/** Makes a stream; each question about it has a connection of its own, for the server may have been restarted. */
export async function natsStream(
  nats: Running,
  server: NatsServer,
  config: Partial<StreamConfig> & { readonly name: string },
): Promise<NatsStream> {
  const asking = async <T>(ask: (client: NatsConnection) => Promise<T>): Promise<T> => {
    const client = await natsAdministrator(nats, server);
    try {
      return await ask(client);
    } finally {
      await client.close();
    }
  };
  await asking(async (client) => (await jetstreamManager(client)).streams.add(config));
  return {
    update: (change) => asking(async (client) => (await jetstreamManager(client)).streams.update(config.name, change)),
    stored: () =>
      asking(async (client) => {
        const { state } = await (await jetstreamManager(client)).streams.info(config.name);
        const held: StoredMessage[] = [];
        if (state.messages === 0) return held;
        const consumer = await jetstream(client).consumers.get(config.name);
        const messages = await consumer.fetch({ max_messages: state.messages, expires: 20_000 });
        for await (const one of messages)
          held.push({ id: one.headers?.get("Nats-Msg-Id") ?? "", subject: one.subject, text: one.string() });
        return held;
      }),
  };
}
