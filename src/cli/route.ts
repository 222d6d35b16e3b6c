/** `petrel route` */
import { friendlyFor } from "../friendly/load.ts";
import { compileRoute } from "../pipeline/route.ts";
import { COMPAT_FLAG, CONFIG_FLAG, OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import { CLUSTER_FLAGS } from "./cluster.ts";
import type { Command } from "./command.ts";
import { EVENT_USAGE, readEvents } from "./events.ts";
import { eventSummary, explanationText, receiverReasons } from "./explain.ts";
import { readConfig } from "./load.ts";

export const command: Command = {
  name: "route",
  summary: "Explain which receivers get an event, rule by rule.",
  usage: `usage: petrel route [-c FILE] [FLAGS] EVENT

Says for each receiver whether it gets the event, with the config line of every rule that decided.

  -c, --config FILE      the config (config.yaml)
  -o, --output FORMAT    text, or json: one object per event and line, with "receivers" in order of
                         delivery ([] when there is none), "why" per receiver, and the route tree
  --compat exporter      decide as kubernetes-event-exporter does
  --kubeconfig FILE, --context NAME    for an EVENT in the cluster

${EVENT_USAGE}`,

  async run(args, io) {
    const { flags, rest } = parseFlags(args, {
      config: CONFIG_FLAG,
      output: OUTPUT_FLAG,
      compat: COMPAT_FLAG,
      ...CLUSTER_FLAGS,
    });
    const [argument] = positionals(rest, ["EVENT"]);
    const config = readConfig(flags, io);
    const events = await readEvents(argument, io, { ...config, cluster: flags });
    const receivers = config.receivers.map(({ name }) => name);
    const router = compileRoute(config.route, receivers, {
      compat: config.compat === "exporter",
      eventType: (await friendlyFor(config))?.type,
    });

    let failed = false;
    let separator = "";
    for (const item of events) {
      if ("problem" in item) {
        failed = true;
        if (flags.output === "json") io.stdout(`${JSON.stringify({ error: item.problem })}\n`);
        else io.stderr(`petrel: ${item.problem}\n`);
        continue;
      }
      const explanation = router.explain(item.event);
      if (flags.output === "json") {
        const { receivers: to, route } = explanation;
        const why = receiverReasons(explanation, receivers);
        io.stdout(`${JSON.stringify({ receivers: to, event: eventSummary(item.event), why, route })}\n`);
      } else {
        io.stdout(separator + explanationText(item.event, explanation, receivers));
        separator = "\n";
      }
    }
    return failed ? 1 : 0;
  },
};
