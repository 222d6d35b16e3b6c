/** Asks the destinations of a config's receivers whether they would take events, sending none. */
import { loadSinks } from "../../sinks/index.ts";
import type { Config, ReceiverConfig } from "../config/types.ts";
import { formOf } from "../form.ts";
import type { Logger } from "../logger.ts";
import { createSinkContext } from "../pipeline/context.ts";

export interface Reached {
  readonly receiver: string;
  /** `unasked`: this kind of destination cannot be asked without sending it an event; `remark`: it answers, and what stays open. */
  readonly answer: "ready" | "unasked" | { readonly problem: string } | { readonly remark: string };
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
      return { receiver: receiver.name, answer: await tryReceiver(receiver, config, env) };
    }),
  );
}

async function tryReceiver(
  receiver: ReceiverConfig,
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Reached["answer"]> {
  const [definition] = await loadSinks([receiver.sink]);
  if (!definition) return { problem: `there is no sink ${receiver.sink}` };
  const context = createSinkContext({
    receiver: receiver.name,
    logger: SILENT,
    compat: config.compat === "exporter",
    // What a template says is of no matter where nothing is sent.
    compileTemplate: (text) => () => text,
    env,
    form: formOf(receiver, definition),
  });
  try {
    const sink = await definition.create(receiver.config, context);
    try {
      if (!sink.check) return "unasked";
      const remark = await sink.check(AbortSignal.timeout(Math.min(DEADLINE, receiver.timeoutMs)));
      return remark ? { remark } : "ready";
    } finally {
      await sink[Symbol.asyncDispose]?.();
    }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
