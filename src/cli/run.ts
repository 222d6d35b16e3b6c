/** `petrel run`: watch, route, deliver, until told to stop. */
import { loadInChild } from "../config/child.ts";
import { UsageError } from "../errors.ts";
import { CONFIG_FLAG, type Parsed, parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";
import { GLOG_FLAGS, RUN_FLAGS, RUN_USAGE } from "./run-flags.ts";
import type { StandIn } from "./stand-in.ts";

export const command: Command = {
  name: "run",
  summary: "Watch the cluster's events and deliver them.",
  usage: RUN_USAGE,
  async run(args, io) {
    const { flags, rest } = parseFlags(args, RUN_FLAGS);
    positionals(rest, []);
    const stop = io.stop();
    if (flags.http !== undefined && flags.compat !== "bridge") {
      throw new UsageError("--http goes with --compat bridge; a config says `http: { address: … }`");
    }
    const given = new Map(Object.entries(flags));
    const glog = Object.keys(GLOG_FLAGS).find((name) => given.get(name));
    if (glog !== undefined && flags.compat !== "eventrouter") {
      throw new UsageError(`-${glog} is a flag of glog's, and goes with --compat eventrouter; see --log-level`);
    }
    const compat = flags.compat === undefined ? undefined : flags.compat === "exporter";
    const standIn = await standInOf(flags, io);
    const file = flags.config ?? CONFIG_FLAG.default;
    // The child reads the config while this process loads everything else.
    const load = standIn?.load ?? (() => loadInChild({ file, compat }, { env: io.env }));
    const loading = load();
    // It may fail before anybody waits for it.
    loading.catch(() => {});
    const { runPetrel } = await import("./run-petrel.ts");
    return await runPetrel(standIn?.flags ?? flags, loading, load, stop, io);
  },
};

/** Undefined: the config is Petrel's, or one that it reads as its own. */
async function standInOf(flags: Parsed<typeof RUN_FLAGS>["flags"], io: Io): Promise<StandIn | undefined> {
  if (flags.compat !== "bridge" && flags.compat !== "eventrouter") return undefined;
  const { standInForBridge, standInForEventrouter } = await import("./stand-in.ts");
  return await (flags.compat === "bridge" ? standInForBridge(flags, io) : standInForEventrouter(flags, io));
}
