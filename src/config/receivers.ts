/** The receivers of a config: each is found by its one sink key and validated by that sink's schema. */
import type { SinkDefinition } from "../sink.ts";
import { decode, resolveKeys } from "./decode.ts";
import { type Decoder, type Path, pathKey } from "./decoder.ts";
import { fields } from "./fields.ts";
import { gatesOf } from "./gate-fields.ts";
import { withGoDefaults } from "./go-defaults.ts";
import { lintForm } from "./lint-form.ts";
import { nearest } from "./nearest.ts";
import { ABSENT_SINKS, EXPORTER_KEYS, SINK_ORDER } from "./predecessor.ts";
import { isWrongType, parseTolerantly } from "./refusals.ts";
import { receiverSchema } from "./schema.ts";
import type { Mapping, Node } from "./tree.ts";
import type { ReceiverConfig } from "./types.ts";

const COMMON_KEYS = Object.keys(receiverSchema.shape);

/** A receiver as far as it could be read; without `config` it cannot deliver and is left out. */
export interface ReadReceiver {
  readonly name: string;
  readonly at: number;
  readonly config?: ReceiverConfig;
}

export function readReceivers(node: Node, sinks: readonly SinkDefinition[], decoder: Decoder): ReadReceiver[] {
  const { findings } = decoder;
  let items: readonly Node[] = [];
  if (node.kind === "list") items = node.items;
  else if (node.kind === "map" && !decoder.compat && node.entries.length > 0) {
    items = [node];
    findings.add({
      severity: "warning",
      code: "not-a-list",
      at: node.start,
      message: "`receivers` is a list; this one map counts as its only item",
      hint: "put `- ` before it",
    });
  } else if (node.kind !== "scalar" || node.value !== null) {
    findings.add({
      severity: "error",
      code: "wrong-type",
      at: node.start,
      message: "`receivers` must be a list",
      hint: "begin each receiver with `- name:`",
      fatal: true,
    });
  }
  const read: ReadReceiver[] = [];
  for (const [index, item] of items.entries()) {
    const path = ["receivers", index];
    decoder.nodes.set(pathKey(path), item);
    if (item.kind === "map") {
      const receiver = readReceiver(item, path, sinks, decoder);
      if (receiver) read.push(receiver);
    } else {
      findings.add({
        severity: "error",
        code: "wrong-type",
        at: item.start,
        message: "a receiver must be a map with `name` and one sink",
        fatal: true,
      });
    }
  }
  return withoutDuplicates(read, decoder);
}

function withoutDuplicates(read: readonly ReadReceiver[], { findings }: Decoder): ReadReceiver[] {
  const last = new Map<string, ReadReceiver>();
  for (const receiver of read) {
    const before = last.get(receiver.name);
    if (before) {
      findings.add({
        severity: "error",
        code: "duplicate-receiver",
        at: receiver.at,
        message: `receiver \`${receiver.name}\` stands in line ${findings.position(before.at).line} already; this one counts`,
        hint: "give each receiver its own name",
      });
      last.delete(receiver.name);
    }
    last.set(receiver.name, receiver);
  }
  return [...last.values()];
}

function readReceiver(
  node: Mapping,
  path: Path,
  sinks: readonly SinkDefinition[],
  decoder: Decoder,
): ReadReceiver | undefined {
  const { findings } = decoder;
  const bySpelling = new Map<string, SinkDefinition>();
  for (const sink of sinks) for (const key of [sink.name, ...(sink.aliases ?? [])]) bySpelling.set(key, sink);
  const absent = node.entries.filter(
    ({ key }) => Object.hasOwn(ABSENT_SINKS, key.toLowerCase()) && !bySpelling.has(key),
  );
  const known = [...COMMON_KEYS, ...bySpelling.keys()];
  const misspelt = findMisspelt(node, known, [...bySpelling.keys(), ...Object.keys(ABSENT_SINKS)]);
  const rest: Mapping = {
    ...node,
    entries: node.entries.filter((entry) => !absent.includes(entry) && entry !== misspelt?.entry),
  };
  const keys = resolveKeys(rest, known, "receiver", decoder);

  const common: Record<string, unknown> = {};
  const chosen: { sink: SinkDefinition; at: number; value: Node }[] = [];
  for (const [key, entry] of keys) {
    const sink = bySpelling.get(key);
    if (sink) {
      chosen.push({ sink, at: entry.at, value: entry.value });
      if (key !== sink.name) {
        findings.add({
          severity: "warning",
          code: "alias-key",
          at: entry.at,
          message: `\`${entry.key}\` is spelt \`${sink.name}\``,
          hint: `write \`${sink.name}\``,
        });
      }
      continue;
    }
    const field = receiverSchema.shape[key as keyof typeof receiverSchema.shape];
    if (entry.value.kind === "scalar" && entry.value.value === null) continue;
    common[key] = decode(entry.value, field, [...path, key], "other", decoder);
  }
  const at = keys.get("name")?.value.start ?? node.start;
  const name = typeof common.name === "string" ? common.name : "";
  const label = name === "" ? "this receiver" : `receiver \`${name}\``;

  const rank = (sink: string) => {
    const order = SINK_ORDER.indexOf(sink);
    return order === -1 ? SINK_ORDER.length : order;
  };
  chosen.sort((a, b) => rank(a.sink.name) - rank(b.sink.name));
  const [first, ...others] = chosen;
  for (const { at: place, sink } of others) {
    findings.add({
      severity: "error",
      code: "two-sinks",
      at: place,
      message: `${label} has \`${first?.sink.name}\` already; \`${sink.name}\` is ignored`,
      hint: "make it a receiver of its own",
    });
  }
  for (const entry of absent) {
    findings.add({
      severity: "error",
      code: "sink-not-available",
      at: entry.at,
      message: `${label}: Petrel cannot deliver to ${ABSENT_SINKS[entry.key.toLowerCase()]} yet`,
      hint: `there are: ${sinks.map((sink) => sink.name).join(", ")}`,
      fatal: first === undefined,
    });
  }
  if (!first) {
    if (absent.length === 0) {
      findings.add({
        severity: "error",
        code: "no-sink",
        at: misspelt?.entry.at ?? at,
        message: misspelt
          ? `${label} has no sink: \`${misspelt.entry.key}\` is not one`
          : `${label} has no sink: nothing says where its events go`,
        hint: misspelt
          ? `did you mean \`${misspelt.near}\`?`
          : `add one of ${sinks.map((sink) => sink.name).join(", ")}; check the indentation`,
        fatal: true,
      });
    }
    return name === "" ? undefined : { name, at };
  }
  if (name === "") {
    findings.add({
      severity: "error",
      code: "missing-key",
      at: node.start,
      message: `a receiver without a \`name\` gets nothing, and is left out`,
      hint: "give it a `name`",
    });
    return undefined;
  }
  return assemble(name, at, common, first, path, decoder);
}

