/** Rules that send one event to one receiver twice: kubernetes-event-exporter did so, and Petrel sends it once and warns. */
import { isMap } from "yaml";
import { below, type Draft, member, plainOf, type Steps, valueAt } from "./draft.ts";

interface Use {
  readonly rule: Steps;
  readonly route: Steps;
  readonly conditions: Readonly<Record<string, unknown>>;
  /** Every event comes as far as this rule, and none is dropped before. */
  readonly open: boolean;
}

/** `rule`: the second that sends to its receiver. False: it has none. */
export function leaveOnce(draft: Draft, rule: Steps | undefined): boolean {
  const receiver = rule && receiverName(rule);
  const top = member([], draft.document.contents, "route");
  if (!rule || receiver === undefined || !top) return false;
  const uses = usesOf(top, true).filter((one) => receiverName(one.rule) === receiver);
  const own = uses.find((one) => same(one.rule, rule));
  const before = uses.slice(0, own ? uses.indexOf(own) : 0);
  if (!own || before.length === 0) return false;
  const everything = (one: Use): boolean => one.open && Object.keys(one.conditions).length === 0;
  if (before.some(everything)) {
    return forget(draft, own, `\`${receiver}\` gets everything by a rule above`);
  }
  const narrower = before.at(-1);
  if (everything(own) && narrower) return forget(draft, narrower, `\`${receiver}\` gets everything by a rule below`);
  const equal = before.find((one) => same(one.route, own.route) && text(one.conditions) === text(own.conditions));
  if (equal) return forget(draft, own, `\`${receiver}\` gets the same by a rule above`);
  return exclude(draft, own, before, receiver) || secondName(draft, own, receiver);
}

const text = (value: unknown): string => JSON.stringify(Object.entries(value ?? {}).sort());
const same = (a: Steps, b: Steps): boolean =>
  a.length === b.length && a.every(({ index }, at) => index === b[at]?.index);

function receiverName(rule: Steps): string | undefined {
  const value = plainOf(valueAt(rule));
  return typeof value === "object" && value !== null && "receiver" in value ? String(value.receiver) : undefined;
}

function usesOf(route: Steps, entered: boolean): Use[] {
  const map = valueAt(route);
  const items = (name: string): Steps[] => {
    const list = member(route, map, name);
    return list ? below(valueAt(list)).map((step) => [...list, step]) : [];
  };
  const open = entered && items("drop").length === 0;
  const uses = items("match").map((rule): Use => {
    const { receiver: _, ...conditions } = plainOf(valueAt(rule)) as Record<string, unknown>;
    return { rule, route, conditions, open };
  });
  const ungated = open && uses.every(({ conditions }) => Object.keys(conditions).length === 0);
  return [...uses, ...items("routes").flatMap((one) => usesOf(one, ungated))];
}

function forget(draft: Draft, { rule }: Use, why: string): boolean {
  const key = member(rule, valueAt(rule), "receiver");
  if (!key) return false;
  draft.remove(key, `${why}: kubernetes-event-exporter sent it twice`);
  return true;
}

/** The second rule leaves out what the first one matches. */
function exclude(draft: Draft, own: Use, before: readonly Use[], receiver: string): boolean {
  const map = valueAt(own.rule);
  const [first] = before;
  if (before.length !== 1 || !first || !isMap(map) || "not" in own.conditions || "not" in first.conditions)
    return false;
  const simple = Object.values(first.conditions).every((value) => typeof value !== "object");
  const gates = member(own.route, valueAt(own.route), "routes") !== undefined;
  // Elsewhere the first may be kept from its receiver by what is dropped, or asked for, on the way to it.
  if (!simple || gates || !(same(first.route, own.route) || first.open)) return false;
  map.set("not", draft.document.createNode(first.conditions));
  draft.note(
    own.rule,
    `\`${receiver}\` gets what \`not\` says by a rule above: kubernetes-event-exporter sent it twice`,
  );
  return true;
}

/** As it was: two messages for one event. */
function secondName(draft: Draft, own: Use, receiver: string): boolean {
  const list = member([], draft.document.contents, "receivers");
  const all = list ? below(valueAt(list)) : [];
  const original = all.find((step) => text(plainOf(valueAt([step]))) !== "" && nameOf(step) === receiver);
  const map = valueAt(own.rule);
  const copy = original && plainOf(valueAt([original]));
  if (!list || !original || !isMap(map) || typeof copy !== "object" || copy === null) return false;
  let number = 2;
  while (all.some((step) => nameOf(step) === `${receiver}-${number}`)) number++;
  const name = `${receiver}-${number}`;
  original.holder.items.push(draft.document.createNode({ ...copy, name }) as never);
  map.set("receiver", name);
  draft.note(
    own.rule,
    `two rules may send one event to \`${receiver}\`, as kubernetes-event-exporter did; \`${name}\` is the same receiver again, for one message less use one rule`,
  );
  return true;
}

function nameOf(step: Steps[number]): string | undefined {
  const value = plainOf(valueAt([step]));
  return typeof value === "object" && value !== null && "name" in value ? String(value.name) : undefined;
}
