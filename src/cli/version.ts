/** `petrel version` */
import { commit, version } from "../version.ts";
import { OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "version",
  summary: "Print the version.",
  usage: `usage: petrel version [-o text|json]

Prints the version of Petrel, the commit that it was built from, and the runtime inside.
`,
  async run(args, io) {
    const { flags, rest } = parseFlags(args, { output: OUTPUT_FLAG });
    positionals(rest, []);
    const facts = { version, commit, bun: Bun.version, platform: `${process.platform}/${process.arch}` };
    io.stdout(
      flags.output === "json"
        ? `${JSON.stringify(facts)}\n`
        : `petrel ${version} (commit ${commit}, bun ${Bun.version}, ${facts.platform})\n`,
    );
    return 0;
  },
};
