/** Why a journal cannot be used, in words that say what to do; `fatal`: Petrel does not start with it. */
export class JournalError extends Error {
  override readonly name = "JournalError";
}

/** What SQLite, or the system below it, said. Closed: a metric label. */
export const TROUBLES = ["full", "corrupt", "busy", "readonly", "io"] as const;
export type Trouble = (typeof TROUBLES)[number];

/** Undefined for an error that is not the database's: a bug. */
export function troubleOf(error: unknown): Trouble | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  if (typeof code !== "string") return undefined;
  if (code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT") return "full";
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") return "corrupt";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "busy";
  if (code.startsWith("SQLITE_READONLY") || code === "SQLITE_PERM" || code === "EROFS" || code === "EACCES")
    return "readonly";
  return code.startsWith("SQLITE_") ? "io" : undefined;
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
