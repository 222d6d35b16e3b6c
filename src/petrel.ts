/** One running Petrel: credentials, watches, pipeline; and the truth about its health. */
import type { Config } from "./config/types.ts";
import { createApiClient } from "./kube/client.ts";
import type { Credentials } from "./kube/credentials.ts";
import type { Enricher } from "./kube/enrich.ts";
import { createWatch, type Watch, type WatchStatus, type WatchTarget } from "./kube/watch.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { CompileTemplate } from "./payload.ts";
import type { DeadLetterOffice } from "./pipeline/dead-letter-office.ts";
import { createMeters, registerBacklog, registerExporterMetrics, registerWatch } from "./pipeline/meters.ts";
import { createPipeline, type PipelineStatus } from "./pipeline/pipeline.ts";
import type { SinkDefinition } from "./sink.ts";
import { commit, version } from "./version.ts";

export interface PetrelOptions {
  readonly config: Config;
  readonly credentials: Credentials;
  readonly sinks: readonly SinkDefinition[];
  readonly compileTemplate: CompileTemplate;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timing?: Parameters<typeof createWatch>[2]["timing"];
}

export interface PetrelStatus extends PipelineStatus {
  readonly watches: readonly WatchStatus[];
}

export interface Petrel {
  readonly deadLetters: DeadLetterOffice;
  status(): PetrelStatus;
  /** Why Petrel is not ready to be relied on; undefined when it is. */
  unready(): string | undefined;
  /** Why Petrel itself is stuck; undefined while it works, however its destinations fare. */
  unhealthy(): string | undefined;
  /** Stops the sources, delivers what waits within `shutdownTimeout`, ends. True when nothing was left. */
  stop(): Promise<boolean>;
}

/** The event loop must turn at least this often, in milliseconds. */
const MAX_BLOCKED = 10_000;

export async function startPetrel(options: PetrelOptions): Promise<Petrel> {
  const { config, logger, metrics } = options;
  // Steady: a step of the wall clock neither ages nor hurries anything.
  const now = (): number => performance.timeOrigin + performance.now();
  const meters = createMeters(metrics);
  registerExporterMetrics(metrics, config.metricsNamePrefix, { version, revision: commit }, meters.exporter);
  const client = createApiClient(options.credentials, { userAgent: `petrel/${version}`, metrics });
  const enricher = config.omitLookup ? undefined : await openEnricher();
  const pipeline = await createPipeline({
    config,
    sinks: new Map(options.sinks.map((sink) => [sink.name, sink])),
    compileTemplate: options.compileTemplate,
    logger,
    meters,
    metrics,
    env: options.env,
    lookup: enricher?.lookup ?? (() => undefined),
    now,
    random: Math.random,
  });

  // Loaded only when it is used: many configs need no look-ups.
  async function openEnricher(): Promise<Enricher> {
    const [{ createDiscovery }, { createEnricher }] = await Promise.all([
      import("./kube/discovery.ts"),
      import("./kube/enrich.ts"),
    ]);
    return createEnricher({
      client,
      discovery: createDiscovery({ client, logger }),
      logger,
      metrics,
      reads: meters.lookups,
      cacheSize: config.cacheSize,
      ttlMs: config.cacheTtlMs,
      qps: config.kubeQPS,
      burst: config.kubeBurst,
      timeoutMs: config.lookupTimeoutMs,
    });
  }

  const sources = new AbortController();
  const watches: Watch[] = [];
  for (const [index, target] of watchTargets(config).entries()) {
    const settings = {
      maxEventAgeMs: config.maxEventAgeSeconds * 1_000,
      startFrom: config.startFrom,
      clusterName: config.clusterName,
      clusterEnvironment: config.clusterEnvironment,
      excludeNamespaces: config.excludeNamespaces,
    };
    const watch = createWatch(target, settings, {
      client,
      logger,
      meters: meters.watch(target.name),
      receive: (bytes, change, version, identity, event) =>
        pipeline.receive(index, bytes, change, version, identity, event),
      room: (signal) => pipeline.room(signal),
      now,
      random: Math.random,
      ...(options.timing && { timing: options.timing }),
    });
    watches.push(watch);
    registerWatch(metrics, target.name, watch.status, now);
  }
  const running = watches.map((watch) => watch.run(sources.signal));
  registerBacklog(metrics, config.receivers, pipeline.status);

  let turned = now();
  const pulse = setInterval(() => {
    turned = now();
  }, 1_000);

  return {
    deadLetters: pipeline.deadLetters,
    status: () => ({ ...pipeline.status(), watches: watches.map((watch) => watch.status()) }),
    unready() {
      for (const watch of watches) {
        const { open, name, lastError } = watch.status();
        if (!open) return `the watch of ${name} is not open${lastError === undefined ? "" : `: ${lastError}`}`;
      }
      return undefined;
    },
    unhealthy() {
      const blocked = now() - turned;
      if (blocked > MAX_BLOCKED) return `the event loop stood still for ${Math.round(blocked / 1_000)} s`;
      const stuck = pipeline.stuck();
      return stuck && `a delivery to ${stuck.receiver} has been overdue for ${Math.round(stuck.ms / 1_000)} s`;
    },
    async stop() {
      clearInterval(pulse);
      sources.abort();
      await Promise.all(running);
      const drained = await pipeline.drain(AbortSignal.timeout(config.shutdownTimeoutMs));
      for (const { name, left, lastError } of await pipeline.stop()) {
        if (left > 0)
          logger.error("stopped with events not delivered", { receiver: name, events: left, error: lastError });
      }
      enricher?.close();
      client.close();
      return drained;
    },
  };
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
