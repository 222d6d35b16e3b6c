/** The other end of `loadInChild`: one config in, plain data out. Hidden from help. */
import { loadSinks, SINK_NAMES } from "../../sinks/index.ts";
import { CHILD_COMMAND, type ChildAnswer, type LoadArgs } from "../config/child.ts";
import type { Env } from "../config/env.ts";
import { parseConfig, readIfThere, readText } from "../config/parse.ts";
import type { Loaded } from "../config/types.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { allPlain } from "../event-template/plain.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: CHILD_COMMAND,
  summary: "Load a config for another petrel.",
  usage: "For petrel itself: reads a config and prints it as JSON.\n",
  async run([args = "{}"], io) {
    io.stdout(JSON.stringify(await answer(JSON.parse(args) as LoadArgs, io.env)));
    return 0;
  },
};

async function answer(args: LoadArgs, env: Env): Promise<ChildAnswer> {
  const { file, compat } = args;
  const options = { env, compat };
  try {
    const text = args.eventrouter ? await derived(file, env) : args.text;
    const { tests: _, ...loaded } = (await loadLean(file, text, options)) ?? (await loadWhole(file, text, options));
    return { loaded };
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UsageError) return { unreadable: error.message };
    throw error;
  }
}

async function derived(file: string, env: Env): Promise<string> {
  const { eventrouterConfig } = await import("./eventrouter-config.ts");
  return eventrouterConfig({ json: readIfThere(file), env });
}

interface Options {
  readonly env: Env;
  readonly compat: boolean | undefined;
}

/**
 * With the sinks alone that the file may name, and without the template engine: what most configs need, in half the
 * time. Undefined when that is not enough to be sure: then everything has to be known.
 */
async function loadLean(file: string, given: string | undefined, options: Options): Promise<Loaded | undefined> {
  const text = given ?? readText(file);
  let sure = true;
  const loaded = parseConfig(text, {
    ...options,
    file,
    sinks: await loadSinks(SINK_NAMES.filter((name) => text.includes(name))),
    readFile: readIfThere,
    templateCheck: () => (template, language) => {
      sure &&= language === "go" && allPlain(template);
      return [];
    },
  });
  return sure && loaded.findings.length === 0 ? loaded : undefined;
}

async function loadWhole(file: string, text: string | undefined, options: Options): Promise<Loaded> {
  const { loadConfig, parseConfig } = await import("../config/load.ts");
  return text === undefined
    ? loadConfig(file, options)
    : parseConfig(text, { ...options, file, readFile: readIfThere });
}
