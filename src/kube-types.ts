/**
 * The Go structs that an exporter's template walks through (k8s.io/api/core/v1, apimachinery meta/v1), over the plain
 * objects of our own Event: names, promoted fields, methods, texts, JSON.
 *
 * @see https://pkg.go.dev/k8s.io/api/core/v1#Event
 */
import type { Event, InvolvedObject, ObjectMeta, ObjectReference, OwnerReference } from "./event.ts";
import { formatValue } from "./template/print.ts";
import "./template/time-type.ts";
import {
  BOOL,
  BYTES,
  Bytes,
  type Field,
  type GoTime,
  INT32,
  INT64,
  type Method,
  mapOf,
  Ptr,
  ptrTo,
  STRING,
  Struct,
  sliceOf,
  stringType,
  structType,
  TIME,
  type Type,
  UTC,
  type Value,
  ZERO_SECONDS,
  ZERO_TIME,
} from "./template/value.ts";

export const UID: Type = stringType("types.UID");
export const LABELS: Type = mapOf(STRING);
const TEXTS: Type = sliceOf(STRING);

/** A field that reads one property. `T` is the struct's native type. */
export function field<T>(name: string, type: Type, get: (self: T) => unknown): Field {
  return { name, type, get: get as Field["get"] };
}

/** A struct inside the struct. */
export function embed<T>(name: string, type: Type, get: (self: T) => unknown): Field {
  return { ...field(name, type, get), embedded: true };
}

/** A method without arguments on the pointer, as nearly all of Kubernetes' are. */
export function method<T>(result: Type, call: (self: T) => Value): Method {
  return { params: [], pointer: true, result, call: call as Method["call"] };
}

/** A method that gives nothing: Go's templates refuse it, whatever its arguments. */
function nothing(name: string, ...params: readonly Type[]): Method {
  return {
    params: params.map((type) => ({ type, pass: "value" })),
    pointer: true,
    refused: `function ${name} has 0 return values; should be 1 or 2`,
    call: () => undefined,
  };
}

// --- times -----------------------------------------------------------------------------------------------------------

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/;

/** An API timestamp as Go's time; null, absent or unreadable ones are Go's zero time. */
export function parseTimestamp(text: string | null | undefined): GoTime {
  if (text === null || text === undefined) return ZERO_TIME;
  const parts = RFC3339.exec(text);
  if (parts === null) return ZERO_TIME;
  const [, whole, fraction = "", zone] = parts;
  const millis = Date.parse(`${whole}${zone}`);
  if (Number.isNaN(millis)) return ZERO_TIME;
  return { seconds: millis / 1000, nanos: fraction === "" ? 0 : Number(fraction.padEnd(9, "0")), zone: UTC };
}

function isZero(time: GoTime): boolean {
  return time.seconds === ZERO_SECONDS && time.nanos === 0;
}

/** `2026-11-20T21:44:18Z`, with as many digits of the second as asked. */
function timestamp(time: GoTime, digits: number): string | null {
  if (isZero(time)) return null;
  const whole = new Date(time.seconds * 1000).toISOString().slice(0, 19);
  return `${whole}${digits === 0 ? "" : `.${String(time.nanos).padStart(9, "0").slice(0, digits)}`}Z`;
}

function same(a: GoTime | null, b: GoTime | null): boolean {
  if (a === null || b === null) return a === b;
  return a.seconds === b.seconds && a.nanos === b.nanos;
}

function before(a: GoTime | null, b: GoTime | null): boolean {
  if (a === null || b === null) return false;
  return a.seconds === b.seconds ? a.nanos < b.nanos : a.seconds < b.seconds;
}

function kubeTime(name: string, digits: number): Type {
  const type: Type = structType(
    name,
    [embed("Time", TIME, (self: GoTime) => self)],
    {},
    {
      timeOf: (native: unknown) => native as GoTime,
      json: (native: unknown) => timestamp(native as GoTime, digits),
    },
  );
  const bytes = (self: GoTime): Value => {
    const text = timestamp(self, digits);
    return new Bytes(new TextEncoder().encode(text === null ? "null" : JSON.stringify(text)));
  };
  const compare = (test: (a: GoTime | null, b: GoTime | null) => boolean, other: Type): Method => ({
    params: [{ type: ptrTo(other), pass: "value" }],
    pointer: true,
    result: BOOL,
    call: (self, [value]) => test(self as GoTime | null, value instanceof Ptr ? (value.native as GoTime | null) : null),
  });
  const own: Readonly<Record<string, Method>> = {
    IsZero: method(BOOL, (self: GoTime | null) => self === null || isZero(self)),
    Before: compare(before, type),
    Equal: compare(same, type),
    MarshalJSON: { ...method(BYTES, bytes), pointer: false },
    DeepCopy: method(ptrTo(type), (self: GoTime | null) => new Ptr(ptrTo(type), self)),
  };
  for (const [key, value] of Object.entries(own)) type.methods.set(key, value);
  return type;
}

