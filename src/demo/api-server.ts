/**
 * A small Kubernetes API server over loopback HTTP: enough of it to list and watch events as a real one does, to look
 * up the metadata of the objects they speak of, and to misbehave on request.
 *
 * Built on node:http and not on Bun.serve, which sends no response headers before the first byte of a body (Bun 1.4.5):
 * a watch on a quiet cluster would never seem to open.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { discover, type KnownObject, pathOf, RESOURCES } from "./discovery.ts";
import { asEventsV1, createEventStore, type EventInput, type Stored } from "./event-store.ts";
import { encodeToken, versionToList } from "./list-version.ts";
import { createObjectStore, type ObjectStore } from "./objects.ts";
import { fieldSelector, labelSelector, type Selector, SelectorError } from "./selectors.ts";
import * as status from "./status.ts";
import { bookmark, line, lineOf, objectOf, type Watched } from "./watch-lines.ts";

export interface ApiServerOptions {
  /** Milliseconds; default Date.now. */
  readonly now?: () => number;
  /** How long an event stays after its last write; default 1 h, as kube-apiserver. Applied at every request and write. */
  readonly ttlMs?: number;
  /** Default: crypto.randomUUID. */
  readonly uid?: () => string;
  /** The resourceVersion before the first write; default 1000. */
  readonly firstVersion?: number;
  /** Send BOOKMARK lines to watches that allow them every so often. Real servers send none for events; default off. */
  readonly bookmarkMs?: number;
  /** Serve discovery in the aggregated form to those who accept it; default true. */
  readonly aggregatedDiscovery?: boolean;
  /** API groups whose server is down. */
  readonly brokenGroups?: readonly string[];
  /** PEM; the server then speaks HTTPS, and asks for a client certificate when `ca` is given. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ApiServer {
  readonly url: string;
  /** The version of the last write. */
  readonly version: number;
  /** Open watches. */
  readonly watches: number;
  /** The last 1,000 requests. */
  readonly requests: readonly SeenRequest[];
  /** Leases and ConfigMaps. */
  readonly objects: ObjectStore;
  /** Creates the event, or replaces the one of that namespace and name. Returns it as stored. */
  put(event: EventInput): Stored;
  /** Merges fields into an event. Throws when there is none. */
  update(namespace: string, name: string, fields: Partial<Omit<EventInput, "metadata">>): Stored;
  /** False when there was none. */
  remove(namespace: string, name: string): boolean;
  /** Makes an object known to look-ups of its metadata. */
  putObject(object: KnownObject): void;
  removeObject(object: KnownObject): void;
  /** Compacts the history up to a version (default: the last one): older positions answer 410. */
  compact(version?: number): void;
  /** Ends every open watch as a real server does at its timeout. */
  closeWatches(): void;
  /** Answers the next `count` requests (of paths holding `path`) with this status. */
  fail(count: number, answer: status.Status, path?: string): void;
  /** Sees every request first; what it returns is the answer. Undefined takes it away. */
  intercept(handler: ((request: SeenRequest) => status.Status | undefined) | undefined): void;
  /** Refuses (401) whoever does not send this bearer token; undefined: everybody may. */
  requireToken(token: string | undefined): void;
  /** Breaks every open watch; `midLine` sends half a watch line first. Resolves when the connections are gone. */
  cut(options?: { readonly midLine?: boolean }): Promise<void>;
  /** Writes these bytes into every open watch, between two lines. */
  garbage(bytes: string | Uint8Array): void;
  /** Open watches stay open for ever and bring nothing more, not even their end; new ones are healthy. */
  freeze(): void;
  /** While on, watches (open or new) bring no events although they end in time; lists are healthy. */
  mute(on: boolean): void;
  /** From now on, watches get their bytes in pieces of this size, one per tick; 0 ends it. */
  trickle(bytes: number, tickMs: number): void;
  /** While on, requests are accepted and never answered. */
  hang(on: boolean): void;
  stop(): Promise<void>;
}

interface Watch extends Watched {
  readonly response: ServerResponse;
  readonly bookmarks: boolean;
  readonly timers: NodeJS.Timeout[];
  frozen: boolean;
  /** Bytes that a trickle has not sent yet. */
  pending: Buffer;
}

