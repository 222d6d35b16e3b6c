/** `petrel check`: everything that is wrong with a config, at once. */
import { isAbsolute, join } from "node:path";
import type { Config, Loaded } from "../config/types.ts";
import { ConfigError } from "../errors.ts";
import { COMPAT_FLAG, CONFIG_FLAG, OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";
import type { Reached } from "./connect.ts";

const FLAGS = {
  config: CONFIG_FLAG,
  compat: COMPAT_FLAG,
  output: OUTPUT_FLAG,
  strict: {},
  connect: {},
  against: { value: "URL" },
} as const;

const EXIT_PROBLEMS = 2;
const EXIT_UNREACHABLE = 1;

export const command: Command = {
  name: "check",
  summary: "Say everything that is wrong with a config, and how to mend it.",
  usage: `usage: petrel check [-c FILE] [--strict] [--connect] [--against URL]
                    [--compat exporter] [-o text|json]

Reads a config (default: config.yaml) and prints all findings: place, line, what to do.
  error    Petrel cannot or will not do what is written
  warning  accepted, and surely not meant
  info     good to know

  -c, --config FILE    the config
      --strict         warnings count as errors
      --connect        ask each receiver's destination whether it would take events; sends none
      --against URL    ask a running petrel's admin port (http://127.0.0.1:2113) what taking this
                       config over would change
      --compat exporter  read it exactly as kubernetes-event-exporter does
  -o, --output json    an array of {severity, code, file, line, column, message, hint}

Exit codes: 0 fine, 1 a destination (--connect) or the running petrel (--against) does not answer,
2 errors.
`,
  run,
};

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, rest } = parseFlags(args, FLAGS);
  positionals(rest, []);
  const { countFindings, describeFindings, findingsJson } = await import("../config/report.ts");
  const compat = flags.compat === undefined ? undefined : flags.compat === "exporter";
  const loaded = await load(flags.config, compat, io);
  const { findings } = loaded;
  const json = flags.output === "json";
  if (json) io.stdout(findingsJson(findings));
  else {
    const text = describeFindings(loaded, io.terminal() !== undefined && !io.env.NO_COLOR);
    io.stdout(`${text}${text === "" ? "" : "\n"}${flags.config}: ${countFindings(findings)}\n`);
  }
  if (findings.some(({ severity }) => severity === "error" || (flags.strict && severity === "warning")))
    return EXIT_PROBLEMS;
  if (!loaded.config) return 0;
  if (flags.against !== undefined) {
    const { compareWithRunning } = await import("./against.ts");
    // The array is the whole of a program's output.
    (json ? io.stderr : io.stdout)(await compareWithRunning(loaded.config, flags.against, io.env.PETREL_ADMIN_TOKEN));
  }
  if (!flags.connect) return 0;
  return (await connect(loaded.config, io, json)) ? 0 : EXIT_UNREACHABLE;
}

async function load(file: string, compat: boolean | undefined, io: Io): Promise<Loaded> {
  const { loadConfig } = await import("../config/load.ts");
  if (file === "-") throw new ConfigError("check reads a file, not standard input; write it to one first");
  return loadConfig(file, { env: io.env, compat, path: isAbsolute(file) ? file : join(io.cwd, file) });
}

const ANSWERS = { ready: "would take events", unasked: "cannot be asked without sending it an event" } as const;

function sentence(answer: Reached["answer"]): string {
  if (typeof answer === "string") return ANSWERS[answer];
  return "problem" in answer ? answer.problem : `answers; ${answer.remark}`;
}

async function connect(config: Config, io: Io, json: boolean): Promise<boolean> {
  const { checkReceivers } = await import("./connect.ts");
  let reached = true;
  for (const { receiver, answer } of await checkReceivers(config, io.env)) {
    if (typeof answer === "object" && "problem" in answer) reached = false;
    // The array is the whole of a program's output.
    const say = json ? io.stderr : io.stdout;
    say(`receiver ${receiver}: ${sentence(answer)}\n`);
  }
  return reached;
}
