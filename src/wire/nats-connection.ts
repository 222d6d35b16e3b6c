/**
 * One connection to a NATS server: greeting, TLS, who we are, messages in one go, and what is said of each. It is not
 * opened again: what is not delivered is the runtime's to send, over a new one.
 *
 * @see https://docs.nats.io/reference/reference-protocols/nats-protocol
 */
import { randomBytes } from "node:crypto";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { version } from "../version.ts";
import type { Address } from "./address.ts";
import type { TlsMaterial } from "./tls.ts";

/** What a server says of itself when it is connected to, and again when that changes. */
export interface ServerInfo {
  /** Bytes of headers and payload that a message may have. */
  readonly max_payload: number;
  readonly headers?: boolean;
  /** What a client signs to say who it is. */
  readonly nonce?: string;
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
}

/** What becomes of a message: somebody answered, the server has nobody who would, or we may not send it. */
export type Fate =
  | { readonly kind: "answer"; readonly text: string }
  | { readonly kind: "no responders" }
  | { readonly kind: "denied"; readonly text: string };

export interface NatsMessage {
  readonly subject: string;
  /** As {@link natsHead} makes it; servers without headers are sent none. */
  readonly head: Buffer | undefined;
  readonly payload: Buffer;
}

/** Headers as they go out; undefined for none. There must be no line breaks in them. */
export function natsHead(headers: readonly (readonly [name: string, value: string])[]): Buffer | undefined {
  if (headers.length === 0) return undefined;
  return Buffer.from(`NATS/1.0\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
}

/** The server's own words, with which it ends a connection or refuses to begin one. */
export class NatsError extends Error {
  override readonly name = "NatsError";
}

export interface NatsConnection {
  readonly info: () => ServerInfo;
  /** False: another has to be opened. */
  readonly open: () => boolean;
  /**
   * Sends all messages in order. With `answers`, resolves when something is known of each; without, when the server has
   * processed all of them, and tells of those alone that were denied. Rejects with the error of the socket, or with
   * NatsError, when the connection ends before.
   */
  exchange(
    messages: readonly NatsMessage[],
    answers: boolean,
    told: (index: number, fate: Fate) => void,
  ): Promise<void>;
  /** Ends it at once: whoever waits is told, that it was closed unless there is another reason. */
  close(why?: Error): void;
}

export interface NatsDial {
  readonly to: Address;
  /** Absent: no TLS. */
  readonly tls: TlsMaterial | undefined;
  /** The fields of CONNECT that say who we are. May throw. */
  readonly credentials: (info: ServerInfo) => Readonly<Record<string, string>>;
  /** Told how many bytes go out for messages. */
  readonly sent: (bytes: number) => void;
}

/** Messages that went out together. */
interface Exchange {
  /** Those of which nothing is known yet, by the number in their reply subject. */
  readonly waiting: Map<number, { readonly index: number; readonly subject: string }>;
  readonly told: (index: number, fate: Fate) => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A server that closes without a word. */
const CLOSED = Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" });
/** Longer lines than servers write, which name all of a cluster in one. */
const LINE_BYTES = 1024 * 1024;
/** Longer answers than anything that is asked for. */
const ANSWER_BYTES = 4 * 1024 * 1024;
const NONSENSE = "it does not speak NATS's protocol";
const CRLF = Buffer.from("\r\n");
const INBOX_SID = 1;

/** Where a connection gets its answers; nobody can guess it. */
const inbox = (): string => `_INBOX.${randomBytes(12).toString("hex")}`;

/** Connects and says who we are. Rejects with the error of socket or handshake, with NatsError, or what `credentials` throws. */
export function dialNats({ to, tls, credentials, sent }: NatsDial): {
  readonly opened: Promise<NatsConnection>;
  readonly close: NatsConnection["close"];
} {
  const prefix = inbox();
  const opening = Promise.withResolvers<NatsConnection>();
  const exchanges = new Set<Exchange>();
  /** Who waits for which PONG. */
  const pongs: (() => void)[] = [];
  let socket: Socket = connect({ host: to.host, port: to.port, noDelay: true });
  let info: ServerInfo | undefined;
  let ended = false;
  /** The last that the server complained of. */
  let complaint: NatsError | undefined;
  let rest: Buffer = Buffer.alloc(0);
  let count = 0;

  function end(error: unknown): void {
    if (ended) return;
    ended = true;
    socket.destroy();
    const why = complaint ?? error;
    opening.reject(why);
    for (const { reject } of exchanges) reject(why);
    exchanges.clear();
  }

  function listen(to: Socket): void {
    to.on("data", received);
    to.on("error", end);
    to.on("close", () => end(CLOSED));
  }

  function received(bytes: Buffer): void {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    try {
      while (!ended) {
        const taken = take(rest);
        if (taken === 0) break;
        rest = rest.subarray(taken);
      }
    } catch (error) {
      end(error instanceof NatsError ? error : new NatsError(NONSENSE));
    }
  }

  /** Deals with what is at the start of `bytes`; how many bytes that was, 0 when it is not whole. */
  function take(bytes: Buffer): number {
    const at = bytes.indexOf(CRLF);
    if (at === -1 && bytes.length < LINE_BYTES) return 0;
    const [, word = "", text = ""] = /^([A-Z+-]+)[ \t]*(.*)$/i.exec(bytes.toString("utf8", 0, Math.max(0, at))) ?? [];
    const after = at + CRLF.length;
    const kind = word.toUpperCase();
    switch (kind) {
      case "INFO":
        informed(JSON.parse(text) as ServerInfo);
        return after;
      case "PING":
        socket.write("PONG\r\n");
        return after;
      case "PONG":
        pongs.shift()?.();
        return after;
      case "+OK":
        return after;
      case "-ERR":
        complained(text.replace(/^'|'$/g, ""));
        return after;
      case "MSG":
      case "HMSG": {
        const parts = text.split(/[ \t]+/);
        const size = Number(parts.at(-1));
        if (!(size >= 0 && size <= ANSWER_BYTES)) break;
        if (bytes.length < after + size + CRLF.length) return 0;
        const head = kind === "MSG" ? 0 : Number(parts.at(-2));
        const headers = bytes.toString("utf8", after, after + head);
        answered(parts[0] ?? "", headers, bytes.toString("utf8", after + head, after + size));
        return after + size + CRLF.length;
      }
    }
    throw new NatsError(NONSENSE);
  }

  function informed(said: ServerInfo): void {
    const first = info === undefined;
    info = { ...info, ...said };
    if (!first) return;
    if (tls === undefined) {
      if (said.tls_required) throw new NatsError("it wants TLS: set tls");
      introduce();
      return;
    }
    // Otherwise everything, credentials too, would be for all to read.
    if (!said.tls_required && !said.tls_available) throw new NatsError("it does not speak TLS: remove tls");
    const raw = socket;
    raw.removeAllListeners("data");
    const { serverName = isIP(to.host) !== 0 ? undefined : to.host, ...material } = tls;
    socket = connectTls({ socket: raw, host: to.host, ...material, ...(serverName && { servername: serverName }) });
    listen(socket);
    socket.once("secureConnect", introduce);
  }

  function introduce(): void {
    if (info === undefined || ended) return;
    try {
      const who = {
        verbose: false,
        pedantic: false,
        lang: "petrel",
        version,
        name: "petrel",
        protocol: 1,
        echo: false,
      };
      const can = info.headers ? { headers: true, no_responders: true } : {};
      const line = JSON.stringify({ ...who, ...can, tls_required: tls !== undefined, ...credentials(info) });
      pongs.push(() => (complaint === undefined ? opening.resolve(connection) : end(complaint)));
      socket.write(`CONNECT ${line}\r\nSUB ${prefix}.* ${INBOX_SID}\r\nPING\r\n`);
    } catch (error) {
      end(error);
    }
  }

  function complained(text: string): void {
    const [, denied] = /^permissions violation for publish to (.*)$/i.exec(text) ?? [];
    // What else it says, it says before it closes the connection.
    if (denied === undefined) {
      complaint = new NatsError(text);
      // Without a place to hear answers from, none of them would come.
      if (/^permissions violation/i.test(text)) end(complaint);
      return;
    }
    // One for each message, in their order: more would be taken for another delivery's.
    const all = [...exchanges].flatMap((exchange) =>
      [...exchange.waiting].map(([number, one]) => ({ exchange, number, one })),
    );
    const found =
      all.find(({ one }) => denied === JSON.stringify(one.subject)) ??
      // Go quotes some letters in other ways.
      all.find(({ one }) => /[^ -~]/.test(one.subject));
    if (found) settle(found.exchange, found.number, found.one.index, { kind: "denied", text });
  }

  function answered(to: string, headers: string, text: string): void {
    const number = Number(to.slice(prefix.length + 1));
    for (const exchange of exchanges) {
      const found = exchange.waiting.get(number);
      if (found === undefined) continue;
      const nobody = text === "" && /^NATS\/\S+ 503\b/.test(headers);
      settle(exchange, number, found.index, nobody ? { kind: "no responders" } : { kind: "answer", text });
      return;
    }
  }

  function settle(exchange: Exchange, number: number, index: number, fate: Fate): void {
    exchange.waiting.delete(number);
    exchange.told(index, fate);
    if (exchange.waiting.size === 0) finish(exchange);
  }

  function finish(exchange: Exchange): void {
    exchanges.delete(exchange);
    exchange.resolve();
  }

  const connection: NatsConnection = {
    info: () => info ?? { max_payload: 0 },
    open: () => !ended,
    exchange(messages, answers, told) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      if (ended) {
        reject(complaint ?? CLOSED);
        return promise;
      }
      const exchange: Exchange = { waiting: new Map(), told, resolve, reject };
      exchanges.add(exchange);
      const parts: Buffer[] = [];
      for (const [index, { subject, head, payload }] of messages.entries()) {
        const number = ++count;
        exchange.waiting.set(number, { index, subject });
        const where = answers ? `${subject} ${prefix}.${number}` : subject;
        if (head && info?.headers)
          parts.push(Buffer.from(`HPUB ${where} ${head.length} ${head.length + payload.length}\r\n`), head);
        else parts.push(Buffer.from(`PUB ${where} ${payload.length}\r\n`));
        parts.push(payload, CRLF);
      }
      if (!answers) {
        pongs.push(() => finish(exchange));
        parts.push(Buffer.from("PING\r\n"));
      }
      if (exchange.waiting.size === 0 && answers) finish(exchange);
      const bytes = Buffer.concat(parts);
      sent(bytes.length);
      socket.write(bytes);
      return promise;
    },
    close: (why = CLOSED) => end(why),
  };

  listen(socket);
  return { opened: opening.promise, close: connection.close };
}
