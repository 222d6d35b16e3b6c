/** One rule of the route tree, compiled: does an event satisfy all of its conditions? */
import { RAW_TYPE } from "../cloudevents.ts";
import type { Position, RuleConditions, RuleConfig } from "../config/types.ts";
import type { Event } from "../event.ts";
import { occurrences } from "../normalise.ts";
import { LimitError } from "../template/budget.ts";
import { compilePattern, type Pattern, PatternError } from "../template/re2.ts";

/** The fields that a rule may ask about, in the order in which the exporter asks; the last three are Petrel's own. */
export const RULE_FIELDS = [
  "message",
  "apiVersion",
  "kind",
  "namespace",
  "reason",
  "type",
  "component",
  "host",
  "name",
  "reportingComponent",
  "reportingInstance",
] as const;
export type RuleField = (typeof RULE_FIELDS)[number];

/** The values of {@link RULE_FIELDS} of one event, same order. */
export type FieldValues = string[];

type Maps = "labels" | "annotations";

interface FieldCondition {
  readonly index: number;
  readonly field: RuleField;
  readonly matcher: Matcher;
}

interface MapCondition {
  readonly map: Maps;
  readonly key: string;
  readonly matcher: Matcher;
}

/** One condition of a rule, held against one event. */
export interface ConditionReport {
  /** `kind`, `labels.app`, `minCount` … */
  readonly field: string;
  readonly pattern: string | number;
  /** What the event has; null when a label or annotation is absent. */
  readonly value: string | number | null;
  readonly matched: boolean;
  /** Why not, when it is not simply that the value does not match. */
  readonly why?: string;
  /** Of `not`: its conditions; it matches unless all of them do. */
  readonly conditions?: readonly ConditionReport[];
}

export interface Rule {
  readonly at: Position;
  /** Index of the receiver; -1: none is named, or none has this name. */
  readonly receiver: number;
  readonly receiverName: string | undefined;
  matches(event: Event, values: FieldValues): boolean;
  explain(event: Event, values: FieldValues): ConditionReport[];
}

export interface Matcher extends Pick<Pattern, "test"> {
  readonly source: string;
  /** What RE2 has against the pattern; it then matches nothing, as in the exporter. */
  readonly error?: string;
}

const MEMO_ENTRIES = 512;
const MEMO_TEXT = 128;
/**
 * A pattern that remembers its answers: the fields of events repeat, and RE2 in JavaScript costs 20 times a look-up.
 * At most two generations of 512 answers are kept, of texts of at most 128 characters.
 */
function memoised(source: string, pattern: Pattern): Matcher {
  let young = new Map<string, boolean>();
  let old = new Map<string, boolean>();
  return {
    source,
    test(text) {
      const known = young.get(text);
      if (known !== undefined) return known;
      if (text.length > MEMO_TEXT) return testBeginning(pattern, text);
      const answer = old.get(text) ?? pattern.test(text);
      if (young.size >= MEMO_ENTRIES) {
        old = young;
        young = new Map();
      }
      young.set(text, answer);
      return answer;
    },
  };
}

/** Of a text that would hold up all events for too long, the beginning decides: half of it, or half of that, and so on. */
function testBeginning(pattern: Pattern, text: string): boolean {
  for (let length = text.length; ; length >>= 1) {
    try {
      return pattern.test(text.slice(0, length));
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
    }
  }
}

/** Never throws: a pattern that RE2 refuses matches nothing. */
export function compileMatcher(source: string): Matcher {
  try {
    return memoised(source, compilePattern(source));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const hint = error instanceof PatternError && error.hint !== undefined ? `; ${error.hint}` : "";
    return { source, error: `${message}${hint}`, test: () => false };
  }
}

/** Writes the event's values of {@link RULE_FIELDS} into `into`. New-style events name their reporter, not a source. */
export function readFields(event: Event, compat: boolean, into: FieldValues): void {
  into[0] = event.message;
  into[1] = event.involvedObject.apiVersion ?? "";
  into[2] = event.involvedObject.kind ?? "";
  into[3] = event.metadata.namespace ?? "";
  into[4] = event.reason;
  into[5] = event.type;
  into[6] = event.source.component || (compat ? "" : event.reportingComponent);
  into[7] = event.source.host || (compat ? "" : event.reportingInstance);
  into[8] = event.involvedObject.name ?? "";
  into[9] = event.reportingComponent;
  into[10] = event.reportingInstance;
}