export const META_TIME: Type = kubeTime("v1.Time", 0);
META_TIME.methods.set("Rfc3339Copy", {
  params: [],
  result: META_TIME,
  call: (self) => META_TIME.box({ ...(self as GoTime), nanos: 0 }, false),
});
META_TIME.methods.set("ToUnstructured", { params: [], call: (self) => timestamp(self as GoTime, 0) });

export const MICRO_TIME: Type = kubeTime("v1.MicroTime", 6);
for (const [name, test] of [
  ["BeforeTime", before],
  ["EqualTime", same],
] as const) {
  MICRO_TIME.methods.set(name, {
    params: [{ type: ptrTo(META_TIME), pass: "value" }],
    pointer: true,
    result: BOOL,
    call: (self, [value]) => test(self as GoTime | null, value instanceof Ptr ? (value.native as GoTime | null) : null),
  });
}

// --- texts -----------------------------------------------------------------------------------------------------------

/** The generated `&Name{Field:value,}` of Kubernetes' types. */
export function generated(name: string, fields: readonly (readonly [string, string])[]): string {
  return `&${name}{${fields.map(([key, value]) => `${key}:${value},`).join("")}}`;
}

/** The text of a field's value, as `%v` has it. */
export function shown(type: Type, native: unknown): string {
  return formatValue(type.box(native, false));
}

function pointerText(native: unknown): string {
  return native === undefined || native === null ? "nil" : `*${String(native)}`;
}

function mapText(labels: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(labels ?? {}).sort();
  return `map[string]string{${keys.map((key) => `${key}: ${labels?.[key] ?? ""},`).join("")}}`;
}

/** A method that tells its own nil. */
export function text<T>(make: (self: T) => string): Method {
  return method(STRING, (self: T | null) => (self === null ? "nil" : make(self)));
}

/** Leaves out what Go's `omitempty` does. */
export function compact(entries: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entries)) {
    if (value === undefined || value === "" || value === 0 || value === false) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0)
      continue;
    out[key] = value;
  }
  return out;
}

function sorted(labels: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  if (labels === undefined) return undefined;
  return Object.fromEntries(
    Object.keys(labels)
      .sort()
      .map((key) => [key, labels[key] ?? ""]),
  );
}

// --- group, version, kind --------------------------------------------------------------------------------------------

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const GROUP_VERSION_KIND: Type = structType(
  "schema.GroupVersionKind",
  [
    field("Group", STRING, (self: GroupVersionKind) => self.group),
    field("Version", STRING, (self: GroupVersionKind) => self.version),
    field("Kind", STRING, (self: GroupVersionKind) => self.kind),
  ],
  {
    String: {
      params: [],
      result: STRING,
      call: (self) => {
        const { group, version, kind } = self as GroupVersionKind;
        return `${group}/${version}, Kind=${kind}`;
      },
    },
  },
);

function groupVersionKind(self: { readonly apiVersion?: string; readonly kind?: string }): Value {
  const { apiVersion = "", kind = "" } = self;
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  return GROUP_VERSION_KIND.box({ group, version: apiVersion.slice(slash + 1), kind }, false);
}

const NO_TYPE = {};

/** Always empty: the exporter's client drops both. */
export const TYPE_META: Type = structType(
  "v1.TypeMeta",
  [field("Kind", STRING, () => ""), field("APIVersion", STRING, () => "")],
  {
    String: text(() => "&TypeMeta{Kind:,APIVersion:,}"),
    GroupVersionKind: method(GROUP_VERSION_KIND, () => groupVersionKind({})),
  },
  { json: () => ({}) },
);

addItself(TYPE_META, ["GetObjectKind"]);

