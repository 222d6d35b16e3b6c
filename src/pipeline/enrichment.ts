/** Whether, and for which events, the involved object's metadata has to be asked for: a request saved is a request fast. */
import type { Config, RouteConfig, RuleConditions, RuleConfig } from "../config/types.ts";
import type { Event } from "../event.ts";
import { isAsStored } from "../form.ts";
import { compilePattern } from "../template/re2.ts";

export interface Enrichment {
  /** False: no event ever needs a look-up. */
  readonly possible: boolean;
  /** Look up this event's object: some rule that may match it, or some receiver, reads what is found. */
  needed(event: Event): boolean;
  /** Of events about an object of this kind; empty: the event names none. */
  neededFor(kind: string): boolean;
  /** By index: the receiver's payload or templates read it, so its cursor waits for the look-up. */
  readonly receivers: readonly boolean[];
  /** The route reads it, so every cursor waits. */
  readonly route: boolean;
}

/** Fields whose text does not depend on a look-up. Everything else that a template names might. */
const PLAIN =
  /\.(?:InvolvedObject\.(?:Kind|Namespace|Name|UID|APIVersion|ResourceVersion|FieldPath)|(?:ObjectMeta\.)?(?:Name|Namespace|UID|ResourceVersion|CreationTimestamp)|Reason|Message|Type|Count|Action|ReportingController|ReportingInstance|Source(?:\.\w+)?|(?:First|Last)Timestamp(?:\.\w+)?|EventTime(?:\.\w+)?|Series(?:\.\w+)?|Related(?:\.\w+)?|ClusterName|GetTimestampMs|GetTimestampISO8601)\b/g;

/** Conservative: true unless every field that the template names is known not to come from a look-up. */
export function readsObjectMetadata(template: string): boolean {
  // eta is JavaScript: what it reads cannot be told from its text.
  if (template.includes("<%")) return true;
  for (let begin = template.indexOf("{{"); begin >= 0; begin = template.indexOf("{{", begin)) {
    let action = "";
    let at = begin + 2;
    while (at < template.length && !template.startsWith("}}", at)) {
      const end = literalEnd(template, at);
      if (end === at) action += template[at++];
      else at = end;
    }
    if (/[.$]/.test(action.replace(PLAIN, "").replace(/\d\.\d/g, ""))) return true;
    begin = at;
  }
  return false;
}

/** Where a string, a character or a comment that begins at `at` ends, whatever braces are in it; `at` when none does. */
function literalEnd(template: string, at: number): number {
  const quote = template[at];
  if (template.startsWith("/*", at)) return endAfter(template, "*/", at + 2);
  if (quote === "`") return endAfter(template, "`", at + 1);
  if (quote !== '"' && quote !== "'") return at;
  let end = at + 1;
  while (end < template.length && template[end] !== quote) end += template[end] === "\\" ? 2 : 1;
  return end + 1;
}

function endAfter(template: string, what: string, from: number): number {
  const at = template.indexOf(what, from);
  return at < 0 ? template.length : at + what.length;
}

/** `sendsWhole`: whether a sink of this name sends the whole event where there is no layout. */
export function planEnrichment(config: Config, sendsWhole: (sink: string) => boolean = () => true): Enrichment {
  const none = {
    possible: false,
    needed: () => false,
    neededFor: () => false,
    receivers: config.receivers.map(() => false),
    route: false,
  };
  if (config.omitLookup) return none;
  const receivers = config.receivers.map(({ sink, config: settings, format }) => {
    const { layout } = settings;
    // Without a layout the payload is the whole event, metadata of the object included.
    // eventrouter's envelope has none of it.
    const whole =
      !isAsStored(format) &&
      sendsWhole(sink) &&
      (typeof layout !== "object" || layout === null || Object.keys(layout).length === 0);
    return whole || stringsOf(settings).some(readsObjectMetadata);
  });
  const rules = rulesThatAsk(config.route);
  const always = receivers.includes(true);
  const kinds = rules.map((rule) => kindMatcher(rule.kind));
  const neededFor = (kind: string) => always || kinds.some((matches) => matches(kind));
  return {
    possible: always || rules.length > 0,
    needed: (event) => neededFor(event.involvedObject.kind ?? ""),
    neededFor,
    receivers,
    route: rules.length > 0,
  };
}

function stringsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsOf);
}

/** Whose labels or annotations an object must have. */
export function rulesThatAsk(route: RouteConfig): readonly RuleConfig[] {
  const asks = (rule: RuleConditions): boolean =>
    Object.keys(rule.labels ?? {}).length > 0 ||
    Object.keys(rule.annotations ?? {}).length > 0 ||
    (rule.not !== undefined && asks(rule.not));
  return [...route.drop.filter(asks), ...route.match.filter(asks), ...route.routes.flatMap(rulesThatAsk)];
}

function kindMatcher(pattern: string | undefined): (kind: string) => boolean {
  if (pattern === undefined || pattern === "") return () => true;
  try {
    const compiled = compilePattern(pattern);
    return (kind) => compiled.test(kind);
  } catch {
    return () => false;
  }
}
