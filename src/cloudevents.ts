/**
 * Events as CloudEvents 1.0, in all content modes, as text: pure functions, nothing is sent here.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
import type { Event } from "./event.ts";
import { newestTime } from "./wire/event-time.ts";

/** How a CloudEvent travels: as one JSON text, its attributes beside its data, or several in a JSON array. */
export type ContentMode = "structured" | "binary" | "batch";

export interface CloudEvent {
  /** Together with `source` unique per event and form of it. Never empty. */
  readonly id: string;
  /** URI-reference. */
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  /** When it happened, RFC 3339. */
  readonly time?: string;
  /** Absolute URI of the data's JSON Schema. */
  readonly dataschema?: string;
  /** When this CloudEvent was made, RFC 3339. */
  readonly recordedtime: string;
  readonly severitytext?: "INFO" | "WARN";
  readonly severitynumber?: 9 | 13;
  /** JSON text. */
  readonly data: string;
}

/** What the data of a CloudEvent is: the whole event, or what happened in its own words. */
export interface CloudEventData {
  readonly type: string;
  /** Absolute URI; absent when the data follows no published schema. */
  readonly dataschema?: string | undefined;
  /** Segment of the source that keeps another form of the same event apart, whose id is the same. */
  readonly reporter?: string | undefined;
  /** JSON text. */
  readonly json: string;
}

// In these spellings: the JavaScript SDK knows the charset of the first in lower case only, the Go SDK none of the second.
export const STRUCTURED_TYPE = "application/cloudevents+json; charset=utf-8";
export const BATCH_TYPE = "application/cloudevents-batch+json";
export const DATA_TYPE = "application/json";

/** Bytes that every intermediary must forward; larger events may get lost on the way. */
export const FORWARDED_BYTES = 64 * 1024;

/** What the type of an event is that has no friendly form, as Kubernetes Event Grid Bridge calls it. */
export const RAW_TYPE = "Kubernetes.Events.Raw";

/** The `$id` of the JSON Schema of the data of a type; the schemas are in `configs/schemas/`. */
export const schemaId = (type: string): string => `urn:petrel:schema:${type}`;
export const RAW_SCHEMA = schemaId(RAW_TYPE);

/** What the bridge calls a cluster without a name. */
export const UNKNOWN_CLUSTER = "unknown-cluster";

/** @see https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
const SEVERITIES: Readonly<Record<string, Pick<CloudEvent, "severitytext" | "severitynumber">>> = {
  Normal: { severitytext: "INFO", severitynumber: 9 },
  Warning: { severitytext: "WARN", severitynumber: 13 },
};

/** Control characters and Unicode's noncharacters, which no attribute may have. Lone surrogates are gone before. */
const NO_ATTRIBUTE = /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef]|\p{Noncharacter_Code_Point}/gu;

/** Printable ASCII, as nearly all of them are: what follows is slow beside a look at that. */
const PLAIN = /^[ -~]*$/;

/** A text as an attribute may have it; what it may not becomes U+FFFD. */
function attribute(text: string): string {
  return PLAIN.test(text) ? text : text.toWellFormed().replace(NO_ATTRIBUTE, "\ufffd");
}

const segment = (text: string): string => (/^[\w.-]*$/.test(text) ? text : encodeURIComponent(text.toWellFormed()));

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function timeOf(event: Event): string | undefined {
  const text = newestTime(event);
  return text === undefined || RFC3339.test(text) ? text : new Date(text).toISOString();
}

/** `now`: milliseconds since 1970, when the CloudEvent is made. */
export function cloudEvent(event: Event, data: CloudEventData, now: number): CloudEvent {
  const { kind, name } = event.involvedObject;
  const { namespace } = event.metadata;
  let source = `/clusters/${segment(event.clusterName || UNKNOWN_CLUSTER)}`;
  if (namespace) source += `/namespaces/${segment(namespace)}`;
  if (data.reporter) source += `/${segment(data.reporter)}`;
  const subject = attribute(kind && name ? `${kind}/${name}` : (name ?? ""));
  const time = timeOf(event);
  const severity = Object.hasOwn(SEVERITIES, event.type) ? SEVERITIES[event.type] : undefined;
  return {
    // Every event has an id; the type does not say so.
    id: attribute(event.id) || "-",
    source,
    type: data.type,
    ...(subject !== "" && { subject }),
    ...(time !== undefined && { time }),
    ...(data.dataschema !== undefined && { dataschema: data.dataschema }),
    recordedtime: new Date(now).toISOString(),
    ...severity,
    data: data.json,
  };
}

