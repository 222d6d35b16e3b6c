/** Templates: what the engine refuses, and fields that no event has. */
import type { Decoder, Meant } from "./decode.ts";
import { nearest } from "./nearest.ts";
import type { Scalar } from "./tree.ts";

/** What is wrong with a template; line and column count from 1 within it. */
export interface TemplateFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** What stands at the root of a template's data: the exporter's EnhancedEvent in Go. */
const FIELDS = [
  "Name Namespace UID ResourceVersion Labels Annotations CreationTimestamp ObjectMeta TypeMeta GenerateName SelfLink",
  "Generation DeletionTimestamp DeletionGracePeriodSeconds OwnerReferences Finalizers ManagedFields",
  "Reason Message Type Count Action ReportingController ReportingInstance Source FirstTimestamp LastTimestamp EventTime",
  "Series Related ClusterName InvolvedObject Event Kind APIVersion",
  "GetTimestampMs GetTimestampISO8601 ToJSON DeDot GetName GetNamespace GetUID GetResourceVersion GetLabels",
  "GetAnnotations GetCreationTimestamp GetGenerateName GetGeneration GetSelfLink GetDeletionTimestamp GetObjectMeta",
  "GetDeletionGracePeriodSeconds GetOwnerReferences GetFinalizers GetManagedFields GetObjectKind String",
].flatMap((line) => line.split(" "));
const OBJECT_FIELDS =
  "Kind Namespace Name UID APIVersion ResourceVersion FieldPath Labels Annotations OwnerReferences Deleted ObjectReference String GroupVersionKind GetObjectKind".split(
    " ",
  );
const KNOWN = new Set(FIELDS);
const KNOWN_OF_OBJECT = new Set(OBJECT_FIELDS);

const UNRENDERED = /\.(?:Values|Release|Chart|Capabilities)\b/;

/** JSON's names of what Go calls otherwise. */
const GO_NAMES: Readonly<Record<string, string>> = {
  ReportingComponent: "ReportingController",
  reportingComponent: "ReportingController",
  Metadata: "ObjectMeta",
  metadata: "ObjectMeta",
  Component: "Source.Component",
  Host: "Source.Host",
  Object: "InvolvedObject",
};

export function lintTemplate(
  { node, path }: Meant,
  text: string,
  decoder: Decoder,
  check: (text: string) => TemplateFault | undefined,
): void {
  if (!node.text.includes("{{")) return;
  if (UNRENDERED.test(node.text)) {
    decoder.findings.add({
      severity: "error",
      code: "helm-template",
      at: placeIn(node, text, node.text.search(UNRENDERED)),
      message: "no event has a field `.Values` or the like: this looks like a Helm template that was not rendered",
      hint: "render it first (helm template)",
    });
    return;
  }
  const fault = check(node.text);
  if (fault) {
    const offset = offsetOf(node.text, fault.line, fault.column);
    decoder.findings.add({
      severity: "error",
      code: "bad-template",
      at: placeIn(node, text, offset),
      message: `template: ${fault.message}`,
      hint:
        path.at(-2) === "headers"
          ? "until it is mended the header is not rendered"
          : "until it is mended nothing is delivered",
    });
    return;
  }
  for (const { name, at, wrong } of strangeFields(node.text)) {
    decoder.findings.add({
      severity: "error",
      code: "unknown-field",
      at: placeIn(node, text, at),
      message: `no event has a field \`.${name}\`: the template fails for every event`,
      hint: wrong ? `did you mean \`.${wrong}\`?` : "fields have Go's names, as in `.InvolvedObject.Kind`",
    });
  }
}

/** Fields of the event that are no event's, outside of blocks that change what `.` is. */
function* strangeFields(text: string): Generator<{ name: string; at: number; wrong: string | undefined }> {
  const blocks: boolean[] = [];
  for (const action of text.matchAll(/\{\{-?\s*([\s\S]*?)\s*-?\}\}/g)) {
    const body = action[1] ?? "";
    if (body.startsWith("/*")) continue;
    const word = /^(range|with|define|block|if|end|else)\b/.exec(body)?.[1];
    if (word === "end") blocks.pop();
    const dotIsEvent = !blocks.includes(true) && word !== "define";
    if (word && word !== "end" && word !== "else") blocks.push(word !== "if");
    if (!dotIsEvent) continue;
    const start = action.index + action[0].indexOf(body);
    // Text within quotes is no field; as many blanks keep the offsets.
    const code = body.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, (quoted) => " ".repeat(quoted.length));
    for (const match of code.matchAll(/(?<![\w)$.\]])\.([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?/g)) {
      const [, root = "", below] = match;
      const at = start + match.index;
      if (!KNOWN.has(root)) yield { name: root, at, wrong: correct(root, below) };
      else if (root === "InvolvedObject" && below && !KNOWN_OF_OBJECT.has(below)) {
        const near = nearest(below, OBJECT_FIELDS);
        yield { name: `InvolvedObject.${below}`, at, wrong: near && `InvolvedObject.${near}` };
      }
    }
  }
}

function correct(root: string, below: string | undefined): string | undefined {
  const name = GO_NAMES[root] ?? nearest(root, FIELDS);
  if (name !== "InvolvedObject" || !below) return name;
  return `InvolvedObject.${nearest(below, OBJECT_FIELDS) ?? below}`;
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
