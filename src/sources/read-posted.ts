/** The events in the body of a request, whatever shape they come in. Pure. */
import type { Posted } from "../pipeline/posting.ts";
import { isObject, wrongField } from "./event-fields.ts";
import { type ProblemDetails, Refused } from "./problem.ts";
import { binaryId, isJsonType, openStructured } from "./read-cloudevent.ts";

/** Objects in objects: the API's own are at most 12 deep. */
export const MAX_DEPTH = 64;
/** Events of one request. */
export const MAX_EVENTS = 10_000;
const MAX_KEY = 255;

const NDJSON = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|jsonlines)$/;

export interface ReadOptions {
  /** Take the body for JSON, whatever its type says. */
  readonly anyType: boolean;
}

/** @throws Refused with 400, 413 or 415. */
export function readPosted(headers: Headers, body: Uint8Array, { anyType }: ReadOptions): readonly Posted[] {
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
  const text = textOf(body);
  if (media.startsWith("application/cloudevents-batch")) {
    const list = json(text, media);
    if (!Array.isArray(list)) throw new Refused(400, { detail: "a batch of CloudEvents is a list", pointer: "" });
    return checked(list.map((one, index) => cloudEvent(one, `/${index}`, index)));
  }
  if (media.startsWith("application/cloudevents")) return checked([cloudEvent(json(text, media), "", undefined)]);
  if (headers.has("ce-specversion")) {
    if (media !== "" && !isJsonType(media)) throw unknownType(media);
    return checked([{ input: json(text, ""), id: binaryId(headers), modified: false, at: "", index: undefined }]);
  }
  if (NDJSON.test(media)) return checked(named(lines(text), key));
  if (media !== "" && !anyType && !isJsonType(media)) throw unknownType(media);
  const value = json(text, "");
  if (isObject(value) && "specversion" in value) return checked([cloudEvent(value, "", undefined)]);
  return checked(named(unpack(value, ""), key));
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

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new Refused(400, { detail: "the body is not UTF-8" });
  }
}

function json(text: string, media: string, line?: number): unknown {
  const where = line === undefined ? {} : { index: line };
  if (media !== "" && !isJsonType(media)) throw unknownType(media);
  if (tooDeep(text)) throw new Refused(400, { detail: `it is nested deeper than ${MAX_DEPTH} levels`, ...where });
  try {
    return JSON.parse(text);
  } catch {
    const shown = JSON.stringify(text.slice(0, 40));
    throw new Refused(400, { detail: text.trim() === "" ? "the body is empty" : `it is not JSON: ${shown}`, ...where });
  }
}

/** Counts brackets outside of strings: a parser would have made the objects before it could be asked. */
function tooDeep(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (quoted) {
      if (character === 0x5c) at++;
      else if (character === 0x22) quoted = false;
    } else if (character === 0x22) quoted = true;
    else if (character === 0x7b || character === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (character === 0x7d || character === 0x5d) depth--;
  }
  return false;
}

function* lines(text: string): Generator<Found> {
  let index = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const value = json(line, "", index);
    if (isObject(value) && "specversion" in value) yield cloudEvent(value, `/${index}`, index);
    else for (const one of unpack(value, `/${index}`)) yield { ...one, index };
    index++;
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
function named(found: Iterable<Found>, key: string | undefined): readonly Found[] {
  const all = [...found];
  if (key === undefined) return all;
  return all.map((one, index) => ({ ...one, id: one.id ?? (all.length === 1 ? key : `${key}.${index}`) }));
}

function checked(found: readonly Found[]): readonly Posted[] {
  if (found.length > MAX_EVENTS) {
    throw new Refused(413, { detail: `${found.length} events are more than the ${MAX_EVENTS} of one request` });
  }
  for (const { input, at, index } of found) {
    const wrong: ProblemDetails | undefined = wrongField(input, at);
    if (wrong) throw new Refused(400, { ...wrong, ...(index !== undefined && { index }) });
  }
  return found.map(({ input, id, modified }) => ({ input, id, modified }));
}
