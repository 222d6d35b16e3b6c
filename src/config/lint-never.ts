/** Rules that no event can match, and rules that together ask nothing. */

import { RAW_TYPE } from "../cloudevents.ts";
import { TABLE } from "../friendly/table.ts";
import { compilePattern } from "../template/re2.ts";
import { type Decoder, type Path, pathKey } from "./decoder.ts";
import { nearest } from "./nearest.ts";
import type { Route, Rule } from "./schema.ts";

const TYPES: readonly string[] = [RAW_TYPE, ...TABLE.map(({ type }) => type)];

/** Patterns by field; a label's is `labels.app`. */
type Patterns = ReadonlyMap<string, string>;

interface Asked {
  readonly patterns: Patterns;
  readonly at: number;
}

export function lintNever(route: Route, decoder: Decoder): void {
  visit(route, ["route"], [], [], decoder);
}

/** `gates`: what has to match before this route is entered; `drops`: what must not. */
function visit(
  route: Route,
  path: Path,
  gates: readonly Asked[],
  above: readonly { readonly rule: Rule; readonly at: number }[],
  decoder: Decoder,
): void {
  const at = (...below: (string | number)[]) => decoder.nodes.get(pathKey([...path, ...below]))?.start ?? 0;
  const drops = [...above, ...route.drop.map((rule, index) => ({ rule, at: at("drop", index) }))];
  for (const [index, rule] of route.drop.entries()) lintRule(rule, at("drop", index), gates, [], decoder);
  const own: Asked[] = [];
  for (const [index, rule] of route.match.entries()) {
    lintRule(rule, at("match", index), gates, drops, decoder);
    own.push({ patterns: patternsOf(rule), at: at("match", index) });
  }
  lintComplements(route, (index) => at("match", index), decoder);
  for (const [index, below] of route.routes.entries()) {
    visit(below, [...path, "routes", index], [...gates, ...own], drops, decoder);
  }
}

function lintRule(
  rule: Rule,
  at: number,
  gates: readonly Asked[],
  drops: readonly { readonly rule: Rule; readonly at: number }[],
  decoder: Decoder,
): void {
  const why = reasonWhyNever(rule, gates, drops, decoder);
  if (why) decoder.findings.add({ severity: "warning", code: "never-matches", at, ...why });
}

function reasonWhyNever(
  rule: Rule,
  gates: readonly Asked[],
  drops: readonly { readonly rule: Rule; readonly at: number }[],
  { findings }: Decoder,
): { message: string; hint: string } | undefined {
  const patterns = patternsOf(rule);
  const { minCount = 0, maxCount = Number.POSITIVE_INFINITY, not } = rule;
  if (minCount > maxCount) {
    return {
      message: `nothing occurs ${minCount} times or more and ${maxCount} times or less: this rule never matches`,
      hint: "exchange `minCount` and `maxCount`",
    };
  }
  if (not && holdsWhenever(not, rule)) {
    const nothing = patternsOf(not).size === 0 && !not.minCount && !not.maxCount;
    return {
      message: nothing
        ? "`not` asks nothing, which always holds: this rule never matches"
        : "`not` asks for no more than the rule itself: this rule never matches",
      hint: "remove `not`, or add to it what is to be left out",
    };
  }
  const { eventType } = rule;
  if (eventType && !TYPES.some((type) => matches(eventType, type))) {
    const near = nearest(eventType.replaceAll(/[\\^$[\]()*?+]/g, ""), TYPES);
    return {
      message: `no type of events matches \`${eventType}\`: this rule never matches`,
      hint: near === undefined ? "configs/schemas/README.md lists the types" : `did you mean \`${near}\`?`,
    };
  }
  for (const gate of gates) {
    const field = contradiction(patterns, gate.patterns);
    if (field === undefined) continue;
    return {
      message: `no ${field} matches \`${patterns.get(field)}\` and, as this route asks in line ${findings.position(gate.at).line}, \`${gate.patterns.get(field)}\`: this rule never matches`,
      hint: "give the rule a route of its own",
    };
  }
  const drop = drops.find((one) => !isEmpty(one.rule) && holdsWhenever(one.rule, rule));
  if (drop) {
    return {
      message: `what this rule asks for is dropped in line ${findings.position(drop.at).line}: it never matches`,
      hint: "move `drop` into another route, or remove one of the two",
    };
  }
  return undefined;
}

type Conditions = Omit<Rule, "not" | "receiver"> & { readonly not?: Rule["not"] };

function patternsOf(rule: Conditions): Patterns {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(rule)) {
    if (key === "receiver" || key === "not") continue;
    if (typeof value === "string" && value !== "") found.set(key, value);
    else if (typeof value === "object") {
      for (const [name, pattern] of Object.entries(value)) found.set(`${key}.${name}`, String(pattern));
    }
  }
  return found;
}

/** Its own findings tell of an empty rule. */
function isEmpty(rule: Conditions): boolean {
  return patternsOf(rule).size === 0 && !rule.minCount && !rule.maxCount && !rule.not;
}

/** True when each event that `rule` matches has all that `asked` asks; false when that cannot be told. */
function holdsWhenever(asked: Conditions, rule: Conditions): boolean {
  const has = patternsOf(rule);
  for (const [field, pattern] of patternsOf(asked)) {
    const own = has.get(field);
    if (own === undefined) return false;
    if (own === pattern) continue;
    const exactly = literal(own);
    if (exactly === undefined || !matches(pattern, exactly)) return false;
  }
  if ((asked.minCount ?? 0) > (rule.minCount ?? 0)) return false;
  if ((asked.maxCount ?? Number.POSITIVE_INFINITY) < (rule.maxCount ?? Number.POSITIVE_INFINITY)) return false;
  return asked.not === undefined;
}

/** A field for which one of the two asks for exactly one text, which the other does not match. */
function contradiction(a: Patterns, b: Patterns): string | undefined {
  for (const [field, first] of a) {
    const second = b.get(field);
    if (second === undefined) continue;
    const [one, other] = [literal(first), literal(second)];
    if (one !== undefined && !matches(second, one)) return field;
    if (other !== undefined && !matches(first, other)) return field;
  }
  return undefined;
}

/** The one text that a pattern like `^Pod$` matches. */
function literal(pattern: string): string | undefined {
  return /^\^([\w-]+)\$$/.exec(pattern)?.[1];
}

/** True for what is no pattern: that it never matches is said already. */
function matches(pattern: string, text: string): boolean {
  try {
    return compilePattern(pattern).test(text);
  } catch {
    return true;
  }
}

/** Two rules that differ in nothing but that one wants Normal events and the other Warnings. */
function lintComplements(route: Route, at: (index: number) => number, { findings }: Decoder): void {
  for (const [index, rule] of route.match.entries()) {
    const other = route.match.findIndex((before, at) => at < index && areComplements(before, rule));
    if (other === -1) continue;
    findings.add({
      severity: "info",
      code: "complementary-rules",
      at: at(index),
      message: `with the rule in line ${findings.position(at(other)).line} this one sends \`${rule.receiver}\` events of either type: together they do not ask for the type at all`,
      hint: "leave one rule, without `type`",
    });
  }
}

function areComplements(a: Rule, b: Rule): boolean {
  if (!a.receiver || a.receiver !== b.receiver || !a.type || !b.type) return false;
  const without = ({ type: _, ...rest }: Rule) => JSON.stringify(Object.entries(rest).sort());
  if (without(a) !== without(b)) return false;
  const [first, second] = [a.type, b.type];
  return ["Normal", "Warning"].every((type) => matches(first, type) || matches(second, type)) && first !== second;
}
