/**
 * YAML that does not parse: what its author did, in their words, and an edit with which the rest can be read, so that one
 * mistake in the syntax does not hide all others.
 */
import type { Severity } from "../errors.ts";
import type { Edit } from "./source.ts";
import { quoteHint } from "./tree.ts";

export interface Mended {
  readonly severity: Severity;
  readonly code: string;
  readonly at: number;
  readonly message: string;
  readonly hint?: string;
  readonly edits: readonly Edit[];
  /** The predecessor reads it, and as the edit has it. */
  readonly tolerated?: boolean;
}

interface Fault {
  /** Error code of the `yaml` package. */
  readonly code: string;
  readonly at: number;
}

interface Line {
  readonly start: number;
  /** Without the end of the line, `\r` or not. */
  readonly text: string;
  readonly number: number;
  /** Where the next one starts; undefined for the last. */
  readonly next: number | undefined;
}

/** `key: `, `- `, `- key: ` and the like, before a value. */
const BEFORE_VALUE = /^(\s*(?:- +)*(?:(?:"[^"]*"|'[^']*'|[^\s#"'{}[\],&*:][^:#]*?)\s*:[ \t]+|- +))(?=\S)/;

/** Undefined when nobody knows what was meant. */
export function mend(text: string, fault: Fault): Mended | undefined {
  if (fault.code === BAD_ESCAPE) return badEscape(text, fault.at);
  if (fault.code === MISSING_CHARACTER && text[fault.at] === "#") return closeComment(fault.at);
  const here = lineAt(text, fault.at);
  const before = here.start > 0 ? lineAt(text, here.start - 1) : undefined;
  const after = here.next === undefined ? undefined : lineAt(text, here.next);
  const near = [here, before, after].filter((line) => line !== undefined);
  return (
    first(near, tab) ??
    first(near, oddCharacter) ??
    first([here], template) ??
    first([here], colonInValue) ??
    first(
      [here, after].filter((line) => line !== undefined),
      (line) => indentation(text, line),
    ) ??
    first([here], specialStart)
  );
}

function first(lines: readonly Line[], look: (line: Line) => Mended | undefined): Mended | undefined {
  for (const line of lines) {
    const found = look(line);
    if (found) return found;
  }
  return undefined;
}

function lineAt(text: string, offset: number): Line {
  const at = Math.min(offset, text.length);
  const start = text.lastIndexOf("\n", at - 1) + 1;
  const end = text.indexOf("\n", at);
  let number = 1;
  for (let seen = text.indexOf("\n"); seen !== -1 && seen < start; seen = text.indexOf("\n", seen + 1)) number++;
  return {
    start,
    text: text.slice(start, end === -1 ? text.length : end).replace(/\r$/, ""),
    number,
    next: end === -1 ? undefined : end + 1,
  };
}

function tab(line: Line): Mended | undefined {
  const indent = /^ *\t[ \t]*/.exec(line.text)?.[0];
  if (!indent) return undefined;
  const at = line.start + indent.indexOf("\t");
  return {
    severity: "error",
    code: "tab-indentation",
    at,
    message: `tab character in the indentation of line ${line.number}; YAML is indented with spaces, and nothing counts from here on`,
    hint: "replace it by spaces",
    edits: [{ start: line.start, end: line.start + indent.length, text: indent.replaceAll("\t", "  ") }],
  };
}

/** Look like a colon and a space, and are not. */
const ODD: Readonly<Record<string, readonly [name: string, meant: string]>> = {
  "\uFF1A": ["full-width colon `：`", ": "],
  "\u00A0": ["no-break space", " "],
  "\u3000": ["full-width space", " "],
};

function oddCharacter(line: Line): Mended | undefined {
  const match = /^([\s\u00A0\u3000]*(?:- *)*)([\w.-]+(\uFF1A)\s*)?/.exec(line.text);
  const space = match?.[1]?.search(/[\u00A0\u3000]/) ?? -1;
  const column = space !== -1 ? space : match?.[3] ? line.text.indexOf(match[3]) : -1;
  const [name, meant] = ODD[line.text[column] ?? ""] ?? [];
  if (!name || meant === undefined) return undefined;
  const at = line.start + column;
  return {
    severity: "error",
    code: "odd-character",
    at,
    message: `${name} in line ${line.number} means nothing to YAML`,
    hint: meant === ": " ? "write `:` and a space" : "write a space",
    edits: [{ start: at, end: at + 1, text: meant }],
  };
}

function template(line: Line): Mended | undefined {
  const lead = BEFORE_VALUE.exec(line.text)?.[0] ?? /^\s*/.exec(line.text)?.[0] ?? "";
  const value = line.text.slice(lead.length).trimEnd();
  if (!value.startsWith("{{")) return undefined;
  const at = line.start + lead.length;
  const alone = lead.trim() === "";
  return {
    severity: "error",
    code: "unquoted-template",
    at,
    message: "`{{` without quotes is not text in YAML",
    hint: alone
      ? "this looks like a Helm template that was not rendered: render it first (helm template)"
      : quoteHint(line.text, lead.length),
    edits: [{ start: at, end: at + value.length, text: alone ? "" : quoted(value) }],
  };
}

function colonInValue(line: Line): Mended | undefined {
  const lead = BEFORE_VALUE.exec(line.text)?.[0];
  if (!lead?.includes(":")) return undefined;
  const value = line.text.slice(lead.length).trimEnd();
  const colon = /^[^"'{[|>#&*!].*?:(?=\s|$)/.exec(value)?.[0].length;
  if (colon === undefined) return undefined;
  const at = line.start + lead.length;
  return {
    severity: "error",
    code: "unquoted-colon",
    at: at + colon - 1,
    message: "a second `: ` in one line: a value that has one in it must be quoted",
    hint: `quote it: ${quoted(value)}`,
    edits: [{ start: at, end: at + value.length, text: quoted(value) }],
  };
}

// Error codes of the `yaml` package.
export const BAD_ESCAPE = "BAD_DQ_ESCAPE";
const MISSING_CHARACTER = "MISSING_CHAR";

function closeComment(at: number): Mended {
  return {
    tolerated: true,
    severity: "warning",
    code: "close-comment",
    at,
    message: "a comment begins after a space",
    hint: "write a space before `#`",
    edits: [{ start: at, end: at, text: " " }],
  };
}

/** `"\\d+"`: a pattern between quotes in which a backslash begins an escape. The exporter keeps what it does not know. */
function badEscape(text: string, at: number): Mended | undefined {
  const written = /^\\[^\nxuU]/u.exec(text.slice(at, at + 3))?.[0];
  if (written === undefined) return undefined;
  return {
    tolerated: true,
    severity: "warning",
    code: "bad-escape",
    at,
    message: `\`${written}\` is no escape of YAML's, and is read as it stands`,
    hint: `write \`\\${written}\`, or put the text between single quotes`,
    edits: [{ start: at, end: at, text: "\\" }],
  };
}

function specialStart(line: Line): Mended | undefined {
  const lead = BEFORE_VALUE.exec(line.text)?.[0];
  if (!lead) return undefined;
  const value = line.text.slice(lead.length).trimEnd();
  const special = /^[{[*&!%@`]/.exec(value)?.[0];
  if (!special) return undefined;
  const at = line.start + lead.length;
  const tolerated = special === "@" || special === "`";
  return {
    tolerated,
    severity: tolerated ? "warning" : "error",
    code: "unquoted-value",
    at,
    message: `a value that starts with \`${special}\` is not text in YAML`,
    hint: `quote it: ${quoted(value)}`,
    edits: [{ start: at, end: at + value.length, text: quoted(value) }],
  };
}

const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** A line that stands at a column where nothing is open. */
function indentation(text: string, line: Line): Mended | undefined {
  const indent = indentOf(line.text);
  if (indent === undefined || !/^\s*(?:- |-$|["']?[\w.@/-]+["']?\s*:)/.test(line.text)) return undefined;
  const open: { column: number; number: number }[] = [];
  let opens = false;
  let number = 0;
  for (const before of text.slice(0, line.start).split("\n").slice(0, -1)) {
    number++;
    const column = indentOf(before);
    if (column === undefined) continue;
    while ((open.at(-1)?.column ?? -1) > column) open.pop();
    if (open.at(-1)?.column !== column) open.push({ column, number });
    for (let at = column; before[at] === "-" && before[at + 1] === " "; ) {
      at += /^- +/.exec(before.slice(at))?.[0].length ?? 2;
      open.push({ column: at, number });
    }
    opens = /(?::|^\s*-)\s*(?:[|>][-+\d]*|&\S+)?\s*(?:#.*)?$/.test(before);
  }
  const last = open.at(-1);
  if (!last || open.some(({ column }) => column === indent) || (opens && indent > last.column)) return undefined;
  const dash = /^\s*-/.test(line.text);
  const sibling = open.reduce((best, one) => {
    const nearer = Math.abs(one.column - indent) - Math.abs(best.column - indent);
    return nearer < 0 || (nearer === 0 && !dash) ? one : best;
  });
  const edits: Edit[] = [];
  for (let at = line; ; at = lineAt(text, at.next)) {
    const own = indentOf(at.text);
    if (own !== undefined && own < indent) break;
    if (own !== undefined) {
      edits.push({
        start: at.start,
        end: at.start + own,
        text: " ".repeat(Math.max(0, own + sibling.column - indent)),
      });
    }
    if (at.next === undefined) break;
  }
  return {
    severity: "error",
    code: "indentation",
    at: line.start + indent,
    message: `line ${line.number} is indented by ${indent}, its siblings (line ${sibling.number}) by ${sibling.column}`,
    hint: `indent it by ${sibling.column}`,
    edits,
  };
}

/** Undefined for empty lines and comments. */
function indentOf(line: string): number | undefined {
  const match = /^ *(?=[^\s#])/.exec(line);
  return match ? match[0].length : undefined;
}
