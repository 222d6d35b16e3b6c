/** The watches that a config asks for, over one pipeline. */
import type { Config } from "./config/types.ts";
import type { ApiClient } from "./kube/client.ts";
import type { SortWindow } from "./kube/sort-window.ts";
import { createWatch, type Watch, type WatchStatus, type WatchTarget } from "./kube/watch.ts";
import type { TIMING } from "./kube/watch-timing.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { type Meters, registerWatch } from "./pipeline/meters.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";

export interface Watches {
  status(): readonly WatchStatus[];
  /** Goes on by another config: watches that it changes end, and begin where they were. */
  replace(config: Config): Promise<void>;
  /** Resolves when all have ended. */
  stop(): Promise<void>;
}

export interface WatchesOptions {
  readonly config: Config;
  /** Absent: nothing is watched. */
  readonly client: ApiClient | undefined;
  readonly pipeline: Pipeline;
  readonly logger: Logger;
  readonly meters: Meters;
  readonly metrics: Metrics;
  readonly timing?: Partial<typeof TIMING> | undefined;
  /** What a list of the watch of this number is sorted in. Default: memory. */
  readonly window?: ((watch: number) => SortWindow) | undefined;
  /** Milliseconds since 1970, steady. */
  now(): number;
}

interface Running {
  readonly key: string;
  /** Equal: a reload need not touch it. */
  readonly settings: string;
  readonly watch: Watch;
  readonly control: AbortController;
  readonly ended: Promise<void>;
}

export function startWatches(options: WatchesOptions): Watches {
  const { client, pipeline, logger, meters, metrics, now } = options;
  const targetsOf = (config: Config): readonly WatchTarget[] =>
    config.sources.includes("kubernetes") ? watchTargets(config) : [];
  let running: readonly Running[] = client
    ? targetsOf(options.config).map((target) => begin(client, target, options.config))
    : [];

  function begin(client: ApiClient, target: WatchTarget, config: Config): Running {
    const key = watchKey(target);
    const index = pipeline.watch(key);
    const settings = settingsOf(config);
    const { window } = options;
    const watch = createWatch(target, settings, {
      client,
      logger,
      meters: meters.watch(target.name),
      resumeAt: pipeline.resumeAt(index) ?? givenVersion(config),
      receive: (bytes, change, version, identity, event, unordered) =>
        pipeline.receive(index, bytes, change, version, identity, event, unordered),
      reached: (version) => pipeline.reached(index, version),
      historyLost: () => pipeline.forgetPositions(index),
      room: (signal) => pipeline.room(signal),
      now,
      random: Math.random,
      ...(window && { window: () => window(index) }),
      ...(options.timing && { timing: options.timing }),
    });
    const control = new AbortController();
    registerWatch(metrics, target.name, watch.status, now);
    return { key, settings: JSON.stringify(settings), watch, control, ended: watch.run(control.signal) };
  }

  async function end({ watch, control, ended }: Running): Promise<void> {
    control.abort();
    await ended;
    metrics.forget({ watch: watch.status().name });
  }

  return {
    status: () => running.map(({ watch }) => watch.status()),
    async replace(config) {
      if (!client) return;
      const settings = JSON.stringify(settingsOf(config));
      // `sources` is what it was at the start.
      const targets = targetsOf({ ...config, sources: options.config.sources });
      const keys = new Set(targets.map(watchKey));
      const kept = new Map(
        running.filter((one) => keys.has(one.key) && one.settings === settings).map((one) => [one.key, one]),
      );
      // Those that go end first: one that begins goes on from what they have reached.
      await Promise.all(running.filter((one) => !kept.has(one.key)).map(end));
      running = targets.map((target) => kept.get(watchKey(target)) ?? begin(client, target, config));
    },
    async stop() {
      for (const { control } of running) control.abort();
      await Promise.all(running.map(({ ended }) => ended));
    },
  };
}

function settingsOf(config: Config) {
  return {
    maxEventAgeMs: config.maxEventAgeSeconds * 1_000,
    // A version that the API server knows no more leaves what it holds.
    startFrom: config.startFrom === "now" ? config.startFrom : ("oldest" as const),
    clusterName: config.clusterName,
    clusterEnvironment: config.clusterEnvironment,
    excludeNamespaces: config.excludeNamespaces,
  };
}

function givenVersion({ startFrom }: Config): number | undefined {
  return typeof startFrom === "string" ? undefined : Number(startFrom.resourceVersion);
}

/** What a watch asks for: the name of its position. */
export function watchKey({ path, query }: WatchTarget): string {
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) asked.set(key, value);
  return asked.size === 0 ? path : `${path}?${asked}`;
}

/** One watch per namespace, or one for all of them; with `watchReasons`, one per reason of each: selectors know no "or". */
export function watchTargets(config: Config): readonly WatchTarget[] {
  const base = config.api === "v1" ? "/api/v1" : "/apis/events.k8s.io/v1";
  const { sidecar } = config;
  const object = config.api === "v1" ? "involvedObject" : "regarding";
  const own = sidecar && [`${object}.kind=Pod`, `${object}.name=${sidecar.pod}`].join(",");
  const namespaces = sidecar ? [sidecar.namespace] : [...new Set(config.namespaces)];
  const places =
    namespaces.length === 0
      ? [{ path: `${base}/events`, name: "all namespaces" }]
      : namespaces.map((namespace) => ({
          path: `${base}/namespaces/${encodeURIComponent(namespace)}/events`,
          name: `namespace ${namespace}`,
        }));
  const reasons = config.watchReasons.length === 0 ? [undefined] : [...new Set(config.watchReasons)];
  return places.flatMap(({ path, name }) =>
    reasons.map((reason) => ({
      path,
      query: {
        fieldSelector: [own, reason && `reason=${reason}`, config.fieldSelector].filter(Boolean).join(",") || undefined,
        labelSelector: config.labelSelector || undefined,
      },
      name: reason === undefined ? name : `${name}, reason ${reason}`,
    })),
  );
}
