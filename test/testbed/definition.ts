import type { ProcessSpec } from "./process.ts";

/** What a component consists of once its files are written. */
export interface Plan {
  readonly ports: Readonly<Record<string, number>>;
  /** What its clients need to know: addresses, paths, tokens. */
  readonly env: Readonly<Record<string, string>>;
  /** In the order in which they start. */
  readonly processes: readonly ProcessSpec[];
  /** Version of each server, by the name that the reference gives it; said in the log of a run. */
  readonly versions: Readonly<Record<string, string>>;
  /** Lines that `bun run testbed` prints. */
  readonly usage: readonly string[];
}

export interface Definition {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot be had on this machine, undefined when it can. */
  missing(): string | undefined;
  /** Fetches or builds what is not in the cache. */
  install(): Promise<void>;
  /** Writes its files into `dir`, which is new, and says what to start. */
  plan(dir: string): Promise<Plan>;
}
