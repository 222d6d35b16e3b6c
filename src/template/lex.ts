/**
 * The words of a template. The whole text is cut at once; the first error ends the list, as the parser stops there.
 *
 * @see https://pkg.go.dev/text/template#hdr-Text_and_spaces
 */
import { describeChar, quote } from "./quote.ts";

export type TokenType =
  | "error"
  | "bool"
  | "char"
  | "charConstant"
  | "complex"
  | "assign"
  | "declare"
  | "eof"
  | "field"
  | "identifier"
  | "leftDelim"
  | "leftParen"
  | "number"
  | "pipe"
  | "rawString"
  | "rightDelim"
  | "rightParen"
  | "space"
  | "string"
  | "text"
  | "variable"
  | "dot"
  | Keyword;

const KEYWORDS = [
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "nil",
  "range",
  "template",
  "with",
] as const;
type Keyword = (typeof KEYWORDS)[number];
const KEYWORD_SET: ReadonlySet<string> = new Set(KEYWORDS);

export interface Token {
  readonly type: TokenType;
  /** Offset in UTF-16 units. */
  readonly pos: number;
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
}

const LEFT = "{{";
const RIGHT = "}}";
const SPACE = /[ \t\r\n]/;
const SPACE_RUN = /[ \t\r\n]+/y;
const LEADING_SPACE = /[ \t\r\n]*/y;
const WORD_RUN = /[\p{L}\p{Nd}_]*/uy;
const WORD_CHAR = /[\p{L}\p{Nd}_]/u;
const NUMBER =
  /[+-]?(?:0[xX](?:[0-9a-fA-F_]*\.?[0-9a-fA-F_]*)(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*\.?[0-7_]*|0[bB][01_]*\.?[01_]*|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9_]*)?)i?/y;

/** Where the white space before `end` begins. */
function trimEnd(input: string, start: number, end: number): number {
  let at = end;
  while (at > start && SPACE.test(input.charAt(at - 1))) at -= 1;
  return at;
}

/** As error messages show a token. */
export function describeToken(token: Token): string {
  if (token.type === "eof") return "EOF";
  if (token.type === "error") return token.value;
  if (KEYWORD_SET.has(token.type) || token.type === "dot") return `<${token.value}>`;
  if (Buffer.byteLength(token.value) > 10) return `${quote([...token.value].slice(0, 10).join(""))}...`;
  return quote(token.value);
}

