/** sprig's string functions, except letter case (case.ts). */
import { checkLength, spend } from "../budget.ts";
import { fromByteString, onBytes, toByteString } from "../byte-string.ts";
import { byteLength, compareStrings, fromBytes, isAscii, sliceBytes } from "../bytes.ts";
import { madeFor } from "../capacity.ts";
import { type FuncMap, fn, P, variadic } from "../func.ts";
import { inInterface, itemsOf } from "../inspect.ts";
import { NIL_TEXT, stringMethod } from "../member.ts";
import { formatValue } from "../print.ts";
import { quote } from "../quote.ts";
import { STRING_LIST, stringDict, strings } from "../types.ts";
import { Bytes, GoError, Ptr, Slice, type Value } from "../value.ts";
import { isSpace } from "./case.ts";

/** As sprig's strval: what `toString` gives. */
export function textOf(value: Value): string {
  if (typeof value === "string") return value;
  // sprig calls String itself, where fmt would save it from the panic.
  if (value instanceof Ptr && stringMethod(value) === NIL_TEXT) {
    throw new GoError("runtime error: invalid memory address or nil pointer dereference");
  }
  return value instanceof Bytes ? fromBytes(value.data) : formatValue(value);
}

/** As sprig's strslice: nil elements are left out, a single value becomes a list of one. */
function textsOf(value: Value): readonly string[] {
  if (value === null || value === undefined) return [];
  const items = itemsOf(value);
  if (items === undefined) return [textOf(value)];
  spend(items.length);
  const texts: string[] = [];
  for (const item of items) if (item !== null && item !== undefined) texts.push(textOf(inInterface(item)));
  return texts;
}

function joinTexts(texts: readonly string[], separator: string): string {
  let length = 0;
  for (const text of texts) length += text.length + separator.length;
  checkLength(length);
  return texts.join(separator);
}

function repeat(count: number, text: string): string {
  if (count < 0) throw new GoError("strings: negative Repeat count");
  checkLength(count * text.length);
  return text.repeat(count);
}

function trimSpace(text: string): string {
  // Every space is one UTF-16 unit.
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charAt(start))) start++;
  while (end > start && isSpace(text.charAt(end - 1))) end--;
  if (start > 0 || end < text.length) spend((text.length - (end - start)) >>> 2);
  return text.slice(start, end);
}

function trimChars(cutset: string, text: string): string {
  const cut = new Set(cutset);
  const chars = Array.from(text);
  let start = 0;
  let end = chars.length;
  while (start < end && cut.has(chars[start] ?? "")) start++;
  while (end > start && cut.has(chars[end - 1] ?? "")) end--;
  return chars.slice(start, end).join("");
}

function outOfRange(range: string): GoError {
  return new GoError(`runtime error: slice bounds out of range [${range}]`);
}

/** A start below zero means "from the beginning", an end below zero or too large "to the end". */
function substring(start: number, end: number, text: string): string {
  const length = byteLength(text);
  if (start < 0) {
    if (end > length) throw outOfRange(`:${end}] with length ${length}`.slice(0, -1));
    if (end < 0) throw outOfRange(`:${end}`);
    return sliceBytes(text, 0, end);
  }
  const stop = end < 0 || end > length ? length : end;
  if (start > stop) throw outOfRange(`${start}:${stop}`);
  return sliceBytes(text, start, stop);
}

function truncate(count: number, text: string): string {
  const length = byteLength(text);
  if (count < 0) return length + count > 0 ? sliceBytes(text, length + count, length) : text;
  return length > count ? sliceBytes(text, 0, count) : text;
}

/** goutils.AbbreviateFull over bytes. */
function abbreviate(text: string, left: number, width: number): string {
  if (width < 4) return "";
  const length = text.length;
  if (length <= width) return text;
  let offset = Math.min(left, length);
  if (length - offset < width - 3) offset = length - (width - 3);
  if (offset <= 4) return `${text.slice(0, width - 3)}...`;
  if (width < 7) return "";
  if (offset + width - 3 < length) return `...${abbreviate(text.slice(offset), 0, width - 3)}`;
  return `...${text.slice(length - (width - 3))}`;
}

function abbrevBoth(left: number, right: number, text: string): string {
  if (right < 4 || (left > 0 && right < 7)) return text;
  return fromByteString(abbreviate(toByteString(text), left, right));
}

/** goutils looks at bytes and writes what is left as characters, so other text than ASCII is mangled. */
function deleteSpace(text: string): string {
  if (isAscii(text)) return text.replace(/[\t\n\v\f\r ]+/g, "");
  const bytes = toByteString(text);
  const out = bytes.replace(/[\t\n\v\f\r \u0085\u00a0]+/g, "");
  return out.length === bytes.length ? text : out;
}

/** goutils.WrapCustom over bytes. */
function wrap(text: string, width: number, separator: string, breakWords: boolean): string {
  const newline = toByteString(separator === "" ? "\n" : separator);
  const line = toByteString(text);
  const size = Math.max(width, 1);
  let out = "";
  let offset = 0;
  while (line.length - offset > size) {
    spend(1);
    if (line[offset] === " ") {
      offset++;
      continue;
    }
    const space = line.slice(offset, offset + size + 1).lastIndexOf(" ");
    let end = offset + space;
    let next = end + 1;
    if (space < 0) {
      if (breakWords) {
        end = offset + size;
        next = end;
      } else {
        end = line.indexOf(" ", offset + size);
        if (end < 0) break;
        next = end + 1;
      }
    }
    out += line.slice(offset, end) + newline;
    checkLength(out.length);
    offset = next;
  }
  return fromByteString(out + line.slice(offset));
}

