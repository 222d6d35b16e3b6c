/** One producer on a Kafka cluster, made when it is needed, and what its errors mean. */
import { EventEmitter } from "node:events";
import type { Producer } from "@platformatic/kafka";
import { DeliveryError, REASONS, type Reason, type Refusal } from "../errors.ts";
import { abortError, untilAborted } from "./abort.ts";
import type { TlsMaterial } from "./tls.ts";

/** The config's names of mechanisms, and the protocol's. */
export const MECHANISMS = {
  plain: "PLAIN",
  sha256: "SCRAM-SHA-256",
  sha512: "SCRAM-SHA-512",
  oauthbearer: "OAUTHBEARER",
} as const;

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly topic: string;
  readonly compression: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly sasl:
    | {
        readonly mechanism: (typeof MECHANISMS)[keyof typeof MECHANISMS];
        readonly username: string;
        /** Password or token; read for each connection. */
        readonly secret: () => string;
      }
    | undefined;
  /** Absent: no TLS. */
  readonly tls: (() => TlsMaterial) | undefined;
}

export interface Message {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: ReadonlyMap<Buffer, Buffer>;
}

/** A message and its event's place in the batch. */
export interface Placed {
  readonly index: number;
  readonly value: Message;
}

export interface Kafka {
  /**
   * Resolves when all in-sync replicas have all messages, or those of some partitions: then with what the others were to
   * take. Otherwise rejects with DeliveryError.
   */
  send(messages: readonly Placed[], signal: AbortSignal): Promise<readonly Refusal[]>;
  /** Asks for the topic, which proves address, credentials and that it is there. */
  check(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** By the protocol's names. @see https://kafka.apache.org/protocol#protocol_error_codes */
const REASON_OF_ERROR: Readonly<Record<string, Reason>> = {
  UNKNOWN_TOPIC_OR_PARTITION: "not_found",
  INVALID_TOPIC_EXCEPTION: "not_found",
  MESSAGE_TOO_LARGE: "too_large",
  RECORD_LIST_TOO_LARGE: "too_large",
  INVALID_RECORD: "rejected",
  INVALID_TIMESTAMP: "rejected",
  CORRUPT_MESSAGE: "network",
  UNSUPPORTED_COMPRESSION_TYPE: "not_found",
  UNSUPPORTED_FOR_MESSAGE_FORMAT: "not_found",
  POLICY_VIOLATION: "rejected",
  TOPIC_AUTHORIZATION_FAILED: "unauthorized",
  CLUSTER_AUTHORIZATION_FAILED: "unauthorized",
  UNSUPPORTED_SASL_MECHANISM: "unauthorized",
  ILLEGAL_SASL_STATE: "unauthorized",
  SASL_AUTHENTICATION_FAILED: "unauthorized",
  THROTTLING_QUOTA_EXCEEDED: "throttled",
  REQUEST_TIMED_OUT: "timeout",
};
const CONNECT_MS = 10_000;
/** A topic that is being made is unknown for a moment; one that stays unknown does not exist. */
const CREATION_MS = 10_000;
/** A topic that was just made has leaders before all of them take messages. */
const SETTLE_MS = 1_000;
const EXCERPT = 256;

/**
 * A connection that is lost while it says who it is fails twice, the second time with nobody listening, which ends the
 * process. The delivery has heard of the first. Of the client, 2.12.1, nothing but its diagnostics has the connection.
 */
async function loadClient() {
  const client = await import("@platformatic/kafka");
  client.instancesChannel.unsubscribe(listen);
  client.instancesChannel.subscribe(listen);
  return client;
}

function listen(made: unknown): void {
  const { type, instance } = made as { readonly type: string; readonly instance: unknown };
  if (type === "connection" && instance instanceof EventEmitter) instance.on("error", () => {});
}

/** Loads the client. Nothing is opened before the first message. */
export async function openKafka(options: KafkaOptions): Promise<Kafka> {
  const { Producer: Made, ProduceAcks, defaultPartitioner } = await loadClient();
  const { topic, sasl } = options;
  const doing = `the message to Kafka at ${options.brokers.join(", ")}`;
  let producer: Producer<Buffer, Buffer, Buffer, Buffer> | undefined;
  let unknownSince: number | undefined;
  /** The producer that found its topic. */
  let ready: typeof producer;

  /** Sees to it that the topic is there and its partitions take messages, rather than be refused by some of them. */
  async function prepare(one: NonNullable<typeof producer>): Promise<void> {
    if (ready === one) return;
    const ask = (autocreateTopics: boolean) => one.metadata({ topics: [topic], autocreateTopics, forceUpdate: true });
    try {
      await ask(false);
    } catch (error) {
      if (!isUnknownTopic(error)) throw error;
      await ask(true);
      await Bun.sleep(SETTLE_MS);
    }
    ready = one;
  }

  function make(): Producer<Buffer, Buffer, Buffer, Buffer> {
    const tls = options.tls?.();
    const made = new Made<Buffer, Buffer, Buffer, Buffer>({
      clientId: options.clientId,
      bootstrapBrokers: [...options.brokers],
      connectTimeout: CONNECT_MS,
      // As the predecessor did, and as the broker allows.
      autocreateTopics: true,
      // The runtime's to do, over a new connection and with what the cluster says then.
      retries: 0,
      ...(tls && {
        tls: { ...tls, ...(tls.serverName && { servername: tls.serverName }) },
        // Otherwise each broker is verified by its own name or address; `true` would refuse addresses.
        ...(tls.serverName && { tlsServerName: tls.serverName }),
      }),
      ...(sasl && {
        sasl:
          sasl.mechanism === "OAUTHBEARER"
            ? { mechanism: sasl.mechanism, token: sasl.secret }
            : { mechanism: sasl.mechanism, username: sasl.username, password: sasl.secret },
      }),
    });
    // Said by the delivery that it concerns.
    made.on("error" as never, () => {});
    return made;
  }

  function drop(): void {
    const old = producer;
    producer = undefined;
    // Whoever waits for it is told, or has been told already.
    old?.close(true).catch(() => {});
  }

  async function using<T>(signal: AbortSignal, work: (one: NonNullable<typeof producer>) => Promise<T>): Promise<T> {
    if (signal.aborted) throw abortError(signal, doing);
    const run = async () => {
      // It may throw: a certificate that cannot be read.
      producer ??= make();
      return await work(producer);
    };
    try {
      const result = await untilAborted(run(), signal, doing, drop);
      unknownSince = undefined;
      return result;
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      const secret = sasl?.secret();
      const found = meaning(error, doing, secret);
      if (isUnknownTopic(error)) {
        unknownSince ??= performance.now();
        const young = performance.now() - unknownSince < CREATION_MS;
        drop();
        throw new DeliveryError(young ? "unavailable" : "not_found", found.message);
      }
      // The next one finds the cluster as it then is.
      if (found.reason !== "too_large" && found.reason !== "rejected") drop();
      throw found;
    }
  }

  return {
    async send(messages, signal) {
      /** Of each message; empty until anything is sent. */
      let partitions: readonly number[] = [];
      let failure: unknown;
      try {
        await using(signal, async (one) => {
          await prepare(one);
          const { topics } = await one.metadata({ topics: [topic] });
          const count = topics.get(topic)?.partitionsCount ?? 1;
          const placed = messages.map(({ value: { key, value, headers } }) => {
            const message = { topic, key, value, headers: new Map(headers) };
            return { ...message, partition: defaultPartitioner(message, key) % count };
          });
          partitions = placed.map(({ partition }) => partition);
          // The client would send a batch again of which a part was taken.
          const settings = { acks: ProduceAcks.ALL, compression: options.compression, repeatOnStaleMetadata: false };
          await one.send({ ...settings, messages: placed }).catch((error) => {
            failure = error;
            throw error;
          });
        });
        return [];
      } catch (error) {
        const taken = takenPartitions(failure);
        if (!(error instanceof DeliveryError) || !partitions.some((partition) => taken.has(partition))) throw error;
        // One event in a partition may be to blame for all: what is left is sent again alone, and then halved.
        const reason = REASONS[error.reason] === "event" ? "unavailable" : error.reason;
        return messages
          .filter((_, at) => !taken.has(partitions[at] ?? 0))
          .map(({ index }) => ({ index, reason, message: error.message }));
      }
    },
    async check(signal) {
      await using(signal, (one) => one.metadata({ topics: [topic], autocreateTopics: false, forceUpdate: true }));
    },
    close: drop,
  };
}

/** All errors in an error: the client nests them. */
function* all(error: unknown, depth = 0): Generator<Error & { readonly code?: unknown; readonly apiId?: unknown }> {
  if (!(error instanceof Error) || depth > 5) return;
  yield error;
  if ("errors" in error && Array.isArray(error.errors)) for (const one of error.errors) yield* all(one, depth + 1);
  if (error.cause !== undefined) yield* all(error.cause, depth + 1);
}

/** Partitions that took what they were sent, as far as anybody said so: of brokers that answered well, or in part. */
function takenPartitions(error: unknown): ReadonlySet<number> {
  const taken = new Set<number>();
  for (const one of all(error)) {
    const { produced, response } = one as { readonly produced?: Produced; readonly response?: ProduceResponse };
    for (const { partition } of produced?.offsets ?? []) taken.add(partition);
    for (const { partitionResponses } of response?.responses ?? [])
      for (const { index, errorCode } of partitionResponses ?? []) if (errorCode === 0) taken.add(index);
  }
  return taken;
}

interface Produced {
  readonly offsets?: readonly { readonly partition: number }[];
}

interface ProduceResponse {
  readonly responses?: readonly {
    readonly partitionResponses?: readonly { readonly index: number; readonly errorCode: number }[];
  }[];
}

function isUnknownTopic(error: unknown): boolean {
  for (const one of all(error))
    if (one.apiId === "UNKNOWN_TOPIC_OR_PARTITION" || /^Unknown topic /.test(one.message)) return true;
  return false;
}

function meaning(error: unknown, doing: string, secret: string | undefined): DeliveryError {
  const errors = [...all(error)];
  const say = (reason: Reason, text: string) => {
    let said = text.replace(/\s+/g, " ");
    if (secret !== undefined && secret.length > 0) said = said.replaceAll(secret, "[secret]");
    return new DeliveryError(reason, `${doing} failed: ${said.slice(0, EXCERPT)}`);
  };
  for (const one of errors) {
    if (one.code === "PLT_KFK_AUTHENTICATION") return say("unauthorized", errors.at(-1)?.message ?? one.message);
    const name = typeof one.apiId === "string" ? one.apiId : undefined;
    if (name !== undefined && name !== "NONE") {
      return say(REASON_OF_ERROR[name] ?? "unavailable", `${name}: ${one.message}`);
    }
  }
  const last = errors.at(-1);
  if (errors.some(({ code }) => code === "PLT_KFK_TIMEOUT")) return say("timeout", last?.message ?? "timeout");
  const ours = errors.find(({ code }) => code === "PLT_KFK_USER" || code === "PLT_KFK_UNSUPPORTED_COMPRESSION");
  if (ours) return say("not_found", ours.message);
  return say(
    "network",
    typeof last?.code === "string" ? `${last.code}: ${last.message}` : (last?.message ?? "no connection"),
  );
}
