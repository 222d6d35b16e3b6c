/**
 * What an event passes before it enters the log, or before a receiver gets it. Pure: what they remember is theirs, time
 * comes as an argument.
 */
import type { Event } from "../event.ts";
import { type KeyField, keyOf } from "./gate-key.ts";
import { createThrottle, type Summary, type ThrottleConfig } from "./throttle.ts";

/**
 * Remembers which states of which events were seen. A packed two-way table: 12 bytes a state instead of a string in a
 * Map, which costs 2.5 times the throughput of the whole program and 34 MB. The hash of the uid has 32 bits and the
 * resourceVersion is exact; two states would have to share both, and one store gives every write its own version.
 */
export interface Seen {
  /** True when this state was there already; remembers it otherwise, forgetting an older one if need be. */
  repeated(identity: number, version: number): boolean;
  forget(): void;
}

/** `capacity` is rounded up to a power of two. */
export function createSeen(capacity = 65_536): Seen {
  let sets = 1;
  while (sets * 2 < capacity) sets *= 2;
  const hashes = new Uint32Array(sets * 2);
  const versions = new Float64Array(sets * 2).fill(-1);
  return {
    repeated(hash, version) {
      const exact = Number.isFinite(version) ? version : hash;
      const first = ((hash ^ Math.imul(exact | 0, 0x9e3779b1)) & (sets - 1)) << 1;
      const second = first + 1;
      if (versions[first] === exact && hashes[first] === hash) return true;
      if (versions[second] === exact && hashes[second] === hash) return true;
      versions[second] = versions[first] ?? -1;
      hashes[second] = hashes[first] ?? 0;
      versions[first] = exact;
      hashes[first] = hash;
      return false;
    },
    forget: () => void versions.fill(-1),
  };
}

/** What {@link Seen} knows an event by: 32 bits of its uid (FNV-1a over UTF-16 units). */
export function identityOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

export interface DedupConfig {
  readonly by: readonly KeyField[];
  readonly windowMs: number;
}

/** What the config asks for, at the top level or of one receiver. */
export interface GateConfig {
  readonly dedup?: DedupConfig | undefined;
  readonly throttle?: readonly ThrottleConfig[] | undefined;
}

/** What a gate says of an event that it holds back. Closed: a metric label. */
export const GATE_REASONS = ["dedup", "throttle"] as const;
export type GateReason = (typeof GATE_REASONS)[number];

export interface Gate {
  /** Undefined: the event passes. To be asked once per event, in order. */
  holds(event: Event, now: number): GateReason | undefined;
  /** Some throttle wants to tell of what it held back. */
  readonly tells: boolean;
  /** As {@link import("./throttle.ts").Throttle.summaries}, of all throttles. */
  summaries(now: number, all: boolean): readonly Summary[];
}

/** Keys that one gate remembers, of each of its parts. */
const REMEMBERED = 10_000;

/** Undefined when nothing is asked for: then nothing is to be asked, and nothing remembered. */
export function createGate({ dedup, throttle = [] }: GateConfig, remembered = REMEMBERED): Gate | undefined {
  if (dedup === undefined && throttle.length === 0) return undefined;
  const repeats = dedup && createDedup(dedup, remembered);
  const throttles = throttle.map((config) => createThrottle(config, remembered));
  return {
    holds(event, now) {
      if (repeats?.(event, now)) return "dedup";
      const full = throttles.find((one) => one.full(event, now));
      if (full !== undefined) {
        full.held(event, now);
        return "throttle";
      }
      for (const one of throttles) one.passed(event);
      return undefined;
    },
    tells: throttle.some(({ summary }) => summary),
    summaries: (now, all) => throttles.flatMap((one) => one.summaries(now, all)),
  };
}

/** True for what agrees with an event that passed within the window before; that one counts, and not what it held back. */
function createDedup(config: DedupConfig, remembered: number): (event: Event, now: number) => boolean {
  const key = keyOf(config.by);
  /** When the last event of each key passed, the longest ago first. */
  const passed = new Map<string, number>();
  return (event, now) => {
    const name = key(event);
    const at = passed.get(name);
    if (at !== undefined && now - at < config.windowMs) return true;
    passed.delete(name);
    for (const [oldest, when] of passed) {
      if (passed.size < remembered && now - when < config.windowMs) break;
      passed.delete(oldest);
    }
    passed.set(name, now);
    return false;
  };
}
