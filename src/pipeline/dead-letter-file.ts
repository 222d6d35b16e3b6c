/** Dead letters as lines of JSON in a file, for whoever collects them. */
import type { Logger } from "../logger.ts";
import type { Cell } from "../metrics.ts";
import { rotatingFile } from "../wire/rotating-file.ts";

export interface DeadLetterFile {
  /** Returns at once; what cannot be written is counted. */
  write(line: string): void;
  /** Writes what is left, within {@link STOP_MS}. */
  stop(): Promise<void>;
}

export interface DeadLetterFileOptions {
  readonly path: string;
  readonly logger: Logger;
  /** Counts the letters that did not get into the file. */
  readonly unwritten: Cell;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** As the file sink does by default; of what was put aside the newest few are kept. */
const MAX_BYTES = 100 * 1024 * 1024;
const MAX_BACKUPS = 5;
/** Lines that wait for a disk that is slow. */
const MAX_WAITING = 1_000;
const WRITE_MS = 10_000;
const STOP_MS = 2_000;

export function openDeadLetterFile({ path, logger, unwritten, now }: DeadLetterFileOptions): DeadLetterFile {
  const file = rotatingFile({ path, maxBytes: MAX_BYTES, maxAgeMs: 0, maxBackups: MAX_BACKUPS, now });
  const doing = `the write of dead letters to ${path}`;
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const lines = waiting;
      waiting = [];
      try {
        await file.write(Buffer.from(`${lines.join("\n")}\n`), AbortSignal.timeout(WRITE_MS), doing);
      } catch (error) {
        unwritten.value += lines.length;
        logger.error("dead letters cannot be written to their file", {
          error: error instanceof Error ? error.message : String(error),
          letters: lines.length,
        });
      }
    }
    writing = undefined;
  }

  return {
    write(line) {
      if (waiting.length >= MAX_WAITING) {
        unwritten.value++;
        return;
      }
      waiting.push(line);
      writing ??= writeAll();
    },
    async stop() {
      let late: ReturnType<typeof setTimeout> | undefined;
      const deadline = new Promise<void>((resolve) => {
        late = setTimeout(resolve, STOP_MS);
      });
      await Promise.race([writing, deadline]);
      clearTimeout(late);
      file.close();
    },
  };
}
