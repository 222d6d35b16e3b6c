/** `petrel sinks`: what Petrel can deliver to, and each one's settings. */
import { nearest } from "../config/nearest.ts";
import { UsageError } from "../errors.ts";
import type { SinkDefinition } from "../sink.ts";
import { OUTPUT_FLAG, parseFlags } from "./args.ts";
import type { Command, Io } from "./command.ts";

export const command: Command = {
  name: "sinks",
  summary: "List what Petrel can deliver to; with a name, show its settings.",
  usage: `usage: petrel sinks [NAME] [-o text|json]

Lists the sinks. With NAME: its settings with their defaults, and an example.
JSON: an array of {name, title, summary, aliases, updates, batch, example, schema}, or one of them.
`,
  run,
};

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, rest } = parseFlags(args, { output: OUTPUT_FLAG });
  const [name, extra] = rest;
  if (extra !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(extra)}`);
  const { loadSinks } = await import("../../sinks/index.ts");
  const sinks = await loadSinks();
  const one = name === undefined ? undefined : find(name, sinks);
  if (flags.output === "json") {
    const { sinkJsonSchema } = await import("../config/json-schema.ts");
    const describe = (sink: SinkDefinition) => ({
      name: sink.name,
      title: sink.title,
      summary: sink.summary,
      aliases: sink.aliases ?? [],
      updates: sink.updates,
      batch: sink.batch,
      example: sink.example,
      schema: sinkJsonSchema(sink),
    });
    io.stdout(`${JSON.stringify(one ? describe(one) : sinks.map(describe), null, 2)}\n`);
    return 0;
  }
  if (one) {
    const { sinkText } = await import("../docs.ts");
    io.stdout(sinkText(one));
    return 0;
  }
  const width = Math.max(...sinks.map((sink) => sink.name.length));
  io.stdout(sinks.map((sink) => `${sink.name.padEnd(width)}  ${sink.summary}\n`).join(""));
  return 0;
}

function find(name: string, sinks: readonly SinkDefinition[]): SinkDefinition {
  const found = sinks.find((sink) => sink.name === name || sink.aliases?.includes(name));
  if (found) return found;
  const names = sinks.map((sink) => sink.name);
  const near = nearest(name, names);
  throw new UsageError(
    `there is no sink ${JSON.stringify(name)}; ${near ? `did you mean ${near}?` : `there are: ${names.join(", ")}`}`,
  );
}
