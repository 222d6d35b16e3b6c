/** Standard error for logs: never waits for a reader that has stopped reading, never queues without bound. */
import { constants, fstatSync, openSync, writeSync } from "node:fs";

const STDERR = 2;

/**
 * Writes whole lines. A pipe or terminal that is full takes none: those lines are counted, and told when it takes lines
 * again. `process.stderr` would queue them in memory without a limit (and says `writableLength` 0), and costs 4 MB.
 */
export function openStandardError(): (line: string) => void {
  return boundedWriter(withoutWaiting(STDERR));
}

/** `fd` again, without waiting; `fd` itself where it cannot be opened again (sockets, other users' pipes). */
export function withoutWaiting(fd: number): number {
  try {
    const kind = fstatSync(fd);
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return fd;
    // A second open of the same pipe: O_NONBLOCK on the inherited one would change it for the parent, too.
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}

export function boundedWriter(fd: number): (line: string) => void {
  let rest: Buffer | undefined;
  let lost = 0;

  /** True when all of it was taken; what was taken in part is finished before anything else. */
  function put(bytes: Buffer): boolean {
    let at = 0;
    while (at < bytes.length) {
      const taken = tryWrite(fd, bytes.subarray(at));
      if (taken === 0) {
        rest = at > 0 || bytes === rest ? bytes.subarray(at) : undefined;
        return false;
      }
      at += taken;
    }
    rest = undefined;
    return true;
  }

  return (line) => {
    if (rest !== undefined && !put(rest)) {
      lost += 1;
      return;
    }
    if (lost > 0) {
      const count = lost;
      lost = 0;
      const notice = { level: "warn", message: "log lines lost: nobody read standard error", lines: count };
      if (!put(Buffer.from(`${JSON.stringify(notice)}\n`)) && rest === undefined) {
        lost = count + 1;
        return;
      }
    }
    if (rest !== undefined || (!put(Buffer.from(line)) && rest === undefined)) lost += 1;
  };
}

/** Bytes taken; 0 when nothing can be taken now, or ever. */
function tryWrite(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes);
  } catch {
    return 0;
  }
}
