/**
 * What receivers are sent: the predecessor's JSON of an event, or what a layout makes of it. Bytes matter here, because
 * consumers parse, index and hash them: Go's `encoding/json`, field order of the Go structs, sorted map keys.
 */
import type { Event, InvolvedObject, ObjectMeta, ObjectReference, OwnerReference } from "./event.ts";
import type { Language, Layout } from "./sink.ts";

type StringMap = Readonly<Record<string, string>>;
/** Compiles a template; the result may throw for an event. Language: Go templates. */
export type CompileTemplate = (text: string, language?: Language) => (event: Event) => string;

// `JSON.stringify` is an order of magnitude faster than assembling the text here, and leaves only these to do: what Go
// escapes for HTML's and JavaScript's sake, the two control characters that it spells otherwise, lone surrogates.
const UNLIKE_GO = /[<>&\u2028\u2029]|\\[bfu]/;
const SELDOM = /[\u2028\u2029]|\\[bfu]/;
// An escaped backslash is matched so that what follows it is not taken for an escape.
const EVERY_SELDOM = /\\\\|\\[bf]|\\ud[89a-f][0-9a-f]{2}|[\u2028\u2029]/g;

function goSpelling(found: string): string {
  if (found.length > 2) return "\ufffd";
  if (found === "\\\\") return found;
  const code = found === "\\b" ? 8 : found === "\\f" ? 12 : found.charCodeAt(0);
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

/** JSON as Go writes it (`\u003c` for `<`, and so on); always well-formed Unicode. */
export function goJson(value: unknown): string {
  let json = JSON.stringify(value);
  if (!UNLIKE_GO.test(json)) return json;
  if (SELDOM.test(json)) json = json.replace(EVERY_SELDOM, goSpelling);
  // JSON has these in its texts only, and nothing replaces as fast.
  if (json.includes("<")) json = json.replaceAll("<", "\\u003c");
  if (json.includes(">")) json = json.replaceAll(">", "\\u003e");
  if (json.includes("&")) json = json.replaceAll("&", "\\u0026");
  return json;
}

// What JSON, or Go, writes otherwise than it is, lone surrogates included: any surrogate goes the long way.
const NOT_ITSELF = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/;

/** A string as {@link goJson} writes it; most need no more than their quotes. */
function quoted(text: string): string {
  return NOT_ITSELF.test(text) ? goJson(text) : `"${text}"`;
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

export function referenceShape(ref: ObjectReference) {
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
    ...referenceShape(object),
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
export function eventShape(event: Event) {
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
    clusterEnvironment: event.clusterEnvironment,
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

/** How the templates of a layout are compiled. */
export interface LayoutOptions {
  readonly compile: CompileTemplate;
  /** Other scalars than strings are null, and `{}` is a layout, as the predecessor has it. */
  readonly compat: boolean;
  /** What its strings are written in. */
  readonly language: Language;
}

type Part = string | ((event: Event) => string);

/** `{ eta: TEXT }`: one template in eta, whatever the layout is written in. */
export function isEta(value: unknown): value is { readonly eta: string } {
  if (typeof value !== "object" || value === null || !("eta" in value) || typeof value.eta !== "string") return false;
  return Object.keys(value).length === 1;
}

const OPENING: Readonly<Record<Language, string>> = { go: "{{", eta: "<%" };

/** What renders a value of a layout; undefined when it is no template. */
function templateOf(value: unknown, options: LayoutOptions): ((event: Event) => string) | undefined {
  const { compile, compat, language } = options;
  if (typeof value === "string") return value.includes(OPENING[language]) ? compile(value, language) : undefined;
  return !compat && isEta(value) ? compile(value.eta, "eta") : undefined;
}

/** JSON text cut at its templates; constant neighbours are merged, so that an event costs one pass over few parts. */
function layoutParts(value: unknown, options: LayoutOptions, out: Part[]): void {
  const constant = (text: string) => {
    const last = out.length - 1;
    if (typeof out[last] === "string") out[last] += text;
    else out.push(text);
  };
  const template = templateOf(value, options);
  if (template) out.push(template);
  else if (typeof value === "string") constant(goJson(value));
  else if (Array.isArray(value)) {
    constant("[");
    for (const [index, item] of value.entries()) {
      if (index > 0) constant(",");
      layoutParts(item, options, out);
    }
    constant("]");
  } else if (value !== null && typeof value === "object") {
    constant("{");
    for (const [index, [key, item]] of sortedEntries(value).entries()) {
      constant(`${index > 0 ? "," : ""}${goJson(key)}:`);
      layoutParts(item, options, out);
    }
    constant("}");
  } else {
    constant(scalarJson(value, options.compat));
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
 * kept. Without a layout: {@link eventJson}. Keys and constants are JSON text already when an event comes; no object is
 * made for it.
 */
export function compileLayout(layout: Layout | null | undefined, options: LayoutOptions): (event: Event) => string {
  if (!isLayout(layout, options.compat)) return eventJson;
  const parts: Part[] = [];
  layoutParts(layout, options, parts);
  return (event) => {
    let out = "";
    for (const part of parts) out += typeof part === "string" ? part : quoted(part(event));
    return out;
  };
}

/** The same as an object, for sinks that put it into a larger one. */
export function compileLayoutObject(layout: Layout, options: LayoutOptions): (event: Event) => Record<string, unknown> {
  const fields = sortedEntries(layout).map(([key, value]) => [key, layoutValue(value, options)] as const);
  return (event) => Object.fromEntries(fields.map(([key, value]) => [key, value(event)]));
}

function layoutValue(value: unknown, options: LayoutOptions): (event: Event) => unknown {
  const template = templateOf(value, options);
  if (template) return template;
  if (typeof value === "string") return () => value;
  if (Array.isArray(value)) {
    const items = value.map((item) => layoutValue(item, options));
    return (event) => items.map((item) => item(event));
  }
  if (value !== null && typeof value === "object") return compileLayoutObject(value as Layout, options);
  return () => (options.compat ? null : value);
}
