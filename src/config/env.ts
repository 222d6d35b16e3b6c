/** Environment variables in a config: as the predecessor puts them in, and as it is safe to. */
import type { Edit } from "./source.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** A variable or file that a config names and that is not there; `at` is an offset in the text given. */
export interface Missing {
  readonly name: string;
  readonly kind: "variable" | "file";
  readonly at: number;
}

/** What was put in, and for what: the one is not to be shown, the other is. */
export interface Used {
  readonly value: string;
  readonly written: string;
}

/** https://pkg.go.dev/os#Expand: one character, no braces needed. */
const SHELL_SPECIAL = /[*#$@!?\-0-9]/;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;

/** Go's os.ExpandEnv, as edits of the raw text, comments and all; undefined variables become nothing. */
export function expandRaw(text: string, env: Env): { edits: Edit[]; missing: Missing[]; used: Used[] } {
  const edits: Edit[] = [];
  const used: Used[] = [];
  const missing: Missing[] = [];
  for (let at = text.indexOf("$"); at !== -1 && at + 1 < text.length; ) {
    const { name, width } = shellName(text, at + 1);
    if (width > 0) {
      const value = name === "" ? "" : env[name];
      if (value === undefined) missing.push({ name, kind: "variable", at });
      if (value) used.push({ value, written: text.slice(at, at + 1 + width) });
      edits.push({ start: at, end: at + 1 + width, text: value ?? "" });
    }
    at = text.indexOf("$", at + 1 + width);
  }
  return { edits, missing, used };
}

function shellName(text: string, at: number): { name: string; width: number } {
  const first = text[at] ?? "";
  if (first === "{") {
    const end = text.indexOf("}", at);
    if (end === -1) return { name: "", width: 1 };
    return { name: text.slice(at + 1, end), width: end - at + 1 };
  }
  if (SHELL_SPECIAL.test(first)) return { name: first, width: 1 };
  NAME.lastIndex = at;
  const name = NAME.exec(text)?.[0] ?? "";
  return { name, width: name.length };
}

export interface Expanded {
  readonly text: string;
  /** True when something was put in. */
  readonly changed: boolean;
  readonly missing: readonly Missing[];
  readonly used: readonly Used[];
  /** Offset in the text given of its first change. */
  readonly firstChange: number;
}

/**
 * Expands one value after YAML has been parsed, so that what is put in can never become structure. `${NAME}` and `$NAME`
 * are variables, `${file:/path}` is a file's content without its last newline, `$$` before a name or a brace is a dollar
 * sign. Left alone: `$name` and `${1}` inside `{{ }}` (the template's own), all of JavaScript inside `<% %>`, and a `$`
 * before anything else.
 */
export function expandValue(text: string, env: Env, readFile: (path: string) => string | undefined): Expanded {
  const missing: Missing[] = [];
  const used: Used[] = [];
  let output = "";
  let last = 0;
  let firstChange = Number.POSITIVE_INFINITY;
  const put = (start: number, end: number, value: string) => {
    output += text.slice(last, start) + value;
    last = end;
    if (value !== "" && value !== "$") used.push({ value, written: text.slice(start, end) });
    firstChange = Math.min(firstChange, start);
  };
  for (let at = text.indexOf("$"); at !== -1; ) {
    if (text.lastIndexOf("<%", at) > text.lastIndexOf("%>", at)) {
      at = text.indexOf("$", at + 1);
      continue;
    }
    const inTemplate = text.lastIndexOf("{{", at) > text.lastIndexOf("}}", at);
    const next = text[at + 1] ?? "";
    const escaped = /^\$(?:\{|[A-Za-z_])/.test(text.slice(at + 1, at + 3));
    if (escaped && !inTemplate) {
      put(at, at + 2, "$");
      at = text.indexOf("$", at + 2);
      continue;
    }
    NAME.lastIndex = at + 1;
    const bare = NAME.exec(text)?.[0];
    const end = next === "{" ? text.indexOf("}", at) : -1;
    const braced = end === -1 ? undefined : text.slice(at + 2, end);
    if (braced?.startsWith("file:")) {
      const path = braced.slice("file:".length);
      const content = readFile(path);
      if (content === undefined) missing.push({ name: path, kind: "file", at });
      put(at, end + 1, content?.replace(/\r?\n$/, "") ?? "");
    } else if (braced && !(inTemplate && /^\d+$/.test(braced))) {
      if (env[braced] === undefined) missing.push({ name: braced, kind: "variable", at });
      put(at, end + 1, env[braced] ?? "");
    } else if (bare && !inTemplate) {
      if (env[bare] === undefined) missing.push({ name: bare, kind: "variable", at });
      put(at, at + 1 + bare.length, env[bare] ?? "");
    }
    at = text.indexOf("$", Math.max(at + 1, last));
  }
  return { text: output + text.slice(last), changed: last > 0, missing, used, firstChange };
}

/** What {@link expandValue} makes this very text of, unless it is a template. */
export function literal(text: string): string {
  return text.replace(/\$(?=[A-Za-z_{])/g, "$$$$");
}

/** The path of a value that is `${file:/path}` and nothing else, in whatever quotes. */
export function expandableSecret(source: string): string | undefined {
  return /^(["']?)\$\{file:([^}]+)\}\1$/.exec(source.trim())?.[2];
}
