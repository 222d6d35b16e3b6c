/** `petrel run`: watch, route, deliver, until told to stop. */
import { loadInChild } from "../config/child.ts";
import { parseFlags, positionals } from "./args.ts";
import type { Command } from "./command.ts";
import { RUN_FLAGS, RUN_USAGE } from "./run-flags.ts";

export const command: Command = {
  name: "run",
  summary: "Watch the cluster's events and deliver them.",
  usage: RUN_USAGE,
  async run(args, io) {
    const { flags, rest } = parseFlags(args, RUN_FLAGS);
    positionals(rest, []);
    const stop = io.stop();
    const compat = flags.compat === undefined ? undefined : flags.compat === "exporter";
    // The child reads the config while this process loads everything else.
    const load = () => loadInChild({ file: flags.config, compat }, { env: io.env });
    const loading = load();
    // It may fail before anybody waits for it.
    loading.catch(() => {});
    const { runPetrel } = await import("./run-petrel.ts");
    return await runPetrel(flags, loading, load, stop, io);
  },
};
