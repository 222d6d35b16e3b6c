/** What a schema refuses, in words for the config's author. */
import type { z } from "zod";
import { type Decoder, type Path, pathKey } from "./decoder.ts";
import { nearest } from "./nearest.ts";
import { isSecretKey } from "./redact.ts";
import type { Node } from "./tree.ts";

type Issue = z.core.$ZodIssue;

/**
 * What a schema makes of a value, without the keys that the predecessor does not read and that are wrong: those are
 * ignored, as it did, and said. Undefined when something else is wrong; `fatal` says which of that leaves nothing to run.
 */
export function parseTolerantly<T>(
  schema: z.ZodType<T>,
  raw: unknown,
  base: Path,
  decoder: Decoder,
  options: {
    /** Keys that the predecessor reads. */
    readonly read: ReadonlySet<string>;
    readonly fatal: (issue: Issue) => boolean;
    readonly hint?: string;
  },
): T | undefined {
  const first = schema.safeParse(raw);
  if (first.success) return first.data;
  const ours = (issue: Issue) =>
    issue.path.length > 0 &&
    !options.read.has(String(issue.path[0])) &&
    decoder.nodes.has(pathKey([...base, String(issue.path[0])]));
  const { issues } = first.error;
  const ignored = issues.filter(ours);
  reportIssues(
    issues.filter((issue) => !ours(issue)),
    base,
    decoder,
    options.fatal,
    options.hint,
  );
  reportIssues(ignored, base, decoder, () => false, "until it is mended the key is ignored");
  if (ignored.length < issues.length || typeof raw !== "object" || raw === null) return undefined;
  const wrong = new Set(ignored.map(({ path }) => String(path[0])));
  const second = schema.safeParse(Object.fromEntries(Object.entries(raw).filter(([key]) => !wrong.has(key))));
  return second.success ? second.data : undefined;
}

/** Wrong types are what the predecessor refuses as well; other refusals may be of one receiver alone. */
export const isWrongType = (issue: Issue, base: Path, decoder: Decoder) =>
  (issue.code === "invalid_type" || issue.code === "invalid_union") && !isMissing(issue, base, decoder);

function isMissing(issue: Issue, base: Path, decoder: Decoder): boolean {
  return !decoder.nodes.has(pathKey([...base, ...keys(issue)]));
}

const keys = (issue: Issue): Path => issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));

function nameOf(path: Path): string {
  const last = path.at(-1);
  return typeof last === "number" ? `an item of \`${path.findLast((key) => typeof key === "string")}\`` : `\`${last}\``;
}

/** Adds a finding for each issue; `fatal` says which of them leave nothing to run. */
export function reportIssues(
  issues: readonly Issue[],
  base: Path,
  decoder: Decoder,
  fatal: (issue: Issue) => boolean,
  hint?: string,
): void {
  for (const issue of issues) {
    let path = [...base, ...keys(issue)];
    const name = nameOf(path);
    const missing = isMissing(issue, base, decoder);
    while (path.length > 0 && !decoder.nodes.has(pathKey(path))) path = path.slice(0, -1);
    const node = decoder.nodes.get(pathKey(path));
    if (missing && isMisspelt(String(issue.path.at(-1)), path, node, decoder)) {
      // The finding about that key says it; what it means for the config stands.
      if (fatal(issue)) decoder.findings.refuse();
      continue;
    }
    const empty = node?.kind === "map" ? node.entries.find(({ key }) => key === issue.path.at(-1)) : undefined;
    const what = missing
      ? { code: "missing-key", message: `${name} is required${empty === undefined ? "" : ", and empty here"}` }
      : explain(issue, name, node, isSecret(path, decoder));
    decoder.findings.add({
      severity: "error",
      at: empty?.at ?? node?.start ?? 0,
      fatal: fatal(issue),
      ...(!fatal(issue) && { hint }),
      ...what,
    });
  }
}

function isMisspelt(key: string, path: Path, parent: Node | undefined, decoder: Decoder): boolean {
  if (parent?.kind !== "map") return false;
  const strange = parent.entries.filter(
    // The key itself, with nothing after it, is not misspelt.
    (entry) => entry.key.toLowerCase() !== key.toLowerCase() && !decoder.nodes.has(pathKey([...path, entry.key])),
  );
  return strange.some((entry) => nearest(entry.key, [key]) !== undefined);
}

