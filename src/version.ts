import { version as packageVersion } from "../package.json" with { type: "json" };

// Replaced by src/build.ts; from source they do not exist.
declare const PETREL_VERSION: string | undefined;
declare const PETREL_COMMIT: string | undefined;

/** Version of this Petrel, as in package.json, for example `0.1.0`. */
export const version: string = typeof PETREL_VERSION === "string" ? PETREL_VERSION : packageVersion;

/** Git commit this executable was built from (40 hex digits, `-dirty` after it if files were changed), `source` when run from source, `unknown` when built outside a clone. */
export const commit: string = typeof PETREL_COMMIT === "string" ? PETREL_COMMIT : "source";
