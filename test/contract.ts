/** What the tests of sinks share: events, a small template engine, and destinations that misbehave on request. */
import { DeliveryError } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import type { Fields, Logger } from "../src/logger.ts";

/** `{{ .Reason }}`, `{{ .Message }}` …: top-level fields by the exporter's names; any other throws for every event. */
export function compileSimple(text: string): (event: Event) => string {
  const parts = text.split(/\{\{-?\s*(.*?)\s*-?\}\}/);
  return (event) =>
    parts
      .map((part, index) => {
        if (index % 2 === 0) return part;
        const [, name = ""] = /^\.(\w+)$/.exec(part) ?? [];
        const value = (event as unknown as Record<string, unknown>)[name.charAt(0).toLowerCase() + name.slice(1)];
        if (typeof value !== "string" && typeof value !== "number") throw new Error(`can't evaluate ${part}`);
        return String(value);
      })
      .join("");
}

/** The event of every golden text; `change` is merged over it. */
export function anEvent(change: Partial<Event> = {}): Event {
  return {
    id: "ba30f343-3351.101",
    objectKey: "poduid-1",
    metadata: {
      name: "web-1.17aa",
      namespace: "default",
      uid: "ba30f343-3351",
      resourceVersion: "101",
      creationTimestamp: "2026-11-20T21:44:18Z",
    },
    reason: "BackOff",
    message: "Back-off <restarting> failed container",
    source: { component: "kubelet", host: "node-1" },
    firstTimestamp: "2026-11-20T21:44:18Z",
    lastTimestamp: "2026-11-20T21:45:18Z",
    count: 7,
    type: "Warning",
    eventTime: null,
    action: "",
    reportingComponent: "",
    reportingInstance: "",
    clusterName: "",
    involvedObject: {
      kind: "Pod",
      namespace: "default",
      name: "web-1",
      uid: "poduid-1",
      apiVersion: "v1",
      resourceVersion: "55",
      labels: { app: "web", "app.kubernetes.io/name": "web" },
      deleted: false,
    },
    ...change,
  };
}

/** A logger whose lines can be looked at. */
export function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const at = (level: string, added: Fields) => (message: string, fields?: Fields) => {
    lines.push(`${level} ${message} ${JSON.stringify({ ...added, ...fields })}`);
  };
  const make = (added: Fields): Logger => ({
    debug: at("debug", added),
    info: at("info", added),
    warn: at("warn", added),
    error: at("error", added),
    with: (fields) => make({ ...added, ...fields }),
  });
  return { logger: make({}), lines };
}

/** A request as it came over the wire. */
export interface RawRequest {
  /** Request line and headers, as sent. */
  readonly head: string;
  readonly body: string;
  /** Number of the connection that it came over, from 0. */
  readonly connection: number;
}

export interface RawServer extends Disposable {
  readonly port: number;
  readonly requests: readonly RawRequest[];
  /** Connections accepted so far, and those still open. */
  readonly connections: { accepted: number; open: number };
}

/** What to do with a request: bytes to send in pieces, `"close"` to close, `"reset"` to cut, nothing to stay silent. */
export type RawAnswer = readonly (string | Buffer)[];

interface RawState {
  index: number;
  received: Buffer;
}

/** An HTTP server that answers with exactly these bytes. `answer` gets the number of the request, from 0. */
export function rawServer(answer: (index: number, request: RawRequest) => RawAnswer): RawServer {
  const requests: RawRequest[] = [];
  const connections = { accepted: 0, open: 0 };
  const listener = Bun.listen<RawState>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { index: connections.accepted++, received: Buffer.alloc(0) };
        connections.open++;
      },
      data(socket, bytes) {
        socket.data.received = Buffer.concat([socket.data.received, bytes]);
        const { received, index } = socket.data;
        const end = received.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = received.toString("latin1", 0, end);
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (received.length < end + 4 + length) return;
        socket.data.received = received.subarray(end + 4 + length);
        const request = { head, body: received.toString("utf8", end + 4, end + 4 + length), connection: index };
        requests.push(request);
        for (const piece of answer(requests.length - 1, request)) {
          if (piece === "close") socket.end();
          else if (piece === "reset") socket.terminate();
          else {
            socket.write(piece);
            socket.flush();
          }
        }
      },
      close() {
        connections.open--;
      },
    },
  });
  return { port: listener.port, requests, connections, [Symbol.dispose]: () => listener.stop(true) };
}

/** Waits for what a peer does next; fails after two seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await Bun.sleep(1);
  }
}

/** The error that `work` rejects with; fails if it is not a DeliveryError. */
export async function refusalOf(work: Promise<unknown>): Promise<DeliveryError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof DeliveryError) return error;
    throw error;
  }
  throw new Error("expected a DeliveryError, but it resolved");
}

/** `reason: message`. */
export async function refusalText(work: Promise<unknown>): Promise<string> {
  const { reason, message } = await refusalOf(work);
  return `${reason}: ${message}`;
}

/** A file of the private authority that tests use. */
export function tlsFile(name: "ca.crt" | "other-ca.crt" | "server.crt" | "server.key" | "client.crt" | "client.key") {
  return `${import.meta.dir}/fixtures/tls/${name}`;
}
