/** The config of a command that explains. */
import { isAbsolute, join } from "node:path";
import { loadConfig } from "../config/load.ts";
import type { Config, ConfigTest } from "../config/types.ts";
import { ConfigError } from "../errors.ts";
import type { Io } from "./command.ts";

interface ConfigFlags {
  readonly config: string;
  readonly compat: "exporter" | "none" | undefined;
}

/** As `petrel run` would have it. Throws ConfigError when that could not run from it. */
export function readConfig(flags: ConfigFlags, io: Io): Config {
  return readTestedConfig(flags, io).config;
}

/** Likewise, with the tests that the file holds. */
export function readTestedConfig(
  flags: ConfigFlags,
  io: Io,
): { readonly config: Config; readonly tests: readonly ConfigTest[] } {
  const path = isAbsolute(flags.config) || io.cwd === process.cwd() ? flags.config : join(io.cwd, flags.config);
  const {
    config,
    tests = [],
    findings,
  } = loadConfig(path, {
    env: io.env,
    ...(flags.compat !== undefined && { compat: flags.compat === "exporter" }),
  });
  if (config === undefined) throw new ConfigError(`nothing can run from ${flags.config}`, findings);
  const errors = findings.filter(({ severity }) => severity === "error").length;
  if (errors > 0) {
    io.stderr(
      `petrel: ${flags.config} has ${errors} error${errors === 1 ? "" : "s"}; see petrel check -c ${flags.config}\n`,
    );
  }
  return { config, tests };
}
