/** A config that is being changed with its comments kept: places in it, remarks on what was changed, and what is taken out. */
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  Scalar,
  stringify,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { positions } from "../../config/source.ts";
import { shield, unshield } from "../../config/tree.ts";

/** One step from a map or a list to something in it. */
export interface Step {
  readonly holder: YAMLMap | YAMLSeq;
  readonly index: number;
  /** The key, or the index in a list. */
  readonly name: string | number;
}

/** From the top to a place. */
export type Steps = readonly Step[];

export interface Warning {
  /** In the source; 0: in all of it. */
  readonly line: number;
  readonly text: string;
}

export interface Draft {
  readonly document: Document;
  /** Sentences for the head of the result. */
  readonly remarks: string[];
  readonly warnings: Warning[];
  /** As it is now. */
  text(): string;
  /** Where that is which stands at this line and column (from 1) of {@link text}. */
  at(line: number, column: number): Steps;
  /** Puts a comment before the place, or before the nearest thing above it that can have one; and a warning. */
  note(steps: Steps, text: string): void;
  /** Takes it out, with what would be empty without it; what it was stays as a comment. */
  remove(steps: Steps, why: string): void;
  rename(steps: Steps, key: string, why: string): void;
  /** Line in the source. */
  line(steps: Steps): number;
}

const PARSE = {
  uniqueKeys: false,
  merge: true,
  keepSourceTokens: false,
  prettyErrors: false,
  logLevel: "silent",
} as const;

/** `source`: text that parses. `inline`: without anchors, because what they are at may be taken out. */
export function openDraft(source: string, inline: boolean): Draft {
  const shielded = shield(source);
  const document: Document = parseDocument(shielded, PARSE);
  if (inline) writeOut(document);
  const locate = positions(source);
  const remarks: string[] = [];
  const warnings: Warning[] = [];

  function text(): string {
    return unshield(document.toString({ lineWidth: 0, flowCollectionPadding: true }));
  }

  function line(steps: Steps): number {
    for (let up = steps.length - 1; up >= 0; up--) {
      const start = startOf(steps[up]);
      if (start !== undefined) return locate(start).line;
    }
    return 0;
  }

  function comment(steps: Steps, lines: readonly string[]): void {
    const target = commentable(steps);
    const before = target ? target.commentBefore : document.commentBefore;
    const words = lines.map((one) => ` ${shield(one.replace(/[\r\n]+/g, " "))}`).join("\n");
    const all = before ? `${before}\n${words}` : words;
    if (target) target.commentBefore = all;
    else document.commentBefore = all;
  }

  function note(steps: Steps, why: string): void {
    warnings.push({ line: line(steps), text: why });
    comment(steps, [why]);
  }

  function remove(steps: Steps, why: string): void {
    warnings.push({ line: line(steps), text: why });
    let was = "";
    let kept: string[] = [];
    let upper = steps;
    // A list that holds nothing any more says nothing; a map may.
    for (;;) {
      const last = upper.at(-1);
      if (!last) return;
      was = written(last, source);
      kept = [...commentsOf(last), ...kept];
      last.holder.items.splice(last.index, 1);
      const above = upper.at(-2);
      if (last.holder.items.length > 0 || !isSeq(last.holder) || !above || upper.length === 2) break;
      upper = upper.slice(0, -1);
    }
    const told = `${why.replace(/\?$/, "")}. It was:`;
    comment(upper.slice(0, -1), [told, ...kept, ...was.split("\n").map((one) => `  ${one}`)]);
  }

  return {
    document,
    remarks,
    warnings,
    text,
    at(lineNumber, column) {
      const now = text();
      let start = 0;
      for (let passed = 1; passed < lineNumber; passed++) start = now.indexOf("\n", start) + 1;
      const indexes = indexesAt(parseDocument(shield(now), PARSE).contents, start + column - 1);
      return stepsTo(document.contents, indexes);
    },
    note,
    remove,
    rename(steps, key, why) {
      const pair = pairOf(steps.at(-1));
      if (!pair) return;
      const old = pair.key;
      const renamed = new Scalar(key);
      if (isNode(old) && old.commentBefore) renamed.commentBefore = old.commentBefore;
      if (isScalar(old) && old.range) renamed.range = old.range;
      pair.key = renamed;
      note(steps, why);
    },
    line,
  };
}

