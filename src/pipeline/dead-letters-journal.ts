/** Dead letters in the journal: they outlive the process. */
import type { Database } from "bun:sqlite";
import {
  createDeadLetters,
  type DeadLetter,
  type DeadLetters,
  type DeadLettersOptions,
  type FailedAgain,
  letterBytes,
  MEMORY_LIMITS,
} from "./dead-letters.ts";

export const JOURNAL_LIMITS = { maxCount: 100_000, maxBytes: 64 * 1024 * 1024 } as const;

/** Of a later change of the table: `IF NOT EXISTS` leaves one that is there as it is. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  receiver TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event BLOB NOT NULL,
  object TEXT,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  at REAL NOT NULL,
  attempts INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS dead_letters_by_receiver ON dead_letters (receiver, id);
CREATE INDEX IF NOT EXISTS dead_letters_by_event ON dead_letters (event_id, receiver);
`;

interface Row {
  readonly id: number;
  readonly receiver: string;
  readonly event_id: string;
  readonly event: Uint8Array;
  readonly object: string | null;
  readonly reason: string;
  readonly message: string;
  readonly at: number;
  readonly attempts: number;
}

/**
 * In the table `dead_letters` of a database that somebody else opens, closes and commits: no transaction is begun here,
 * so that a letter becomes durable together with the position that passed its event. After a kill the position may be
 * behind, and the event refused once more: that is the same letter, and one more attempt. Whatever SQLite throws (a
 * full disk, a locked file) goes to the caller.
 */
export function openDeadLetters(db: Database, options: DeadLettersOptions): DeadLetters {
  // The table of a database that may only be read is there, or there is nothing to read.
  db.run(SCHEMA);
  const insert = db.query(
    "INSERT INTO dead_letters (receiver, event_id, event, object, reason, message, at, attempts, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const sums = db.query<{ count: number; bytes: number }, []>(
    "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM dead_letters",
  );
  const all = db.query<Row, [number, number]>("SELECT * FROM dead_letters WHERE id > ? ORDER BY id LIMIT ?");
  const ofOne = db.query<Row, [string, number, number]>(
    "SELECT * FROM dead_letters WHERE receiver = ? AND id > ? ORDER BY id LIMIT ?",
  );
  const one = db.query<Row, [number]>("SELECT * FROM dead_letters WHERE id = ?");
  const same = db.query<{ id: number; attempts: number }, [string, string]>(
    "SELECT id, attempts FROM dead_letters WHERE event_id = ? AND receiver = ?",
  );
  const size = db.query<{ bytes: number }, [number]>("SELECT bytes FROM dead_letters WHERE id = ?");
  const oldest = db.query<{ id: number }, []>("SELECT id FROM dead_letters ORDER BY id LIMIT 1");
  const change = db.query(
    "UPDATE dead_letters SET reason = ?, message = ?, at = ?, attempts = ?, bytes = ? WHERE id = ?",
  );
  const erase = db.query("DELETE FROM dead_letters WHERE id = ?");
  let { count, bytes } = sums.get() ?? { count: 0, bytes: 0 };
  /** The number that was given last. */
  let last = 0;

  function remove(id: number): boolean {
    const known = size.get(id);
    if (known === null) return false;
    erase.run(id);
    count -= 1;
    bytes -= known.bytes;
    return true;
  }

  function letterOf(row: Row | null): DeadLetter | undefined {
    if (row === null) return undefined;
    const { event_id: eventId, object, id, receiver, event, reason, message, at, attempts } = row;
    return { id, receiver, eventId, event, ...(object !== null && { object }), reason, message, at, attempts };
  }

  function update(id: number, failed: FailedAgain): void {
    const letter = letterOf(one.get(id));
    if (letter === undefined) return;
    const weight = letterBytes({ ...letter, ...failed });
    bytes += weight - letterBytes(letter);
    change.run(failed.reason, failed.message, failed.at, failed.attempts, weight, id);
  }

  return {
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
    add(refused) {
      const known = same.get(refused.eventId, refused.receiver);
      if (known !== null) {
        const { reason, message, at } = refused;
        update(known.id, { reason, message, at, attempts: known.attempts + refused.attempts });
        return known.id;
      }
      const { receiver, eventId, event, object = null, reason, message, at, attempts } = refused;
      const weight = letterBytes(refused);
      const { lastInsertRowid } = insert.run(receiver, eventId, event, object, reason, message, at, attempts, weight);
      count += 1;
      bytes += weight;
      // Numbers go back only if a transaction was rolled back, and took along what was counted.
      if (Number(lastInsertRowid) <= last) ({ count, bytes } = sums.get() ?? { count: 0, bytes: 0 });
      last = Number(lastInsertRowid);
      while (count > options.maxCount || bytes > options.maxBytes) {
        const first = oldest.get();
        if (first === null || !remove(first.id)) break;
        options.forgotten.value++;
      }
      return Number(lastInsertRowid);
    },
    list({ receiver, after = 0, limit }) {
      const rows = receiver === undefined ? all.all(after, limit) : ofOne.all(receiver, after, limit);
      return rows.flatMap((row) => letterOf(row) ?? []);
    },
    get: (id) => letterOf(one.get(id)),
    update,
    remove,
  };
}

/** Numbers of letters that no disk would take begin here; those of the journal do not come that far. */
const IN_MEMORY = 2 ** 40;

/**
 * In the journal's database, whichever that is now (a damaged one is replaced), and in memory while there is none or it
 * takes nothing: a full disk costs no letter as long as the process lives.
 */
export function journalDeadLetters(
  database: () => Database | undefined,
  options: DeadLettersOptions & { readonly failed: (error: unknown) => void },
): DeadLetters {
  const memory = createDeadLetters({ ...MEMORY_LIMITS, forgotten: options.forgotten, first: IN_MEMORY });
  let db: Database | undefined;
  let opened: DeadLetters | undefined;

  function onDisk(): DeadLetters | undefined {
    const now = database();
    if (now !== db || opened === undefined) {
      opened = undefined;
      db = now;
      if (now) opened = openDeadLetters(now, options);
    }
    return opened;
  }

  /** What the database answers; `otherwise` when there is none, or it fails. */
  function attempt<T>(work: (letters: DeadLetters) => T, otherwise: T): T {
    try {
      const letters = onDisk();
      return letters === undefined ? otherwise : work(letters);
    } catch (error) {
      options.failed(error);
      return otherwise;
    }
  }

  return {
    get count() {
      return attempt(({ count }) => count, 0) + memory.count;
    },
    get bytes() {
      return attempt(({ bytes }) => bytes, 0) + memory.bytes;
    },
    add: (refused) => attempt((letters): number | undefined => letters.add(refused), undefined) ?? memory.add(refused),
    list(wanted) {
      const found = attempt((letters) => letters.list(wanted), []);
      return found.length >= wanted.limit
        ? found
        : [...found, ...memory.list({ ...wanted, limit: wanted.limit - found.length })];
    },
    get: (id) => (id >= IN_MEMORY ? memory.get(id) : attempt((letters) => letters.get(id), undefined)),
    update: (id, failed) =>
      id >= IN_MEMORY ? memory.update(id, failed) : attempt((letters) => letters.update(id, failed), undefined),
    remove: (id) => (id >= IN_MEMORY ? memory.remove(id) : attempt((letters) => letters.remove(id), false)),
  };
}