function mapConditions(
  map: Maps,
  patterns: Readonly<Record<string, string>> | undefined,
  matcher: (source: string) => Matcher,
): MapCondition[] {
  return Object.entries(patterns ?? {}).map(([key, pattern]) => ({ map, key, matcher: matcher(pattern) }));
}

function objectValue(event: Event, condition: MapCondition): string | undefined {
  const map = event.involvedObject[condition.map];
  return map !== undefined && Object.hasOwn(map, condition.key) ? map[condition.key] : undefined;
}

export interface RuleOptions {
  /** `compat: exporter`: no fall-backs, `count` only. */
  readonly compat: boolean;
  readonly receivers: readonly string[];
  /** The type of an event's friendly form. Absent: no event has one. */
  readonly eventType?: ((event: Event) => string) | undefined;
  /** Lets rules share what they remember of the same pattern. */
  readonly matcher: (source: string) => Matcher;
}

/** A rule's conditions without what is done when they hold. */
interface Conditions {
  hold(event: Event, values: FieldValues): boolean;
  explain(event: Event, values: FieldValues): ConditionReport[];
}

export function compileRule(config: RuleConfig, options: RuleOptions): Rule {
  const { hold, explain } = compileConditions(config, options);
  return {
    at: config.at,
    receiverName: config.receiver || undefined,
    receiver: config.receiver ? options.receivers.indexOf(config.receiver) : -1,
    matches: hold,
    explain,
  };
}

function compileConditions(config: RuleConditions, options: RuleOptions): Conditions {
  const { compat, matcher } = options;
  const fields: FieldCondition[] = [];
  RULE_FIELDS.forEach((field, index) => {
    const pattern = config[field];
    if (pattern) fields.push({ index, field, matcher: matcher(pattern) });
  });
  const maps = [
    ...mapConditions("labels", config.labels, matcher),
    ...mapConditions("annotations", config.annotations, matcher),
  ];
  const minCount = config.minCount ?? 0;
  const maxCount = config.maxCount ?? Number.POSITIVE_INFINITY;
  const counts = minCount !== 0 || maxCount !== Number.POSITIVE_INFINITY;
  const countOf = (event: Event) => (compat ? event.count : occurrences(event));
  const { eventType = () => RAW_TYPE } = options;
  const typed = config.eventType ? matcher(config.eventType) : undefined;
  const not = config.not && compileConditions(config.not, options);

  return {
    hold(event, values) {
      for (const { index, matcher } of fields) {
        if (!matcher.test(values[index] ?? "")) return false;
      }
      for (const condition of maps) {
        const value = objectValue(event, condition);
        if (value === undefined || !condition.matcher.test(value)) return false;
      }
      if (counts) {
        const count = countOf(event);
        if (count < minCount || count > maxCount) return false;
      }
      // Last, because it may have to read the message.
      if (typed && !typed.test(eventType(event))) return false;
      return not === undefined || !not.hold(event, values);
    },

    explain(event, values) {
      const reports: ConditionReport[] = fields.map(({ index, field, matcher }) => {
        const value = values[index] ?? "";
        return report(field, matcher, value, value);
      });
      for (const condition of maps) {
        const { map, key, matcher } = condition;
        reports.push(report(`${map}.${key}`, matcher, objectValue(event, condition), absence(event, map)));
      }
      const count = countOf(event);
      if (minCount !== 0)
        reports.push({ field: "minCount", pattern: minCount, value: count, matched: count >= minCount });
      if (maxCount !== Number.POSITIVE_INFINITY) {
        reports.push({ field: "maxCount", pattern: maxCount, value: count, matched: count <= maxCount });
      }
      if (typed) {
        const value = eventType(event);
        reports.push(report("eventType", typed, value, value));
      }
      if (not) {
        const conditions = not.explain(event, values);
        const matched = !conditions.every((condition) => condition.matched);
        reports.push({ field: "not", pattern: "", value: null, matched, conditions });
      }
      return reports;
    },
  };
}

function absence(event: Event, map: Maps): string {
  return event.involvedObject[map] === undefined
    ? `the ${map} of the object are not known`
    : `the object has no such ${map === "labels" ? "label" : "annotation"}`;
}

function report(field: string, matcher: Matcher, value: string | undefined, absent: string): ConditionReport {
  const common = { field, pattern: matcher.source, value: value ?? null };
  if (value === undefined) return { ...common, matched: false, why: absent };
  if (matcher.error !== undefined) {
    return { ...common, matched: false, why: `the pattern is not RE2 and never matches: ${matcher.error}` };
  }
  return { ...common, matched: matcher.test(value) };
}
