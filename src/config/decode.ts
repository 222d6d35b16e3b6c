/**
 * From tree to plain data, led by a schema: keys found by their other spellings, scalars turned into what the field
 * wants, each step that was not meant said. What is still wrong afterwards is left in place for the schema to refuse.
 */
import { z } from "zod";
import { type Decoder, type Path, pathKey, type Site } from "./decoder.ts";
import { expandableSecret } from "./env.ts";
import { ALIASES, OWN_RULE_KEYS } from "./predecessor.ts";
import type { Mapping, Node, Scalar } from "./tree.ts";
import { unknownKey } from "./unknown-key.ts";

interface Unwrapped {
  readonly schema: z.ZodType;
  readonly kind: string | undefined;
}

/** The schema inside optional, default, lazy and preprocess, with the `kind` that was found on the way. */
export function unwrap(schema: z.ZodType): Unwrapped {
  let inner = schema;
  let kind: string | undefined;
  for (;;) {
    const found = inner.meta()?.kind;
    if (kind === undefined && typeof found === "string") kind = found;
    const next = innerOf(inner);
    if (!next) return { schema: inner, kind };
    inner = next;
  }
}

function innerOf(schema: z.ZodType): z.ZodType | undefined {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodReadonly
  ) {
    return schema.def.innerType as z.ZodType;
  }
  if (schema instanceof z.ZodPipe) {
    return (schema.def.in instanceof z.ZodTransform ? schema.def.out : schema.def.in) as z.ZodType;
  }
  if (schema instanceof z.ZodLazy) return schema.def.getter() as z.ZodType;
  return undefined;
}

/** Plain data of a node, whatever it is. */
export function plain(node: Node): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  return record(node.entries.map((entry) => [entry.key, plain(entry.value)]));
}

/** `Object.fromEntries` that cannot be made to set a prototype. */
function record(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return made;
}

export function decode(node: Node, schema: z.ZodType, path: Path, site: Site, decoder: Decoder): unknown {
  const { schema: inner, kind } = unwrap(schema);
  decoder.nodes.set(pathKey(path), node);
  if (kind === "secret") return secret(node, inner, path, decoder);
  if (kind === "layout") return layout(node, path, decoder);
  if (kind === "template") return template(node, path, decoder);
  if (kind === "duration" || kind === "bytes" || kind === "rate") return amount(node);
  if (kind === "tls") lintTls(node, decoder);
  if (inner instanceof z.ZodObject) return object(node, inner, path, site, decoder);
  if (inner instanceof z.ZodArray) return list(node, inner.def.element as z.ZodType, path, site, kind, decoder);
  if (inner instanceof z.ZodRecord) return map(node, inner.def.valueType as z.ZodType, path, decoder);
  if (inner instanceof z.ZodUnion) {
    const option = (inner.def.options as z.ZodType[]).find((candidate) => fits(node, unwrap(candidate).schema));
    return option ? decode(node, option, path, site, decoder) : plain(node);
  }
  if (node.kind !== "scalar") return plain(node);
  if (inner instanceof z.ZodString || inner instanceof z.ZodEnum) {
    if (kind === "pattern") decoder.meant.push({ kind, node, path });
    return text(node, decoder.compat);
  }
  if (inner instanceof z.ZodNumber) return number(node, inner, path, decoder);
  if (inner instanceof z.ZodBoolean) return boolean(node, path, decoder);
  return node.value;
}

function fits(node: Node, schema: z.ZodType): boolean {
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return node.kind === "map";
  if (schema instanceof z.ZodArray) return node.kind === "list";
  return node.kind === "scalar";
}

/** Numbers and booleans are text where text is wanted: as written, or as the predecessor prints them. */
export function text(node: Scalar, compat: boolean): string {
  if (node.value === null) return "";
  return compat ? String(node.value) : node.text;
}

function amount(node: Node): unknown {
  if (node.kind !== "scalar") return plain(node);
  return typeof node.value === "number" ? node.value : node.text;
}

function number(node: Scalar, schema: z.ZodNumber, path: Path, decoder: Decoder): unknown {
  const { findings, compat } = decoder;
  const whole = schema.def.type === "number" && schema.isInt;
  const key = path.at(-1);
  let value = node.value;
  if (typeof value === "string" && !compat && /^[-+]?\d+(?:\.\d+)?$/.test(value)) {
    findings.add({
      severity: "warning",
      code: "quoted-number",
      at: node.start,
      message: `\`${key}\` is a number, written as text`,
      hint: "leave the quotes out",
    });
    value = Number(value);
  }
  if (typeof value === "number" && whole && !Number.isInteger(value)) {
    findings.add({
      severity: "warning",
      code: "fraction",
      at: node.start,
      message: `\`${key}\` takes whole numbers; ${node.text} counts as ${Math.trunc(value)}`,
    });
    value = Math.trunc(value);
  }
  return value;
}

