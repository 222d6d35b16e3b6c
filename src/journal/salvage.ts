/** What can still be read of a damaged journal. */
import { Database } from "bun:sqlite";
import { existsSync, renameSync } from "node:fs";
import { troubleOf } from "./error.ts";

/** Rows read at once where none of them is damaged. */
const STRIDE = 256;
/** Rows that are tried in vain before the rest is given up. */
const MAX_MISSES = 200_000;

export interface Salvaged {
  readonly entries: number;
  readonly receivers: number;
  readonly sources: number;
}

/** Renames the database and what belongs to it; returns the new name. */
export function setAside(file: string, why: "damaged" | "ignored" = "damaged"): string {
  const base = `${file}.${why}-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  let aside = base;
  for (let number = 2; existsSync(aside); number++) aside = `${base}-${number}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  }
  return aside;
}

/** Copies what can be read into an empty journal. Never throws for damage. */
export function salvage(damaged: string, to: Database): Salvaged {
  let from: Database | undefined;
  try {
    from = new Database(damaged, { readwrite: true });
    copy(from, to, "memory");
    return {
      sources: copy(from, to, "sources"),
      receivers: copy(from, to, "receivers"),
      entries: copyEntries(from, to),
    };
  } catch (error) {
    if (troubleOf(error) === undefined) throw error;
    return { entries: 0, receivers: 0, sources: 0 };
  } finally {
    from?.close();
  }
}

function copy(from: Database, to: Database, table: "sources" | "receivers" | "memory"): number {
  let copied = 0;
  try {
    for (const row of from.query(`SELECT * FROM ${table}`).iterate()) {
      const values = Object.values(row as Record<string, string | number | null>);
      to.query(`INSERT OR REPLACE INTO ${table} VALUES (${values.map(() => "?").join(", ")})`).run(...values);
      copied++;
    }
  } catch (error) {
    if (troubleOf(error) === undefined) throw error;
  }
  return copied;
}

/** Piece by piece: a page that cannot be read costs its own rows, and no others. */
function copyEntries(from: Database, to: Database): number {
  // Either end may be on a page that is damaged.
  const end = (order: "ASC" | "DESC"): number | undefined =>
    attempt(() => from.query<{ seq: number }, []>(`SELECT seq FROM entries ORDER BY seq ${order} LIMIT 1`).get())?.seq;
  const low = end("ASC") ?? 0;
  const high = end("DESC") ?? low + MAX_MISSES;
  const insert = to.query("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)");
  const read = from.query<Record<string, string | number | Uint8Array | null>, [number, number]>(
    "SELECT * FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq",
  );
  let copied = 0;
  let step = 1;
  let misses = 0;
  for (let seq = low; seq <= high && misses < MAX_MISSES; ) {
    const rows = attempt(() => read.all(seq, seq + step));
    if (rows) {
      to.transaction(() => {
        for (const row of rows) insert.run(...Object.values(row));
      })();
      copied += rows.length;
      seq += step;
      step = Math.min(step * 2, STRIDE);
    } else if (step > 1) {
      step = 1;
    } else {
      seq++;
      misses++;
    }
  }
  return copied;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (troubleOf(error) === undefined) throw error;
    return undefined;
  }
}
