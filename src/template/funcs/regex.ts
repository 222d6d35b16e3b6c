/** sprig's regular expressions. */
import { lookAtClock } from "../budget.ts";
import { appended, madeFor } from "../capacity.ts";
import { type FuncMap, fn, P } from "../func.ts";
import { compilePattern, type Pattern, PatternError, quoteMeta } from "../re2.ts";
import { STRING_LIST, strings } from "../types.ts";
import { GoError, Slice, type Value } from "../value.ts";

// Patterns of templates are constants as a rule; one built from an event's text must not grow the memory.
const MAX_PATTERNS = 256;
const MAX_LENGTH = 10_000;
const patterns = new Map<string, Pattern | PatternError>();

function compiled(source: string): Pattern | PatternError {
  let pattern = patterns.get(source);
  if (pattern === undefined) {
    if (source.length > MAX_LENGTH) throw new GoError(`a pattern of ${source.length} characters is too long`);
    try {
      pattern = compilePattern(source);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      pattern = error;
    }
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    patterns.set(source, pattern);
  }
  return pattern;
}

/** As regexp.Compile: its error is the function's. */
function compile(source: string): Pattern {
  const pattern = compiled(source);
  if (pattern instanceof PatternError) throw new GoError(pattern.message);
  return pattern;
}

/** As regexp.MustCompile, whose panic names the pattern first. */
function mustCompile(source: string): Pattern {
  const pattern = compiled(source);
  if (pattern instanceof PatternError) throw new GoError(`regexp: Compile(${quoted(source)}): ${pattern.message}`);
  return pattern;
}

function quoted(source: string): string {
  return source.includes("`") ? JSON.stringify(source) : `\`${source}\``;
}

/** @param from the capacity that Go begins to collect with */
function texts(found: readonly string[] | undefined, from: number): Value {
  if (found === undefined) return new Slice(STRING_LIST, [], true);
  const made = strings(found);
  return found.length > from ? appended(made, from) : madeFor(made, from);
}

/** Go's FindAllString makes room for ten. */
const MATCHES = 10;

type Compile = (source: string) => Pattern;

const find = (compileWith: Compile) => fn([P.string, P.string], (source, text) => compileWith(source).find(text) ?? "");
const findAll = (compileWith: Compile) =>
  fn([P.string, P.string, P.int], (source, text, count) => texts(compileWith(source).findAll(text, count), MATCHES));
const replaceAll = (compileWith: Compile) =>
  fn([P.string, P.string, P.string], (source, text, by) => compileWith(source).replaceAll(text, by));
const replaceLiteral = (compileWith: Compile) =>
  fn([P.string, P.string, P.string], (source, text, by) => compileWith(source).replaceAllLiteral(text, by));
const split = (compileWith: Compile) =>
  fn([P.string, P.string, P.int], (source, text, count) => {
    const parts = compileWith(source).split(text, count);
    // Room for the matches, of which there is one less than parts between them unless the count cuts them off.
    const length = parts?.length ?? 0;
    return texts(parts, count > 0 && length === count ? length : length - 1);
  });

/** Texts that a test may take more than a fraction of a millisecond for. */
const LONG = 4_096;

function matches(pattern: Pattern, text: string): boolean {
  if (text.length <= LONG) return pattern.test(text);
  lookAtClock();
  const matched = pattern.test(text);
  lookAtClock();
  return matched;
}

export const regexFuncs: FuncMap = {
  regexMatch: fn([P.string, P.string], (source, text) => {
    const pattern = compiled(source);
    return pattern instanceof PatternError ? false : matches(pattern, text);
  }),
  mustRegexMatch: fn([P.string, P.string], (source, text) => matches(compile(source), text)),
  regexFind: find(mustCompile),
  mustRegexFind: find(compile),
  regexFindAll: findAll(mustCompile),
  mustRegexFindAll: findAll(compile),
  regexReplaceAll: replaceAll(mustCompile),
  mustRegexReplaceAll: replaceAll(compile),
  regexReplaceAllLiteral: replaceLiteral(mustCompile),
  mustRegexReplaceAllLiteral: replaceLiteral(compile),
  regexSplit: split(mustCompile),
  mustRegexSplit: split(compile),
  regexQuoteMeta: fn([P.string], quoteMeta),
};
