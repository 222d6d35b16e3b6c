/** `petrel schema`: the config's JSON Schema, for editors. */
import { parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";

export const command: Command = {
  name: "schema",
  summary: "Print the JSON Schema of the config, for editors.",
  usage: `usage: petrel schema > petrel.schema.json

Prints the JSON Schema (draft 7) of the config file. An editor with the YAML language server
completes and checks a config that starts with this line:

  # yaml-language-server: $schema=petrel.schema.json
`,
  run,
};

export async function run(args: readonly string[], io: Io): Promise<number> {
  positionals(parseFlags(args, {}).rest, []);
  const [{ configJsonSchema }, { loadSinks }] = await Promise.all([
    import("../config/json-schema.ts"),
    import("../../sinks/index.ts"),
  ]);
  io.stdout(`${JSON.stringify(configJsonSchema(await loadSinks()), null, 2)}\n`);
  return 0;
}
