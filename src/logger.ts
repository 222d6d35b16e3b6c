/** Logs: one structured line each, on standard error, levels that mean something, repetition held back. */
import { openStandardError } from "./standard-error.ts";

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "disabled"] as const;
export type Level = (typeof LEVELS)[number];
export type LogFormat = "json" | "pretty";
export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds these fields to every line. */
  with(fields: Fields): Logger;
}

/** The logger that owns the output; the others come from it by `with`. */
export interface RootLogger extends Logger {
  /** Tells what was held back in windows that are over, or in all of them: the last thing before the exit. */
  flush(which?: "over" | "all"): void;
  /** Takes effect for every logger that came from this one. */
  configure(options: { readonly level: Level; readonly format: LogFormat }): void;
}

export interface LoggerOptions {
  readonly level: Level;
  readonly format: LogFormat;
  /** One whole line with its newline. Default: standard error, bounded. */
  readonly write?: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

type Spoken = "debug" | "info" | "warn" | "error";

const WINDOW_MS = 10_000;
const WINDOW_LINES = 5;
const MAX_KEYS = 1_000;
const MAX_TEXT = 4_096;

interface Window {
  readonly level: Spoken;
  readonly message: string;
  readonly fields: Fields;
  readonly ends: number;
  lines: number;
  held: number;
}

/** Repetition: the same level, message and receiver (or kind) within 10 s, beyond 5 lines, is counted and told later. */
export function createLogger(options: LoggerOptions): RootLogger {
  const write = options.write ?? openStandardError();
  const now = options.now ?? Date.now;
  let threshold = LEVELS.indexOf(options.level);
  let format = options.format;
  const windows = new Map<string, Window>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function print(level: Spoken, message: string, fields: Fields): void {
    const withStacks = threshold <= LEVELS.indexOf("debug");
    const time = new Date(now()).toISOString();
    write(
      format === "json"
        ? jsonLine(level, time, message, fields, withStacks)
        : prettyLine(level, time, message, fields, withStacks),
    );
  }

  function tell(window: Window): void {
    if (window.held > 0) print(window.level, `${window.message} (${window.held} more in 10 s)`, window.fields);
  }

  function flush(which: "over" | "all" = "over"): void {
    const time = now();
    for (const [key, window] of windows) {
      if (which === "over" && window.ends > time) continue;
      windows.delete(key);
      tell(window);
    }
  }

  function arm(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      flush();
      if (windows.size > 0) arm();
    }, WINDOW_MS);
    timer.unref();
  }

  function log(level: Spoken, message: string, scope: Fields, fields: Fields | undefined): void {
    if (LEVELS.indexOf(level) < threshold) return;
    const all = fields === undefined ? scope : { ...scope, ...fields };
    const about = all.receiver ?? all.kind ?? "";
    const key = `${level}\n${String(about)}\n${message}`;
    const window = windows.get(key);
    if (window !== undefined && window.ends > now()) {
      window.lines += 1;
      if (window.lines > WINDOW_LINES) {
        window.held += 1;
        arm();
        return;
      }
    } else {
      open(key, level, message, scope, all);
    }
    print(level, message, all);
  }

  function open(key: string, level: Spoken, message: string, scope: Fields, all: Fields): void {
    const before = windows.get(key);
    windows.delete(key);
    if (before) tell(before);
    for (const [oldest, window] of windows) {
      if (windows.size < MAX_KEYS) break;
      windows.delete(oldest);
      tell(window);
    }
    const about: Record<string, unknown> = { ...scope };
    if (all.receiver !== undefined) about.receiver = all.receiver;
    else if (all.kind !== undefined) about.kind = all.kind;
    windows.set(key, { level, message, fields: about, ends: now() + WINDOW_MS, lines: 1, held: 0 });
  }

  function scoped(scope: Fields): Logger {
    return {
      debug: (message, fields) => log("debug", message, scope, fields),
      info: (message, fields) => log("info", message, scope, fields),
      warn: (message, fields) => log("warn", message, scope, fields),
      error: (message, fields) => log("error", message, scope, fields),
      with: (fields) => scoped({ ...scope, ...fields }),
    };
  }

  return {
    ...scoped({}),
    flush,
    configure(next) {
      threshold = LEVELS.indexOf(next.level);
      format = next.format;
    },
  };
}

const RESERVED = new Set(["level", "time", "message"]);

function jsonLine(level: Spoken, time: string, message: string, fields: Fields, withStacks: boolean): string {
  const record: Record<string, unknown> = { level, time, message: bounded(message) };
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) record[RESERVED.has(key) ? `${key}_` : key] = plain(value, withStacks);
  }
  return `${JSON.stringify(record)}\n`;
}

const SHORT = { debug: "DBG", info: "INF", warn: "WRN", error: "ERR" } as const;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

function prettyLine(level: Spoken, time: string, message: string, fields: Fields, withStacks: boolean): string {
  let line = `${time} ${SHORT[level]} ${oneLine(bounded(message))}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${key}=${prettyValue(plain(value, withStacks))}`;
  }
  return `${line}\n`;
}

function prettyValue(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return oneLine(value);
  return oneLine(JSON.stringify(value) ?? "null");
}

/** Control characters escaped, so that no event can write to a terminal or start a line of its own. */
function oneLine(text: string): string {
  return text.replace(CONTROL, (character) =>
    character === "\n" ? "\\n" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function bounded(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length - MAX_TEXT} more characters)`;
}

const MAX_DEPTH = 5;

/** What JSON can hold, bounded; secrets as `[secret]`, errors as their message (their stack where stacks are wanted). */
function plain(value: unknown, withStacks: boolean, depth = 0): unknown {
  switch (typeof value) {
    case "string":
      return bounded(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "object":
      break;
    default:
      return String(value);
  }
  if (value === null) return null;
  if (value instanceof Error) {
    const stack = withStacks ? value.stack : undefined;
    return bounded(stack ?? (value.message || value.name));
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if ("reveal" in value) return "[secret]";
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => plain(item, withStacks, depth + 1));
  if ("toJSON" in value && typeof value.toJSON === "function") return plain(value.toJSON(), withStacks, depth + 1);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.slice(0, 100).map(([key, item]) => [String(key), plain(item, withStacks, depth + 1)]),
  );
}