/** Methods that give a pointer to the struct or to a copy (the same: nothing here can be changed), and those that change it. */
function addItself(type: Type, names: readonly string[]): void {
  const pointer = ptrTo(type);
  const itself = method(pointer, (self) => new Ptr(pointer, self));
  for (const name of names) type.methods.set(name, itself);
  type.methods.set("Reset", nothing("Reset"));
  type.methods.set("DeepCopyInto", nothing("DeepCopyInto", pointer));
}

// --- references ------------------------------------------------------------------------------------------------------

const REFERENCE_FIELDS: readonly Field[] = [
  field("Kind", STRING, (self: ObjectReference) => self.kind ?? ""),
  field("Namespace", STRING, (self: ObjectReference) => self.namespace ?? ""),
  field("Name", STRING, (self: ObjectReference) => self.name ?? ""),
  field("UID", UID, (self: ObjectReference) => self.uid ?? ""),
  field("APIVersion", STRING, (self: ObjectReference) => self.apiVersion ?? ""),
  field("ResourceVersion", STRING, (self: ObjectReference) => self.resourceVersion ?? ""),
  field("FieldPath", STRING, (self: ObjectReference) => self.fieldPath ?? ""),
];

export function referenceText(self: ObjectReference): string {
  return generated(
    "ObjectReference",
    REFERENCE_FIELDS.map(({ name, get }) => [name, String(get(self))]),
  );
}

export function referenceJson(self: ObjectReference): Record<string, unknown> {
  const { kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath } = self;
  return compact({ kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath });
}

export const OBJECT_REFERENCE: Type = structType(
  "v1.ObjectReference",
  REFERENCE_FIELDS,
  {
    String: text(referenceText),
    GroupVersionKind: method(GROUP_VERSION_KIND, groupVersionKind),
  },
  { json: (native) => referenceJson(native as ObjectReference) },
);
addItself(OBJECT_REFERENCE, ["GetObjectKind", "DeepCopy", "DeepCopyObject"]);

function ownerJson(self: OwnerReference): Record<string, unknown> {
  const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = self;
  return {
    apiVersion,
    kind,
    name,
    uid,
    ...(controller === undefined ? {} : { controller }),
    ...(blockOwnerDeletion === undefined ? {} : { blockOwnerDeletion }),
  };
}

function ownerText(self: OwnerReference): string {
  return generated("OwnerReference", [
    ["Kind", self.kind],
    ["Name", self.name],
    ["UID", self.uid],
    ["APIVersion", self.apiVersion],
    ["Controller", pointerText(self.controller)],
    ["BlockOwnerDeletion", pointerText(self.blockOwnerDeletion)],
  ]);
}

export const OWNER_REFERENCE: Type = structType(
  "v1.OwnerReference",
  [
    field("APIVersion", STRING, (self: OwnerReference) => self.apiVersion),
    field("Kind", STRING, (self: OwnerReference) => self.kind),
    field("Name", STRING, (self: OwnerReference) => self.name),
    field("UID", UID, (self: OwnerReference) => self.uid),
    field("Controller", ptrTo(BOOL), (self: OwnerReference) => self.controller),
    field("BlockOwnerDeletion", ptrTo(BOOL), (self: OwnerReference) => self.blockOwnerDeletion),
  ],
  { String: text(ownerText) },
  { json: (native) => ownerJson(native as OwnerReference) },
);
export const OWNER_REFERENCES: Type = sliceOf(OWNER_REFERENCE);

// --- the involved object -----------------------------------------------------------------------------------------------

function involvedJson(self: InvolvedObject): Record<string, unknown> {
  const { labels, annotations, ownerReferences, deleted } = self;
  return {
    ...referenceJson(self),
    ...compact({
      labels: sorted(labels),
      annotations: sorted(annotations),
      ownerReferences: ownerReferences?.map(ownerJson),
    }),
    deleted,
  };
}

export const INVOLVED_OBJECT: Type = structType(
  "kube.EnhancedObjectReference",
  [
    embed("ObjectReference", OBJECT_REFERENCE, (self: InvolvedObject) => self),
    field("Labels", LABELS, (self: InvolvedObject) => self.labels),
    field("Annotations", LABELS, (self: InvolvedObject) => self.annotations),
    field("OwnerReferences", OWNER_REFERENCES, (self: InvolvedObject) => self.ownerReferences),
    field("Deleted", BOOL, (self: InvolvedObject) => self.deleted),
  ],
  {},
  { json: (native) => involvedJson(native as InvolvedObject) },
);

