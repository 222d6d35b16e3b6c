/** What the API server knows of an event's object beside its name: labels, annotations, owners, whether it is gone. */
import type { ObjectReference, OwnerReference } from "../event.ts";
import type { Logger } from "../logger.ts";
import type { Cell, Metrics } from "../metrics.ts";
import { createBoundedCache } from "./bounded-cache.ts";
import { type ApiClient, ApiError } from "./client.ts";
import { type Discovery, objectPath, type Resource } from "./discovery.ts";
import { listOf, memberOf, textOf } from "./json.ts";
import { createTokenBucket } from "./token-bucket.ts";

/** Shaped to be spread over an event's involvedObject. */
export interface ObjectMetadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  /** Gone, going, or replaced by another object of the same name. Labels and the rest are then the last that were seen. */
  readonly deleted: boolean;
}

export interface Enricher {
  /**
   * A value when it is known now (undefined: it cannot be known), a promise when the API server is asked; the promise
   * never rejects, and settles within `timeoutMs`: with undefined, or with what was known before, when nothing came.
   */
  lookup(object: ObjectReference): ObjectMetadata | undefined | Promise<ObjectMetadata | undefined>;
  /** Answers all who wait with undefined and cuts the requests. */
  close(): void;
}

export interface EnricherOptions {
  readonly client: Pick<ApiClient, "json">;
  readonly discovery: Discovery;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Answers from the cache, and from the API server (404 included), as the exporter counts them. */
  readonly reads: { readonly hits: Cell; readonly misses: Cell };
  readonly now?: () => number;
  /** Objects remembered. Default 1024, as the exporter. */
  readonly cacheSize?: number;
  /** How long what was found is good. Default 5 min: labels of a living object seldom change. */
  readonly ttlMs?: number;
  /** How long an object that was not there, or is going, is taken for that. Default 10 s. */
  readonly negativeTtlMs?: number;
  /**
   * Requests a second; negative: no limit. Default 50, and 100 at once, which is what every kubelet takes for itself
   * (kubeAPIQPS, kubeAPIBurst): the exporter's 5 and 10 starve as soon as a cluster is busy.
   */
  readonly qps?: number;
  readonly burst?: number;
  /** How long a lookup may take as a whole. Default 2 s. */
  readonly timeoutMs?: number;
}

/** Closed: a metric label. */
type Outcome = "hit" | "found" | "deleted" | "unknown_kind" | "forbidden" | "timeout" | "failed" | "overflow";

/** What a question came to; without metadata, what was known before serves on. */
interface Answer {
  readonly outcome: Outcome;
  readonly metadata?: ObjectMetadata;
}

interface Known {
  readonly metadata: ObjectMetadata;
  readonly expiresAt: number;
}

/** One question to the API server, and all who wait for its answer. */
interface Flight {
  readonly key: string;
  readonly object: ObjectReference;
  /** Undefined when the deadline has answered those who waited; who comes then waits anew. */
  waiting:
    | { readonly promise: Promise<ObjectMetadata | undefined>; readonly settle: Settle; readonly timer: Timer }
    | undefined;
  /** False while it is in the queue. */
  asked: boolean;
}

type Settle = (metadata: ObjectMetadata | undefined) => void;

const MAX_WAITING = 1_000;
const MAX_ASKED = 16;
const MAX_CACHE_BYTES = 16 * 1024 * 1024;
/** Longer than a lookup waits: an answer that comes late serves the next event of the object. */
const REQUEST_TIMEOUT_MS = 10_000;
const FORBIDDEN_MS = 300_000;
const MAX_FORBIDDEN = 1_000;
const COMPLAIN_EVERY_MS = 60_000;
/** client-go's metadata client asks the same; the plain type is for aggregated servers that know no other. */
const ACCEPT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

