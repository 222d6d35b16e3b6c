/**
 * What a posted event must be: the fields that Petrel reads, in the types that the API gives them. A watch is not asked
 * that, because nobody could mend what comes of it; who posts can.
 */
import type { ProblemDetails } from "./problem.ts";

type Json = Readonly<Record<string, unknown>>;
type Scalar = "text" | "whole" | "time";
type Kind = Scalar | Readonly<Record<string, Scalar>>;

const OBJECT = {
  kind: "text",
  namespace: "text",
  name: "text",
  uid: "text",
  apiVersion: "text",
  resourceVersion: "text",
  fieldPath: "text",
} as const;
const SOURCE = { component: "text", host: "text" } as const;

/** core/v1 and events.k8s.io/v1: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const FIELDS: Readonly<Record<string, Kind>> = {
  metadata: { name: "text", namespace: "text", uid: "text", resourceVersion: "text", creationTimestamp: "time" },
  involvedObject: OBJECT,
  regarding: OBJECT,
  related: OBJECT,
  reason: "text",
  message: "text",
  note: "text",
  type: "text",
  action: "text",
  source: SOURCE,
  deprecatedSource: SOURCE,
  count: "whole",
  deprecatedCount: "whole",
  firstTimestamp: "time",
  lastTimestamp: "time",
  deprecatedFirstTimestamp: "time",
  deprecatedLastTimestamp: "time",
  eventTime: "time",
  series: { count: "whole", lastObservedTime: "time" },
  reportingComponent: "text",
  reportingController: "text",
  reportingInstance: "text",
  clusterName: "text",
  clusterEnvironment: "text",
};

/** Once, and not for each event. */
const ENTRIES = Object.entries(FIELDS).map(
  ([key, kind]) => [key, typeof kind === "string" ? kind : Object.entries(kind)] as const,
);

const WANTED = { text: "text", whole: "a whole number", time: "a time (RFC 3339)" } as const;

/** The first thing that is wrong; undefined: it can be taken. `at`: a JSON Pointer to the event. */
export function wrongField(event: unknown, at: string): ProblemDetails | undefined {
  if (!isObject(event)) return { detail: `expected an event, which is an object, got ${named(event)}`, pointer: at };
  for (const [key, kind] of ENTRIES) {
    const wrong = wrongValue(event[key], kind, at, key);
    if (wrong) return wrong;
  }
  if (!isObject(event.metadata)) return { detail: "an event has metadata", pointer: `${at}/metadata` };
  if (!isObject(event.involvedObject) && !isObject(event.regarding)) {
    return { detail: "an event has an involvedObject (or regarding)", pointer: `${at}/involvedObject` };
  }
  return undefined;
}

function wrongValue(
  value: unknown,
  kind: Scalar | readonly (readonly [string, Scalar])[],
  at: string,
  name: string,
): ProblemDetails | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof kind !== "string") {
    if (!isObject(value)) return { detail: `expected an object, got ${named(value)}`, pointer: `${at}/${name}` };
    for (const [key, inner] of kind) {
      if (!isScalar(value[key], inner)) return wrongValue(value[key], inner, `${at}/${name}`, key);
    }
    return undefined;
  }
  if (isScalar(value, kind)) return undefined;
  return { detail: `expected ${WANTED[kind]}, got ${named(value)}`, pointer: `${at}/${name}` };
}

function isScalar(value: unknown, kind: Scalar): boolean {
  if (value === undefined || value === null) return true;
  if (kind === "whole") return Number.isSafeInteger(value);
  return typeof value === "string" && (kind === "text" || isTime(value));
}

const isTime = (text: string): boolean => text === "" || !Number.isNaN(Date.parse(text));

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function named(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return `text: ${JSON.stringify(value.slice(0, 40))}`;
  return typeof value === "object" ? "an object" : String(value);
}
