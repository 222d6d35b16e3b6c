/**
 * A sorting window that does not get full: what memory is not to hold waits on disk, in a file of its own that outlives
 * nobody. A list of a million events is then told in the order in which they happened.
 */
import { Database, type Statement } from "bun:sqlite";
import { rmSync } from "node:fs";
import { createSortWindow, type SortWindow, type WindowItem } from "../kube/sort-window.ts";
import type { Logger } from "../logger.ts";
import { textOf, troubleOf } from "./error.ts";

/** Written in one go: a few milliseconds. */
const GROUP = 500;

export interface DiskWindowOptions {
  /** Of the database; made when it is needed, and removed. */
  readonly file: string;
  /** What memory holds before anything goes to disk. */
  readonly memory: { readonly events: number; readonly bytes: number };
  readonly logger: Logger;
}

export function createDiskWindow(options: DiskWindowOptions): SortWindow {
  const { file, logger } = options;
  const memory = createSortWindow(options.memory);
  let pending: (readonly [number, number, Uint8Array])[] = [];
  let db: Database | undefined;
  let insert: Statement | undefined;
  let failed = false;
  let onDisk = 0;

  function open(): Database {
    remove();
    const made = new Database(file, { create: true, readwrite: true });
    // Nobody reads it after this process: it need not be safe, only sorted.
    made.run("PRAGMA journal_mode = OFF");
    made.run("PRAGMA synchronous = OFF");
    made.run("PRAGMA cache_size = -1024");
    made.run("CREATE TABLE items (version REAL, identity INTEGER, body BLOB)");
    insert = made.prepare("INSERT INTO items VALUES (?, ?, ?)");
    return made;
  }

  function remove(): void {
    insert?.finalize();
    insert = undefined;
    db?.close();
    db = undefined;
    rmSync(file, { force: true });
  }

  function write(items: Iterable<readonly [number, number, Uint8Array]>): void {
    db ??= open();
    const statement = insert;
    db.transaction(() => {
      for (const [version, identity, body] of items) {
        statement?.run(Number.isNaN(version) ? null : version, identity, body);
        onDisk++;
      }
    })();
  }

  /** Writes what is pending; false when the disk does not take it: then memory has to do. */
  function flush(): boolean {
    try {
      write(pending);
      pending = [];
      return true;
    } catch (error) {
      if (troubleOf(error) === undefined) throw error;
      failed = true;
      logger.warn("a long list cannot be sorted on disk; beyond what memory holds order is kept per event only", {
        error: textOf(error),
      });
      return false;
    }
  }

  return {
    get size() {
      return memory.size + pending.length + onDisk;
    },
    get full() {
      return failed && (memory.full || pending.length > 0);
    },
    add(bytes, version, identity) {
      if (failed || (db === undefined && !memory.full)) {
        memory.add(bytes, version, identity);
        return;
      }
      // A copy: `slice` of a Buffer is none.
      pending.push([version, identity, new Uint8Array(bytes)]);
      if (pending.length >= GROUP) flush();
    },
    *take(): Iterable<WindowItem> {
      if (db === undefined && pending.length === 0) {
        yield* memory.take();
        return;
      }
      if (pending.length > 0 && !failed) flush();
      if (failed) {
        // What did not get to disk, and what did: each is in order, and together they are not.
        for (const [version, identity, bytes] of pending) memory.add(bytes, version, identity);
        pending = [];
      }
      yield* failed ? concatenated(memory.take(), rows()) : merged(memory.take(), rows());
      onDisk = 0;
      remove();
    },
    dispose: remove,
  };

  function* rows(): Generator<WindowItem> {
    const read = db?.query<{ version: number | null; identity: number; body: Uint8Array }, []>(
      "SELECT version, identity, body FROM items ORDER BY version",
    );
    for (const { version, identity, body } of read?.iterate() ?? []) {
      yield { bytes: body, version: version ?? Number.NaN, identity };
    }
  }
}

function* concatenated<T>(...parts: readonly Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}

/** Two that ascend, as one. */
function* merged(one: Iterable<WindowItem>, other: Iterable<WindowItem>): Generator<WindowItem> {
  const [left, right] = [one[Symbol.iterator](), other[Symbol.iterator]()];
  let [a, b] = [left.next(), right.next()];
  while (!a.done || !b.done) {
    if (b.done || (!a.done && !(a.value.version > b.value.version))) {
      yield a.value as WindowItem;
      a = left.next();
    } else {
      yield b.value;
      b = right.next();
    }
  }
}
