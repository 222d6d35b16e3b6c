/**
 * The event that an exporter's template walks through, over our own Event: the API's struct inside the exporter's.
 *
 * @see https://pkg.go.dev/k8s.io/api/core/v1#Event
 */
import type { Event, InvolvedObject, ObjectMeta } from "../event.ts";
import { checkLength, spend } from "../template/budget.ts";
import { BOOL, BYTES, INT32, INT64, ptrTo, STRING, structType } from "../template/types.ts";
import { Bytes, type GoTime, Ptr, Struct, type Type } from "../template/value.ts";
import {
  LABELS,
  metaJson,
  OBJECT_META,
  OBJECT_REFERENCE,
  OWNER_REFERENCES,
  ownerJson,
  referenceJson,
  referenceText,
  TYPE_META,
} from "./meta-type.ts";
import { addItself, compact, embed, field, generated, method, shown, sorted, text } from "./struct-type.ts";
import { isZero, META_TIME, MICRO_TIME, parseTimestamp, timestamp } from "./time-type.ts";

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
addItself(EVENT_SERIES, ["DeepCopy"]);

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
    embed("TypeMeta", TYPE_META, (self: Event) => self),
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
    ...(self.clusterEnvironment !== undefined && { clusterEnvironment: self.clusterEnvironment }),
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
    ToJSON: method(BYTES, (self: Event) => {
      const json = goJson(eventJson(self));
      checkLength(json.length);
      spend(json.length >>> 5);
      return new Bytes(new TextEncoder().encode(json));
    }),
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
