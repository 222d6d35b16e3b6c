/** Looks for damage in a journal beside the work, in a child: a gigabyte takes seconds, which nobody is to wait for. */
import { Database } from "bun:sqlite";
import { ownCommand } from "../config/child.ts";
import { textOf, troubleOf } from "./error.ts";

/** Hidden: first argument of a child that examines a journal. */
export const EXAMINE_COMMAND = "__examine";

/** A child may take this long; then nothing is known, and what is damaged is found when it is read. */
const TIMEOUT_MS = 600_000;
const MAX_TEXT = 512;

/** Resolves with what is damaged; undefined: nothing, or it could not be told. */
export async function examineInChild(file: string): Promise<string | undefined> {
  try {
    const child = Bun.spawn([...ownCommand(), EXAMINE_COMMAND, file], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    child.unref();
    const [output, code] = await Promise.all([child.stdout.text(), child.exited]);
    return code === 1 && output !== "" ? output.trim().slice(0, MAX_TEXT) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What SQLite's own check finds; undefined: nothing.
 * @see https://www.sqlite.org/pragma.html#pragma_quick_check
 */
export function examine(file: string): string | undefined {
  let db: Database | undefined;
  try {
    db = new Database(file, { readonly: true });
    db.run("PRAGMA busy_timeout = 10000");
    const rows = db.query<{ quick_check: string }, []>("PRAGMA quick_check(3)").all();
    const found = rows.map((row) => row.quick_check).filter((text) => text !== "ok");
    return found.length === 0 ? undefined : found.join("; ");
  } catch (error) {
    // Locked, or gone meanwhile: that is no damage.
    return troubleOf(error) === "corrupt" ? textOf(error) : undefined;
  } finally {
    db?.close();
  }
}
