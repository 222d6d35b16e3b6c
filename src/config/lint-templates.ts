/** Templates: what the engine says of each, in its place in the file. */
import type { Language } from "../sink.ts";
import type { Decoder, Meant } from "./decoder.ts";
import type { Scalar } from "./tree.ts";

/** What is wrong with a template; line and column count from 1 within it. */
export interface TemplateFault {
  readonly code: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
  /** Default: error. */
  readonly severity?: "warning";
}

export type CheckTemplate = (text: string, language: Language) => readonly TemplateFault[];

const UNRENDERED = /\.(?:Values|Release|Chart|Capabilities)\b/;

export function lintTemplate(
  { node, path, language }: Meant,
  text: string,
  decoder: Decoder,
  check: CheckTemplate,
): void {
  if (language === "eta" && !node.text.includes("<%")) {
    if (node.text.includes("{{")) {
      decoder.findings.add({
        severity: "warning",
        code: "other-language",
        at: placeIn(node, text, node.text.indexOf("{{")),
        message: "this receiver's templates are in eta, where `{{` is text like any other",
        hint: "write `<%= it.reason %>`, or leave `language: eta` out",
      });
    }
    return;
  }
  if (language !== "eta" && /<%[=~]/.test(node.text) && !decoder.compat) {
    decoder.findings.add({
      severity: "warning",
      code: "other-language",
      at: placeIn(node, text, node.text.search(/<%[=~]/)),
      message: "`<%` is text like any other in a Go template",
      hint: "say `language: eta` beside the receiver's name, or `{ eta: … }` for this one",
    });
  }
  if (language !== "eta" && !node.text.includes("{{")) return;
  if (language !== "eta" && UNRENDERED.test(node.text)) {
    decoder.findings.add({
      severity: "error",
      code: "helm-template",
      at: placeIn(node, text, node.text.search(UNRENDERED)),
      message: "no event has a field `.Values` or the like: this looks like a Helm template that was not rendered",
      hint: "render it first (helm template)",
    });
    return;
  }
  for (const { code, line, column, message, hint, severity = "error" } of check(node.text, language ?? "go")) {
    const without = path.at(-2) === "headers" ? "the header is not rendered" : "nothing is delivered";
    decoder.findings.add({
      severity,
      code,
      at: placeIn(node, text, offsetOf(node.text, line, column)),
      message,
      hint: hint ?? `until it is mended ${without}`,
    });
  }
}

function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at++) {
    const end = text.indexOf("\n", start);
    if (end === -1) break;
    start = end + 1;
  }
  return Math.min(start + column - 1, text.length);
}

/** Offset in the file's text of an offset in a scalar's value; the scalar's start where that cannot be told. */
export function placeIn(node: Scalar, text: string, offset: number): number {
  if (offset > node.authored) return node.start;
  const source = text.slice(node.start, node.end);
  if (node.style === "block") return placeInBlock(node, source, offset);
  if (source.includes("\n")) return node.start;
  if (node.style === "plain") return node.start + offset;
  let at = 1;
  for (let seen = 0; seen < offset && at < source.length; seen++) {
    const escaped = node.style === "single" ? /^''/ : /^\\(?:x..|u.{4}|U.{8}|.)/s;
    at += escaped.exec(source.slice(at))?.[0].length ?? 1;
  }
  return node.start + at;
}

/** Lines of a literal block are the value's, less their indentation; folded ones only while nothing is folded. */
function placeInBlock(node: Scalar, source: string, offset: number): number {
  const [header = "", ...lines] = source.split("\n");
  const indent = Math.min(
    ...lines.filter((line) => line.trim() !== "").map((line) => /^ */.exec(line)?.[0].length ?? 0),
  );
  const before = node.text.slice(0, offset);
  const line = header.startsWith("|") ? before.split("\n").length - 1 : 0;
  const column = header.startsWith("|") ? offset - (before.lastIndexOf("\n") + 1) : offset;
  const width = (lines[line]?.length ?? 0) - indent;
  if (!Number.isFinite(indent) || column > width) return node.start;
  let start = node.start + header.length + 1;
  for (const passed of lines.slice(0, line)) start += passed.length + 1;
  return start + indent + column;
}