function boolean(node: Scalar, path: Path, decoder: Decoder): unknown {
  if (typeof node.value !== "string" || decoder.compat) return node.value;
  const match = /^(?:(y|yes|on|true)|(n|no|off|false))$/i.exec(node.value);
  if (!match) return node.value;
  decoder.findings.add({
    severity: "warning",
    code: "quoted-boolean",
    at: node.start,
    message: `\`${path.at(-1)}\` is true or false, written as ${node.style === "plain" ? node.text : `"${node.text}"`}`,
    hint: `write ${match[1] !== undefined}`,
  });
  return match[1] !== undefined;
}

function secret(node: Node, schema: z.ZodType, path: Path, decoder: Decoder): unknown {
  if (node.kind === "scalar") {
    decoder.meant.push({ kind: "secret", node, path });
    // `${file:…}` as a whole is a secret that may change: the reference is kept, not what the file holds now.
    const file = decoder.compat ? undefined : expandableSecret(node.source);
    return file === undefined ? text(node, decoder.compat) : { file };
  }
  if (node.kind === "list" || !(schema instanceof z.ZodUnion)) return plain(node);
  const value: Record<string, unknown> = {};
  for (const entry of node.entries) {
    const reference = entry.key === "env" || entry.key === "file";
    if (!reference) unknownKey(entry.key, entry.at, "other", ["env", "file"], decoder);
    else if (entry.value.kind !== "scalar") value[entry.key] = plain(entry.value);
    else {
      const name = text(entry.value, decoder.compat);
      value[entry.key] = name;
      lintReference(entry.key === "env", name, entry.value.start, decoder);
    }
  }
  return value;
}

function lintReference(isVariable: boolean, name: string, at: number, { env, readFile, findings }: Decoder): void {
  if (name === "" || (isVariable ? env[name] : readFile(name)) !== undefined) return;
  findings.add({
    severity: "warning",
    code: isVariable ? "env-undefined" : "file-missing",
    at,
    message: isVariable ? `environment variable ${name} is not set` : `file ${name} cannot be read`,
    hint: "deliveries wait until it is there",
  });
}

/** The text of `{ eta: TEXT }`, which no template of the exporter's is. */
function etaText(node: Node, compat: boolean): Scalar | undefined {
  if (compat || node.kind !== "map" || node.entries.length !== 1) return undefined;
  const [entry] = node.entries;
  return entry?.key === "eta" && entry.value.kind === "scalar" && typeof entry.value.value === "string"
    ? entry.value
    : undefined;
}

function template(node: Node, path: Path, decoder: Decoder): unknown {
  const eta = etaText(node, decoder.compat);
  if (!eta && node.kind !== "scalar") return plain(node);
  const scalar = eta ?? (node as Scalar);
  decoder.meant.push({ kind: "template", node: scalar, path, ...(eta && { language: "eta" }) });
  return eta ? { eta: eta.text } : text(scalar, decoder.compat);
}

/** What would show at the first connection only. Any spelling of a key counts. */
function lintTls(node: Node, { readFile, findings }: Decoder): void {
  if (node.kind !== "map") return;
  const file = (key: string) => node.entries.find((entry) => entry.key.toLowerCase() === key.toLowerCase());
  const path = (key: string) => {
    const value = file(key)?.value;
    return value?.kind === "scalar" && value.value !== null ? text(value, false) : "";
  };
  for (const [one, other] of [
    ["certFile", "keyFile"],
    ["keyFile", "certFile"],
  ] as const) {
    if (path(one) === "" || path(other) !== "") continue;
    findings.add({
      severity: "error",
      code: "half-certificate",
      at: file(one)?.at ?? node.start,
      message: `\`${one}\` is set without \`${other}\`: a client certificate needs both`,
      hint: `add \`${other}\`; until then the receiver takes nothing`,
    });
  }
  for (const key of ["caFile", "certFile", "keyFile"]) {
    if (path(key) === "" || readFile(path(key)) !== undefined) continue;
    findings.add({
      severity: "warning",
      code: "file-missing",
      at: file(key)?.value.start ?? node.start,
      message: `file ${path(key)} cannot be read`,
      hint: "deliveries wait until it is there",
    });
  }
}

function layout(node: Node, path: Path, decoder: Decoder): unknown {
  if (node.kind === "scalar") return plain(node);
  if (node.kind === "map" && node.entries.length === 0 && !decoder.compat) {
    decoder.findings.add({
      severity: "warning",
      code: "empty-layout",
      at: node.start,
      message: "an empty layout counts as none: whole events are sent (kubernetes-event-exporter sends `{}` each time)",
      hint: "remove it",
    });
    return undefined;
  }
  gatherTemplates(node, path, decoder);
  return plain(node);
}

function gatherTemplates(node: Node, path: Path, decoder: Decoder): void {
  const eta = etaText(node, decoder.compat);
  if (eta) decoder.meant.push({ kind: "template", node: eta, path, language: "eta" });
  else if (node.kind === "scalar") {
    if (typeof node.value === "string") decoder.meant.push({ kind: "template", node, path });
    else if (decoder.compat && node.value !== null) {
      decoder.findings.add({
        severity: "warning",
        code: "layout-null",
        at: node.start,
        message: `${node.text} becomes null in the output: kubernetes-event-exporter renders nothing but text`,
        hint: `quote it, which sends text, or leave \`compat: exporter\` out`,
      });
    }
  } else if (node.kind === "list") {
    for (const [index, item] of node.items.entries()) gatherTemplates(item, [...path, index], decoder);
  } else for (const entry of node.entries) gatherTemplates(entry.value, [...path, entry.key], decoder);
}

