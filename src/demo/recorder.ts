/** Turns what a component notices into the event that its recorder would write, or into the update of one. */
import type { OwnerReference } from "../event.ts";
import type { KnownObject } from "./discovery.ts";
import { type EventInput, micros, type Stored, seconds } from "./event-store.ts";

/** An object of the story, and which of its containers is spoken of. */
export interface Subject extends KnownObject {
  readonly metadata: KnownObject["metadata"] & {
    readonly uid: string;
    readonly ownerReferences?: readonly OwnerReference[];
  };
  readonly fieldPath?: string;
}

/** A component that writes events. `action` makes it a new-style writer (events.k8s.io recorder). */
export interface Writer {
  readonly component: string;
  readonly host?: string;
  readonly action?: string;
}

/** One thing noticed; the same thing noticed again becomes a higher count, or a series. */
export interface Occurrence {
  /** Seconds from the beginning of the day. */
  readonly at: number;
  readonly on: Subject;
  readonly by: Writer;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** Where a recorder writes: the API server, or a test. */
export interface RecorderTarget {
  put(event: EventInput): Stored;
}

/** Events of objects without a namespace live in this one. */
const DEFAULT_NAMESPACE = "default";

/**
 * `random` gives the ends of the events' names. Old-style recorders count (client-go tools/record), new-style ones keep
 * a series (client-go tools/events, which writes the second occurrence and then a heartbeat each half hour: here every
 * one, as a day passes in seconds).
 */
export function createRecorder(
  target: RecorderTarget,
  options: { readonly now: () => number; readonly random: () => number },
): (occurrence: Occurrence) => Stored {
  const written = new Map<string, EventInput>();

  return ({ on, by, type, reason, message }) => {
    const now = options.now();
    const { name, namespace = DEFAULT_NAMESPACE, uid } = on.metadata;
    const key = JSON.stringify([on.apiVersion, on.kind, uid, on.fieldPath, by, type, reason, message]);
    const before = written.get(key);
    const event = before
      ? again(before, now)
      : first(`${name}.${hex(options.random, 16)}`, namespace, { on, by, type, reason, message }, now);
    written.set(key, event);
    return target.put(event);
  };
}

function again(event: EventInput, now: number): EventInput {
  if (event.eventTime != null) {
    return { ...event, series: { count: (event.series?.count ?? 1) + 1, lastObservedTime: micros(now) } };
  }
  return { ...event, count: (event.count ?? 1) + 1, lastTimestamp: seconds(now) };
}

function first(
  eventName: string,
  namespace: string,
  { on, by, type, reason, message }: Omit<Occurrence, "at">,
  now: number,
): EventInput {
  const { name, uid, resourceVersion } = on.metadata;
  const common = {
    metadata: { name: eventName, namespace },
    involvedObject: {
      kind: on.kind,
      ...(on.metadata.namespace === undefined ? {} : { namespace: on.metadata.namespace }),
      name,
      uid,
      apiVersion: on.apiVersion,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(on.fieldPath === undefined ? {} : { fieldPath: on.fieldPath }),
    },
    reason,
    message,
    type,
    reportingComponent: by.component,
  };
  if (by.action !== undefined) {
    const instance = `${by.component}-control-plane-1`;
    return { ...common, eventTime: micros(now), action: by.action, reportingInstance: instance };
  }
  return {
    ...common,
    source: { component: by.component, ...(by.host === undefined ? {} : { host: by.host }) },
    firstTimestamp: seconds(now),
    lastTimestamp: seconds(now),
    count: 1,
    reportingInstance: by.host ?? "",
  };
}

export function hex(random: () => number, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
}

/** mulberry32: small, even enough for names, the same on every machine. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A version 4 UUID made of this randomness. */
export function uuid(random: () => number): string {
  const variant = (8 + Math.floor(random() * 4)).toString(16);
  return `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-${variant}${hex(random, 3)}-${hex(random, 12)}`;
}
