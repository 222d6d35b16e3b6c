/** The other end of `loadInChild`: one config in, plain data out. Hidden from help. */
import { accessSync, constants, existsSync } from "node:fs";
import { loadSinks, SINK_NAMES } from "../../sinks/index.ts";
import { CHILD_COMMAND, type ChildAnswer, type LoadArgs } from "../config/child.ts";
import type { Env } from "../config/env.ts";
import { parseConfig, readIfThere, readText } from "../config/parse.ts";
import type { Loaded } from "../config/types.ts";
import { ConfigError, type Finding, UsageError } from "../errors.ts";
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
    const router = args.eventrouter ? await eventrouter(file, env) : undefined;
    const text = router?.text ?? args.text;
    const { tests: _, ...loaded } = (await loadLean(file, text, options)) ?? (await loadWhole(file, text, options));
    return { loaded: router ? { ...loaded, ...noted(router.notes, loaded) } : loaded };
  } catch (error) {
    if (error instanceof ConfigError || error instanceof UsageError) return { unreadable: error.message };
    throw error;
  }
}

async function eventrouter(file: string, env: Env) {
  const { eventrouterConfig, eventrouterNotes } = await import("./eventrouter-config.ts");
  const source = { json: readIfThere(file), env, disk: { read: readIfThere, exists: existsSync, writable } };
  return { text: eventrouterConfig(source), notes: eventrouterNotes(source) };
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Of a predecessor's file, of whose lines the config knows nothing. */
function noted(notes: readonly string[], { file, findings, excerpts }: Loaded): Pick<Loaded, "findings" | "excerpts"> {
  const warnings = notes.map(
    (message): Finding => ({ severity: "warning", code: "not-carried-over", file, line: 1, column: 1, message }),
  );
  return {
    findings: [...warnings, ...findings],
    excerpts: [...warnings.map(() => ({ text: "", caret: 1 })), ...excerpts],
  };
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
