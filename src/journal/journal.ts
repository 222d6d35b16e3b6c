/**
 * The journal: what some receiver has not acknowledged, and how far each has come, in one SQLite database (WAL).
 *
 * Everything of a group goes in one transaction, so that whatever is cut off in the middle is cut off whole. What a
 * disk refuses is kept by the caller, who commits it again with the next group.
 *
 * @see https://www.sqlite.org/wal.html
 */
import { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../logger.ts";
import type { Cell, Histogram } from "../metrics.ts";
import { JournalError, type Trouble, textOf, troubleOf } from "./error.ts";
import { makeFolder } from "./folder.ts";
import { type Lock, lockFolder } from "./lock.ts";
import { readContents } from "./restored.ts";
import { salvage, setAside } from "./salvage.ts";
import { createLaterTables, createTables, SCHEMA_VERSION, userVersion } from "./schema.ts";
import { prepare, type Statements } from "./statements.ts";

export interface JournalEntry {
  readonly seq: number;
  /** As {@link Journal.source} gave it. */
  readonly source: number;
  /** resourceVersion; NaN when it is none. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly received: number;
  readonly flags: number;
  readonly body: Uint8Array;
  /** JSON of what a look-up of the object found; null before it has. */
  readonly found: string | null;
}

/** How far a receiver has come. */
export interface Progress {
  readonly name: string;
  /** Every entry below is done with, but those in `open`. */
  readonly cursor: number;
  /** Ascending. */
  readonly open: readonly number[];
  /** By source: the resourceVersion of the last event below the cursor. */
  readonly passed: ReadonlyMap<number, number>;
}

/** What goes to disk together. */
export interface JournalGroup {
  /** Ascending, above everything that was committed before. */
  readonly entries: Iterable<JournalEntry>;
  /** Look-ups that ended after their entry was committed. */
  readonly found: Iterable<readonly [seq: number, found: string]>;
  /** Entries below are done with. */
  readonly below: number;
  readonly progress: Iterable<Progress>;
  /** Receivers that there are no more. */
  readonly forgotten: Iterable<string>;
  /** What sinks remember; null: no more. */
  readonly remembered: Iterable<readonly [receiver: string, key: string, json: string | null]>;
  /** By source: up to where all is in the journal, or done with; NaN: nothing is known any more. */
  readonly reached: Iterable<readonly [source: number, version: number]>;
  /** Hashes of the ids of posted events, with when they came. */
  readonly ids?: Iterable<readonly [hash: number, at: number]>;
}

export interface Restored {
  readonly progress: readonly Progress[];
  /** By source key. NaN: no position. */
  readonly reached: ReadonlyMap<string, number>;
  /** What sinks remembered, by receiver, oldest first. */
  readonly remembered: Readonly<Record<string, readonly (readonly [key: string, json: string])[]>>;
  /** uid of the cluster that the events are of; undefined when nothing was ever committed for one. */
  readonly cluster: string | undefined;
}

export interface JournalMeters {
  /** Seconds. */
  readonly commit: Histogram;
  readonly errors: Readonly<Record<Trouble, Cell>>;
}

export interface Journal {
  /** As of the start, or of a recovery. */
  readonly restored: Restored;
  /** Oldest entry; {@link next} when there is none. */
  readonly tail: number;
  /** Above every entry that there ever was. */
  readonly next: number;
  /** Bytes of the database in use, and of its file. */
  size(): { readonly used: number; readonly file: number };
  /** Why the last commit failed; undefined while the journal is well. */
  readonly trouble: Trouble | undefined;
  /** The number of a source, by its key; stays the same as long as the journal. */
  source(key: string): number;
  /** False: nothing of it was written, commit it again later. */
  commit(group: JournalGroup): boolean;
  /** Entries from `seq` on, ascending, `count` at most, less when they are large. Those that cannot be read are missing. */
  read(seq: number, count: number): readonly JournalEntry[];
  /** What {@link JournalGroup.ids} told, the oldest first; those that came last. */
  ids(): readonly (readonly [hash: number, at: number])[];
  /** The database, for tables of others that are to live as long; undefined while there is none. */
  database(): Database | undefined;
  setCluster(uid: string): void;
  /** Gives free pages back to the file system; call it now and then. */
  tidy(): void;
  close(): void;
}

export interface JournalOptions {
  /** A folder. */
  readonly path: string;
  readonly fsync: "group" | "always" | "off";
  /** Set aside what is there, and begin with nothing. Default: take it up. */
  readonly afresh?: boolean;
  readonly logger: Logger;
  readonly meters: JournalMeters;
  /** How long to wait for another petrel to let go of the folder, in milliseconds. */
  readonly waitMs: number;
  /** Looks for damage beside the work; resolves with what it found. Absent: nobody looks. */
  readonly examine?: (file: string) => Promise<string | undefined>;
}

export const FILE = "journal.db";
const SYNCHRONOUS = { off: "OFF", group: "NORMAL", always: "FULL" } as const;
/** After a commit failed, at least this long until the next is tried, in milliseconds. */
const RETRY_MS = 1_000;
const MAX_READ_BYTES = 1024 * 1024;
const TIDY_PAGES = 2_000;
/** Ids of posted events that are kept; a tenth more until the oldest go. */
const MOST_IDS = 100_000;
/** What bun:sqlite binds as an integer must fit 64 bits; versions are REAL, exact up to 2^53. */
const nullable = (version: number): number | null => (Number.isNaN(version) ? null : version);

/**
 * Opens the journal in a folder, or makes one. Damage found is set aside, with what can still be read carried over.
 * @throws JournalError when it cannot be used at all: what, and what to do.
 */
export async function openJournal(options: JournalOptions, signal: AbortSignal): Promise<Journal> {
  const { path, logger, meters } = options;
  await makeFolder(path);
  const lock = await lockFolder(path, { waitMs: options.waitMs, logger, signal });
  try {
    return await open(options, lock);
  } catch (error) {
    lock.release();
    if (error instanceof JournalError) throw error;
    const trouble = troubleOf(error);
    if (trouble) meters.errors[trouble].value++;
    throw new JournalError(`the journal in ${path} cannot be opened: ${textOf(error)}${hintOf(trouble)}`);
  }
}

function hintOf(trouble: Trouble | undefined): string {
  if (trouble === "full") return "; make room on the disk: what the journal holds must be read before anything else";
  if (trouble === "readonly") return "; make the folder writable for the user that petrel runs as";
  return "";
}

async function open(options: JournalOptions, lock: Lock): Promise<Journal> {
  const { path, logger, meters } = options;
  const file = join(path, FILE);
  let db: Database | undefined;
  let statements: Statements | undefined;
  let trouble: Trouble | undefined;
  let retryAt = 0;
  let tail = 0;
  let next = 0;
  let closed = false;
  /** Something may be in it. */
  let holds = existsSync(file) && statSync(file).size > 0;
  let restored: Restored = { progress: [], reached: new Map(), remembered: {}, cluster: undefined };
  const sources = new Map<string, number>();
  let unsaved: (readonly [number, string])[] = [];
  /** Written since there were too many. */
  let idsSince = 0;

  function connect(): void {
    const fresh = new Database(file, { create: true, readwrite: true, strict: true });
    try {
      // Before the first page is written, or never: space is given back piece by piece, and not by a VACUUM.
      fresh.run("PRAGMA auto_vacuum = INCREMENTAL");
      fresh.run("PRAGMA journal_mode = WAL");
      fresh.run(`PRAGMA synchronous = ${SYNCHRONOUS[options.fsync]}`);
      // 1 MiB: rows are written once, and read once.
      fresh.run("PRAGMA cache_size = -1024");
      fresh.run("PRAGMA busy_timeout = 2000");
      fresh.run("PRAGMA journal_size_limit = 16777216");
      fresh.run("PRAGMA temp_store = FILE");
      const version = userVersion(fresh);
      if (version === 0) holds = false;
      if (version > SCHEMA_VERSION) {
        throw new JournalError(
          `the journal in ${path} is of a newer petrel (format ${version}, this one knows ${SCHEMA_VERSION}); run that version, or name another state.path`,
        );
      }
      if (version === 0) createTables(fresh);
      else createLaterTables(fresh);
      restore(fresh);
      statements = prepare(fresh);
      db = fresh;
    } catch (error) {
      fresh.close();
      throw error;
    }
  }

  function restore(from: Database): void {
    const contents = readContents(from);
    ({ restored, tail, next } = contents);
    sources.clear();
    for (const [key, id] of contents.sources) sources.set(key, id);
  }

  function disconnect(): void {
    // A statement that is left open keeps the connection open, and its file locked, until it is collected as garbage.
    for (const statement of Object.values(statements ?? {})) statement.finalize();
    statements = undefined;
    db?.close();
    db = undefined;
  }

  /** The file is damaged: keep it for whoever wants to look, and go on with what can still be read of it. */
  function replace(why: string): void {
    meters.errors.corrupt.value++;
    disconnect();
    const aside = setAside(file);
    logger.error("the journal is damaged: set aside, going on with what can be read of it", {
      path,
      aside,
      error: why,
    });
    connect();
    if (!db) return;
    const saved = salvage(aside, db);
    restore(db);
    logger.warn("carried over from the damaged journal", { ...saved });
  }

  /** Says once that the journal fails, and once that it is well. */
  function failed(error: unknown): void {
    const what = troubleOf(error);
    if (what === undefined) throw error;
    meters.errors[what].value++;
    if (trouble !== what) {
      logger.error("the journal cannot be written: delivering from memory, trying again every second", {
        path,
        reason: what,
        error: textOf(error),
      });
    }
    trouble = what;
    retryAt = performance.now() + RETRY_MS;
  }

  function write(group: JournalGroup, to: Database, use: Statements): void {
    to.run("BEGIN IMMEDIATE");
    try {
      for (const [id, key] of unsaved) use.source.run(id, key);
      let last = next - 1;
      for (const { seq, source, version, received, flags, body, found } of group.entries) {
        use.entry.run(seq, source, nullable(version), received, flags, body, found);
        last = seq;
      }
      for (const [seq, found] of group.found) use.found.run(found, seq);
      if (group.below > tail && tail <= last) use.remove.run(group.below);
      for (const { name, cursor, open, passed } of group.progress) {
        use.progress.run(name, cursor, JSON.stringify(open), JSON.stringify([...passed]));
      }
      for (const name of group.forgotten) use.forget.run(name);
      for (const [receiver, key, json] of group.remembered) {
        if (json === null) use.unremember.run(receiver, key);
        else use.remember.run(receiver, key, json);
      }
      for (const [source, version] of group.reached) use.reached.run(nullable(version), source);
      for (const [hash, at] of group.ids ?? []) {
        use.id.run(hash, at);
        if (++idsSince >= MOST_IDS / 10) {
          idsSince = 0;
          use.oldIds.run(MOST_IDS);
        }
      }
      to.run("COMMIT");
      next = Math.max(next, last + 1);
      tail = Math.min(Math.max(tail, group.below), next);
      unsaved = [];
    } catch (error) {
      // SQLite itself rolls back after some errors, and then there is nothing to undo.
      if (to.inTransaction) to.run("ROLLBACK");
      throw error;
    }
  }

  function size(): { readonly used: number; readonly file: number } {
    if (!db) return { used: 0, file: 0 };
    const number = (pragma: string) =>
      Number(Object.values(db?.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get() ?? {})[0] ?? 0);
    const page = number("page_size");
    const pages = number("page_count");
    return { used: (pages - number("freelist_count")) * page, file: pages * page };
  }

  if (options.afresh && existsSync(file)) {
    logger.warn("the journal is set aside, as was asked for", { path, aside: setAside(file, "ignored") });
  }
  try {
    connect();
  } catch (error) {
    if (troubleOf(error) === "corrupt") replace(textOf(error));
    // A disk that was full before there was a journal: nothing is lost that was in one.
    else if (troubleOf(error) === "full" && !holds) failed(error);
    else throw error;
  }
  // What was made just now has nothing in it to be damaged.
  if (options.examine && next > 0) {
    void options.examine(file).then((found) => {
      if (found !== undefined && !closed) replace(found);
    });
  }

  return {
    get restored() {
      return restored;
    },
    get tail() {
      return tail;
    },
    get next() {
      return next;
    },
    size,
    get trouble() {
      return trouble;
    },
    source(key) {
      const known = sources.get(key);
      if (known !== undefined) return known;
      const id = Math.max(0, ...sources.values()) + 1;
      sources.set(key, id);
      unsaved.push([id, key]);
      return id;
    },
    commit(group) {
      if (closed || (trouble !== undefined && performance.now() < retryAt)) return false;
      const begun = performance.now();
      try {
        if (!db) connect();
        if (db && statements) write(group, db, statements);
      } catch (error) {
        if (troubleOf(error) === "corrupt") replace(textOf(error));
        else failed(error);
        return false;
      }
      meters.commit.observe((performance.now() - begun) / 1_000);
      if (trouble !== undefined) logger.info("the journal is written again", { path });
      trouble = undefined;
      return true;
    },
    read(seq, count) {
      if (!statements) return [];
      const entries: JournalEntry[] = [];
      let bytes = 0;
      try {
        for (const row of statements.read.iterate(seq, count)) {
          entries.push({ ...row, version: row.version ?? Number.NaN });
          bytes += row.body.length;
          if (bytes >= MAX_READ_BYTES) break;
        }
      } catch (error) {
        const what = troubleOf(error);
        if (what === undefined) throw error;
        if (what === "corrupt") replace(textOf(error));
        else meters.errors[what].value++;
      }
      return entries;
    },
    ids() {
      return (
        db
          ?.query<{ hash: number; at: number }, [number]>(
            "SELECT hash, at FROM (SELECT * FROM ids ORDER BY at DESC LIMIT ?) ORDER BY at",
          )
          .all(MOST_IDS)
          .map(({ hash, at }) => [hash, at] as const) ?? []
      );
    },
    database: () => db,
    setCluster(uid) {
      restored = { ...restored, cluster: uid };
      try {
        db?.query("INSERT OR REPLACE INTO meta VALUES ('cluster', ?)").run(uid);
      } catch (error) {
        failed(error);
      }
    },
    tidy() {
      try {
        const { used, file: all } = size();
        if (all - used > TIDY_PAGES * 4_096) db?.run(`PRAGMA incremental_vacuum(${TIDY_PAGES})`);
      } catch (error) {
        failed(error);
      }
    },
    close() {
      closed = true;
      disconnect();
      lock.release();
    },
  };
}
