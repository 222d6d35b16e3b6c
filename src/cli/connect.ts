/** Asks the destinations of a config's receivers whether they would take events, sending none. */
import { sinks } from "../../sinks/index.ts";
import type { Config, ReceiverConfig } from "../config/types.ts";
import type { Logger } from "../logger.ts";
import { createSinkContext } from "../pipeline/context.ts";

export interface Reached {
  readonly receiver: string;
  /** Undefined when it would take events. */
  readonly problem?: string;
}

const DEADLINE = 10_000;

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };

/** All receivers at once; in the order of the config. Never throws. */
export async function checkReceivers(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Reached[]> {
  return await Promise.all(
    config.receivers.map(async (receiver) => {
      const problem = await tryReceiver(receiver, config, env);
      return { receiver: receiver.name, ...(problem !== undefined && { problem }) };
    }),
  );
}

async function tryReceiver(
  receiver: ReceiverConfig,
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const definition = sinks.find(({ name }) => name === receiver.sink);
  if (!definition) return `there is no sink ${receiver.sink}`;
  const context = createSinkContext({
    receiver: receiver.name,
    logger: SILENT,
    compat: config.compat === "exporter",
    // What a template says is of no matter where nothing is sent.
    compileTemplate: (text) => () => text,
    env,
  });
  try {
    const sink = await definition.create(receiver.config, context);
    try {
      await sink.check?.(AbortSignal.timeout(Math.min(DEADLINE, receiver.timeoutMs)));
    } finally {
      await sink[Symbol.asyncDispose]?.();
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
