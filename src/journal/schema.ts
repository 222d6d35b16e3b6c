/** The journal's tables. */
import type { Database } from "bun:sqlite";

/** Goes up with every change that an older Petrel would misread. */
export const SCHEMA_VERSION = 1;
/** "PTRL": what `file` and other tools know the database by (https://www.sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x5054524c;

/**
 * `entries`: what some receiver has not acknowledged; `source` as in `sources`, `received` in milliseconds since 1970,
 * `found` the JSON of what a look-up of the object found.
 * `sources`: watches, by what they ask for; every event up to the resourceVersion `reached` is in `entries`, or done with.
 * `receivers`: below `cursor` all is done with but the entries that `open` lists; `passed` has, by source, the
 * resourceVersion of the last event below the cursor. `memory`: what sinks remember between deliveries.
 * `ids`: posted events that were taken, by 53 bits of their id's digest, and when, in milliseconds since 1970.
 */
const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, reached REAL);
CREATE TABLE receivers (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL, open TEXT NOT NULL, passed TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE memory (receiver TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL, UNIQUE (receiver, key));
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY, source INTEGER NOT NULL, version REAL, received REAL NOT NULL, flags INTEGER NOT NULL,
  body BLOB NOT NULL, found TEXT
);
`;

/** What an older Petrel neither makes nor misses. */
const LATER_TABLES = `
CREATE TABLE IF NOT EXISTS ids (hash INTEGER PRIMARY KEY, at REAL NOT NULL);
`;

export function createLaterTables(db: Database): void {
  db.run(LATER_TABLES);
}

/** All or nothing: a version without tables could never be opened again. */
export function createTables(db: Database): void {
  db.transaction(() => {
    db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.run(TABLES);
    db.run(LATER_TABLES);
    db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  })();
}

export function userVersion(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}
