/** A config of kubernetes-event-exporter as one of Petrel's that `petrel check --strict` has nothing to say about. */
import { isMap, isScalar, isSeq } from "yaml";
import { type Env, expandRaw } from "../../config/env.ts";
import { gatherFindings } from "../../config/findings.ts";
import { type ParseOptions, parseConfig } from "../../config/load.ts";
import { ALIASES, EXPORTER_KEYS, FORK_KEYS, OWN_RULE_KEYS } from "../../config/predecessor.ts";
import { readTree } from "../../config/read.ts";
import { topSchema } from "../../config/schema.ts";
import { openSource, positions } from "../../config/source.ts";
import { parseYaml } from "../../config/tree.ts";
import { ConfigError, type Finding } from "../../errors.ts";
import { below, type Draft, member, openDraft, plainOf, type Steps, valueAt, type Warning } from "./draft.ts";
import { FIXES, lastResort } from "./fixes.ts";

export interface ExporterOptions {
  /** Shown in messages. */
  readonly file: string;
  readonly env: Env;
  readonly readFile: (path: string) => string | undefined;
  /** More sentences for the head of the result. */
  readonly remarks?: readonly string[];
}

export interface ConvertedExporter {
  readonly text: string;
  readonly warnings: readonly Warning[];
  /** What is for a person to decide; lines are those of the result. */
  readonly left: readonly Finding[];
}

/** Each takes another reading, and what it takes out may bring others to light. */
const MOST_CHANGES = 400;
/** Characters of a text that is told. */
const SHOWN = 40;
/** What depends on where it is asked, and not on the config. */
const OF_THE_PLACE = new Set(["env-undefined", "file-missing"]);

const REMARKS = [
  "What happened while Petrel was down is told when it is back.",
  "An event that repeats is told again to stores, and to people the 1st, 2nd, 4th, 8th … time; `updates: first` in a receiver tells it once, as kubernetes-event-exporter did.",
  "`component` and `host` of a rule also match `reportingComponent` and `reportingInstance` of newer events, `minCount` the count of their series.",
] as const;

/** @throws ConfigError for what nobody can read. */
export function convertExporter(source: string, options: ExporterOptions): ConvertedExporter {
  try {
    return converted(source, options, false);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("Unresolved alias"))) throw error;
  }
  return converted(source, options, true);
}

/** @throws Error when an anchor was in what is taken out: as the package `yaml` does. */
function converted(source: string, options: ExporterOptions, inline: boolean): ConvertedExporter {
  const { text, warnings, rest } = mended(source, options);
  const draft = openDraft(text, inline);
  draft.warnings.push(...warnings);
  draft.remarks.push(...(options.remarks ?? []));
  // An empty file is a config, and has no route.
  if (!isMap(draft.document.contents)) draft.document.contents = draft.document.createNode({}) as never;
  const own = isPetrels(draft);
  oneOfEachKey(draft);
  if (!own) ownRuleKeys(draft);
  if (!own) dollars(draft, source, options.env);
  const left = settle(draft, options);
  const changed = draft.warnings.length > 0 || draft.remarks.length > 0 || rest !== undefined;
  if (own && !changed) return { text: source, warnings: [], left };
  if (!own) crown(draft);
  const tail =
    rest === undefined
      ? ""
      : `\n# Only the first document of the file counts, here and there. There was:\n${commented(rest)}`;
  return { text: `${draft.text()}${tail}`, warnings: draft.warnings.toSorted((a, b) => a.line - b.line), left };
}

const commented = (text: string): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => `#${line === "" ? "" : ` ${line}`}\n`)
    .join("");

/** Text that parses. */
function mended(source: string, { file, env, readFile }: ExporterOptions) {
  const opened = openSource(file, source);
  const findings = gatherFindings(opened);
  const read = readTree(opened, findings, { env, readFile });
  const listed = findings.list([]).findings;
  const faults = listed.filter(
    ({ code }) => !OF_THE_PLACE.has(code) && code !== "duplicate-key" && code !== "several-documents",
  );
  const beyond = faults.some(({ code }) => code === "yaml-alias" || code === "yaml-key");
  if (read.cutAt !== undefined || beyond || (!read.root && findings.fatal)) {
    throw new ConfigError(`${file} is not YAML as kubernetes-event-exporter reads it; mend that first`, faults);
  }
  const warnings = faults.map(
    ({ line, message, hint = "" }): Warning => ({ line, text: hint === "" ? message : `${message}; done: ${hint}` }),
  );
  const whole = read.source.text;
  const parsed = parseYaml(whole);
  const several = parsed !== undefined && parsed.documents > 1;
  const end = several ? whole.indexOf("\n---", parsed.document.contents?.range[0] ?? 0) : -1;
  if (end < 0) return { text: whole, warnings, rest: undefined };
  const line = whole.slice(0, end).split("\n").length + 1;
  return {
    text: whole.slice(0, end + 1),
    warnings: [...warnings, { line, text: "only the first document of the file counts; the others are a comment" }],
    rest: whole.slice(end + 1).replace(/^---.*\n?/, ""),
  };
}

/** Whether it has what no exporter knows: then nothing in it is to be read as one would. */
function isPetrels(draft: Draft): boolean {
  const known = new Set([...(EXPORTER_KEYS.top ?? []), "route", "receivers", "compat"].map((key) => key.toLowerCase()));
  const forks = new Set(
    [...Object.keys(FORK_KEYS), "watchReasons", "cacheTTL", "clusterEnvironment"].map((key) => key.toLowerCase()),
  );
  const ours = new Set(Object.keys(topSchema.shape).map((key) => key.toLowerCase()));
  return below(draft.document.contents).some(({ name }) => {
    const key = String(name).toLowerCase();
    return ours.has(key) && !known.has(key) && !forks.has(key) && !Object.hasOwn(ALIASES, key);
  });
}

