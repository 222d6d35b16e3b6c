/** The source `http`: events that are posted to Petrel. */
import { readFileSync } from "node:fs";
import type { HttpSourceConfig } from "../config/types.ts";
import { listenError, parseAddress } from "../listen.ts";
import type { Logger } from "../logger.ts";
import { wasted } from "../memory.ts";
import type { Cell, Metrics } from "../metrics.ts";
import { NotAnEvent } from "../normalise.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { Prepared } from "../pipeline/posting.ts";
import type { Secret } from "../sink.ts";
import { createPace, resting, restless } from "./pace.ts";
import { problemResponse, REFUSALS, Refused } from "./problem.ts";
import { createAllowance, readBody, SMALL } from "./read-body.ts";
import { type Reading, readingOf, readPosted } from "./read-posted.ts";
import { createSplitter, type Parts } from "./split.ts";

export interface HttpSource {
  readonly port: number;
  /** From now on every request is answered with 503. */
  refuse(): void;
  stop(): Promise<void>;
}

export interface HttpSourceOptions {
  readonly config: HttpSourceConfig;
  /** Of the config, read anew with each request. */
  readonly token: Secret | undefined;
  readonly pipeline: Pick<Pipeline, "watch" | "prepare" | "fits" | "post" | "committed" | "room">;
  /** A watch is read beside it, and is not to wait. Default: none. */
  readonly watching?: boolean;
  /** Whether what is posted would be delivered by this process. */
  leads(): boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Of the body, in milliseconds. Default 30 s. */
  readonly bodyTimeoutMs?: number;
}

/** What Kubernetes Event Grid Bridge serves: an exporter that posts there need not be told another address. */
const BRIDGE_PATH = "/api/kubernetes/events/forward";
const PATHS: ReadonlySet<string> = new Set(["/events", BRIDGE_PATH]);
const METHODS = "POST, OPTIONS";
const BODY_TIMEOUT_MS = 30_000;
/** Seconds without a byte after which a connection is closed: later than a body that is late, which gets an answer. */
const IDLE_SECONDS = 45;
/** What bodies under way may take together, in bytes; or twice the largest, packed and unpacked. */
const ALL_BODIES = 8 * 1024 * 1024;
/** What is garbage after a body, by its size: text, parsed data, and events. */
const GARBAGE = 8;
/** Events that enter the log in one step. */
const TAKEN_AT_ONCE = 50;

