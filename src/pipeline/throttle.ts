/** A rate for each kind of event, and the word about what it held back. Pure: time comes as an argument. */
import type { Event, ObjectReference } from "../event.ts";
import { type KeyField, keyOf } from "./gate-key.ts";

export interface ThrottleConfig {
  readonly by: readonly KeyField[];
  /** Events of one key per second, in the long run. */
  readonly perSecond: number;
  /** Events of one key at once. */
  readonly burst: number;
  /** Tell later, by one event, how many were held back. */
  readonly summary: boolean;
}

/** What one throttle held back of one key. */
export interface Summary {
  readonly throttle: ThrottleConfig;
  readonly key: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Of the first that was held back. */
  readonly sample: Sample;
}

export interface Sample {
  readonly object: ObjectReference;
  readonly namespace: string;
  readonly reason: string;
  readonly message: string;
  readonly type: string;
}

export interface Throttle {
  /** True: this event is to be held back; nothing has changed yet. */
  full(event: Event, now: number): boolean;
  /** The event goes on: it uses up what it may. To be called right after {@link Throttle.full} for the same event. */
  passed(event: Event): void;
  /** The event is held back. Likewise. */
  held(event: Event, now: number): void;
  /** What is to be told now: what was held back at least a minute ago; `all`: everything. Each is told once. */
  summaries(now: number, all: boolean): readonly Summary[];
}

/** From the first event that is held back to the word about it. */
export const SUMMARY_MS = 60_000;
const MAX_MESSAGE = 200;

interface Bucket {
  tokens: number;
  at: number;
  held: { count: number; readonly fromMs: number; toMs: number; readonly sample: Sample } | undefined;
}

/**
 * `remembered`: keys, of which those longest unseen are forgotten, at least half of them kept; one that comes again has
 * its whole burst.
 */
export function createThrottle(config: ThrottleConfig, remembered: number): Throttle {
  const key = keyOf(config.by);
  // Two generations, as in src/kube/bounded-cache.ts: a Map kept in order by delete and set costs three times all else.
  let young = new Map<string, Bucket>();
  let old = new Map<string, Bucket>();
  /** Those that hold something to tell, in the order in which they began to. */
  const holding = new Map<string, Bucket>();
  let forgotten: Summary[] = [];
  /** Of the event that was asked about last, so that its key is made once. */
  let lastKey = "";
  let last: Bucket = { tokens: 0, at: 0, held: undefined };

  function tell(name: string, bucket: Bucket): Summary[] {
    const { held } = bucket;
    if (held === undefined) return [];
    bucket.held = undefined;
    holding.delete(name);
    return [{ throttle: config, key: name, ...held }];
  }

  function bucketOf(name: string, now: number): Bucket {
    const known = young.get(name);
    if (known !== undefined) return known;
    const bucket = old.get(name) ?? { tokens: config.burst, at: now, held: undefined };
    if (young.size >= remembered / 2) {
      for (const [other, one] of holding) {
        if (one !== bucket && !young.has(other)) forgotten.push(...tell(other, one));
      }
      old = young;
      young = new Map();
    }
    young.set(name, bucket);
    return bucket;
  }

  return {
    full(event, now) {
      lastKey = key(event);
      const bucket = bucketOf(lastKey, now);
      const refilled = (Math.max(0, now - bucket.at) / 1_000) * config.perSecond;
      bucket.tokens = Math.min(config.burst, bucket.tokens + refilled);
      bucket.at = now;
      last = bucket;
      // What adds up to one event in fractions may end a hair below it.
      return bucket.tokens < 1 - 1e-9;
    },
    passed() {
      last.tokens -= 1;
    },
    held(event, now) {
      if (!config.summary) return;
      if (last.held !== undefined) {
        last.held.count += 1;
        last.held.toMs = now;
        return;
      }
      last.held = { count: 1, fromMs: now, toMs: now, sample: sampleOf(event) };
      holding.set(lastKey, last);
    },
    summaries(now, all) {
      const due = forgotten;
      forgotten = [];
      for (const [name, bucket] of holding) {
        if (!all && now - (bucket.held?.fromMs ?? now) < SUMMARY_MS) break;
        due.push(...tell(name, bucket));
      }
      return due;
    },
  };
}

function sampleOf(event: Event): Sample {
  const { kind, namespace, name, uid, apiVersion, fieldPath } = event.involvedObject;
  return {
    object: {
      ...(kind && { kind }),
      ...(namespace && { namespace }),
      ...(name && { name }),
      ...(uid && { uid }),
      ...(apiVersion && { apiVersion }),
      ...(fieldPath && { fieldPath }),
    },
    namespace: event.metadata.namespace ?? "",
    reason: event.reason,
    message: event.message.length > MAX_MESSAGE ? `${event.message.slice(0, MAX_MESSAGE)}…` : event.message,
    type: event.type,
  };
}

/** The reason of the events that tell of others. */
export const THROTTLED_REASON = "PetrelThrottled";

/**
 * The event that tells of others, as an API server would bring it. Its uid stands for what was held back, when, and by
 * whose throttle (`scope`: a receiver's name; empty: the one before all receivers), and so does its id.
 */
export function summaryInput(summary: Summary, scope: string): Readonly<Record<string, unknown>> {
  const { throttle, key, count, fromMs, toMs, sample } = summary;
  const stands = [scope, ...throttle.by, key, fromMs].join("\0");
  const uid = `petrel-${new Bun.CryptoHasher("sha256").update(stands).digest("hex").slice(0, 32)}`;
  const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const seconds = Math.max(1, Math.ceil((toMs - fromMs) / 1_000));
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: {
      name: `petrel-throttled.${uid.slice(7, 23)}`,
      namespace: sample.namespace,
      uid,
      creationTimestamp: time(toMs),
    },
    involvedObject: sample.object,
    reason: THROTTLED_REASON,
    message: `${count === 1 ? "1 event" : `${count} events`} like ${sample.reason} held back within ${seconds} s (${rateText(throttle)}), the first of them: ${sample.message}`,
    source: { component: "petrel" },
    reportingComponent: "petrel",
    reportingInstance: "",
    firstTimestamp: time(fromMs),
    lastTimestamp: time(toMs),
    count,
    type: sample.type,
  };
}

function rateText({ by, perSecond, burst }: ThrottleConfig): string {
  const perMinute = perSecond * 60;
  const rate =
    perMinute >= 1 ? `${Number(perMinute.toFixed(2))} a minute` : `${Number((perSecond * 3_600).toFixed(2))} an hour`;
  return `at most ${rate}, ${burst} at once, by ${by.join(", ")}`;
}
