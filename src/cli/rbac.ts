/** `petrel rbac`: the least rights that a config needs. */
import { COMPAT_FLAG, CONFIG_FLAG, parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";

const FLAGS = {
  config: CONFIG_FLAG,
  compat: COMPAT_FLAG,
  namespace: { short: "n", value: "NAME", default: "petrel" },
  name: { value: "NAME", default: "petrel" },
  output: { short: "o", value: "FORMAT", choices: ["yaml", "json"], default: "yaml" },
} as const;

export const command: Command = {
  name: "rbac",
  summary: "Print the least rights that a config needs in a cluster.",
  usage: `usage: petrel rbac [-c FILE] [-n NAMESPACE] [--name NAME] [-o yaml|json]

Prints a ServiceAccount, Roles and bindings for kubectl apply -f -, with the reason of each rule:
  events        list and watch; with \`namespaces\`, in these alone
  look-ups      get of the kinds whose labels, annotations or owners some rule or receiver reads
  the Lease     with \`leaderElection\`, by its name
  a ConfigMap   without \`leaderElection\` and \`state\`, by its name: the checkpoint
  namespaces    get of kube-system and of Petrel's own, to tell one cluster from another
What cannot be told from the config is said in comments at the top.

  -c, --config FILE      the config (default: config.yaml)
  -n, --namespace NAME   where Petrel runs (default: petrel)
      --name NAME        of the ServiceAccount and the Roles (default: petrel)
      --compat exporter  read the config exactly as kubernetes-event-exporter does
  -o, --output json      a List, without comments

Exit codes: 0 fine, 2 nothing can run from the config.
`,
  run,
};

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, rest } = parseFlags(args, FLAGS);
  positionals(rest, []);
  const [{ readConfig }, { leastRights }, { rbacManifests, rbacYaml }, { loadSinks }] = await Promise.all([
    import("./load.ts"),
    import("../kube/rights.ts"),
    import("../kube/rbac.ts"),
    import("../../sinks/index.ts"),
  ]);
  const { name, namespace } = flags;
  // A sidecar's pod is known to the pod alone; its rights are those in its namespace.
  const env = { POD_NAMESPACE: namespace, POD_NAME: name, ...io.env };
  const config = readConfig(flags, { ...io, env });
  const sinks = await loadSinks(config.receivers.map(({ sink }) => sink));
  const rights = leastRights({
    config,
    namespace,
    sendsWhole: (sink) => sinks.find((one) => one.name === sink)?.wholeEvent ?? true,
  });
  if (flags.output === "yaml") {
    io.stdout(`# The least rights that ${flags.config} needs.\n${rbacYaml(rights, { name, namespace })}`);
    return 0;
  }
  for (const note of rights.notes) io.stderr(`petrel: ${note}\n`);
  const items = rbacManifests(rights, { name, namespace });
  io.stdout(`${JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 2)}\n`);
  return 0;
}
