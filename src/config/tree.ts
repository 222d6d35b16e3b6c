/** YAML with positions: what the predecessor's parser takes, as a tree of three kinds of node. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type YAMLError,
  type Scalar as YamlScalar,
} from "yaml";
import { type Env, expandValue } from "./env.ts";
import type { Findings } from "./findings.ts";
import type { Source } from "./source.ts";

interface Placed {
  /** Offsets in the parsed text. */
  readonly start: number;
  readonly end: number;
}

export interface Scalar extends Placed {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As written between its quotes, after expansion: `0123` stays `0123`. */
  readonly text: string;
  readonly style: "plain" | "single" | "double" | "block";
  /** Offset in `text` from which it is not the author's text any more. */
  readonly authored: number;
  /** Before expansion, in its quotes. */
  readonly source: string;
}

export interface Entry {
  readonly key: string;
  readonly at: number;
  readonly value: Node;
  /** The value is there to be referred to. */
  readonly anchored?: boolean;
}

export interface Mapping extends Placed {
  readonly kind: "map";
  readonly flow: boolean;
  readonly entries: readonly Entry[];
}

export interface Sequence extends Placed {
  readonly kind: "list";
  readonly items: readonly Node[];
}

export type Node = Scalar | Mapping | Sequence;

export interface TreeOptions {
  /** The environment to put into values; absent when the raw text was expanded already. */
  readonly env?: Env;
  readonly readFile: (path: string) => string | undefined;
}

/** Aliases make a small file large. */
const MOST_NODES = 100_000;

export interface Parsed {
  readonly document: Document.Parsed;
  readonly errors: readonly YAMLError[];
  readonly documents: number;
}

/**
 * The braces of `${NAME}` as characters that mean nothing to YAML, so that `{ key: ${NAME} }` parses as it does for the
 * predecessor, which puts the value in first. The text keeps its length.
 */
export const shield = (text: string) => text.replace(/\$\{([^{}\n]*)\}/g, "$\uE000$1\uE001");
export const unshield = (text: string) => text.replaceAll("\uE000", "{").replaceAll("\uE001", "}");

export function parseYaml(text: string): Parsed | undefined {
  const documents = parseAllDocuments(shield(text), {
    lineCounter: new LineCounter(),
    uniqueKeys: false,
    merge: true,
    prettyErrors: false,
    logLevel: "silent",
  });
  const [document] = documents;
  if (!document) return undefined;
  return { document, errors: document.errors, documents: documents.length };
}

/** The tree of a document; undefined when it is empty. Findings: duplicate keys, bad aliases, missing variables. */
export function buildTree(
  document: Document.Parsed,
  source: Source,
  findings: Findings,
  options: TreeOptions,
): Node | undefined {
  const open = new Set<unknown>();
  const built = new Map<unknown, { node: Node; size: number }>();
  let size = 0;

  function build(yaml: ParsedNode | null, fallback: number): Node {
    if (!yaml)
      return { kind: "scalar", value: null, text: "", style: "plain", start: fallback, end: fallback, ...bare };
    if (isAlias(yaml)) return alias(yaml);
    const [start, end] = yaml.range;
    if (isScalar(yaml)) return keep(yaml, scalar(yaml, start, end));
    open.add(yaml);
    let node: Node;
    if (isSeq(yaml)) {
      node = { kind: "list", start, end, items: yaml.items.map((item) => build(item as ParsedNode, start)) };
    } else if (isMap(yaml)) {
      node = { kind: "map", start, end, flow: yaml.flow === true, entries: entries(yaml.items as Pairs, start) };
    } else {
      node = { kind: "scalar", value: null, text: "", style: "plain", start, end, ...bare };
    }
    open.delete(yaml);
    return keep(yaml, node);
  }

  function keep<N extends Node>(yaml: ParsedNode, node: N): N {
    size++;
    if (yaml.anchor) built.set(yaml, { node, size: weight(node) });
    return node;
  }

  function alias(yaml: Alias.Parsed): Node {
    const [start, end] = yaml.range;
    const written = source.text.slice(start, end);
    const target = yaml.resolve(document);
    const known = target && built.get(target);
    if (known && size + known.size <= MOST_NODES) {
      size += known.size;
      return known.node;
    }
    const looped = target !== undefined && open.has(target);
    findings.add({
      severity: "error",
      code: "yaml-alias",
      at: start,
      fatal: true,
      message: known
        ? `${written} makes the config larger than ${MOST_NODES} nodes`
        : looped
          ? `${written} contains itself`
          : `${written} is an alias in YAML, and no anchor has this name`,
      ...(known || looped ? {} : { hint: `if it is a value that starts with an asterisk, quote it: "${written}"` }),
    });
    return {
      kind: "scalar",
      value: written,
      text: written,
      style: "plain",
      start,
      end,
      source: written,
      authored: 1e9,
    };
  }

  function entries(pairs: Pairs, parent: number): Entry[] {
    const own = new Map<string, Entry>();
    const merged = new Map<string, Entry>();
    for (const pair of pairs) {
      const at = pair.key?.range[0] ?? parent;
      if (isScalar(pair.key) && pair.key.source === "<<" && pair.key.type === "PLAIN") {
        const value = build(pair.value, at);
        for (const map of value.kind === "list" ? value.items : [value]) {
          if (map.kind !== "map") continue;
          for (const entry of map.entries) if (!merged.has(entry.key)) merged.set(entry.key, entry);
        }
        continue;
      }
      const key = keyOf(pair.key, at);
      if (key === undefined) continue;
      const before = own.get(key);
      if (before) {
        const first = findings.position(before.at).line;
        findings.add({
          severity: "warning",
          code: "duplicate-key",
          at,
          message: `\`${key}\` stands here and in line ${first}; this one counts, line ${first} is ignored`,
          hint: "keep one of them",
        });
        own.delete(key);
      }
      const anchored = pair.value !== null && !isAlias(pair.value) && pair.value.anchor !== undefined;
      own.set(key, { key, at, value: build(pair.value, pair.key?.range[1] ?? at), ...(anchored && { anchored }) });
    }
    return [...own.values(), ...[...merged.values()].filter((entry) => !own.has(entry.key))];
  }

  function keyOf(key: ParsedNode | null, at: number): string | undefined {
    if (isScalar(key)) return unshield(typeof key.value === "string" ? key.value : (key.source ?? String(key.value)));
    const written = source.text.slice(at, key?.range[1] ?? at);
    findings.add({
      severity: "error",
      code: "yaml-key",
      at,
      fatal: true,
      message: `a key must be text, not ${written.length > 40 ? "a list or map" : written}`,
    });
    return undefined;
  }

  function scalar(yaml: YamlScalar.Parsed, start: number, end: number): Scalar {
    const style = STYLES[yaml.type as keyof typeof STYLES] ?? "plain";
    const written = source.text.slice(start, end);
    let text = typeof yaml.value === "string" ? yaml.value : (yaml.source ?? "");
    if (style === "plain") text = yaml.source;
    text = unshield(text);
    let authored = Number.POSITIVE_INFINITY;
    if (options.env && text.includes("$")) {
      const expanded = expandValue(text, options.env, options.readFile);
      if (expanded.changed) authored = expanded.firstChange;
      text = expanded.text;
      for (const one of expanded.used) findings.hide(one);
      for (const { name, kind } of expanded.missing) {
        findings.add({
          severity: "warning",
          code: kind === "file" ? "file-missing" : "env-undefined",
          at: start,
          message:
            kind === "file"
              ? `file ${name} cannot be read; an empty value stands in for it`
              : `environment variable ${name} is not set; an empty value stands in for it`,
          hint: kind === "file" ? "mount the file" : `set ${name}; for a dollar sign of its own write $$`,
        });
      }
    }
    const typed = style === "plain" && !yaml.tag ? plainValue(text) : yaml.tag ? tagged(yaml) : text;
    return { kind: "scalar", value: typed, text, style, start, end, source: written, authored };
  }

  if (!document.contents) return undefined;
  return build(document.contents as ParsedNode, 0);
}

