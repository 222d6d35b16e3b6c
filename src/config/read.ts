/** The tree of a config's text, mended where its syntax is wrong. */
import { isMap, visit } from "yaml";
import type { Env } from "./env.ts";
import type { Findings } from "./findings.ts";
import { BAD_ESCAPE, mend } from "./mend.ts";
import { type Edit, editSource, type Source } from "./source.ts";
import { buildTree, type Node, type Parsed, parseYaml } from "./tree.ts";

export interface Read {
  /** What was parsed in the end. */
  readonly source: Source;
  /** Undefined when the text is empty, or cannot be mended: then something fatal was found. */
  readonly root: Node | undefined;
  /** Offset in the file of the first line that is indented with tabs; the predecessor reads nothing from there on. */
  readonly cutAt: number | undefined;
}

/** A file has more mistakes than this when it is no config at all. */
const MOST_MENDED = 50;
/** Each mistake costs another parse. */
const LARGE = 200_000;

export function readTree(
  first: Source,
  findings: Findings,
  options: { readonly env?: Env; readonly readFile: (path: string) => string | undefined },
): Read {
  let source = first;
  let cutAt: number | undefined;
  const broken = (at: number, message: string): Read => {
    findings.add({ severity: "error", code: "yaml", at, message, fatal: true });
    return { source, root: undefined, cutAt };
  };
  for (let round = 0; ; round++) {
    const parsed = parseYaml(source.text);
    if (!parsed) return { source, root: undefined, cutAt };
    const fault = faultOf(parsed);
    if (!fault) return { source, root: build(parsed, source, findings, options), cutAt };
    const edits: Edit[] = [];
    for (const one of [fault, ...others(fault, parsed)]) {
      const mended = round < (source.text.length > LARGE ? 5 : MOST_MENDED) ? mend(source.text, one) : undefined;
      if (!mended) return broken(one.at, one.message);
      const { edits: own, tolerated = false, ...finding } = mended;
      edits.push(...own);
      const tab = finding.code === "tab-indentation";
      if (tab) cutAt = Math.min(cutAt ?? Number.POSITIVE_INFINITY, source.origin(finding.at));
      findings.add({ ...finding, fatal: !tab && !tolerated });
    }
    const next = editSource(source, edits);
    if (next.text === source.text) return broken(fault.at, fault.message);
    source = next;
    findings.follow(source);
  }
}

interface Fault {
  readonly code: string;
  readonly at: number;
  readonly message: string;
}

function asFault({ code, message, pos: [at] }: Parsed["errors"][number]): Fault {
  return { code, at, message: message.charAt(0).toLowerCase() + message.slice(1) };
}

/** What can be mended together with the first fault: patterns between quotes come in numbers. */
function others(first: Fault, { errors }: Parsed): Fault[] {
  return first.code === BAD_ESCAPE
    ? errors
        .slice(1)
        .map(asFault)
        .filter(({ code }) => code === BAD_ESCAPE)
    : [];
}

function faultOf({ document, errors }: Parsed): Fault | undefined {
  const [error] = errors;
  if (error) return asFault(error);
  // `{{ .X }}` parses, as a map whose key is a map.
  let at: number | undefined;
  visit(document, {
    Pair(_, { key }) {
      if (!isMap(key) || !key.range) return undefined;
      at = key.range[0] - 1;
      return visit.BREAK;
    },
  });
  return at === undefined ? undefined : { code: "MAP_AS_KEY", at, message: "a key must be text, not a map" };
}

function build(
  { document, documents }: Parsed,
  source: Source,
  findings: Findings,
  options: Parameters<typeof buildTree>[3],
): Node | undefined {
  if (documents > 1) {
    findings.add({
      severity: "warning",
      code: "several-documents",
      at: document.range[2],
      message: `the file holds ${documents} YAML documents; only the first counts`,
      hint: "keep one document in a file",
    });
  }
  for (const match of source.text.matchAll(/^[^#'"\n]*:(\t+)[ \t]*(?:#.*)?$/gm)) {
    const at = match.index + match[0].indexOf("\t");
    findings.add({
      severity: "warning",
      code: "tab",
      at,
      message: `tab character after \`${match[0].slice(0, match[0].indexOf("\t")).trim()}\`: kubernetes-event-exporter reads nothing from here on`,
      hint: "remove it",
    });
  }
  return buildTree(document, source, findings, options);
}
