/** One running Petrel: credentials, journal, election, watches, pipeline; and the truth about its health. */
import type { Config } from "./config/types.ts";
import type { Journal } from "./journal/journal.ts";
import { type ApiClient, createApiClient } from "./kube/client.ts";
import type { Credentials } from "./kube/credentials.ts";
import type { Enricher } from "./kube/enrich.ts";
import type { WatchStatus } from "./kube/watch.ts";
import type { TIMING } from "./kube/watch-timing.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { DeadLetterOffice } from "./pipeline/dead-letter-office.ts";
import type { DeadLetters } from "./pipeline/dead-letters.ts";
import { createMeters, registerBuffer, registerExporterMetrics, registerReceiver } from "./pipeline/meters.ts";
import { createPipeline, type PipelineStatus } from "./pipeline/pipeline.ts";
import type { Replacement } from "./pipeline/pipeline-options.ts";
import type { Sources } from "./sources/start.ts";
import { createTurns, type TurnStatus, type TurnTiming } from "./turns.ts";
import { commit, version } from "./version.ts";

export interface PetrelOptions extends Replacement {
  /** Of the cluster; absent when the config needs none ({@link needsCluster}). */
  readonly credentials?: Credentials | undefined;
  /** Of the source `stdin`. Default: the process's. */
  readonly stdin?: () => AsyncIterable<Uint8Array>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timing?: Partial<typeof TIMING>;
  /** Of elections and checkpoints, in tests. */
  readonly turnTiming?: TurnTiming;
  /** Take up nothing that was left: neither checkpoint nor journal. */
  readonly ignoreCheckpoint?: boolean;
  /** Ends a start that waits. Default: nothing does. */
  readonly signal?: AbortSignal;
}

export interface PetrelStatus extends PipelineStatus, TurnStatus {
  readonly watches: readonly WatchStatus[];
}

export interface Petrel {
  readonly deadLetters: DeadLetterOffice;
  status(): PetrelStatus;
  /** The port that events are posted to; undefined: none is. */
  readonly postPort: number | undefined;
  /** Resolves when all sources have come to their end, as a file does; delivering may go on. */
  readonly ended: Promise<void>;
  /** Why Petrel is not ready to be relied on; undefined when it is. */
  unready(): string | undefined;
  /** Why Petrel itself is stuck; undefined while it works, however its destinations fare. */
  unhealthy(): string | undefined;
  /** Goes on by another config. Rejects, having changed nothing, when a receiver cannot be made. */
  replace(by: Replacement): Promise<void>;
  /** Receivers that are refused by their destination try again now: a secret may be another. */
  probe(): void;
  /** Stops the sources, delivers what waits within `shutdownTimeout`, ends. True when nothing was left. */
  stop(): Promise<boolean>;
}

/** The event loop must turn at least this often, in milliseconds. */
const MAX_BLOCKED = 10_000;

/** Without a cluster events come by other ways alone, and nothing is looked up. */
export function needsCluster(config: Pick<Config, "sources" | "leaderElection">): boolean {
  return config.sources.includes("kubernetes") || config.leaderElection.enabled;
}

/** @throws JournalError when there is to be a journal and cannot be one. */
export async function startPetrel(options: PetrelOptions): Promise<Petrel> {
  const { logger, metrics } = options;
  let { config } = options;
  // Steady: a step of the wall clock neither ages nor hurries anything.
  const now = (): number => performance.timeOrigin + performance.now();
  const meters = createMeters(metrics);
  registerExporterMetrics(metrics, config.metricsNamePrefix, { version, revision: commit }, meters.exporter);
  const journal = config.state && (await openJournal());
  const client =
    options.credentials && createApiClient(options.credentials, { userAgent: `petrel/${version}`, metrics });
  const openLookups = async (config: Config) =>
    config.omitLookup || !client ? undefined : await openEnricher(config, client);
  let enricher = await openLookups(config);
  // Nobody leads before there is an election.
  let leads = (): boolean => false;
  const pipeline = await createPipeline({
    config,
    sinks: options.sinks,
    compileTemplate: options.compileTemplate,
    logger,
    metrics,
    meters,
    env: options.env,
    lookup: (object) => enricher?.lookup(object),
    journal,
    deadLetters: journal && (await journalLetters(journal)),
    leads: config.leaderElection.enabled ? () => leads() : undefined,
    now,
    random: Math.random,
  });

  async function openJournal(): Promise<Journal> {
    // Loaded only when it is used: most configs have none.
    const { startJournal } = await import("./journal/start.ts");
    return await startJournal(config, {
      logger,
      metrics,
      afresh: options.ignoreCheckpoint ?? false,
      signal: options.signal ?? new AbortController().signal,
    });
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
  async function openEnricher(config: Config, client: ApiClient): Promise<Enricher> {
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

  const turns = await createTurns({
    config,
    cluster: client && options.credentials && { client, credentials: options.credentials },
    pipeline,
    journal,
    logger,
    metrics,
    meters,
    env: options.env,
    timing: options.timing,
    turnTiming: options.turnTiming,
    ignoreCheckpoint: options.ignoreCheckpoint ?? false,
    now,
  });
  leads = turns.leads;
  const sources = await startTheRest();

  // Loaded only when it is used: most configs have the API server alone.
  async function startTheRest(): Promise<Sources | undefined> {
    if (config.sources.every((name) => name === "kubernetes")) return undefined;
    const { startSources } = await import("./sources/start.ts");
    return await startSources({
      config,
      pipeline,
      leads: () => leads(),
      stdin: options.stdin ?? (() => Bun.stdin.stream()),
      logger,
      metrics,
      meters,
      env: options.env,
    });
  }

  registerBuffer(metrics, pipeline.status);
  for (const receiver of config.receivers) registerReceiver(metrics, receiver, pipeline.status);

  let turned = now();
  const pulse = setInterval(() => {
    turned = now();
  }, 1_000);

  return {
    deadLetters: pipeline.deadLetters,
    postPort: sources?.port,
    ended: sources?.ended ?? new Promise(() => {}),
    status: () => ({ ...pipeline.status(), ...turns.status(), watches: turns.watches() }),
    unready: turns.unready,
    unhealthy() {
      const blocked = now() - turned;
      if (blocked > MAX_BLOCKED) return `the event loop stood still for ${Math.round(blocked / 1_000)} s`;
      const stuck = pipeline.stuck();
      return stuck && `a delivery to ${stuck.receiver} has been overdue for ${Math.round(stuck.ms / 1_000)} s`;
    },
    probe: pipeline.probe,
    async replace(by) {
      const lookups = sameLookups(config, by.config) ? enricher : await openLookups(by.config);
      try {
        await pipeline.replace(by);
      } catch (error) {
        if (lookups !== enricher) lookups?.close();
        throw error;
      }
      if (lookups !== enricher) enricher?.close();
      enricher = lookups;
      config = by.config;
      for (const receiver of config.receivers) registerReceiver(metrics, receiver, pipeline.status);
      await turns.replace(config);
    },
    async stop() {
      clearInterval(pulse);
      sources?.refuse();
      const drained = await turns.stop(config.shutdownTimeoutMs);
      await sources?.stop();
      journal?.close();
      enricher?.close();
      client?.close();
      return drained;
    },
  };
}

function sameLookups(one: Config, other: Config): boolean {
  const keys = ["omitLookup", "cacheSize", "cacheTtlMs", "kubeQPS", "kubeBurst", "lookupTimeoutMs"] as const;
  return keys.every((key) => one[key] === other[key]);
}
