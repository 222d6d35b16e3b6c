/**
 * The position file of eventrouter's forks, `lastResourceVersionPositionPath` or EVENTROUTER_BOOKMARK_PATH: the highest
 * resourceVersion that it saw, in digits. Where it lies, something may be kept over a restart, so Petrel keeps its own
 * record beside it; the file itself says where a first start begins, and is written by nobody any more.
 */
import { dirname } from "node:path";

export interface Disk {
  /** Undefined: there is no such file, or it may not be read. */
  read(path: string): string | undefined;
  /** Whether the file is there. */
  exists(path: string): boolean;
  /** Whether files can be made in the folder. */
  writable(folder: string): boolean;
}

export interface Position {
  /** From which the first start goes on; undefined: it begins with what the API server holds. */
  readonly resourceVersion: string | undefined;
  /** Folder for Petrel's own record; undefined: it cannot be there. */
  readonly state: string | undefined;
  readonly notes: readonly string[];
}

/** Versions of one event store compare as integers, and those of any are below this many digits. */
const VERSION = /^[1-9]\d{0,14}$/;

export function takePosition(path: string, disk: Disk): Position {
  const notes: string[] = [];
  const text = disk.read(path)?.trim();
  const resourceVersion = text !== undefined && VERSION.test(text) ? text : undefined;
  if (text === undefined && disk.exists(path)) {
    notes.push(`the position file ${path} may not be read: the first start begins with what the API server holds`);
  } else if (text !== undefined && text !== "" && resourceVersion === undefined) {
    const seen = JSON.stringify(text.slice(0, 40));
    notes.push(`the position file ${path} holds ${seen}, and no resourceVersion: the first start does without it`);
  }
  const writable = disk.writable(dirname(path));
  if (!writable) notes.push(`nothing can be kept beside ${path}: a record is kept in a ConfigMap, if rights allow it`);
  return { resourceVersion, state: writable ? `${path}.petrel` : undefined, notes };
}
