/**
 * Lines to a pipe, a terminal or a file, without ever blocking the process: a write that cannot go on waits in a timer.
 * A line that was begun is finished before anything else is written, so that a living reader never sees a torn one.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { DeliveryError, type Refusal } from "../errors.ts";
import { abortError } from "./abort.ts";

export interface LineOutput {
  /**
   * Writes these lines, each ended by a newline. Rejects with DeliveryError, whose `refused` are the lines that were not
   * begun, if some were. `doing` opens messages: `the write to /run/events`.
   */
  write(lines: Buffer, signal: AbortSignal, doing: string): Promise<void>;
  close(): void;
}

const NEWLINE = 10;
/** Longest wait before a full pipe is tried again. */
const WAIT_MAX_MS = 20;
/** Tries in the same turns of the loop before timers: a living reader needs microseconds. */
const EAGER_TRIES = 8;

/** Takes the descriptor over: `close` closes it, unless it is one of the process's first three. */
export function lineOutput(fd: number): LineOutput {
  let unfinished: Buffer | undefined;
  let closed = false;

  /** Bytes taken; 0 when there is no room now. */
  const attempt = (bytes: Buffer, from: number): number => {
    try {
      return writeSync(fd, bytes, from);
    } catch (error) {
      if (codeOf(error) === "EAGAIN") return 0;
      throw error;
    }
  };

  const drain = async (bytes: Buffer, signal: AbortSignal, progress: { at: number }): Promise<boolean> => {
    for (let idle = 0; progress.at < bytes.length; ) {
      if (signal.aborted || closed) return false;
      const taken = attempt(bytes, progress.at);
      progress.at += taken;
      idle = taken > 0 ? 0 : idle + 1;
      if (idle > 0) await pause(idle);
    }
    return true;
  };

  return {
    async write(lines, signal, doing) {
      const rest = { at: 0 };
      const progress = { at: 0 };
      let reason: DeliveryError;
      try {
        if (unfinished !== undefined) {
          const finished = await drain(unfinished, signal, rest);
          unfinished = finished ? undefined : unfinished.subarray(rest.at);
        }
        if (unfinished === undefined && (await drain(lines, signal, progress))) return;
        reason = closed ? new DeliveryError("unavailable", `${doing} was closed`) : abortError(signal, doing);
      } catch (error) {
        if (unfinished !== undefined) unfinished = unfinished.subarray(rest.at);
        reason = new DeliveryError("unavailable", `${doing} failed: ${codeOf(error)}`);
      }
      const begun = begunLines(lines, progress.at);
      if (begun.end > progress.at) unfinished = Buffer.from(lines.subarray(progress.at, begun.end));
      throw begun.count === 0 ? reason : partly(reason, begun.count, lines);
    },
    close() {
      closed = true;
      if (fd > 2) closeSync(fd);
    },
  };
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}

/** How many lines were begun when `at` bytes were written, and where the last of them ends. */
function begunLines(lines: Buffer, at: number): { readonly count: number; readonly end: number } {
  let count = 0;
  let end = 0;
  while (end < at) {
    end = lines.indexOf(NEWLINE, end) + 1;
    count++;
  }
  return { count, end };
}

function partly(reason: DeliveryError, taken: number, lines: Buffer): DeliveryError {
  const total = begunLines(lines, lines.length).count;
  const refused: Refusal[] = [];
  for (let index = taken; index < total; index++) {
    refused.push({ index, reason: reason.reason, message: reason.message });
  }
  return new DeliveryError(reason.reason, reason.message, { refused });
}

function pause(idle: number): Promise<void> {
  if (idle <= EAGER_TRIES) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => setTimeout(resolve, Math.min(2 ** (idle - EAGER_TRIES - 1), WAIT_MAX_MS)));
}

/**
 * A descriptor that never blocks, for one that the process was given. Pipes and terminals are opened again, because
 * O_NONBLOCK on the given one would be shared with whoever else holds it; files and sockets stay as they are.
 */
export function nonBlocking(fd: number): number {
  const stat = fstatSync(fd);
  if (!stat.isFIFO() && !stat.isCharacterDevice()) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}
