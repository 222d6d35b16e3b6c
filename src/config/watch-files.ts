/**
 * Tells when one of some files has other content. Folders are watched, not files: a ConfigMap's or Secret's volume swaps
 * the link `..data`, and an editor puts a new file in the old one's place. Where nothing is told (a network file system),
 * a look every ten seconds does.
 * @see https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
 */
import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, statSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";

export interface FileWatch {
  /** From now on these files; what has changed since they were read, at `readAt`, is a change. */
  files(paths: readonly string[], readAt: number): void;
  stop(): void;
}

/** A swap is five events; a file that is being written is not read half. */
const SETTLE_MS = 250;
const LOOK_EVERY_MS = 10_000;

/**
 * `changed` is called once for each change, when the files have been quiet for a moment. `readAt`: when the files began
 * to be read, in milliseconds since 1970.
 */
export function watchFiles(paths: readonly string[], readAt: number, changed: () => void): FileWatch {
  let watched: readonly string[] = [];
  let known = "";
  let watchers: FSWatcher[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function look(): void {
    timer = undefined;
    const now = contentOf(watched);
    if (now === known) return;
    known = now;
    changed();
  }

  function stir(): void {
    clearTimeout(timer);
    timer = setTimeout(look, SETTLE_MS);
  }

  function close(): void {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  }

  function files(next: readonly string[], readAt: number): void {
    close();
    watched = [...new Set(next.map((path) => resolve(path)))];
    const late = watched.some((path) => changedAt(path) >= readAt);
    known = late ? "" : contentOf(watched);
    if (late) stir();
    for (const folder of new Set(watched.map((path) => dirname(path)))) {
      try {
        const watcher = watch(folder, { persistent: false }, stir);
        watcher.on("error", () => {});
        watchers.push(watcher);
      } catch {
        // Not there, or too many watches on this system: the look every ten seconds remains.
      }
    }
  }

  files(paths, readAt);
  const looking = setInterval(look, LOOK_EVERY_MS);
  return {
    files,
    stop() {
      close();
      clearInterval(looking);
      clearTimeout(timer);
    },
  };
}

/** Milliseconds since 1970; 0 for what is not there. A file that takes another's place counts from then on. */
function changedAt(path: string): number {
  try {
    return statSync(path).ctimeMs;
  } catch {
    return 0;
  }
}

function contentOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
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
