/** The events in the body of a request, whatever shape they come in. Pure. */
import type { Posted } from "../pipeline/posting.ts";
import { isObject, wrongField } from "./event-fields.ts";
import { Refused } from "./problem.ts";
import { binaryId, isJsonType, openStructured } from "./read-cloudevent.ts";
import { type Form, MAX_EVENTS, type Parts } from "./split.ts";

const MAX_KEY = 255;

const NDJSON = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|jsonlines)$/;

/** How a body is to be read, by its headers. */
export interface Reading {
  readonly form: Form;
  /** What the value, or each item of the list, or each line is; `any`: it says so itself. */
  readonly holds: "any" | "cloudevents" | "batch";
  /** The id that the headers give: to the one event, or with a number to each of several. */
  readonly key?: string;
  /** Likewise, of a CloudEvent whose attributes are headers, which is one. */
  readonly id?: string;
}

export interface ReadOptions {
  /** Take the body for JSON, whatever its type says. */
  readonly anyType: boolean;
}

/** What there is to refuse before the body has come. @throws Refused with 400 or 415. */
export function readingOf(headers: Headers, { anyType }: ReadOptions): Reading {
  const [type = "", ...parameters] = (headers.get("content-type") ?? "").toLowerCase().split(";");
  const media = type.trim();
  const charset = parameters.map((one) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(one)?.[1]).find(Boolean);
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii") {
    throw new Refused(415, {
      detail: `the charset ${JSON.stringify(charset.slice(0, 40))} is not understood; send UTF-8`,
    });
  }
  const key = headers.get("idempotency-key") ?? undefined;
  if (key !== undefined && (key === "" || key.length > MAX_KEY)) {
    throw new Refused(400, { detail: `header Idempotency-Key: expected 1 to ${MAX_KEY} characters` });
  }
  if (media.startsWith("application/cloudevents")) {
    if (!isJsonType(media)) throw unknownType(media);
    return { form: "json", holds: media.startsWith("application/cloudevents-batch") ? "batch" : "cloudevents" };
  }
  if (headers.has("ce-specversion")) {
    if (media !== "" && !isJsonType(media)) throw unknownType(media);
    return { form: "json", holds: "any", id: binaryId(headers) };
  }
  const named = key === undefined ? {} : { key };
  if (NDJSON.test(media)) return { form: "lines", holds: "any", ...named };
  if (media !== "" && !anyType && !isJsonType(media)) throw unknownType(media);
  return { form: "json", holds: "any", ...named };
}

/**
 * One after the other, in the order of the body, so that who reads them may rest between two.
 * @throws Refused with 400 or 413.
 */
export function* readPosted(reading: Reading, body: Uint8Array, parts: Parts): Generator<Posted, void> {
  let count = 0;
  for (const { input, id, modified, at, index } of named(found(reading, body, parts), reading.key)) {
    if (++count > MAX_EVENTS) {
      throw new Refused(413, { detail: `there are more than the ${MAX_EVENTS} events of one request` });
    }
    const wrong = wrongField(input, at);
    if (wrong) throw new Refused(400, { ...wrong, ...(index !== undefined && { index }) });
    yield { input, id, modified };
  }
}

interface Found extends Posted {
  readonly at: string;
  readonly index: number | undefined;
}

function unknownType(media: string): Refused {
  return new Refused(
    415,
    {
      detail: `the type ${JSON.stringify(media.slice(0, 64))} is not understood; send application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json`,
    },
    {
      accept:
        "application/json, application/x-ndjson, application/cloudevents+json, application/cloudevents-batch+json",
    },
  );
}

