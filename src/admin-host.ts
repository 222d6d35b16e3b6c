/** What the admin port is lent, and the form of its answers. */
import type { Config } from "./config/types.ts";
import type { Petrel } from "./petrel.ts";

/** What a reload came to. */
export interface Reloaded {
  /** Counts the configs that this process has run, from 1. */
  readonly generation: number;
  /** Why the config is refused and nothing has changed; undefined: it runs now. */
  readonly problem?: string | undefined;
}

export interface AdminHost {
  /** Undefined while Petrel starts. */
  petrel(): Petrel | undefined;
  /** Undefined: this process cannot read its config again. */
  readonly reload?: (() => Promise<Reloaded>) | undefined;
  /** How many configs this process has run. */
  generation(): number;
  /** The config that runs; undefined while Petrel starts. */
  config(): Config | undefined;
  /** Prints the JSON Schema of the config; in a process of its own, because making it costs 10 MB. */
  schema(): Promise<string>;
  /** Milliseconds since 1970 when the process started. */
  readonly startedAt: number;
}

/** Nothing here is for a browser to keep, or to take for a page. */
export function json(value: unknown, status = 200): Response {
  return new Response(`${typeof value === "string" ? value : JSON.stringify(value)}\n`, {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
