/** Go's regular expressions (RE2: linear time) behind the smallest interface that routing and templates need. */
import type { RE2JS } from "re2js";
import { checkLength, LimitError, lookAtClock, spend } from "./budget.ts";
import { namedGroups, respell } from "./re2-names.ts";
import { plainTest } from "./re2-plain.ts";

/** Limits count matches; a negative one means all. What Go returns as a nil slice is undefined here. */
export interface Pattern {
  /** Unanchored, as Go's MatchString. All of these throw LimitError for a text that is too long for the pattern. */
  test(text: string): boolean;
  /** The leftmost match, as FindString; undefined without one. */
  find(text: string): string | undefined;
  /** As FindAllString. */
  findAll(text: string, limit: number): string[] | undefined;
  /** As ReplaceAllString: `$1`, `${1}`, `$name`, `${name}` and `$$` in the template. */
  replaceAll(text: string, template: string): string;
  /** As ReplaceAllLiteralString. */
  replaceAllLiteral(text: string, replacement: string): string;
  /** As Split. */
  split(text: string, limit: number): string[] | undefined;
}

/** A pattern that RE2 does not accept; the message is Go's: "error parsing regexp: missing closing ): `(a`". */
export class PatternError extends Error {
  override readonly name = "PatternError";
  /** What to do about it, where the cause is known: "RE2 has no look-around ...". */
  readonly hint: string | undefined;

  constructor(message: string, hint: string | undefined) {
    super(message);
    this.hint = hint;
  }
}

/** Throws PatternError. Plain patterns (literals, anchors, `.*`, one alternation) never load the engine for `test`. */
export function compilePattern(source: string): Pattern {
  const plain = plainTest(source);
  if (plain === undefined) return enginePattern(source, compile(source));
  let engine: Pattern | undefined;
  const load = (): Pattern => {
    engine ??= enginePattern(source, compile(source));
    return engine;
  };
  return {
    test: plain,
    find: (text) => load().find(text),
    findAll: (text, limit) => load().findAll(text, limit),
    replaceAll: (text, template) => load().replaceAll(text, template),
    replaceAllLiteral: (text, replacement) => load().replaceAllLiteral(text, replacement),
    split: (text, limit) => load().split(text, limit),
  };
}

