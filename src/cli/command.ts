/** The commands, and what happens between the arguments and the exit code. */
import { existsSync } from "node:fs";
import { nearest } from "../config/nearest.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { bareInvocation } from "./bare.ts";

/** What a command may touch of the process, so that tests run it in-process. */
export interface Io {
  /** Returns when the text is written. */
  stdout(text: string): void;
  stderr(text: string): void;
  stdin(): AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Size of the terminal behind stdout, in characters; undefined when there is none. */
  terminal(): { readonly columns: number; readonly rows: number } | undefined;
  /**
   * From the first call on SIGINT and SIGTERM abort this signal instead of ending the process; a second one ends it at
   * once.
   */
  stop(): AbortSignal;
  /** From now on SIGHUP calls this instead of ending the process. */
  hangup(listener: () => void): void;
}

export interface Command {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** At most 24 lines of 100 columns, ends with a newline. */
  readonly usage: string;
  /** The exit code: 0 fine, 1 failed at run time, 2 usage or config. May throw UsageError and ConfigError. */
  run(args: readonly string[], io: Io): Promise<number>;
}

type Load = () => Promise<{ readonly command: Command }>;

/** Each behind its own import: `petrel run` must not load what only another command needs. */
export const COMMANDS: Readonly<Record<string, Load>> = {
  run: () => import("./run.ts"),
  check: () => import("./check.ts"),
  route: () => import("./route.ts"),
  render: () => import("./render.ts"),
  template: () => import("./template.ts"),
  test: () => import("./test.ts"),
  replay: () => import("./replay.ts"),
  dlq: () => import("./dlq.ts"),
  convert: () => import("./convert.ts"),
  rbac: () => import("./rbac.ts"),
  demo: () => import("./demo.ts"),
  schema: () => import("./schema.ts"),
  sinks: () => import("./sinks.ts"),
  version: () => import("./version.ts"),
  __config: () => import("./config-child.ts"),
  __examine: () => import("./examine-child.ts"),
};

const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** Runs one command line; never throws. */
export async function dispatch(args: readonly string[], io: Io): Promise<number> {
  try {
    return await choose(args, io);
  } catch (error) {
    return complain(error, args[0] ?? "", io);
  }
}

async function choose(args: readonly string[], io: Io): Promise<number> {
  const [name = "", ...rest] = args;
  if (name === "" || name.startsWith("-")) {
    const bare = bareInvocation(args, io.env, (path) => existsSync(path), io.cwd);
    if (bare.kind === "refuse") throw new UsageError(bare.message);
    if (bare.kind === "run") return await start(bare.command, bare.args, io);
    return await help([], io, bare.asked ? 0 : EXIT_USAGE);
  }
  if (name === "help") return await help(rest, io, 0);
  return await start(name, rest, io);
}

async function start(name: string, args: readonly string[], io: Io): Promise<number> {
  const command = await load(name);
  if (asksForHelp(args)) {
    io.stdout(command.usage);
    return 0;
  }
  return await command.run(args, io);
}

async function load(name: string): Promise<Command> {
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found === undefined) {
    const near = nearest(name, Object.keys(COMMANDS));
    throw new UsageError(
      `unknown command ${JSON.stringify(name)}${near === undefined ? "; see petrel help" : `; did you mean ${near}?`}`,
    );
  }
  return (await found()).command;
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === "--help" || arg === "-help" || arg === "-h");
}

async function help(args: readonly string[], io: Io, code: number): Promise<number> {
  const [name] = args;
  const write = code === 0 ? io.stdout : io.stderr;
  if (name !== undefined) {
    write((await load(name)).usage);
    return code;
  }
  const { overview } = await import("./help.ts");
  const visible = Object.keys(COMMANDS).filter((name) => !name.startsWith("_"));
  write(overview(await Promise.all(visible.map(load))));
  return code;
}

function complain(error: unknown, name: string, io: Io): number {
  if (error instanceof UsageError) {
    const about = Object.hasOwn(COMMANDS, name) ? `${name}: ` : "";
    const more = about === "" ? "" : `\nsee petrel ${name} --help`;
    io.stderr(`petrel: ${about}${error.message}${more}\n`);
    return EXIT_USAGE;
  }
  if (error instanceof ConfigError) {
    io.stderr(`petrel: ${error.message}\n`);
    for (const { file, line, column, severity, message, hint } of error.findings) {
      io.stderr(`${file}:${line}:${column}: ${severity}: ${message}${hint === undefined ? "" : ` (${hint})`}\n`);
    }
    return EXIT_USAGE;
  }
  io.stderr(`petrel: ${error instanceof Error ? error.message : String(error)}\n`);
  return EXIT_FAILED;
}
