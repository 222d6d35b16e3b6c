/** A config with what beside itself it needs to run. */
import { loadSinks } from "../../sinks/index.ts";
import type { Config } from "../config/types.ts";
import { eventTemplates } from "../event-template/compiler.ts";
import type { Replacement } from "../pipeline/pipeline-options.ts";

/** Loads the sinks that the config names, and the template engine if it needs one. */
export async function withParts(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Replacement> {
  const sinks = await loadSinks(config.receivers.map(({ sink }) => sink));
  return {
    config,
    sinks: new Map(sinks.map((sink) => [sink.name, sink])),
    compileTemplate: await eventTemplates(config, env, () => performance.now()),
  };
}
