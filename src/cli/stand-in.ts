/** `petrel run` in the place of a predecessor whose config is none of Petrel's: what it reads instead. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadInChild } from "../config/child.ts";
import type { Loaded } from "../config/types.ts";
import { UsageError } from "../errors.ts";
import type { Parsed } from "./args.ts";
import type { Io } from "./command.ts";
import type { RUN_FLAGS } from "./run-flags.ts";

type RunFlags = Parsed<typeof RUN_FLAGS>["flags"];

export interface StandIn {
  /** With what the predecessor's own default, or config, says. */
  readonly flags: RunFlags;
  load(): Promise<Loaded>;
}

/** What stands for the file of a config that is in the environment alone. */
export const ENVIRONMENT = "environment";

export async function standInForBridge(flags: RunFlags, io: Io): Promise<StandIn> {
  const { aspNetAddress, bridgeAddress, bridgeConfig } = await import("./bridge-config.ts");
  const address = flags.http ?? aspNetAddress(io.env.ASPNETCORE_URLS) ?? bridgeAddress(mayListen);
  if (flags.http === undefined && address === ":8888") {
    io.stderr("petrel: port 80 cannot be listened on; events are taken at :8888 (--http ADDRESS says where)\n");
  }
  const text = bridgeConfig(io.env, address);
  return { flags, load: () => loadInChild({ file: ENVIRONMENT, text }, { env: io.env }) };
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

/** Where eventrouter looks for its config, and where it meant to. */
export const EVENTROUTER_FILE = "/etc/eventrouter/config.json";
const EVENTROUTER_METRICS = ":8080";

export async function standInForEventrouter(flags: RunFlags, io: Io): Promise<StandIn> {
  const { env } = io;
  const file = [flags.config, env.EVENTROUTER_CONFIG].find(Boolean) ?? found(io);
  if (file === undefined && !Object.keys(env).some((name) => name.startsWith("EVENTROUTER_"))) {
    throw new UsageError(`there is no ${EVENTROUTER_FILE}, no config.json here, and no EVENTROUTER_CONFIG`);
  }
  const { readEventrouter } = await import("./eventrouter-config.ts");
  const settings = readEventrouter({ json: file === undefined ? undefined : read(file), env });
  const kubeconfig = flags.kubeconfig ?? (env.EVENTROUTER_KUBECONFIG || env.KUBECONFIG || settings.get("kubeconfig"));
  if (flags.log_dir !== undefined) {
    io.stderr("petrel: -log_dir is not used: what glog wrote to files there goes to standard error\n");
  }
  const metrics = flags["metrics-address"] ?? (env.EVENTROUTER_METRICS_ADDR || EVENTROUTER_METRICS);
  return {
    flags: {
      ...flags,
      "metrics-address": metrics,
      ...(typeof kubeconfig === "string" && kubeconfig !== "" && { kubeconfig }),
    },
    load: () => loadInChild({ file: file ?? ENVIRONMENT, eventrouter: true }, { env }),
  };
}

function found({ cwd }: Io): string | undefined {
  return [EVENTROUTER_FILE, join(cwd, "config.json")].find((path) => existsSync(path));
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    throw new UsageError(`eventrouter's config ${file} cannot be read (${code})`);
  }
}
