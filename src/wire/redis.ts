/** One connection to a Redis server, opened when it is needed, and what its errors mean. */
import { RedisClient } from "bun";
import { DeliveryError, type Reason } from "../errors.ts";
import { abortError, untilAborted } from "./abort.ts";
import type { Address } from "./address.ts";
import type { TlsMaterial } from "./tls.ts";

export interface RedisOptions {
  readonly to: Address;
  readonly database: number;
  readonly username: string;
  /** Read for each connection. */
  readonly password: (() => string) | undefined;
  /** Absent: no TLS. */
  readonly tls: (() => TlsMaterial) | undefined;
}

export interface Redis {
  /**
   * Sends all commands in one go over one connection, in order. Resolves with what is wrong with each, undefined where
   * nothing is. Rejects with DeliveryError when the signal aborts.
   */
  run(
    commands: readonly (readonly string[])[],
    signal: AbortSignal,
    doing: string,
  ): Promise<(DeliveryError | undefined)[]>;
  close(): void;
}

/** @see https://redis.io/docs/latest/develop/reference/errors/common */
const REASON_OF_PREFIX: Readonly<Record<string, Reason>> = {
  LOADING: "unavailable",
  BUSY: "unavailable",
  TRYAGAIN: "unavailable",
  CLUSTERDOWN: "unavailable",
  MASTERDOWN: "unavailable",
  NOREPLICAS: "unavailable",
  READONLY: "unavailable",
  MISCONF: "unavailable",
  UNBLOCKED: "unavailable",
  OOM: "quota",
  NOAUTH: "unauthorized",
  WRONGPASS: "unauthorized",
  NOPERM: "unauthorized",
  // The key holds something else: no event can mend that.
  WRONGTYPE: "not_found",
};
const CLUSTER = /^(MOVED|ASK|CROSSSLOT)\b/;
const UNKNOWN_COMMAND = /^ERR unknown command/i;
/** After one of these, another server may be behind the address. */
const MOVED_ON = /^(READONLY|MASTERDOWN)\b/;
const CONNECT_MS = 10_000;
const EXCERPT = 256;

/** Nothing is opened before the first command. */
export function redisConnection(options: RedisOptions): Redis {
  const { to, database, username, tls } = options;
  let client: RedisClient | undefined;

  function close(): void {
    const old = client;
    client = undefined;
    old?.close();
  }

  function open(password: string): RedisClient {
    if (client) return client;
    const user = password === "" ? "" : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
    const host = to.host.includes(":") ? `[${to.host}]` : to.host;
    const made = new RedisClient(`${tls ? "rediss" : "redis"}://${user}${host}:${to.port}/${database}`, {
      // What is not delivered is the runtime's to send again, over a new connection.
      autoReconnect: false,
      // Commands wait for the connection and are told why there is none; `connect()` is not told (Bun 1.4.5).
      enableOfflineQueue: true,
      connectionTimeout: CONNECT_MS,
      ...(tls && { tls: tls() }),
    });
    made.onclose = () => {
      if (client === made) client = undefined;
    };
    client = made;
    return made;
  }

  async function send(commands: readonly (readonly string[])[], doing: string) {
    const password = options.password?.() ?? "";
    const connection = open(password);
    const answers = await Promise.allSettled(commands.map(([name = "", ...args]) => connection.send(name, args)));
    const errors = answers.map((answer) =>
      answer.status === "fulfilled" ? undefined : meaning(answer.reason, doing, password),
    );
    const useless = (answer: PromiseSettledResult<unknown>) =>
      answer.status === "rejected" && (!isAnswer(answer.reason) || MOVED_ON.test(textOf(answer.reason)));
    if (client === connection && answers.some(useless)) close();
    return errors;
  }

  return {
    async run(commands, signal, doing) {
      if (signal.aborted) throw abortError(signal, doing);
      return untilAborted(send(commands, doing), signal, doing, close);
    },
    close,
  };
}

/** The server said so, on a connection that goes on. */
const isAnswer = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_REDIS_SERVER_ERROR";
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function meaning(error: unknown, doing: string, password: string): DeliveryError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  let text = textOf(error);
  if (password.length > 0) text = text.replaceAll(password, "[secret]");
  text = text.replace(/\s+/g, " ").slice(0, EXCERPT);
  if (CLUSTER.test(text)) {
    return new DeliveryError(
      "not_found",
      `${doing} was answered by a Redis Cluster, which Petrel does not follow: give it a server of its own or a proxy`,
    );
  }
  if (UNKNOWN_COMMAND.test(text)) {
    return new DeliveryError(
      "not_found",
      `${doing} was answered ${JSON.stringify(text)}: is this a Sentinel? Petrel wants the address of the server itself`,
    );
  }
  const [prefix = ""] = text.split(" ");
  const reason = REASON_OF_PREFIX[prefix];
  if (reason !== undefined || code === "ERR_REDIS_SERVER_ERROR")
    return new DeliveryError(reason ?? "rejected", `${doing} was answered ${JSON.stringify(text)}`);
  if (code === "ERR_REDIS_AUTHENTICATION_FAILED")
    return new DeliveryError("unauthorized", `${doing} was answered ${JSON.stringify(text)}`);
  return new DeliveryError("network", `${doing} failed: ${code || "no connection"}`);
}