function* found({ holds, form, id }: Reading, body: Uint8Array, parts: Parts): Generator<Found, void> {
  const { bounds, list } = parts;
  // A binary CloudEvent is the body whole, whatever it looks like.
  if (id !== undefined) {
    yield { input: json(body), id, modified: false, at: "", index: undefined };
    return;
  }
  const split = list !== undefined && (holds === "any" || !list.member) && isListed(body, list);
  if (form === "json" && (!split || holds === "cloudevents")) {
    const value = json(body);
    if (holds === "batch") throw new Refused(400, { detail: "a batch of CloudEvents is a list", pointer: "" });
    if (holds === "cloudevents" || isCloudEvent(value)) yield cloudEvent(value, "", undefined);
    else yield* unpack(value, "");
    return;
  }
  const before = list?.member ? "/items" : "";
  for (let part = 0; 2 * part < bounds.length; part++) {
    const at = `${before}/${part}`;
    const value = json(body.subarray(bounds[2 * part], bounds[2 * part + 1]), part);
    if (holds === "batch" || (form === "lines" && isCloudEvent(value))) yield cloudEvent(value, at, part);
    else if (list?.member) yield { ...enveloped(value, at), index: part };
    else for (const one of unpack(value, at)) yield { ...one, index: part };
  }
}

const STAND_IN = "what was here is read one by one";

/** Whether what stands around the list is what stands around lists. */
function isListed(body: Uint8Array, { from, to, member }: NonNullable<Parts["list"]>): boolean {
  const around = Buffer.concat([body.subarray(0, from), Buffer.from(`["${STAND_IN}"]`), body.subarray(to)]);
  let value: unknown;
  try {
    value = JSON.parse(textOf(around));
  } catch {
    return false;
  }
  if (!member) return Array.isArray(value);
  // If not, there are two of this name, and the second counts.
  if (!isObject(value) || !Array.isArray(value.items) || value.items[0] !== STAND_IN) return false;
  return value.involvedObject === undefined && !isCloudEvent(value);
}

const isCloudEvent = (value: unknown): boolean => isObject(value) && "specversion" in value;

const decoder = new TextDecoder("utf-8", { fatal: true });

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Refused(400, { detail: "the body is not UTF-8" });
  }
}

function json(bytes: Uint8Array, index?: number): unknown {
  const text = textOf(bytes);
  try {
    return JSON.parse(text);
  } catch {
    const where = index === undefined ? {} : { index };
    const shown = JSON.stringify(text.slice(0, 40));
    throw new Refused(400, { detail: text.trim() === "" ? "the body is empty" : `it is not JSON: ${shown}`, ...where });
  }
}

function cloudEvent(value: unknown, at: string, index: number | undefined): Found {
  const { id, data, at: inside } = openStructured(value, at, index);
  return { input: data, id, modified: false, at: inside, index };
}

/** One event, a list of them, or one in the envelope of a watch or of eventrouter. */
export function unpack(value: unknown, at: string): readonly Found[] {
  if (Array.isArray(value)) {
    return value.flatMap((one, index) => unpack(one, `${at}/${index}`).map((found) => ({ ...found, index })));
  }
  if (isObject(value) && Array.isArray(value.items) && value.involvedObject === undefined) {
    return value.items.map((input, index) => ({ ...enveloped(input, `${at}/items/${index}`), index }));
  }
  return [enveloped(value, at)];
}

function enveloped(value: unknown, at: string): Found {
  const plain = { input: value, id: undefined, modified: false, at, index: undefined };
  if (!isObject(value) || value.metadata !== undefined) return plain;
  if ("event" in value && "verb" in value) {
    return { ...plain, input: value.event, modified: value.verb === "UPDATED", at: `${at}/event` };
  }
  if ("object" in value && "type" in value) {
    return { ...plain, input: value.object, modified: value.type === "MODIFIED", at: `${at}/object` };
  }
  return plain;
}

/** The key of a request that has several events is that of each with its number. */
function* named(all: Iterable<Found>, key: string | undefined): Generator<Found, void> {
  if (key === undefined) {
    yield* all;
    return;
  }
  // Whether there are several is known when the second has come.
  let first: Found | undefined;
  let count = 0;
  for (const one of all) {
    if (count === 1 && first) yield { ...first, id: first.id ?? `${key}.0` };
    if (count === 0) first = one;
    else yield { ...one, id: one.id ?? `${key}.${count}` };
    count++;
  }
  if (count === 1 && first) yield { ...first, id: first.id ?? key };
}