/** A body ready to be sent. */
interface Document {
  readonly body: string;
  /** 201 and not 200. */
  readonly created?: boolean;
  readonly type?: string;
  readonly gzip?: boolean;
}

/** Lists above this come gzipped when the client accepts it, as from kube-apiserver. */
const GZIP_FROM = 128 * 1024;
/** --min-request-timeout of kube-apiserver; without timeoutSeconds a watch lives this long up to twice of it. */
const MIN_WATCH_SECONDS = 1_800;
const KEPT_REQUESTS = 1_000;
const EVENTS_PATH = /^\/(?:api\/v1|apis\/(events\.k8s\.io)\/v1)(?:\/namespaces\/([^/]+))?\/events(?:\/([^/]+))?$/;

export async function createApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const watches = new Set<Watch>();
  const requests: SeenRequest[] = [];
  const objects = new Map<string, KnownObject>();
  const failures: { left: number; readonly answer: status.Status; readonly path: string }[] = [];
  const broken = new Set(options.brokenGroups ?? []);
  let interceptor: ((request: SeenRequest) => status.Status | undefined) | undefined;
  let token: string | undefined;
  let muted = false;
  let hanging = false;
  let trickleBytes = 0;
  let trickleTimer: NodeJS.Timeout | undefined;

  const now = options.now ?? Date.now;
  const uid = options.uid ?? (() => crypto.randomUUID());
  const store = createEventStore({
    now,
    ttlMs: options.ttlMs ?? 3_600_000,
    uid,
    firstVersion: options.firstVersion ?? 1_000,
    written(change) {
      if (muted) return;
      for (const watch of watches) {
        const line = lineOf(change, watch);
        if (line !== undefined) write(watch, line);
      }
    },
  });

  const kept = createObjectStore({ next: store.next, now, uid });

  function write(watch: Watch, data: string | Uint8Array): void {
    if (watch.frozen) return;
    if (trickleBytes > 0) watch.pending = Buffer.concat([watch.pending, Buffer.from(data)]);
    else watch.response.write(data);
  }

  function end(watch: Watch): void {
    if (watch.frozen || !watches.delete(watch)) return;
    for (const timer of watch.timers) clearTimeout(timer);
    watch.response.end();
  }

  /** Undefined: the response is a watch now. */
  function openWatch(response: ServerResponse, query: URLSearchParams, watched: Watched): status.Status | undefined {
    const text = query.get("resourceVersion") ?? "";
    if (!/^\d*$/.test(text)) {
      return { code: 500, reason: "InternalError", message: `invalid resourceVersion "${text}"` };
    }
    const initial = query.get("sendInitialEvents") === "true";
    if (initial && query.get("resourceVersionMatch") !== "NotOlderThan") {
      return {
        code: 422,
        reason: "Invalid",
        message:
          'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      };
    }
    const watch: Watch = {
      response,
      ...watched,
      bookmarks: query.get("allowWatchBookmarks") === "true",
      timers: [],
      frozen: false,
      pending: Buffer.alloc(0),
    };
    response.writeHead(200, { "Content-Type": "application/json" });
    response.flushHeaders();
    const from = Number(text);
    if (from > 0 && from < store.compacted && !initial) {
      const object = status.statusBody(status.expiredWatch);
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return undefined;
    }
    watches.add(watch);
    response.on("close", () => {
      watches.delete(watch);
      for (const timer of watch.timers) clearTimeout(timer);
    });
    if (from === 0 || initial) {
      for (const item of store.snapshot(store.version)) {
        if (watch.matches(item.event)) write(watch, line("ADDED", item, watch.group));
      }
      if (initial && watch.bookmarks) write(watch, bookmark(watch.group, store.version, true));
    } else if (!muted) {
      for (const change of store.since(from)) {
        const text = lineOf(change, watch);
        if (text !== undefined) write(watch, text);
      }
    }
    const asked = Number(query.get("timeoutSeconds") ?? 0);
    const seconds = asked > 0 ? asked : MIN_WATCH_SECONDS * (1 + Math.random());
    watch.timers.push(setTimeout(() => end(watch), seconds * 1_000));
    if (watch.bookmarks && options.bookmarkMs !== undefined) {
      watch.timers.push(
        setInterval(() => write(watch, bookmark(watch.group, store.version, false)), options.bookmarkMs),
      );
    }
    return undefined;
  }

  function list(query: URLSearchParams, watched: Watched): Document | status.Status {
    const limit = Number(query.get("limit") ?? 0);
    const wanted = versionToList(query, limit, store.version, store.compacted);
    if ("code" in wanted) return wanted;
    const items = store.snapshot(wanted.version).filter((item) => watched.matches(item.event));
    const first = items.findIndex((item) => item.key >= wanted.start);
    const rest = first < 0 ? [] : items.slice(first);
    const page = limit > 0 ? rest.slice(0, limit) : rest;
    const last = page.at(-1);
    const more = last !== undefined && page.length < rest.length;
    const filtered = (query.get("fieldSelector") ?? "") !== "" || (query.get("labelSelector") ?? "") !== "";
    const body = JSON.stringify({
      kind: "EventList",
      apiVersion: watched.group === "" ? "v1" : "events.k8s.io/v1",
      metadata: {
        resourceVersion: String(wanted.version),
        ...(more ? { continue: encodeToken({ v: "meta.k8s.io/v1", rv: wanted.version, start: `${last.key}\0` }) } : {}),
        ...(more && !filtered ? { remainingItemCount: rest.length - page.length } : {}),
      },
      items: page.map((item) => (watched.group === "" ? item.event : asEventsV1(item.event))),
    });
    return { body, gzip: body.length > GZIP_FROM };
  }

  function answer(
    request: IncomingMessage,
    response: ServerResponse,
    sent: string,
  ): Document | status.Status | undefined {
    const url = new URL(request.url ?? "/", "http://localhost");
    const query = url.searchParams;
    const path = url.pathname;
    const method = request.method ?? "GET";
    const seen = { method, path, query: Object.fromEntries(query), headers: request.headers };
    if (requests.push(seen) > KEPT_REQUESTS) requests.shift();
    if (hanging) return undefined;
    const failure = failures.find((one) => one.left > 0 && path.includes(one.path));
    if (failure) {
      failure.left--;
      return failure.answer;
    }
    const intercepted = interceptor?.(seen);
    if (intercepted) return intercepted;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return status.unauthorized;
    const object = kept.answer({ method, path, body: sent === "" ? undefined : parsed(sent) });
    if (object) {
      return "refused" in object ? object.refused : { body: JSON.stringify(object.body), created: object.code === 201 };
    }
    if (method !== "GET") return status.methodNotAllowed;
    store.expire();
    const events = EVENTS_PATH.exec(path);
    if (events) return answerEvents(response, query, events);
    if (path === "/readyz" || path === "/livez" || path === "/healthz") return { body: "ok", type: "text/plain" };
    if (path === "/version") return { body: JSON.stringify(VERSION) };
    const discovered = discover(path, request.headers.accept ?? "", {
      aggregated: options.aggregatedDiscovery ?? true,
      broken,
    });
    if (discovered === "unavailable") return status.unavailable;
    if (discovered) return { body: JSON.stringify(discovered.body), type: discovered.type };
    const known = objects.get(path);
    if (!known) return missing(path);
    const partial = (request.headers.accept ?? "").includes("as=PartialObjectMetadata");
    const kind = partial ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" } : {};
    return { body: JSON.stringify({ ...known, ...kind }) };
  }

  function answerEvents(
    response: ServerResponse,
    query: URLSearchParams,
    [, group = "", namespace = "", name]: RegExpExecArray,
  ): Document | status.Status | undefined {
    if (name !== undefined) {
      const item = store.get(`${namespace}/${name}`);
      return item ? { body: JSON.stringify(objectOf(item, group)) } : status.notFound("events", name, group);
    }
    try {
      const fields = fieldSelector(query.get("fieldSelector") ?? "", group);
      const labels = labelSelector(query.get("labelSelector") ?? "");
      const inside = (of: string) => namespace === "" || of === namespace;
      const matches: Selector = (event) => inside(event.metadata.namespace) && fields(event) && labels(event);
      const watching = query.get("watch") === "1" || query.get("watch") === "true";
      return watching ? openWatch(response, query, { group, matches }) : list(query, { group, matches });
    } catch (error) {
      if (error instanceof SelectorError) return status.badRequest(error.message);
      throw error;
    }
  }

  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const answered = answer(request, response, Buffer.concat(parts).toString());
      if (answered) send(response, answered, /\bgzip\b/.test(request.headers["accept-encoding"] ?? ""));
    });
  };
  const tls = options.tls;
  const server = tls
    ? createTlsServer({ ...tls, requestCert: tls.ca !== undefined }, listener)
    : createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  const api: ApiServer = {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    get version() {
      return store.version;
    },
    get watches() {
      return watches.size;
    },
    requests,
    objects: kept,
    put: (event) => store.put(event),
    update(namespace, name, fields) {
      const before = store.get(`${namespace}/${name}`);
      if (!before) throw new Error(`no event ${namespace}/${name} to update`);
      return store.put({ ...before.event, ...fields });
    },
    remove: (namespace, name) => store.remove(`${namespace}/${name}`),
    putObject: (object) => void objects.set(pathOf(object), object),
    removeObject: (object) => void objects.delete(pathOf(object)),
    compact: (version) => store.compact(version),
    closeWatches() {
      for (const watch of watches) end(watch);
    },
    fail: (count, answer, path = "") => void failures.push({ left: count, answer, path }),
    intercept(handler) {
      interceptor = handler;
    },
    requireToken(value) {
      token = value;
    },
    async cut({ midLine = false } = {}) {
      const half = '{"type":"ADDED","object":{"kind":"Event","apiVersion":"v1","metadata":{"name":"ha';
      const cuts = [...watches].map(async ({ response }) => {
        if (midLine) {
          response.write(half);
          // A reset overtakes bytes that the client has not read yet.
          await Bun.sleep(5);
        }
        const gone = new Promise((resolve) => response.once("close", resolve));
        response.socket?.destroy();
        await gone;
      });
      await Promise.all(cuts);
    },
    garbage(bytes) {
      for (const watch of watches) write(watch, bytes);
    },
    freeze() {
      for (const watch of watches) watch.frozen = true;
    },
    mute(on) {
      muted = on;
    },
    trickle(bytes, tickMs) {
      clearInterval(trickleTimer);
      trickleBytes = bytes;
      for (const watch of watches) {
        if (bytes === 0 && watch.pending.length > 0) watch.response.write(watch.pending);
        if (bytes === 0) watch.pending = Buffer.alloc(0);
      }
      if (bytes === 0) return;
      trickleTimer = setInterval(() => {
        for (const watch of watches) {
          if (watch.pending.length > 0) watch.response.write(watch.pending.subarray(0, bytes));
          watch.pending = watch.pending.subarray(bytes);
        }
      }, tickMs);
    },
    hang(on) {
      hanging = on;
    },
    async stop() {
      clearInterval(trickleTimer);
      for (const watch of watches) for (const timer of watch.timers) clearTimeout(timer);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  api.putObject(namespaceObject("kube-system", "5e0d7c1e-9f4a-4a53-8b4c-6b1f5f0e7a11"));
  return api;
}

const VERSION = { major: "1", minor: "36", gitVersion: "v1.36.3", platform: "linux/amd64" };

/** A namespace as {@link ApiServer.putObject} takes it. */
export function namespaceObject(name: string, uid: string): KnownObject {
  const labels = { "kubernetes.io/metadata.name": name };
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, uid, resourceVersion: "4", creationTimestamp: "2026-01-05T08:00:00Z", labels },
  };
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** 404 in the words that belong to the path. */
function missing(path: string): status.Status {
  const match = /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/[^/]+)?\/([^/]+)\/([^/]+)$/.exec(path);
  const [, group = "", plural, name] = match ?? [];
  const known = RESOURCES.some((resource) => resource.group === group && resource.plural === plural);
  return known ? status.notFound(plural, name, group) : status.notFound();
}

function send(response: ServerResponse, answer: Document | status.Status, gzip: boolean): void {
  if ("code" in answer) {
    const retry = answer.retryAfter === undefined ? {} : { "Retry-After": String(answer.retryAfter) };
    response.writeHead(answer.code, { "Content-Type": "application/json", ...retry });
    response.end(JSON.stringify(status.statusBody(answer)));
    return;
  }
  const zipped = gzip && answer.gzip === true;
  response.writeHead(answer.created ? 201 : 200, {
    "Content-Type": answer.type ?? "application/json",
    ...(zipped ? { "Content-Encoding": "gzip" } : {}),
  });
  response.end(zipped ? Bun.gzipSync(Buffer.from(answer.body)) : answer.body);
}
