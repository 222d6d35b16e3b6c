/** The least rights that a config needs in a cluster, each with its reason. */
import type { Config } from "../config/types.ts";
import { planEnrichment, rulesThatAsk } from "../pipeline/enrichment.ts";
import { compilePattern } from "../template/re2.ts";
import { type Resource, wellKnownKinds } from "./discovery.ts";

/** One rule of a Role, as Kubernetes has it. */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Grant {
  /** Absent: in the whole cluster. */
  readonly namespace?: string;
  readonly rule: PolicyRule;
  /** A sentence. */
  readonly why: string;
}

export interface Rights {
  readonly grants: readonly Grant[];
  /** What cannot be told from the config, or is left out on purpose. Sentences. */
  readonly notes: readonly string[];
}

export interface RightsOptions {
  readonly config: Config;
  /** That Petrel lives in. */
  readonly namespace: string;
  /** Whether a sink of this name sends the whole event where there is no layout. */
  readonly sendsWhole: (sink: string) => boolean;
}

/** What the components of Kubernetes write events about, by plural. */
const EVENTFUL = new Set(
  (
    "nodes persistentvolumeclaims persistentvolumes pods replicationcontrollers services " +
    "daemonsets deployments replicasets statefulsets horizontalpodautoscalers cronjobs jobs ingresses poddisruptionbudgets leases"
  ).split(" "),
);
/** `get` gives what is in them, too. */
const SECRETIVE = new Set(["secrets", "configmaps"]);
/** Where events about objects without a namespace are: the API server refuses them elsewhere. */
const CLUSTER_EVENTS_IN = ["default", "kube-system"];

/** `petrel run` in a cluster, with the token of its pod: outside, no ConfigMap holds a checkpoint. */
export function leastRights(options: RightsOptions): Rights {
  const { config, namespace } = options;
  const watched = config.sidecar ? [config.sidecar.namespace] : [...new Set(config.namespaces)];
  const places = watched.length === 0 ? [undefined] : watched;
  const notes: string[] = [];
  const grants: Grant[] = [];
  const add = (place: string | undefined, rule: PolicyRule, why: string) =>
    grants.push({ ...(place !== undefined && { namespace: place }), rule, why });

  const watches = config.sources.includes("kubernetes");
  if (!watches && !config.leaderElection.enabled)
    return { grants: [], notes: ["Events come by other ways than a watch: nothing is asked of the API server."] };
  const group = config.api === "v1" ? "" : "events.k8s.io";
  for (const place of watches ? places : [])
    add(place, { apiGroups: [group], resources: ["events"], verbs: ["list", "watch"] }, "The watch.");

  const { found, remarks } = lookedUp(options);
  notes.push(...remarks);
  const wide = watched.length === 0 || watched.some((one) => CLUSTER_EVENTS_IN.includes(one));
  const why =
    "Look-ups: labels, annotations and owners of the objects that events are about. Only their metadata is asked for.";
  for (const place of places) {
    for (const rule of rulesOf(found.filter((one) => place === undefined || one.namespaced))) add(place, rule, why);
  }
  if (watched.length > 0 && wide) {
    for (const rule of rulesOf(found.filter((one) => !one.namespaced))) add(undefined, rule, why);
  }
  for (const [place, rule, reason] of checkpointRules(config, namespace)) add(place, rule, reason);
  return { grants, notes };
}

function checkpointRules(config: Config, namespace: string): [string, PolicyRule, string][] {
  const name = config.leaderElection.leaderElectionID;
  const rules: [string, PolicyRule, string][] = [];
  const unnamed = "What is yet to be created has no name that a rule could be held against.";
  const election = config.leaderElection.enabled;
  if (election) {
    const lease = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
    const why = "Leader election; the Lease holds the checkpoint, too.";
    rules.push([namespace, { ...lease, resourceNames: [name], verbs: ["get", "update"] }, why]);
    rules.push([namespace, { ...lease, verbs: ["create"] }, unnamed]);
  } else if (!config.state && !config.sidecar) {
    const map = { apiGroups: [""], resources: ["configmaps"] };
    const why = "The checkpoint: how far each receiver has come.";
    rules.push([namespace, { ...map, resourceNames: [`${name}-checkpoint`], verbs: ["get", "patch"] }, why]);
    rules.push([namespace, { ...map, verbs: ["create"] }, unnamed]);
  }
  if (election || config.state || !config.sidecar) {
    for (const one of new Set([namespace, "kube-system"])) {
      const rule = { apiGroups: [""], resources: ["namespaces"], resourceNames: [one], verbs: ["get"] };
      rules.push([
        one,
        rule,
        "Optional: its uid tells this cluster from another; one of the two namespaces is enough.",
      ]);
    }
  }
  return rules;
}

function lookedUp({ config, sendsWhole }: RightsOptions): { found: readonly Resource[]; remarks: string[] } {
  const { possible, neededFor } = planEnrichment(config, sendsWhole);
  if (!possible) return { found: [], remarks: [] };
  // A kind that nobody has: what wants it, wants every kind.
  const every = neededFor("");
  const kinds = wellKnownKinds().filter(({ kind, resource }) => {
    if (config.sidecar && kind !== "Pod") return false;
    return neededFor(kind) && (!every || EVENTFUL.has(resource.plural));
  });
  const remarks: string[] = [];
  if (every && !config.sidecar) {
    remarks.push(
      "Events about any kind are looked up. The kinds that Kubernetes itself writes events about are in here; of others, as custom resources, add `get`, or their events come without labels, annotations and owners.",
      "`omitLookup: true`, or layouts that name no labels, annotations and owners, need none of these.",
    );
  }
  for (const { kind: pattern, at } of rulesThatAsk(config.route)) {
    if (pattern === undefined || pattern === "" || config.sidecar) continue;
    if (!wellKnownKinds().some(({ kind }) => compilePattern(pattern).test(kind))) {
      remarks.push(
        `The rule in line ${at.line} asks for labels or annotations of kinds by ${JSON.stringify(pattern)}, which are not Kubernetes' own: add \`get\` for them.`,
      );
    }
  }
  for (const { resource } of kinds) {
    if (!SECRETIVE.has(resource.plural)) continue;
    remarks.push(
      `Events about ${resource.plural} are looked up, but \`get\` would give what is in them, too: it is left out, and they come without labels. Add it if that is meant.`,
    );
  }
  return { found: kinds.map(({ resource }) => resource).filter(({ plural }) => !SECRETIVE.has(plural)), remarks };
}

/** One rule for each API group. */
function rulesOf(resources: readonly Resource[]): readonly PolicyRule[] {
  const groups = new Map<string, string[]>();
  for (const { group, plural } of resources) groups.set(group, [...(groups.get(group) ?? []), plural]);
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, plurals]) => ({ apiGroups: [group], resources: plurals.sort(), verbs: ["get"] }));
}
