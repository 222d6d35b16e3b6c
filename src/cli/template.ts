/** `petrel template` */
import { UsageError } from "../errors.ts";
import type { Event } from "../event.ts";
import { compileForEvent } from "../event-data.ts";
import type { Language } from "../sink.ts";
import { sprigFuncs } from "../template/funcs/sprig.ts";
import { COMPAT_FLAG, OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import { CLUSTER_FLAGS } from "./cluster.ts";
import type { Command, Io } from "./command.ts";
import { EVENT_USAGE, readEvents } from "./events.ts";

export const command: Command = {
  name: "template",
  summary: "Render a template over an event.",
  usage: `usage: petrel template TEXT --event EVENT [FLAGS]

Prints the text exactly, without a newline of its own; of several events each text ends with one.

  --event EVENT          what the template sees
  --language LANGUAGE    go, or eta: JavaScript in <% %>, which is run; the event is \`it\`
  -o, --output FORMAT    text, or json: one object per event and line, with "text" or "error"
  --compat exporter      as kubernetes-event-exporter renders
  --kubeconfig FILE, --context NAME    for an EVENT in the cluster

Exit code 1 when the template does not compile, or fails.
Example: petrel template '{{ .Reason }}: {{ .Message }}' --event event.json

${EVENT_USAGE}`,

  async run(args, io) {
    const { flags, rest } = parseFlags(args, {
      event: { value: "EVENT" },
      language: { value: "LANGUAGE", choices: ["go", "eta"], default: "go" },
      output: OUTPUT_FLAG,
      compat: COMPAT_FLAG,
      ...CLUSTER_FLAGS,
    });
    const [text] = positionals(rest, ["TEXT"]);
    if (flags.event === undefined) throw new UsageError("--event EVENT missing");
    const events = await readEvents(flags.event, io, { cluster: flags });
    const json = flags.output === "json";
    const end = events.length > 1 ? "\n" : "";
    let failed = false;
    const fail = (error: string): void => {
      failed = true;
      if (json) io.stdout(`${JSON.stringify({ error })}\n`);
      else io.stderr(`petrel: ${error}\n`);
    };
    const compile = await compiler(flags.language, flags.compat === "exporter", io);
    const template = attempt(() => compile(text));
    if ("error" in template) {
      fail(template.error);
      return 1;
    }
    for (const item of events) {
      if ("problem" in item) {
        fail(item.problem);
        continue;
      }
      const result = attempt(() => template.value(item.event));
      if ("error" in result) fail(result.error);
      else io.stdout(json ? `${JSON.stringify({ text: result.value })}\n` : result.value + end);
    }
    return failed ? 1 : 0;
  },
};

async function compiler(
  language: Language,
  compat: boolean,
  io: Io,
): Promise<(text: string) => (event: Event) => string> {
  if (language === "eta") return (await import("../eta.ts")).compileEta;
  const functions = sprigFuncs({ environment: io.env });
  return (text) => compileForEvent(text, { functions, compat });
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly error: string } {
  try {
    return { value: work() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
