/** `petrel render` */
import { nearest } from "../config/nearest.ts";
import { isSecretKey } from "../config/redact.ts";
import type { Config, ReceiverConfig } from "../config/types.ts";
import { UsageError } from "../errors.ts";
import type { Rendered, Sink } from "../sink.ts";
import { COMPAT_FLAG, CONFIG_FLAG, OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import { CLUSTER_FLAGS } from "./cluster.ts";
import type { Command } from "./command.ts";
import { EVENT_USAGE, type ReadEvent, readEvents } from "./events.ts";
import { readConfig } from "./load.ts";
import { openSink } from "./open-sink.ts";

export const command: Command = {
  name: "render",
  summary: "Print exactly what a receiver would send for an event.",
  usage: `usage: petrel render [-c FILE] [FLAGS] RECEIVER EVENT

Prints the payload, whether or not the route would send the event there. Nothing is sent.

  -c, --config FILE      the config (config.yaml)
  -o, --output FORMAT    text: the payload; json: one object per event and line, with "body" (text)
                         and "headers" (tokens as [secret]), or "error"
  --compat exporter      the shapes of kubernetes-event-exporter
  --kubeconfig FILE, --context NAME    for an EVENT in the cluster

Exit code 1 when an event cannot be rendered.

${EVENT_USAGE}`,

  async run(args, io) {
    const { flags, rest } = parseFlags(args, {
      config: CONFIG_FLAG,
      output: OUTPUT_FLAG,
      compat: COMPAT_FLAG,
      ...CLUSTER_FLAGS,
    });
    const [name, argument] = positionals(rest, ["RECEIVER", "EVENT"]);
    const config = readConfig(flags, io);
    const receiver = findReceiver(config, name);
    const events = await readEvents(argument, io, { ...config, cluster: flags });
    const sink = await openSink(receiver, config, io);
    let failed = false;
    try {
      for (const item of events) {
        const rendered = render(item, sink);
        failed ||= "error" in rendered;
        if (flags.output === "json") io.stdout(`${JSON.stringify(rendered)}\n`);
        else if ("error" in rendered) io.stderr(`petrel: ${rendered.error}\n`);
        else io.stdout(rendered.body.endsWith("\n") ? rendered.body : `${rendered.body}\n`);
      }
    } finally {
      await sink[Symbol.asyncDispose]?.();
    }
    return failed ? 1 : 0;
  },
};

function findReceiver(config: Config, name: string): ReceiverConfig {
  const found = config.receivers.find((receiver) => receiver.name === name);
  if (found !== undefined) return found;
  const names = config.receivers.map((receiver) => receiver.name);
  const near = nearest(name, names);
  const cure = near === undefined ? `there are: ${names.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`the config has no receiver ${JSON.stringify(name)}; ${cure}`);
}

function render(item: ReadEvent, sink: Sink): Rendered | { readonly error: string } {
  if ("problem" in item) return { error: item.problem };
  try {
    const { body, headers } = sink.render([item.event]);
    return { body, headers: withoutSecrets(headers ?? {}) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** What is rendered is shown to others: values of headers that carry tokens stay here. */
function withoutSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      isSecretKey(name) && name.toLowerCase() !== "host" && value !== "" ? "[secret]" : value,
    ]),
  );
}
