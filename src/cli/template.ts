/** `petrel template` */
import { resolve } from "node:path";
import { UsageError } from "../errors.ts";
import type { Event } from "../event.ts";
import { compileForEvent } from "../event-template/go.ts";
import type { Language } from "../sink.ts";
import { sprigFuncs } from "../template/funcs/sprig.ts";
import { compile as compileGo } from "../template/template.ts";
import { COMPAT_FLAG, OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import { CLUSTER_FLAGS } from "./cluster.ts";
import type { Command, Io } from "./command.ts";
import { EVENT_USAGE, readEvents } from "./events.ts";

export const command: Command = {
  name: "template",
  summary: "Render a template over an event.",
  usage: `usage: petrel template TEXT --event EVENT | --data FILE [FLAGS]

Prints the text exactly, without a newline of its own; of several events each text ends with one.
  --event EVENT          what the template sees
  --data FILE            any JSON or YAML instead, as Go decodes JSON; - for standard input
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
      data: { value: "FILE" },
      language: { value: "LANGUAGE", choices: ["go", "eta"], default: "go" },
      output: OUTPUT_FLAG,
      compat: COMPAT_FLAG,
      ...CLUSTER_FLAGS,
    });
    const [text] = positionals(rest, ["TEXT"]);
    if (flags.event !== undefined && flags.data !== undefined)
      throw new UsageError("--event and --data exclude each other");
    const json = flags.output === "json";
    let failed = false;
    const fail = (error: string): void => {
      failed = true;
      if (json) io.stdout(`${JSON.stringify({ error })}\n`);
      else io.stderr(`petrel: ${error}\n`);
    };
    if (flags.data !== undefined) {
      if (flags.language === "eta") throw new UsageError("--data goes with Go templates");
      const data = await readData(flags.data, io);
      const functions = sprigFuncs({ environment: io.env });
      const result = attempt(() => compileGo(text, { functions }).render(data));
      if ("error" in result) fail(result.error);
      else io.stdout(json ? `${JSON.stringify({ text: result.value })}\n` : result.value);
      return failed ? 1 : 0;
    }
    if (flags.event === undefined) throw new UsageError("--event EVENT or --data FILE missing");
    const events = await readEvents(flags.event, io, { cluster: flags });
    const end = events.length > 1 ? "\n" : "";
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
  if (language === "eta") return (await import("../event-template/eta.ts")).compileEta;
  const functions = sprigFuncs({ environment: io.env });
  return (text) => compileForEvent(text, { functions, compat });
}

/** Throws UsageError for what cannot be read, or is neither JSON nor YAML. */
async function readData(path: string, io: Io): Promise<unknown> {
  let text: string;
  try {
    text = path === "-" ? await new Response(io.stdin() as never).text() : await Bun.file(resolve(io.cwd, path)).text();
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown reason"}`);
  }
  try {
    return Bun.YAML.parse(text);
  } catch {
    throw new UsageError(`${path} holds neither JSON nor YAML`);
  }
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly error: string } {
  try {
    return { value: work() };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
