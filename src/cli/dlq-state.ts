/** Dead letters in a state folder whose petrel does not run; to be read, also of one that does. */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Config } from "../config/types.ts";
import { UsageError } from "../errors.ts";
import { FILE } from "../journal/journal.ts";
import { type Lock, tryLock } from "../journal/lock.ts";
import { SCHEMA_VERSION, userVersion } from "../journal/schema.ts";
import { createLogger } from "../logger.ts";
import { replayLetters } from "../pipeline/dead-letter-replay.ts";
import { type DeadLetters, shownLetter } from "../pipeline/dead-letters.ts";
import { JOURNAL_LIMITS, openDeadLetters } from "../pipeline/dead-letters-journal.ts";
import type { Io } from "./command.ts";
import type { Letters } from "./dlq-letters.ts";
import { openOffline } from "./offline.ts";

const BUSY_MS = 2_000;

/**
 * `write`: letters are to be changed, so no petrel may use the folder. `config`: how to reach the receivers; asked for
 * only when letters are sent again. Throws UsageError when there is no journal, Error when it cannot be used.
 */
export function openState(
  argument: string,
  options: { readonly write: boolean; readonly config: () => Config; readonly io: Io },
): Letters {
  const { write, io } = options;
  const path = isAbsolute(argument) ? argument : join(io.cwd, argument);
  const file = join(path, FILE);
  if (!existsSync(file)) throw new UsageError(`${argument} holds no ${FILE}; name the folder of state.path`);
  const lock = write ? lockFor(path, argument) : undefined;
  let db: Database | undefined;
  let letters: DeadLetters;
  try {
    db = new Database(file, write ? { readwrite: true } : { readonly: true });
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    // As the journal itself: a power failure may bring back the letters that went last.
    if (write) db.run("PRAGMA synchronous = NORMAL");
    const version = userVersion(db);
    if (version > SCHEMA_VERSION) {
      throw new Error(`it is of a newer petrel (format ${version}, this one knows ${SCHEMA_VERSION})`);
    }
    letters = readable(db, write);
  } catch (error) {
    db?.close();
    lock?.release();
    throw new Error(
      `the journal in ${argument} cannot be opened: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const opened = db;

  return {
    list({ receiver, after, limit }) {
      const found = letters.list({ receiver, after, limit: limit + 1 });
      const shown = found.slice(0, limit).map(shownLetter);
      const next = found.length > limit ? (shown.at(-1)?.id ?? null) : null;
      return Promise.resolve({ count: letters.count, letters: shown, next });
    },
    get(id) {
      const letter = letters.get(id);
      return Promise.resolve(letter && shownLetter(letter));
    },
    async replay(ids) {
      const logger = createLogger({ level: "error", format: "pretty", write: (line) => io.stderr(line) });
      const { pipeline } = await openOffline(options.config(), logger, io, letters);
      try {
        return await replayLetters(ids, pipeline.deadLetters);
      } finally {
        await pipeline.stop();
        logger.flush("all");
      }
    },
    drop: (id) => Promise.resolve(letters.remove(id)),
    close() {
      opened.close();
      lock?.release();
      return Promise.resolve();
    },
  };
}

function lockFor(path: string, shown: string): Lock {
  const lock = tryLock(path);
  if (lock) return lock;
  throw new Error(`a petrel uses the state folder ${shown}: ask it with --admin URL, or stop it first`);
}

/** A journal that never had a dead letter has no table for them, and may not be given one here. */
function readable(db: Database, write: boolean): DeadLetters {
  const options = { ...JOURNAL_LIMITS, forgotten: { value: 0 } };
  const table = db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'dead_letters'").get();
  return openDeadLetters(table === null && !write ? new Database(":memory:") : db, options);
}
