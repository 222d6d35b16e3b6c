/** Preloaded: when the process ends, writes the files that it has loaded as modules to `$GUARD_LOADED`. */
import { writeFileSync } from "node:fs";

const { GUARD_LOADED } = process.env;
if (GUARD_LOADED !== undefined) {
  // Children of the process are not meant.
  delete process.env.GUARD_LOADED;
  process.on("exit", () => writeFileSync(GUARD_LOADED, JSON.stringify(Object.keys(require.cache))));
}
