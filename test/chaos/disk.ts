/** Small file systems, and damage to files: for root, and else not at all. */
import { Database } from "bun:sqlite";
import { closeSync, mkdirSync, openSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { command } from "../testbed/place.ts";

/** Why no file system can be mounted; undefined: one can. */
export function cannotMount(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may mount a small file system";
  const probe = Bun.spawnSync(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]);
  return probe.exitCode === 0 ? undefined : "this machine does not let root mount a small file system";
}

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  resize(kilobytes: number): Promise<void>;
}

/** A file system of this size at a folder that is made. */
export async function mountSmallDisk(path: string, kilobytes: number): Promise<SmallDisk> {
  mkdirSync(path, { recursive: true });
  const mount = (options: string) =>
    command(["mount", "-t", "tmpfs", "-o", options, "petrel-chaos", path], { cwd: "/", deadlineMs: 10_000 });
  await mount(`size=${kilobytes}k,mode=755`);
  return {
    path,
    resize: async (size) => void (await mount(`remount,size=${size}k,mode=755`)),
    async [Symbol.asyncDispose]() {
      await command(["umount", "--lazy", path], { cwd: "/", deadlineMs: 10_000 });
    },
  };
}

/** Bytes of the write-ahead log. */
export function walSize(folder: string): number {
  return statSync(join(folder, "journal.db-wal"), { throwIfNoEntry: false })?.size ?? 0;
}

/** Cuts this share of what came after `from` bytes off the write-ahead log, as a machine that lost its power may. */
export function tearTail(folder: string, from: number, share: number): void {
  const size = walSize(folder);
  if (size > from) truncateSync(join(folder, "journal.db-wal"), Math.floor(size - (size - from) * share));
}

/** Everything that is in the write-ahead log goes where it belongs, so that damage to the database is damage. */
export function checkpointWal(folder: string): void {
  const db = new Database(join(folder, "journal.db"), { readwrite: true });
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

/** Overwrites pages of the database; the first has number 1. */
export function damagePages(folder: string, pages: readonly number[]): void {
  const handle = openSync(join(folder, "journal.db"), "r+");
  for (const page of pages) writeSync(handle, Buffer.alloc(4_096, 0xa5), 0, 4_096, (page - 1) * 4_096);
  closeSync(handle);
}

/** How many pages the database has, and those that hold entries. */
export function entryPages(folder: string): { readonly all: number; readonly entries: readonly number[] } {
  const db = new Database(join(folder, "journal.db"), { readonly: true });
  try {
    const all = db.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
    const root = db.query<{ rootpage: number }, []>("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").get();
    const others = db
      .query<{ rootpage: number }, []>("SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")
      .all()
      .map(({ rootpage }) => rootpage);
    const taken = new Set([1, 2, root?.rootpage ?? 0, ...others]);
    const entries = Array.from({ length: all }, (_, index) => index + 1).filter((page) => !taken.has(page));
    return { all, entries };
  } finally {
    db.close();
  }
}
