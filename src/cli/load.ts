/** The config of a command that explains. */
import { isAbsolute, join } from "node:path";
import { sinks } from "../../sinks/index.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/types.ts";
import { ConfigError } from "../errors.ts";
import type { Io } from "./command.ts";

/** As `petrel run` would have it. Throws ConfigError when that could not run from it. */
export function readConfig(
  flags: { readonly config: string; readonly compat: "exporter" | "none" | undefined },
  io: Io,
): Config {
  const path = isAbsolute(flags.config) || io.cwd === process.cwd() ? flags.config : join(io.cwd, flags.config);
  const { config, findings } = loadConfig(path, {
    env: io.env,
    sinks,
    ...(flags.compat !== undefined && { compat: flags.compat === "exporter" }),
  });
  if (config === undefined) throw new ConfigError(`nothing can run from ${flags.config}`, findings);
  const errors = findings.filter(({ severity }) => severity === "error").length;
  if (errors > 0) {
    io.stderr(
      `petrel: ${flags.config} has ${errors} error${errors === 1 ? "" : "s"}; see petrel check -c ${flags.config}\n`,
    );
  }
  return config;
}
