/**
 * The other side of a benchmark, in a process of its own: an API server whose watch lines are ready before the clock
 * starts, and webhooks that only count. Speaks JSON lines: commands on stdin, answers on stdout.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { anEvent } from "./an-event.ts";

/** What the parent may ask for. */
export type Command =
  /** Store events that the next list tells. */
  | { readonly do: "store"; readonly events: number }
  /** Write to the open watch: all at once, or `perSecond` evenly spaced. Answered when the last byte is handed over. */
  | { readonly do: "send"; readonly events: number; readonly perSecond?: number }
  /** Answered when that many different events have come to the webhooks since the last answer, or after `withinMs`. */
  | { readonly do: "received"; readonly events: number; readonly withinMs: number }
  /** Answered when a watch is open. */
  | { readonly do: "watched" };

export interface Received {
  /** Different ones. */
  readonly events: number;
  readonly repeated: number;
  /** Milliseconds from handing a watch line over to having its request whole. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const version = { now: 1_000 };
let stored = 0;
let watch: ServerResponse | undefined;
const seen = new Set<string>();
/** Of these, since the last answer. */
let fresh = 0;
let repeated = 0;
let latencies: number[] = [];

/** Milliseconds since 1970 with fractions: the same clock in every process of the machine. */
const clock = (): number => performance.timeOrigin + performance.now();

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://x");
  if (request.method === "POST") return receive(request, response);
  if (!url.pathname.endsWith("/events")) {
    response.writeHead(404).end("{}");
    return;
  }
  // client-go asks for a list by way of a watch first, and takes this for an API server that has none.
  if (url.searchParams.has("sendInitialEvents")) {
    const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Invalid", code: 422 };
    response.writeHead(422, { "content-type": "application/json" }).end(JSON.stringify(status));
    return;
  }
  if (url.searchParams.has("watch")) {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    // A second watch is one that looks whether the first has gone silent.
    if (watch && !watch.closed) return;
    watch = response;
    for (const tell of waitingForWatch.splice(0)) tell();
    return;
  }
  const limit = Number(url.searchParams.get("limit") ?? 500);
  const from = Number(url.searchParams.get("continue") ?? 0);
  const to = Math.min(stored, from + limit);
  const rest = to < stored ? `,"continue":"${to}"` : "";
  let body = `{"kind":"EventList","apiVersion":"v1","metadata":{"resourceVersion":"${version.now}"${rest}},"items":[`;
  for (let n = from; n < to; n++) body += (n > from ? "," : "") + anEvent(n, n + 1, clock());
  response.writeHead(200, { "content-type": "application/json" });
  response.end(`${body}]}`);
});

function receive(request: import("node:http").IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const at = clock();
    const body = Buffer.concat(chunks).toString();
    for (const [, id = "", stamp] of body.matchAll(/#(\d+)@([\d.]+)#/g)) {
      latencies.push(at - Number(stamp));
      if (seen.has(id)) repeated++;
      else fresh++;
      seen.add(id);
    }
    response.writeHead(200).end();
    for (const check of waitingForEvents) check();
  });
}

const waitingForWatch: (() => void)[] = [];
const waitingForEvents = new Set<() => void>();
let sent = 0;

async function send(events: number, perSecond: number | undefined): Promise<void> {
  if (perSecond === undefined) {
    const CHUNK = 200;
    for (let n = 0; n < events; n += CHUNK) {
      let text = "";
      for (let i = n; i < Math.min(events, n + CHUNK); i++) {
        text += `{"type":"ADDED","object":${anEvent(sent++, ++version.now, Math.round(clock() * 1e3) / 1e3)}}\n`;
      }
      if (watch?.write(text) === false) await new Promise((resolve) => watch?.once("drain", resolve));
    }
    return;
  }
  const begin = clock();
  for (let n = 0; n < events; n++) {
    const due = begin + (n * 1_000) / perSecond;
    const wait = due - clock();
    if (wait > 1) await Bun.sleep(wait - 0.5);
    watch?.write(`{"type":"ADDED","object":${anEvent(sent++, ++version.now, Math.round(clock() * 1e3) / 1e3)}}\n`);
  }
}

async function obey(command: Command): Promise<unknown> {
  switch (command.do) {
    case "store":
      stored = command.events;
      version.now += stored;
      return {};
    case "send":
      await send(command.events, command.perSecond);
      return {};
    case "watched":
      if (!watch) await new Promise<void>((resolve) => waitingForWatch.push(resolve));
      return { at: clock() };
    case "received": {
      await arrived(command.events, command.withinMs);
      latencies.sort((a, b) => a - b);
      const at = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN;
      const result: Received = { events: fresh, repeated, p50: at(0.5), p99: at(0.99), max: at(1) };
      latencies = [];
      repeated = 0;
      fresh = 0;
      return result;
    }
  }
}

async function arrived(events: number, withinMs: number): Promise<void> {
  if (fresh >= events) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(late);
      waitingForEvents.delete(check);
      resolve();
    };
    const check = (): void => {
      if (fresh >= events) end();
    };
    const late = setTimeout(end, withinMs);
    waitingForEvents.add(check);
  });
}

server.listen(0, "127.0.0.1", async () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
  for await (const line of console) {
    if (line === "") continue;
    process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line)))}\n`);
  }
  process.exit(0);
});
