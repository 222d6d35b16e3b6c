/**
 * A hub of Azure Event Hubs, by the namespace's Kafka endpoint.
 *
 * Of the two ways that Event Hubs offers beside HTTPS, this one could be proven against an independent server, a real
 * Kafka, and its client is here already; AMQP's would be another one, which only a server of the same library could judge.
 * Each message has a key of its own, so that events of an object keep their order within one request. It needs the
 * Standard tier or a higher one.
 * @see https://learn.microsoft.com/en-us/azure/event-hubs/azure-event-hubs-apache-kafka-overview
 */
import { DeliveryError, type Refusal } from "../errors.ts";
import type { TokenSource } from "./access-token.ts";
import { type Kafka, openKafka, type Placed } from "./kafka.ts";
import type { TlsMaterial } from "./tls.ts";

/**
 * Bytes of a request and of an event. A larger one makes the service close the connection.
 * @see https://learn.microsoft.com/en-us/azure/event-hubs/apache-kafka-configurations#producer-configurations-only
 */
export const EVENTHUBS_LIMITS = { count: 1_000, bytes: 1_000_000 } as const;
/** Azure forgets connections that are idle for 240 seconds, without a word. @see the same page */
const IDLE_MS = 180_000;
const PORT = 9093;
/** The emulator speaks no TLS. @see https://learn.microsoft.com/en-us/azure/event-hubs/test-locally-with-event-hub-emulator */
const EMULATOR_PORT = 9092;

/** Where a hub is. */
export interface HubAddress {
  readonly host: string;
  readonly port: number;
  readonly hub: string;
  readonly isEmulator: boolean;
}

export interface EventHubOptions {
  /** The hub's or the namespace's; read for each delivery. Absent: `namespace` and `tokens`. */
  readonly connectionString: (() => string) | undefined;
  /** `NAME`, `NAME.servicebus.windows.net` or another cloud's host, with or without a port. */
  readonly namespace: string | undefined;
  /** By default the connection string's EntityPath. */
  readonly hub: string | undefined;
  /** For the resource, that is the namespace. */
  readonly tokens: (resource: string) => TokenSource;
  readonly tls: () => TlsMaterial;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

export interface EventHub {
  /** As {@link Kafka.send}. */
  send(messages: readonly Placed[], signal: AbortSignal): Promise<readonly Refusal[]>;
  /** Asks for the hub, which proves address, credentials and that it is there. */
  check(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Nothing is opened before the first delivery. */
export function openEventHub(options: EventHubOptions): EventHub {
  let opened: { readonly place: string; readonly kafka: Promise<Kafka> } | undefined;
  let usedAt = Number.NEGATIVE_INFINITY;
  let token = "";
  let tokens: TokenSource | undefined;

  function address(): HubAddress {
    const { connectionString, namespace = "", hub } = options;
    if (connectionString) return parseConnectionString(connectionString(), hub);
    if (hub === undefined) throw new DeliveryError("not_found", "eventhubs: eventHub is missing");
    const [, host = "", port] = /^([^:/]+)(?::(\d+))?$/.exec(namespace) ?? [];
    const whole = host.includes(".") || host === "localhost" ? host : `${host}.servicebus.windows.net`;
    return { host: whole, port: Number(port ?? PORT), hub, isEmulator: false };
  }

  function open({ host, port, hub, isEmulator }: HubAddress): Promise<Kafka> {
    const { connectionString } = options;
    return openKafka({
      brokers: [`${host}:${port}`],
      clientId: "petrel",
      topic: hub,
      // Premium and Dedicated alone take gzip.
      compression: "none",
      tls: isEmulator ? undefined : options.tls,
      sasl: connectionString
        ? { mechanism: "PLAIN", username: "$ConnectionString", secret: connectionString }
        : { mechanism: "OAUTHBEARER", username: "", secret: () => token },
    });
  }

  async function close(): Promise<void> {
    const old = opened;
    opened = undefined;
    (await old?.kafka.catch(() => undefined))?.close();
  }

  async function using<T>(signal: AbortSignal, work: (kafka: Kafka) => Promise<T>): Promise<T> {
    const at = address();
    const place = JSON.stringify(at);
    if (!options.connectionString) {
      tokens ??= options.tokens(`https://${at.host}`);
      token = await tokens.current(signal);
    }
    if (opened?.place !== place || options.now() - usedAt > IDLE_MS) await close();
    opened ??= { place, kafka: open(at) };
    try {
      const result = await work(await opened.kafka);
      usedAt = options.now();
      return result;
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      if (error.reason === "unauthorized") tokens?.forget();
      throw withoutKey(error, options.connectionString?.());
    }
  }

  return {
    send: (messages, signal) => using(signal, (kafka) => kafka.send(messages, signal)),
    check: (signal) => using(signal, (kafka) => kafka.check(signal)),
    close: () => void close(),
  };
}

/** `Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…;EntityPath=HUB`. Throws DeliveryError. */
export function parseConnectionString(text: string, hub: string | undefined): HubAddress {
  const values = valuesOf(text);
  const url = URL.parse((values.get("endpoint") ?? "").replace(/^sb:/, "http:"));
  if (!url?.hostname || !(values.has("sharedaccesskey") || values.has("sharedaccesssignature")))
    throw new DeliveryError(
      "unauthorized",
      "eventhubs.connectionString: expected Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=NAME;SharedAccessKey=KEY",
    );
  const isEmulator = values.get("usedevelopmentemulator") === "true";
  const name = hub ?? values.get("entitypath");
  if (!name)
    throw new DeliveryError(
      "not_found",
      "eventhubs: which hub? set eventHub, or use a connection string with EntityPath",
    );
  const port = url.port === "" ? (isEmulator ? EMULATOR_PORT : PORT) : Number(url.port);
  return { host: url.hostname, port, hub: name, isEmulator };
}

/** By name in lower case; a value may hold `=`. */
function valuesOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(";").flatMap((part) => {
      const at = part.indexOf("=");
      return at < 0 ? [] : [[part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const];
    }),
  );
}

/** An error of the service may quote a part of the connection string. */
function withoutKey(error: DeliveryError, text: string | undefined): DeliveryError {
  const values = valuesOf(text ?? "");
  let { message } = error;
  for (const name of ["sharedaccesskey", "sharedaccesssignature"]) {
    const value = values.get(name);
    if (value) message = message.replaceAll(value, "[secret]");
  }
  const { reason, retryAfterMs, refused } = error;
  return message === error.message
    ? error
    : new DeliveryError(reason, message, { retryAfterMs, ...(refused && { refused }) });
}
