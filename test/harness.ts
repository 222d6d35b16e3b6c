/** A whole Petrel in the test's process: the simulated API server, the real pipeline, receivers that remember. */
import type { Config, ReceiverConfig } from "../src/config/types.ts";
import { type ApiServer, createApiServer } from "../src/demo/api-server.ts";
import type { EventInput } from "../src/demo/event-store.ts";
import type { Event } from "../src/event.ts";
import { IN_CLUSTER, openServer } from "../src/kube/credentials.ts";
import type { TIMING } from "../src/kube/watch-timing.ts";
import { createLogger, type Level } from "../src/logger.ts";
import { createMetrics, type Metrics } from "../src/metrics.ts";
import { needsCluster, type Petrel, startPetrel } from "../src/petrel.ts";
import type { SinkDefinition } from "../src/sink.ts";
import type { TurnTiming } from "../src/turns.ts";

const AT = { line: 1, column: 1 };

export function aConfig(changes: Partial<Config> = {}): Config {
  return {
    logLevel: "info",
    logFormat: "json",
    logDeliveries: false,
    maxEventAgeSeconds: 3_600,
    clusterName: "",
    clusterEnvironment: "",
    namespaces: [],
    excludeNamespaces: [],
    fieldSelector: "",
    labelSelector: "",
    watchReasons: [],
    sources: ["kubernetes"],
    api: "v1",
    startFrom: "oldest",
    kubeQPS: 100,
    kubeBurst: 100,
    omitLookup: true,
    cacheSize: 100,
    cacheTtlMs: 300_000,
    lookupTimeoutMs: 2_000,
    metricsNamePrefix: "",
    leaderElection: { enabled: false, leaderElectionID: "petrel" },
    buffer: { events: 10_000, bytes: 16 * 1024 * 1024 },
    shutdownTimeoutMs: 5_000,
    template: {
      allow: ["env", "crypto", "eta"],
      limits: { output: 1 << 20, steps: 100_000, depth: 200 },
    },
    compat: "none",
    strict: false,
    route: { drop: [], match: [{ receiver: "all", at: AT }], routes: [], at: AT },
    receivers: [aReceiver("all")],
    ...changes,
  };
}

export function aReceiver(name: string, changes: Partial<ReceiverConfig> = {}): ReceiverConfig {
  return { name, sink: "memory", config: {}, timeoutMs: 1_000, retry: { minMs: 1, maxMs: 5 }, at: AT, ...changes };
}

/** What a test's receiver does with a batch; resolves when it was taken. */
export type Deliver = (batch: readonly Event[], signal: AbortSignal) => Promise<void> | void;

/** A sink in memory: every delivered event, in order of its acknowledgement. */
export function memorySink(
  deliver: Deliver = () => {},
  changes: Partial<SinkDefinition> = {},
): { readonly definition: SinkDefinition; readonly events: Event[]; readonly batches: Event[][] } {
  const events: Event[] = [];
  const batches: Event[][] = [];
  const definition: SinkDefinition = {
    name: "memory",
    title: "Memory",
    summary: "Keeps events.",
    config: (field) => field.object({}),
    example: {},
    batch: { count: 500 },
    carriesId: true,
    updates: "all",
    create: () => ({
      render: () => ({ body: "" }),
      async deliver(batch, signal) {
        await deliver(batch, signal);
        events.push(...batch);
        batches.push([...batch]);
      },
    }),
    ...changes,
  };
  return { definition, events, batches };
}

export interface Running extends AsyncDisposable {
  readonly server: ApiServer;
  readonly petrel: Petrel;
  readonly metrics: Metrics;
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** Whether this Petrel reaches the API server. */
  cutOff(now: boolean): void;
  /** The value of a counter, summed over its label sets that hold these labels. */
  count(name: string, labels?: Readonly<Record<string, string>>): number;
}

export async function startTestPetrel(options: {
  readonly sinks: readonly SinkDefinition[];
  readonly config?: Partial<Config>;
  readonly server?: ApiServer;
  /** Where the API server is now, when that changes. */
  readonly url?: () => string;
  readonly timing?: Partial<typeof TIMING>;
  readonly turnTiming?: TurnTiming;
  /** As if it were a pod. */
  readonly inCluster?: boolean;
  readonly ignoreCheckpoint?: boolean;
  readonly stdin?: () => AsyncIterable<Uint8Array>;
  readonly level?: Level;
}): Promise<Running> {
  const server = options.server ?? (await createApiServer());
  let cut = false;
  const { url = () => (cut ? "http://127.0.0.1:1" : server.url) } = options;
  const metrics = createMetrics();
  const log: Record<string, unknown>[] = [];
  const config = aConfig(options.config);
  const credentials = {
    ...openServer(server.url),
    ...(options.inCluster && { source: IN_CLUSTER }),
    get server() {
      return url();
    },
  };
  const petrel = await startPetrel({
    config,
    ...(needsCluster(config) && { credentials }),
    ...(options.stdin && { stdin: options.stdin }),
    sinks: new Map(options.sinks.map((sink) => [sink.name, sink])),
    compileTemplate: (text) => () => text,
    logger: createLogger({
      level: options.level ?? "info",
      format: "json",
      write: (line) => void log.push(JSON.parse(line)),
    }),
    metrics,
    env: {},
    timing: { minBackoff: 5, maxBackoff: 50, ...options.timing },
    ...(options.turnTiming && { turnTiming: options.turnTiming }),
    ignoreCheckpoint: options.ignoreCheckpoint ?? false,
  });
  return {
    server,
    petrel,
    metrics,
    log,
    cutOff(now) {
      cut = now;
    },
    count(name, labels = {}) {
      let sum = 0;
      for (const line of metrics.expose("prometheus").split("\n")) {
        const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
        if (match?.[1] !== name) continue;
        if (Object.entries(labels).every(([key, value]) => match[2]?.includes(`${key}="${value}"`)))
          sum += Number(match[3]);
      }
      return sum;
    },
    async [Symbol.asyncDispose]() {
      await petrel.stop();
      await server.stop();
    },
  };
}

/** Polls until it is true; fails after `ms` with what it waited for. */
export async function eventually(what: string, check: () => boolean, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!check()) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await Bun.sleep(2);
  }
}

let serial = 0;
/** An event about its own pod, unless told otherwise. */
export function anEventInput(changes: Partial<EventInput> = {}): EventInput {
  const n = ++serial;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  return {
    metadata: { name: `pod-${n}.1`, namespace: "shop", ...changes.metadata },
    involvedObject: { kind: "Pod", namespace: "shop", name: `pod-${n}`, uid: `uid-${n}`, apiVersion: "v1" },
    reason: "BackOff",
    message: `message ${n}`,
    type: "Warning",
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: "kubelet", host: "node-1" },
    ...changes,
  } as EventInput;
}
