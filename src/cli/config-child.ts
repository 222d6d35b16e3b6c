/** The other end of `loadInChild`: one config in, plain data out. Hidden from help. */
import { CHILD_COMMAND, type ChildAnswer, type LoadArgs } from "../config/child.ts";
import { loadConfig } from "../config/load.ts";
import { ConfigError } from "../errors.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: CHILD_COMMAND,
  summary: "Load a config for another petrel.",
  usage: "For petrel itself: reads a config and prints it as JSON.\n",
  async run([args = "{}"], io) {
    const { file, compat } = JSON.parse(args) as LoadArgs;
    io.stdout(JSON.stringify(answer(file, compat, io.env)));
    return 0;
  },
};

function answer(
  file: string,
  compat: boolean | undefined,
  env: Readonly<Record<string, string | undefined>>,
): ChildAnswer {
  try {
    const { tests: _, ...loaded } = loadConfig(file, { env, compat });
    return { loaded };
  } catch (error) {
    if (error instanceof ConfigError) return { unreadable: error.message };
    throw error;
  }
}
