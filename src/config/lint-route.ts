/** Routes and rules that do something else than they say. */
import { type Decoder, type Path, pathKey } from "./decoder.ts";
import { deadLetterReceivers } from "./lint-dead-letters.ts";
import { lintNever } from "./lint-never.ts";
import { nearest } from "./nearest.ts";
import type { ReadReceiver } from "./receivers.ts";
import { type Route, type Rule, ruleSchema } from "./schema.ts";

/** Conditions of a rule, flat: a label's is `labels.app`. */
type Conditions = ReadonlyMap<string, string>;

interface Use {
  readonly receiver: string;
  readonly at: number;
  /** Of the rule, and of those above it that have to match as well. */
  readonly conditions: readonly Conditions[];
}

/** Rule fields that were seen written as labels of the object. */
const NOT_LABELS: ReadonlySet<string> = new Set([
  "reason",
  "type",
  "kind",
  "apiVersion",
  "message",
  "minCount",
  "involvedObject",
]);
const RULE_KEYS = Object.keys(ruleSchema.shape);

export function lintRoute(route: Route, receivers: readonly ReadReceiver[], decoder: Decoder): void {
  const uses: Use[] = [];
  visit(route, ["route"], [], uses, decoder);
  lintUses(uses, receivers, decoder);
  lintNever(route, decoder);
}

function visit(route: Route, path: Path, above: readonly Conditions[], uses: Use[], decoder: Decoder): void {
  const { findings } = decoder;
  const place = (...below: (string | number)[]) => decoder.nodes.get(pathKey([...path, ...below]))?.start ?? 0;
  if (route.match.length === 0 && route.routes.length === 0) {
    const drops = route.drop.length > 0;
    findings.add({
      severity: "warning",
      code: "idle-route",
      at: place(),
      message: drops
        ? "this route drops and has no `match` or `routes`: what it drops would have gone nowhere anyway"
        : "this route has no `match` and no `routes`: nothing goes anywhere",
      hint: drops ? "put `drop` into the route whose events it is to hold back" : "add `match: [{ receiver: NAME }]`",
    });
  }
  for (const [index, rule] of route.drop.entries()) lintDrop(rule, [...path, "drop", index], decoder);
  const conditions = route.match.map(conditionsOf);
  for (const [index, rule] of route.match.entries()) {
    lintLabels(rule, [...path, "match", index], decoder);
    if (rule.receiver) {
      const own = conditions[index];
      uses.push({
        receiver: rule.receiver,
        at: place("match", index, "receiver"),
        conditions: own ? [...above, own] : above,
      });
    }
  }
  lintMatch(route, conditions, path, decoder);
  const gates = [...above, ...conditions.filter((one) => one.size > 0)];
  for (const [index, below] of route.routes.entries()) visit(below, [...path, "routes", index], gates, uses, decoder);
}

function conditionsOf(rule: Rule): Conditions {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(rule)) {
    if (key === "receiver" || value === undefined || value === "" || value === 0) continue;
    if (typeof value !== "object") found.set(key, String(value));
    else
      for (const [name, pattern] of Object.entries(value))
        found.set(`${key}.${name}`, typeof pattern === "string" ? pattern : JSON.stringify(pattern));
  }
  return found;
}

/** True when the rule has no key at all, known or not: what is wrong with unknown ones is said already. */
function isBlank(path: Path, decoder: Decoder): boolean {
  const node = decoder.nodes.get(pathKey(path));
  return node?.kind !== "map" || node.entries.every(({ key }) => RULE_KEYS.includes(key));
}

function lintDrop(rule: Rule, path: Path, decoder: Decoder): void {
  const { findings, nodes } = decoder;
  const at = nodes.get(pathKey(path))?.start ?? 0;
  const empty = conditionsOf(rule).size === 0;
  lintLabels(rule, path, decoder);
  if (rule.receiver) {
    findings.add({
      severity: "error",
      code: "drop-receiver",
      at: nodes.get(pathKey([...path, "receiver"]))?.start ?? at,
      message: `a drop rule has no receiver${empty ? "; without a condition it drops every event" : ""}`,
      hint: "move the rule to `match`, or remove `receiver`",
    });
  } else if (empty && isBlank(path, decoder)) {
    findings.add({
      severity: "warning",
      code: "empty-rule",
      at,
      message: "a drop rule without a condition drops every event of its route",
      hint: "remove it, or add a condition",
    });
  }
  if (rule.minCount) {
    findings.add({
      severity: "warning",
      code: "drop-min-count",
      at: nodes.get(pathKey([...path, "minCount"]))?.start ?? at,
      message: `\`minCount: ${rule.minCount}\` drops what occurred ${rule.minCount} times or more, and keeps what occurred less often`,
      hint: "to hold back what is seldom, put `minCount` into the `match` rule",
    });
  }
}

function lintLabels(rule: Rule, path: Path, { findings, nodes }: Decoder): void {
  for (const key of Object.keys(rule.labels ?? {})) {
    if (!NOT_LABELS.has(key)) continue;
    findings.add({
      severity: "warning",
      code: "label-or-field",
      at: nodes.get(pathKey([...path, "labels", key]))?.start ?? 0,
      message: `\`labels\` are those of the involved object; hardly one has a label \`${key}\``,
      hint: `did you mean \`${key}\` directly in the rule?`,
    });
  }
}

