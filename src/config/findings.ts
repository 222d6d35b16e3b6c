/** Where findings are gathered while a config is read. */
import type { Finding, Severity } from "../errors.ts";
import type { Used } from "./env.ts";
import { type Excerpt, excerptAt, hiddenTexts, type Span, scrub } from "./redact.ts";
import { positions, type Source } from "./source.ts";
import type { Position } from "./types.ts";

export interface Report {
  readonly severity: Severity;
  readonly code: string;
  /** Offset in the text that is parsed. */
  readonly at: number;
  /** `at` is an offset in the file instead. */
  readonly inFile?: boolean;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Nothing can run from this config. */
  readonly fatal?: boolean;
}

export interface Findings {
  add(report: Report): void;
  position(offset: number): Position;
  /** Never show this value; what stands for it in the file is shown instead. */
  hide(used: Used): void;
  /** From now on offsets are of this source. */
  follow(source: Source): void;
  /** Nothing can run from this config, for a reason that is told already. */
  refuse(): void;
  /** True once something fatal was added. */
  readonly fatal: boolean;
  /** Sorted by place, the same thing at the same place once; each with its line, secrets left out. */
  list(secrets: readonly Span[]): { findings: Finding[]; excerpts: Excerpt[] };
}

/** More would be noise, and a hostile file must not make more. */
const MOST = 500;

export function gatherFindings(first: Source): Findings {
  const found = new Map<string, { readonly finding: Finding; readonly offset: number }>();
  const locate = positions(first.original);
  const hidden = new Map<string, string>();
  let source = first;
  let fatal = false;
  const inFile = (offset: number) => Math.min(source.origin(offset), source.original.length);
  return {
    position: (offset) => locate(inFile(offset)),
    hide({ value, written }) {
      hidden.set(value, written);
    },
    follow(next) {
      source = next;
    },
    refuse() {
      fatal = true;
    },
    get fatal() {
      return fatal;
    },
    add(report) {
      fatal ||= report.fatal === true;
      const offset = report.inFile ? report.at : inFile(report.at);
      const { severity, code, message, hint } = report;
      const key = `${offset}:${code}:${message}`;
      if (found.has(key) || found.size >= MOST) return;
      const finding = {
        severity,
        code,
        file: source.file,
        ...locate(offset),
        message,
        ...(hint !== undefined && { hint }),
      };
      found.set(key, { finding, offset });
    },
    list(secrets) {
      const sorted = [...found.values()].sort((a, b) => a.offset - b.offset);
      const texts = hiddenTexts(source.original, secrets, hidden);
      return {
        findings: sorted.map(({ finding, offset }) => scrub(finding, source.original, offset, texts)),
        excerpts: sorted.map(({ offset }) => excerptAt(source.original, offset, secrets)),
      };
    },
  };
}
