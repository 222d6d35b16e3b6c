/**
 * What receivers are sent: the predecessor's JSON of an event, or what a layout makes of it. Bytes matter here, because
 * consumers parse, index and hash them: Go's `encoding/json`, field order of the Go structs, sorted map keys.
 */
import type { Event, InvolvedObject, ObjectMeta, ObjectReference, OwnerReference } from "./event.ts";
import type { Layout } from "./sink.ts";

type StringMap = Readonly<Record<string, string>>;
/** Compiles a template; the result may throw for an event. */
export type CompileTemplate = (text: string) => (event: Event) => string;

// `JSON.stringify` is an order of magnitude faster than assembling the text here, and leaves only these to do: what Go
// escapes for HTML's and JavaScript's sake, the two control characters that it spells otherwise, lone surrogates.
const UNLIKE_GO = /[<>&\u2028\u2029]|\\[bfu]/;
// An escaped backslash is matched so that what follows it is not taken for an escape.
const EVERY_UNLIKE_GO = /\\\\|\\[bf]|\\ud[89a-f][0-9a-f]{2}|[<>&\u2028\u2029]/g;

function goSpelling(found: string): string {
  if (found.length > 2) return "\ufffd";
  if (found === "\\\\") return found;
  const code = found === "\\b" ? 8 : found === "\\f" ? 12 : found.charCodeAt(0);
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

/** JSON as Go writes it (`\u003c` for `<`, and so on); always well-formed Unicode. */
function goJson(value: unknown): string {
  const json = JSON.stringify(value);
  return UNLIKE_GO.test(json) ? json.replace(EVERY_UNLIKE_GO, goSpelling) : json;
}

/** Go sorts keys by their UTF-8 bytes; UTF-16 order is the same but for characters beyond the BMP. */
function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isSorted(map: object): boolean {
  let previous = "";
  for (const key in map) {
    if (key < previous) return false;
    previous = key;
  }
  return true;
}

/**
 * The map with sorted keys, undefined if it is empty. Most come sorted: the API server marshals them with Go, too. Keys
 * that are whole numbers stay first, which is where a JavaScript object keeps them.
 */
function sortedMap(map: StringMap | undefined): StringMap | undefined {
  if (map === undefined) return undefined;
  for (const _ in map) {
    return isSorted(map) ? map : Object.fromEntries(Object.entries(map).sort(([a], [b]) => byUtf8(a, b)));
  }
  return undefined;
}

function ownersShape(owners: readonly OwnerReference[] | undefined) {
  if (owners === undefined || owners.length === 0) return undefined;
  return owners.map(({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }) => ({
    apiVersion,
    kind,
    name,
    uid,
    controller,
    blockOwnerDeletion,
  }));
}

function referenceShape(ref: ObjectReference) {
  return {
    kind: ref.kind || undefined,
    namespace: ref.namespace || undefined,
    name: ref.name || undefined,
    uid: ref.uid || undefined,
    apiVersion: ref.apiVersion || undefined,
    resourceVersion: ref.resourceVersion || undefined,
    fieldPath: ref.fieldPath || undefined,
  };
}

/** @see https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#ObjectMeta for the order. */
function metadataShape(meta: ObjectMeta) {
  return {
    name: meta.name || undefined,
    generateName: meta.generateName || undefined,
    namespace: meta.namespace || undefined,
    selfLink: meta.selfLink || undefined,
    uid: meta.uid || undefined,
    resourceVersion: meta.resourceVersion || undefined,
    generation: meta.generation || undefined,
    creationTimestamp: meta.creationTimestamp || null,
    deletionTimestamp: meta.deletionTimestamp || undefined,
    deletionGracePeriodSeconds: meta.deletionGracePeriodSeconds,
    labels: sortedMap(meta.labels),
    annotations: sortedMap(meta.annotations),
    ownerReferences: ownersShape(meta.ownerReferences),
    finalizers: meta.finalizers !== undefined && meta.finalizers.length > 0 ? meta.finalizers : undefined,
  };
}

function involvedShape(object: InvolvedObject) {
  return {
    kind: object.kind || undefined,
    namespace: object.namespace || undefined,
    name: object.name || undefined,
    uid: object.uid || undefined,
    apiVersion: object.apiVersion || undefined,
    resourceVersion: object.resourceVersion || undefined,
    fieldPath: object.fieldPath || undefined,
    labels: sortedMap(object.labels),
    annotations: sortedMap(object.annotations),
    ownerReferences: ownersShape(object.ownerReferences),
    deleted: object.deleted === true,
  };
}

/**
 * The predecessor's event as a plain object (exporter `pkg/kube/event.go`): its field order, undefined for what it
 * omits, null for a time that is not set.
 */
function eventShape(event: Event) {
  const { source, series } = event;
  return {
    metadata: metadataShape(event.metadata),
    reason: event.reason || undefined,
    message: event.message || undefined,
    source: { component: source.component || undefined, host: source.host || undefined },
    firstTimestamp: event.firstTimestamp || null,
    lastTimestamp: event.lastTimestamp || null,
    count: event.count || undefined,
    type: event.type || undefined,
    eventTime: event.eventTime || null,
    series: series && { count: series.count || undefined, lastObservedTime: series.lastObservedTime || null },
    action: event.action || undefined,
    related: event.related && referenceShape(event.related),
    reportingComponent: event.reportingComponent,
    reportingInstance: event.reportingInstance,
    clusterName: event.clusterName,
    involvedObject: involvedShape(event.involvedObject),
  };
}

/** The predecessor's JSON of an event, byte for byte. No trailing newline. */
export function eventJson(event: Event): string {
  return goJson(eventShape(event));
}

function withoutDots(map: StringMap): StringMap {
  const out: Record<string, string> = {};
  for (const key of Object.keys(map)) out[key.replaceAll(".", "_")] = map[key] as string;
  return out;
}

function deDotMaps<T extends { readonly labels?: StringMap; readonly annotations?: StringMap }>(of: T): T {
  return {
    ...of,
    ...(of.labels && { labels: withoutDots(of.labels) }),
    ...(of.annotations && { annotations: withoutDots(of.annotations) }),
  };
}

/** A copy whose label and annotation keys, the event's and the object's, have `_` for every `.`. */
export function deDot(event: Event): Event {
  return { ...event, metadata: deDotMaps(event.metadata), involvedObject: deDotMaps(event.involvedObject) };
}

type Part = string | ((event: Event) => string);

/** JSON text cut at its templates; constant neighbours are merged, so that an event costs one pass over few parts. */
function layoutParts(value: unknown, compile: CompileTemplate, compat: boolean, out: Part[]): void {
  const constant = (text: string) => {
    const last = out.length - 1;
    if (typeof out[last] === "string") out[last] += text;
    else out.push(text);
  };
  if (typeof value === "string") {
    if (value.includes("{{")) out.push(compile(value));
    else constant(goJson(value));
  } else if (Array.isArray(value)) {
    constant("[");
    for (const [index, item] of value.entries()) {
      if (index > 0) constant(",");
      layoutParts(item, compile, compat, out);
    }
    constant("]");
  } else if (value !== null && typeof value === "object") {
    constant("{");
    for (const [index, [key, item]] of sortedEntries(value).entries()) {
      constant(`${index > 0 ? "," : ""}${goJson(key)}:`);
      layoutParts(item, compile, compat, out);
    }
    constant("}");
  } else {
    constant(scalarJson(value, compat));
  }
}

/** `Object.keys` puts integer-like keys first whatever their order: sort always. */
function sortedEntries(map: object): [string, unknown][] {
  return Object.entries(map).sort(([a], [b]) => byUtf8(a, b));
}

function scalarJson(value: unknown, compat: boolean): string {
  return compat ? "null" : (JSON.stringify(value) ?? "null");
}

/** Whether there is a layout at all. The predecessor took `{}` for one, and sent `{}` for every event. */
export function isLayout(layout: Layout | null | undefined, compat: boolean): layout is Layout {
  return layout !== null && layout !== undefined && (compat || Object.keys(layout).length > 0);
}

/**
 * JSON text of an event through a layout: keys sorted, templates in strings rendered (always to strings), other scalars
 * kept. Without a layout: {@link eventJson}. `compat`: other scalars are null, as the predecessor sent them.
 */
export function compileLayout(
  layout: Layout | null | undefined,
  compile: CompileTemplate,
  compat: boolean,
): (event: Event) => string {
  if (!isLayout(layout, compat)) return eventJson;
  const parts: Part[] = [];
  layoutParts(layout, compile, compat, parts);
  return (event) => {
    let out = "";
    for (const part of parts) out += typeof part === "string" ? part : goJson(part(event));
    return out;
  };
}

/** The same as an object, for sinks that put it into a larger one. */
export function compileLayoutObject(
  layout: Layout,
  compile: CompileTemplate,
  compat: boolean,
): (event: Event) => Record<string, unknown> {
  const fields = sortedEntries(layout).map(([key, value]) => [key, layoutValue(value, compile, compat)] as const);
  return (event) => Object.fromEntries(fields.map(([key, value]) => [key, value(event)]));
}

function layoutValue(value: unknown, compile: CompileTemplate, compat: boolean): (event: Event) => unknown {
  if (typeof value === "string") return value.includes("{{") ? compile(value) : () => value;
  if (Array.isArray(value)) {
    const items = value.map((item) => layoutValue(item, compile, compat));
    return (event) => items.map((item) => item(event));
  }
  if (value !== null && typeof value === "object") return compileLayoutObject(value as Layout, compile, compat);
  return () => (compat ? null : value);
}
