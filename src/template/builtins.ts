/**
 * The functions that Go's text/template has of its own; `and`, `or` and `call` are part of the compiler.
 *
 * @see https://pkg.go.dev/text/template#hdr-Functions
 */
import { checkLength, spend } from "./budget.ts";
import { byteLength, sliceBytes, toBytes } from "./bytes.ts";
import { equal, less, lessOrEqual } from "./compare.ts";
import { type FuncMap, fn, P, variadic } from "./func.ts";
import { integerOf, isTrue, itemsOf, stringOf, typeOf } from "./inspect.ts";
import { sprint, sprintln, typeName } from "./print.ts";
import { sprintf } from "./printf.ts";
import { isPrint } from "./quote.ts";
import { BOOL, INT, STRING, UINT8 } from "./types.ts";
import { Bytes, Dict, GoError, Num, Ptr, Slice, type Value } from "./value.ts";
import { zeroOf } from "./zero.ts";

/** Follows pointers; null when there is nothing at the end. */
function indirect(value: Value): Value {
  let at = value;
  while (at instanceof Ptr) {
    if (at.native === null || at.type.elem === undefined) return null;
    at = at.type.elem.box(at.native, true);
  }
  return at;
}

function length(value: Value): number {
  const item = indirect(value);
  if (item === null) throw new GoError("len of nil pointer");
  if (item === undefined) throw new GoError("reflect: call of reflect.Value.Type on zero Value");
  const text = stringOf(item);
  if (text !== undefined) return byteLength(text);
  if (item instanceof Slice) return item.items.length;
  if (item instanceof Dict) return item.entries.size;
  if (item instanceof Bytes) return item.data.length;
  throw new GoError(`len of type ${typeName(item)}`);
}

function indexArgument(index: Value, capacity: number): number {
  const value = integerOf(index);
  if (value === undefined) {
    const what = index === undefined || index === null ? "nil" : `type ${typeName(index)}`;
    throw new GoError(`cannot index slice/array with ${what}`);
  }
  if (value < 0 || value > capacity) throw new GoError(`index out of range: ${value}`);
  return Number(value);
}

function indexOnce(container: Value, index: Value): Value {
  const item = indirect(container);
  if (item === null || item === undefined) throw new GoError("index of nil pointer");
  const text = stringOf(item);
  if (text !== undefined) {
    const bytes = toBytes(text);
    const at = indexArgument(index, bytes.length);
    if (at === bytes.length) throw new GoError("reflect: string index out of range");
    return new Num(UINT8, bytes[at] ?? 0);
  }
  if (item instanceof Dict) {
    if (index === undefined || index === null) throw new GoError("value is nil; should be of type string");
    if (typeof index !== "string") throw new GoError(`value has type ${typeName(index)}; should be string`);
    const found = item.entries.get(index);
    return found === undefined ? zeroOf(item.type.elem ?? item.type) : found;
  }
  if (item instanceof Slice || item instanceof Bytes) {
    const size = item instanceof Slice ? item.items.length : item.data.length;
    const at = indexArgument(index, size);
    if (at === size) throw new GoError("reflect: slice index out of range");
    return item instanceof Slice ? (item.items[at] ?? null) : new Num(UINT8, item.data[at] ?? 0);
  }
  throw new GoError(`can't index item of type ${typeName(item)}`);
}

function index(first: Value, ...indexes: readonly Value[]): Value {
  if (first === null || first === undefined) throw new GoError("index of untyped nil");
  let item: Value = first;
  for (const each of indexes) item = indexOnce(item, each);
  return item;
}

