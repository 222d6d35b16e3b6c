/** What of two configs is not the same, and what a running Petrel makes of it. Pure. */
import type { Config, ReceiverConfig } from "./types.ts";

/** A config as far as differences go. Texts are equal where nothing has changed: settings themselves, or digests of them. */
export interface Description {
  /** By key of the config. */
  readonly settings: Readonly<Record<string, string>>;
  /** By name. */
  readonly receivers: Readonly<Record<string, string>>;
}

export interface Difference {
  readonly added: readonly string[];
  /** Their settings, or what their templates may do. They keep their place. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  /** Other keys that take effect at once. */
  readonly settings: readonly string[];
  /** Keys that take effect with the next start. */
  readonly restart: readonly string[];
}

/** What is opened once: a folder, ports, a part in an election, names that others know. */
const NEEDS_RESTART: ReadonlySet<string> = new Set([
  "state",
  "leaderElection",
  "admin",
  "metricsNamePrefix",
  "sources",
  "http",
  "file",
]);

/** All that a receiver is made from, as text. */
export function receiverKey(settings: ReceiverConfig, { compat, template, clusterName }: Config): string {
  return plain([settings, compat, template, clusterName]);
}

/** `digest`: of a text, for a description that others may see. Default: the text itself. */
export function describe(config: Config, digest: (text: string) => string = (text) => text): Description {
  const { receivers, ...settings } = config;
  return {
    settings: Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, digest(plain(value))])),
    receivers: Object.fromEntries(receivers.map((one) => [one.name, digest(receiverKey(one, config))])),
  };
}

/** For {@link describe}: tells whether texts are equal, and not what they are. */
export function digestWith(salt: string): (text: string) => string {
  return (text) => new Bun.CryptoHasher("sha256", salt).update(text).digest("base64url");
}

export function difference(before: Description, after: Description): Difference {
  const names = Object.keys(after.receivers);
  const known = names.filter((name) => name in before.receivers);
  const keys = [...new Set([...Object.keys(before.settings), ...Object.keys(after.settings)])].filter(
    (key) => before.settings[key] !== after.settings[key],
  );
  return {
    added: names.filter((name) => !(name in before.receivers)),
    changed: known.filter((name) => before.receivers[name] !== after.receivers[name]),
    removed: Object.keys(before.receivers).filter((name) => !(name in after.receivers)),
    kept: known.filter((name) => before.receivers[name] === after.receivers[name]),
    settings: keys.filter((key) => !NEEDS_RESTART.has(key)),
    restart: keys.filter((key) => NEEDS_RESTART.has(key)),
  };
}

/** JSON without the places in the file: a comment more is no change. */
function plain(value: unknown): string {
  return JSON.stringify(value, (key, one) => (key === "at" ? undefined : one)) ?? "";
}