type Pairs = readonly { readonly key: ParsedNode | null; readonly value: ParsedNode | null }[];

const bare = { source: "", authored: Number.POSITIVE_INFINITY } as const;

const STYLES = {
  PLAIN: "plain",
  QUOTE_SINGLE: "single",
  QUOTE_DOUBLE: "double",
  BLOCK_LITERAL: "block",
  BLOCK_FOLDED: "block",
} as const;

function tagged(yaml: YamlScalar.Parsed): Scalar["value"] {
  const value = yaml.value;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

function weight(node: Node): number {
  if (node.kind === "scalar") return 1;
  let total = 1;
  for (const child of node.kind === "list" ? node.items : node.entries.map((entry) => entry.value)) {
    total += weight(child);
    if (total > MOST_NODES) break;
  }
  return total;
}

/** What an unquoted scalar means to the predecessor's parser (goccy/go-yaml 1.11): `0123` is octal, `1e3` is text. */
export function plainValue(text: string): Scalar["value"] {
  if (text === "" || /^(?:~|null|Null|NULL)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (!/^[-+.\d]/.test(text)) return text;
  const digits = text.replaceAll("_", "");
  const match = /^([-+]?)(?:0x([\da-fA-F]+)|0b([01]+)|0o?([0-7]+)|(0|[1-9]\d*))$/.exec(digits);
  if (match) {
    const [, sign, hex, binary, octal, decimal] = match;
    const value = hex
      ? Number.parseInt(hex, 16)
      : binary
        ? Number.parseInt(binary, 2)
        : octal
          ? Number.parseInt(octal, 8)
          : Number(decimal);
    // Beyond what a number holds exactly, the digits are what was meant.
    return Number.isSafeInteger(value) ? (sign === "-" ? -value : value) : text;
  }
  if (/^[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(digits)) return Number(digits);
  return text;
}

/** The line's value, quoted: what to write in place of `key: {{ .X }}`. */
export function quoteHint(text: string, at: number): string {
  const end = text.indexOf("\n", at);
  const value = text.slice(at, end === -1 ? text.length : end).trim();
  if (/\.(?:Values|Release|Chart|Capabilities)\b|\{\{-?\s*(?:include|tpl|toYaml|with|range|end|if)\b/.test(value)) {
    return "this looks like a Helm template that was not rendered: render it first (helm template)";
  }
  return value.includes("'") && !/["\\]/.test(value)
    ? `quote it: "${value}"`
    : `quote it: '${value.replaceAll("'", "''")}'`;
}
