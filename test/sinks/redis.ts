/** A fake that speaks RESP 3 as a client of Redis needs it; the real server is in test/e2e/redis.test.ts. */
import type { Socket } from "bun";
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

/** Whole commands at the start of `text`, and what is left. */
export function readCommands(bytes: Buffer): { commands: string[][]; rest: Buffer } {
  const commands: string[][] = [];
  let at = 0;
  for (;;) {
    const command: string[] = [];
    let next = at;
    const line = () => {
      const end = bytes.indexOf("\r\n", next);
      if (end === -1) return undefined;
      const text = bytes.toString("latin1", next + 1, end);
      next = end + 2;
      return Number(text);
    };
    const count = line();
    if (count === undefined) break;
    let whole = true;
    for (let i = 0; i < count && whole; i++) {
      const length = line();
      if (length === undefined || bytes.length < next + length + 2) whole = false;
      else {
        command.push(bytes.toString("utf8", next, next + length));
        next += length + 2;
      }
    }
    if (!whole) break;
    commands.push(command);
    at = next;
  }
  return { commands, rest: bytes.subarray(at) };
}

const HELLO = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n";

/** `answer` says what a command is answered, in RESP; undefined: nothing, for ever. */
export function fakeRedis(answer: (command: readonly string[]) => string | undefined, tls?: ServerTls) {
  const sockets = new Set<Socket<{ rest: Buffer }>>();
  const listener = Bun.listen<{ rest: Buffer }>({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls && { tls: serverTls(tls) }),
    socket: {
      open(socket) {
        socket.data = { rest: Buffer.alloc(0) };
        sockets.add(socket);
      },
      close: (socket) => void sockets.delete(socket),
      data(socket, bytes) {
        const { commands, rest } = readCommands(Buffer.concat([socket.data.rest, bytes]));
        socket.data.rest = Buffer.from(rest);
        for (const command of commands) {
          const said = answer(command);
          if (said !== undefined) socket.write(said);
        }
      },
    },
  });
  return {
    port: listener.port,
    /** Breaks the connections; the server stays. */
    cut: () => {
      for (const socket of sockets) socket.terminate();
    },
    stop: () => listener.stop(true),
  };
}

const ERRORS: Readonly<Record<number, string>> = { 401: "WRONGPASS", 503: "LOADING" };

export default {
  async open(tls) {
    let how: Behaviour = "accept";
    const came: string[] = [];
    const ids: string[] = [];
    const deliveries: Delivery[] = [];
    const server = fakeRedis((command) => {
      const [name, ...args] = command;
      if (how === "hang") return undefined;
      if (typeof how === "object" && "status" in how) return `-${ERRORS[how.status] ?? "ERR"} ${how.body ?? ""}\r\n`;
      if (name === "HELLO") return HELLO;
      if (name === "XADD") {
        const text = args.at(-1) ?? "";
        deliveries.push({ texts: [text], bytes: text.length });
        if (typeof how === "object" && "tooLarge" in how && text.length > how.tooLarge)
          return "-ERR Protocol error: invalid bulk length\r\n";
        const verdict = typeof how === "object" && "judge" in how ? how.judge(text) : undefined;
        if (verdict) return verdict === "again" ? "-BUSY Redis is busy\r\n" : "-ERR never\r\n";
        came.push(text);
        ids.push(args[args.indexOf("id") + 1] ?? "");
        return "$3\r\n1-0\r\n";
      }
      return name === "PING" ? "+PONG\r\n" : "+OK\r\n";
    }, tls);
    const relay = await openRelay(server.port);
    return {
      config: { address: `127.0.0.1:${relay.port}` },
      async behave(next) {
        how = next;
        await relay.behave(lineOf(next));
      },
      async received(count) {
        await until(() => came.length >= count, `${count} entries came`);
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
  secrets: [{ password: MARK }],
  about: {
    auth: "`username` and `password` of the ACL; a client certificate in `tls`.",
    permissions:
      "ACL `+xadd` (list: `+rpush +ltrim`; pubsub: `+publish`) on the key or channel, and `+ping +hello +select`.",
    limits: "512 MB a value ([strings](https://redis.io/docs/latest/develop/data-types/strings/#limits))",
    order: "per object",
    id: "field `id` of a stream's entry",
    retries: "each command's error: LOADING, OOM, READONLY, NOAUTH …",
    tested: [{ component: "redis", server: "Redis", version: "7.0.15" }],
  },
  gone: "network",
  skip: { statuses: "no HTTP; redis.test.ts has the errors of Redis" },
} satisfies Fixture;
