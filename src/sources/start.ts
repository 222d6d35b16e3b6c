/** What a config's sources are beside the API server: started together, stopped together. */
import type { Config } from "../config/types.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { openSecret } from "../pipeline/context.ts";
import type { Meters } from "../pipeline/meters.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { HttpSource } from "./http.ts";

export interface Sources {
  /** The port of the source `http`. */
  readonly port: number | undefined;
  /** Resolves when there is nothing more to come, ever. */
  readonly ended: Promise<void>;
  /** Takes nothing more; who posts is told so. */
  refuse(): void;
  stop(): Promise<void>;
}

export interface SourcesOptions {
  readonly config: Config;
  readonly pipeline: Pipeline;
  leads(): boolean;
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly meters: Meters;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws Error when a port cannot be listened on. */
export async function startSources(options: SourcesOptions): Promise<Sources> {
  const { config, pipeline, logger, metrics } = options;
  const end = new AbortController();
  let http: HttpSource | undefined;
  if (config.http) {
    const { startHttpSource } = await import("./http.ts");
    const { token } = config.http;
    http = startHttpSource({
      config: config.http,
      token: token === undefined ? undefined : openSecret(token, { env: options.env }),
      pipeline,
      watching: config.sources.includes("kubernetes"),
      leads: options.leads,
      logger,
      metrics,
    });
    logger.info("events can be posted", {
      port: http.port,
      token: token !== undefined,
      tls: config.http.tls !== undefined,
    });
  }
  const streams: Promise<void>[] = [];
  for (const name of config.sources) {
    if (name !== "stdin" && name !== "file") continue;
    const { readStream } = await import("./stream.ts");
    const path = config.file?.path;
    streams.push(
      readStream({
        name,
        open: () => (name === "file" && path !== undefined ? Bun.file(path).stream() : options.stdin()),
        pipeline,
        malformed: options.meters.discarded.malformed,
        logger,
        signal: end.signal,
      }),
    );
  }
  const endless = config.sources.some((name) => name === "kubernetes" || name === "http");
  return {
    port: http?.port,
    ended: endless ? new Promise(() => {}) : Promise.all(streams).then(() => {}),
    refuse() {
      http?.refuse();
      end.abort();
    },
    async stop() {
      http?.refuse();
      end.abort();
      await http?.stop();
      await Promise.all(streams);
    },
  };
}
