/**
 * What is in a CloudEvent that was posted.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
import { isObject, named } from "./event-fields.ts";
import { Refused } from "./problem.ts";

export interface Opened {
  /** Of its source and its id, which together are unique. */
  readonly id: string;
  readonly data: unknown;
  /** Of the data in the body, as a JSON Pointer. */
  readonly at: string;
}

/** No attribute has one: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const MAX_ID = 1_024;

/** `at`: JSON Pointer to it, empty for the whole body. @throws Refused */
export function openStructured(value: unknown, at: string, index: number | undefined): Opened {
  const refuse = (detail: string, key = ""): Refused => new Refused(400, { detail, pointer: `${at}${key}`, index });
  if (!isObject(value)) throw refuse(`expected a CloudEvent, which is an object, got ${named(value)}`);
  const id = identify((name) => value[name], refuse);
  const type = value.datacontenttype;
  if (type !== undefined && type !== null && (typeof type !== "string" || !isJsonType(type))) {
    throw refuse("the data of a CloudEvent must be JSON", "/datacontenttype");
  }
  const packed = value.data_base64;
  if (packed === undefined || packed === null) return { id, data: value.data, at: `${at}/data` };
  if (value.data !== undefined) throw refuse("a CloudEvent has data or data_base64, not both", "/data_base64");
  if (typeof packed !== "string") throw refuse(`expected text, got ${named(packed)}`, "/data_base64");
  try {
    return { id, data: JSON.parse(Buffer.from(packed, "base64").toString("utf8")), at: `${at}/data_base64` };
  } catch {
    throw refuse("the data of a CloudEvent must be JSON", "/data_base64");
  }
}

/** The id of a CloudEvent whose attributes are headers. @throws Refused */
export function binaryId(headers: Headers): string {
  const refuse = (detail: string, key = ""): Refused =>
    new Refused(400, { detail: `header ce-${key.slice(1)}: ${detail}` });
  return identify((name) => {
    const value = headers.get(`ce-${name}`);
    return value === null ? undefined : decoded(value, () => refuse("its percent-encoding is not UTF-8", `/${name}`));
  }, refuse);
}

function identify(attribute: (name: string) => unknown, refuse: (detail: string, key: string) => Refused): string {
  const text = (name: string): string => {
    const value = attribute(name);
    if (typeof value !== "string" || value === "") {
      throw refuse(value === undefined ? "a CloudEvent has it" : `expected text, got ${named(value)}`, `/${name}`);
    }
    if (CONTROL.test(value)) throw refuse("it has a control character", `/${name}`);
    return value;
  };
  const version = text("specversion");
  if (version !== "1.0") throw refuse(`expected "1.0", got ${named(version)}`, "/specversion");
  text("type");
  const whole = `${text("source")}#${text("id").replace(/[%#]/g, encodeURIComponent)}`;
  if (whole.length > MAX_ID) throw refuse(`source and id have more than ${MAX_ID} characters together`, "/id");
  return whole;
}

/** Percent-encoded, and perhaps in double quotes, as the binding has it. */
function decoded(value: string, refuse: () => Refused): string {
  const bare = /^".*"$/s.test(value) ? value.slice(1, -1).replace(/\\(.)/gs, "$1") : value;
  try {
    return decodeURIComponent(bare.replace(/%(?![0-9a-fA-F]{2})/g, "%25"));
  } catch {
    throw refuse();
  }
}

/** `application/json`, `text/json`, and anything `+json`; with parameters. */
export function isJsonType(type: string): boolean {
  return /^\s*(?:application|text)\/(?:json|[\w.+-]+\+json)\s*(?:;|$)/i.test(type);
}
