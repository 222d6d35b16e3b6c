/** The offending line of a finding, without the secrets in it. */
import type { Node, Scalar } from "./tree.ts";

export interface Excerpt {
  readonly text: string;
  /** Column of the finding within `text`, from 1. */
  readonly caret: number;
}

/** A stretch of the original text that must not be shown. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Keys whose values are secret, wherever they stand. */
const SECRET =
  /pass(?:word|sword|wd|phrase)?$|token|secret|credential|authorization|(?:^|[-_])auth(?:[-_]|$)|cookie|(?:api|access|auth|private|routing|integration)[-_]?key|^x-.*key$/i;
/** Keys whose values are addresses, which may carry a secret. */
const ADDRESS = /^url$|endpoint|webhook-?_?url|proxy/i;
const HOST = /^hosts?$|^brokers?$/i;

/** Whether the value under this key is, or may hold, what must not be shown. */
export const isSecretKey = (key: string) => SECRET.test(key) || ADDRESS.test(key) || HOST.test(key);

/** Spans of the values that are secret by their key, or known to be by their schema. */
export function secretSpans(node: Node, known: Iterable<Scalar>, origin: (offset: number) => number): Span[] {
  const spans: Span[] = [];
  const hide = (one: Scalar) => {
    // A reference to a variable or a file is no secret; it is what people need to see.
    if (one.end === one.start || one.text === "" || isReference(one.source)) return;
    spans.push({ start: origin(one.start) + host(one.source), end: origin(one.end) });
  };
  for (const one of known) hide(one);
  const visit = (one: Node, secret: boolean) => {
    if (one.kind === "scalar") {
      if (secret) hide(one);
    } else if (one.kind === "list") for (const item of one.items) visit(item, secret);
    else {
      for (const { key, value } of one.entries) {
        const reference = secret && (key === "env" || key === "file");
        visit(
          value,
          !reference && (secret || mayHoldSecret(key, value)) && !(value.kind === "map" && !secretMap(value)),
        );
      }
    }
  };
  visit(node, false);
  return spans;
}

/** A value that only refers to variables and files: no secret, and what people need to see. */
function isReference(source: string): boolean {
  const rest = source.replace(/\$\{[^}]*\}|\$[A-Z_][A-Z0-9_]*\b/g, "");
  return rest !== source && /^["']?(?:Bearer|Basic|Token)?\s*["']?$/.test(rest);
}

/** Characters of a URL that may be shown: its scheme and host, if nobody's name stands before the host. */
const host = (value: string) => /^["']?https?:\/\/[^/\s"'?#@]+(?=[/?#"']|$)/.exec(value)?.[0].length ?? 0;

const mayHoldSecret = (key: string, value: Node) =>
  isSecretKey(key) && !(HOST.test(key) && value.kind === "scalar" && isPlainAddress(value.source));