type Attribute = readonly [name: string, value: string | number];

/** All attributes that are set, extensions last, but for datacontenttype, whose place depends on the mode. */
function attributesOf(event: CloudEvent): Attribute[] {
  const { id, source, type, subject, time, dataschema, recordedtime, severitytext, severitynumber } = event;
  const all: readonly (readonly [string, string | number | undefined])[] = [
    ["specversion", "1.0"],
    ["id", id],
    ["source", source],
    ["type", type],
    ["subject", subject],
    ["time", time],
    ["dataschema", dataschema],
    ["recordedtime", recordedtime],
    ["severitytext", severitytext],
    ["severitynumber", severitynumber],
  ];
  return all.filter((one): one is Attribute => one[1] !== undefined);
}

/** A text as JSON; most need no more than their quotes. */
const quoted = (text: string): string => (/^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text));

/** One CloudEvent as JSON, its data in it. */
export function structured(event: CloudEvent): string {
  const { id, source, type, subject, time, dataschema, recordedtime, severitytext, severitynumber, data } = event;
  // By hand: this is done for every event that is sent, and the attributes are few.
  let json = `{"specversion":"1.0","id":${quoted(id)},"source":${quoted(source)},"type":${quoted(type)}`;
  if (subject !== undefined) json += `,"subject":${quoted(subject)}`;
  if (time !== undefined) json += `,"time":"${time}"`;
  if (dataschema !== undefined) json += `,"dataschema":${quoted(dataschema)}`;
  json += `,"recordedtime":"${recordedtime}"`;
  if (severitytext !== undefined) json += `,"severitytext":"${severitytext}"`;
  if (severitynumber !== undefined) json += `,"severitynumber":${severitynumber}`;
  return `${json},"datacontenttype":"${DATA_TYPE}","data":${data}}`;
}

/** Several as one JSON array. Only for who asked for it: a receiver that did not may refuse it. */
export function batched(events: readonly CloudEvent[]): string {
  return `[${events.map(structured).join(",")}]`;
}

/** Percent-encoding of HTTP header values: space, `"`, `%` and whatever is not printable ASCII. */
function headerValue(value: string | number): string {
  const text = String(value);
  return /^[!#$&-~]*$/.test(text) ? text : text.replace(/[^\u0021-\u007e]|["%]/gu, encodeURIComponent);
}

/** The headers of binary mode, Content-Type included; the body is the data. */
export function binaryHeaders(event: CloudEvent): (readonly [name: string, value: string])[] {
  return [
    ["Content-Type", DATA_TYPE],
    ...attributesOf(event).map(([name, value]) => [`ce-${name}`, headerValue(value)] as const),
  ];
}

/** A request without what the sender knows: where to, and who it is. */
export interface HttpMessage {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** The requests that CloudEvents go out in: one for all of them in batch mode, else one each. */
export function httpMessages(events: readonly CloudEvent[], mode: ContentMode): readonly HttpMessage[] {
  switch (mode) {
    case "batch":
      return [{ headers: [["Content-Type", BATCH_TYPE]], body: batched(events) }];
    case "structured":
      return events.map((event) => ({ headers: [["Content-Type", STRUCTURED_TYPE]], body: structured(event) }));
    case "binary":
      return events.map((event) => ({ headers: binaryHeaders(event), body: event.data }));
  }
}

/** A Kafka record without its key. */
export interface KafkaMessage {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Kafka's binding knows no batch mode: a record is one CloudEvent. */
export function kafkaMessage(event: CloudEvent, mode: ContentMode | undefined): KafkaMessage {
  return mode === "binary"
    ? { headers: kafkaHeaders(event), body: event.data }
    : { headers: [["content-type", STRUCTURED_TYPE]], body: structured(event) };
}

/** The headers of a Kafka record in binary mode: plain UTF-8, nothing is percent-encoded; its value is the data. */
export function kafkaHeaders(event: CloudEvent): (readonly [name: string, value: string])[] {
  return [
    ["content-type", DATA_TYPE],
    ...attributesOf(event).map(([name, value]) => [`ce_${name}`, String(value)] as const),
  ];
}