/** Escapes what is special in a pattern, as Go's regexp.QuoteMeta. */
export function quoteMeta(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

let library: typeof import("re2js") | undefined;

/** The engine costs 4 MB of memory; a configuration with plain patterns alone never pays it. */
function loadEngine(): typeof import("re2js") {
  library ??= require("re2js") as typeof import("re2js");
  return library;
}

/** Bytes that the states of one pattern's automaton may take; the engine allows itself 8 MiB. */
const AUTOMATON_BYTES = 1 << 20;

function bounded(compiled: RE2JS): RE2JS {
  const { dfa } = compiled.re2();
  dfa.stateBudget = AUTOMATON_BYTES;
  dfa.memBudget = AUTOMATON_BYTES;
  return compiled;
}

function compile(source: string): RE2JS {
  if (!source.isWellFormed()) throw new PatternError(`error parsing regexp: invalid UTF-8: \`${source}\``, undefined);
  try {
    return bounded(loadEngine().RE2JS.compile(source));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const respelled = respell(source);
    if (respelled.changes.length === 0 || !/duplicate capture|invalid character class range/.test(message)) {
      throw new PatternError(message, hintFor(message));
    }
    try {
      return bounded(loadEngine().RE2JS.compile(respelled.source));
    } catch (second) {
      let shown = second instanceof Error ? second.message : String(second);
      for (const { from, to } of respelled.changes) shown = shown.replace(to, () => from);
      throw new PatternError(shown, hintFor(shown));
    }
  }
}

function hintFor(message: string): string | undefined {
  if (/`\(\?(=|!|<=|<!|<)/.test(message)) {
    return "RE2 has no look-around; match what is wanted, or use a rule under drop for what is not";
  }
  if (/invalid escape sequence: `\\[1-9kg]/.test(message)) return "RE2 has no back-references";
  if (/missing argument to repetition operator: `\*/.test(message)) {
    return "this looks like a shell wildcard; a pattern matches anywhere in the text, so leave the stars out, or write .* for one";
  }
  return undefined;
}

/** Start and end of the match and of each group in UTF-16 units, -1 for a group that took no part; undefined without a match. */
type Searcher = (from: number, groups: number) => number[] | undefined;

// A search is linear in the text (some 20 ns for each character and instruction at worst, so 25 ms for the largest), but
// a walk over all matches is quadratic for patterns like `[a]*b|a`, in Go too. Nothing may hold the event loop for long.
const MAX_SEARCH = 1_200_000;
/** Characters times instructions between two looks at the clock: some 2 ms at worst. */
const FREE_WORK = 100_000;

/** Characters times instructions of a search from the beginning. */
function bound(source: string, compiled: RE2JS, text: string): number {
  const work = text.length * compiled.programSize();
  if (work <= MAX_SEARCH) return work;
  throw new LimitError(
    `${text.length} characters are too many for the regular expression ${shorten(source)}: cut the text, or simplify the pattern`,
  );
}

function searcher(source: string, compiled: RE2JS, text: string): Searcher {
  const whole = bound(source, compiled, text);
  const matcher = compiled.matcher(text);
  if (whole > FREE_WORK) {
    spend(whole >>> 6);
    lookAtClock();
  }
  let work = 0;
  return (from, groups) => {
    spend(1);
    work += (text.length - from) * compiled.programSize();
    const found = matcher.find(from);
    if (work > FREE_WORK) {
      work = 0;
      lookAtClock();
    }
    if (!found) return undefined;
    const places: number[] = [];
    for (let group = 0; group <= groups; group++) places.push(matcher.start(group), matcher.end(group));
    return places;
  };
}

function shorten(source: string): string {
  return JSON.stringify(source.length > 60 ? `${source.slice(0, 60)}…` : source);
}

function enginePattern(source: string, compiled: RE2JS): Pattern {
  let names: (string | undefined)[] | undefined;
  return {
    test(text) {
      bound(source, compiled, text);
      return compiled.test(text);
    },
    find(text) {
      const found = searcher(source, compiled, text)(0, 0);
      return found && text.slice(found[0], found[1]);
    },
    findAll(text, limit) {
      const spans = allMatches(source, compiled, text, limit);
      return spans.length === 0 ? undefined : spans.map(([start, end]) => text.slice(start, end));
    },
    replaceAll(text, template) {
      if (!template.includes("$")) return replace(source, compiled, text, 0, () => template);
      names ??= namedGroups(source);
      const groupNames = names;
      spend(template.length >>> 1);
      const pieces = parseReplacement(template);
      return replace(source, compiled, text, compiled.groupCount(), (found) => expand(pieces, groupNames, text, found));
    },
    replaceAllLiteral: (text, replacement) => replace(source, compiled, text, 0, () => replacement),
    split(text, limit) {
      if (limit === 0) return undefined;
      if (source !== "" && text === "") return [""];
      const parts: string[] = [];
      let start = 0;
      let end = 0;
      for (const span of allMatches(source, compiled, text, limit)) {
        if (limit > 0 && parts.length >= limit - 1) break;
        end = span[0];
        if (span[1] !== 0) parts.push(text.slice(start, end));
        start = span[1];
      }
      if (end !== text.length) parts.push(text.slice(start));
      return parts;
    },
  };
}

/** Go's allMatches: an empty match right after a match does not count. */
function allMatches(source: string, compiled: RE2JS, text: string, limit: number): [start: number, end: number][] {
  const max = limit < 0 ? text.length + 1 : limit;
  const search = searcher(source, compiled, text);
  const spans: [number, number][] = [];
  let at = 0;
  let previousEnd = -1;
  while (spans.length < max && at <= text.length) {
    const found = search(at, 0);
    if (found === undefined) break;
    const [start = 0, end = 0] = found;
    let accept = true;
    if (end === at) {
      accept = start !== previousEnd;
      at += widthAt(text, at);
    } else {
      at = end;
    }
    previousEnd = end;
    if (accept) spans.push([start, end]);
  }
  return spans;
}

/** Go's Regexp.replaceAll, which walks differently from allMatches. */
function replace(
  source: string,
  compiled: RE2JS,
  text: string,
  groups: number,
  by: (found: readonly number[]) => string,
): string {
  const search = searcher(source, compiled, text);
  let out = "";
  let lastEnd = 0;
  let at = 0;
  while (at <= text.length) {
    const found = search(at, groups);
    if (found === undefined) break;
    const [start = 0, end = 0] = found;
    out += text.slice(lastEnd, start);
    if (end > lastEnd || start === 0) {
      const replacement = by(found);
      checkLength(out.length + replacement.length);
      out += replacement;
    }
    lastEnd = end;
    const width = widthAt(text, at);
    at = Math.max(at + width, end);
  }
  return out + text.slice(lastEnd);
}

/** UTF-16 units of the code point there; 1 at the end, so that a walk always advances. */
function widthAt(text: string, at: number): number {
  const code = text.codePointAt(at);
  return code !== undefined && code > 0xffff ? 2 : 1;
}

type Piece = { readonly text: string } | { readonly group: number } | { readonly name: string };

/** Cuts a replacement into text and references, as Go's Regexp.Expand reads it: names are as long as they can be. */
function parseReplacement(template: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = template;
  for (;;) {
    const dollar = rest.indexOf("$");
    if (dollar < 0) break;
    if (dollar > 0) pieces.push({ text: rest.slice(0, dollar) });
    rest = rest.slice(dollar + 1);
    if (rest.startsWith("$")) {
      pieces.push({ text: "$" });
      rest = rest.slice(1);
      continue;
    }
    const reference = /^(?:\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/u.exec(rest);
    if (reference === null) {
      pieces.push({ text: "$" });
      continue;
    }
    const name = reference[1] ?? reference[2] ?? "";
    pieces.push(/^(?:0|[1-9][0-9]{0,8})$/.test(name) ? { group: Number(name) } : { name });
    rest = rest.slice(reference[0].length);
  }
  if (rest !== "") pieces.push({ text: rest });
  return pieces;
}

function expand(
  pieces: readonly Piece[],
  names: readonly (string | undefined)[],
  text: string,
  found: readonly number[],
): string {
  let out = "";
  for (const piece of pieces) {
    if ("text" in piece) {
      out += piece.text;
      continue;
    }
    // Of several groups with one name, the first that took part counts.
    const group =
      "group" in piece ? piece.group : names.findIndex((name, at) => name === piece.name && (found[2 * at] ?? -1) >= 0);
    const start = group < 0 ? -1 : (found[2 * group] ?? -1);
    if (start >= 0) out += text.slice(start, found[2 * group + 1]);
  }
  return out;
}
