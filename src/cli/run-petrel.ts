/** `petrel run` behind its arguments: loaded while a child reads the config. */
import { loadSinks } from "../../sinks/index.ts";
import type { Loaded } from "../config/types.ts";
import type { Finding } from "../errors.ts";
import { eventTemplates } from "../event-template/compiler.ts";
import { loadCredentials } from "../kube/credentials.ts";
import { startListener } from "../listen.ts";
import { createLogger, type RootLogger } from "../logger.ts";
import { createMetrics } from "../metrics.ts";
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
  const listener = startListener({
    address: flags["metrics-address"],
    metrics,
    logger,
    healthy: () => petrel?.unhealthy(),
    ready: () => (petrel ? petrel.unready() : "starting"),
    ...(await webConfig(flags["metrics-tls-config"])),
  });
  try {
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
      compileTemplate: await eventTemplates(config, io.env),
      logger,
      metrics,
      env: io.env,
    });
    logger.info("petrel runs", {
      version,
      cluster: credentials.server,
      credentials: credentials.source,
      receivers: config.receivers.length,
      metricsPort: listener.port,
    });
    await aborted(stop);
    logger.info("stopping: delivering what waits", { events: petrel.status().events });
    const drained = await petrel.stop();
    logger.info(drained ? "stopped, nothing left" : "stopped at the deadline");
  } finally {
    await listener.stop();
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
