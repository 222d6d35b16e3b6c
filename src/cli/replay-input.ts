/** What `petrel replay` reads: events out of a file of any length, out of standard input, or out of a journal. */
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { UsageError } from "../errors.ts";
import { streamedValues } from "../json-stream.ts";
import type { Io } from "./command.ts";
import { unpack } from "./events.ts";

/** One event as it came, or why something is none. */
export type Input = { readonly input: unknown; readonly where: string } | { readonly problem: string };

/** Throws UsageError when there is nothing of this name. */
export function openInput(argument: string, io: Io): AsyncIterable<Input> {
  if (argument === "-") return fromStream(io.stdin(), "standard input");
  const path = isAbsolute(argument) ? argument : join(io.cwd, argument);
  if (!existsSync(path)) throw new UsageError(`there is no ${argument}`);
  if (statSync(path).isDirectory()) return fromJournal(join(path, "journal.db"), argument);
  if (/\.(?:db|sqlite3?)$/.test(path)) return fromJournal(path, argument);
  if (/\.ya?ml$/.test(path)) return fromYaml(path, argument);
  return fromStream(Bun.file(path).stream(), argument);
}

async function* fromStream(stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Input> {
  for await (const found of streamedValues(stream)) {
    const where = `${name}:${found.line}`;
    if ("problem" in found) yield { problem: `${where}: ${found.problem}` };
    else for (const input of unpack(found.value)) yield { input, where };
  }
}

async function* fromYaml(path: string, name: string): AsyncGenerator<Input> {
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(await readFile(path, "utf8"));
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    if (error) yield { problem: `${name}: not YAML: ${error.message.split("\n")[0]}` };
    else for (const input of unpack(document.toJS())) yield { input, where: name };
  }
}

/** Entries at a time: the database is not kept from its writer in between. */
const PAGE = 256;

interface Row {
  readonly seq: number;
  readonly body: Uint8Array;
  readonly found: string | null;
}

/** What some receiver had not acknowledged when the journal was written last. */
async function* fromJournal(path: string, name: string): AsyncGenerator<Input> {
  if (!existsSync(path)) throw new UsageError(`${name} holds no journal.db`);
  const { Database } = await import("bun:sqlite");
  const db = new Database(path, { readonly: true });
  try {
    db.run("PRAGMA busy_timeout = 2000");
    const page = db.query<Row, [number, number]>(
      "SELECT seq, body, found FROM entries WHERE seq > ? ORDER BY seq LIMIT ?",
    );
    for (let after = -1; ; ) {
      const rows = page.all(after, PAGE);
      for (const { seq, body, found } of rows) {
        after = seq;
        const where = `${name}, entry ${seq}`;
        try {
          const [input] = unpack(JSON.parse(Buffer.from(body).toString("utf8")));
          yield { input: withObject(input, found), where };
        } catch {
          yield { problem: `${where}: not JSON` };
        }
      }
      if (rows.length < PAGE) return;
    }
  } finally {
    db.close();
  }
}

/** With what a look-up of the object found, where the exporter's JSON has it. */
function withObject(input: unknown, found: string | null): unknown {
  if (found === null || typeof input !== "object" || input === null) return input;
  const event = input as Readonly<Record<string, unknown>>;
  const key = event.regarding === undefined ? "involvedObject" : "regarding";
  return { ...event, [key]: { ...(event[key] as object | undefined), ...(JSON.parse(found) as object) } };
}
