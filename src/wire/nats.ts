/** One connection to a NATS server or cluster, opened when it is needed, and what its answers mean. */
import { DeliveryError, type Reason, type Refusal, reasonOfStatus } from "../errors.ts";
import { abortError, untilAborted } from "./abort.ts";
import type { Address } from "./address.ts";
import {
  dialNats,
  type Fate,
  type NatsConnection,
  NatsError,
  type NatsMessage,
  type ServerInfo,
} from "./nats-connection.ts";
import { nkeyOf, parseCredentials } from "./nkey.ts";
import { codeOf, type TlsMaterial } from "./tls.ts";

/** How Petrel says who it is; `secret` is read for each connection. */
export interface NatsIdentity {
  readonly kind: "token" | "password" | "nkeySeed" | "credentials";
  readonly username: string;
  readonly secret: () => string;
}

export interface NatsOptions {
  readonly servers: readonly Address[];
  /** Wait until a stream has a message. False: until the server has it. */
  readonly jetstream: boolean;
  readonly identity: NatsIdentity | undefined;
  /** Absent: no TLS. */
  readonly tls: (() => TlsMaterial) | undefined;
  /** Told how many bytes go out for messages. */
  readonly sent: (bytes: number) => void;
}

export interface Nats {
  /**
   * Sends all messages in one go, in order. Resolves with what was not taken, and why. Rejects with DeliveryError when
   * nothing is known of any.
   */
  publish(messages: readonly NatsMessage[], signal: AbortSignal): Promise<readonly Refusal[]>;
  /** Proves address and credentials, and that a stream takes subjects like `pattern`; resolves with what it may not ask. */
  check(pattern: string, signal: AbortSignal): Promise<string | undefined>;
  close(): void;
}

/** Of JetStream's errors; others mean what their HTTP-like code does. @see https://github.com/nats-io/nats-server/blob/v2.15.2/server/errors.json */
const REASON_OF_CODE: Readonly<Record<number, Reason>> = {
  // The account has no more room, nor the server memory or disk.
  10002: "quota",
  10028: "quota",
  10047: "quota",
  // JetStream is off, here or for the account.
  10039: "not_found",
  10076: "not_found",
  10059: "not_found",
  // Sealed: it will take nothing any more.
  10109: "not_found",
  10054: "too_large",
  10097: "too_large",
  // The same id is being stored just now.
  10158: "unavailable",
};
/** With which a server ends a connection. @see https://docs.nats.io/reference/reference-protocols/nats-protocol#okerr */
const REASON_OF_TEXT: readonly (readonly [RegExp, Reason])[] = [
  [/^(authorization violation|permissions violation|failed account registration)/i, "unauthorized"],
  [/authentication (expired|revoked)$/i, "unauthorized"],
  [/^maximum subscriptions exceeded/i, "quota"],
  [/^maximum .*connections exceeded/i, "unavailable"],
];
/** Servers are asked one after the other: one that is silent must not keep us from the next. */
const CONNECT_MS = 10_000;
/** A stream that has no leader is like one that does not exist, for a moment. */
const ELECTION_MS = 10_000;
/** Of a control line's 4,096, the rest is for the reply subject and sizes. @see https://docs.nats.io/running-a-nats-service/configuration#limits */
const SUBJECT_BYTES = 3_900;
const NAMES = "$JS.API.STREAM.NAMES";
const EXCERPT = 256;