function slice(first: Value, ...indexes: readonly Value[]): Value {
  if (first === null || first === undefined) throw new GoError("slice of untyped nil");
  const item = indirect(first);
  if (item === null) throw new GoError("slice of nil pointer");
  if (indexes.length > 3) throw new GoError(`too many slice indexes: ${indexes.length}`);
  const text = stringOf(item);
  const items = text === undefined ? itemsOf(item) : undefined;
  if (text !== undefined && indexes.length === 3) throw new GoError("cannot 3-index slice a string");
  if (text === undefined && items === undefined) throw new GoError(`can't slice item of type ${typeName(item)}`);
  const size = text === undefined ? (items?.length ?? 0) : byteLength(text);
  const [from = 0, to = size, capacity] = indexes.map((each) => indexArgument(each, size));
  if (from > to) throw new GoError(`invalid slice index: ${from} > ${to}`);
  if (capacity !== undefined && to > capacity) throw new GoError(`invalid slice index: ${to} > ${capacity}`);
  if (text !== undefined) {
    const part = sliceBytes(text, from, to);
    const type = typeOf(item);
    return type === undefined || type === STRING ? part : type.box(part, false);
  }
  if (item instanceof Bytes) return new Bytes(item.data.subarray(from, to));
  return item instanceof Slice ? new Slice(item.type, item.items.slice(from, to)) : null;
}

/** The text that html, js and urlquery escape. */
function argumentsText(values: readonly Value[]): string {
  const [only] = values;
  if (values.length === 1 && typeof only === "string") return only;
  return sprint(values.map(printable));
}

/** What Go's templates print of an argument: nil is told, pointers are followed. */
function printable(value: Value): Value {
  if (value === null || value === undefined) return "<no value>";
  if (!(value instanceof Ptr) || value.native === null) return value;
  const target = indirect(value);
  return typeOf(target)?.kind === "struct" ? value : target;
}

// The ampersand first: the others bring one.
const HTML: readonly (readonly [string, string])[] = [
  ["&", "&amp;"],
  ['"', "&#34;"],
  ["'", "&#39;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ["\0", "\ufffd"],
];

function escapeHtml(text: string): string {
  let out = text;
  for (const [char, by] of HTML) if (out.includes(char)) out = out.replaceAll(char, by);
  return out;
}

const JS: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

function escapeJs(text: string): string {
  spend(text.length >>> 1);
  return text.replace(/[\\'"<>&=\0-\x1f]|[^\0-\x7f]/gu, (char) => {
    const known = JS[char];
    if (known !== undefined) return known;
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) return char;
    if (code >= 0x80 && isPrint(code)) return char;
    return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

/** Go's url.QueryEscape. */
export function escapeQuery(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text;
  spend(text.length >>> 1);
  let out = "";
  for (const byte of toBytes(text)) {
    const char = String.fromCharCode(byte);
    if (/[A-Za-z0-9\-_.~]/.test(char)) out += char;
    else if (byte === 0x20) out += "+";
    else out += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

function escaper(escapeText: (text: string) => string, growth: number) {
  return variadic(
    [],
    P.any,
    (...values) => {
      const text = argumentsText(values);
      checkLength(text.length * growth);
      return escapeText(text);
    },
    { result: STRING },
  );
}

const bool = { result: BOOL } as const;
const text = { result: STRING } as const;

export const BUILTINS: FuncMap = {
  not: fn([P.reflect], (value) => !isTrue(value), bool),
  len: fn([P.reflect], length, { result: INT }),
  index: variadic([P.reflect], P.reflect, index),
  slice: variadic([P.reflect], P.reflect, slice),
  eq: variadic(
    [P.reflect],
    P.reflect,
    (first, ...others) => {
      if (others.length === 0) throw new GoError("missing argument for comparison");
      return others.some((other) => equal(first, other));
    },
    bool,
  ),
  ne: fn([P.reflect, P.reflect], (a, b) => !equal(a, b), bool),
  lt: fn([P.reflect, P.reflect], less, bool),
  le: fn([P.reflect, P.reflect], lessOrEqual, bool),
  gt: fn([P.reflect, P.reflect], (a, b) => !lessOrEqual(a, b), bool),
  ge: fn([P.reflect, P.reflect], (a, b) => !less(a, b), bool),
  print: variadic([], P.any, (...values) => sprint(values), text),
  println: variadic([], P.any, (...values) => sprintln(values), text),
  printf: variadic([P.string], P.any, (format, ...values) => sprintf(format, values), text),
  html: escaper(escapeHtml, 1),
  js: escaper(escapeJs, 1),
  urlquery: escaper(escapeQuery, 1),
};
