/** Where findings are gathered while a config is read. */
import type { Finding, Severity } from "../errors.ts";
import { positions, type Source } from "./source.ts";
import type { Position } from "./types.ts";

export interface Report {
  readonly severity: Severity;
  readonly code: string;
  /** Offset in the text that was parsed. */
  readonly at: number;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Nothing can run from this config. */
  readonly fatal?: boolean;
}

export interface Findings {
  add(report: Report): void;
  position(offset: number): Position;
  /** True once something fatal was added. */
  readonly fatal: boolean;
  /** Sorted by place; the same thing at the same place once. */
  list(): Finding[];
}

/** More would be noise, and a hostile file must not make more. */
const MOST = 500;

export function gatherFindings(source: Source): Findings {
  const found = new Map<string, Finding>();
  const locate = positions(source.original);
  let fatal = false;
  const position = (offset: number) => locate(Math.min(source.origin(offset), source.original.length));
  return {
    position,
    get fatal() {
      return fatal;
    },
    add(report) {
      fatal ||= report.fatal === true;
      const { line, column } = position(report.at);
      const key = `${line}:${column}:${report.code}:${report.message}`;
      if (found.has(key) || found.size >= MOST) return;
      found.set(key, {
        severity: report.severity,
        code: report.code,
        file: source.file,
        line,
        column,
        message: report.message,
        ...(report.hint === undefined ? {} : { hint: report.hint }),
      });
    },
    list: () => [...found.values()].sort((a, b) => a.line - b.line || a.column - b.column),
  };
}