// --- metadata ----------------------------------------------------------------------------------------------------------

const MANAGED_FIELDS: Type = sliceOf(structType("v1.ManagedFieldsEntry", []));

const META_FIELDS = {
  Name: [STRING, (self: ObjectMeta) => self.name ?? ""],
  GenerateName: [STRING, (self: ObjectMeta) => self.generateName ?? ""],
  Namespace: [STRING, (self: ObjectMeta) => self.namespace ?? ""],
  SelfLink: [STRING, (self: ObjectMeta) => self.selfLink ?? ""],
  UID: [UID, (self: ObjectMeta) => self.uid ?? ""],
  ResourceVersion: [STRING, (self: ObjectMeta) => self.resourceVersion ?? ""],
  Generation: [INT64, (self: ObjectMeta) => self.generation ?? 0],
  CreationTimestamp: [META_TIME, (self: ObjectMeta) => parseTimestamp(self.creationTimestamp)],
  DeletionTimestamp: [
    ptrTo(META_TIME),
    (self: ObjectMeta) => (self.deletionTimestamp === undefined ? null : parseTimestamp(self.deletionTimestamp)),
  ],
  DeletionGracePeriodSeconds: [ptrTo(INT64), (self: ObjectMeta) => self.deletionGracePeriodSeconds],
  Labels: [LABELS, (self: ObjectMeta) => self.labels],
  Annotations: [LABELS, (self: ObjectMeta) => self.annotations],
  OwnerReferences: [OWNER_REFERENCES, (self: ObjectMeta) => self.ownerReferences],
  Finalizers: [TEXTS, (self: ObjectMeta) => self.finalizers],
  // Dropped by the exporter before anything sees the event.
  ManagedFields: [MANAGED_FIELDS, () => undefined],
} as const satisfies Readonly<Record<string, readonly [Type, (self: ObjectMeta) => unknown]>>;

function metaText(self: ObjectMeta): string {
  const plain = (name: keyof typeof META_FIELDS): readonly [string, string] => {
    const [type, get] = META_FIELDS[name];
    return [name, shown(type, get(self))];
  };
  const owners = (self.ownerReferences ?? []).map((owner) => `${ownerText(owner).slice(1)},`).join("");
  return generated("ObjectMeta", [
    plain("Name"),
    plain("GenerateName"),
    plain("Namespace"),
    plain("SelfLink"),
    plain("UID"),
    plain("ResourceVersion"),
    plain("Generation"),
    plain("CreationTimestamp"),
    plain("DeletionTimestamp"),
    ["DeletionGracePeriodSeconds", pointerText(self.deletionGracePeriodSeconds)],
    ["Labels", mapText(self.labels)],
    ["Annotations", mapText(self.annotations)],
    ["OwnerReferences", `[]OwnerReference{${owners}}`],
    plain("Finalizers"),
    ["ManagedFields", "[]ManagedFieldsEntry{}"],
  ]);
}

/** metadata as the exporter's JSON has it: a creation time that is not set is null. */
export function metaJson(self: ObjectMeta): Record<string, unknown> {
  const { name, generateName, namespace, selfLink, uid, resourceVersion, generation } = self;
  const { deletionTimestamp, deletionGracePeriodSeconds, labels, annotations, ownerReferences, finalizers } = self;
  return {
    ...compact({ name, generateName, namespace, selfLink, uid, resourceVersion, generation }),
    creationTimestamp: timestamp(parseTimestamp(self.creationTimestamp), 0),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: timestamp(parseTimestamp(deletionTimestamp), 0) }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    ...compact({
      labels: sorted(labels),
      annotations: sorted(annotations),
      ownerReferences: ownerReferences?.map(ownerJson),
      finalizers,
    }),
  };
}