/** @throws Error when the port or the certificate cannot be used. */
export function startHttpSource(options: HttpSourceOptions): HttpSource {
  const { config, pipeline, logger, metrics } = options;
  const { hostname, port } = parseAddress(config.address, "http.address");
  const limits = { maxBody: config.maxBody, timeoutMs: options.bodyTimeoutMs ?? BODY_TIMEOUT_MS };
  const allowances = {
    small: createAllowance(ALL_BODIES),
    large: createAllowance(Math.max(ALL_BODIES, 2 * config.maxBody)),
  };
  const watch = pipeline.watch("http");
  const pace = createPace(options.watching ? resting : restless);
  const end = new AbortController();
  let refusing = false;
  let crowd: Promise<void> | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const counted = (status: number): Cell =>
    metrics.counter("petrel_posts_total", "Requests to the port of the source http, by the status of the answer.", {
      status: String(status),
    });
  const answers = new Map<number, Cell>([200, 204, ...REFUSALS].map((status) => [status, counted(status)]));

  /** One waits for all: how long sources are held back is measured by who waits. */
  function crowded(): boolean {
    if (crowd) return true;
    crowd = pipeline.room(end.signal)?.finally(() => {
      crowd = undefined;
    });
    return crowd !== undefined;
  }

  function admit(request: Request): void {
    const origin = request.headers.get("origin");
    const site = request.headers.get("sec-fetch-site") ?? "none";
    // A page may post a form anywhere without asking first.
    if (origin !== null || (site !== "none" && site !== "same-origin")) {
      throw new Refused(403, { detail: "requests from pages are not served" });
    }
    if (options.token === undefined) return;
    const given = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    // As https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#3-authorization has it.
    if (isToken(given ?? new URL(request.url).searchParams.get("access_token") ?? "", options.token)) return;
    throw new Refused(401, { detail: "send the bearer token of `http.token`" }, { "www-authenticate": "Bearer" });
  }

  function isToken(given: string, token: Secret): boolean {
    let wanted: string;
    try {
      wanted = token.reveal();
    } catch (error) {
      logger.error("the token of the http source cannot be read, so nobody may post", { error: String(error) });
      return false;
    }
    const digest = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest();
    return wanted !== "" && crypto.timingSafeEqual(digest(given), digest(wanted));
  }

  function unavailable(): Refused | undefined {
    if (refusing) return new Refused(503, { detail: "petrel is stopping" }, { "retry-after": "5" });
    if (options.leads()) return undefined;
    return new Refused(503, { detail: "another petrel delivers at this moment" }, { "retry-after": "5" });
  }

  /** Large bodies one after the other, so that what they take is taken once. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  function expectRoom(): void {
    const away = unavailable();
    if (away) throw away;
    if (!crowded()) return;
    throw new Refused(429, { detail: "receivers are behind with what was posted before" }, { "retry-after": "1" });
  }

  /**
   * In steps. A list is taken whole or not at all: from the first event that is taken nothing can refuse the others.
   */
  function* put(reading: Reading, body: Uint8Array, parts: Parts): Generator<void, readonly string[] | undefined> {
    const prepared: Prepared[] = [];
    for (const posted of readPosted(reading, body, parts)) {
      if (prepared.length > 0) yield;
      prepared.push(pipeline.prepare(posted));
    }
    // It may have been long since it was asked.
    expectRoom();
    if (!pipeline.fits(prepared)) return undefined;
    const ids: string[] = [];
    for (let at = 0; at === 0 || at < prepared.length; at += TAKEN_AT_ONCE) {
      if (at > 0) yield;
      ids.push(...(pipeline.post(watch, prepared.slice(at, at + TAKEN_AT_ONCE)) ?? []));
    }
    return ids;
  }

  async function take(request: Request, path: string): Promise<Response> {
    expectRoom();
    const reading = readingOf(request.headers, { anyType: path === BRIDGE_PATH });
    const splitter = createSplitter(reading.form);
    const body = await readBody(request, limits, allowances, pace, splitter.push);
    try {
      const { bytes } = body;
      const small = bytes.length <= SMALL;
      const work = () => pace.run(put(reading, bytes, splitter.end()));
      const ids = await (small ? work() : inTurn(work));

      if (ids === undefined) {
        throw new Refused(413, { detail: "it is more than the buffer holds; post fewer events at once" });
      }
      if (!(await pipeline.committed())) {
        throw new Refused(503, { detail: "the journal cannot be written" }, { "retry-after": "5" });
      }
      return taken(ids, path);
    } catch (error) {
      if (error instanceof NotAnEvent) throw new Refused(400, { detail: error.message });
      throw error;
    } finally {
      body.done();
      // Of small ones the engine thinks by itself.
      if (body.bytes.length > SMALL) wasted(GARBAGE * body.bytes.length);
    }
  }

  async function answer(request: Request): Promise<Response> {
    try {
      const path = pathOf(request.url);
      if (!PATHS.has(path)) throw new Refused(404, { detail: `post to /events or ${BRIDGE_PATH}` });
      if (request.method === "OPTIONS") return consent(request);
      admit(request);
      if (request.method !== "POST") {
        throw new Refused(405, { detail: `${request.method.slice(0, 16)} is not served here` }, { allow: METHODS });
      }
      return await take(request, path);
    } catch (error) {
      if (error instanceof Refused) return problemResponse(error);
      logger.error("a request to the http source failed", {
        stack: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return problemResponse(new Refused(500, { detail: "internal error" }));
    }
  }

  try {
    const server = Bun.serve({
      port,
      ...(hostname !== "" && { hostname }),
      // A little more, so that it is this side that says why.
      maxRequestBodySize: config.maxBody + 1024 * 1024,
      idleTimeout: IDLE_SECONDS,
      ...(config.tls && { tls: readTls(config.tls) }),
      async fetch(request) {
        const response = await answer(request);
        const cell = answers.get(response.status);
        if (cell) cell.value++;
        return response;
      },
    });
    return {
      port: server.port ?? port,
      refuse() {
        refusing = true;
        // Of a list that has begun to be taken the rest is taken before receivers are asked whether they have everything.
        pace.finish();
        end.abort();
      },
      stop: () => server.stop(true),
    };
  } catch (error) {
    throw new Error(`cannot listen on ${config.address} for the http source: ${listenError(error)}`);
  }
}

/** Without the work of parsing all of a URL, for each of many requests. */
function pathOf(url: string): string {
  const start = url.indexOf("/", "https://".length);
  const end = url.indexOf("?", start);
  return start < 0 ? "/" : url.slice(start, end < 0 ? url.length : end);
}

/** Header values are visible ASCII. */
function headerId(id: string): string {
  return id.replace(/[^\u0021-\u007e]|%/gu, encodeURIComponent);
}

/** The bridge answered with an empty body and this header, and nothing else. */
function taken(ids: readonly string[], path: string): Response {
  const [first] = ids;
  const headers = ids.length === 1 && first !== undefined ? { "x-event-id": headerId(first) } : {};
  if (path === BRIDGE_PATH && ids.length === 1) return new Response(null, { status: 200, headers });
  return new Response(`${JSON.stringify({ ids })}\n`, {
    status: 200,
    headers: { "content-type": "application/json", ...headers },
  });
}

/**
 * Whoever wants to send CloudEvents here asks first. What lets an event in is its token, so everybody may ask; browsers
 * get no leave, for want of what CORS asks for.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection
 */
function consent(request: Request): Response {
  const origin = request.headers.get("webhook-request-origin");
  const rate = request.headers.get("webhook-request-rate");
  return new Response(null, {
    status: 204,
    headers: {
      allow: METHODS,
      ...(origin !== null && {
        "webhook-allowed-origin": origin,
        "webhook-allowed-rate": rate !== null && /^[1-9]\d*$/.test(rate) ? rate : "*",
      }),
    },
  });
}

function readTls({ certFile, keyFile, clientCaFile }: NonNullable<HttpSourceConfig["tls"]>) {
  const read = (key: string, path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      throw new Error(`http.tls.${key} ${path} cannot be read (${code})`);
    }
  };
  return {
    cert: read("certFile", certFile),
    key: read("keyFile", keyFile),
    ...(clientCaFile !== undefined && {
      ca: read("clientCaFile", clientCaFile),
      requestCert: true,
      rejectUnauthorized: true,
    }),
  };
}