/** `host` or `host:port`, which is no secret; neither is a pattern for a host. */
const isPlainAddress = (value: string) => /^["']?[\^(]?[\w.*|-]*\)?\$?(?::\d+)?["']?$/.test(value);

/** `webhook: {endpoint…}` under a key that looks secret is a block of settings, not a secret. */
const secretMap = (node: Node) =>
  node.kind === "map" && node.entries.every(({ key }) => key === "env" || key === "file");

/** Nobody reads a longer one. */
const LONGEST_LINE = 4_000;

/** The line with `offset` in it, at most 160 characters of it. */
export function excerptAt(text: string, offset: number, spans: readonly Span[]): Excerpt {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const found = text.indexOf("\n", offset);
  const end = found === -1 ? text.length : found;
  if (end - start > LONGEST_LINE) return { text: "", caret: 1 };
  let shown = "";
  let caret = offset - start;
  let at = start;
  const put = (until: number, replacement: string) => {
    if (offset >= until) caret += replacement.length - (until - at);
    else if (offset > at) caret = shown.length + Math.min(offset - at, replacement.length);
    shown += replacement;
    at = until;
  };
  for (const span of [...spans, ...looksSecret(text.slice(start, end), start)].sort((a, b) => a.start - b.start)) {
    if (span.end <= at || span.start >= end) continue;
    const from = Math.max(span.start, at);
    shown += text.slice(at, from);
    at = from;
    put(Math.min(span.end, end), "[secret]");
  }
  shown += text.slice(at, end);
  shown = shown.replace(/\r$/, "").replaceAll("\t", " ");
  const cut = caret > 120 ? caret - 60 : 0;
  return { text: `${cut > 0 ? "…" : ""}${shown.slice(cut, cut + 160)}`, caret: caret - cut + (cut > 0 ? 2 : 1) };
}

/** Shorter values are words that stand in messages anyway. */
const SHORTEST = 4;

/** Texts that must not be shown, the longest first, each with what is shown instead. */
export function hiddenTexts(
  text: string,
  spans: readonly Span[],
  values: ReadonlyMap<string, string>,
): readonly (readonly [hidden: string, shown: string])[] {
  const texts = new Map<string, string>();
  const hide = (hidden: string, shown: string) => {
    for (const form of [hidden, JSON.stringify(hidden).slice(1, -1), hidden.replaceAll("'", "''")]) {
      if (form.length >= SHORTEST) texts.set(form, shown);
    }
  };
  for (const { start, end } of spans) {
    const hidden = unquoted(text.slice(start, end));
    hide(hidden, "[secret]");
    // A dollar sign in a password names a variable that nobody has.
    for (const [, name = ""] of hidden.matchAll(/\$\{?([^\s{}$]+)/g)) hide(name, "[secret]");
  }
  for (const [value, written] of values) hide(value, written);
  return [...texts].sort(([a], [b]) => b.length - a.length);
}

const unquoted = (value: string) => value.replace(/^["']|["']$/g, "").trim();

/** The finding without what must not be shown, and without what looks secret in its own line. */
export function scrub<F extends { readonly message: string; readonly hint?: string }>(
  finding: F,
  text: string,
  offset: number,
  hidden: ReturnType<typeof hiddenTexts>,
): F {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  const line = text.slice(start, end === -1 ? text.length : end);
  const spans = line.length > LONGEST_LINE ? [] : looksSecret(line, start);
  const all = [...hiddenTexts(text, spans, new Map()), ...hidden];
  const clean = (words: string) => all.reduce((left, [from, to]) => left.replaceAll(from, () => to), words);
  return {
    ...finding,
    message: clean(finding.message),
    ...(finding.hint !== undefined && { hint: clean(finding.hint) }),
  };
}

/** For text that has no tree, because it does not parse. */
function looksSecret(line: string, start: number): Span[] {
  const spans: Span[] = [];
  for (const match of line.matchAll(
    // A full-width colon is taken for one by people, not by YAML.
    /(["']?([\w.-]+)["']?\s*[:\uFF1A]\s*)("[^"]*"?|'[^']*'?|(?![\s{}[\],])(?:\$\{[^}]*\}|[^,}])*)/g,
  )) {
    const [, lead = "", key = "", value = ""] = match;
    if (!isSecretKey(key) || /^(?:""|'')?$/.test(value.trim()) || isReference(value.trimEnd())) continue;
    if (HOST.test(key) && isPlainAddress(value.trimEnd())) continue;
    const from = start + match.index + lead.length;
    spans.push({ start: from + host(value), end: from + value.trimEnd().length });
  }
  for (const match of line.matchAll(
    /\b(?:Bearer|Basic|GenieKey) +(?!\$)[^\s"']+|\/\/[^/\s:@]+:[^/\s@]+@|[\w+/=-]{40,}/g,
  )) {
    spans.push({ start: start + match.index, end: start + match.index + match[0].length });
  }
  return spans;
}