export function createEnricher(options: EnricherOptions): Enricher {
  const { client, discovery, logger, metrics } = options;
  const now = options.now ?? Date.now;
  const ttlMs = options.ttlMs ?? 300_000;
  const negativeTtlMs = options.negativeTtlMs ?? 10_000;
  const timeoutMs = options.timeoutMs ?? 2_000;
  const cache = createBoundedCache<Known>({ entries: options.cacheSize ?? 1024, weight: MAX_CACHE_BYTES });
  const bucket = createTokenBucket(options.qps ?? 50, options.burst ?? 100, now());
  const flights = new Map<string, Flight>();
  const queue: Flight[] = [];
  const forbidden = new Map<string, number>();
  const toldForbidden = new Set<string>();
  const stop = new AbortController();
  let asked = 0;
  let wake: Timer | undefined;
  let complainedAt = Number.NEGATIVE_INFINITY;

  const { hits, misses } = options.reads;
  const counted = (result: Outcome): Cell =>
    metrics.counter("petrel_lookups_total", "Lookups of the objects of events, by how they ended.", { result });
  const outcomes: Record<Outcome, Cell> = {
    hit: counted("hit"),
    found: counted("found"),
    deleted: counted("deleted"),
    unknown_kind: counted("unknown_kind"),
    forbidden: counted("forbidden"),
    timeout: counted("timeout"),
    failed: counted("failed"),
    overflow: counted("overflow"),
  };

  const lookup: Enricher["lookup"] = (object) => {
    const key = keyOf(object);
    const known = cache.get(key);
    if (known !== undefined && now() < known.expiresAt) {
      hits.value++;
      outcomes.hit.value++;
      return known.metadata;
    }
    const resource = discovery.peek(object.apiVersion, object.kind);
    if (
      resource === null ||
      (resource !== undefined && objectPath(resource, object.namespace, object.name) === undefined)
    ) {
      outcomes.unknown_kind.value++;
      return undefined;
    }
    if (resource !== undefined && isForbidden(resource, object)) {
      outcomes.forbidden.value++;
      return known?.metadata;
    }
    let flight = flights.get(key);
    if (flight === undefined) {
      if (queue.length >= MAX_WAITING || stop.signal.aborted) {
        outcomes.overflow.value++;
        return known?.metadata;
      }
      flight = { key, object, waiting: undefined, asked: false };
      flights.set(key, flight);
      queue.push(flight);
    }
    flight.waiting ??= wait(flight);
    const { promise } = flight.waiting;
    pump();
    return promise;
  };

  const wait = (flight: Flight): NonNullable<Flight["waiting"]> => {
    const { promise, resolve } = Promise.withResolvers<ObjectMetadata | undefined>();
    const timer = setTimeout(() => {
      outcomes.timeout.value++;
      flight.waiting = undefined;
      // Nobody waits for what is still in the queue: its turn would be spent for nothing.
      if (!flight.asked) drop(flight);
      resolve(cache.get(flight.key)?.metadata);
    }, timeoutMs);
    return { promise, settle: resolve, timer };
  };

  const drop = (flight: Flight): void => {
    flights.delete(flight.key);
    const index = queue.indexOf(flight);
    if (index >= 0) queue.splice(index, 1);
  };

  const pump = (): void => {
    while (queue.length > 0 && asked < MAX_ASKED) {
      const delay = bucket.take(now());
      if (delay > 0) {
        wake ??= setTimeout(
          () => {
            wake = undefined;
            pump();
          },
          Math.min(delay, timeoutMs),
        );
        return;
      }
      const flight = queue.shift();
      if (flight === undefined) return;
      flight.asked = true;
      asked++;
      void run(flight);
    }
  };

  const run = async (flight: Flight): Promise<void> => {
    let answer: Answer;
    try {
      answer = await ask(flight);
    } catch (error) {
      answer = { outcome: "failed" };
      complain(error);
    }
    asked--;
    flights.delete(flight.key);
    if (flight.waiting !== undefined && !stop.signal.aborted) {
      clearTimeout(flight.waiting.timer);
      outcomes[answer.outcome].value++;
      flight.waiting.settle(answer.metadata ?? cache.get(flight.key)?.metadata);
    }
    pump();
  };

  /** Leaves what it learns in the cache. */
  const ask = async ({ key, object }: Flight): Promise<Answer> => {
    const resource = await discovery.resolve(object.apiVersion, object.kind);
    const path = resource === null ? undefined : objectPath(resource, object.namespace, object.name);
    if (resource === null || path === undefined) return { outcome: "unknown_kind" };
    if (isForbidden(resource, object)) return { outcome: "forbidden" };
    try {
      const answer = await client.json(path, {
        verb: "get",
        accept: ACCEPT,
        timeoutMs: REQUEST_TIMEOUT_MS,
        signal: stop.signal,
      });
      misses.value++;
      return remember(key, object, memberOf(answer, "metadata"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 403) return forbid(resource, object);
      if (error.status === 404) {
        misses.value++;
        // Without that reason it is the path, not the object, which is missing: the kind's definition has gone.
        return error.reason === "NotFound" ? rememberDeleted(key, object) : { outcome: "unknown_kind" };
      }
      if (error.status === 429 || error.status === 0) bucket.pauseUntil(now() + (error.retryAfterMs ?? 1_000));
      throw error;
    }
  };

  const remember = (key: string, object: ObjectReference, meta: unknown): Answer => {
    const uid = textOf(meta, "uid");
    if (uid === undefined) throw new ApiError("network", "the API server sent an object without metadata");
    if (isUuid(object.uid) && object.uid !== uid) return rememberDeleted(key, object);
    const metadata = metadataOf(meta);
    const ttl = metadata.deleted ? negativeTtlMs : ttlMs;
    cache.set(key, { metadata, expiresAt: now() + ttl }, weightOf(metadata));
    return { outcome: metadata.deleted ? "deleted" : "found", metadata };
  };

  /** A uid never comes back, a name may; the last labels of an object still say whose it was. */
  const rememberDeleted = (key: string, object: ObjectReference): Answer => {
    const last = isUuid(object.uid) ? cache.get(key)?.metadata : undefined;
    const metadata = { ...last, deleted: true };
    const ttl = isUuid(object.uid) ? ttlMs : negativeTtlMs;
    cache.set(key, { metadata, expiresAt: now() + ttl }, weightOf(metadata));
    return { outcome: "deleted", metadata };
  };

  /** By namespace, for a Role may grant in one what it does not in another; said once for the kind. */
  const forbid = (resource: Resource, object: ObjectReference): Answer => {
    if (forbidden.size >= MAX_FORBIDDEN) forbidden.clear();
    forbidden.set(scopeOf(resource, object), now() + FORBIDDEN_MS);
    const kind = `${resource.group}/${resource.plural}`;
    if (!toldForbidden.has(kind) && toldForbidden.size < MAX_FORBIDDEN) {
      toldForbidden.add(kind);
      logger.warn(
        `no right to read ${resource.plural}: their events go out without labels, annotations and owners; grant apiGroups: ["${resource.group}"], resources: ["${resource.plural}"], verbs: ["get"], or set omitLookup: true`,
        { group: resource.group, resource: resource.plural, verb: "get", namespace: object.namespace ?? "" },
      );
    }
    return { outcome: "forbidden" };
  };

  const isForbidden = (resource: Resource, object: ObjectReference): boolean => {
    const until = forbidden.get(scopeOf(resource, object));
    return until !== undefined && now() < until;
  };

  const complain = (error: unknown): void => {
    if (stop.signal.aborted || now() - complainedAt < COMPLAIN_EVERY_MS) return;
    complainedAt = now();
    logger.warn(
      `cannot look up the objects of events: ${error instanceof ApiError ? error.message : "unexpected answer"}; events go out without their labels`,
    );
  };

  return {
    lookup,
    close() {
      stop.abort();
      clearTimeout(wake);
      queue.length = 0;
      for (const { waiting } of flights.values()) {
        clearTimeout(waiting?.timer);
        waiting?.settle(undefined);
      }
      flights.clear();
    },
  };
}

/** Only the API server gives UUIDs. A kubelet writes its node's name, and for a static pod the hash of its manifest. */
function isUuid(uid: string | undefined): uid is string {
  return uid !== undefined && uid.length === 36 && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uid);
}

