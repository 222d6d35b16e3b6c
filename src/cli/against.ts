/** What a running petrel would change if it took a config over. */
import { type Description, describe, difference, digestWith } from "../config/difference.ts";
import type { Config } from "../config/types.ts";
import { adminClient } from "./admin-client.ts";

/** Lines of text. Throws Error when nobody answers. */
export async function compareWithRunning(config: Config, base: string, token: string | undefined): Promise<string> {
  const ask = adminClient(base, token, { flag: "--against", instead: "" });
  const running = await ask<Description & { readonly salt: string }>("GET", "/config");
  if (!running) throw new Error(`what answers at ${base} does not tell of its config; it may be an older petrel`);
  const { kept, ...changes } = difference(running, describe(config, digestWith(running.salt)));
  const lines = SENTENCES.flatMap(([key, sentence]) => changes[key].map((name) => sentence(name)));
  if (lines.length === 0) return "the running petrel has this config\n";
  if (kept.length > 0) lines.push(`unchanged: ${kept.join(", ")}`);
  return lines.map((line) => `${line}\n`).join("");
}

const SENTENCES = [
  ["added", (name: string) => `receiver ${name} is new: it begins with the events from then on`],
  ["changed", (name: string) => `receiver ${name} changes: it goes on where it was`],
  ["removed", (name: string) => `receiver ${name} goes: what it does not deliver in time becomes dead letters`],
  ["settings", (name: string) => `${name} changes`],
  ["restart", (name: string) => `${name} changes: that needs a restart`],
] as const;
