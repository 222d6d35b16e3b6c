/** A fake that speaks as much of NATS and JetStream as a publisher needs; the real server is in test/e2e/nats.test.ts. */
import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import {
  type Behaviour,
  type Delivery,
  type Fixture,
  lineOf,
  MARK,
  type ServerTls,
  serverTls,
  until,
} from "../contract.ts";
import { openRelay } from "../relay.ts";
import { GOLDEN_LINE } from "./lines.ts";

/** A message as it came. */
export interface Published {
  readonly subject: string;
  /** Empty: no answer is wanted. */
  readonly reply: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What a server does with a message: the JSON of its answer, `503`: nobody is there, `-ERR …`, or nothing for ever. */
export type Answer = string | undefined;

export interface FakeNats {
  /** What is said of itself, over the defaults. */
  readonly info?: Readonly<Record<string, unknown>>;
  readonly publish: (message: Published) => Answer;
  /** What CONNECT is answered with: `-ERR …` ends the connection. Default: it is taken. */
  readonly connect?: (options: Readonly<Record<string, unknown>>) => string | undefined;
  readonly silent?: () => boolean;
  readonly tls?: ServerTls | undefined;
}

/** Whole commands at the start of `bytes`, each with its payload, and what is left. */
function readCommands(bytes: Buffer): { commands: { words: string[]; payload: Buffer }[]; rest: Buffer } {
  const commands: { words: string[]; payload: Buffer }[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1) break;
    const words = bytes.toString("utf8", at, end).split(" ");
    const size = /^H?PUB$/.test(words[0] ?? "") ? Number(words.at(-1)) + 2 : 0;
    if (bytes.length < end + 2 + size) break;
    commands.push({ words, payload: Buffer.from(bytes.subarray(end + 2, end + 2 + Math.max(0, size - 2))) });
    at = end + 2 + size;
  }
  return { commands, rest: Buffer.from(bytes.subarray(at)) };
}

function publishedOf(words: readonly string[], payload: Buffer): Published {
  const [verb, subject = "", ...others] = words;
  const sizes = verb === "HPUB" ? 2 : 1;
  const reply = others.length > sizes ? (others[0] ?? "") : "";
  const head = verb === "HPUB" ? Number(others.at(-2)) : 0;
  const [, ...lines] = payload.toString("utf8", 0, head).trimEnd().split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
  );
  return { subject, reply, headers, text: payload.toString("utf8", head) };
}

export async function fakeNats(options: FakeNats) {
  const sockets = new Set<Socket>();

  function serve(socket: Socket): void {
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      const read = readCommands(Buffer.concat([rest, bytes]));
      rest = read.rest;
      if (options.silent?.()) return;
      for (const { words, payload } of read.commands) socket.write(respond(words, payload, () => socket.end()));
    });
  }

  function respond(words: readonly string[], payload: Buffer, end: () => void): string {
    const [verb] = words;
    if (verb === "PING") return "PONG\r\n";
    if (verb === "CONNECT") {
      const said = options.connect?.(JSON.parse(words.slice(1).join(" ")));
      if (said === undefined) return "";
      setImmediate(end);
      return `${said}\r\n`;
    }
    if (verb !== "PUB" && verb !== "HPUB") return "";
    const message = publishedOf(words, payload);
    const answer = options.publish(message);
    if (answer === undefined) return "";
    if (answer.startsWith("-ERR")) return `${answer}\r\n`;
    if (message.reply === "") return "";
    if (answer === "503") return `HMSG ${message.reply} 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n`;
    return `MSG ${message.reply} 1 ${Buffer.byteLength(answer)}\r\n${answer}\r\n`;
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    if (options.silent?.()) return;
    const info = { server_id: "fake", version: "2.15.2", headers: true, max_payload: 8 * 1024 * 1024, proto: 1 };
    const { tls } = options;
    socket.write(`INFO ${JSON.stringify({ ...info, ...(tls && { tls_required: true }), ...options.info })}\r\n`);
    if (tls === undefined) return serve(socket);
    const secure = new TLSSocket(socket, { isServer: true, ...serverTls(tls) });
    secure.on("error", () => {});
    return serve(secure);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    /** Breaks the connections; the server stays. */
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

export const STORED = '{"stream":"EVENTS","seq":1}';
export const errorAnswer = (code: number, errCode: number, description: string): string =>
  JSON.stringify({ error: { code, err_code: errCode, description } });

export default {
  async open(tls) {
    let how: Behaviour = "accept";
    const came: string[] = [];
    const ids: string[] = [];
    const deliveries: Delivery[] = [];
    const server = await fakeNats({
      tls,
      silent: () => how === "hang",
      connect: () =>
        typeof how === "object" && "status" in how ? `-ERR 'Authorization Violation ${how.body ?? ""}'` : undefined,
      publish({ subject, text, headers }) {
        if (subject.startsWith("$JS.API")) return '{"streams":["EVENTS"]}';
        deliveries.push({ texts: [text], bytes: text.length });
        if (typeof how === "object" && "tooLarge" in how && text.length > how.tooLarge)
          return errorAnswer(400, 10054, "message size exceeds maximum allowed");
        const verdict = typeof how === "object" && "judge" in how ? how.judge(text) : undefined;
        if (verdict)
          return verdict === "again"
            ? errorAnswer(503, 10077, "maximum messages exceeded")
            : errorAnswer(400, 10165, "invalid per-message TTL");
        came.push(text);
        ids.push(headers["Nats-Msg-Id"] ?? "");
        return STORED;
      },
    });
    const relay = await openRelay(server.port);
    return {
      config: { servers: `127.0.0.1:${relay.port}`, subject: "kubernetes.events.{{ .Reason }}" },
      async behave(next) {
        how = next;
        // Credentials are looked at when a connection begins.
        if (typeof next === "object" && "status" in next) server.cut();
        await relay.behave(lineOf(next));
      },
      async received(count) {
        await until(() => came.length >= count, `${count} messages came`);
        return came;
      },
      ids: () => ids,
      deliveries: () => deliveries,
      sent: relay.sent,
      async [Symbol.asyncDispose]() {
        await relay.close();
        server.stop();
      },
    };
  },
  golden: GOLDEN_LINE.trimEnd(),
  secrets: [{ token: MARK }, { username: "u", password: MARK }, { nkeySeed: MARK }, { credentials: MARK }],
  about: {
    auth: "One of `token`, `username` with `password`, `nkeySeed`, or `credentials`; a client certificate in `tls`.",
    permissions:
      "Publish on the subject, subscribe to `_INBOX.>`. Publishing on `$JS.API.STREAM.NAMES` is for `petrel check --connect` alone, which says so when it is missing. Petrel makes no stream: one that takes the subject, and acknowledges (not `no_ack`), must be there.",
    limits:
      "1 MiB a message with its headers unless the server's [`max_payload`](https://docs.nats.io/running-a-nats-service/configuration#limits) says otherwise, which Petrel heeds; a stream may take less (`max_msg_size`)",
    order: "per object",
    id: "header `Nats-Msg-Id`: a stream drops a repeat within its `duplicate_window`, 2 minutes unless it says otherwise",
    retries: "JetStream's error codes, each message's own; no responders",
    tested: [{ component: "nats", server: "NATS", version: "2.15.2" }],
  },
  gone: "network",
  skip: { statuses: "no HTTP; nats.test.ts has the errors of NATS" },
} satisfies Fixture;