export const OBJECT_META: Type = structType(
  "v1.ObjectMeta",
  Object.entries(META_FIELDS).map(([name, [type, get]]) => field(name, type, get)),
  { String: text(metaText) },
  { json: (native) => metaJson(native as ObjectMeta) },
);
for (const [name, [type, get]] of Object.entries(META_FIELDS)) {
  OBJECT_META.methods.set(
    `Get${name}`,
    method(type, (self: ObjectMeta) => type.box(get(self), false)),
  );
  OBJECT_META.methods.set(`Set${name}`, nothing(`Set${name}`, type));
}
OBJECT_META.methods.set(
  "GetObjectMeta",
  method(ptrTo(OBJECT_META), (self) => new Ptr(ptrTo(OBJECT_META), self)),
);

// --- the event's parts -------------------------------------------------------------------------------------------------

type Source = Event["source"];
type Series = NonNullable<Event["series"]>;

function sourceText(self: Source): string {
  return generated("EventSource", [
    ["Component", self.component ?? ""],
    ["Host", self.host ?? ""],
  ]);
}

export const EVENT_SOURCE: Type = structType(
  "v1.EventSource",
  [
    field("Component", STRING, (self: Source) => self.component ?? ""),
    field("Host", STRING, (self: Source) => self.host ?? ""),
  ],
  { String: text(sourceText) },
  {
    json: (native) => {
      const { component, host } = native as Source;
      return compact({ component, host });
    },
  },
);

function seriesText(self: Series): string {
  return generated("EventSeries", [
    ["Count", String(self.count ?? 0)],
    ["LastObservedTime", shown(MICRO_TIME, parseTimestamp(self.lastObservedTime))],
  ]);
}

function seriesJson(self: Series): Record<string, unknown> {
  return { ...compact({ count: self.count }), lastObservedTime: timestamp(parseTimestamp(self.lastObservedTime), 6) };
}

export const EVENT_SERIES: Type = structType(
  "v1.EventSeries",
  [
    field("Count", INT32, (self: Series) => self.count ?? 0),
    field("LastObservedTime", MICRO_TIME, (self: Series) => parseTimestamp(self.lastObservedTime)),
  ],
  { String: text(seriesText) },
  { json: (native) => seriesJson(native as Series) },
);

/** Go's strings.Replace of the first occurrence. */
function once(whole: string, part: string, by: string): string {
  const at = whole.indexOf(part);
  return at < 0 ? whole : whole.slice(0, at) + by + whole.slice(at + part.length);
}

function eventText(self: Event): string {
  // The metadata is printed as a plain struct; what was meant for its own text hits the values in it.
  const metadata = once(once(shown(OBJECT_META, self.metadata), "ObjectMeta", "v1.ObjectMeta"), "&", "");
  return generated("Event", [
    ["ObjectMeta", metadata],
    ["InvolvedObject", referenceText(self.involvedObject).slice(1)],
    ["Reason", self.reason],
    ["Message", self.message],
    ["Source", sourceText(self.source).slice(1)],
    ["FirstTimestamp", shown(META_TIME, parseTimestamp(self.firstTimestamp))],
    ["LastTimestamp", shown(META_TIME, parseTimestamp(self.lastTimestamp))],
    ["Count", String(self.count)],
    ["Type", self.type],
    ["EventTime", shown(MICRO_TIME, parseTimestamp(self.eventTime))],
    ["Series", self.series === undefined ? "nil" : seriesText(self.series)],
    ["Action", self.action],
    ["Related", self.related === undefined ? "nil" : referenceText(self.related)],
    ["ReportingController", self.reportingComponent],
    ["ReportingInstance", self.reportingInstance],
  ]);
}

/** The event's own fields, without what the exporter adds. */
function ownJson(self: Event): Record<string, unknown> {
  const { reason, message, count, type, action, series, related } = self;
  return {
    ...compact({ reason, message }),
    source: compact({ component: self.source.component, host: self.source.host }),
    firstTimestamp: timestamp(parseTimestamp(self.firstTimestamp), 0),
    lastTimestamp: timestamp(parseTimestamp(self.lastTimestamp), 0),
    ...compact({ count, type }),
    eventTime: timestamp(parseTimestamp(self.eventTime), 6),
    ...(series === undefined ? {} : { series: seriesJson(series) }),
    ...compact({ action }),
    ...(related === undefined ? {} : { related: referenceJson(related) }),
    reportingComponent: self.reportingComponent,
    reportingInstance: self.reportingInstance,
  };
}

