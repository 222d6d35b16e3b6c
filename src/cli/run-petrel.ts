/** `petrel run` behind its arguments: loaded while a child reads the config. */
import type { Admin, AdminOptions } from "../admin.ts";
import { ownCommand } from "../config/child.ts";
import type { Config, Loaded } from "../config/types.ts";
import type { Finding } from "../errors.ts";
import { loadCredentials } from "../kube/credentials.ts";
import { startListener } from "../listen.ts";
import { createLogger, type RootLogger } from "../logger.ts";
import { createMetrics } from "../metrics.ts";
import type { Notifier, NotifierOptions } from "../notify.ts";
import { needsCluster, type Petrel, startPetrel } from "../petrel.ts";
import { registerProcessMetrics } from "../process-metrics.ts";
import { createReloader } from "../reload.ts";
import { commit, version } from "../version.ts";
import type { Parsed } from "./args.ts";
import type { Io } from "./command.ts";
import type { RUN_FLAGS } from "./run-flags.ts";
import { withParts } from "./with-parts.ts";

const METRICS_ADDRESS = ":2112";

/** Returns the exit code, when told to stop. `loading`: the config, on its way; `reload` reads it anew. */
export async function runPetrel(
  flags: Parsed<typeof RUN_FLAGS>["flags"],
  loading: Promise<Loaded>,
  reload: () => Promise<Loaded>,
  stop: AbortSignal,
  io: Io,
): Promise<number> {
  // Before anything takes time: a signal that nobody listens to ends the process.
  let hungUp = (): void => {
    early = true;
  };
  let early = false;
  io.hangup(() => hungUp());
  const logger = createLogger({ level: flags["log-level"] ?? "info", format: flags["log-format"] ?? "pretty" });
  const metrics = createMetrics();
  registerProcessMetrics(metrics, { version, revision: commit });

  // The child was started a moment ago; to read again what was read already costs no more than a look.
  const readAt = Math.floor(performance.timeOrigin);
  const loaded = await loading;
  const configureLogger = (config: Config): void =>
    logger.configure({
      level: flags["log-level"] ?? config.logLevel,
      format: flags["log-format"] ?? config.logFormat,
    });
  const { config } = loaded;
  if (config) configureLogger(config);
  tell(loaded.findings, logger);
  if (!config) {
    logger.error("the config cannot be run; petrel check shows every finding in its place", { config: loaded.file });
    logger.flush("all");
    return 2;
  }

  let petrel: Petrel | undefined;
  const started = Promise.withResolvers<Petrel>();
  started.promise.catch(() => {});
  const systemd = await notifier({ env: io.env, pid: process.pid, logger, unhealthy: () => petrel?.unhealthy() });
  const listener = startListener({
    address: flags["metrics-address"] ?? METRICS_ADDRESS,
    metrics,
    logger,
    healthy: () => petrel?.unhealthy(),
    ready: () => (petrel ? petrel.unready() : "starting"),
    ...(await webConfig(flags["metrics-tls-config"])),
  });
  let admin: Admin | undefined;
  const reloader = createReloader({
    loaded: { ...loaded, config },
    readAt,
    load: () => reload(),
    async apply(next) {
      const running = await started.promise;
      await running.replace(await withParts(next, io.env));
      configureLogger(next);
    },
    tell: (findings) => tell(findings, logger),
    logger,
    metrics,
    begun: () => petrel && systemd?.reloading(),
    ended() {
      if (!petrel) return;
      // Secrets are read when they are used: one that is another now is no change of the config.
      petrel.probe();
      systemd?.ready();
    },
  });
  hungUp = () => void reloader.reload("SIGHUP");
  if (early) hungUp();
  try {
    admin = await openAdmin(flags["admin-address"], {
      logger,
      env: io.env,
      petrel: () => petrel,
      config: reloader.config,
      generation: reloader.generation,
      reload: () => reloader.reload("asked for at the admin port"),
    });
    const credentials = needsCluster(config)
      ? await loadCredentials({ kubeconfig: flags.kubeconfig, context: flags.context, env: io.env, logger })
      : undefined;
    petrel = await startPetrel({
      credentials,
      ...(await withParts(config, io.env)),
      logger,
      metrics,
      env: io.env,
      ignoreCheckpoint: flags["ignore-checkpoint"],
      signal: stop,
      stdin: () => io.stdin(),
    });
    started.resolve(petrel);
    logger.info("petrel runs", {
      version,
      ...(credentials && { cluster: credentials.server, credentials: credentials.source }),
      receivers: config.receivers.length,
      metricsPort: listener.port,
    });
    systemd?.ready();
    await Promise.race([aborted(stop), petrel.ended]);
    systemd?.stopping();
    logger.info("stopping: delivering what waits", { events: petrel.status().events });
    const drained = await petrel.stop();
    logger.info(drained ? "stopped, nothing left" : "stopped at the deadline");
  } finally {
    started.reject(new Error("Petrel did not start"));
    await reloader.stop();
    await admin?.stop();
    await listener.stop();
    await systemd?.close();
    logger.flush("all");
  }
  return 0;
}

function tell(findings: readonly Finding[], logger: RootLogger): void {
  for (const { severity, code, file, line, column, message, hint } of findings) {
    if (severity === "info") continue;
    const fields = { at: `${file}:${line}:${column}`, code, ...(hint !== undefined && { hint }) };
    if (severity === "error") logger.error(message, fields);
    else logger.warn(message, fields);
  }
}

/** Undefined: nobody wants it, or its port is taken and nobody asked for it. */
async function openAdmin(
  address: string | undefined,
  parts: Pick<AdminOptions, "logger" | "petrel" | "generation" | "reload"> & {
    config(): Config;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<Admin | undefined> {
  if (address === "" || address === "off") return undefined;
  const { env, ...host } = parts;
  const config = parts.config();
  const [{ ADMIN_ADDRESS, startAdmin }, { openSecret }] = await Promise.all([
    import("../admin.ts"),
    import("../pipeline/context.ts"),
  ]);
  const token = config.admin?.token ?? (env.PETREL_ADMIN_TOKEN ? { env: "PETREL_ADMIN_TOKEN" } : undefined);
  return startAdmin({
    address: address ?? ADMIN_ADDRESS,
    required: address !== undefined,
    token: token === undefined ? undefined : openSecret(token, { env }),
    ...host,
    schema: () => printSchema(env),
    startedAt: performance.timeOrigin,
  });
}

async function printSchema(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const child = Bun.spawn([...ownCommand(), "schema"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    env: { ...env },
    timeout: 10_000,
    killSignal: "SIGKILL",
  });
  const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) throw new Error(`petrel schema ended with ${code}`);
  return text;
}

/** Undefined where systemd did not start Petrel, or cannot be told. */
async function notifier(options: NotifierOptions): Promise<Notifier | undefined> {
  if (!options.env.NOTIFY_SOCKET) return undefined;
  const { openNotifier } = await import("../notify.ts");
  return openNotifier(options);
}

async function webConfig(path: string) {
  if (path === "") return {};
  const { loadWebConfig } = await import("../web-config.ts");
  return loadWebConfig(path);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
