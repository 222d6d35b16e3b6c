/**
 * Loads a config in a short-lived child and takes over the plain data: what reading one costs (`yaml`, `zod`, the linter:
 * 10 MB resident) ends with the child. Nothing here imports any of it.
 */
import { ConfigError } from "../errors.ts";
import type { Loaded } from "./types.ts";

export interface LoadArgs {
  readonly file: string;
  /** What counts instead of the file's content. */
  readonly text?: string | undefined;
  /** The file is eventrouter's; one that is not there: only the environment says something. */
  readonly eventrouter?: boolean | undefined;
  /** As if the file said `compat: exporter`. */
  readonly compat?: boolean | undefined;
}

export interface ChildOptions {
  /** How to start this program; default: as it was started. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that the child may take. Default 10 s. */
  readonly timeout?: number;
}

/** Hidden: first argument of a child that only loads a config. */
export const CHILD_COMMAND = "__config";

/** What a child prints: the config, or why its file cannot be read. */
export type ChildAnswer = { readonly loaded: Loaded } | { readonly unreadable: string };

/** Throws ConfigError when the file cannot be read. A child that cannot do its work is done without. */
export async function loadInChild(args: LoadArgs, options: ChildOptions = {}): Promise<Loaded> {
  const answer = await ask(args, options);
  if (!answer) return await loadHere(args, options.env ?? process.env);
  if ("unreadable" in answer) throw new ConfigError(answer.unreadable);
  return answer.loaded;
}

async function ask(args: LoadArgs, options: ChildOptions): Promise<ChildAnswer | undefined> {
  const command = options.command ?? ownCommand();
  try {
    const child = Bun.spawn([...command, CHILD_COMMAND, JSON.stringify(args)], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      env: { ...(options.env ?? process.env) },
      timeout: options.timeout ?? 10_000,
      killSignal: "SIGKILL",
    });
    const [output, code] = await Promise.all([child.stdout.text(), child.exited]);
    return code === 0 ? (JSON.parse(output) as ChildAnswer) : undefined;
  } catch {
    return undefined;
  }
}

/** How to start this program: an executable is its own, otherwise Bun is given the file that it runs. */
export function ownCommand(): readonly string[] {
  const compiled = Bun.main.startsWith("/$bunfs/") || Bun.main.startsWith("B:\\~BUN\\");
  return compiled ? [process.execPath] : [process.execPath, Bun.main];
}

async function loadHere(args: LoadArgs, env: Readonly<Record<string, string | undefined>>): Promise<Loaded> {
  const [{ loadConfig, parseConfig }, { readIfThere }] = await Promise.all([import("./load.ts"), import("./parse.ts")]);
  if (args.eventrouter) throw new ConfigError("eventrouter's config could not be read in a process of its own");
  return args.text === undefined
    ? loadConfig(args.file, { env, compat: args.compat })
    : parseConfig(args.text, { file: args.file, env, compat: args.compat, readFile: readIfThere });
}
