/** A route's decision in words. */
import type { Event } from "../event.ts";
import type { Explanation, RouteReport, RuleReport } from "../pipeline/route.ts";
import type { ConditionReport } from "../pipeline/rule.ts";

/** For each receiver, whether it gets the event, and what every rule that names it had to say. */
export interface ReceiverReason {
  readonly receiver: string;
  readonly receives: boolean;
  readonly why: readonly string[];
}

/** `receivers`: those of the config, in its order; names that only rules know come after them. */
export function receiverReasons(explanation: Explanation, receivers: readonly string[]): readonly ReceiverReason[] {
  const reasons = new Map<string, string[]>(receivers.map((name) => [name, []]));
  gather(explanation.route, undefined, reasons);
  return [...reasons].map(([receiver, why]) => ({
    receiver,
    receives: explanation.receivers.includes(receiver),
    why: why.length > 0 ? why : ["no rule names it"],
  }));
}

function gather(route: RouteReport, shut: string | undefined, reasons: Map<string, string[]>): void {
  const dropping = route.drop.find(({ outcome }) => outcome === "dropped");
  const closed = shut ?? (dropping && `the drop rule in line ${dropping.line} matched: ${conditionsText(dropping)}`);
  for (const rule of route.match) {
    if (rule.receiver === undefined) continue;
    const said = reasons.get(rule.receiver) ?? [];
    reasons.set(rule.receiver, said);
    said.push(ruleText(rule, closed));
  }
  const failing = route.match.find(({ outcome }) => outcome === "unmatched");
  for (const sub of route.routes) {
    gather(
      sub,
      closed ??
        (failing &&
          `its route is entered only if the rule in line ${failing.line} matches, and it does not: ${conditionsText(failing)}`),
      reasons,
    );
  }
}

function ruleText(rule: RuleReport, closed: string | undefined): string {
  const text = `line ${rule.line}: `;
  switch (rule.outcome) {
    case "skipped":
      return `${text}not asked, because ${closed ?? "its route was not entered"}`;
    case "again":
      return `${text}matches, too; a receiver gets an event once`;
    case "unknown-receiver":
      return `${text}matches, but no receiver has this name`;
    default:
      return `${text}${conditionsText(rule)}`;
  }
}

/** What decided: the conditions that fail, or else all of them. */
function conditionsText({ conditions }: Pick<RuleReport, "conditions">): string {
  if (conditions.length === 0) return "asks nothing, so every event matches";
  const failing = conditions.filter(({ matched }) => !matched);
  return (failing.length > 0 ? failing : conditions).map(conditionText).join(", ");
}

function conditionText({ field, pattern, value, matched, why, conditions }: ConditionReport): string {
  if (field === "minCount") return `count ${value} ${matched ? "reaches" : "is below"} minCount ${pattern}`;
  if (field === "maxCount") return `count ${value} ${matched ? "is within" : "exceeds"} maxCount ${pattern}`;
  if (conditions) return `not holds ${matched ? "back nothing" : "it back"}: ${conditionsText({ conditions })}`;
  const asked = `${field} ${quoted(String(value))}`;
  if (why !== undefined) return value === null ? `${field}: ${why}` : `${asked}: ${quoted(String(pattern))}: ${why}`;
  return `${asked} ${matched ? "matches" : "does not match"} ${quoted(String(pattern))}`;
}

const MAX_SHOWN = 80;

function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

/** `Warning BackOff Pod default/web-1: Back-off restarting …` */
export function eventTitle(event: Event): string {
  const { kind = "", namespace = "", name = "" } = event.involvedObject;
  const object = [kind, [namespace, name].filter((part) => part !== "").join("/")]
    .filter((part) => part !== "")
    .join(" ");
  const title = [event.type, event.reason, object].filter((part) => part !== "").join(" ");
  const message = event.message.length > MAX_SHOWN ? `${event.message.slice(0, MAX_SHOWN)}…` : event.message;
  return `${title}: ${message.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ")}`;
}

/** Enough of an event to know which one it is. */
export function eventSummary(event: Event): Readonly<Record<string, string>> {
  const { kind = "", namespace = "", name = "" } = event.involvedObject;
  return { id: event.id, type: event.type, reason: event.reason, kind, namespace, name };
}

/** The whole answer for one event, as a person reads it. */
export function explanationText(event: Event, explanation: Explanation, receivers: readonly string[]): string {
  const reasons = receiverReasons(explanation, receivers);
  const width = Math.max(0, ...reasons.map(({ receiver }) => receiver.length));
  const to = explanation.receivers.length > 0 ? explanation.receivers.join(", ") : "nobody";
  let text = `${eventTitle(event)}\ngoes to: ${to}\n`;
  for (const { receiver, receives, why } of reasons) {
    why.forEach((line, index) => {
      const head = index === 0 ? `${receiver.padEnd(width)}  ${receives ? "yes" : "no "}` : " ".repeat(width + 5);
      text += `  ${head}  ${line}\n`;
    });
  }
  return text;
}
