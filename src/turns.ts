/**
 * When this process is the one that delivers: always, or while it holds the Lease. Where its receivers begin, by the
 * checkpoint of whoever delivered before, and what becomes of their positions when its turn ends.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { CheckpointStore } from "./checkpoint-store.ts";
import type { Checkpointer } from "./checkpointer.ts";
import type { Config } from "./config/types.ts";
import type { Journal } from "./journal/journal.ts";
import type { ApiClient } from "./kube/client.ts";
import type { ClusterId } from "./kube/cluster-id.ts";
import { type Credentials, IN_CLUSTER } from "./kube/credentials.ts";
import type { Election, ElectionTiming } from "./kube/election.ts";
import { WINDOW } from "./kube/list.ts";
import type { MissingRightError } from "./kube/missing-right.ts";
import type { WatchStatus } from "./kube/watch.ts";
import type { TIMING } from "./kube/watch-timing.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { Meters } from "./pipeline/meters.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from "./pipeline/positions.ts";
import { startWatches, type Watches } from "./watches.ts";

export interface TurnTiming {
  readonly election?: ElectionTiming;
  /** Between two checkpoints, in milliseconds. */
  readonly checkpointMs?: number;
}

export interface TurnStatus {
  /** Absent without leader election. */
  readonly leader?: { readonly leading: boolean; readonly holder: string; readonly transitions: number };
  /** Where the checkpoint is kept: `journal`, the name of an object, or `none`. */
  readonly checkpoint: string;
}

export interface Turns {
  /** Whether it may be delivered at this moment. */
  leads(): boolean;
  status(): TurnStatus;
  watches(): readonly WatchStatus[];
  unready(): string | undefined;
  /** Goes on by another config. */
  replace(config: Config): Promise<void>;
  /** Ends everything: sources, then receivers, within `drainMs` for what waits; saves how far they came. True: nothing was left. */
  stop(drainMs: number): Promise<boolean>;
}

export interface TurnsOptions {
  readonly config: Config;
  /** Absent: there is nothing to watch, and nobody to share with. */
  readonly cluster: { readonly client: ApiClient; readonly credentials: Credentials } | undefined;
  readonly pipeline: Pipeline;
  readonly journal: Journal | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly meters: Meters;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timing: Partial<typeof TIMING> | undefined;
  readonly turnTiming: TurnTiming | undefined;
  readonly ignoreCheckpoint: boolean;
  /** Milliseconds since 1970, steady. */
  now(): number;
}

type Cluster = NonNullable<TurnsOptions["cluster"]>;

interface Turn {
  readonly control: AbortController;
  watches?: Watches;
  checkpointer?: Checkpointer | undefined;
}

/** What the last words to the API server may take, in milliseconds. */
const FAREWELL_MS = 5_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
/** A follower that has not seen the Lease for this long knows nothing, in milliseconds. */
const BLIND_MS = 60_000;

