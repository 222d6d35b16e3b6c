// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how configs name the environment
/** Configs as a bad edit, a bad merge or a broken template of a chart leaves them. */
import type { Random } from "./grammar.ts";

const VALUES: readonly string[] = [
  ...[
    "null",
    "~",
    "true",
    "no",
    "0",
    "-1",
    "1e999",
    "0x10",
    ".inf",
    "1_000",
    "2024-01-01",
    '""',
    "''",
    '"a',
    "'",
    "[]",
    "{}",
    "[",
    "{a",
    "*a",
    "&a",
  ],
  ...[
    "&a [*a]",
    "!!binary x",
    "!!str 1",
    "!x",
    "|",
    ">-",
    "|9",
    "- - -",
    "? a",
    ": a",
    "<<: *a",
    "@x",
    "`x`",
    "%x",
    "#x",
    "5s",
    "10MiB",
    "(",
    "*test*",
  ],
  ...[
    "${TOKEN}",
    "$NOPE",
    "${",
    "{{ .Message }}",
    "{{",
    '"{{ .Nope | upper }}"',
    "{{ template }}",
    "http://",
    "é💡",
    "\u0000",
    "\ufeff",
    "\u2028",
    "\t",
  ],
];
const LINES: readonly string[] = [
  ...[
    "---",
    "...",
    "%YAML 1.2",
    "<<: *a",
    "a: &a {x: *a}",
    "? [a]",
    "- ",
    ":",
    "route:",
    "receivers:",
    "  - name: a",
    "\tx: 1",
    "x: [1,",
    "}",
  ],
  ...[
    "a: &a [x, x]",
    "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]",
    "compat: exporter",
    "strict: true",
    "match: {}",
    "    layout: {a: {b: }}",
  ],
];

export function mutateYaml(random: Random, text: string): string {
  let lines = text.split("\n");
  for (let count = 1 + random.below(6); count > 0; count--) {
    const at = random.below(lines.length);
    const line = lines[at] ?? "";
    const kind = random.below(11);
    if (kind === 0) lines.splice(at, 1 + random.below(3));
    else if (kind === 1) lines.splice(at, 0, ...lines.slice(at, at + 1 + random.below(6)));
    else if (kind === 2) lines[at] = `${" ".repeat(random.below(6))}${line.trimStart()}`;
    else if (kind === 3) lines[at] = line.replace(/:.*$/, () => `: ${random.pick(VALUES)}`);
    else if (kind === 4) lines[at] = line.replace(/[^\s:-]+(?=:)/, () => random.pick(VALUES));
    else if (kind === 5) lines.splice(at, 0, random.pick(LINES));
    else if (kind === 6) lines[at] = line.replace(/^ +/, (spaces) => "\t".repeat(spaces.length >> 1));
    else if (kind === 7) lines[at] = letters(random, line);
    else if (kind === 8) lines = lines.slice(0, at + 1);
    else if (kind === 9) lines[at] = `${line}\r`;
    else lines[at] = line.replace(/^(\s*)(?:- )?/, "$1- ");
  }
  return lines.join("\n");
}

function letters(random: Random, line: string): string {
  const at = random.below(line.length + 1);
  const change = random.pick([
    "",
    " ",
    ":",
    '"',
    "'",
    "{",
    "}",
    "[",
    "]",
    "-",
    "#",
    "&",
    "*",
    "!",
    "\\",
    "\u0000",
    "é",
    "x".repeat(3_000),
  ]);
  return line.slice(0, at) + change + line.slice(at + random.below(3));
}
