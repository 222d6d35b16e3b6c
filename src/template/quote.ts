/** Go's quoting and unquoting of strings and characters (package strconv). */
import { rejoin } from "./bytes.ts";

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** Go's unicode.IsPrint. */
export function isPrint(code: number): boolean {
  if (code < 0x7f) return code >= 0x20;
  if (code >= 0xd800 && code <= 0xdfff) return false;
  return code <= 0x10ffff && PRINTABLE.test(String.fromCodePoint(code));
}

const SHORT: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  92: "\\\\",
};

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}

function quoteRune(code: number, quote: string, asciiOnly: boolean): string {
  if (code === quote.charCodeAt(0)) return `\\${quote}`;
  const short = SHORT[code];
  if (short !== undefined) return short;
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${hex(code & 0xff, 2)}`;
  if (code >= 0xd800 && code <= 0xdfff) return "\\ufffd";
  if (code < 0x80 ? isPrint(code) : !asciiOnly && isPrint(code)) return String.fromCodePoint(code);
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

// What cannot stand between quotes as it is; half a pair is of no class.
const NOT_PLAIN = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;
const NOT_PLAIN_ASCII = /["\\]|[^ -~]/gu;

/** `replace` finds all that it will replace before it calls anybody: of a long text, a piece at a time. */
const PIECE = 4_096;

/** strconv.Quote, or QuoteToASCII. `pay` is called with 2 for each character that is escaped, some 0.4 µs of work. */
export function quote(text: string, asciiOnly = false, pay?: (steps: number) => void): string {
  const special = asciiOnly ? NOT_PLAIN_ASCII : NOT_PLAIN;
  const escaped = (char: string): string => {
    pay?.(2);
    return quoteRune(char.codePointAt(0) ?? 0, '"', asciiOnly);
  };
  if (text.length <= PIECE) return `"${text.replace(special, escaped)}"`;
  let out = '"';
  for (let at = 0; at < text.length; ) {
    let end = at + PIECE;
    // Not between the halves of a pair.
    while ((text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end++;
    out += text.slice(at, end).replace(special, escaped);
    at = end;
  }
  return `${out}"`;
}

/** strconv.QuoteRune, or QuoteRuneToASCII; what is no character becomes U+FFFD. */
export function quoteChar(code: number, asciiOnly = false): string {
  const valid = code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return `'${quoteRune(valid ? code : 0xfffd, "'", asciiOnly)}'`;
}

/** strconv.CanBackquote. */
export function canBackquote(text: string): boolean {
  return !/[`\u007f\ufeff\ud800-\udfff]|[\x00-\x08\x0a-\x1f]/u.test(text);
}

/** As `%#U` of a character: `U+005B '['`. */
export function describeChar(code: number): string {
  const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return isPrint(code) ? `${name} '${String.fromCodePoint(code)}'` : name;
}

/** The next character of a quoted literal: its code (a byte when `byte`), and where the rest begins. */
interface Unquoted {
  readonly code: number;
  readonly byte: boolean;
  readonly next: number;
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, "\\": 92 };
const HEX_WIDTHS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

function unquoteOne(text: string, at: number, quoteMark: string): Unquoted | undefined {
  const code = text.codePointAt(at);
  if (code === undefined) return undefined;
  const char = String.fromCodePoint(code);
  if (char === quoteMark) return undefined;
  if (char !== "\\") return { code, byte: false, next: at + char.length };
  const letter = text.charAt(at + 1);
  const simple = letter === quoteMark ? letter.charCodeAt(0) : ESCAPES[letter];
  if (simple !== undefined) return { code: simple, byte: false, next: at + 2 };
  const width = HEX_WIDTHS[letter];
  if (width !== undefined) {
    const digits = text.slice(at + 2, at + 2 + width);
    if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length < width) return undefined;
    const value = Number.parseInt(digits, 16);
    if (letter !== "x" && (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))) return undefined;
    return { code: value, byte: letter === "x", next: at + 2 + width };
  }
  const octal = /^[0-7]{3}/.exec(text.slice(at + 1, at + 4))?.[0];
  if (octal === undefined) return undefined;
  const value = Number.parseInt(octal, 8);
  return value > 255 ? undefined : { code: value, byte: true, next: at + 4 };
}

/** The text of a Go string literal with its quotes (`"…"` or a raw one); undefined: invalid syntax. */
export function unquote(literal: string): string | undefined {
  const mark = literal.charAt(0);
  if (literal.length < 2 || literal.at(-1) !== mark) return undefined;
  const body = literal.slice(1, -1);
  if (mark === "`") return body.replaceAll("\r", "");
  if (body.includes("\n")) return undefined;
  if (!body.includes("\\")) return body;
  let out = "";
  for (let at = 0; at < body.length; ) {
    const one = unquoteOne(body, at, mark);
    if (one === undefined) return undefined;
    out += one.byte && one.code > 0x7f ? String.fromCharCode(0xdc00 | one.code) : String.fromCodePoint(one.code);
    at = one.next;
  }
  return rejoin(out);
}

/** The code of a Go character literal with its quotes, or why it is none. */
export function unquoteCharLiteral(literal: string): number | string {
  const one = unquoteOne(literal, 1, "'");
  if (one === undefined) return "invalid syntax";
  return literal.slice(one.next) === "'" ? one.code : `malformed character constant: ${literal}`;
}
