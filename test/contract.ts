/** What the tests of sinks share: events, a small template engine, and destinations that misbehave on request. */

import type { About } from "../src/docs.ts";
import { DeliveryError, type Reason } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import type { Fields, Logger } from "../src/logger.ts";
import type { Metrics } from "../src/metrics.ts";

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

/** Events that somebody will send one day; every payload made of them must be valid all the same. */
export const HOSTILE: readonly Event[] = [
  anEvent({
    id: "",
    objectKey: "",
    metadata: {},
    reason: "",
    message: "",
    source: {},
    type: "",
    lastTimestamp: null,
    firstTimestamp: null,
    involvedObject: { deleted: false },
  }),
  anEvent({ message: "x".repeat(1024 * 1024) }),
  anEvent({ message: "lone \ud800 surrogate", reason: "\udfff" }),
  anEvent({ message: "two\nlines\r\nand\u0000zero\u2028", reason: "Rea\nson", id: "a\r\nX-Injected: 1" }),
  anEvent({ message: '"</script>\\"]} {{ .Reason }}', reason: "]<>&", id: 'quo"te]\\' }),
  anEvent({ message: "日本語 😀", firstTimestamp: "0001-01-01T00:00:00Z", lastTimestamp: "not a time" }),
];

/** How a destination treats what comes: takes it, stays silent, is not there, or answers so (HTTP). */
export type Behaviour =
  | "accept"
  | "hang"
  | "gone"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

export interface Destination extends AsyncDisposable {
  /** The sink's config that reaches it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Where the sink shows series of its own. */
  readonly metrics?: Metrics;
  behave(how: Behaviour): Promise<void>;
  /** What came, one text per delivered event. Waits until it is `count`. */
  received(count: number): Promise<readonly string[]>;
  /** Ids by which a repeat can be dropped, as they came. */
  readonly ids?: () => readonly string[];
}

/** Everything the contract must know of one sink: `test/sinks/NAME.ts`. */
export interface Fixture {
  open(): Promise<Destination>;
  /** What sinks/README.md says beside the settings; the contract holds it against what is sent. */
  readonly about: About;
  /** What {@link anEvent} arrives as. */
  readonly golden: string;
  /** The JSON in what came. Default: the whole. */
  readonly json?: (text: string) => string;
  /** Settings with {@link MARK} in everything that must not be shown; `PORT` stands for the destination's. */
  readonly secrets?: readonly Readonly<Record<string, unknown>>[];
  /** What a destination that is gone is called. */
  readonly gone: Reason;
  /** `check` cannot tell whether anybody is there. */
  readonly checkIsBlind?: true;
  /** Clauses that do not apply, each with the reason. Printed. */
  readonly skip: Readonly<Partial<Record<Clause, string>>>;
}

/** What must never be seen. */
export const MARK = "T0P-S3CRET";

export const CLAUSES = [
  "golden",
  "render",
  "full batch in order",
  "hostile events",
  "idempotent id",
  "gone",
  "hang",
  "aborted before",
  "aborted during",
  "statuses",
  "no secret shown",
  "check sends nothing",
  "open and dispose",
] as const;
export type Clause = (typeof CLAUSES)[number];

/** What a destination makes of a request: the texts and ids that came with it, and its answer (default: 200 `ok`). */
export interface Taken {
  readonly texts: readonly string[];
  readonly ids?: readonly string[];
  readonly answer?: Response;
}

/** An HTTP server as a destination; `config` gets its URL. */
export async function httpDestination(
  config: (url: string) => Readonly<Record<string, unknown>>,
  take: (request: Request, body: string) => Taken,
): Promise<Destination> {
  let how: Behaviour = "accept";
  const came: string[] = [];
  const ids: string[] = [];
  const faults: unknown[] = [];
  const released = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const body = await request.text();
      if (how === "hang") await released.promise;
      if (typeof how === "object")
        return new Response(how.body ?? "", { status: how.status, headers: how.headers ?? {} });
      try {
        const taken = take(request, body);
        came.push(...taken.texts);
        ids.push(...(taken.ids ?? []));
        return taken.answer ?? new Response("ok");
      } catch (error) {
        faults.push(error);
        return new Response(String(error), { status: 400 });
      }
    },
  });
  return {
    config: config(`http://127.0.0.1:${server.port}`),
    async behave(next) {
      how = next;
      if (next === "gone") await server.stop(true);
    },
    async received(count) {
      await until(() => came.length >= count || faults.length > 0, `${count} texts came`);
      if (faults.length > 0) throw faults[0];
      return came;
    },
    ids: () => ids,
    async [Symbol.asyncDispose]() {
      released.resolve();
      await server.stop(true);
    },
  };
}
