/** The far ends of Petrel's receivers, each a real one: what arrived, in order of arrival. */
import { closeSync, constants, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Running } from "../testbed/component.ts";
import { command } from "../testbed/place.ts";

/** An event as it arrived: the JSON that every receiver without a layout sends. */
export interface Arrived {
  /** `<uid>.<resourceVersion>`. */
  readonly id: string;
  readonly version: number;
  readonly event: KubeEvent;
}

export interface KubeEvent {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly involvedObject: { readonly kind: string; readonly name: string };
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
}

export interface FarEnd {
  readonly name: string;
  /** The `receivers:` entry that sends here. */
  readonly receiver: Record<string, unknown>;
  arrived(): readonly Arrived[];
  close(): Promise<void>;
}

export function arrivedFrom(json: string): Arrived {
  const event = JSON.parse(json) as KubeEvent;
  const { uid, resourceVersion } = event.metadata;
  return { id: `${uid}.${resourceVersion}`, version: Number(resourceVersion), event };
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

/** Counts requests whose Idempotency-Key is not the id of the event in their body. */
export function webhookEnd(): FarEnd & { readonly wrongKeys: readonly string[] } {
  const got: Arrived[] = [];
  const wrongKeys: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const one = arrivedFrom(await request.text());
      const key = request.headers.get("idempotency-key");
      if (key !== one.id) wrongKeys.push(`${key} for ${one.id}`);
      got.push(one);
      return new Response(null, { status: 204 });
    },
  });
  return {
    name: "webhook",
    receiver: { name: "webhook", webhook: { endpoint: `http://127.0.0.1:${server.port}/events` } },
    arrived: () => got,
    wrongKeys,
    close: () => server.stop(true),
  };
}

export function fileEnd(folder: string): FarEnd {
  const path = join(folder, "events.jsonl");
  return {
    name: "file",
    receiver: { name: "file", file: { path } },
    arrived: () => (existsSync(path) ? lines(readFileSync(path, "utf8")).map(arrivedFrom) : []),
    close: async () => {},
  };
}

/** `stdout` returns the lines that the process wrote. */
export function stdoutEnd(stdout: () => readonly string[]): FarEnd {
  return {
    name: "stdout",
    receiver: { name: "stdout", stdout: {} },
    arrived: () => stdout().map(arrivedFrom),
    close: async () => {},
  };
}

export async function udpEnd(): Promise<FarEnd> {
  const got: Arrived[] = [];
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: { data: (_, data) => void got.push(arrivedFrom(data.toString().trimEnd())) },
  });
  return {
    name: "udp",
    receiver: { name: "udp", udp: { host: `127.0.0.1:${socket.port}` } },
    arrived: () => got,
    close: async () => socket.close(),
  };
}

/** A named pipe that is read from now on. */
export async function pipeEnd(folder: string): Promise<FarEnd> {
  const path = join(folder, "events.fifo");
  await command(["mkfifo", path]);
  // Open for reading and writing: the end of one writer is no end of file.
  const fifo = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(65_536);
  const decoder = new TextDecoder();
  let text = "";
  const read = () => {
    for (;;) {
      try {
        text += decoder.decode(buffer.subarray(0, readSync(fifo, buffer)), { stream: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") return;
        throw error;
      }
    }
  };
  const timer = setInterval(read, 5);
  return {
    name: "pipe",
    receiver: { name: "pipe", pipe: { path } },
    arrived: () => {
      read();
      return lines(text.slice(0, text.lastIndexOf("\n") + 1)).map(arrivedFrom);
    },
    close: async () => {
      clearInterval(timer);
      closeSync(fifo);
    },
  };
}

/** A real rsyslog, by UDP; `tag` tells this test's messages from others'. */
export function syslogEnd(rsyslog: Running, tag: string): FarEnd {
  const got = rsyslog.env.GOT ?? "";
  return {
    name: "syslog",
    receiver: { name: "syslog", syslog: { network: "udp", address: `127.0.0.1:${rsyslog.ports.syslog}`, tag } },
    arrived: () =>
      lines(readFileSync(got, "utf8"))
        .map((line) => JSON.parse(line) as { app: string; msg: string })
        .filter((message) => message.app === tag)
        .map((message) => arrivedFrom(message.msg.slice(message.msg.indexOf("{")))),
    close: async () => {},
  };
}

/** Ids that arrived more than once. */
export function repeated(arrived: readonly Arrived[]): string[] {
  const seen = new Set<string>();
  return arrived.filter(({ id }) => seen.size === seen.add(id).size).map(({ id }) => id);
}

/** A route that gives every event to every receiver; to `some` only those of one namespace. */
export function configFor(
  ends: readonly FarEnd[],
  more: Record<string, unknown> = {},
  some?: { readonly ends: readonly FarEnd[]; readonly namespace: string },
): Record<string, unknown> {
  const match = [
    ...ends.map((end) => ({ receiver: end.name })),
    ...(some?.ends ?? []).map((end) => ({ namespace: `^${some?.namespace}$`, receiver: end.name })),
  ];
  const receivers = [...ends, ...(some?.ends ?? [])].map((end) => end.receiver);
  return { ...more, route: { routes: [{ match }] }, receivers };
}
