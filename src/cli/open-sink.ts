/** A receiver's sink for a command that shows what would be sent. */
import { loadSinks } from "../../sinks/index.ts";
import type { Config, ReceiverConfig } from "../config/types.ts";
import { UsageError } from "../errors.ts";
import { eventTemplates } from "../event-template/compiler.ts";
import { formOf } from "../form.ts";
import { friendlyFor } from "../friendly/load.ts";
import { createLogger } from "../logger.ts";
import { createSinkContext } from "../pipeline/context.ts";
import type { Sink } from "../sink.ts";
import type { Io } from "./command.ts";

/** Only `render` of it may be asked for. Dispose of it. */
export async function openSink(receiver: ReceiverConfig, config: Config, io: Io): Promise<Sink> {
  const [definition] = await loadSinks([receiver.sink]);
  if (definition === undefined) throw new UsageError(`no sink is called ${receiver.sink}`);
  const context = createSinkContext({
    receiver: receiver.name,
    // What a sink has to say of a template comes with the event that fails on it.
    logger: createLogger({ level: "disabled", format: "pretty" }),
    compat: config.compat === "exporter",
    language: receiver.language,
    form: formOf(receiver, definition),
    friendly: (await friendlyFor(config))?.data,
    compileTemplate: await eventTemplates(config, io.env),
    env: io.env,
  });
  // The child or the schema has validated these settings by this very definition.
  return await definition.create(receiver.config as never, context);
}