function lintMatch(route: Route, conditions: readonly Conditions[], path: Path, decoder: Decoder): void {
  const { findings, nodes } = decoder;
  const place = (index: number) => nodes.get(pathKey([...path, "match", index]))?.start ?? 0;
  const silent = route.match.flatMap((rule, index) => (rule.receiver ? [] : [index]));
  const anded = contradiction(silent, conditions);
  if (anded) {
    findings.add({
      severity: "warning",
      code: "anded-rules",
      at: place(anded.index),
      message: `rules of one \`match\` must all match for \`routes\` to be tried; no ${anded.field} is \`${anded.first}\` and \`${anded.second}\` at once`,
      hint: `use one rule: \`${anded.field}: ${anded.first}|${anded.second}\``,
    });
    return;
  }
  for (const index of silent) {
    const own = conditions[index];
    const next = route.match[index + 1];
    if (!own || (!isBlank([...path, "match", index], decoder) && own.size === 0)) continue;
    if (own.size > 0 && route.routes.length > 0) continue;
    if (own.size > 0 && next?.receiver && conditions[index + 1]?.size === 0) {
      findings.add({
        severity: "warning",
        code: "split-rule",
        at: place(index + 1),
        message: `this rule has no condition, so \`${next.receiver}\` gets every event; the condition above it is a rule of its own`,
        hint: "join the two: remove the `-` before `receiver`",
      });
      continue;
    }
    findings.add({
      severity: "warning",
      code: own.size > 0 ? "no-receiver" : "empty-rule",
      at: place(index),
      message:
        own.size > 0
          ? "this rule has no receiver, and there are no `routes` that it could guard: it does nothing"
          : "a rule without a condition and without a receiver does nothing",
      hint: "add `receiver: NAME`",
    });
  }
}

/** Two rules that ask one field for two different words. */
function contradiction(silent: readonly number[], conditions: readonly Conditions[]) {
  const seen = new Map<string, string>();
  for (const index of silent) {
    const own = conditions[index];
    const [only] = own?.entries() ?? [];
    if (!only || own?.size !== 1 || !/^\^?[\w-]+\$?$/.test(only[1])) continue;
    const [field, second] = only;
    const first = seen.get(field);
    if (first !== undefined && !first.includes(second) && !second.includes(first))
      return { index, field, first, second };
    seen.set(field, second);
  }
  return undefined;
}

function lintUses(
  uses: readonly Use[],
  receivers: readonly ReadReceiver[],
  { findings, compat, nodes }: Decoder,
): void {
  const names = receivers.map(({ name }) => name);
  const misspelt = new Set<string>();
  for (const [index, { receiver, at, conditions }] of uses.entries()) {
    if (!names.includes(receiver)) {
      const near = nearest(receiver, names);
      if (near) misspelt.add(near);
      findings.add({
        severity: "error",
        code: "undefined-receiver",
        at,
        message: `there is no receiver \`${receiver}\`: what it should get goes nowhere`,
        hint: near
          ? `did you mean \`${near}\`?`
          : names.length > 0
            ? `there are: ${names.join(", ")}`
            : "define it under `receivers`",
      });
      continue;
    }
    const other = uses
      .slice(0, index)
      .find((one) => one.receiver === receiver && mayOverlap(one.conditions, conditions));
    if (!other) continue;
    findings.add({
      severity: "warning",
      code: "receiver-twice",
      at,
      message: `an event may match for \`${receiver}\` here and in line ${findings.position(other.at).line}; it is sent ${compat ? "twice" : "once"}`,
      hint: "let one rule cover both, or make their conditions exclude each other",
    });
  }
  const used = new Set([...uses.map(({ receiver }) => receiver), ...deadLetterReceivers(nodes)]);
  if (uses.length === 0) return;
  for (const { name, at } of receivers) {
    // One mistake is said once.
    if (used.has(name) || misspelt.has(name)) continue;
    findings.add({
      severity: "warning",
      code: "unused-receiver",
      at,
      message: `no rule sends anything to receiver \`${name}\``,
      hint: `add \`- receiver: ${name}\` to a \`match\``,
    });
  }
}

/** Whether `one` has a `not` that is all that `other` asks for, or part of it. */
function leavesOut(one: Conditions, other: Conditions): boolean {
  const left = [...one].filter(([key]) => key.startsWith("not."));
  return left.length > 0 && left.every(([key, value]) => other.get(key.slice("not.".length)) === value);
}

/** False when some field is asked for two different patterns, or one leaves out what the other asks for: somebody kept them apart. */
function mayOverlap(a: readonly Conditions[], b: readonly Conditions[]): boolean {
  for (const one of a) {
    for (const other of b) {
      if (leavesOut(one, other) || leavesOut(other, one)) return false;
      for (const [key, pattern] of one) if (other.has(key) && other.get(key) !== pattern) return false;
    }
  }
  return true;
}
