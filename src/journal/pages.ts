/** Entries read back from the journal, some at a time: receivers that lag read one after another. */
import type { Event } from "../event.ts";
import { tookIn } from "../memory.ts";
import type { DiskEntry } from "../pipeline/log.ts";
import { readFlags } from "../pipeline/log.ts";
import type { Journal, JournalEntry } from "./journal.ts";

/** Entries in a page. */
const SPAN = 64;
/** Pages kept: what some receivers read at their own places, and entries that wait for their turn. */
const PAGES = 8;

interface Page {
  readonly begin: number;
  /** What was there when it was read ended here: the journal grows. */
  readonly end: number;
  readonly entries: ReadonlyMap<number, DiskEntry>;
}

export interface Pages {
  entry(seq: number): DiskEntry | undefined;
  /** Forget what was read: the journal has changed below it. */
  clear(): void;
}

/** `watchOf`: index of a source, by its number in the journal. `parse`: body and what was found to an event. */
export function createPages(
  journal: Journal,
  watchOf: (source: number) => number,
  parse: (entry: JournalEntry) => Event,
): Pages {
  const pages = new Map<number, Page>();
  let recent: Page | undefined;

  function page(seq: number): Page {
    const at = Math.floor(seq / SPAN);
    const known = pages.get(at);
    pages.delete(at);
    const found = known && seq < known.end ? known : load(at);
    // Last in, last out.
    pages.set(at, found);
    if (pages.size > PAGES) {
      for (const oldest of pages.keys()) {
        pages.delete(oldest);
        break;
      }
    }
    return found;
  }

  function load(at: number): Page {
    const entries = new Map<number, DiskEntry>();
    const begin = at * SPAN;
    const end = Math.min(begin + SPAN, journal.next);
    // A read ends early where entries are large.
    for (let seq = begin; seq < end; ) {
      const rows = journal.read(seq, end - seq);
      for (const row of rows) {
        if (row.seq >= end) continue;
        entries.set(row.seq, diskEntry(row));
        tookIn(row.body.length);
      }
      const last = rows.at(-1);
      if (!last) break;
      seq = last.seq + 1;
    }
    return { begin, end, entries };
  }

  function diskEntry(row: JournalEntry): DiskEntry {
    let parsed: Event | undefined;
    return {
      watch: watchOf(row.source),
      version: row.version,
      receivedAt: row.received,
      ...readFlags(row.flags),
      size: row.body.length,
      raw: row.body,
      get event() {
        parsed ??= parse(row);
        return parsed;
      },
    };
  }

  return {
    entry(seq) {
      if (!recent || seq < recent.begin || seq >= recent.end) recent = page(seq);
      return recent.entries.get(seq);
    },
    clear() {
      pages.clear();
      recent = undefined;
    },
  };
}
