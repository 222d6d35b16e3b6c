/**
 * The form of what a receiver is sent: the predecessor's JSON of an event, CloudEvents, or eventrouter's envelope.
 * Sinks put the text that comes of it where their destination wants it, and those that have a mode for it send
 * CloudEvents as such.
 */

import { bridgeData, bridgeEvent } from "./bridge-event.ts";
import {
  type CloudEvent,
  type CloudEventData,
  type ContentMode,
  cloudEvent,
  FORWARDED_BYTES,
  RAW_TYPE,
  structured,
} from "./cloudevents.ts";
import type { ReceiverConfig } from "./config/types.ts";
import { compileEnvelope, coreEventJson } from "./envelope.ts";
import type { Event } from "./event.ts";
import { flatEnvelope, glogLine, syslogFrame } from "./eventrouter-form.ts";
import type { Logger } from "./logger.ts";
import { deDot } from "./payload.ts";
import type { SinkDefinition } from "./sink.ts";

export const FORMATS = [
  "event",
  "cloudevents",
  "eventrouter",
  "rfc5424",
  "glog",
  "flatjson",
  "flatsnake",
  "core",
] as const;
export type Format = (typeof FORMATS)[number];
export const MODES = ["structured", "binary", "batch"] as const satisfies readonly ContentMode[];
export const FRIENDLY = ["off", "only", "withRaw", "bridge"] as const;
export type FriendlyChoice = (typeof FRIENDLY)[number];

export interface Form {
  readonly format: Format;
  /** How CloudEvents go out; undefined: the sink sends none as such. */
  readonly mode: ContentMode | undefined;
  readonly friendly: FriendlyChoice;
  /** The one key that the JSON is put under. */
  readonly wrap?: string;
}

/** What an event says happened, when it is one of those that Petrel understands. */
export type FriendlyData = (event: Event) => CloudEventData | undefined;

/** What a receiver asks for, as far as its sink can do it. */
export function formOf(
  receiver: Pick<ReceiverConfig, "format" | "mode" | "friendly" | "wrap">,
  sink: Pick<SinkDefinition, "modes" | "onlyCloudEvents">,
): Form {
  const { modes = [] } = sink;
  const format = sink.onlyCloudEvents ? "cloudevents" : (receiver.format ?? "event");
  if (format !== "cloudevents") {
    return { format, mode: undefined, friendly: "off", ...(receiver.wrap !== undefined && { wrap: receiver.wrap }) };
  }
  const mode = receiver.mode !== undefined && modes.includes(receiver.mode) ? receiver.mode : modes[0];
  return { format, mode, friendly: receiver.friendly ?? "off" };
}

/** Whether it is of the event as it is stored, in whatever dress: nothing in it is looked up, and no layout has a say. */
export function isAsStored(format: Format | undefined): boolean {
  return format !== undefined && format !== "event" && format !== "cloudevents";
}

export const PLAIN_FORM: Form = { format: "event", mode: undefined, friendly: "off" };

export interface FormOptions {
  readonly form: Form;
  /** Needed where `form.friendly` is not off. */
  readonly friendly?: FriendlyData | undefined;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export type CloudEvents = readonly [CloudEvent, ...CloudEvent[]];

/** An event as CloudEvents. `json`: its data; `schema`: the data's, as an absolute URI. Warns once of what may be too large for others. */
export function compileCloudEvents(
  json: (event: Event) => string,
  schema: string | undefined,
  { form, friendly, log, now }: FormOptions,
): (event: Event) => CloudEvents {
  let warned = false;
  const sized = (made: CloudEvent): CloudEvent => {
    if (warned || made.data.length < FORWARDED_BYTES) return made;
    warned = true;
    log.warn("a CloudEvent is larger than what every intermediary must forward; larger ones are not mentioned again", {
      event: made.id,
      bytes: Buffer.byteLength(made.data),
      limit: FORWARDED_BYTES,
    });
    return made;
  };
  if (form.friendly === "bridge") {
    return (event) => {
      const at = now();
      const told = bridgeData(friendly?.(event)) ?? { type: RAW_TYPE, dataschema: schema, json: json(event) };
      return [bridgeEvent(event, sized(cloudEvent(event, told, at)))];
    };
  }
  const rawOf = (event: Event, at: number): CloudEvent =>
    sized(cloudEvent(event, { type: RAW_TYPE, dataschema: schema, json: json(event) }, at));
  if (form.friendly === "off" || friendly === undefined) return (event) => [rawOf(event, now())];
  const withRaw = form.friendly === "withRaw";
  return (event) => {
    const at = now();
    const told = friendly(event);
    if (told === undefined) return [rawOf(event, at)];
    const made = sized(cloudEvent(event, told, at));
    return withRaw ? [rawOf(event, at), made] : [made];
  };
}

/** The text of an event in the receiver's form. `json`: the predecessor's JSON, or what a layout makes. */
export function compileForm(
  json: (event: Event) => string,
  schema: string | undefined,
  options: FormOptions & { readonly deDot: boolean },
): (event: Event) => string {
  const text = framed(wrapped(textOf(json, schema, options), options.form.wrap), options);
  return options.deDot ? (event) => text(deDot(event)) : text;
}

/** Under the one key of `wrap`, if there is one. */
function wrapped(text: (event: Event) => string, wrap: string | undefined): (event: Event) => string {
  if (wrap === undefined) return text;
  const before = `{${JSON.stringify(wrap)}:`;
  return (event) => `${before}${text(event)}}`;
}

/** Behind what some forms put before the JSON. */
function framed(json: (event: Event) => string, { form, now }: FormOptions): (event: Event) => string {
  if (form.format === "rfc5424") return (event) => syslogFrame(event, json(event));
  return form.format === "glog" ? (event) => glogLine(json(event), now(), process.pid) : json;
}

function textOf(
  json: (event: Event) => string,
  schema: string | undefined,
  options: FormOptions,
): (event: Event) => string {
  const { format } = options.form;
  if (format === "event") return json;
  if (format === "core") return coreEventJson;
  if (format !== "cloudevents") {
    const envelope = compileEnvelope();
    if (format !== "flatjson" && format !== "flatsnake") return envelope;
    const snake = format === "flatsnake";
    return (event) => flatEnvelope(envelope(event), { snake });
  }
  const events = compileCloudEvents(json, schema, options);
  // Of a sink that takes one text per event nobody can have two: the last is the friendly one.
  return (event) => structured(events(event).at(-1) ?? events(event)[0]);
}
