/** What `petrel` means without a command: whatever the predecessor whose image it replaces would have meant. */
import { join } from "node:path";
import { splitFlag } from "./args.ts";
import { GLOG_FLAGS } from "./run-flags.ts";

export type Bare =
  | { readonly kind: "run"; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: "help"; readonly asked: boolean }
  | { readonly kind: "refuse"; readonly message: string };

/** kubernetes-event-exporter's, all of them flags of `petrel run`; beside them `-kubeconfig`, which others have too. */
const EXPORTER = new Set(["conf", "metrics-address", "metrics-tls-config"]);
/** eventrouter's own, and those of glog, which it links. */
const EVENTROUTER = new Set(["listen-address", ...Object.keys(GLOG_FLAGS)]);

/** `args` is empty or begins with a flag. */
export function bareInvocation(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  exists: (path: string) => boolean,
  cwd: string,
): Bare {
  const names = args.map((arg) => flagName(arg)).filter((name) => name !== undefined);
  const has = (known: ReadonlySet<string>) => names.some((name) => known.has(name));
  if (has(EXPORTER)) return { kind: "run", command: "run", args };
  const [first] = names;
  if (first === "h" || first === "help") return { kind: "help", asked: true };
  if (first === "version") return { kind: "run", command: "version", args: [] };
  if (has(EVENTROUTER)) return eventrouter(args);
  if (names.includes("kubeconfig")) return { kind: "run", command: "run", args };
  const variables = Object.keys(env);
  if (first === undefined) {
    const router = variables.find((name) => name.startsWith("EVENTROUTER_"));
    if (router !== undefined || exists("/etc/eventrouter/config.json")) return eventrouter([]);
    const bridge = variables.find((name) => name.toLowerCase().startsWith("eventgridbridge_"));
    if (bridge !== undefined) return { kind: "run", command: "run", args: ["--compat", "bridge"] };
    if (exists(join(cwd, "config.yaml"))) return { kind: "run", command: "run", args: [] };
    return { kind: "help", asked: false };
  }
  return { kind: "refuse", message: `unknown flag ${args[0]} before a command; see petrel help` };
}

function flagName(arg: string): string | undefined {
  try {
    return splitFlag(arg)?.name;
  } catch {
    return undefined;
  }
}

const eventrouter = (more: readonly string[]): Bare => ({
  kind: "run",
  command: "run",
  args: ["--compat", "eventrouter", ...more],
});