/** YAML allows a key once; of two the exporter took the second. */
function oneOfEachKey(draft: Draft): void {
  const again = (steps: Steps, node: unknown): void => {
    const all = below(node);
    for (const step of all) {
      const later =
        isMap(node) && all.some((other) => other.index > step.index && other.name === step.name && step.name !== "<<");
      if (!later) continue;
      draft.remove([...steps, step], `\`${step.name}\` stands twice, and the second counted`);
      again(steps, node);
      return;
    }
    for (const step of below(node)) again([...steps, step], valueAt([step]));
  };
  again([], draft.document.contents);
}

/** What a rule asks for here and did not there. */
function ownRuleKeys(draft: Draft): void {
  const inRoute = (route: Steps): void => {
    for (const name of ["drop", "match"]) {
      const list = member(route, valueAt(route), name);
      const value = list && valueAt(list);
      if (!list) continue;
      const rules = isSeq(value) ? below(value).map((step) => [...list, step]) : [list];
      for (const rule of rules) {
        for (;;) {
          const key = below(valueAt(rule)).find((step) => OWN_RULE_KEYS.has(String(step.name)));
          if (!key) break;
          const map = valueAt(rule);
          const why = `kubernetes-event-exporter ignored \`${key.name}\`, which would be a condition here`;
          // A rule that asks nothing is still a rule.
          if (isMap(map) && map.items.length === 1) {
            draft.note(rule, `${why}. It was: ${JSON.stringify(plainOf(map))}`);
            map.items.splice(0, 1);
          } else draft.remove([...rule, key], why);
        }
      }
    }
    const routes = member(route, valueAt(route), "routes");
    const value = routes && valueAt(routes);
    if (routes) for (const step of isSeq(value) ? below(value) : []) inRoute([...routes, step]);
  };
  const top = member([], draft.document.contents, "route");
  if (top) inRoute(top);
}

/** The exporter knew no dollar sign but as the beginning of a name, in comments, patterns and templates too. */
function dollars(draft: Draft, source: string, env: Env): void {
  const locate = positions(source);
  for (const { start, end } of expandRaw(source, env).edits) {
    const written = source.slice(start, end);
    const before = source.slice(source.lastIndexOf("\n", start) + 1, start);
    const inTemplate = before.lastIndexOf("{{") > before.lastIndexOf("}}");
    const reference = /^\$(?:\{[A-Za-z_]\w*\}|[A-Za-z_]\w*)$/.test(written) && !before.endsWith("$");
    if ((reference && !inTemplate) || /(?:^|\s)#/.test(before)) continue;
    const { line } = locate(start);
    const shown = written.replace(/\s+/g, " ").slice(0, SHOWN);
    const text = `\`${shown}\` stands as it is written; kubernetes-event-exporter put in a variable of this name, or nothing`;
    draft.warnings.push({ line, text });
    draft.remarks.push(`Line ${line} of the source: ${text}.`);
  }
}

function settle(draft: Draft, options: ExporterOptions): Finding[] {
  for (let change = 0; ; change++) {
    const text = draft.text();
    const left = problems(text, options).filter((finding) => !ofThePlace(draft, finding));
    const done =
      change < MOST_CHANGES && (left.some((one) => fix(draft, one)) || left.some((one) => resort(draft, one)));
    if (!done) return left;
  }
}

function problems(text: string, { file, env, readFile }: ExporterOptions): Finding[] {
  const parse: ParseOptions = { file, env, readFile, compat: false };
  return parseConfig(text, parse).findings.filter(
    ({ severity, code }) => severity !== "info" && !OF_THE_PLACE.has(code),
  );
}

const fix = (draft: Draft, finding: Finding): boolean =>
  FIXES[finding.code]?.(draft, draft.at(finding.line, finding.column), finding) === true;
const resort = (draft: Draft, finding: Finding): boolean =>
  lastResort(draft, draft.at(finding.line, finding.column), finding);

/** The value is a variable's, or a file's: elsewhere it may be right. */
function ofThePlace(draft: Draft, { line, column, code }: Finding): boolean {
  if (code === "alias-key" || code.startsWith("unknown")) return false;
  const value = valueAt(draft.at(line, column));
  return (
    isScalar(value) &&
    /\$(?:\{|[A-Za-z_])/.test(
      String(value.value)
        .replace(/\{\{.*?\}\}/gs, "")
        .replaceAll("\uE000", "{"),
    )
  );
}

/** The head, and the word by which the next reading knows it. */
function crown(draft: Draft): void {
  const { document } = draft;
  const head = ["What kubernetes-event-exporter did, for Petrel.", ...REMARKS, ...draft.remarks].map(
    (line) => ` ${line}`,
  );
  document.commentBefore = [...head, ...(document.commentBefore ? ["", document.commentBefore] : [])].join("\n");
  if (!isMap(document.contents)) return;
  const compat = document.contents.items.findIndex((pair) => isScalar(pair.key) && pair.key.value === "compat");
  if (compat >= 0) {
    draft.remove(
      [{ holder: document.contents, index: compat, name: "compat" }],
      "what this converts is what `compat` reproduced",
    );
  }
  document.contents.items.unshift(document.createPair("strict", true) as never);
}
