/** `petrel run` behind its arguments: loaded while a child reads the config. */
import { loadSinks } from "../../sinks/index.ts";
import type { Admin, AdminOptions } from "../admin.ts";
import { ownCommand } from "../config/child.ts";
import type { Config, Loaded } from "../config/types.ts";
import type { Finding } from "../errors.ts";
import { eventTemplates } from "../event-template/compiler.ts";
import { loadCredentials } from "../kube/credentials.ts";
import { startListener } from "../listen.ts";
import { createLogger, type RootLogger } from "../logger.ts";
import { createMetrics } from "../metrics.ts";
import type { Notifier, NotifierOptions } from "../notify.ts";
import { type Petrel, startPetrel } from "../petrel.ts";
import { registerProcessMetrics } from "../process-metrics.ts";
import { commit, version } from "../version.ts";
import type { Parsed } from "./args.ts";
import type { Io } from "./command.ts";
import type { RUN_FLAGS } from "./run-flags.ts";

/** Returns the exit code, when told to stop. `loading`: the config, on its way. */
export async function runPetrel(
  flags: Parsed<typeof RUN_FLAGS>["flags"],
  loading: Promise<Loaded>,
  stop: AbortSignal,
  io: Io,
): Promise<number> {
  const logger = createLogger({ level: flags["log-level"] ?? "info", format: flags["log-format"] ?? "pretty" });
  io.hangup(() => logger.warn("SIGHUP: the config cannot be read again while Petrel runs; restart it"));
  const metrics = createMetrics();
  registerProcessMetrics(metrics, { version, revision: commit });

  const loaded = await loading;
  const { config } = loaded;
  if (config) {
    logger.configure({
      level: flags["log-level"] ?? config.logLevel,
      format: flags["log-format"] ?? config.logFormat,
    });
  }
  tell(loaded.findings, logger);
  if (!config) {
    logger.error("the config cannot be run; petrel check shows every finding in its place", { config: loaded.file });
    logger.flush("all");
    return 2;
  }
  const count = (severity: Finding["severity"]) => loaded.findings.filter((one) => one.severity === severity).length;
  metrics.gauge("petrel_config_warnings", "Findings of petrel check in the running config.").value =
    count("error") + count("warning");

  let petrel: Petrel | undefined;
  const systemd = await notifier({ env: io.env, pid: process.pid, logger, unhealthy: () => petrel?.unhealthy() });
  const listener = startListener({
    address: flags["metrics-address"],
    metrics,
    logger,
    healthy: () => petrel?.unhealthy(),
    ready: () => (petrel ? petrel.unready() : "starting"),
    ...(await webConfig(flags["metrics-tls-config"])),
  });
  let admin: Admin | undefined;
  try {
    admin = await openAdmin(flags["admin-address"], { config, logger, env: io.env, petrel: () => petrel });
    const credentials = await loadCredentials({
      kubeconfig: flags.kubeconfig,
      context: flags.context,
      env: io.env,
      logger,
    });
    petrel = await startPetrel({
      config,
      credentials,
      sinks: await loadSinks(config.receivers.map(({ sink }) => sink)),
      compileTemplate: await eventTemplates(config, io.env, () => performance.now()),
      logger,
      metrics,
      env: io.env,
      ignoreCheckpoint: flags["ignore-checkpoint"],
      signal: stop,
    });
    logger.info("petrel runs", {
      version,
      cluster: credentials.server,
      credentials: credentials.source,
      receivers: config.receivers.length,
      metricsPort: listener.port,
    });
    systemd?.ready();
    await aborted(stop);
    systemd?.stopping();
    logger.info("stopping: delivering what waits", { events: petrel.status().events });
    const drained = await petrel.stop();
    logger.info(drained ? "stopped, nothing left" : "stopped at the deadline");
  } finally {
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
  parts: Pick<AdminOptions, "logger" | "petrel"> & {
    readonly config: Config;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<Admin | undefined> {
  if (address === "" || address === "off") return undefined;
  const { config, env, logger, petrel } = parts;
  const [{ ADMIN_ADDRESS, startAdmin }, { openSecret }] = await Promise.all([
    import("../admin.ts"),
    import("../pipeline/context.ts"),
  ]);
  const token = config.admin?.token ?? (env.PETREL_ADMIN_TOKEN ? { env: "PETREL_ADMIN_TOKEN" } : undefined);
  return startAdmin({
    address: address ?? ADMIN_ADDRESS,
    required: address !== undefined,
    token: token === undefined ? undefined : openSecret(token, { env }),
    petrel,
    // One config for all of this process's life.
    generation: () => 1,
    schema: () => printSchema(env),
    logger,
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
