/** The config after validation: plain data that crosses a process border as JSON. Templates, patterns and secrets are still text. */
import type { ContentMode } from "../cloudevents.ts";
import type { Finding } from "../errors.ts";
import type { Format, FriendlyChoice } from "../form.ts";
import type { Level, LogFormat } from "../logger.ts";
import type { DeadLetterConfig } from "../pipeline/dead-letter-office.ts";
import type { GateConfig } from "../pipeline/gates.ts";
import type { Updates } from "../pipeline/updates.ts";
import type { Language, SecretInput } from "../sink.ts";
import type { Source } from "./sources.ts";

/** Where something stands in a config file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** All conditions must hold. Patterns are RE2, unanchored; an empty or absent one matches anything. */
export interface RuleConditions {
  readonly message?: string;
  readonly apiVersion?: string;
  readonly kind?: string;
  /** The event's own namespace. */
  readonly namespace?: string;
  readonly reason?: string;
  readonly type?: string;
  readonly component?: string;
  readonly host?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly minCount?: number;
  readonly maxCount?: number;
  /** The involved object's name. */
  readonly name?: string;
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
  /** Type of the CloudEvent that the event's friendly form is. */
  readonly eventType?: string;
  /** The rule matches only if not all of these hold. */
  readonly not?: RuleConditions;
}

export interface RuleConfig extends RuleConditions {
  readonly receiver?: string;
  readonly at: Position;
}

export interface RouteConfig {
  readonly drop: readonly RuleConfig[];
  readonly match: readonly RuleConfig[];
  readonly routes: readonly RouteConfig[];
  readonly at: Position;
}

export interface RetryConfig {
  /** First wait; doubles, with full jitter. */
  readonly minMs: number;
  readonly maxMs: number;
}

/** What every receiver has beside its sink's own keys. Absent: the sink's or the runtime's default. */
export interface ReceiverConfig extends GateConfig {
  readonly name: string;
  /** Name of the sink definition. */
  readonly sink: string;
  /** Validated by the sink's schema. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly batch?: { readonly count?: number; readonly bytes?: number; readonly lingerMs?: number };
  readonly concurrency?: number;
  readonly timeoutMs: number;
  readonly retry: RetryConfig;
  /** At most, on average over more than a second. */
  readonly rateLimit?: { readonly eventsPerSecond?: number | undefined; readonly bytesPerSecond?: number | undefined };
  /** Events older than this when their turn comes are dropped (`stale`). */
  readonly maxAgeMs?: number;
  readonly updates?: Updates;
  /** Absent: what the top level says. */
  readonly deadLetter?: DeadLetterConfig;
  /** Absent: the predecessor's JSON. */
  readonly format?: Format;
  /** How CloudEvents go out. */
  readonly mode?: ContentMode;
  /** Which form of an event CloudEvents are made of. Absent: raw. */
  readonly friendly?: FriendlyChoice;
  /** One key that the JSON of an event is put under. Absent: none. */
  readonly wrap?: string;
  /** Of its templates. Absent: Go templates. */
  readonly language?: Language;
  readonly at: Position;
}

/** What templates must be allowed to use: groups of functions, and a language. */
export type TemplateGroup = "env" | "crypto" | "eta";

export interface TemplateSettings {
  readonly allow: readonly TemplateGroup[];
  readonly limits: {
    /** UTF-16 units. */
    readonly output: number;
    readonly steps: number;
    readonly depth: number;
  };
}

/** Where what waits is kept on disk. */
export interface StateConfig {
  /** A folder. */
  readonly path: string;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly fsync: "group" | "always" | "off";
}

/** The port that events are posted to. */
export interface HttpSourceConfig {
  readonly address: string;
  /** Absent: whoever reaches the port may post. */
  readonly token?: SecretInput;
  /** Files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string };
  /** Bytes, packed and unpacked. */
  readonly maxBody: number;
  readonly dedupWindowMs: number;
}

/** One executable runs from this. */
export interface Config extends GateConfig {
  readonly logLevel: Level;
  readonly logFormat: LogFormat;
  /** A line for each event that a receiver took. */
  readonly logDeliveries: boolean;
  readonly maxEventAgeSeconds: number;
  readonly clusterName: string;
  /** Empty: none. */
  readonly clusterEnvironment: string;
  /** Empty: all namespaces. */
  readonly namespaces: readonly string[];
  readonly excludeNamespaces: readonly string[];
  readonly fieldSelector: string;
  readonly labelSelector: string;
  /** Empty: every reason. */
  readonly watchReasons: readonly string[];
  /** Never empty. */
  readonly sources: readonly Source[];
  /** Present where `sources` has it. */
  readonly http?: HttpSourceConfig;
  /** Likewise. */
  readonly file?: { readonly path: string };
  readonly api: "v1" | "events.k8s.io/v1";
  readonly sidecar?: { readonly namespace: string; readonly pod: string };
  readonly startFrom: "oldest" | "now" | { readonly resourceVersion: string };
  readonly kubeQPS: number;
  readonly kubeBurst: number;
  readonly omitLookup: boolean;
  readonly cacheSize: number;
  readonly cacheTtlMs: number;
  readonly lookupTimeoutMs: number;
  readonly metricsNamePrefix: string;
  readonly leaderElection: { readonly enabled: boolean; readonly leaderElectionID: string };
  readonly buffer: { readonly events: number; readonly bytes: number };
  /** Of receivers that have none of their own. */
  readonly deadLetter?: DeadLetterConfig;
  /** Absent: what waits is held in memory alone. */
  readonly state?: StateConfig;
  readonly shutdownTimeoutMs: number;
  readonly template: TemplateSettings;
  readonly compat: "exporter" | "none";
  readonly strict: boolean;
  readonly admin?: { readonly token?: SecretInput };
  readonly route: RouteConfig;
  readonly receivers: readonly ReceiverConfig[];
}

/** What a config says must come of an event. */
export interface ConfigTest {
  readonly name: string;
  /** An event, the path of a file with events, or a list of these; each event must meet what is expected. */
  readonly event: unknown;
  readonly expect: {
    /** In the order of delivery. */
    readonly receivers?: readonly string[];
    /** By receiver: the exact text, the exact JSON, or values by path (`.reason`). */
    readonly payload?: Readonly<Record<string, unknown>>;
  };
  readonly at: Position;
}

/** What loading a file gave: `config` is absent when nothing can run from it. */
export interface Loaded {
  readonly file: string;
  /** Other files whose content the config has in it. Absent: none. */
  readonly files?: readonly string[];
  readonly config?: Config;
  /** Absent: the file has none. Nothing but `petrel test` reads them. */
  readonly tests?: readonly ConfigTest[];
  readonly findings: readonly Finding[];
  /** The offending line of each finding, in the same order, secrets left out; the caret counts from 1. */
  readonly excerpts: readonly { readonly text: string; readonly caret: number }[];
}