/** All of it: an event is easily written with the uid of one object and the name of another. */
function keyOf({ apiVersion, kind, namespace, name, uid }: ObjectReference): string {
  return `${uid ?? ""} ${apiVersion ?? ""} ${kind ?? ""} ${namespace ?? ""} ${name ?? ""}`;
}

function scopeOf(resource: Resource, object: ObjectReference): string {
  return `${resource.group}/${resource.plural}/${resource.namespaced ? (object.namespace ?? "") : ""}`;
}

function metadataOf(meta: unknown): ObjectMetadata {
  const labels = textsOf(meta, "labels");
  const annotations = textsOf(meta, "annotations");
  const owners = ownersOf(meta);
  return {
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(owners.length === 0 ? {} : { ownerReferences: owners }),
    deleted: textOf(meta, "deletionTimestamp") !== undefined,
  };
}

function textsOf(meta: unknown, key: string): Record<string, string> | undefined {
  const value = memberOf(meta, key);
  if (typeof value !== "object" || value === null) return undefined;
  const texts: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) if (typeof text === "string") texts[name] = text;
  return texts;
}

function ownersOf(meta: unknown): OwnerReference[] {
  const owners: OwnerReference[] = [];
  for (const item of listOf(meta, "ownerReferences")) {
    const controller = memberOf(item, "controller");
    const blockOwnerDeletion = memberOf(item, "blockOwnerDeletion");
    owners.push({
      apiVersion: textOf(item, "apiVersion") ?? "",
      kind: textOf(item, "kind") ?? "",
      name: textOf(item, "name") ?? "",
      uid: textOf(item, "uid") ?? "",
      ...(typeof controller === "boolean" ? { controller } : {}),
      ...(typeof blockOwnerDeletion === "boolean" ? { blockOwnerDeletion } : {}),
    });
  }
  return owners;
}

/** About the bytes that a remembered object holds. */
function weightOf({ labels, annotations, ownerReferences }: ObjectMetadata): number {
  let weight = 256 + (ownerReferences?.length ?? 0) * 256;
  for (const texts of [labels, annotations]) {
    for (const key in texts) weight += key.length + (texts[key]?.length ?? 0) + 32;
  }
  return weight;
}
