/** One running Petrel: credentials, journal, watches, pipeline; and the truth about its health. */
import type { Config } from "./config/types.ts";
import type { Journal } from "./journal/journal.ts";
import { createApiClient } from "./kube/client.ts";
import type { Credentials } from "./kube/credentials.ts";
import type { Enricher } from "./kube/enrich.ts";
import type { TIMING, WatchStatus } from "./kube/watch.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { CompileTemplate } from "./payload.ts";
import type { DeadLetterOffice } from "./pipeline/dead-letter-office.ts";
import type { DeadLetters } from "./pipeline/dead-letters.ts";
import { createMeters, registerBuffer, registerExporterMetrics, registerReceiver } from "./pipeline/meters.ts";
import { createPipeline, type PipelineStatus } from "./pipeline/pipeline.ts";
import type { SinkDefinition } from "./sink.ts";
import { commit, version } from "./version.ts";
import { startWatches } from "./watches.ts";

export interface PetrelOptions {
  readonly config: Config;
  readonly credentials: Credentials;
  readonly sinks: readonly SinkDefinition[];
  readonly compileTemplate: CompileTemplate;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timing?: Partial<typeof TIMING>;
  /** Ends a start that waits. Default: nothing does. */
  readonly signal?: AbortSignal;
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

/** @throws JournalError when there is to be a journal and cannot be one. */
export async function startPetrel(options: PetrelOptions): Promise<Petrel> {
  const { config, logger, metrics } = options;
  // Steady: a step of the wall clock neither ages nor hurries anything.
  const now = (): number => performance.timeOrigin + performance.now();
  const meters = createMeters(metrics);
  registerExporterMetrics(metrics, config.metricsNamePrefix, { version, revision: commit }, meters.exporter);
  const journal = config.state && (await openJournal());
  const client = createApiClient(options.credentials, { userAgent: `petrel/${version}`, metrics });
  const enricher = config.omitLookup ? undefined : await openEnricher();
  const pipeline = await createPipeline({
    config,
    sinks: new Map(options.sinks.map((sink) => [sink.name, sink])),
    compileTemplate: options.compileTemplate,
    logger,
    metrics,
    meters,
    env: options.env,
    lookup: enricher?.lookup ?? (() => undefined),
    journal,
    deadLetters: journal && (await journalLetters(journal)),
    now,
    random: Math.random,
  });

  async function openJournal(): Promise<Journal> {
    // Loaded only when it is used: most configs have none.
    const { startJournal } = await import("./journal/start.ts");
    return await startJournal(config, { logger, metrics, signal: options.signal ?? new AbortController().signal });
  }

  async function journalLetters(journal: Journal): Promise<DeadLetters> {
    const { JOURNAL_LIMITS, journalDeadLetters } = await import("./pipeline/dead-letters-journal.ts");
    return journalDeadLetters(() => journal.database(), {
      ...JOURNAL_LIMITS,
      forgotten: meters.forgotten,
      failed: (error) => logger.error("dead letters cannot be kept in the journal", { error: String(error) }),
    });
  }

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

  const watches = startWatches({ config, client, pipeline, logger, meters, metrics, timing: options.timing, now });
  registerBuffer(metrics, pipeline.status);
  for (const receiver of config.receivers) registerReceiver(metrics, receiver, pipeline.status);

  let turned = now();
  const pulse = setInterval(() => {
    turned = now();
  }, 1_000);

  return {
    deadLetters: pipeline.deadLetters,
    status: () => ({ ...pipeline.status(), watches: watches.status() }),
    unready() {
      for (const { open, name, lastError } of watches.status()) {
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
      await watches.stop();
      const drained = await pipeline.drain(AbortSignal.timeout(config.shutdownTimeoutMs));
      for (const { name, left, lastError } of await pipeline.stop()) {
        if (left === 0) continue;
        const fields = { receiver: name, events: left, error: lastError };
        if (journal) logger.info("stopped with events not delivered: they are in the journal", fields);
        else logger.error("stopped with events not delivered", fields);
      }
      journal?.close();
      enricher?.close();
      client.close();
      return drained;
    },
  };
}
