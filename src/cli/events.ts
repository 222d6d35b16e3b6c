/** The EVENT argument of the commands that explain. */
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { UsageError } from "../errors.ts";
import type { Event } from "../event.ts";
import { type NormaliseOptions, NotAnEvent, normalise } from "../normalise.ts";
import type { ClusterFlags } from "./cluster.ts";
import type { Io } from "./command.ts";
import { jsonValues } from "./json-values.ts";

/** What EVENT can be; for usage texts. */
export const EVENT_USAGE = `EVENT: a file (one event, a list, or one per line), - for standard input, or NAMESPACE/NAME in the
cluster; as the API has it (core/v1, events.k8s.io/v1) or as kubernetes-event-exporter sends it.
`;

export type ReadEvent = { readonly event: Event } | { readonly problem: string };

export interface ReadOptions extends NormaliseOptions {
  readonly cluster: ClusterFlags;
}

/** Standard input and files are read whole, up to here. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Throws UsageError when there is nothing to read; what is no event is a problem among the answers. */
export async function readEvents(argument: string, io: Io, options: ReadOptions): Promise<readonly ReadEvent[]> {
  const input =
    argument === "-" ? { text: await readStdin(io), name: "standard input" } : await readFileOf(argument, io);
  if (input === undefined) return [{ event: await fromCluster(argument, io, options) }];
  const values = /\.ya?ml$/.test(input.name) ? await inYaml(input.text, input.name) : inJson(input.text, input.name);
  const found: ReadEvent[] = [];
  for (const value of values) {
    if ("problem" in value) found.push(value);
    else found.push(...eventsOf(value.value, value.where, options));
  }
  if (found.length === 0) throw new UsageError(`no event in ${input.name}`);
  return found;
}

/** The events in plain data: one, a list, an array, or a watch's item. `where`: for problems. */
export function eventsOf(value: unknown, where: string, options: NormaliseOptions): readonly ReadEvent[] {
  return unpack(value).map((item) => toEvent(item, where, options));
}

type Located = { readonly value: unknown; readonly where: string } | { readonly problem: string };

/** Undefined when there is no such file. */
async function readFileOf(
  argument: string,
  io: Io,
): Promise<{ readonly text: string; readonly name: string } | undefined> {
  try {
    return { text: await readFile(isAbsolute(argument) ? argument : join(io.cwd, argument), "utf8"), name: argument };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    if (code === "ENOENT") return undefined;
    throw new UsageError(`cannot read the event file ${argument} (${code})`);
  }
}

async function fromCluster(argument: string, io: Io, options: ReadOptions): Promise<Event> {
  const [, namespace, name] = /^([a-z0-9][a-z0-9-]*)\/([a-z0-9][a-z0-9.-]*)$/.exec(argument) ?? [];
  if (namespace === undefined || name === undefined || /\.(?:json|ya?ml|jsonl|ndjson)$/.test(name)) {
    throw new UsageError(`there is no event file ${argument}`);
  }
  const { fetchEvent } = await import("./cluster.ts");
  return await fetchEvent(namespace, name, options, io);
}

async function readStdin(io: Io): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of io.stdin()) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new UsageError(`standard input is larger than ${MAX_BYTES} bytes; split it`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function inJson(text: string, name: string): readonly Located[] {
  return Array.from(jsonValues(text), (found) =>
    "problem" in found
      ? { problem: `${name}:${found.line}: ${found.problem}` }
      : { value: found.value, where: `${name}:${found.line}` },
  );
}

async function inYaml(text: string, name: string): Promise<readonly Located[]> {
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    const [error] = document.errors;
    return error === undefined
      ? { value: document.toJS(), where: name }
      : { problem: `${name}: not YAML: ${error.message.split("\n")[0]}` };
  });
}

/** The events in a list, an array, a watch's `{type, object}`, or a dead letter; else the value itself. */
export function unpack(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap(unpack);
  if (typeof value !== "object" || value === null) return [value];
  if ("items" in value && Array.isArray(value.items)) return value.items;
  if ("metadata" in value) return [value];
  if ("object" in value && ("type" in value || "posted" in value)) return [value.object];
  return "event" in value && "eventId" in value ? [value.event] : [value];
}

function toEvent(value: unknown, where: string, options: NormaliseOptions): ReadEvent {
  try {
    return { event: normalise(value, options) };
  } catch (error) {
    if (error instanceof NotAnEvent) return { problem: `${where}: ${error.message}` };
    throw error;
  }
}
