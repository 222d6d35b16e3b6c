/** Another config for a running Petrel: read whole, built whole, and only then in place of the one before. */
import type { Reloaded } from "./admin-host.ts";
import { type Difference, describe, difference } from "./config/difference.ts";
import type { Config, Loaded } from "./config/types.ts";
import { watchFiles } from "./config/watch-files.ts";
import type { Finding } from "./errors.ts";
import type { RootLogger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

export interface Reloader {
  /** One after the other; each reads the file anew. Never rejects. `why`: for the log. */
  reload(why: string): Promise<Reloaded>;
  generation(): number;
  config(): Config;
  stop(): Promise<void>;
}

export interface ReloaderOptions {
  readonly loaded: Loaded & { readonly config: Config };
  /** When that began to be read, in milliseconds since 1970. */
  readonly readAt: number;
  /** Rejects with ConfigError when the file cannot be read. */
  load(): Promise<Loaded>;
  /** Puts a config in place of the one that runs. Rejects, having changed nothing, when it cannot be. */
  apply(config: Config): Promise<void>;
  /** Says what is to be said of a config. */
  tell(findings: readonly Finding[]): void;
  readonly logger: RootLogger;
  readonly metrics: Metrics;
  /** Told before and after, whatever comes of it. */
  begun?(): void;
  ended?(): void;
}

export function createReloader(options: ReloaderOptions): Reloader {
  const { logger, metrics } = options;
  let { config } = options.loaded;
  let generation = 1;
  let turn: Promise<unknown> = Promise.resolve();
  const successful = metrics.gauge(
    "petrel_config_last_reload_successful",
    "1 when the config that was read last runs, 0 when it was refused.",
  );
  const at = metrics.gauge(
    "petrel_config_last_reload_success_timestamp_seconds",
    "When the config that runs was read, in seconds since 1970.",
  );
  const warnings = metrics.gauge("petrel_config_warnings", "Findings of petrel check in the running config.");

  function runs(loaded: Loaded): void {
    successful.value = 1;
    at.value = Math.floor(Date.now() / 1_000);
    warnings.value = loaded.findings.filter(({ severity }) => severity !== "info").length;
  }

  const watching = watchFiles(filesOf(options.loaded), options.readAt, () => void reload("a file changed"));
  runs(options.loaded);

  function reload(why: string): Promise<Reloaded> {
    const next = turn.then(() => once(why));
    turn = next;
    return next;
  }

  async function once(why: string): Promise<Reloaded> {
    options.begun?.();
    try {
      return await attempt(why);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      successful.value = 0;
      logger.error("the config is not taken over, the one before goes on", { why, error: problem });
      return { generation, problem };
    } finally {
      options.ended?.();
    }
  }

  async function attempt(why: string): Promise<Reloaded> {
    const readAt = Date.now();
    const loaded = await options.load();
    // What is wrong may be in a file that it did not name before.
    watching.files(filesOf(loaded), readAt);
    if (!loaded.config) {
      options.tell(loaded.findings);
      throw new Error(problemOf(loaded.findings));
    }
    const changes = difference(describe(config), describe(loaded.config));
    if (isNothing(changes)) {
      runs(loaded);
      logger.info("the config is read again, nothing has changed", { why });
      return { generation };
    }
    options.tell(loaded.findings);
    await options.apply(loaded.config);
    const { restart, ...others } = changes;
    config = loaded.config;
    generation++;
    runs(loaded);
    const fields = Object.entries(others).filter(([, names]) => names.length > 0);
    logger.info("another config runs now", { why, generation, ...Object.fromEntries(fields) });
    if (restart.length > 0) logger.warn("these changes of the config need a restart", { keys: restart });
    return { generation };
  }

  return {
    reload,
    generation: () => generation,
    config: () => config,
    async stop() {
      watching.stop();
      await turn;
    },
  };
}

function filesOf(loaded: Loaded): readonly string[] {
  return [loaded.file, ...(loaded.files ?? [])];
}

function isNothing({ kept: _, ...changes }: Difference): boolean {
  return Object.values(changes).every((names) => names.length === 0);
}

function problemOf(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (!first) return "the config cannot be run";
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : "";
  return `${first.file}:${first.line}:${first.column}: ${first.message}${more}`;
}
