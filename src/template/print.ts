/**
 * Go's package fmt over our values: Sprint, Sprintln, and the printing of any value by any verb.
 *
 * @see https://pkg.go.dev/fmt#hdr-Printing
 */
import { checkLength, spend } from "./budget.ts";
import { fromBytes, toBytes } from "./bytes.ts";
import { formatFloat } from "./float.ts";
import { sortedKeys, typeOf } from "./inspect.ts";
import { boundText, findMember, NIL_TEXT, stringMethod } from "./member.ts";
import { canBackquote, isPrint, quote, quoteChar } from "./quote.ts";
import { ANY, UINT8 } from "./types.ts";
import { Bytes, Complex, Dict, Num, Ptr, Slice, Str, Struct, type Type, type Value } from "./value.ts";

/** Flags, width and precision of one verb. */
export interface Spec {
  verb: string;
  minus: boolean;
  plus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  /** `%+v` and `%#v`. */
  plusV: boolean;
  sharpV: boolean;
  width: number | undefined;
  precision: number | undefined;
}

export const PLAIN: Spec = {
  verb: "v",
  minus: false,
  plus: false,
  sharp: false,
  space: false,
  zero: false,
  plusV: false,
  sharpV: false,
  width: undefined,
  precision: undefined,
};

/** As `%T`. */
export function typeName(value: Value): string {
  return typeOf(value)?.name ?? "<nil>";
}

/** As `%v`: what template output, print and toString show. */
export function formatValue(value: Value): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "boolean":
    case "bigint":
      return String(value);
    default:
      return formatArg(value, PLAIN);
  }
}

/** What a template prints for a value: pointers are followed, methods of addressable structs count. */
export function formatOutput(value: Value): string {
  if (value === undefined || value === null) return "<no value>";
  if (value instanceof Struct && value.addressable) {
    const text = boundText(value.type, value.native, true);
    if (text !== undefined) return formatValue(text.method.call(text.self, []));
  }
  if (value instanceof Ptr && value.native !== null && value.type.elem !== undefined) {
    return formatOutput(value.type.elem.box(value.native, true));
  }
  return formatValue(value);
}

function isStringKind(value: Value): boolean {
  return typeof value === "string" || value instanceof Str;
}

/** fmt.Sprint: a space between two operands when neither is a string. */
export function sprint(values: readonly Value[]): string {
  let out = "";
  for (const [index, value] of values.entries()) {
    if (index > 0 && !isStringKind(value) && !isStringKind(values[index - 1])) out += " ";
    out += formatValue(value);
    checkLength(out.length);
  }
  return out;
}

/** fmt.Sprintln. */
export function sprintln(values: readonly Value[]): string {
  const out = `${values.map(formatValue).join(" ")}\n`;
  checkLength(out.length);
  return out;
}

// --- padding -------------------------------------------------------------------------------------------------------

/** Go's utf8.RuneCount. */
function runeCount(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

export function pad(text: string, spec: Spec, zero = spec.zero): string {
  if (spec.width === undefined || spec.width === 0) return text;
  const missing = spec.width - runeCount(text);
  if (missing <= 0) return text;
  checkLength(missing);
  if (spec.minus) return text + " ".repeat(missing);
  return (zero ? "0" : " ").repeat(missing) + text;
}

function truncate(text: string, spec: Spec): string {
  if (spec.precision === undefined || text.length <= spec.precision) return text;
  return [...text].slice(0, spec.precision).join("");
}

// --- scalars -------------------------------------------------------------------------------------------------------

/** `%!verb(type=value)`. */
function badVerb(value: Value, spec: Spec): string {
  const type = typeOf(value);
  if (type === undefined) return `%!${spec.verb}(<nil>)`;
  return `%!${spec.verb}(${type.name}=${format(value, { ...spec, verb: "v" }, 0, false)})`;
}

const BASES: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };

function formatInteger(value: number | bigint, signed: boolean, spec: Spec, whole: Value): string {
  const { verb } = spec;
  if (verb === "v" && spec.sharpV && !signed) return integerText(value, 16, { ...spec, sharp: true }, "x");
  const base = BASES[verb];
  if (base !== undefined) return integerText(value, base, spec, verb);
  switch (verb) {
    case "c":
      return pad(charOf(value), spec);
    case "q":
      return pad(quoteChar(value > 0x10ffff || value < 0 ? -1 : Number(value), spec.plus), spec);
    case "U":
      return unicode(value, spec);
    default:
      return badVerb(whole, spec);
  }
}

