/** `petrel run`: watch, route, deliver, until told to stop. */
import { loadInChild } from "../config/child.ts";
import type { Loaded } from "../config/types.ts";
import { UsageError } from "../errors.ts";
import { parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";
import { RUN_FLAGS, RUN_USAGE } from "./run-flags.ts";

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
    const compat = flags.compat === undefined ? undefined : flags.compat === "exporter";
    // The child reads the config while this process loads everything else.
    const load =
      flags.compat === "bridge"
        ? await bridge(flags.http, io)
        : () => loadInChild({ file: flags.config, compat }, { env: io.env });
    const loading = load();
    // It may fail before anybody waits for it.
    loading.catch(() => {});
    const { runPetrel } = await import("./run-petrel.ts");
    return await runPetrel(flags, loading, load, stop, io);
  },
};

async function bridge(http: string | undefined, io: Io): Promise<() => Promise<Loaded>> {
  const { aspNetAddress, bridgeAddress, bridgeConfig } = await import("./bridge-config.ts");
  const address = http ?? aspNetAddress(io.env.ASPNETCORE_URLS) ?? bridgeAddress(mayListen);
  if (http === undefined && address === ":8888") {
    io.stderr("petrel: port 80 cannot be listened on; events are taken at :8888 (--http ADDRESS says where)\n");
  }
  const text = bridgeConfig(io.env, address);
  return () => loadInChild({ file: "environment", text }, { env: io.env });
}

/** Whether this process can have the port now. */
function mayListen(port: number): boolean {
  try {
    Bun.listen({ hostname: "0.0.0.0", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
