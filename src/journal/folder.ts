/** The folder that a journal is in. */
import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { JournalError, textOf } from "./error.ts";

/** Makes it where it is not there. Throws JournalError: why it cannot be, and what to do. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (!statSync(path).isDirectory()) throw new JournalError(`state.path ${path} is not a folder; name one`);
  } catch (error) {
    if (error instanceof JournalError) throw error;
    const code = codeOf(error) === "EEXIST" ? whyNotThere(path) : codeOf(error);
    const why: Readonly<Record<string, string>> = {
      EACCES: "petrel may not write there; make it writable for the user that petrel runs as, or mount a volume",
      EPERM: "petrel may not write there; make it writable for the user that petrel runs as, or mount a volume",
      EROFS: "the file system is read-only; mount a writable volume there",
      ELOOP: "its path is a loop of symbolic links; name a real folder",
      ENOTDIR: "a part of its path is not a folder; name one",
      EEXIST: "it is not a folder; name one",
      ENOSPC: "the disk is full; make room",
    };
    throw new JournalError(`the state folder ${path} cannot be made: ${why[code ?? ""] ?? textOf(error)}`);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { readonly code?: string }).code;
}

/** A loop of links is there, and is none: only following it tells. */
function whyNotThere(path: string): string | undefined {
  try {
    statSync(path);
    return "EEXIST";
  } catch (error) {
    return codeOf(error);
  }
}