export const CORE_EVENT: Type = structType(
  "v1.Event",
  [
    embed("TypeMeta", TYPE_META, () => NO_TYPE),
    embed("ObjectMeta", OBJECT_META, (self: Event) => self.metadata),
    field("InvolvedObject", OBJECT_REFERENCE, (self: Event) => self.involvedObject),
    field("Reason", STRING, (self: Event) => self.reason),
    field("Message", STRING, (self: Event) => self.message),
    field("Source", EVENT_SOURCE, (self: Event) => self.source),
    field("FirstTimestamp", META_TIME, (self: Event) => parseTimestamp(self.firstTimestamp)),
    field("LastTimestamp", META_TIME, (self: Event) => parseTimestamp(self.lastTimestamp)),
    field("Count", INT32, (self: Event) => self.count),
    field("Type", STRING, (self: Event) => self.type),
    field("EventTime", MICRO_TIME, (self: Event) => parseTimestamp(self.eventTime)),
    field("Series", ptrTo(EVENT_SERIES), (self: Event) => self.series),
    field("Action", STRING, (self: Event) => self.action),
    field("Related", ptrTo(OBJECT_REFERENCE), (self: Event) => self.related),
    field("ReportingController", STRING, (self: Event) => self.reportingComponent),
    field("ReportingInstance", STRING, (self: Event) => self.reportingInstance),
  ],
  { String: text(eventText) },
  {
    json: (native) => {
      const self = native as Event;
      return {
        metadata: metaJson(self.metadata),
        involvedObject: referenceJson(self.involvedObject),
        ...ownJson(self),
      };
    },
  },
);
CORE_EVENT.methods.set(
  "DeepCopy",
  method(ptrTo(CORE_EVENT), (self) => new Ptr(ptrTo(CORE_EVENT), self)),
);

// --- the exporter's event ------------------------------------------------------------------------------------------------

/** The exporter's JSON of an event (plain data, in its order). */
export function eventJson(self: Event): Record<string, unknown> {
  return {
    metadata: metaJson(self.metadata),
    ...ownJson(self),
    clusterName: self.clusterName,
    involvedObject: involvedJson(self.involvedObject),
  };
}

function dedotKeys(labels: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  if (labels === undefined) return undefined;
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [key.replaceAll(".", "_"), value]));
}

/** The event with `_` for `.` in the keys of labels and annotations. */
export function dedot(self: Event): Event {
  const { metadata, involvedObject } = self;
  const renamed = (object: ObjectMeta | InvolvedObject): Pick<ObjectMeta, "labels" | "annotations"> => {
    const labels = dedotKeys(object.labels);
    const annotations = dedotKeys(object.annotations);
    return { ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) };
  };
  return {
    ...self,
    metadata: { ...metadata, ...renamed(metadata) },
    involvedObject: { ...involvedObject, ...renamed(involvedObject) },
  };
}

/** The time that GetTimestampMs and GetTimestampISO8601 tell. */
function happened(self: Event): GoTime {
  const first = parseTimestamp(self.firstTimestamp);
  return isZero(first) ? parseTimestamp(self.eventTime) : first;
}

function isoMillis(time: GoTime): string {
  if (isZero(time)) return "0001-01-01T00:00:00.000Z";
  return timestamp(time, 3) ?? "";
}

/** Go's JSON of plain data: with the characters escaped that are unsafe in HTML. */
export function goJson(data: unknown): string {
  return JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export const ENHANCED_EVENT: Type = structType(
  "kube.EnhancedEvent",
  [
    embed("Event", CORE_EVENT, (self: Event) => self),
    field("ClusterName", STRING, (self: Event) => self.clusterName),
    field("InvolvedObject", INVOLVED_OBJECT, (self: Event) => self.involvedObject),
  ],
  {
    ToJSON: method(BYTES, (self: Event) => new Bytes(new TextEncoder().encode(goJson(eventJson(self))))),
    GetTimestampMs: method(INT64, (self: Event) => {
      const { seconds, nanos } = happened(self);
      return BigInt(seconds * 1000 + Math.floor(nanos / 1e6));
    }),
    GetTimestampISO8601: method(STRING, (self: Event) => isoMillis(happened(self))),
  },
  { json: (native) => eventJson(native as Event) },
);
ENHANCED_EVENT.methods.set("DeDot", {
  params: [],
  result: ENHANCED_EVENT,
  call: (self) => new Struct(ENHANCED_EVENT, dedot(self as Event)),
});