/** Nothing is opened before the first message. */
export function natsClient({ servers, jetstream, identity, tls, sent }: NatsOptions): Nats {
  const names = servers.map(({ host, port }) => `${host}:${port}`).join(", ");
  const doing = `the message to NATS at ${names}`;
  /** The server to ask next, or that we are connected to. */
  let at = Math.floor(Math.random() * servers.length);
  let current: NatsConnection | undefined;
  let opening: Promise<NatsConnection> | undefined;
  /** What is to be closed, also before it is open. */
  let line: Pick<NatsConnection, "close"> | undefined;
  let unheardSince: number | undefined;
  /** What was last said of who we are: a server may repeat it. */
  let secret = "";

  function drop(): void {
    const old = line;
    line = undefined;
    opening = undefined;
    old?.close();
  }

  function credentials(info: ServerInfo): Record<string, string> {
    if (identity === undefined) return {};
    secret = identity.secret();
    return credentialsFor(identity, secret, info);
  }

  async function open(): Promise<NatsConnection> {
    let failure: unknown;
    for (let tried = 0; tried < servers.length; tried++) {
      const to = servers[at % servers.length];
      if (to === undefined) break;
      const dial = dialNats({ to, tls: tls?.(), credentials, sent });
      line = dial;
      const hint = tls ? ", as from a server with `handshake_first: true`" : "";
      const late = new NatsError(`no greeting within ${CONNECT_MS / 1_000} s${hint}`);
      const timer = setTimeout(() => dial.close(late), CONNECT_MS);
      try {
        current = await dial.opened;
        return current;
      } catch (error) {
        failure = error;
        at++;
        // Dropped meanwhile: nobody waits for another.
        if (line !== dial) break;
      } finally {
        clearTimeout(timer);
      }
    }
    throw failure;
  }

  /** The connection there is, or a new one. */
  async function connected(): Promise<NatsConnection> {
    if (current?.open()) return current;
    if (opening === undefined) {
      const mine = open().finally(() => {
        if (opening === mine) opening = undefined;
      });
      opening = mine;
    }
    return opening;
  }

  function meaning(error: unknown): DeliveryError {
    if (error instanceof DeliveryError) return error;
    if (!(error instanceof NatsError)) return new DeliveryError("network", `${doing} failed${codeOf(error)}`);
    const reason = REASON_OF_TEXT.find(([pattern]) => pattern.test(error.message))?.[1] ?? "network";
    return new DeliveryError(reason, `${doing} failed: ${excerpt(error.message)}`);
  }

  function excerpt(text: string): string {
    return (secret === "" ? text : text.replaceAll(secret, "[secret]")).replace(/\s+/g, " ").slice(0, EXCERPT);
  }

  /** Why a message was not taken; undefined when it was. */
  function refusalOf(fate: Fate, subject: string): Omit<Refusal, "index"> | undefined {
    if (fate.kind === "denied")
      return { reason: "unauthorized", message: `${doing} was denied: ${excerpt(fate.text)}` };
    if (fate.kind === "no responders") {
      unheardSince ??= performance.now();
      const reason = performance.now() - unheardSince < ELECTION_MS ? "unavailable" : "not_found";
      return { reason, message: `${doing} found no stream for the subject ${subject}, or none that has a leader` };
    }
    unheardSince = undefined;
    const { stream, error } = parseAnswer(fate.text);
    if (error !== undefined) {
      const { code = 400, err_code = 0, description = "" } = error;
      const reason = REASON_OF_CODE[err_code] ?? reasonOfStatus(code) ?? "rejected";
      return { reason, message: `${doing} was answered ${err_code}: ${excerpt(description)}` };
    }
    if (stream !== undefined) return undefined;
    return { reason: "not_found", message: `${doing} was answered by something that is no stream` };
  }

  /** What needs no server to refuse it, and would make it close the connection. */
  function misfit({ subject, head, payload }: NatsMessage, max: number): Omit<Refusal, "index"> | undefined {
    const bytes = payload.length + (head?.length ?? 0);
    if (bytes > max)
      return { reason: "too_large", message: `the event has ${bytes} bytes, and NATS takes ${max} at most` };
    if (Buffer.byteLength(subject) <= SUBJECT_BYTES) return undefined;
    return { reason: "rejected", message: `the subject has more than the ${SUBJECT_BYTES} bytes that NATS takes` };
  }

  return {
    async publish(messages, signal) {
      if (signal.aborted) throw abortError(signal, doing);
      const refused: Refusal[] = [];
      const known = new Set<number>();
      const tell = (index: number, refusal: Omit<Refusal, "index"> | undefined) => {
        known.add(index);
        if (refusal) refused.push({ index, ...refusal });
      };
      const send = async () => {
        const through = await connected();
        if (signal.aborted) return;
        const max = through.info().max_payload;
        const fitting = [...messages.entries()].filter(([index, message]) => {
          const refusal = misfit(message, max);
          if (refusal) tell(index, refusal);
          return refusal === undefined;
        });
        const outgoing = fitting.map(([, message]) => message);
        await through.exchange(outgoing, jetstream, (place, fate) => {
          const [index = 0, message] = fitting[place] ?? [];
          tell(index, refusalOf(fate, message?.subject ?? ""));
        });
      };
      try {
        await untilAborted(send(), signal, doing, drop);
      } catch (error) {
        const { reason, message } = meaning(error);
        if (known.size === 0) throw new DeliveryError(reason, message);
        // What was answered before is settled.
        for (const index of messages.keys()) if (!known.has(index)) refused.push({ index, reason, message });
      }
      return refused.sort((one, other) => one.index - other.index);
    },
    async check(pattern, signal) {
      if (signal.aborted) throw abortError(signal, doing);
      let fate: Fate | undefined;
      const ask = async () => {
        const through = await connected();
        const question = jetstream
          ? [{ subject: NAMES, head: undefined, payload: Buffer.from(JSON.stringify({ subject: pattern })) }]
          : [];
        await through.exchange(question, jetstream, (_, told) => {
          fate = told;
        });
      };
      await untilAborted(ask(), signal, doing, drop).catch((error: unknown) => {
        throw meaning(error);
      });
      if (fate === undefined) return undefined;
      if (fate.kind === "denied")
        return `not checked: whether a stream takes ${pattern}, which needs the right to publish on ${NAMES}`;
      if (fate.kind === "no responders") throw new DeliveryError("not_found", `NATS at ${names} has no JetStream`);
      const { error, streams } = parseAnswer(fate.text);
      if (error) throw new DeliveryError("not_found", `NATS at ${names} answered: ${excerpt(error.description ?? "")}`);
      if (!streams?.length)
        throw new DeliveryError("not_found", `NATS at ${names} has no stream that takes ${pattern}`);
      return undefined;
    },
    close: drop,
  };
}

interface Answer {
  readonly stream?: string;
  readonly streams?: readonly string[] | null;
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
}

function parseAnswer(text: string): Answer {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

/** The fields of CONNECT that say who we are. Throws DeliveryError("unauthorized") for a secret that is none. */
function credentialsFor(
  { kind, username }: NatsIdentity,
  secret: string,
  { nonce }: ServerInfo,
): Record<string, string> {
  switch (kind) {
    case "token":
      return { auth_token: secret };
    case "password":
      return { user: username, pass: secret };
    case "nkeySeed": {
      const key = nkeyOf(secret);
      if (!key) throw new DeliveryError("unauthorized", "nats.nkeySeed is no seed of an nkey, such as SUA…");
      if (nonce === undefined) throw new DeliveryError("unauthorized", "the NATS server takes no nkeys");
      return { nkey: key.publicKey, sig: key.sign(nonce) };
    }
    case "credentials": {
      const credentials = parseCredentials(secret);
      if (!credentials) throw new DeliveryError("unauthorized", "nats.credentials is no credentials file of NATS");
      if (nonce === undefined) throw new DeliveryError("unauthorized", "the NATS server takes no credentials files");
      return { jwt: credentials.jwt, nkey: credentials.key.publicKey, sig: credentials.key.sign(nonce) };
    }
  }
}
