/** Who would receive what, in numbers: for `petrel replay --dry-run`. */
import type { Config } from "../config/types.ts";
import type { Event } from "../event.ts";
import { compileRoute, type RouteReport, type RuleReport } from "../pipeline/route.ts";

export interface RuleCount {
  readonly line: number;
  readonly part: "drop" | "match";
  /** Absent: the rule names none. */
  readonly receiver?: string;
  /** Events that fulfilled its conditions. */
  matched: number;
}

export interface DryRun {
  add(event: Event): void;
  /** By name, in the order of the config. */
  readonly receivers: ReadonlyMap<string, number>;
  /** Events that went nowhere. */
  readonly unmatched: number;
  /** In the order of the config. */
  rules(): readonly RuleCount[];
}

/** `eventType`: for rules that ask for it. The route alone is asked; what `updates`, `dedup` and `throttle` hold back is not taken into account. */
export function startDryRun(config: Config, eventType: ((event: Event) => string) | undefined): DryRun {
  const names = config.receivers.map(({ name }) => name);
  const router = compileRoute(config.route, names, { compat: config.compat === "exporter", eventType });
  const receivers = new Map(names.map((name) => [name, 0]));
  const rules = new Map<string, RuleCount>();
  let unmatched = 0;

  function rule(report: RuleReport, part: RuleCount["part"], place: string): void {
    const known = rules.get(place) ?? {
      line: report.line,
      part,
      ...(report.receiver !== undefined && { receiver: report.receiver }),
      matched: 0,
    };
    if (report.outcome !== "skipped" && report.outcome !== "unmatched") known.matched += 1;
    rules.set(place, known);
  }

  function route({ drop, match, routes }: RouteReport, place: string): void {
    for (const [index, report] of drop.entries()) rule(report, "drop", `${place} drop ${index}`);
    for (const [index, report] of match.entries()) rule(report, "match", `${place} match ${index}`);
    for (const [index, below] of routes.entries()) route(below, `${place} ${index}`);
  }

  return {
    add(event) {
      const explanation = router.explain(event);
      if (explanation.receivers.length === 0) unmatched += 1;
      for (const name of explanation.receivers) receivers.set(name, (receivers.get(name) ?? 0) + 1);
      route(explanation.route, "");
    },
    receivers,
    get unmatched() {
      return unmatched;
    },
    rules: () => [...rules.values()],
  };
}
