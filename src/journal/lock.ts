/** One Petrel at a time on a state folder: a lock that the system takes back when the process ends, however it ends. */
import { Database } from "bun:sqlite";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../logger.ts";
import { JournalError, textOf, troubleOf } from "./error.ts";

const EVERY_MS = 250;

export interface Lock {
  release(): void;
}

/**
 * Waits for whoever holds the folder, at most `waitMs`.
 * @throws JournalError when it stays locked, or cannot be locked at all.
 */
export async function lockFolder(
  path: string,
  options: { readonly waitMs: number; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<Lock> {
  const deadline = performance.now() + options.waitMs;
  let said = false;
  for (;;) {
    const lock = tryLock(path);
    if (lock) return lock;
    if (performance.now() >= deadline) {
      throw new JournalError(
        `another petrel uses the state folder ${path} and did not let go of it within ${Math.round(options.waitMs / 1_000)} s; give each petrel a folder of its own`,
      );
    }
    if (!said) {
      options.logger.warn("another petrel uses the state folder, waiting for it to end", {
        path,
        waitSeconds: Math.round(options.waitMs / 1_000),
      });
    }
    said = true;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    options.signal.throwIfAborted();
  }
}

/** Undefined: another petrel holds it. @throws JournalError when it cannot be locked at all. */
export function tryLock(path: string): Lock | undefined {
  // A database of its own: its lock keeps nobody from reading the journal beside a running petrel.
  const file = join(path, "lock");
  let db: Database | undefined;
  try {
    db = new Database(file, { create: true, readwrite: true });
    db.run("PRAGMA busy_timeout = 0");
    db.run("PRAGMA journal_mode = MEMORY");
    // Nothing is ever written, so that a full disk does not matter.
    db.run("BEGIN EXCLUSIVE");
    const held = db;
    return { release: () => held.close() };
  } catch (error) {
    db?.close();
    if (troubleOf(error) === "busy") return undefined;
    if (!isWritable(path)) {
      throw new JournalError(
        `the state folder ${path} cannot be written; make it writable for the user that petrel runs as, or mount a volume`,
      );
    }
    throw new JournalError(`the state folder ${path} cannot be locked: ${textOf(error)}`);
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
