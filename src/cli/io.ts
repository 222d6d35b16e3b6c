/** The real process behind {@link Io}. */
import { writeSync } from "node:fs";
import type { Io } from "./command.ts";

/** `exit` is called when a second signal asks to end at once. */
export function processIo(exit: (code: number) => void): Io {
  let controller: AbortController | undefined;

  function stop(): AbortSignal {
    if (controller === undefined) {
      const made = new AbortController();
      controller = made;
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        process.on(signal, () => {
          if (made.signal.aborted) exit(1);
          made.abort(signal);
        });
      }
    }
    return controller.signal;
  }

  return {
    stdout: (text) => writeAll(1, text),
    stderr: (text) => writeAll(2, text),
    stdin: () => Bun.stdin.stream(),
    env: process.env,
    cwd: currentFolder(),
    terminal: () => (process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : undefined),
    stop,
    hangup: (listener) => void process.on("SIGHUP", listener),
  };
}

/** Empty when the folder has been removed: paths that begin at the root still lead somewhere. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    return "";
  }
}

/** All of it, also into a pipe that is full: the process may exit right after. A reader that is gone gets nothing. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
      Bun.sleepSync(1);
    }
  }
}