/** strings.SplitN; a negative count means all. */
export function splitText(text: string, separator: string, count: number): string[] {
  if (count === 0) return [];
  const parts = separator === "" ? Array.from(text) : text.split(separator);
  spend(parts.length);
  if (count < 0 || parts.length <= count) return parts;
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}

function splitBytes(text: string, separator: string, count: number): string[] {
  return onBytes(
    [text, separator],
    (whole, between) => splitText(whole, between, count),
    (parts) => parts.map(fromByteString),
  );
}

function numbered(parts: readonly string[]): Value {
  return stringDict(new Map(parts.map((part, index) => [`_${index}`, part])));
}

function replaceAll(old: string, by: string, text: string): string {
  const parts = splitText(text, old, -1);
  checkLength(text.length + parts.length * by.length);
  return old === "" ? `${by}${parts.map((part) => part + by).join("")}` : parts.join(by);
}

function indent(spaces: number, text: string): string {
  const pad = repeat(spaces, " ");
  return pad + replaceAll("\n", `\n${pad}`, text);
}

const NO_ESCAPES = /^[ !#-[\]-~]*$/;

function quoteText(value: Value): string {
  const text = textOf(value);
  return NO_ESCAPES.test(text) ? `"${text}"` : quote(text, false, spend);
}

function quoteEach(values: readonly Value[], each: (value: Value) => string): string {
  return joinTexts(values.filter((value) => value !== null && value !== undefined).map(each), " ");
}

function sortTexts(value: Value): Value {
  // A pointer to a list counts as a list for the choice, but is one text for strslice.
  const items = value instanceof Ptr ? undefined : itemsOf(value);
  if (items === undefined) return strings([textOf(value)]);
  spend(items.length * 4);
  if (value instanceof Slice && value.type === STRING_LIST) {
    // strslice gives back a []string itself: it is sorted in place, for all who hold it.
    (value.items as string[]).sort(compareStrings);
    return value;
  }
  const texts = [...textsOf(value)].sort(compareStrings);
  return madeFor(strings(texts), items.length);
}

const bool = (a: string, b: string, work: (a: string, b: string) => boolean): boolean =>
  onBytes([a, b], work, (result) => result);

const text = (texts: readonly string[], work: (...texts: string[]) => string): string =>
  onBytes(texts, work, fromByteString);

export const stringFuncs: FuncMap = {
  hello: fn([], () => "Hello!"),
  abbrev: fn([P.int, P.string], (width, value) => (width < 4 ? value : abbrevBoth(0, width, value))),
  abbrevboth: fn([P.int, P.int, P.string], abbrevBoth),
  trunc: fn([P.int, P.string], truncate),
  trim: fn([P.string], trimSpace),
  substr: fn([P.int, P.int, P.string], substring),
  repeat: fn([P.int, P.string], repeat),
  trimall: fn([P.string, P.string], trimChars),
  trimAll: fn([P.string, P.string], trimChars),
  trimSuffix: fn([P.string, P.string], (suffix, value) =>
    text([suffix, value], (end = "", whole = "") =>
      end !== "" && whole.endsWith(end) ? whole.slice(0, -end.length) : whole,
    ),
  ),
  trimPrefix: fn([P.string, P.string], (prefix, value) =>
    text([prefix, value], (start = "", whole = "") => (whole.startsWith(start) ? whole.slice(start.length) : whole)),
  ),
  nospace: fn([P.string], deleteSpace),
  wrap: fn([P.int, P.string], (width, value) => wrap(value, width, "", false)),
  wrapWith: fn([P.int, P.string, P.string], (width, separator, value) => wrap(value, width, separator, true)),
  contains: fn([P.string, P.string], (part, value) => bool(part, value, (a, b) => b.includes(a))),
  hasPrefix: fn([P.string, P.string], (part, value) => bool(part, value, (a, b) => b.startsWith(a))),
  hasSuffix: fn([P.string, P.string], (part, value) => bool(part, value, (a, b) => b.endsWith(a))),
  quote: variadic([], P.any, (...values) => quoteEach(values, quoteText)),
  squote: variadic([], P.any, (...values) => quoteEach(values, (value) => `'${formatValue(value)}'`)),
  cat: variadic([], P.any, (...values) => quoteEach(values, formatValue)),
  indent: fn([P.int, P.string], indent),
  nindent: fn([P.int, P.string], (spaces, value) => `\n${indent(spaces, value)}`),
  replace: fn([P.string, P.string, P.string], (old, by, value) =>
    text([old, by, value], (from = "", to = "", whole = "") => replaceAll(from, to, whole)),
  ),
  plural: fn([P.string, P.string, P.int], (one, many, count) => (count === 1 ? one : many)),
  toString: fn([P.any], textOf),
  toStrings: fn([P.any], (value) =>
    value instanceof Slice && value.type === STRING_LIST
      ? value
      : madeFor(strings(textsOf(value)), itemsOf(value)?.length ?? 0),
  ),
  join: fn([P.string, P.any], (separator, value) => joinTexts(textsOf(value), separator)),
  sortAlpha: fn([P.any], sortTexts),
  split: fn([P.string, P.string], (separator, value) => numbered(splitBytes(value, separator, -1))),
  splitList: fn([P.string, P.string], (separator, value) => strings(splitBytes(value, separator, -1))),
  splitn: fn([P.string, P.int, P.string], (separator, count, value) => numbered(splitBytes(value, separator, count))),
};
