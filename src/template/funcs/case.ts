/** Letter case as Go's packages unicode, strings, goutils and xstrings see it: one character for one character. */
import { spend } from "../budget.ts";
import { toByteString } from "../byte-string.ts";
import { isAscii } from "../bytes.ts";
import { type FuncMap, fn, P } from "../func.ts";

const SPACE = /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;
const UPPER = /^\p{Lu}$/u;
const LOWER = /^\p{Ll}$/u;
const TITLE = /^\p{Lt}$/u;
const LETTER = /^\p{L}$/u;
const NUMBER = /^\p{N}$/u;
const PUNCTUATION = /^\p{P}$/u;

export function isSpace(char: string): boolean {
  return SPACE.test(char);
}

function isUpper(char: string): boolean {
  return UPPER.test(char);
}

/** The character Go sees: a byte that is not UTF-8 reads as U+FFFD. */
function runeOf(char: string): string {
  return char.isWellFormed() ? char : "\ufffd";
}

function isOne(text: string): boolean {
  return text.length === 1 || (text.length === 2 && (text.codePointAt(0) ?? 0) > 0xffff);
}

/** unicode.ToUpper: JavaScript's mapping where it is one character; Greek letters with iota have a single capital too. */
export function toUpper(char: string): string {
  const upper = char.toUpperCase();
  if (isOne(upper)) return upper;
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0x1f80 && code <= 0x1faf) return code & 8 ? char : String.fromCodePoint(code + 8);
  return code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3 ? String.fromCodePoint(code + 9) : char;
}

/** unicode.ToLower. */
export function toLower(char: string): string {
  return char === "İ" ? "i" : char.toLowerCase();
}

const DIGRAPHS: Readonly<Record<string, string>> = { Ǆ: "ǅ", ǆ: "ǅ", Ǉ: "ǈ", ǉ: "ǈ", Ǌ: "ǋ", ǌ: "ǋ", Ǳ: "ǲ", ǳ: "ǲ" };

