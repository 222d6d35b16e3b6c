/** Go's encoding/json over our values: order of keys, escapes, numbers. */
import { checkLength, spend } from "./budget.ts";
import { compareStrings, toBytes } from "./bytes.ts";
import { appended } from "./capacity.ts";
import { formatFloat } from "./float.ts";
import { timeJson } from "./gotime.ts";
import { sortedKeys, timeOf } from "./inspect.ts";
import { typeName } from "./print.ts";
import { dict, float, list } from "./types.ts";
import { Bytes, Complex, Dict, GoError, Num, Ptr, Slice, Str, type Struct, type Value } from "./value.ts";

const NEEDS_ESCAPE = /["\\\x00-\x1f\u2028\u2029\ud800-\udfff]/;
const NEEDS_ESCAPE_HTML = /["\\\x00-\x1f<>&\u2028\u2029\ud800-\udfff]/;

const HTML = ["<", ">", "&", "\u2028", "\u2029"];
const LINES = ["\u2028", "\u2029"];

/** Escapes in text that is JSON already. One native search a character: a callback for each is a hundred times as slow. */
function escaped(json: string, chars: readonly string[]): string {
  let out = json;
  for (const char of chars) {
    if (out.includes(char)) out = out.replaceAll(char, `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }
  return out;
}

/** A JSON string as Go writes it: `<`, `>` and `&` as `\u003c` when `html`; broken UTF-8 as `\ufffd`. */
export function quoteJson(text: string, html: boolean): string {
  if (!(html ? NEEDS_ESCAPE_HTML : NEEDS_ESCAPE).test(text)) return `"${text}"`;
  // JavaScript's own differs from Go's in what is escaped besides, and in what half a pair becomes.
  const quoted = escaped(JSON.stringify(text), html ? HTML : LINES);
  if (text.isWellFormed()) return quoted;
  spend(text.length >>> 1);
  return quoted.replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === "\\\\" ? found : "\\ufffd"));
}

function floatJson(value: number, bits: 32 | 64): string {
  if (!Number.isFinite(value)) throw new GoError(`json: unsupported value: ${formatFloat(value, "g", -1)}`);
  if (bits === 64) return Object.is(value, -0) ? "-0" : String(value);
  const size = Math.abs(value);
  const exponents = size !== 0 && (size < 1e-6 || size >= 1e21);
  return formatFloat(value, exponents ? "e" : "f", -1, 32).replace(/e-0(\d)$/, "e-$1");
}

/** Go looks for cycles from here on, and deeper data is not worth telling apart. */
const MAX_DEPTH = 1000;

/** As json.Marshal; throws GoError for what JSON cannot hold. `html` escapes `<`, `>` and `&`. */
export function encodeJson(value: Value, html: boolean): string {
  const text = encode(value, html, 0);
  checkLength(text.length);
  return text;
}

function encode(value: Value, html: boolean, depth: number): string {
  spend(1);
  if (depth > MAX_DEPTH) throw new GoError(`json: unsupported value: encountered a cycle via ${typeName(value)}`);
  switch (typeof value) {
    case "string":
      return quoteJson(value, html);
    case "number":
    case "boolean":
    case "bigint":
      return String(value);
    case "undefined":
      return "null";
    default:
      return value === null ? "null" : encodeObject(value, html, depth + 1);
  }
}

function encodeObject(value: Exclude<Value & object, null>, html: boolean, depth: number): string {
  if (value instanceof Num) {
    const { kind } = value.type;
    if (kind !== "float64" && kind !== "float32") return String(value.value);
    return floatJson(Number(value.value), kind === "float32" ? 32 : 64);
  }
  if (value instanceof Str) return quoteJson(value.value, html);
  if (value instanceof Bytes) return `"${Buffer.from(value.data).toString("base64")}"`;
  if (value instanceof Slice) {
    return value.isNil ? "null" : `[${value.items.map((item) => encode(item, html, depth)).join(",")}]`;
  }
  if (value instanceof Dict) {
    if (value.isNil) return "null";
    const members = sortedKeys(value).map(
      (key) => `${quoteJson(key, html)}:${encode(value.entries.get(key), html, depth)}`,
    );
    return `{${members.join(",")}}`;
  }
  if (value instanceof Ptr) {
    const { elem } = value.type;
    return value.native === null || elem === undefined ? "null" : encode(elem.box(value.native, true), html, depth);
  }
  if (value instanceof Complex) throw new GoError(`json: unsupported type: ${typeName(value)}`);
  return encodeStruct(value, html, depth);
}

function encodeStruct(value: Struct, html: boolean, depth: number): string {
  const at = timeOf(value);
  if (at !== undefined) {
    try {
      return `"${timeJson(at)}"`;
    } catch (error) {
      throw new GoError(
        `json: error calling MarshalJSON for type time.Time: ${error instanceof Error ? error.message : ""}`,
      );
    }
  }
  if (value.type.json !== undefined) return encodePlain(value.type.json(value.native), html);
  const members: string[] = [];
  for (const field of value.type.fields ?? []) {
    if (field.unexported === true) continue;
    const item = field.type.box(field.get(value.native), value.addressable);
    members.push(`${quoteJson(field.name, html)}:${encode(item, html, depth)}`);
  }
  return `{${members.join(",")}}`;
}

// Keys that JavaScript reorders, and halves of pairs: what its JSON has otherwise than Go's beyond single characters.
const DOUBTFUL = /[{,]"\d+":|\\ud[89a-f]/;

/** Plain data (strings, numbers, booleans, null, arrays, objects) in its own order of keys. */
export function encodePlain(data: unknown, html: boolean): string {
  const text: string | undefined = JSON.stringify(data);
  if (text === undefined || DOUBTFUL.test(text)) return encodeEach(data, html);
  spend(text.length >>> 4);
  return escaped(text, html ? HTML : LINES);
}

function encodeEach(data: unknown, html: boolean): string {
  spend(1);
  switch (typeof data) {
    case "string":
      return quoteJson(data, html);
    case "number":
      return floatJson(data, 64);
    case "boolean":
    case "bigint":
      return String(data);
    case "object": {
      if (data === null) return "null";
      if (Array.isArray(data)) return `[${data.map((item) => encodeEach(item, html)).join(",")}]`;
      const members: string[] = [];
      const entries = Object.entries(data);
      // JavaScript puts keys like "10" first and by number: they are of a map, whose keys Go sorts.
      if (/^[0-9]+$/.test(entries[0]?.[0] ?? "")) entries.sort(([a], [b]) => compareStrings(a, b));
      for (const [key, item] of entries) {
        if (item !== undefined) members.push(`${quoteJson(key, html)}:${encodeEach(item, html)}`);
      }
      return `{${members.join(",")}}`;
    }
    default:
      return "null";
  }
}

/** As json.Indent with two spaces, for compact JSON. */
export function indentJson(json: string): string {
  let out = "";
  let depth = 0;
  let from = 0;
  const newline = (): string => `\n${"  ".repeat(depth)}`;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '"') {
      for (at++; json[at] !== '"' && at < json.length; at++) if (json[at] === "\\") at++;
      continue;
    }
    if (char === "{" || char === "[") {
      const close = char === "{" ? "}" : "]";
      if (json[at + 1] === close) {
        at++;
        continue;
      }
      depth++;
      out += json.slice(from, at + 1) + newline();
    } else if (char === "}" || char === "]") {
      depth--;
      out += json.slice(from, at) + newline() + char;
    } else if (char === ",") out += json.slice(from, at + 1) + newline();
    else if (char === ":") out += `${json.slice(from, at + 1)} `;
    else continue;
    from = at + 1;
    checkLength(out.length);
  }
  return out + json.slice(from);
}

/** As json.Unmarshal into `any`; throws GoError. Numbers are float64. */
export function decodeJson(text: string): Value {
  let data: unknown;
  try {
    data = JSON.parse(text.toWellFormed());
  } catch (error) {
    if (endsEarly(text)) throw new GoError("unexpected end of JSON input");
    throw new GoError(
      `invalid JSON: ${error instanceof Error ? error.message.replace(/^JSON Parse error: /, "") : ""}`,
    );
  }
  spend(toBytes(text).length >>> 5);
  return toValue(data);
}

function endsEarly(text: string): boolean {
  return text.trim() === "" || /^\s*[[{"].*[^\]}"\s]\s*$/s.test(text);
}

function toValue(data: unknown): Value {
  switch (typeof data) {
    case "string":
      return data.toWellFormed();
    case "boolean":
      return data;
    case "number":
      if (!Number.isFinite(data)) throw new GoError("json: cannot unmarshal number into Go value of type float64");
      return float(data);
    default: {
      if (typeof data !== "object" || data === null) return null;
      if (Array.isArray(data)) return appended(list(data.map(toValue)));
      const entries = new Map<string, Value>();
      for (const [key, item] of Object.entries(data)) entries.set(key.toWellFormed(), toValue(item));
      return dict(entries);
    }
  }
}

/** JSON data as Go decodes it into `any`: every number is float64, objects are map[string]any, arrays []any. */
export function fromJson(data: unknown): Value {
  switch (typeof data) {
    case "string":
    case "boolean":
      return data;
    case "number":
      return float(data);
    case "bigint":
      return data;
    case "object": {
      if (data === null) return null;
      if (Array.isArray(data)) return appended(list(data.map(fromJson)));
      const entries = new Map<string, Value>();
      for (const [key, item] of Object.entries(data)) entries.set(key, fromJson(item) ?? null);
      return dict(entries);
    }
    default:
      return undefined;
  }
}
