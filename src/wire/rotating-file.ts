/**
 * A file that lines are appended to: opened when first needed, opened again when it was moved away, rotated by size as
 * the predecessor's library does (https://github.com/natefinch/lumberjack), never when it is a device or a pipe.
 */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { DeliveryError } from "../errors.ts";
import { errorCode, fileError, type LineOutput, lineOutput, nonBlocking, partly, wholeLines } from "./line-output.ts";

export interface RotatingFileOptions {
  readonly path: string;
  /** A file is put aside before it would grow beyond. */
  readonly maxBytes: number;
  /** Files put aside are removed when older; 0: never. */
  readonly maxAgeMs: number;
  /** How many files put aside are kept; 0: all. */
  readonly maxBackups: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const DAY_STAMP = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;
const NEWLINE = 10;
const DIRECTORY_MODE = 0o744;
const FILE_MODE = 0o644;

export interface RotatingFile extends LineOutput {
  /** Opens it, if it is not open. Throws DeliveryError. */
  open(doing: string): void;
}

/** Rejections are {@link lineOutput}'s, and those of opening and rotating in the same manner. */
export function rotatingFile(options: RotatingFileOptions): RotatingFile {
  const { path, maxBytes } = options;
  let output: LineOutput | undefined;
  let inode = -1;

  const close = () => {
    output?.close();
    output = undefined;
  };

  /** The file as it is now; opened again if the path leads to another one by now. */
  const current = (): { output: LineOutput; stat: Stats } => {
    let stat = statSync(path, { throwIfNoEntry: false });
    if (output === undefined || stat?.ino !== inode) {
      close();
      // Petrel's own log goes there, too.
      output = lineOutput(openAppending(path), { shared: path === "/dev/stderr" });
      stat = statSync(path);
      inode = stat.ino;
    }
    return { output, stat };
  };

  /** Writes from `from` what the file has room for; returns how far it came. */
  const writeSome = async (lines: Buffer, from: number, signal: AbortSignal, doing: string): Promise<number> => {
    let to = lines.length;
    let now: ReturnType<typeof current>;
    try {
      now = current();
      if (now.stat.isFile() && now.stat.size + (to - from) > maxBytes && !isGiven(path)) {
        to = lastLineWithin(lines, from, maxBytes - now.stat.size);
        if (to === from && now.stat.size > 0) {
          close();
          rotate(options, now.stat);
          return from;
        }
        // A line that is longer than a file may be has one for itself.
        if (to === from) to = lines.indexOf(NEWLINE, from) + 1;
      }
    } catch (error) {
      throw fileError(error, doing);
    }
    await now.output.write(lines.subarray(from, to), signal, doing);
    return to;
  };

  return {
    open(doing) {
      try {
        current();
      } catch (error) {
        throw fileError(error, doing);
      }
    },
    async write(lines, signal, doing) {
      let from = 0;
      try {
        while (from < lines.length) from = await writeSome(lines, from, signal, doing);
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error;
        throw partly(error, wholeLines(lines, from).count + (error.refused?.[0]?.index ?? 0), lines);
      }
    },
    close,
  };
}

/** Whether the path leads to what others opened: `/dev/stdout` is a link to a file of somebody else's, or to a pipe. */
function isGiven(path: string): boolean {
  let at = resolve(path);
  for (let hops = 0; hops < 8; hops++) {
    if (at.startsWith("/dev/") || at.startsWith("/proc/")) return true;
    if (!lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) return false;
    at = resolve(dirname(at), readlinkSync(at));
  }
  return true;
}

function openAppending(path: string): number {
  if (path === "/dev/stdout") return nonBlocking(1);
  if (path === "/dev/stderr") return nonBlocking(2);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return openSync(path, flags, FILE_MODE);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
    return openSync(path, flags, FILE_MODE);
  }
}

/** End of the last whole line within `room` bytes from `from`; `from` if none fits. */
function lastLineWithin(lines: Buffer, from: number, room: number): number {
  if (room <= 0) return from;
  const at = lines.subarray(from, from + room).lastIndexOf(NEWLINE);
  return from + at + 1;
}

function rotate({ path, maxAgeMs, maxBackups, now }: RotatingFileOptions, stat: Stats): void {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  let time = now();
  const target = () => `${stem}-${new Date(time).toISOString().replace("Z", "").replaceAll(":", "-")}${extension}`;
  while (existsSync(target())) time++;
  renameSync(path, target());
  closeSync(openAppending(path));
  chmodSync(path, stat.mode & 0o777);
  removeOld(path, maxAgeMs, maxBackups, now());
}

function removeOld(path: string, maxAgeMs: number, maxBackups: number, now: number): void {
  if (maxAgeMs === 0 && maxBackups === 0) return;
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const stamp = (name: string) => name.slice(prefix.length, name.length - extension.length);
  const backups = readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && name.endsWith(extension) && DAY_STAMP.test(stamp(name)))
    .sort()
    .reverse();
  for (const [index, name] of backups.entries()) {
    const written = Date.parse(stamp(name).replace(/T(\d\d)-(\d\d)-(\d\d\.\d{3})$/, "T$1:$2:$3Z"));
    const surplus = maxBackups > 0 && index >= maxBackups;
    if (surplus || (maxAgeMs > 0 && now - written > maxAgeMs)) unlinkSync(join(dirname(path), name));
  }
}
