/** A pipeline without a cluster: for commands that deliver events which they have already. */
import { loadSinks } from "../../sinks/index.ts";
import type { Config } from "../config/types.ts";
import { eventTemplates } from "../event-template/compiler.ts";
import type { Logger } from "../logger.ts";
import { createMetrics } from "../metrics.ts";
import type { DeadLetters } from "../pipeline/dead-letters.ts";
import { createMeters, type Meters } from "../pipeline/meters.ts";
import { createPipeline, type Pipeline } from "../pipeline/pipeline.ts";
import type { Io } from "./command.ts";

export interface Offline {
  readonly pipeline: Pipeline;
  readonly meters: Meters;
}

/** Nothing is looked up: events come with what was known of their objects, or without. */
export async function openOffline(config: Config, logger: Logger, io: Io, deadLetters?: DeadLetters): Promise<Offline> {
  const meters = createMeters(createMetrics());
  const pipeline = await createPipeline({
    config: { ...config, omitLookup: true },
    sinks: new Map((await loadSinks(config.receivers.map(({ sink }) => sink))).map((sink) => [sink.name, sink])),
    compileTemplate: await eventTemplates(config, io.env),
    logger,
    meters,
    env: io.env,
    lookup: () => undefined,
    deadLetters,
    now: () => performance.timeOrigin + performance.now(),
    random: Math.random,
  });
  return { pipeline, meters };
}