function charOf(value: number | bigint): string {
  const code = value < 0 || value > 0x10ffff ? 0xfffd : Number(value);
  return String.fromCodePoint(code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
}

function integerText(value: number | bigint, base: number, spec: Spec, verb: string): string {
  const negative = value < 0;
  let digits = (negative ? -value : value).toString(base);
  if (verb === "X") digits = digits.toUpperCase();
  if (spec.precision !== undefined) {
    if (spec.precision === 0 && digits === "0") return pad("", spec, false);
    checkLength(spec.precision);
    digits = digits.padStart(spec.precision, "0");
  } else if (spec.zero && !spec.minus && spec.width !== undefined) {
    checkLength(spec.width);
    digits = digits.padStart(spec.width - (negative || spec.plus || spec.space ? 1 : 0), "0");
  }
  if (spec.sharp) {
    if (base === 2) digits = `0b${digits}`;
    else if (base === 8 && !digits.startsWith("0")) digits = `0${digits}`;
    else if (base === 16) digits = (verb === "X" ? "0X" : "0x") + digits;
  }
  if (verb === "O") digits = `0o${digits}`;
  return pad((negative ? "-" : spec.plus ? "+" : spec.space ? " " : "") + digits, spec, false);
}

function unicode(value: number | bigint, spec: Spec): string {
  const unsigned = value < 0 ? BigInt.asUintN(64, BigInt(value)) : value;
  const digits = unsigned.toString(16).toUpperCase();
  let text = `U+${digits.padStart(Math.max(spec.precision ?? 4, 4), "0")}`;
  if (spec.sharp && unsigned <= 0x10ffff && isPrint(Number(unsigned))) {
    text += ` '${String.fromCodePoint(Number(unsigned))}'`;
  }
  return pad(text, spec, false);
}

const FLOAT_VERBS: Readonly<Record<string, readonly [string, number]>> = {
  v: ["g", -1],
  b: ["b", -1],
  g: ["g", -1],
  G: ["G", -1],
  x: ["x", -1],
  X: ["X", -1],
  f: ["f", 6],
  F: ["f", 6],
  e: ["e", 6],
  E: ["E", 6],
};

function formatFloatVerb(value: number, bits: 32 | 64, spec: Spec, whole: Value): string {
  const how = FLOAT_VERBS[spec.verb];
  if (how === undefined) return badVerb(whole, spec);
  const [verb, fallback] = how;
  const precision = spec.precision ?? fallback;
  if (precision > 0) checkLength(precision);
  let text = formatFloat(value, verb, precision, bits);
  let sign = "+";
  if (text.startsWith("-") || text.startsWith("+")) {
    sign = text.charAt(0);
    text = text.slice(1);
  }
  if (spec.space && sign === "+" && !spec.plus) sign = " ";
  if (text === "Inf" || text === "NaN") {
    const shown = text === "NaN" && !spec.space && !spec.plus ? "" : sign;
    return pad(shown + text, spec, false);
  }
  if (spec.sharp && verb !== "b") text = keepZeros(text, verb, precision);
  if (!spec.plus && sign === "+") return pad(text, spec);
  if (spec.zero && !spec.minus && spec.width !== undefined && spec.width > text.length + 1) {
    return sign + pad(text, { ...spec, width: spec.width - 1 });
  }
  return pad(sign + text, spec);
}

/** The # flag: a decimal point always, and for %g its trailing zeros. */
function keepZeros(text: string, verb: string, precision: number): string {
  let digits = 0;
  if (verb === "g" || verb === "G" || verb === "x") digits = precision === -1 ? 6 : precision;
  const at = text.search(verb === "x" || verb === "X" ? /[pP]/ : /[eEpP]/);
  const tail = at < 0 ? "" : text.slice(at);
  let body = at < 0 ? text : text.slice(0, at);
  const significant = body.replace(".", "").replace(/^0+/, "");
  digits -= significant.length;
  if (!body.includes(".")) {
    if (body === "0") digits -= 1;
    body += ".";
  }
  return body + "0".repeat(Math.max(digits, 0)) + tail;
}

function formatComplex(value: Complex, spec: Spec): string {
  if (FLOAT_VERBS[spec.verb] === undefined) return badVerb(value, spec);
  const re = formatFloatVerb(value.re, 64, spec, value);
  const im = formatFloatVerb(value.im, 64, { ...spec, plus: true }, value);
  return `(${re}${im}i)`;
}

function formatString(text: string, spec: Spec, whole: Value): string {
  switch (spec.verb) {
    case "v":
      return spec.sharpV ? quoted(text, { ...spec, sharp: false }) : pad(truncate(text, spec), spec);
    case "s":
      return pad(truncate(text, spec), spec);
    case "x":
    case "X":
      return hexBytes(toBytes(text), spec);
    case "q":
      return quoted(text, spec);
    default:
      return badVerb(whole, spec);
  }
}

function quoted(text: string, spec: Spec): string {
  const cut = truncate(text, spec);
  return pad(spec.sharp && canBackquote(cut) ? `\`${cut}\`` : quote(cut, spec.plus), spec);
}

function hexBytes(data: Uint8Array, spec: Spec): string {
  const length = spec.precision === undefined ? data.length : Math.min(spec.precision, data.length);
  checkLength(length * 5);
  const prefix = spec.sharp ? (spec.verb === "X" ? "0X" : "0x") : "";
  let out = "";
  for (let i = 0; i < length; i++) {
    if (i === 0) out += prefix;
    else if (spec.space) out += ` ${prefix}`;
    out += (data[i] ?? 0).toString(16).padStart(2, "0");
  }
  if (spec.verb === "X") out = out.toUpperCase();
  return pad(out, spec);
}

function formatBytes(value: Bytes, spec: Spec, depth: number): string {
  switch (spec.verb) {
    case "s":
      return pad(truncate(fromBytes(value.data), spec), spec);
    case "q":
      return quoted(fromBytes(value.data), spec);
    case "x":
    case "X":
      return hexBytes(value.data, spec);
    default: {
      spend(value.data.length);
      const open = spec.sharpV ? `${depth === 0 && spec.verb !== "w" ? "[]byte" : "[]uint8"}{` : "[";
      const items = Array.from(value.data, (byte) => format(new Num(UINT8, byte), spec, depth + 1, true));
      return open + items.join(spec.sharpV ? ", " : " ") + (spec.sharpV ? "}" : "]");
    }
  }
}

// --- any value -----------------------------------------------------------------------------------------------------

/** One operand of Printf, with all that fmt does at the top level. */
export function formatArg(value: Value, spec: Spec): string {
  if (spec.verb === "T") {
    const name = typeName(value);
    return value === null || value === undefined ? pad(name, spec) : pad(truncate(name, spec), spec);
  }
  if (value === null || value === undefined) {
    return spec.verb === "v" ? pad("<nil>", spec) : `%!${spec.verb}(<nil>)`;
  }
  if (spec.verb === "p") return formatPointer(value, spec);
  if (spec.verb === "w" && !(value instanceof Bytes)) return badVerb(value, spec);
  return format(value, spec, 0, true);
}

/** A value at some depth; `methods` false inside a `%!verb(…)`, where String is not called. */
function format(value: Value, spec: Spec, depth: number, methods: boolean): string {
  switch (typeof value) {
    case "string":
      return formatString(value, spec, value);
    case "number":
    case "bigint":
      return formatInteger(value, true, spec, value);
    case "boolean":
      return spec.verb === "v" || spec.verb === "t" ? pad(String(value), spec) : badVerb(value, spec);
    case "undefined":
      return spec.verb === "v" ? "<nil>" : badVerb(value, spec);
    default:
  }
  if (value === null) return spec.verb === "v" ? (spec.sharpV ? "interface {}(nil)" : "<nil>") : badVerb(value, spec);
  if (methods) {
    const text = methodText(value, spec);
    if (text !== undefined) return text;
  }
  if (depth > 0) spend(1);
  if (value instanceof Num) return formatNum(value, spec);
  if (value instanceof Str) return formatString(value.value, spec, value);
  if (value instanceof Complex) return formatComplex(value, spec);
  if (value instanceof Bytes) return formatBytes(value, spec, depth);
  if (value instanceof Dict) return formatDict(value, spec, depth, methods);
  if (value instanceof Slice) return formatSlice(value, spec, depth, methods);
  if (value instanceof Struct) return formatStruct(value, spec, depth, methods);
  const { elem } = value.type;
  if (depth === 0 && value.native !== null && elem !== undefined && ["struct", "slice", "map"].includes(elem.kind)) {
    return `&${format(elem.box(value.native, false), spec, depth + 1, methods)}`;
  }
  return formatPointer(value, spec);
}

function formatNum(value: Num, spec: Spec): string {
  const { kind } = value.type;
  if (kind === "float64") return formatFloatVerb(Number(value.value), 64, spec, value);
  if (kind === "float32") return formatFloatVerb(Number(value.value), 32, spec, value);
  return formatInteger(value.value, !kind.startsWith("uint"), spec, value);
}

/** What a String or Error method gives, for the verbs that ask for text. */
function methodText(value: Value, spec: Spec): string | undefined {
  if (spec.sharpV) {
    if (!(value instanceof Struct || value instanceof Ptr)) return undefined;
    const type = value instanceof Ptr ? value.type.elem : value.type;
    const own = type?.kind === "struct" ? findMember(type, "GoString") : undefined;
    if (own?.is !== "method") return undefined;
    if (value.native === null) return "<nil>";
    return pad(truncate(String(own.method.call(own.self(value.native), [])), spec), spec);
  }
  if (!"vsxXq".includes(spec.verb)) return undefined;
  if (value instanceof Num || value instanceof Str) {
    const own = value.type.methods.get("String");
    if (own === undefined) return undefined;
    return formatString(String(own.call(value.value, [])), spec, value);
  }
  const text = stringMethod(value);
  if (text === undefined) return undefined;
  // Whatever the verb and the width.
  if (text === NIL_TEXT) return "<nil>";
  const shown = text.method.call(text.self, []);
  return formatString(typeof shown === "string" ? shown : "", spec, value);
}

function formatDict(value: Dict, spec: Spec, depth: number, methods: boolean): string {
  if (spec.sharpV && value.isNil) return `${value.type.name}(nil)`;
  const items = sortedKeys(value).map(
    (key) =>
      `${format(key, spec, depth + 1, methods)}:${element(value.entries.get(key), value.type, spec, depth, methods)}`,
  );
  const text = items.join(spec.sharpV ? ", " : " ");
  checkLength(text.length);
  return spec.sharpV ? `${value.type.name}{${text}}` : `map[${text}]`;
}

function formatSlice(value: Slice, spec: Spec, depth: number, methods: boolean): string {
  if (spec.sharpV && value.isNil) return `${value.type.name}(nil)`;
  const items = value.items.map((item) => element(item, value.type, spec, depth, methods));
  const text = items.join(spec.sharpV ? ", " : " ");
  checkLength(text.length);
  return spec.sharpV ? `${value.type.name}{${text}}` : `[${text}]`;
}

/** An element or field; nil in an interface is named by the interface's type under %#v. */
function element(item: Value, container: Type, spec: Spec, depth: number, methods: boolean): string {
  spend(1);
  if (item === null || item === undefined) {
    if (spec.verb !== "v") {
      // fmt prints a nil interface as <nil> whatever the verb.
      return "<nil>";
    }
    return spec.sharpV ? `${(container.elem ?? ANY).name}(nil)` : "<nil>";
  }
  return format(item, spec, depth + 1, methods);
}

function formatStruct(value: Struct, spec: Spec, depth: number, methods: boolean): string {
  const fields = value.type.fields ?? [];
  const items = fields.map((field) => {
    const item = field.type.box(field.get(value.native), false);
    // Methods of fields that are not exported cannot be reached.
    const text = element(item, field.type, spec, depth, methods && field.unexported !== true);
    return spec.plusV || spec.sharpV ? `${field.name}:${text}` : text;
  });
  return `${spec.sharpV ? value.type.name : ""}{${items.join(spec.sharpV ? ", " : " ")}}`;
}

/** Addresses mean nothing here: every pointer that is not nil has the same one. */
const ADDRESS = 0xc000012345;

function formatPointer(value: Value, spec: Spec): string {
  const type = typeOf(value);
  if (!(value instanceof Ptr || value instanceof Slice || value instanceof Dict || value instanceof Bytes)) {
    return badVerb(value, spec);
  }
  const isNil = value instanceof Ptr ? value.native === null : !(value instanceof Bytes) && value.isNil;
  switch (spec.verb) {
    case "v":
      if (spec.sharpV) return `(${type?.name})(${isNil ? "nil" : `0x${ADDRESS.toString(16)}`})`;
      return isNil ? pad("<nil>", spec) : integerText(ADDRESS, 16, { ...spec, sharp: !spec.sharp }, "v");
    case "p":
      return integerText(isNil ? 0 : ADDRESS, 16, { ...spec, sharp: !spec.sharp }, "v");
    case "b":
    case "o":
    case "d":
    case "x":
    case "X":
      return formatInteger(isNil ? 0 : ADDRESS, false, spec, value);
    default:
      return badVerb(value, spec);
  }
}