function isSecret(path: Path, decoder: Decoder): boolean {
  return (
    isSecretKey(String(path.at(-1))) ||
    decoder.meant.some((one) => one.kind === "secret" && pathKey(one.path) === pathKey(path))
  );
}

function explain(
  issue: Issue,
  name: string,
  node: Node | undefined,
  hidden: boolean,
): { code: string; message: string; hint?: string } {
  const seen = describe(node, hidden);
  switch (issue.code) {
    case "invalid_type": {
      const wanted = WANTED[issue.expected] ?? issue.expected;
      return { code: "wrong-type", message: `${name} must be ${wanted}, not ${seen}`, ...placeholderHint(node) };
    }
    case "invalid_union":
      return { ...unionRefusal(issue, name, node, hidden), ...placeholderHint(node) };
    case "invalid_value": {
      const values = issue.values.map(String);
      const near = node?.kind === "scalar" ? nearest(node.text, values) : undefined;
      return {
        code: "wrong-value",
        message: `${name} must be one of ${values.map((value) => value || '""').join(", ")}, not ${seen}`,
        ...(near && { hint: `did you mean \`${near}\`?` }),
      };
    }
    case "too_small":
      return {
        code: "wrong-value",
        message:
          issue.origin === "string"
            ? `${name} must not be empty`
            : `${name} must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`,
      };
    case "too_big":
      return { code: "wrong-value", message: `${name} must be at most ${issue.maximum}` };
    default:
      return { code: "wrong-value", message: `${name}: ${issue.message}`, ...HINTS[name] };
  }
}

const HINTS: Readonly<Record<string, { readonly hint: string }>> = {
  "`metricsNamePrefix`": { hint: "for example `event_exporter_`" },
};

const WANTED: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

function describe(node: Node | undefined, hidden: boolean): string {
  if (!node) return "nothing";
  if (node.kind !== "scalar") return node.kind === "map" ? "a map" : "a list";
  if (node.value === null) return "nothing";
  if (hidden || Number.isFinite(node.authored))
    return typeof node.value === "string" ? "this text" : `a ${typeof node.value}`;
  if (typeof node.value !== "string") return String(node.value);
  // Cut in pieces, a secret would not be known as one.
  return node.text.length > 60 ? "this text" : `the text "${node.text}"`;
}

function placeholderHint(node: Node | undefined): { hint?: string } {
  if (node?.kind === "scalar" && node.style === "plain" && /^[\w.-]+\uFF1A/.test(node.text)) {
    return { hint: "`：` is a full-width colon; write `:` and a space" };
  }
  if (node?.kind !== "map" || !node.flow) return {};
  return node.entries.every((entry) => entry.value.kind === "scalar" && entry.value.value === null)
    ? { hint: "`{` starts a map in YAML; quote the value if it is text" }
    : {};
}

/**
 * Of several forms none fits: says what is wrong in a map that is nearly one, else names the values of the form that is a
 * choice, or that it may be a number, else says that of a secret.
 */
function unionRefusal(
  issue: z.core.$ZodIssueInvalidUnion,
  name: string,
  node: Node | undefined,
  hidden: boolean,
): { code: string; message: string; hint?: string } {
  const inner = node?.kind === "map" ? issue.errors.flat().find(({ path }) => path.length > 0) : undefined;
  if (inner && node?.kind === "map") {
    const key = String(inner.path[0]);
    const value = node.entries.find((entry) => entry.key === key)?.value;
    if (value) return explain(inner, `\`${key}\` of ${name}`, value, hidden);
  }
  const seen = describe(node, hidden);
  for (const [first] of issue.errors) {
    if (first?.code !== "invalid_value") continue;
    const values = first.values.map(String);
    const near = node?.kind === "scalar" ? nearest(node.text, values) : undefined;
    return {
      code: "wrong-value",
      message: `${name} must be one of ${values.join(", ")}, or a map, not ${seen}`,
      ...(near !== undefined && { hint: `did you mean \`${near}\`?` }),
    };
  }
  if (issue.errors.some(([first]) => first?.code === "invalid_type" && first.expected === "number"))
    return { code: "wrong-type", message: `${name} must be a number or a map, not ${seen}` };
  return { code: "wrong-type", message: `${name} must be text, { env: NAME } or { file: PATH }, not ${seen}` };
}
