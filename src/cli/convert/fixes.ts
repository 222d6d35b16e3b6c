/** What to do about each thing that `petrel check` finds in a config of kubernetes-event-exporter, so that it goes on routing as it did. */
import { isMap, isScalar, Scalar, YAMLSeq } from "yaml";
import type { Finding } from "../../errors.ts";
import { below, type Draft, member, pairOf, plainOf, type Steps, valueAt } from "./draft.ts";
import { leaveOnce } from "./twice.ts";

/** False: it cannot. */
export type Fix = (draft: Draft, steps: Steps, finding: Finding) => boolean;

/** Hints that say what is done here, or what else there is. */
const IDLE_HINT = /^(?:remove |add |see |known here|there are|until |receiver |put `drop`|leave )/;

const sentence = ({ message, hint = "" }: Finding): string =>
  hint === "" || IDLE_HINT.test(hint) ? message : `${message}; ${hint}`;
const meant = (finding: Finding): string | undefined =>
  /did you mean `([^`]+)`|^write `([^`]+)`$/
    .exec(finding.hint ?? "")
    ?.slice(1)
    .find(Boolean);

/** Up to the rule: an item of `match` or `drop`. */
function ruleOf(steps: Steps): Steps | undefined {
  for (let at = steps.length - 2; at >= 0; at--) {
    const name = String(steps[at]?.name).toLowerCase();
    if ((name === "match" || name === "drop") && typeof steps[at + 1]?.name === "number") return steps.slice(0, at + 2);
  }
  return undefined;
}

function receiverOf(steps: Steps): Steps | undefined {
  const [first, second] = steps;
  return first && second && String(first.name).toLowerCase() === "receivers" ? [first, second] : undefined;
}

const isDrop = (rule: Steps): boolean => String(rule.at(-2)?.name).toLowerCase() === "drop";
const routeOf = (rule: Steps): Steps => rule.slice(0, -2);

/** An item of `routes`; undefined: it is the route at the top, which stays. */
const removable = (route: Steps): Steps | undefined => (typeof route.at(-1)?.name === "number" ? route : undefined);

/** Of a rule that never matches: what is below its route is not for anybody. */
function neverMatches(draft: Draft, steps: Steps, finding: Finding): boolean {
  const rule = ruleOf(steps);
  if (!rule) return false;
  const route = routeOf(rule);
  const routes = isDrop(rule) ? undefined : member(route, valueAt(route), "routes");
  if (routes) draft.remove(routes, "routes below a rule that never matches are not tried");
  draft.remove(rule, sentence(finding));
  return true;
}

function takeOut(draft: Draft, steps: Steps, finding: Finding): boolean {
  if (steps.length === 0) return false;
  draft.remove(steps, sentence(finding));
  return true;
}

function takeOutRule(draft: Draft, steps: Steps, finding: Finding): boolean {
  const rule = ruleOf(steps);
  return rule !== undefined && takeOut(draft, rule, finding);
}

function takeOutReceiver(draft: Draft, steps: Steps, finding: Finding): boolean {
  const receiver = receiverOf(steps);
  return receiver !== undefined && takeOut(draft, receiver, finding);
}

/** The key, if it need not be there; else the receiver. */
const takeOutKey: Fix = (draft, steps, finding) =>
  pairOf(steps.at(-1)) && steps.length !== 2 ? takeOut(draft, steps, finding) : takeOutReceiver(draft, steps, finding);

function setValue(draft: Draft, steps: Steps, value: unknown, why: string): boolean {
  const pair = pairOf(steps.at(-1));
  if (!pair) return false;
  const old = pair.value;
  const made = new Scalar(value);
  if (isScalar(old)) {
    if (old.comment) made.comment = old.comment;
    if (old.range) made.range = old.range;
  }
  pair.value = made;
  draft.note(steps, why);
  return true;
}

const rename: Fix = (draft, steps, finding) => {
  const key = meant(finding);
  if (key === undefined || !pairOf(steps.at(-1))) return false;
  draft.rename(steps, key, renamed(String(steps.at(-1)?.name), key, ruleOf(steps) !== undefined));
  return true;
};

function renamed(from: string, to: string, inRule: boolean): string {
  if (inRule && (from === "apiversion" || from === "mincount")) {
    return `\`${from}\` is spelt \`${to}\`; resmoio's exporter ignored it, so that the rule matched more, Opsgenie's and Giant Swarm's did not`;
  }
  const ignored = from === "throttlePeriod" ? "" : "; kubernetes-event-exporter may have ignored it";
  return `\`${from}\` is spelt \`${to}\`${ignored}`;
}

/** A pattern that ends in `x*` anywhere matches what it matches without both. */
const withoutStar: Fix = (draft, steps) => {
  const scalar = valueAt(steps);
  if (!isScalar(scalar) || typeof scalar.value !== "string") return false;
  const pattern = scalar.value
    .split("|")
    .map((part) => (/^\^?[\w./-]*[\w-]\*$/.test(part) && !part.endsWith(".*") ? part.slice(0, -2) || ".*" : part))
    .join("|");
  const why = `\`${scalar.value}\` matched what \`${pattern}\` matches: \`*\` repeats the character before it. For what begins so write \`^${scalar.value.replaceAll("*", "")}\``;
  return setValue(draft, steps, pattern, why);
};

const neverOfType: Fix = (draft, steps, finding) => {
  const scalar = valueAt(steps);
  if (!isScalar(scalar)) return false;
  return setValue(
    draft,
    steps,
    `.*${scalar.value}`,
    `${sentence(finding)}; it is left as a pattern that matches the same`,
  );
};

const fewerThan: Fix = (draft, steps) => {
  const rule = ruleOf(steps);
  const map = rule && valueAt(rule);
  const count = Number(plainOf(valueAt(steps)));
  if (!rule || !isMap(map) || !Number.isInteger(count) || map.has("not")) return false;
  map.delete(steps.at(-1)?.name);
  map.set("not", draft.document.createNode({ maxCount: count - 1 }));
  draft.note(
    rule,
    `\`minCount: ${count}\` in \`drop\` drops what occurred ${count} times or more, and not less: \`not: { maxCount }\` says so`,
  );
  return true;
};

/** A rule that drops everything leaves its route nothing. */
const emptyRule: Fix = (draft, steps, finding) => {
  const rule = ruleOf(steps);
  if (!rule) return false;
  if (!isDrop(rule)) return takeOut(draft, rule, finding);
  const route = removable(routeOf(rule));
  return route !== undefined && takeOut(draft, route, finding);
};

const idleRoute: Fix = (draft, steps, finding) => {
  let at = steps;
  while (
    at.length > 0 &&
    !(typeof at.at(-1)?.name === "number" && String(at.at(-2)?.name).toLowerCase() === "routes")
  ) {
    at = at.slice(0, -1);
  }
  return takeOut(draft, at, finding);
};

const andedRules: Fix = (draft, steps, finding) => {
  const rule = ruleOf(steps);
  if (!rule) return false;
  const routes = member(routeOf(rule), valueAt(routeOf(rule)), "routes");
  draft.remove(routes ?? rule, sentence(finding));
  return true;
};

/** The rule before it did nothing, and the receiver got everything. */
const splitRule: Fix = (draft, steps, finding) => {
  const rule = ruleOf(steps);
  const last = rule?.at(-1);
  if (!rule || !last || last.index === 0) return false;
  return takeOut(draft, [...rule.slice(0, -1), { ...last, index: last.index - 1, name: last.index - 1 }], finding);
};

const aList: Fix = (draft, steps, finding) => {
  const name = /^`(\w+)` is a list/.exec(finding.message)?.[1];
  const end = steps.findLastIndex((step) => String(step.name).toLowerCase() === name?.toLowerCase());
  const place = steps.slice(0, end + 1);
  const pair = pairOf(place.at(-1));
  if (!pair) return false;
  const list = new YAMLSeq();
  list.add(pair.value);
  pair.value = list;
  draft.note(place, `\`${name}\` is a list; kubernetes-event-exporter refused one item alone`);
  return true;
};

const asNumber: Fix = (draft, steps, finding) =>
  setValue(draft, steps, Math.trunc(Number(plainOf(valueAt(steps)))), sentence(finding));

const asBoolean: Fix = (draft, steps, finding) =>
  setValue(draft, steps, /^(?:y|yes|on|true)$/i.test(String(plainOf(valueAt(steps)))), sentence(finding));

const negativeAge: Fix = (draft, steps) => {
  draft.rename(
    steps,
    "startFrom",
    "`maxEventAgeSeconds` below 0 left out every event that exists at the start, as `startFrom: now` does; what happens later is told",
  );
  const pair = pairOf(steps.at(-1));
  if (pair) pair.value = new Scalar("now");
  return true;
};

const streamLabels: Fix = (draft, steps) => {
  const receiver = receiverOf(steps);
  const loki = receiver && member(receiver, valueAt(receiver), "loki");
  const map = loki && valueAt(loki);
  if (!loki || !isMap(map)) return false;
  const before = member(loki, map, "streamLabels");
  if (before) map.items.splice(before.at(-1)?.index ?? 0, 1);
  map.set("streamLabels", draft.document.createNode({ source: "petrel" }));
  draft.note(
    loki,
    "without `streamLabels` Loki refused every event; labels with few values each are better, such as the namespace",
  );
  return true;
};

const lokiLayout: Fix = (draft, steps, finding) => {
  const receiver = receiverOf(steps);
  const loki = receiver && member(receiver, valueAt(receiver), "loki");
  const layout = loki && member(loki, valueAt(loki), "layout");
  return layout !== undefined && takeOut(draft, layout, finding);
};

/** What Loki refused from a webhook, the receiver for it can say. */
const lokiPush: Fix = (draft, steps) => {
  const receiver = receiverOf(steps);
  const webhook = receiver && member(receiver, valueAt(receiver), "webhook");
  const endpoint = webhook && member(webhook, valueAt(webhook), "endpoint");
  if (!webhook || !endpoint) return false;
  draft.rename(endpoint, "url", "`endpoint` of a webhook is `url` of Loki");
  draft.rename(
    webhook,
    "loki",
    "Loki refused what this webhook sent: it wants a body of its own shape, which the receiver `loki` makes",
  );
  return true;
};

/** Events on which it failed were lost; what can be sent now is its text. */
const template: Fix = (draft, steps, finding) => {
  const scalar = valueAt(steps);
  if (!isScalar(scalar) || typeof scalar.value !== "string") return false;
  const wrong = /`(\.[\w.]+)`/.exec(finding.message)?.[1];
  const right = meant(finding);
  const before = scalar.value;
  if (wrong !== undefined && right?.startsWith(".") && before.includes(wrong)) {
    scalar.value = before.replaceAll(wrong, right);
    draft.note(steps, `\`${wrong}\` is \`${right}\`; kubernetes-event-exporter lost every event on it`);
    return true;
  }
  if (finding.severity !== "error" || before.includes("`") || finding.code === "helm-template") return false;
  scalar.value = `{{ \`${before}\` }}`;
  draft.note(steps, `${sentence(finding)}; it is sent as it stands here`);
  return true;
};

const duplicateReceiver: Fix = (draft, steps, finding) => {
  const receiver = receiverOf(steps);
  const [list] = receiver ?? [];
  const last = receiver?.at(-1);
  const name = receiver && plainOf(valueAt(receiver));
  if (!list || !last || typeof name !== "object" || name === null || !("name" in name)) return false;
  for (const step of below(last.holder)) {
    const value = plainOf(valueAt([step]));
    if (step.index >= last.index || typeof value !== "object" || value === null || !("name" in value)) continue;
    if (value.name === name.name) return takeOut(draft, [list, step], finding);
  }
  return false;
};

/** By code. */
export const FIXES: Readonly<Record<string, Fix>> = {
  "alias-key": rename,
  "duplicate-key": takeOut,
  "unknown-key": takeOut,
  "fork-key": takeOut,
  "not-yet": takeOut,
  "two-sinks": takeOut,
  "two-ages": takeOut,
  "empty-layout": takeOut,
  "drop-receiver": takeOut,
  "undefined-receiver": takeOut,
  "wrong-value": takeOutKey,
  "wrong-type": takeOutKey,
  "unused-receiver": takeOutReceiver,
  "duplicate-receiver": duplicateReceiver,
  "no-sink": (draft, steps, finding) => rename(draft, steps, finding) || takeOutReceiver(draft, steps, finding),
  "no-receiver": takeOutRule,
  "empty-rule": emptyRule,
  "idle-route": idleRoute,
  "bad-pattern": neverMatches,
  "never-matches": neverMatches,
  "label-or-field": neverMatches,
  "anded-rules": andedRules,
  "split-rule": splitRule,
  "receiver-twice": (draft, steps) => leaveOnce(draft, ruleOf(steps)),
  "glob-pattern": withoutStar,
  "unknown-type": neverOfType,
  "drop-min-count": fewerThan,
  "not-a-list": aList,
  "quoted-number": asNumber,
  fraction: asNumber,
  "quoted-boolean": asBoolean,
  "negative-age": negativeAge,
  "loki-stream-labels": streamLabels,
  "loki-layout": lokiLayout,
  "loki-push": lokiPush,
  "bad-field": template,
  "bad-template": template,
  "failing-template": template,
  "helm-template": template,
};

/** What is left for a person, except that a receiver that cannot work is taken out. */
export const lastResort: Fix = (draft, steps, finding) =>
  finding.code !== "helm-template" && !finding.code.endsWith("-template") && takeOutReceiver(draft, steps, finding);