function map(node: Node, schema: z.ZodType, path: Path, decoder: Decoder): unknown {
  if (node.kind !== "map") return plain(node);
  return record(
    node.entries.map((entry) => [entry.key, decode(entry.value, schema, [...path, entry.key], "other", decoder)]),
  );
}

function list(
  node: Node,
  element: z.ZodType,
  path: Path,
  site: Site,
  kind: string | undefined,
  decoder: Decoder,
): unknown {
  let items: readonly Node[];
  if (node.kind === "list") items = node.items;
  else if (node.kind === "scalar" && node.value === null) return [];
  else if (decoder.compat || !fits(node, unwrap(element).schema)) {
    // The schema of `strings` would take one string, which the predecessor refuses.
    return kind === "strings" ? { notAList: plain(node) } : plain(node);
  } else {
    items = [node];
    if (kind !== "strings") {
      decoder.findings.add({
        severity: "warning",
        code: "not-a-list",
        at: node.start,
        message: `\`${path.at(-1)}\` is a list; this one ${node.kind === "map" ? "map" : "value"} counts as its only item`,
        hint: "put `- ` before it",
      });
    }
  }
  return items.map((item, index) => decode(item, element, [...path, index], site, decoder));
}

/** Keys of a map by what they stand for in a shape; reports the ones that stand for nothing. */
export function resolveKeys(node: Mapping, known: readonly string[], site: Site, decoder: Decoder) {
  const resolved = new Map<string, { key: string; at: number; value: Node; exact: boolean }>();
  for (const entry of node.entries) {
    const key = canonicalKey(entry.key, known, decoder);
    if (key === undefined) {
      // Where people put their anchors.
      const holder = site === "top" && (entry.anchored || entry.key.startsWith("x-"));
      if (!holder) unknownKey(entry.key, entry.at, site, known, decoder);
      continue;
    }
    const exact = key === entry.key;
    const other = resolved.get(key);
    if (!exact && !other) {
      decoder.findings.add({
        severity: "warning",
        code: "alias-key",
        at: entry.at,
        message: `\`${entry.key}\` is spelt \`${key}\``,
        hint: `write \`${key}\``,
      });
    }
    if (other) {
      const [loser, winner] = exact ? [other, entry] : [entry, other];
      decoder.findings.add({
        severity: "warning",
        code: "duplicate-key",
        at: loser.at,
        message: `\`${loser.key}\` and \`${winner.key}\` (line ${decoder.findings.position(winner.at).line}) are one key; \`${winner.key}\` counts`,
        hint: `remove \`${loser.key}\``,
      });
      if (!exact) continue;
    }
    resolved.set(key, { ...entry, exact });
  }
  return resolved;
}

function canonicalKey(written: string, known: readonly string[], decoder: Decoder): string | undefined {
  if (known.includes(written)) return written;
  if (decoder.compat) {
    return written === "throttlePeriod" && known.includes("maxEventAgeSeconds") ? "maxEventAgeSeconds" : undefined;
  }
  const lower = written.toLowerCase();
  return (
    known.find((candidate) => candidate.toLowerCase() === lower) ??
    (Object.hasOwn(ALIASES, lower) ? ALIASES[lower]?.find((candidate) => known.includes(candidate)) : undefined)
  );
}

function object(node: Node, schema: z.ZodObject, path: Path, site: Site, decoder: Decoder): unknown {
  if (node.kind !== "map") return node.kind === "scalar" && node.value === null ? {} : plain(node);
  const shape: Readonly<Record<string, z.ZodType>> = schema.shape;
  const value: Record<string, unknown> = {};
  const known = Object.keys(shape).filter((key) => !(decoder.compat && site === "rule" && OWN_RULE_KEYS.has(key)));
  for (const [key, entry] of resolveKeys(node, known, site, decoder)) {
    const field = shape[key];
    if (!field) continue;
    const empty = entry.value.kind === "scalar" && entry.value.value === null;
    if (empty && !(unwrap(field).schema instanceof z.ZodObject && site === "top")) continue;
    const below: Site = key === "routes" ? "route" : key === "drop" || key === "match" ? "rule" : "other";
    const inside = site === "route" ? below : site === "rule" && key === "not" ? "rule" : "other";
    const decoded = decode(entry.value, field, [...path, key], inside, decoder);
    if (decoded === undefined) continue;
    if (site === "rule" && OWN_RULE_KEYS.has(key) && !field.safeParse(decoded).success) {
      decoder.findings.add({
        severity: "error",
        code: "wrong-type",
        at: entry.value.start,
        message: `\`${key}\` is not what it must be and is ignored, which makes the rule match more than it says`,
        hint: OWN_RULE_KEYS.get(key),
      });
      continue;
    }
    value[key] = decoded;
  }
  return value;
}
