/** Logs: one structured line each, on standard error, levels that mean something, repetition held back. */

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
