/**
 * Reads a message by its wording, such as `Scaled up replica set <replicaSet.name> to <replicas.new>`. The message is
 * walked through once, from literal to literal, and nothing is tried again: time is linear in its length whatever
 * somebody puts into it. Where the wording does not hold to the last character, nothing was read.
 */
import { type FieldKind, fieldAt, type Shape } from "./shape.ts";

/** `<path>`: one word; `<path...>`: any text; `<_>` and `<_...>`: the same, and nobody is told. */
export interface Capture {
  readonly path: string | undefined;
  readonly kind: FieldKind;
  /** May have spaces in it. */
  readonly any: boolean;
}

export type Token = string | Capture;

export interface Counted {
  /** Absent: the text stands alone. */
  readonly count?: number;
  readonly reason: string;
}

export interface Group {
  readonly name: string;
  readonly sizeInfo: { readonly new: number; readonly old: number; readonly maximum: number };
}

export type Value = string | number | readonly string[] | readonly Counted[] | readonly Group[];
/** By path: `replicas.new`. */
export type Values = ReadonlyMap<string, Value>;

const CAPTURE = /<([\w.]+?)(\.\.\.)?>/g;

/** Throws for a path that the shape does not have, and for two captures with nothing between them. */
export function tokensOf(wording: string, shape: Shape): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (const found of wording.matchAll(CAPTURE)) {
    const [whole, path = "", any] = found;
    if (found.index > at) tokens.push(wording.slice(at, found.index));
    else if (tokens.length > 0) throw new Error(`${wording}: nothing stands before ${whole}`);
    const kind = path === "_" ? "text" : fieldAt(shape, path)?.kind;
    if (kind === undefined) throw new Error(`${wording}: there is no field ${path}`);
    tokens.push({ path: path === "_" ? undefined : path, kind, any: any !== undefined });
    at = found.index + whole.length;
  }
  if (at < wording.length) tokens.push(wording.slice(at));
  return tokens;
}

/** The values that the message has where the wording has captures; undefined when it is not worded so. */
export function read(tokens: readonly Token[], message: string): Values | undefined {
  const values = new Map<string, Value>();
  let at = 0;
  for (const [index, token] of tokens.entries()) {
    if (typeof token === "string") {
      if (!message.startsWith(token, at)) return undefined;
      at += token.length;
      continue;
    }
    const end = endOf(tokens, index, message, at);
    // What nobody is told may be nothing.
    if (end < at || (end === at && token.path !== undefined)) return undefined;
    const text = message.slice(at, end);
    // Names have neither; where one shows, it is not the name that was meant.
    if (!token.any && /[\s"]/.test(text)) return undefined;
    const value = convert(token.kind, text);
    if (value === undefined) return undefined;
    if (token.path !== undefined) values.set(token.path, value);
    at = end;
  }
  return at === message.length ? values : undefined;
}

/** Where what is captured ends: before the next literal, which for the last one is the last place it can be at. -1: nowhere. */
function endOf(tokens: readonly Token[], index: number, message: string, from: number): number {
  const next = tokens[index + 1];
  if (typeof next !== "string") return message.length;
  if (index + 2 < tokens.length) return message.indexOf(next, from);
  return message.endsWith(next) ? message.length - next.length : -1;
}

function convert(kind: FieldKind, text: string): Value | undefined {
  switch (kind) {
    case "integer":
      return integerOf(text);
    case "words":
      return text.split(" ");
    case "counted":
      return countedOf(text);
    case "groups":
      return groupsOf(text);
    default:
      return text;
  }
}

/** As Go prints one: no sign, no leading zero. What JavaScript would round is none. */
export function integerOf(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A comma separates only before a number: the texts themselves have commas. Undefined when a number cannot be told. */
function countedOf(text: string): Counted[] | undefined {
  const found: Counted[] = [];
  for (const part of text.split(/, (?=\d)/)) {
    const space = part.indexOf(" ");
    const first = part.slice(0, space);
    if (!/^\d/.test(part)) found.push({ reason: part });
    else {
      const count = space < 0 ? undefined : integerOf(first);
      const reason = part.slice(space + 1);
      if (count === undefined || reason.trim() === "") return undefined;
      found.push({ count, reason });
    }
  }
  // Only the whole may be without a number, not one of many.
  return found.length > 1 && found.some(({ count }) => count === undefined) ? undefined : found;
}

const SIZE = { name: "text", old: "integer", new: "integer", maximum: "integer" } as const;
const GROUP: readonly Token[] = [
  { path: "name", kind: SIZE.name, any: false },
  " ",
  { path: "old", kind: SIZE.old, any: false },
  "->",
  { path: "new", kind: SIZE.new, any: false },
  " (max: ",
  { path: "maximum", kind: SIZE.maximum, any: false },
  ")",
];

function groupsOf(text: string): Group[] | undefined {
  if (!text.startsWith("{") || !text.endsWith("}")) return undefined;
  const found: Group[] = [];
  for (const part of text.slice(1, -1).split("} {")) {
    const values = read(GROUP, part);
    const [name, before, after, maximum] = ["name", "old", "new", "maximum"].map((key) => values?.get(key));
    if (typeof name !== "string" || typeof before !== "number") return undefined;
    if (typeof after !== "number" || typeof maximum !== "number") return undefined;
    found.push({ name, sizeInfo: { new: after, old: before, maximum } });
  }
  return found;
}
