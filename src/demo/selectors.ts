/** Field and label selectors of event requests, as the API server understands them. */
import type { CoreEvent } from "./event-store.ts";

export type Selector = (event: CoreEvent) => boolean;

/** A selector that the server refuses with status 400 and this message. */
export class SelectorError extends Error {
  override readonly name = "SelectorError";
}

const OBJECT_FIELDS = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"] as const;

/** @see https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/event/strategy.go (ToSelectableFields) */
function fieldOf(label: string, group: string): ((event: CoreEvent) => string) | undefined {
  const object = group === "" ? "involvedObject." : "regarding.";
  if (label.startsWith(object)) {
    const field = OBJECT_FIELDS.find((name) => label === object + name);
    return field && ((event) => event.involvedObject[field] ?? "");
  }
  switch (label) {
    case "reason":
      return (event) => event.reason ?? "";
    case "type":
      return (event) => event.type ?? "";
    case "metadata.name":
      return (event) => event.metadata.name;
    case "metadata.namespace":
      return (event) => event.metadata.namespace;
    case group === "" ? "reportingComponent" : "reportingController":
      return (event) => event.reportingComponent;
    case "source":
      return group === "" ? (event) => event.source.component || event.reportingComponent : undefined;
    default:
      return undefined;
  }
}

/** `group` is "" for core/v1 and "events.k8s.io" for the other view. Throws {@link SelectorError}. */
export function fieldSelector(text: string, group: string): Selector {
  const tests = text
    .split(",")
    .filter((part) => part !== "")
    .map((part): Selector => {
      const match = /^([^=!]+)(==|!=|=)(.*)$/s.exec(part);
      if (!match) throw new SelectorError(`invalid selector: '${text}'; can't understand '${part}'`);
      const [, label = "", operator, value = ""] = match;
      const field = fieldOf(label, group);
      if (!field) throw new SelectorError(`field label not supported: ${label}`);
      return operator === "!=" ? (event) => field(event) !== value : (event) => field(event) === value;
    });
  return (event) => tests.every((test) => test(event));
}

/** `a=b`, `a!=b`, `a`, `!a`, `a in (x,y)`, `a notin (x)`. Throws {@link SelectorError}. */
export function labelSelector(text: string): Selector {
  const parts = text.match(/[^,(]+(\([^)]*\))?/g) ?? [];
  const tests = parts.map((raw): Selector => {
    const part = raw.trim();
    const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(part);
    if (set) {
      const [, key = "", operator, list = ""] = set;
      const values = list.split(",").map((value) => value.trim());
      return (event) => values.includes(event.metadata.labels?.[key] ?? "\0") === (operator === "in");
    }
    const equality = /^([^\s=!]+)\s*(==|!=|=)\s*(\S*)$/.exec(part);
    if (equality) {
      const [, key = "", operator, value = ""] = equality;
      return (event) => (event.metadata.labels?.[key] === value) === (operator !== "!=");
    }
    const exists = /^(!?)([^\s=!]+)$/.exec(part);
    if (!exists) throw new SelectorError(`unable to parse requirement: found '${part}'`);
    const [, not, key = ""] = exists;
    return (event) => (event.metadata.labels?.[key] !== undefined) === (not === "");
  });
  return (event) => tests.every((test) => test(event));
}