/** Each alias becomes what it stands for. */
function writeOut(document: Document): void {
  visit(document, {
    Alias(_, alias) {
      const node = alias.resolve(document)?.clone();
      if (isNode(node) && "anchor" in node) delete node.anchor;
      return isNode(node) ? node : undefined;
    },
  });
  visit(document, {
    Node(_, node) {
      if ("anchor" in node) delete node.anchor;
    },
  });
}

export function pairOf(step: Step | undefined): Pair | undefined {
  const item = step?.holder.items[step.index];
  return isPair(item) ? item : undefined;
}

/** What stands there: a value, not its key. */
export function valueAt(steps: Steps): unknown {
  const last = steps.at(-1);
  if (!last) return undefined;
  const item = last.holder.items[last.index];
  return isPair(item) ? item.value : item;
}

/** The steps on into a map or a list. */
export function below(holder: unknown): Step[] {
  if (isSeq(holder)) return holder.items.map((_, index) => ({ holder, index, name: index }));
  if (!isMap(holder)) return [];
  return holder.items.map((pair, index) => ({ holder, index, name: keyOf(pair) }));
}

/** The member of this name, whatever its case. */
export function member(steps: Steps, holder: unknown, name: string): Steps | undefined {
  const step = below(holder).find((one) => String(one.name).toLowerCase() === name.toLowerCase());
  return step && [...steps, step];
}

export const plainOf = (node: unknown): unknown => (isNode(node) ? node.toJSON() : node);

const keyOf = (pair: Pair): string =>
  isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : String(pair.key);

function startOf(step: Step | undefined): number | undefined {
  const item = step?.holder.items[step.index];
  const node = isPair(item) ? item.key : item;
  return isNode(node) ? node.range?.[0] : undefined;
}

function indexesAt(node: unknown, offset: number): number[] {
  if (isMap(node)) {
    for (const [index, { key, value }] of node.items.entries()) {
      const start = isNode(key) ? key.range?.[0] : undefined;
      const end = isNode(value) && value.range ? value.range[1] : isNode(key) ? key.range?.[1] : undefined;
      if (start === undefined || end === undefined || offset < start || offset > end) continue;
      const inside = isNode(value) && value.range && offset >= value.range[0] ? indexesAt(value, offset) : [];
      return [index, ...inside];
    }
  }
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      if (!isNode(item) || !item.range || offset < item.range[0] || offset > item.range[1]) continue;
      return [index, ...indexesAt(item, offset)];
    }
  }
  return [];
}

function stepsTo(contents: unknown, indexes: readonly number[]): Step[] {
  const steps: Step[] = [];
  let node = contents;
  for (const index of indexes) {
    const step = below(node)[index];
    if (!step) break;
    steps.push(step);
    node = valueAt([step]);
  }
  return steps;
}

/** The key of the nearest pair above that stands on a line of its own: not after the dash of a list. */
function commentable(steps: Steps): Scalar | undefined {
  for (let up = steps.length - 1; up >= 0; up--) {
    const step = steps[up];
    const pair = pairOf(step);
    if (!step || !pair || !isScalar(pair.key)) continue;
    const inList = isSeq(steps[up - 1]?.holder);
    const flow = steps.slice(0, up + 1).some(({ holder }) => holder.flow);
    if (!flow && !(inList && step.index === 0)) return pair.key;
  }
  return undefined;
}

/** As it stood in the source, moved to the left. */
function written(step: Step, source: string): string {
  const item = step.holder.items[step.index];
  const [first, last] = isPair(item) ? [item.key, item.value ?? item.key] : [item, item];
  if (isNode(first) && first.range && isNode(last) && last.range) {
    const start = first.range[0];
    const column = start - (source.lastIndexOf("\n", start - 1) + 1);
    const lines = source.slice(start, last.range[1]).trimEnd().split("\n");
    return lines.map((one, index) => (index === 0 ? one : one.replace(new RegExp(`^ {0,${column}}`), ""))).join("\n");
  }
  const value = isPair(item) ? { [keyOf(item)]: plainOf(item.value) } : plainOf(item);
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

function commentsOf(step: Step): string[] {
  const item = step.holder.items[step.index];
  const node = isPair(item) ? item.key : item;
  const found = isNode(node) ? node.commentBefore : undefined;
  return found ? found.split("\n").map((one) => unshield(one).trim()) : [];
}
