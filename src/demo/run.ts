/** `petrel demo` from its start to its exit code: a cluster and receivers on loopback, the real Petrel between them. */
import type { Config } from "../config/types.ts";
import { type Credentials, openServer } from "../kube/credentials.ts";
import { createLogger, type RootLogger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import type { Petrel } from "../petrel.ts";
import { createApiServer } from "./api-server.ts";
import { URL_VARIABLE } from "./config.ts";
import { createDestinations, type Destinations } from "./destinations.ts";
import type { Tally } from "./ledger.ts";
import { CLOSING, type Outcome, summary } from "./plain.ts";
import { pause, play } from "./play.ts";
import { type Occurrence, seeded, uuid } from "./recorder.ts";
import { type Counters, createShow, readCounters, type Show } from "./show.ts";
import { type DemoIo, liveTeller, plainTeller, type ShownOptions, type Teller } from "./tell.ts";
import { clip } from "./view.ts";

type Env = DemoIo["env"];

export interface DemoOptions extends ShownOptions {
  /** One day instead of one after the other. */
  readonly once: boolean;
  readonly plain: boolean;
  /** `env` holds where the demo's receivers listen. Throws ConfigError. */
  readonly load: (env: Env) => Promise<Config>;
  /** Starts Petrel as `petrel run` does. */
  readonly start: (parts: StartParts) => Promise<Petrel>;
}

export interface StartParts {
  readonly config: Config;
  readonly credentials: Credentials;
  readonly logger: RootLogger;
  readonly metrics: Metrics;
  readonly env: Env;
}

/** Between two days. */
const NIGHT_MS = 3_000;
/** How long the end waits for what is on its way. */
const PATIENCE_MS = 5_000;
/** The live demo goes on for ever; its cluster need not remember that long. */
const TTL_MS = 60_000;
const SEED = 2026;

/** Exit code: 0 when everything came to everybody who must get it, 1 otherwise. */
export async function runDemo(options: DemoOptions, io: DemoIo): Promise<number> {
  const now = () => performance.now();
  const stop = io.stop();
  const api = await createApiServer({ ttlMs: TTL_MS / options.speed, uid: uuidsOf(seeded(SEED)) });
  let arrived: (name: string, id: string) => void = () => {};
  const destinations = createDestinations((name, id) => arrived(name, id));
  try {
    const env = { ...io.env, [URL_VARIABLE]: destinations.url };
    const config = { ...(await options.load(env)), shutdownTimeoutMs: PATIENCE_MS };
    const show = createShow({ api, config, now, seed: SEED });
    const metrics = createMetrics();
    const live = options.plain || io.terminal() === undefined ? undefined : { logged: "" };
    const logger = createLogger({
      level: live ? config.logLevel : "warn",
      format: "pretty",
      write: (line) => {
        // The screen shows its own clock.
        if (live) live.logged = clip(line.replace(/^\S+ /, ""), 200, "");
        else io.stderr(line);
      },
    });
    const credentials = openServer(api.url);
    const petrel = await options.start({ config, credentials, logger, metrics, env });
    await until(() => petrel.unready() === undefined, PATIENCE_MS, stop);
    const usage = process.cpuUsage();
    const startedAt = now();
    const stage = { options, io, show, petrel, metrics, now, startedAt };
    const tell = live ? liveTeller({ ...stage, live }) : plainTeller(stage, api.url);
    arrived = (name, id) => {
      const entry = show.ledger.arrive(name, id, now());
      if (entry) tell.arrived(entry);
    };
    let unready: string | undefined;
    try {
      await passDays({ show, tell, destinations, options, stop });
      await until(() => (options.builtIn ? show.ledger.settled() : allDelivered(show, metrics)), PATIENCE_MS);
      unready = petrel.unready();
      await petrel.stop();
    } finally {
      tell.close();
    }
    logger.flush("all");
    const { user, system } = process.cpuUsage(usage);
    const outcome = reckon(show, readCounters(metrics, show.ledger.receivers), options.builtIn);
    io.stdout(
      summary(outcome, {
        seconds: (now() - startedAt) / 1_000,
        cpuSeconds: (user + system) / 1e6,
        memoryBytes: process.memoryUsage.rss(),
      }) + CLOSING,
    );
    if (unready !== undefined) io.stderr(`petrel: ${unready}\n`);
    const wrong = outcome.lost + (outcome.repeated ?? 0) + (outcome.stray ?? 0);
    return wrong === 0 && unready === undefined ? 0 : 1;
  } finally {
    await Promise.all([api.stop(), destinations.stop()]);
  }
}

/** One day, or one after the other until the signal aborts. Afterwards every receiver takes events again. */
async function passDays(parts: {
  readonly show: Show;
  readonly tell: Teller;
  readonly destinations: Destinations;
  readonly options: DemoOptions;
  readonly stop: AbortSignal;
}): Promise<void> {
  const { show, tell, destinations, options, stop } = parts;
  const stage = {
    happens: (occurrence: Occurrence, story: number) => tell.happens(show.happens(occurrence, story)),
    outage(receiver: string, on: boolean) {
      if (!options.builtIn) return;
      destinations.down(receiver, on);
      tell.outage(receiver, on);
    },
  };
  while (!stop.aborted) {
    const day = show.begin();
    tell.begins();
    await play(day, stage, options.speed, stop);
    if (options.once) break;
    await pause(NIGHT_MS / options.speed, stop);
  }
  for (const name of show.ledger.receivers) destinations.down(name, false);
  tell.ends();
}

/** By Petrel's own counts: of receivers that are not the demo's nothing else is known. */
function allDelivered({ ledger }: Show, metrics: Metrics): boolean {
  const counters = readCounters(metrics, ledger.receivers);
  return ledger.tallies.every(({ routed }, index) => (counters[index]?.delivered ?? 0) >= routed);
}

/** Looks every few milliseconds, at most for so long; a signal ends it. */
async function until(condition: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition() && performance.now() < deadline && !signal?.aborted) await Bun.sleep(10);
}

/** What should have come against what came; of foreign receivers only Petrel's own counts are known. */
function reckon({ ledger }: Show, counters: readonly Counters[], builtIn: boolean): Outcome {
  const total = (of: (tally: Tally) => number) => ledger.tallies.reduce((sum, tally) => sum + of(tally), 0);
  const rows = ledger.tallies.map((tally, index) => {
    const { delivered = 0, failed = 0, retried = 0 } = counters[index] ?? {};
    const { routed, arrived, latencies } = tally;
    const name = ledger.receivers[index] ?? "";
    return { name, routed, delivered: builtIn ? arrived : delivered, failed, retried, latencies };
  });
  return {
    written: ledger.written,
    rows,
    lost: rows.reduce((sum, { routed, delivered }) => sum + Math.max(0, routed - delivered), 0),
    repeated: builtIn ? total((tally) => tally.repeated) : undefined,
    stray: builtIn ? total((tally) => tally.stray) : undefined,
  };
}

function uuidsOf(random: () => number): () => string {
  return () => uuid(random);
}
