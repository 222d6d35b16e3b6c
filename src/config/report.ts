/** Findings for people, and for programs. */
import type { Finding, Severity } from "../errors.ts";
import type { Loaded } from "./types.ts";

const COLOURS: Readonly<Record<Severity, string>> = { error: "\u001b[31m", warning: "\u001b[33m", info: "\u001b[36m" };
const PLAIN = "\u001b[0m";

/**
 * `file:line:column severity code: message`, the line with a caret under the place, and a hint; a blank line between two
 * findings. Ends with a newline unless there is nothing to say.
 */
export function describeFindings(
  { findings, excerpts }: Pick<Loaded, "findings" | "excerpts">,
  colour = false,
): string {
  return findings.map((finding, index) => describe(finding, excerpts[index], colour)).join("\n");
}

function describe(finding: Finding, excerpt: Loaded["excerpts"][number] | undefined, colour: boolean): string {
  const { file, line, column, severity, code, message, hint } = finding;
  const label = colour ? `${COLOURS[severity]}${severity}${PLAIN}` : severity;
  let text = `${file}:${line}:${column} ${label} ${code}: ${message}\n`;
  if (excerpt && excerpt.text.trim() !== "") {
    const margin = String(line);
    text += ` ${margin} | ${excerpt.text}\n`;
    text += ` ${" ".repeat(margin.length)} | ${" ".repeat(excerpt.caret - 1)}^\n`;
  }
  if (hint !== undefined) text += ` hint: ${hint}\n`;
  return text;
}

/** A JSON array of `{severity, code, file, line, column, message, hint}`. */
export function findingsJson(findings: readonly Finding[]): string {
  const list = findings.map(({ severity, code, file, line, column, message, hint }) => ({
    severity,
    code,
    file,
    line,
    column,
    message,
    ...(hint !== undefined && { hint }),
  }));
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** `2 errors, 1 warning`; `no problems` when there is none. */
export function countFindings(findings: readonly Finding[]): string {
  const counts = (["error", "warning", "info"] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 || severity === "info" ? "" : "s"}`];
  });
  return counts.length === 0 ? "no problems" : counts.join(", ");
}
