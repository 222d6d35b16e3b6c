/** `petrel demo` */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadInChild } from "../config/child.ts";
import type { Config, Loaded } from "../config/types.ts";
import { DEMO_CONFIG } from "../demo/config.ts";
import { type DemoOptions, runDemo } from "../demo/run.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { startPetrel } from "../petrel.ts";
import { parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";
import { withParts } from "./with-parts.ts";

const DEMO_FLAGS = {
  once: {},
  plain: {},
  speed: { value: "N", default: "1" },
  config: { short: "c", aliases: ["conf"], value: "FILE" },
  "show-config": {},
} as const;

const SPEEDS = { min: 0.1, max: 100 };

export const command: Command = {
  name: "demo",
  summary: "Show Petrel at work on a simulated cluster; needs nothing else.",
  usage: `usage: petrel demo [--once] [--plain] [--speed N] [-c FILE]

Simulates a cluster inside this process and lets the real Petrel watch it: a rollout, a nightly
report, an image that does not exist, a crash loop, a failing probe, a node that dies, a pod that
fits nowhere yet. Four receivers on 127.0.0.1 take the events; one of them is down for two seconds.

      --once          one day of about 15 seconds, then a summary; exit code 1 if anything was lost
      --plain         lines instead of a screen, as when the output is no terminal
      --speed N       ${SPEEDS.min} to ${SPEEDS.max} times as fast (1)
  -c, --config FILE   route the simulated events with this config, to its receivers
      --show-config   print the demo's own config and end

A config of your own finds the demo's receivers under \${PETREL_DEMO_URL}:
  petrel demo --show-config > mine.yaml; petrel demo -c mine.yaml
To watch a real cluster instead:
  petrel run --kubeconfig ~/.kube/config -c petrel.yaml
`,
  async run(args, io) {
    const { flags, rest } = parseFlags(args, DEMO_FLAGS);
    positionals(rest, []);
    if (flags["show-config"]) {
      io.stdout(DEMO_CONFIG);
      return 0;
    }
    const speed = Number(flags.speed);
    if (!(speed >= SPEEDS.min && speed <= SPEEDS.max)) {
      throw new UsageError(
        `--speed is a number from ${SPEEDS.min} to ${SPEEDS.max}, not ${JSON.stringify(flags.speed)}`,
      );
    }
    const options: DemoOptions = {
      once: flags.once,
      plain: flags.plain,
      speed,
      configName: flags.config ?? "built in (petrel demo --show-config)",
      builtIn: flags.config === undefined,
      load: async (env) => runnable(await load(flags.config, env), io),
      start: async (parts) => startPetrel({ ...parts, ...(await withParts(parts.config, parts.env)) }),
    };
    return await runDemo(options, io);
  },
};

/** Through the child that `petrel run` uses, so that the demo's memory is Petrel's. */
async function load(file: string | undefined, env: Io["env"]): Promise<Loaded> {
  if (file !== undefined) return await loadInChild({ file }, { env });
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(tmpdir(), "petrel-demo-"));
    const written = join(folder, "petrel.yaml");
    await writeFile(written, DEMO_CONFIG);
    return await loadInChild({ file: written }, { env });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // No place for a temporary file: then at the price of some memory.
    const { parseConfig } = await import("../config/load.ts");
    return parseConfig(DEMO_CONFIG, { file: "petrel.yaml", env });
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

function runnable({ config, file, findings }: Loaded, io: Io): Config {
  if (!config) throw new ConfigError(`the config ${file} cannot be run`, findings);
  for (const { line, column, severity, message } of findings) {
    if (severity !== "info") io.stderr(`${file}:${line}:${column}: ${severity}: ${message}\n`);
  }
  return config;
}
