/**
 * Lines to a pipe, a terminal or a file, without ever blocking the process: a write that cannot go on waits in a timer.
 * A line that was begun is finished before anything else is written, so that a living reader never sees a torn one.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { DeliveryError, type Reason, type Refusal } from "../errors.ts";
import type { Event } from "../event.ts";
import { abortError } from "./abort.ts";

export interface LineOutput {
  /**
   * Writes these lines, each ended by a newline. Rejects with DeliveryError, whose `refused` are the lines that were not
   * written, if others were. A line of which a part was written is finished by the next call, which does not write it
   * again if it is asked to. `doing` opens messages: `the write to /run/events`.
   */
  write(lines: Buffer, signal: AbortSignal, doing: string): Promise<void>;
  /** Closes the descriptor, unless it is one of the process's first three */
  close(): void;
}

const NEWLINE = 10;
/** Longest wait before a full pipe is tried again. */
const WAIT_MAX_MS = 20;
/** Tries in the next turns of the loop before timers are set: a living reader needs microseconds. */
const EAGER_TRIES = 8;

/** What a pipe takes whole or not at all. @see https://man7.org/linux/man-pages/man7/pipe.7.html (PIPE_BUF) */
const ATOMIC = 4_096;

/**
 * Takes the descriptor over, non-blocking if it can block. `shared`: others write lines there, too, so that no write is
 * larger than a full pipe would take whole, unless a line is.
 */
export function lineOutput(fd: number, { shared = false } = {}): LineOutput {
  const isFile = fd > 2 && fstatSync(fd).isFile();
  /** The line that was begun last, and how much of it is written. */
  let line: Buffer = Buffer.alloc(0);
  let lineAt = 0;
  let closed = false;

  /** Writes what it can until the signal aborts; `progress` tells how far it came, also when it throws. */
  const drain = async (bytes: Buffer, signal: AbortSignal, progress: { at: number }): Promise<void> => {
    for (let idle = 0; progress.at < bytes.length && !signal.aborted && !closed; ) {
      const taken = writeNow(fd, bytes, progress.at, shared ? atomicEnd(bytes, progress.at) : bytes.length);
      progress.at += taken;
      idle = taken > 0 ? 0 : idle + 1;
      if (idle > 0) await pause(idle);
    }
  };

  return {
    async write(lines, signal, doing) {
      const rest = { at: lineAt };
      const progress = { at: 0 };
      let reason: DeliveryError | undefined;
      try {
        if (rest.at < line.length) {
          await drain(line, signal, rest);
          if (rest.at === line.length && line.equals(lines.subarray(0, line.length))) progress.at = line.length;
        }
        if (rest.at === line.length) await drain(lines, signal, progress);
      } catch (error) {
        reason = fileError(error, doing);
      }
      lineAt = rest.at;
      if (progress.at === lines.length) return;
      reason ??= closed ? new DeliveryError("unavailable", `${doing} was cut short`) : abortError(signal, doing);
      const { count, end } = wholeLines(lines, progress.at);
      if (end < progress.at && isFile) {
        // A file can be put back, so that no half line stays in one that is moved away before the next attempt.
        ftruncateSync(fd, fstatSync(fd).size - (progress.at - end));
      } else if (end < progress.at) {
        line = Buffer.from(lines.subarray(end, lines.indexOf(NEWLINE, end) + 1));
        lineAt = progress.at - end;
      }
      throw partly(reason, count, lines);
    },
    close() {
      if (!closed && fd > 2) closeSync(fd);
      closed = true;
    },
  };
}

/** Where the lines end that a pipe takes at once; the end of the first if it is longer. */
function atomicEnd(bytes: Buffer, from: number): number {
  if (bytes.length - from <= ATOMIC) return bytes.length;
  const last = bytes.lastIndexOf(NEWLINE, from + ATOMIC - 1);
  return (last >= from ? last : bytes.indexOf(NEWLINE, from)) + 1;
}

/** Bytes taken; 0 when there is no room now. */
function writeNow(fd: number, bytes: Buffer, from: number, to: number): number {
  try {
    return writeSync(fd, bytes, from, to - from);
  } catch (error) {
    if (errorCode(error) === "EAGAIN") return 0;
    throw error;
  }
}

function pause(idle: number): Promise<void> {
  if (idle <= EAGER_TRIES) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => setTimeout(resolve, Math.min(2 ** (idle - EAGER_TRIES - 1), WAIT_MAX_MS)));
}

/** How many whole lines the first `upTo` bytes hold, and where the last of them ends. */
export function wholeLines(lines: Buffer, upTo: number): { readonly count: number; readonly end: number } {
  let count = 0;
  let end = 0;
  for (let at = lines.indexOf(NEWLINE); at >= 0 && at < upTo; at = lines.indexOf(NEWLINE, end)) {
    end = at + 1;
    count++;
  }
  return { count, end };
}

/** The error of a batch of which the first `taken` lines were written all the same. */
export function partly(error: DeliveryError, taken: number, lines: Buffer): DeliveryError {
  if (taken === 0) return error;
  const { reason, message } = error;
  const total = wholeLines(lines, lines.length).count;
  const refused: Refusal[] = [];
  for (let index = taken; index < total; index++) refused.push({ index, reason, message });
  return new DeliveryError(reason, message, { refused });
}

export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}

const REASON_OF_CODE: Readonly<Record<string, Reason>> = {
  EACCES: "unauthorized",
  EPERM: "unauthorized",
  EROFS: "unauthorized",
  EISDIR: "not_found",
  ENOTDIR: "not_found",
};

/** What a failed system call means: rights and wrong kinds of file are for people, all else may pass. */
export function fileError(error: unknown, doing: string): DeliveryError {
  const code = errorCode(error);
  const why = code === "ENXIO" || code === "EPIPE" ? `nobody reads it (${code})` : code;
  return new DeliveryError(REASON_OF_CODE[code] ?? "unavailable", `${doing} failed: ${why}`);
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

/** Longest buffer that is kept for the next batch. */
const KEPT_MAX = 1024 * 1024;

/**
 * A batch as lines, from what makes the JSON text of an event, which holds no newline. The bytes are valid until the
 * next call: one buffer serves all batches, where a text put together from many and turned into bytes is three copies.
 */
export function linesOf(payload: (event: Event) => string): (batch: readonly Event[]) => Buffer {
  let kept: Buffer = Buffer.alloc(0);
  return (batch) => {
    let lines = kept;
    let at = 0;
    for (const event of batch) {
      const text = payload(event);
      // UTF-8 takes three bytes a UTF-16 unit at most.
      const room = at + text.length * 3 + 1;
      if (room > lines.length) {
        const wider = Buffer.allocUnsafeSlow(2 * room);
        lines.copy(wider, 0, 0, at);
        lines = wider;
      }
      at += lines.write(text, at);
      lines[at++] = NEWLINE;
    }
    if (lines.length <= KEPT_MAX) kept = lines;
    return lines.subarray(0, at);
  };
}
