/** What a journal holds when it is opened. */
import type { Database } from "bun:sqlite";
import type { Restored } from "./journal.ts";

export interface Contents {
  readonly restored: Restored;
  /** Numbers of sources, by key. */
  readonly sources: ReadonlyMap<string, number>;
  /** As the journal's. */
  readonly tail: number;
  readonly next: number;
}

export function readContents(from: Database): Contents {
  const sources = new Map<string, number>();
  const reached = new Map<string, number>();
  const rows = from.query<{ id: number; key: string; reached: number | null }, []>("SELECT * FROM sources").all();
  for (const row of rows) {
    sources.set(row.key, row.id);
    reached.set(row.key, row.reached ?? Number.NaN);
  }
  const progress = from
    .query<{ name: string; cursor: number; open: string; passed: string }, []>("SELECT * FROM receivers")
    .all()
    .map((row) => ({
      name: row.name,
      cursor: row.cursor,
      open: JSON.parse(row.open) as number[],
      passed: new Map(JSON.parse(row.passed) as [number, number][]),
    }));
  const cluster = from.query<{ value: string }, []>("SELECT value FROM meta WHERE key = 'cluster'").get()?.value;
  const bounds = from
    .query<{ low: number | null; high: number | null }, []>("SELECT min(seq) low, max(seq) high FROM entries")
    .get();
  const next = Math.max(0, (bounds?.high ?? -1) + 1, ...progress.map(({ cursor }) => cursor));
  return {
    restored: { progress, reached, remembered: rememberedIn(from), cluster },
    sources,
    tail: bounds?.low ?? next,
    next,
  };
}

function rememberedIn(from: Database): Restored["remembered"] {
  const remembered: Record<string, (readonly [string, string])[]> = {};
  const rows = from.query<{ receiver: string; key: string; json: string }, []>(
    "SELECT receiver, key, json FROM memory ORDER BY rowid",
  );
  for (const { receiver, key, json } of rows.all()) {
    remembered[receiver] = [...(remembered[receiver] ?? []), [key, json]];
  }
  return remembered;
}
