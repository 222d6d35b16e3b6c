/**
 * The events of a simulated cluster as etcd keeps them: one integer sequence of versions, a history until it is
 * compacted, stable snapshots, and the two shapes in which one stored event is shown.
 */
import type { ObjectMeta, ObjectReference } from "../event.ts";

/** core/v1 Event without `kind` and `apiVersion`, as an item of a list. */
export interface CoreEvent {
  readonly metadata: ObjectMeta & { readonly name: string; readonly namespace: string };
  readonly involvedObject: ObjectReference;
  readonly reason?: string;
  readonly message?: string;
  readonly source: { readonly component?: string; readonly host?: string };
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly count?: number;
  readonly type?: string;
  readonly eventTime: string | null;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
  readonly action?: string;
  readonly related?: ObjectReference;
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

/** What a writer hands in; the store adds uid, versions, creationTimestamp and the fields that are never absent. */
export type EventInput = Partial<Omit<CoreEvent, "metadata">> & {
  readonly metadata: ObjectMeta & { readonly name: string; readonly namespace: string };
};

export interface Stored {
  /** `namespace/name`: the order of lists. */
  readonly key: string;
  readonly version: number;
  readonly event: CoreEvent;
}

/** One write. `before` absent: created; `after` absent: removed. */
export interface Change {
  readonly version: number;
  readonly before?: Stored;
  readonly after?: Stored;
}

export interface EventStore {
  readonly version: number;
  readonly compacted: number;
  /** A version for a write of something else: all that is in one etcd shares one sequence. */
  next(): number;
  /** Creates, or replaces the event of that name; uid and creationTimestamp stay. */
  put(input: EventInput): Stored;
  get(key: string): Stored | undefined;
  remove(key: string): boolean;
  /** Forgets the history up to and including this version (default: all of it). */
  compact(version?: number): void;
  /** Removes what was not written for longer than the TTL; every write does so, too. */
  expire(): void;
  /** The state at a version (not compacted, not in the future), in key order. */
  snapshot(version: number): readonly Stored[];
  /** The writes after a version, oldest first. */
  since(version: number): readonly Change[];
}

/** API servers write RFC 3339 with whole seconds. */
export const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** metav1.MicroTime. */
export const micros = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`;

/** `now` in milliseconds; `uid` makes the next uid; `written` hears every write. */
export function createEventStore(options: {
  readonly now: () => number;
  readonly ttlMs: number;
  readonly uid: () => string;
  readonly firstVersion: number;
  readonly written: (change: Change) => void;
}): EventStore {
  const events = new Map<string, Stored>();
  const writtenAt = new Map<string, number>();
  let changes: Change[] = [];
  let version = options.firstVersion;
  let compacted = 0;

  function record(change: Change): void {
    changes.push(change);
    options.written(change);
  }

  function remove(key: string): boolean {
    const before = events.get(key);
    if (!before) return false;
    events.delete(key);
    writtenAt.delete(key);
    version++;
    record({ version, before });
    return true;
  }

  function expire(): void {
    const oldest = options.now() - options.ttlMs;
    for (const [key, at] of writtenAt) {
      if (at > oldest) return;
      remove(key);
    }
  }

  return {
    get version() {
      return version;
    },
    get compacted() {
      return compacted;
    },
    next: () => ++version,
    put(input) {
      expire();
      const now = options.now();
      const key = `${input.metadata.namespace}/${input.metadata.name}`;
      const before = events.get(key);
      version++;
      const event: CoreEvent = {
        ...input,
        metadata: {
          ...input.metadata,
          uid: before?.event.metadata.uid ?? input.metadata.uid ?? options.uid(),
          resourceVersion: String(version),
          creationTimestamp:
            before?.event.metadata.creationTimestamp ?? input.metadata.creationTimestamp ?? seconds(now),
        },
        involvedObject: input.involvedObject ?? {},
        source: input.source ?? {},
        firstTimestamp: input.firstTimestamp ?? null,
        lastTimestamp: input.lastTimestamp ?? null,
        eventTime: input.eventTime ?? null,
        reportingComponent: input.reportingComponent ?? "",
        reportingInstance: input.reportingInstance ?? "",
      };
      const after = { key, version, event };
      events.set(key, after);
      writtenAt.delete(key);
      writtenAt.set(key, now);
      record(before ? { version, before, after } : { version, after });
      return after;
    },
    get: (key) => events.get(key),
    remove,
    compact(upTo = version) {
      compacted = Math.min(Math.max(compacted, upTo), version);
      changes = changes.filter((change) => change.version > compacted);
    },
    expire,
    snapshot(at) {
      const state = new Map(events);
      for (let index = changes.length - 1; index >= 0; index--) {
        const change = changes[index];
        if (!change || change.version <= at) break;
        const key = (change.after ?? change.before)?.key ?? "";
        if (change.before) state.set(key, change.before);
        else state.delete(key);
      }
      return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    since: (after) => changes.filter((change) => change.version > after),
  };
}

/**
 * The same event as events.k8s.io/v1 shows it.
 * @see https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/events/v1/conversion.go
 */
export function asEventsV1(event: CoreEvent): Record<string, unknown> {
  return {
    metadata: event.metadata,
    eventTime: event.eventTime,
    series: event.series,
    reportingController: event.reportingComponent || undefined,
    reportingInstance: event.reportingInstance || undefined,
    action: event.action,
    reason: event.reason,
    regarding: event.involvedObject,
    related: event.related,
    note: event.message,
    type: event.type,
    deprecatedSource: event.source,
    deprecatedFirstTimestamp: event.firstTimestamp,
    deprecatedLastTimestamp: event.lastTimestamp,
    deprecatedCount: event.count,
  };
}
