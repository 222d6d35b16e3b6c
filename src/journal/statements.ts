/** What a journal asks of its database, prepared once. */
import type { Database, Statement } from "bun:sqlite";

export interface Statements {
  readonly entry: Statement<unknown, [number, number, number | null, number, number, Uint8Array, string | null]>;
  readonly found: Statement<unknown, [string, number]>;
  readonly remove: Statement<unknown, [number]>;
  readonly progress: Statement<unknown, [string, number, string, string]>;
  readonly forget: Statement<unknown, [string]>;
  readonly remember: Statement<unknown, [string, string, string]>;
  readonly unremember: Statement<unknown, [string, string]>;
  readonly source: Statement<unknown, [number, string]>;
  readonly reached: Statement<unknown, [number | null, number]>;
  readonly read: Statement<Row, [number, number]>;
  readonly id: Statement<unknown, [number, number]>;
  readonly oldIds: Statement<unknown, [number]>;
}

/** An entry, as it lies in the database. */
export interface Row {
  readonly seq: number;
  readonly source: number;
  readonly version: number | null;
  readonly received: number;
  readonly flags: number;
  readonly body: Uint8Array;
  readonly found: string | null;
}

export function prepare(db: Database): Statements {
  return {
    entry: db.prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)"),
    found: db.prepare("UPDATE entries SET found = ? WHERE seq = ?"),
    remove: db.prepare("DELETE FROM entries WHERE seq < ?"),
    progress: db.prepare("INSERT OR REPLACE INTO receivers VALUES (?, ?, ?, ?)"),
    forget: db.prepare("DELETE FROM receivers WHERE name = ?"),
    remember: db.prepare("INSERT OR REPLACE INTO memory (receiver, key, json) VALUES (?, ?, ?)"),
    unremember: db.prepare("DELETE FROM memory WHERE receiver = ? AND key = ?"),
    source: db.prepare("INSERT OR IGNORE INTO sources (id, key) VALUES (?, ?)"),
    reached: db.prepare("UPDATE sources SET reached = ? WHERE id = ?"),
    id: db.prepare("INSERT OR REPLACE INTO ids VALUES (?, ?)"),
    oldIds: db.prepare("DELETE FROM ids WHERE hash NOT IN (SELECT hash FROM ids ORDER BY at DESC LIMIT ?)"),
    read: db.prepare("SELECT * FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?"),
  };
}