/** The tokens of a text; the last one is `eof` or `error`. */
export function lex(input: string): Token[] {
  const tokens: Token[] = [];
  let pos = 0;
  let line = 1;
  let countedTo = 0;
  let parens = 0;

  /** Offsets are asked for in rising order only. */
  const lineAt = (offset: number): number => {
    for (let at = input.indexOf("\n", countedTo); at >= 0 && at < offset; at = input.indexOf("\n", countedTo)) {
      line += 1;
      countedTo = at + 1;
    }
    return line;
  };
  const push = (type: TokenType, start: number, end: number): void => {
    tokens.push({ type, pos: start, value: input.slice(start, end), line: lineAt(start) });
    pos = end;
  };
  const fail = (start: number, message: string): void => {
    tokens.push({ type: "error", pos: start, value: message, line: lineAt(start) });
  };
  const match = (pattern: RegExp, at: number): number => {
    pattern.lastIndex = at;
    return pattern.test(input) ? pattern.lastIndex : at;
  };
  const skipSpace = (at: number): number => match(LEADING_SPACE, at);
  const charAt = (at: number): string => {
    const code = input.codePointAt(at);
    return code === undefined ? "" : String.fromCodePoint(code);
  };
  const badChar = (start: number, at: number): void =>
    fail(start, `bad character ${describeChar(input.codePointAt(at) ?? 0)}`);
  /** Whether what follows may end a word: breaks `.X.Y` in two and refuses `$x+2`. */
  const atTerminator = (at: number): boolean => {
    const char = input.charAt(at);
    return char === "" || SPACE.test(char) || ".,|:)(".includes(char) || input.startsWith(RIGHT, at);
  };
  const trimmedRight = (at: number): boolean =>
    SPACE.test(input.charAt(at)) && input.charAt(at + 1) === "-" && input.startsWith(RIGHT, at + 2);

  /** Text up to the next action, and its left delimiter. False at the end, or after an error. */
  const lexText = (): boolean => {
    for (;;) {
      const start = pos;
      const open = input.indexOf(LEFT, pos);
      if (open < 0) {
        if (start < input.length) push("text", start, input.length);
        push("eof", input.length, input.length);
        return false;
      }
      const marker = input.charAt(open + 2) === "-" && SPACE.test(input.charAt(open + 3)) ? 2 : 0;
      const end = marker > 0 ? trimEnd(input, start, open) : open;
      if (end > start) push("text", start, end);
      const inside = open + 2 + marker;
      if (!input.startsWith("/*", inside)) {
        push("leftDelim", open, open + 2);
        pos = inside;
        parens = 0;
        return true;
      }
      if (!skipComment(inside)) return false;
    }
  };

  const skipComment = (start: number): boolean => {
    const close = input.indexOf("*/", start + 2);
    if (close < 0) {
      fail(start, "unclosed comment");
      return false;
    }
    const end = close + 2;
    if (trimmedRight(end)) pos = skipSpace(end + 4);
    else if (input.startsWith(RIGHT, end)) pos = end + 2;
    else {
      fail(start, "comment ends before closing delimiter");
      return false;
    }
    return true;
  };

  const lexRightDelim = (): void => {
    const trimmed = trimmedRight(pos);
    const start = trimmed ? pos + 2 : pos;
    push("rightDelim", start, start + 2);
    if (trimmed) pos = skipSpace(pos);
  };

  const lexNumber = (): boolean => {
    const start = pos;
    let end = match(NUMBER, pos);
    const next = charAt(end);
    const bad = (to: number): boolean => {
      fail(start, `bad number syntax: ${quote(input.slice(start, to))}`);
      return false;
    };
    if (WORD_CHAR.test(next)) return bad(end + next.length);
    if (next !== "+" && next !== "-") {
      push("number", start, end);
      return true;
    }
    end = match(NUMBER, end);
    const after = charAt(end);
    if (WORD_CHAR.test(after)) return bad(end + after.length);
    if (input.charAt(end - 1) !== "i") return bad(end);
    push("complex", start, end);
    return true;
  };

  const lexQuoted = (mark: string, type: TokenType, what: string): boolean => {
    const start = pos;
    for (let at = pos + 1; at < input.length; at++) {
      const char = input.charAt(at);
      if (char === mark) {
        push(type, start, at + 1);
        return true;
      }
      if (mark === "`") continue;
      if (char === "\\") at += 1;
      if (input.charAt(at) === "\n") break;
    }
    fail(start, `unterminated ${what}`);
    return false;
  };

  const lexFieldOrVariable = (type: "field" | "variable"): boolean => {
    const start = pos;
    if (atTerminator(start + 1)) {
      push(type === "field" ? "dot" : "variable", start, start + 1);
      return true;
    }
    const end = match(WORD_RUN, start + 1);
    if (!atTerminator(end)) {
      badChar(start, end);
      return false;
    }
    push(type, start, end);
    return true;
  };

  const lexIdentifier = (): boolean => {
    const start = pos;
    const end = match(WORD_RUN, start);
    if (!atTerminator(end)) {
      badChar(start, end);
      return false;
    }
    const word = input.slice(start, end);
    const keyword = KEYWORDS.find((known) => known === word);
    push(keyword ?? (word === "true" || word === "false" ? "bool" : "identifier"), start, end);
    return true;
  };

  /** One token inside an action. False after an error. */
  const lexInside = (): boolean => {
    const start = pos;
    const char = charAt(start);
    if (SPACE.test(char)) {
      const end = match(SPACE_RUN, start);
      // The last space may belong to a trimming right delimiter.
      const stop = trimmedRight(end - 1) ? end - 1 : end;
      if (stop > start) push("space", start, stop);
      return true;
    }
    switch (char) {
      case "":
        fail(start, "unclosed action");
        return false;
      case "=":
        push("assign", start, start + 1);
        return true;
      case ":":
        if (input.charAt(start + 1) !== "=") {
          fail(start, "expected :=");
          return false;
        }
        push("declare", start, start + 2);
        return true;
      case "|":
        push("pipe", start, start + 1);
        return true;
      case '"':
        return lexQuoted('"', "string", "quoted string");
      case "`":
        return lexQuoted("`", "rawString", "raw quoted string");
      case "'":
        return lexQuoted("'", "charConstant", "character constant");
      case "$":
        return lexFieldOrVariable("variable");
      case "(":
        parens += 1;
        push("leftParen", start, start + 1);
        return true;
      case ")":
        parens -= 1;
        if (parens < 0) {
          fail(start, "unexpected right paren");
          return false;
        }
        push("rightParen", start, start + 1);
        return true;
      default:
    }
    if (char === "." && !/[0-9]/.test(input.charAt(start + 1)) && start + 1 < input.length) {
      return lexFieldOrVariable("field");
    }
    if (/[.+\-0-9]/.test(char)) return lexNumber();
    if (WORD_CHAR.test(char)) return lexIdentifier();
    if (/^[!-~]$/.test(char)) {
      push("char", start, start + 1);
      return true;
    }
    fail(start, `unrecognized character in action: ${describeChar(char.codePointAt(0) ?? 0)}`);
    return false;
  };

  const lexAction = (): boolean => {
    for (;;) {
      if (trimmedRight(pos) || input.startsWith(RIGHT, pos)) {
        if (parens > 0) {
          fail(pos, "unclosed left paren");
          return false;
        }
        lexRightDelim();
        return true;
      }
      if (!lexInside()) return false;
    }
  };

  while (lexText()) {
    if (!lexAction()) break;
  }
  return tokens;
}
