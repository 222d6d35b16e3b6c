/**
 * From whatever an API server (or a person) sends to one {@link Event}.
 *
 * One storage, two views: kubernetes/pkg/apis/core/v1/conversion and pkg/apis/events/v1/conversion.go name the pairs
 * (involvedObject/regarding, message/note, source/deprecatedSource, count/deprecatedCount, reportingComponent/reportingController).
 */
import type { Event, InvolvedObject, ObjectMeta, ObjectReference } from "./event.ts";

type Json = Readonly<Record<string, unknown>>;

/** Why something is not an event, in words for a log line; never holds the input itself. */
export class NotAnEvent extends Error {
  override readonly name = "NotAnEvent";
}

export interface NormaliseOptions {
  /** Copied into the event; an empty name keeps what the event already carries. */
  readonly clusterName?: string;
  /** Likewise. */
  readonly clusterEnvironment?: string;
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const whole = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? Math.trunc(value) : 0);
const orEmpty = (value: unknown): Json => (isObject(value) ? value : EMPTY);
const EMPTY: Json = {};

const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const MICROS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** metav1.Time: whole seconds in UTC. Anything that is no time is unset. */
function seconds(value: unknown): string | null {
  if (typeof value !== "string" || value === "") return null;
  if (value.length === 20 && SECONDS.test(value)) return value;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? null : `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** metav1.MicroTime: microseconds in UTC. */
function micros(value: unknown): string | null {
  if (typeof value !== "string" || value === "") return null;
  if (value.length === 27 && MICROS.test(value)) return value;
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) return null;
  const digits = /\.(\d{1,6})/.exec(value)?.[1] ?? "";
  return `${new Date(ms).toISOString().slice(0, 19)}.${digits.padEnd(6, "0")}Z`;
}

/**
 * Accepts core/v1, events.k8s.io/v1 and the exporter's own JSON (whose involvedObject carries labels).
 * `modified`: it came as a change. Unknown and mistyped fields count as absent: a watch must never stop on one odd event. Throws {@link NotAnEvent}.
 */
export function normalise(input: unknown, options: NormaliseOptions = {}, modified = false): Event {
  if (!isObject(input)) throw new NotAnEvent(`expected an event object, got ${input === null ? "null" : typeof input}`);
  const newStyle = input.regarding !== undefined || (input.note !== undefined && input.involvedObject === undefined);
  const regarding = newStyle ? input.regarding : input.involvedObject;
  const metadata = input.metadata;
  if (!isObject(metadata)) throw new NotAnEvent("expected an event with metadata");
  if (!isObject(regarding)) {
    const kind = text(input.kind);
    throw new NotAnEvent(
      `expected involvedObject or regarding${kind === "" ? "" : `, in an object of kind ${kind.slice(0, 64)}`}`,
    );
  }
  const uid = text(metadata.uid);
  const resourceVersion = text(metadata.resourceVersion);
  const series = isObject(input.series) ? input.series : undefined;
  const source = orEmpty(newStyle ? input.deprecatedSource : input.source);
  const component = text(source.component);
  const host = text(source.host);
  const clusterEnvironment = options.clusterEnvironment || text(input.clusterEnvironment);
  const event = {
    id: uid !== "" && resourceVersion !== "" ? `${uid}.${resourceVersion}` : "",
    objectKey: objectKeyOf(regarding, uid),
    metadata: metadata as ObjectMeta,
    reason: text(input.reason),
    message: text(newStyle ? input.note : input.message),
    source: component === "" ? (host === "" ? NOWHERE : { host }) : host === "" ? { component } : { component, host },
    firstTimestamp: seconds(newStyle ? input.deprecatedFirstTimestamp : input.firstTimestamp),
    lastTimestamp: seconds(newStyle ? input.deprecatedLastTimestamp : input.lastTimestamp),
    count: whole(newStyle ? input.deprecatedCount : input.count),
    type: text(input.type),
    eventTime: micros(input.eventTime),
    action: text(input.action),
    reportingComponent: text(newStyle ? input.reportingController : input.reportingComponent),
    reportingInstance: text(input.reportingInstance),
    clusterName: options.clusterName || text(input.clusterName),
    ...(clusterEnvironment !== "" && { clusterEnvironment }),
    involvedObject: involved(regarding),
    ...(series && { series: { count: whole(series.count), lastObservedTime: micros(series.lastObservedTime) } }),
    ...(isObject(input.related) && { related: reference(input.related) }),
    ...(modified && { modified: true as const }),
  };
  if (event.id === "") event.id = fallbackId(event, input);
  return event;
}

/**
 * What was posted, or came by another way than a watch: its own cluster's name goes before the config's, and `id`, if
 * given, before what the event itself says. Throws {@link NotAnEvent}.
 */
export function normalisePosted(
  input: unknown,
  id: string | undefined,
  options: NormaliseOptions,
  modified = false,
): Event {
  const own = orEmpty(input);
  const names = {
    clusterName: text(own.clusterName) || (options.clusterName ?? ""),
    clusterEnvironment: text(own.clusterEnvironment) || (options.clusterEnvironment ?? ""),
  };
  const event = normalise(input, names, modified);
  return id === undefined ? event : { ...event, id };
}

const NOWHERE = {};

const REFERENCE = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"] as const;

function reference(input: Json): ObjectReference {
  const out: Record<string, string> = {};
  for (const key of REFERENCE) {
    const value = input[key];
    if (typeof value === "string" && value !== "") out[key] = value;
  }
  return out;
}

function involved(input: Json): InvolvedObject {
  const out = reference(input) as { -readonly [K in keyof InvolvedObject]: InvolvedObject[K] };
  out.deleted = input.deleted === true;
  if (isObject(input.labels)) out.labels = input.labels as Record<string, string>;
  if (isObject(input.annotations)) out.annotations = input.annotations as Record<string, string>;
  if (Array.isArray(input.ownerReferences)) out.ownerReferences = input.ownerReferences;
  return out;
}

function objectKeyOf(object: Json, eventUid: string): string {
  const uid = text(object.uid);
  if (uid !== "") return uid;
  const name = text(object.name);
  return name === "" ? eventUid : `${text(object.apiVersion)}/${text(object.kind)}/${text(object.namespace)}/${name}`;
}

/** Ids of events without uid or resourceVersion, so that a repeat is still known: design: uid.count.lastSeen, else a digest. */
function fallbackId(event: Omit<Event, "id">, input: Json): string {
  const uid = event.metadata.uid;
  if (typeof uid === "string" && uid !== "") return `${uid}.${occurrences(event)}.${lastSeenMs(event)}`;
  return `sha256-${new Bun.CryptoHasher("sha256").update(canonical(input)).digest("hex").slice(0, 32)}`;
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

type Counted = Pick<Event, "count" | "series">;
type Timed = Pick<Event, "series" | "lastTimestamp" | "eventTime" | "firstTimestamp" | "metadata">;

/** How often it happened, whichever recorder wrote it; at least 1. */
export function occurrences(event: Counted): number {
  return Math.max(event.count, event.series?.count ?? 0, 1);
}

/** Milliseconds since 1970 of the newest time that the event carries, NaN when it carries none. */
export function lastSeenMs(event: Timed): number {
  let newest = Number.NaN;
  for (const time of [
    event.series?.lastObservedTime,
    event.lastTimestamp,
    event.eventTime,
    event.firstTimestamp,
    event.metadata.creationTimestamp,
  ]) {
    if (!time) continue;
    const ms = Date.parse(time);
    if (!(ms <= newest) && !Number.isNaN(ms)) newest = ms;
  }
  return newest;
}

/** Milliseconds since 1970 of the first occurrence, NaN when the event carries no time. */
export function firstSeenMs(event: Timed): number {
  return Date.parse(event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? "");
}

/** The age rule of the exporter, for `compat: exporter`: lastTimestamp, else eventTime, and nothing else. */
export function exporterSeenMs(event: Timed): number {
  return Date.parse(event.lastTimestamp ?? event.eventTime ?? "0001-01-01T00:00:00Z");
}

/** The same event with what a look-up told about its object. */
export function withObjectMetadata(
  event: Event,
  found: Pick<InvolvedObject, "labels" | "annotations" | "ownerReferences" | "deleted">,
): Event {
  return { ...event, involvedObject: { ...event.involvedObject, ...found } };
}
