/**
 * Tells when one of some files has other content. Files are looked at every second: what the system would tell costs
 * 2 MB resident, and tells nothing on network file systems. A look follows links, so that a ConfigMap's or Secret's
 * volume, which swaps the link `..data`, is seen to change.
 * @see https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
 */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

export interface FileWatch {
  /** From now on these files; what has changed since they were read, at `readAt`, is a change. */
  files(paths: readonly string[], readAt: number): void;
  stop(): void;
}

const LOOK_EVERY_MS = 1_000;

/**
 * `changed` is called once for each change, when the files have been the same for a second: nothing is read half.
 * `readAt`: when the files began to be read, in milliseconds since 1970.
 */
export function watchFiles(
  paths: readonly string[],
  readAt: number,
  changed: () => void,
  everyMs = LOOK_EVERY_MS,
): FileWatch {
  let watched: readonly string[] = [];
  /** What was read, and how the files looked then and at the last look. */
  let content = "";
  let settled = "";
  let last = "";

  function files(next: readonly string[], readAt: number): void {
    watched = [...new Set(next.map((path) => resolve(path)))];
    last = looksOf(watched);
    const late = watched.some((path) => changedAt(path) >= readAt);
    settled = late ? "" : last;
    content = late ? "" : contentOf(watched);
  }

  function look(): void {
    const now = looksOf(watched);
    const moving = now !== last;
    last = now;
    if (moving || now === settled) return;
    settled = now;
    const read = contentOf(watched);
    if (read === content) return;
    content = read;
    changed();
  }

  files(paths, readAt);
  const timer = setInterval(look, everyMs);
  return { files, stop: () => clearInterval(timer) };
}

/** Cheap: nothing is read. */
function looksOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const stat = statOf(path);
      return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}` : "absent";
    })
    .join(" ");
}

/** Milliseconds since 1970; 0 for what is not there. A file that takes another's place counts from then on. */
function changedAt(path: string): number {
  return statOf(path)?.ctimeMs ?? 0;
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function contentOf(paths: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const path of paths) {
    let content: Uint8Array | string;
    try {
      content = readFileSync(path);
    } catch {
      content = "\0absent";
    }
    hash.update(path).update("\0").update(content).update("\0");
  }
  return hash.digest("hex");
}
