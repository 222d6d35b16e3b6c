/**
 * The route tree: which receivers get an event. A drop rule that matches ends its route; every match rule that matches
 * and names a receiver sends to it; sub-routes are entered when all match rules matched. The semantics are those of
 * kubernetes-event-exporter's `route.go`.
 */
import type { Position, RouteConfig, RuleConfig } from "../config/types.ts";
import type { Event } from "../event.ts";
import {
  type ConditionReport,
  compileMatcher,
  compileRule,
  type FieldValues,
  type Matcher,
  type Rule,
  readFields,
} from "./rule.ts";

export interface Router {
  /** Indices of the receivers in delivery order. The array may be shared: never change it. */
  route(event: Event): readonly number[];
  /** The same decision, with every step of it. */
  explain(event: Event): Explanation;
}

/**
 * What a rule did: `dropped` ended its route; `sent` to its receiver; `again`: its receiver already had the event;
 * `matched` without a receiver; `unmatched`; `unknown-receiver`: matched, and no receiver has its name; `skipped`:
 * nobody asked it, because an earlier drop rule matched or its route was not entered.
 */
export type RuleOutcome = "dropped" | "sent" | "again" | "matched" | "unmatched" | "unknown-receiver" | "skipped";

export interface RuleReport {
  /** Line of the config, from 1. */
  readonly line: number;
  readonly outcome: RuleOutcome;
  readonly receiver?: string;
  /** Empty when the rule was skipped, or asks nothing. */
  readonly conditions: readonly ConditionReport[];
}

export interface RouteReport {
  readonly line: number;
  /** False when the route was not asked at all. */
  readonly entered: boolean;
  readonly drop: readonly RuleReport[];
  readonly match: readonly RuleReport[];
  readonly routes: readonly RouteReport[];
}

export interface Explanation {
  /** Names in delivery order. */
  readonly receivers: readonly string[];
  readonly route: RouteReport;
}

interface Route {
  readonly at: Position;
  readonly drop: readonly Rule[];
  readonly match: readonly Rule[];
  readonly routes: readonly Route[];
}

const NOBODY: readonly number[] = Object.freeze([]);

/** `receivers`: names in the order of the config; the router answers with their indices. */
export function compileRoute(
  config: RouteConfig,
  receivers: readonly string[],
  options: {
    readonly compat: boolean;
    /** The type of an event's friendly form, for rules that ask for it. */
    readonly eventType?: ((event: Event) => string) | undefined;
  },
): Router {
  const { compat, eventType } = options;
  const matchers = new Map<string, Matcher>();
  const matcher = (source: string): Matcher => {
    const known = matchers.get(source) ?? compileMatcher(source);
    matchers.set(source, known);
    return known;
  };
  const compiled = (rule: RuleConfig) => compileRule(rule, { compat, eventType, receivers, matcher });
  const build = (route: RouteConfig): Route => ({
    at: route.at,
    drop: route.drop.map(compiled),
    match: route.match.map(compiled),
    routes: route.routes.map(build),
  });
  const root = build(config);
  const values: FieldValues = [];

  // A walk, not a closure per event: this runs for every event and receiver cursor.
  function walk(route: Route, event: Event, found: number[]): void {
    for (const rule of route.drop) if (rule.matches(event, values)) return;
    let all = true;
    for (const rule of route.match) {
      if (!rule.matches(event, values)) all = false;
      else if (rule.receiver >= 0 && (compat || !found.includes(rule.receiver))) found.push(rule.receiver);
    }
    if (all) for (const sub of route.routes) walk(sub, event, found);
  }

  return {
    route(event) {
      readFields(event, compat, values);
      const found: number[] = [];
      walk(root, event, found);
      return found.length === 0 ? NOBODY : found;
    },
    explain(event) {
      readFields(event, compat, values);
      const found: string[] = [];
      const route = explainRoute(root, { event, values, compat, found }, true);
      return { receivers: found, route };
    },
  };
}

interface Walk {
  readonly event: Event;
  readonly values: FieldValues;
  readonly compat: boolean;
  readonly found: string[];
}

function explainRoute(route: Route, walk: Walk, entered: boolean): RouteReport {
  let dropped = !entered;
  const drop = route.drop.map((rule) => {
    const report = explainRule(rule, walk, dropped, "drop");
    dropped ||= report.outcome === "dropped";
    return report;
  });
  const match = route.match.map((rule) => explainRule(rule, walk, dropped, "match"));
  const descends = !dropped && match.every((report) => report.outcome !== "unmatched");
  return {
    line: route.at.line,
    entered,
    drop,
    match,
    routes: route.routes.map((r) => explainRoute(r, walk, descends)),
  };
}

function explainRule(rule: Rule, walk: Walk, skipped: boolean, part: "drop" | "match"): RuleReport {
  const named = rule.receiverName === undefined ? {} : { receiver: rule.receiverName };
  const common = { line: rule.at.line, ...named };
  if (skipped) return { ...common, outcome: "skipped", conditions: [] };
  const conditions = rule.explain(walk.event, walk.values);
  if (!conditions.every((condition) => condition.matched)) return { ...common, outcome: "unmatched", conditions };
  if (part === "drop") return { ...common, outcome: "dropped", conditions };
  return { ...common, outcome: sending(rule, walk), conditions };
}

function sending(rule: Rule, walk: Walk): RuleOutcome {
  if (rule.receiverName === undefined) return "matched";
  if (rule.receiver < 0) return "unknown-receiver";
  if (!walk.compat && walk.found.includes(rule.receiverName)) return "again";
  walk.found.push(rule.receiverName);
  return "sent";
}