export async function createTurns(options: TurnsOptions): Promise<Turns> {
  const { cluster: reached, pipeline, journal, logger, metrics, now } = options;
  let { config } = options;
  const end = new AbortController();
  let turn: Turn | undefined;
  let stopping = false;
  let problem: string | undefined;
  let cluster: ClusterId = {};
  let ignore = options.ignoreCheckpoint;
  /** Namespaces that may not be read, said once each. */
  const denials = new Set<string>();
  /** What begins and ends turns, one after the other. */
  let work: Promise<void> = Promise.resolve();

  const election = config.leaderElection.enabled && reached ? await openElection(reached) : undefined;
  const store = election?.checkpoint ?? (await openStore());

  // Loaded only when it is used, as all that has to do with checkpoints.
  async function openElection({ client, credentials }: Cluster): Promise<Election> {
    const [{ createElection }, namespace] = await Promise.all([import("./kube/lease.ts"), namespaceOf(credentials)]);
    pipeline.pause();
    return createElection({
      client,
      namespace,
      name: config.leaderElection.leaderElectionID,
      identity: `${hostname()}_${crypto.randomUUID()}`,
      ...(options.turnTiming?.election && { timing: options.turnTiming.election }),
      logger,
      metrics,
      now,
      date: Date.now,
      random: Math.random,
      onLeading({ checkpoint, regained }) {
        if (turn?.watches && regained) pipeline.resume();
        else then(() => begin(async () => checkpoint));
      },
      onLost(reason) {
        pipeline.pause();
        turn?.control.abort();
        // Not renewed in time, it may still be ours: what waits is kept until another is seen to have it.
        if (reason === "holder") then(handOver);
      },
      onFollowing: () => then(handOver),
    });
  }

  async function openStore(): Promise<CheckpointStore | undefined> {
    // A journal holds its positions; outside a cluster and in a sidecar there is no ConfigMap that would be ours alone.
    if (journal || config.sidecar || reached?.credentials.source !== IN_CLUSTER) return undefined;
    const { client, credentials } = reached;
    const [{ configMapStore }, namespace] = await Promise.all([
      import("./kube/config-map-store.ts"),
      namespaceOf(credentials),
    ]);
    return configMapStore({ client, namespace, name: `${config.leaderElection.leaderElectionID}-checkpoint`, logger });
  }

  async function namespaceOf(credentials: Credentials): Promise<string> {
    const { ownNamespace } = await import("./kube/own-namespace.ts");
    return ownNamespace({
      env: options.env,
      credentials,
      readFile(path) {
        try {
          return readFileSync(path, "utf8");
        } catch {
          return undefined;
        }
      },
    });
  }

  function then(next: () => Promise<void>): void {
    work = work.then(next).catch((error: unknown) => {
      if (end.signal.aborted) return;
      logger.error("a turn failed in a way it should not", {
        stack: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    });
  }

  /** What was left in memory of an earlier turn is no longer ours. */
  async function handOver(): Promise<void> {
    if (!turn) return;
    const { watches, checkpointer } = turn;
    turn = undefined;
    await Promise.all([watches?.stop(), checkpointer?.stop()]);
    const waiting = pipeline.status().events;
    pipeline.abandon();
    logger.info("another petrel delivers now, from the checkpoint on", { waiting });
  }

  /** `load`: the checkpoint's text. */
  async function begin(load: (signal: AbortSignal) => Promise<string | undefined>): Promise<void> {
    if (stopping) return;
    await handOver();
    const own: Turn = { control: new AbortController() };
    turn = own;
    const signal = AbortSignal.any([own.control.signal, end.signal]);
    let saved: string | undefined;
    if (reached && (store || journal)) {
      const found = await patiently(() => Promise.all([clusterId(reached, signal), load(signal)]), signal);
      if (!found || signal.aborted) return;
      [cluster, saved] = found;
      await takeUp(saved);
    }
    ignore = false;
    const window = await diskWindow();
    const { startCheckpointer } = store ? await import("./checkpointer.ts") : {};
    if (signal.aborted) return;
    own.watches = startWatches({
      config,
      client: reached?.client,
      pipeline,
      logger,
      meters: options.meters,
      metrics,
      timing: options.timing,
      window,
      now,
    });
    if (store) {
      own.checkpointer = startCheckpointer?.({
        store,
        saved,
        text: () => formatCheckpoint(pipeline.checkpoint(cluster)),
        logger,
        metrics,
        ...(options.turnTiming?.checkpointMs !== undefined && { everyMs: options.turnTiming.checkpointMs }),
      });
    }
    pipeline.resume();
  }

  /** With a journal there is a disk, on which lists can be sorted that memory should not hold. */
  async function diskWindow() {
    const { state } = options.config;
    if (!journal || !state) return undefined;
    const { createDiskWindow } = await import("./journal/disk-window.ts");
    return (watch: number) => createDiskWindow({ file: join(state.path, `list-${watch}.db`), memory: WINDOW, logger });
  }

  async function clusterId({ client, credentials }: Cluster, signal: AbortSignal): Promise<ClusterId> {
    const { readClusterId } = await import("./kube/cluster-id.ts");
    const namespace = await namespaceOf(credentials);
    const denied = ({ access, message }: MissingRightError): void => {
      if (denials.has(access.object)) return;
      denials.add(access.object);
      logger.info("one mark less by which to tell this cluster from another", { error: message });
    };
    return readClusterId({ client, credentials, namespace, denied }, signal);
  }

  /** Until it succeeds, or will never; undefined when the signal came first. */
  async function patiently<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const result = await attempt();
        problem = undefined;
        return result;
      } catch (error) {
        if (signal.aborted) break;
        const message = error instanceof Error ? error.message : String(error);
        if (problem !== message) logger.warn("the checkpoint cannot be read, will retry", { error: message });
        problem = message;
        const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures, 16));
        await pause(Math.random() * ceiling, signal);
      }
    }
    return undefined;
  }

  /** Takes over positions, if they are of this cluster. */
  async function takeUp(text: string | undefined): Promise<void> {
    const { sameCluster } = await import("./kube/cluster-id.ts");
    if (journal) {
      const before = journal.restored.cluster;
      if (before !== undefined && sameCluster(JSON.parse(before) as ClusterId, cluster) === false) {
        logger.error(
          "the journal is of another cluster: what waits in it is delivered, this cluster's events are begun afresh",
          {
            before,
            now: JSON.stringify(cluster),
          },
        );
        pipeline.forgetAllPositions();
      }
      if (before !== JSON.stringify(cluster)) journal.setCluster(JSON.stringify(cluster));
    }
    const checkpoint = ignore ? undefined : readCheckpoint(text);
    if (!checkpoint) return;
    if (sameCluster(checkpoint.cluster, cluster) === false) {
      logger.error("the checkpoint is of another cluster: starting afresh", {
        store: store?.name,
        before: JSON.stringify(checkpoint.cluster),
        now: JSON.stringify(cluster),
      });
      return;
    }
    pipeline.restore(checkpoint);
  }

  function readCheckpoint(text: string | undefined): Checkpoint | undefined {
    if (text === undefined) return undefined;
    try {
      return parseCheckpoint(text);
    } catch (error) {
      logger.error("the checkpoint cannot be understood: starting afresh", {
        store: store?.name,
        error: error instanceof Error ? error.message : String(error),
      });
      return undefined;
    }
  }

  /** A ConfigMap that may not be read is none. */
  async function loadOrNone(signal: AbortSignal): Promise<string | undefined> {
    const { MissingRightError } = await import("./kube/missing-right.ts");
    try {
      return await store?.load(signal);
    } catch (error) {
      if (!(error instanceof MissingRightError)) throw error;
      logger.warn("the checkpoint may not be read: a restart begins with the events of the last maxEventAgeSeconds", {
        store: store?.name,
        error: error.message,
      });
      return undefined;
    }
  }

  const running = election?.run(end.signal);
  // Who fails here fails for a bug; it must not go unheard until the end.
  running?.catch((error: unknown) => logger.error("leader election ended", { error: String(error) }));
  if (!election) then(() => begin(loadOrNone));

  async function finish(drainMs: number): Promise<boolean> {
    const leading = election?.leads() ?? true;
    stopping = true;
    turn?.control.abort();
    await work;
    await turn?.watches?.stop();
    const keeps = journal !== undefined || store !== undefined;
    const drained = leading && (await pipeline.drain(AbortSignal.timeout(drainMs), keeps));
    for (const { name, left, lost, lastError } of await pipeline.stop(keeps || !leading)) {
      const fields = { receiver: name, events: left, error: lastError };
      if (lost > 0) logger.error("stopped with events not delivered", { ...fields, lost });
      else if (left === 0 || !leading) continue;
      else if (journal) logger.info("stopped with events not delivered: they are in the journal", fields);
      else logger.info("stopped with events not delivered: the API server tells them again", fields);
    }
    await farewell(leading);
    end.abort();
    await running?.catch(() => {});
    return drained || !leading;
  }

  async function farewell(leading: boolean): Promise<void> {
    const signal = AbortSignal.timeout(FAREWELL_MS);
    try {
      await turn?.checkpointer?.stop();
      if (election) {
        const text = leading && turn?.watches ? formatCheckpoint(pipeline.checkpoint(cluster)) : undefined;
        await election.release(text, signal);
      } else if (turn?.checkpointer) {
        await turn.checkpointer.flush(signal);
      }
    } catch (error) {
      logger.warn("the last checkpoint could not be saved", {
        store: store?.name,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  return {
    leads: () => election?.leads() ?? true,
    status() {
      const seen = election?.status();
      return {
        ...(seen && { leader: { leading: seen.leading, holder: seen.holder, transitions: seen.transitions } }),
        checkpoint: store?.name ?? (journal ? "journal" : "none"),
      };
    },
    watches: () => turn?.watches?.status() ?? [],
    unready() {
      if (election && !election.leads()) {
        const { seenAt, lastError } = election.status();
        if (seenAt !== undefined && now() - seenAt < BLIND_MS) return undefined;
        return `the Lease was not seen yet${lastError === undefined ? "" : `: ${lastError}`}`;
      }
      if (!turn?.watches) return `the checkpoint was not read yet${problem === undefined ? "" : `: ${problem}`}`;
      for (const { open, name, lastError } of turn.watches.status()) {
        if (!open) return `the watch of ${name} is not open${lastError === undefined ? "" : `: ${lastError}`}`;
      }
      return undefined;
    },
    async replace(by) {
      config = by;
      await turn?.watches?.replace(by);
    },
    stop: finish,
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
