/**
 * From an event to what happened. An event is read at most once, when somebody asks first; what no wording of the table
 * holds for has no friendly form, which is no error: it stays what it is.
 */
import { type CloudEventData, RAW_TYPE, schemaId } from "../cloudevents.ts";
import type { Event } from "../event.ts";
import { goJson } from "../payload.ts";
import type { Definition, Row } from "./definition.ts";
import type { Shape } from "./shape.ts";
import { TABLE } from "./table.ts";
import { read, type Token, tokensOf, type Value, type Values } from "./wording.ts";

interface Compiled {
  readonly definition: Definition;
  readonly row: Row;
  readonly wordings: readonly {
    readonly tokens: readonly Token[];
    readonly says: readonly (readonly [string, Value])[];
  }[];
}

/** What an event was understood as. */
export interface Told {
  readonly definition: Definition;
  readonly values: Values;
}

const EVERY = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? one : [one as T]);

/** By reason, in the order of the table. */
function compile(table: readonly Definition[]): ReadonlyMap<string, readonly Compiled[]> {
  const byReason = new Map<string, Compiled[]>();
  for (const definition of table) {
    for (const row of definition.rows) {
      const wordings = row.wordings.map(({ text, says }) => ({
        tokens: tokensOf(text, definition.shape),
        says: Object.entries(says),
      }));
      const compiled = { definition, row, wordings };
      for (const reason of EVERY(row.reason)) {
        const rows = byReason.get(reason);
        if (rows === undefined) byReason.set(reason, [compiled]);
        else rows.push(compiled);
      }
    }
  }
  return byReason;
}

const ROWS = compile(TABLE);

/** What old-style recorders put before the message after ten similar ones; such an event has no reportingComponent. */
const COMBINED = "(combined from similar events): ";
/** Of a message, that much is read; none of those in the table comes near. */
const MAX_MESSAGE = 64 * 1024;

/** Where an event keeps what it was understood as; null: nothing. No text of it, and copied with it. */
const KNOWN = Symbol("friendly");
interface Known extends Event {
  [KNOWN]?: Told | null;
}

/** What the event was understood as; undefined when no wording of the table holds for it. */
export function told(event: Event): Told | undefined {
  const known: Known = event;
  if (known[KNOWN] === undefined) known[KNOWN] = understand(event) ?? null;
  return known[KNOWN] ?? undefined;
}

function understand(event: Event): Told | undefined {
  const rows = ROWS.get(event.reason);
  if (rows === undefined || event.message.length > MAX_MESSAGE) return undefined;
  const component = event.reportingComponent || event.source.component;
  let message: string | undefined;
  for (const { definition, row, wordings } of rows) {
    if (row.severity !== undefined && row.severity !== event.type) continue;
    if (row.component !== undefined && !EVERY(row.component).includes(component ?? "")) continue;
    message ??= messageOf(event);
    for (const { tokens, says } of wordings) {
      const found = read(tokens, message);
      const values = found && about(definition, row, event, found, says);
      if (values !== undefined) return { definition, values };
    }
  }
  return undefined;
}

function messageOf({ message }: Event): string {
  const text = message.startsWith(COMBINED) ? message.slice(COMBINED.length) : message;
  return text.toWellFormed().trimEnd();
}

/** What was read, with what else is known; undefined when it is not about the object of the event, or something is missing. */
function about(
  definition: Definition,
  row: Row,
  event: Event,
  found: Values,
  says: readonly (readonly [string, Value])[],
): Values | undefined {
  const { key, kind } = definition.about ?? {};
  const object = event.involvedObject;
  const wanted = row.on ?? kind;
  if (wanted !== undefined && object.kind && object.kind !== wanted) return undefined;
  const values = new Map([...found, ...says]);
  if (key !== undefined && wanted === kind) {
    if (!agrees(values, `${key}.name`, object.name)) return undefined;
    if (kind !== "Node" && !agrees(values, `${key}.namespace`, object.namespace)) return undefined;
  }
  if (definition.shape.container) {
    const container = /^spec\.(?:init|ephemeral)?[cC]ontainers\{(.+)\}$/.exec(object.fieldPath ?? "")?.[1];
    if (!agrees(values, "container.name", container)) return undefined;
  }
  const all = row.finish ? row.finish(values) : values;
  return all !== undefined && dataOf(definition.shape, all, {}, "") !== undefined ? all : undefined;
}

/** Sets what is not known yet; false when the message says something else than the event. */
function agrees(values: Map<string, Value>, path: string, value: string | undefined): boolean {
  const read = values.get(path);
  if (read !== undefined) return value === undefined || value === "" || value === read;
  if (value) values.set(path, value.toWellFormed());
  return true;
}

type Labels = Readonly<Record<string, string>>;

/** The data, in the order of the shape; undefined when something that it must have is missing. */
function dataOf(shape: Shape, values: Values, labels: Labels, above: string): Record<string, unknown> | undefined {
  const data: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(shape)) {
    const path = `${above}${key}`;
    const value =
      field.kind === "object"
        ? dataOf(field.fields, values, labels, `${path}.`)
        : field.kind === "labels"
          ? labels
          : values.get(path);
    if (value === undefined || (field.optional && field.kind === "object" && isEmpty(value))) {
      if (!field.optional) return undefined;
    } else data[key] = value;
  }
  return data;
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** The data of an event that was understood. */
export function friendlyData(event: Event, { definition, values }: Told): Record<string, unknown> {
  const { labels } = event.involvedObject;
  const own = definition.about !== undefined && event.involvedObject.kind === definition.about.kind;
  return dataOf(definition.shape, values, (own && labels) || {}, "") ?? {};
}

/** What to make a CloudEvent of; undefined for an event without a friendly form. */
export function friendlyCloudEvent(event: Event): CloudEventData | undefined {
  const known = told(event);
  if (known === undefined) return undefined;
  const { type } = known.definition;
  return {
    type,
    dataschema: schemaId(type),
    reporter: event.reportingComponent || event.source.component,
    json: goJson(friendlyData(event, known)),
  };
}

/** Of the friendly form, or of the raw event when it has none. */
export function eventType(event: Event): string {
  return told(event)?.definition.type ?? RAW_TYPE;
}