/** unicode.ToTitle: as upper, but for the Latin digraphs, and Georgian, which has no title case. */
function toTitle(char: string): string {
  if (TITLE.test(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  return DIGRAPHS[char] ?? (code >= 0x10d0 && code <= 0x10ff ? char : toUpper(char));
}

function mapRunes(text: string, change: (char: string) => string): string {
  spend(text.length >>> 1);
  let out = "";
  for (const char of text) out += change(runeOf(char));
  return out;
}

/** strings.ToUpper. */
export function upper(text: string): string {
  return isAscii(text) ? text.toUpperCase() : mapRunes(text, toUpper);
}

/** strings.ToLower. */
export function lower(text: string): string {
  // The two letters for which JavaScript looks at more than the letter, or gives two.
  if (isAscii(text) || (text.isWellFormed() && !/[\u0130\u03a3]/.test(text))) return text.toLowerCase();
  return mapRunes(text, toLower);
}

/** What strings.Title takes for the end of a word. */
function isSeparator(char: string): boolean {
  if (char <= "\x7f") return !/[0-9A-Za-z_]/.test(char);
  return !LETTER.test(char) && !/^\p{Nd}$/u.test(char) && isSpace(char);
}

function title(text: string): string {
  if (isAscii(text)) return text.replace(/(^|[^0-9A-Za-z_])[a-z]/g, (found) => found.toUpperCase());
  let previous = " ";
  return mapRunes(text, (char) => {
    const out = isSeparator(previous) ? toTitle(char) : char;
    previous = char;
    return out;
  });
}

function untitle(text: string): string {
  let first = true;
  return mapRunes(text, (char) => {
    if (isSpace(char)) first = true;
    else if (first) {
      first = false;
      return toLower(char);
    }
    return char;
  });
}

function swapCase(text: string): string {
  let afterSpace = true;
  return mapRunes(text, (char) => {
    if (isUpper(char) || TITLE.test(char)) {
      afterSpace = false;
      return toLower(char);
    }
    if (LOWER.test(char)) {
      const out = afterSpace ? toTitle(char) : toUpper(char);
      afterSpace = false;
      return out;
    }
    afterSpace = isSpace(char);
    return char;
  });
}

/** goutils walks over bytes and writes each as a character of its own, so `é` gives `Ã`. */
function initials(text: string): string {
  let out = "";
  let afterSpace = true;
  for (const byte of toByteString(text)) {
    if (isSpace(byte)) afterSpace = true;
    else if (afterSpace) {
      out += byte;
      afterSpace = false;
    }
  }
  return out;
}

function isConnector(char: string): boolean {
  return char === "-" || char === "_" || isSpace(char);
}

/** xstrings.ToPascalCase. */
function camelCase(text: string): string {
  const chars = Array.from(text, runeOf);
  const lead = chars.findIndex((char) => !isConnector(char));
  // Go writes the last connector of nothing but connectors twice.
  if (lead < 0) return chars.join("") + (chars.at(-1) ?? "");
  let out = chars.slice(0, lead).join("");
  let current = chars[lead] ?? "";
  let capitals = isUpper(current);
  current = toUpper(current);
  for (const char of chars.slice(lead + 1)) {
    const previous = current;
    current = char;
    if (isConnector(char) && isConnector(previous)) {
      out += previous;
      continue;
    }
    if (isConnector(previous)) {
      capitals = isUpper(char);
      current = toUpper(char);
    } else {
      if (capitals) {
        if (isUpper(char)) current = toLower(char);
        else capitals = false;
      }
      out += previous;
    }
  }
  return out + current;
}

type WordKind = "none" | "number" | "upper" | "letters" | "connector" | "punctuation" | "other";

interface Word {
  readonly kind: WordKind;
  readonly chars: readonly string[];
}

/** xstrings: letters, but not ideographs. */
function isAlphabet(char: string): boolean {
  if (!LETTER.test(char)) return false;
  const code = char.codePointAt(0) ?? 0;
  const ideograph =
    (code >= 0x4e00 && code <= 0x9fcc) || (code >= 0x3400 && code <= 0x4d85) || (code >= 0x20000 && code <= 0x2b81d);
  return !ideograph;
}

const isSmall = (char: string): boolean => isAlphabet(char) && !isUpper(char);
const isNumber = (char: string): boolean => NUMBER.test(char);
const isPunctuation = (char: string): boolean => PUNCTUATION.test(char);
const isOther = (char: string): boolean =>
  !isConnector(char) && !isAlphabet(char) && !isNumber(char) && !isPunctuation(char);

/** What xstrings takes for bytes that are no UTF-8, U+FFFD itself among them. */
const isBroken = (char: string): boolean => runeOf(char) === "\ufffd";

interface Step {
  /** The next character that is one; `previous` where only broken ones are left. */
  readonly char: string;
  /** Where the text goes on after it: what is broken before it belongs to it. */
  readonly next: number;
}

function stepAt(chars: readonly string[], at: number, previous: string): Step {
  for (let index = at; index < chars.length; index++) {
    const char = chars[index] ?? "";
    if (!isBroken(char)) return { char, next: index + 1 };
  }
  return { char: previous, next: chars.length };
}

/** xstrings' idea of the word at `at`: "HTTPServer" is HTTP and Server. */
function wordAt(chars: readonly string[], at: number): Word {
  if (at >= chars.length) return { kind: "none", chars: [] };
  const first = stepAt(chars, at, "\ufffd");
  const word = (kind: WordKind, end: number): Word => ({ kind, chars: chars.slice(at, end) });
  const take = (kind: WordKind, belongs: (char: string) => boolean, from: Step): Word => {
    let last = from;
    while (last.next < chars.length) {
      const step = stepAt(chars, last.next, last.char);
      if (!belongs(step.char)) break;
      last = step;
    }
    return word(kind, last.next);
  };
  if (first.char === "\ufffd") return word("none", first.next);
  if (isConnector(first.char)) return take("connector", isConnector, first);
  if (isPunctuation(first.char)) return take("punctuation", isPunctuation, first);
  if (isUpper(first.char)) {
    if (first.next >= chars.length) return word("upper", first.next);
    const second = stepAt(chars, first.next, first.char);
    if (!isUpper(second.char)) {
      return isAlphabet(second.char) ? take("upper", isSmall, second) : word("upper", first.next);
    }
    let before = first;
    let last = second;
    while (last.next < chars.length) {
      const step = stepAt(chars, last.next, last.char);
      // The last capital before small letters is the first letter of the next word.
      if (!isUpper(step.char)) return word("upper", isAlphabet(step.char) ? before.next : last.next);
      before = last;
      last = step;
    }
    return word("upper", last.next);
  }
  if (isAlphabet(first.char)) return take("letters", isSmall, first);
  return isNumber(first.char) ? take("number", isNumber, first) : take("other", isOther, first);
}

/** xstrings.ToSnakeCase and ToKebabCase. A number belongs to the word before it unless small letters follow it. */
function joinWords(text: string, connector: string): string {
  const chars = Array.from(text);
  let at = 0;
  let out = "";
  let word: Word = { kind: "none", chars: [] };
  const next = (): void => {
    word = wordAt(chars, at);
    at += word.chars.length;
  };
  const write = (one: Word): void => {
    if (one.kind !== "upper" && one.kind !== "connector") out += one.chars.join("");
    else
      for (const char of one.chars) out += isConnector(char) ? connector : isUpper(char) ? toLower(char) : runeOf(char);
  };
  const kind = (): WordKind => word.kind;
  const joins = (): boolean => kind() !== "connector" && kind() !== "punctuation";
  const writeTail = (): void => {
    while (kind() === "letters" || kind() === "number") {
      write(word);
      next();
    }
    if (kind() !== "none" && joins()) out += connector;
  };
  next();
  while (at < chars.length) {
    const previous = word;
    if (previous.kind !== "connector") write(previous);
    next();
    if (previous.kind === "number") writeTail();
    else if (previous.kind === "connector") write(previous);
    else if (previous.kind !== "punctuation") {
      if (kind() !== "number") {
        if (joins()) out += connector;
      } else if (at < chars.length) {
        const digits = word;
        next();
        if (kind() === "letters") {
          out += connector;
          write(digits);
          writeTail();
        } else {
          write(digits);
          if (joins()) out += connector;
        }
      }
    }
  }
  write(word);
  return out;
}

export const caseFuncs: FuncMap = {
  upper: fn([P.string], upper),
  lower: fn([P.string], lower),
  title: fn([P.string], title),
  untitle: fn([P.string], untitle),
  swapcase: fn([P.string], swapCase),
  initials: fn([P.string], initials),
  camelcase: fn([P.string], camelCase),
  snakecase: fn([P.string], (text) => joinWords(text, "_")),
  kebabcase: fn([P.string], (text) => joinWords(text, "-")),
};
