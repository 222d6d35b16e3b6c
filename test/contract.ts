/** What the tests of sinks share: events, a small template engine, destinations, and what a fixture tells of its sink. */

import { readFileSync } from "node:fs";
import type { About } from "../src/docs.ts";
import { DeliveryError, type Reason } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import type { Fields, Logger } from "../src/logger.ts";
import type { Metrics } from "../src/metrics.ts";
import type { Clause } from "./clauses.ts";
import { type Line, openRelay } from "./relay.ts";

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

type Pair = "server" | "client" | "other-client" | "expired" | "elsewhere";
export type TlsFile = "ca.crt" | "other-ca.crt" | "careless-ca.crt" | `${Pair}.${"crt" | "key"}`;

/** A file of the private authority that tests use. */
export function tlsFile(name: TlsFile) {
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
  anEvent({
    involvedObject: {
      ...anEvent().involvedObject,
      labels: Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`team.example.com/label-${n}`, `value ${n}`])),
    },
  }),
];

/** What a destination makes of one event of several: takes it, may take it later, or never. */
export type Verdict = "again" | "never" | undefined;

/**
 * How a destination treats what comes: takes it, stays silent, answers so (HTTP), finds what is larger than so many bytes
 * too large, or judges event by event. Or how the line to it behaves.
 */
export type Behaviour =
  | "accept"
  | "hang"
  | Exclude<Line, "pass">
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly tooLarge: number }
  | { readonly judge: (text: string) => Verdict };

/** What came together. */
export interface Delivery {
  readonly texts: readonly string[];
  readonly bytes: number;
}

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
  /** What came, request by request, also what was refused. */
  readonly deliveries?: () => readonly Delivery[];
  /** What went over the wire. */
  readonly sent?: () => Buffer;
}

/** How a server proves who it is, and whose clients it takes: paths of PEM files. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** The authority of the clients; without one it asks for none. */
  readonly clients?: string;
}

/** How a field's template is seen at work. */
export interface TemplateCase {
  readonly value?: unknown;
  /** What it gives for {@link anEvent}. */
  readonly gives?: string;
  /** Other settings that it needs. */
  readonly with?: Readonly<Record<string, unknown>>;
  /** Why it cannot be seen in what is sent. */
  readonly unseen?: string;
}

/** Everything the contract must know of one sink: `test/sinks/NAME.ts`. */
export interface Fixture {
  /** `tls` comes only where the sink has settings for it. */
  open(tls?: ServerTls): Promise<Destination>;
  /** What sinks/README.md says beside the settings; the contract holds it against what is sent. */
  readonly about: About;
  /** What {@link anEvent} arrives as. */
  readonly golden: string;
  /** The JSON in what came. Default: the whole. */
  readonly json?: (text: string) => string;
  /** Settings with {@link MARK} in everything that must not be shown; `PORT` stands for the destination's. The first has the credentials. */
  readonly secrets?: readonly Readonly<Record<string, unknown>>[];
  /** How the config says it. Default: `{ tls: settings }`. */
  readonly tls?: (settings: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  /** Templates by the path of their field, where the contract's own would not do. */
  readonly templates?: Readonly<Record<string, TemplateCase>>;
  /** What a destination that is gone is called. */
  readonly gone: Reason;
  /** The destination refuses no single event of a batch for good; why. */
  readonly refusesNone?: string;
  /** `check` cannot tell whether anybody is there. */
  readonly checkIsBlind?: true;
  /** Clauses that do not apply, each with the reason. Printed. */
  readonly skip: Readonly<Partial<Record<Clause, string>>>;
}

/** What must never be seen. */
export const MARK = "T0P-S3CRET";

/** What a destination makes of a request: the texts and ids that came with it, and its answer (default: 200 `ok`). */
export interface Taken {
  /** One for each event that was taken. */
  readonly texts: readonly string[];
  readonly ids?: readonly string[];
  /** Texts of events that were not taken. */
  readonly refused?: readonly string[];
  readonly answer?: Response;
}

/** What the destination shall make of an event; the text is any that holds what the event says. */
export type Judge = (text: string) => Verdict;

/** An HTTP server as a destination; `config` gets its URL. */
export async function httpDestination(
  config: (url: string) => Readonly<Record<string, unknown>>,
  take: (request: Request, body: string, judge: Judge) => Taken,
  tls?: ServerTls,
): Promise<Destination> {
  let how: Behaviour = "accept";
  const came: string[] = [];
  const ids: string[] = [];
  const deliveries: Delivery[] = [];
  const faults: unknown[] = [];
  let released = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    ...(tls && { tls: serverTls(tls) }),
    async fetch(request) {
      const body = await request.text();
      const bytes = Buffer.byteLength(body);
      if (how === "hang") await released.promise;
      if (typeof how === "object" && "status" in how)
        return new Response(how.body ?? "", { status: how.status, headers: how.headers ?? {} });
      const judge = typeof how === "object" && "judge" in how ? how.judge : () => undefined;
      try {
        if (typeof how === "object" && "tooLarge" in how && bytes > how.tooLarge) {
          deliveries.push({ texts: [], bytes });
          return new Response("too large", { status: 413 });
        }
        const taken = take(request, body, judge);
        came.push(...taken.texts);
        ids.push(...(taken.ids ?? []));
        const texts = [...taken.texts, ...(taken.refused ?? [])];
        if (texts.length > 0) deliveries.push({ texts, bytes });
        return taken.answer ?? new Response("ok");
      } catch (error) {
        faults.push(error);
        return new Response(String(error), { status: 400 });
      }
    },
  });
  const relay = await openRelay(server.port ?? 0);
  return {
    config: config(`${tls ? "https" : "http"}://127.0.0.1:${relay.port}`),
    async behave(next) {
      if (how === "hang") {
        released.resolve();
        released = Promise.withResolvers();
      }
      how = next;
      await relay.behave(lineOf(next));
    },
    async received(count) {
      await until(() => came.length >= count || faults.length > 0, `${count} texts came`);
      if (faults.length > 0) throw faults[0];
      return came;
    },
    ids: () => ids,
    deliveries: () => deliveries,
    sent: relay.sent,
    async [Symbol.asyncDispose]() {
      released.resolve();
      await relay.close();
      await server.stop(true);
    },
  };
}

/** What the line does when the destination behaves so. */
export function lineOf(how: Behaviour): Line {
  return typeof how === "object" || how === "accept" || how === "hang" ? "pass" : how;
}

/** For Bun's servers. */
export function serverTls({ cert, key, clients }: ServerTls) {
  const read = (path: string) => readFileSync(path, "utf8");
  return {
    cert: read(cert),
    key: read(key),
    ...(clients && { ca: read(clients), requestCert: true, rejectUnauthorized: true }),
  };
}
