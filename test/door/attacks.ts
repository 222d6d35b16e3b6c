/** Ways to misuse the port that events are posted to. */
import { gzipSync } from "node:zlib";
import { core } from "../sources/posted.ts";

export interface Attack {
  /** A sentence. */
  readonly what: string;
  /** What it needs is made before it begins. Each round tells the status of every answer; `closed` and `nothing` are none. */
  make(port: number): (answered: (status: string | number) => void, round: number) => Promise<void>;
}

async function post(port: number, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}

/** The status of the answer to what is written as it is. */
async function raw(port: number, pieces: readonly (string | Uint8Array)[], everyMs = 0): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let open = true;
  let drained = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, data) => resolve(/^HTTP\/1.1 (\d+)/.exec(Buffer.from(data).toString("latin1"))?.[1] ?? ""),
      drain: () => drained.resolve(),
      error: () => {},
      close() {
        open = false;
        drained.resolve();
        resolve("closed");
      },
    },
  });
  for (const piece of pieces) {
    let rest = Buffer.from(piece);
    while (open && rest.length > 0) {
      drained = Promise.withResolvers();
      const count = socket.write(rest);
      if (count < 0) break;
      rest = rest.subarray(count);
      if (rest.length > 0) await Promise.race([drained.promise, Bun.sleep(100)]);
    }
    if (everyMs > 0) await Bun.sleep(everyMs);
  }
  const first = await Promise.race([promise, Bun.sleep(40_000).then(() => "nothing")]);
  socket.end();
  return first;
}

const head = (length: number | "chunked"): string =>
  `POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`}\r\n\r\n`;

const HUNDRED_MB = 100_000_000;
const MEGABYTE = 1024 * 1024;
const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);
const unfinished = (port: number, pieces: readonly string[]): Promise<string> =>
  Promise.race([raw(port, pieces, 100), Bun.sleep(3_000).then(() => "waiting")]);

/** That it is longer than it says: the last four bytes of what gzip makes. */
function lying(packed: Uint8Array): Uint8Array {
  const bytes = Buffer.from(packed);
  bytes.writeUInt32LE(1_000, bytes.length - 4);
  return bytes;
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  none: { what: "Nothing: what it costs that the processes stand by.", make: () => () => Bun.sleep(100) },
  declared: {
    what: "A body of 100 MB, whose length is told before.",
    make(port) {
      const megabyte = Buffer.alloc(MEGABYTE, 0x61);
      return async (answered) => answered(await raw(port, [head(HUNDRED_MB), ...times(100, megabyte)]));
    },
  },
  chunked: {
    what: "A body of 100 MB, whose length is not told before.",
    make(port) {
      const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(MEGABYTE, 0x61), Buffer.from("\r\n")]);
      const pieces = [head("chunked"), '7\r\n["aaaaa\r\n', ...times(100, chunk)];
      return async (answered) => answered(await raw(port, pieces));
    },
  },
  bomb: {
    what: "97 KB of gzip that unpack to 100 MB.",
    make(port) {
      const bomb = gzipSync(Buffer.alloc(HUNDRED_MB, 0x20));
      return async (answered) => answered(await post(port, bomb, { "content-encoding": "gzip" }));
    },
  },
  liar: {
    what: "The same, which says that it unpacks to 1,000 bytes.",
    make(port) {
      const bomb = lying(gzipSync(Buffer.alloc(HUNDRED_MB, 0x20)));
      return async (answered) => answered(await post(port, bomb, { "content-encoding": "gzip" }));
    },
  },
  deep: {
    what: "A million lists in each other.",
    make(port) {
      const deep = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;
      return async (answered) => answered(await post(port, deep));
    },
  },
  utf8: {
    what: "What is no UTF-8.",
    make: (port) => async (answered) =>
      answered(await post(port, new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]))),
  },
  parallel: {
    what: "A thousand at once, each with an event of its own, again and again.",
    make: (port) => async (answered, round) => {
      const bodies = Array.from({ length: 1_000 }, (_, n) => {
        const id = round * 1_000 + n;
        return JSON.stringify(core(id, { message: `posted ${id}` }));
      });
      for (const status of await Promise.all(bodies.map((body) => post(port, body)))) answered(status);
    },
  },
  slowloris: {
    what: "A hundred that send ten bytes a second, and never come to an end.",
    make: (port) => async (answered) => {
      const slow = times(100, 0).map(() => raw(port, [head(1_000_000), ..."{".repeat(20)], 100));
      for (const status of await Promise.all(slow)) answered(status);
    },
  },
  headers: {
    what: "Two hundred whose header never comes to an end.",
    make: (port) => async (answered) => {
      const pieces = [head(1).slice(0, -2), ...times(20, "X-A: b\r\n")];
      for (const status of await Promise.all(times(200, 0).map(() => unfinished(port, pieces)))) answered(status);
    },
  },
  large: {
    what: "No misuse, and much work: lists of four thousand events, a hundred of them at once, again and again.",
    make(port) {
      const large = JSON.stringify(Array.from({ length: 4_000 }, (_, n) => core(n)));
      return async (answered) => {
        for (const status of await Promise.all(times(100, 0).map(() => post(port, large)))) answered(status);
      };
    },
  },
};