/** The key of a receiver without a sink that is nearly one. */
function findMisspelt(node: Mapping, known: readonly string[], spellings: readonly string[]) {
  const lower = new Set([...known, ...spellings].map((key) => key.toLowerCase()));
  if (node.entries.some(({ key }) => lower.has(key.toLowerCase()) && !COMMON_KEYS.includes(key))) return undefined;
  for (const entry of node.entries) {
    const near = lower.has(entry.key.toLowerCase()) ? undefined : nearest(entry.key, spellings);
    if (near) return { entry, near };
  }
  return undefined;
}

function assemble(
  name: string,
  at: number,
  common: Record<string, unknown>,
  { sink, value }: { sink: SinkDefinition; value: Node },
  path: Path,
  decoder: Decoder,
): ReadReceiver {
  const keys = parseTolerantly(receiverSchema, common, path, decoder, {
    read: EXPORTER_KEYS.receiver ?? new Set(),
    fatal: () => true,
  });
  const schema = sink.config(fields);
  const sinkPath = [...path, sink.name];
  const from = decoder.meant.length;
  const decoded = decode(value, schema, sinkPath, "other", decoder);
  if (keys?.language === "eta") {
    for (let at = from; at < decoder.meant.length; at++) {
      const meant = decoder.meant[at];
      if (meant?.kind === "template") decoder.meant[at] = { ...meant, language: "eta" };
    }
  }
  const settings = parseTolerantly(schema, decoded, sinkPath, decoder, {
    read: EXPORTER_KEYS[sink.name] ?? new Set(),
    // A wrong type stops the predecessor as well. A wrong value would have shown at its first delivery only.
    fatal: (issue) => isWrongType(issue, sinkPath, decoder),
    hint: `receiver \`${name}\` is left out until this is mended`,
  });
  if (!keys || !settings) return { name, at };
  const {
    batch,
    timeout,
    retry,
    maxAge,
    concurrency,
    rateLimit,
    updates,
    deadLetter,
    format,
    mode,
    friendly,
    wrap,
    language,
  } = keys;
  const config: ReceiverConfig = {
    name,
    sink: sink.name,
    config: language === "eta" ? withGoDefaults(settings, decoded, schema) : settings,
    ...(batch && {
      batch: {
        ...(batch.count !== undefined && { count: batch.count }),
        ...(batch.bytes !== undefined && { bytes: batch.bytes }),
        ...(batch.linger !== undefined && { lingerMs: batch.linger }),
      },
    }),
    ...(concurrency !== undefined && { concurrency }),
    timeoutMs: timeout,
    retry: { minMs: retry.min, maxMs: retry.max },
    ...(rateLimit !== undefined && {
      rateLimit: typeof rateLimit === "number" ? { eventsPerSecond: rateLimit } : rateLimit,
    }),
    ...(maxAge !== undefined && { maxAgeMs: maxAge }),
    ...(updates !== undefined && { updates: typeof updates === "string" ? updates : { everyMs: updates.every } }),
    ...gatesOf(keys),
    ...(deadLetter && { deadLetter }),
    ...(format !== "event" && { format }),
    ...(mode !== undefined && { mode }),
    ...(friendly !== "off" && { friendly }),
    ...(wrap !== undefined && { wrap }),
    ...(language !== "go" && { language }),
    at: decoder.findings.position(at),
  };
  lintForm(config, sink, path, decoder);
  return { name, at, config };
}
