/**
 * From the apiVersion and kind of an event's object to the path of its resource.
 *
 * The kinds of Kubernetes itself stand in a table and cost no request. Any other kind costs one request for its group
 * and version, not the whole discovery document (megabytes in a cluster with many custom resources): so every server
 * version serves, and a broken API group breaks nothing but itself.
 */
import type { Logger } from "../logger.ts";
import { type ApiClient, ApiError } from "./client.ts";
import { listOf, memberOf } from "./json.ts";

export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** As in URLs and RBAC rules: `pods`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface Discovery {
  /** What is known now: null when the server has no such kind that can be read, undefined when it must be asked. */
  peek(apiVersion: string | undefined, kind: string | undefined): Resource | null | undefined;
  /** Asks if need be; null as above. Rejects with ApiError when the server cannot say. */
  resolve(apiVersion: string | undefined, kind: string | undefined): Promise<Resource | null>;
}

export interface DiscoveryOptions {
  readonly client: Pick<ApiClient, "json">;
  readonly logger: Logger;
  readonly now?: () => number;
  /** How long an answer is good. Default 10 min. */
  readonly ttlMs?: number;
  /** How soon the server is asked again for what it did not have or could not say. Default 1 min. */
  readonly retryMs?: number;
}

type Kinds = ReadonlyMap<string, Resource>;

interface Answer {
  readonly kinds: Kinds;
  /** Set when the last request failed; `kinds` is then what an earlier one brought. */
  readonly error: ApiError | undefined;
  readonly askedAt: number;
}

/** Anybody who may write events can make up groups: more than this are not remembered. */
const MAX_GROUP_VERSIONS = 256;
const MAX_VERSIONS_OF_GROUP = 8;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** Goes into a URL: `v1`, `apps/v1`, `example.com/v1alpha1`. */
const GROUP_VERSION = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?v[0-9][a-z0-9]{0,62}$/;

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { client, logger } = options;
  const now = options.now ?? Date.now;
  const ttlMs = options.ttlMs ?? 600_000;
  const retryMs = options.retryMs ?? 60_000;
  const answers = new Map<string, Answer>();
  const asking = new Map<string, Promise<Answer>>();

  const peek: Discovery["peek"] = (apiVersion = "", kind = "") => {
    const known = wellKnown(apiVersion, kind);
    if (known !== undefined) return known;
    if (kind === "" || !GROUP_VERSION.test(apiVersion)) return null;
    const answer = answers.get(apiVersion);
    if (answer === undefined) return undefined;
    const resource = answer.kinds.get(kind);
    const age = now() - answer.askedAt;
    if (answer.error !== undefined || resource === undefined) {
      if (age >= retryMs) return undefined;
      return resource ?? (answer.error === undefined ? null : undefined);
    }
    return age < ttlMs ? resource : undefined;
  };

  const ask = async (groupVersion: string): Promise<Answer> => {
    let answer: Answer;
    try {
      answer = { kinds: await readKinds(client, groupVersion), error: undefined, askedAt: now() };
    } catch (thrown) {
      const error = thrown instanceof ApiError ? thrown : new ApiError("network", String(thrown));
      answer = { kinds: answers.get(groupVersion)?.kinds ?? new Map(), error, askedAt: now() };
      logger.warn(`cannot discover the kinds of ${groupVersion}: ${error.message}`);
    }
    answers.delete(groupVersion);
    answers.set(groupVersion, answer);
    for (const oldest of answers.keys()) {
      if (answers.size <= MAX_GROUP_VERSIONS) break;
      answers.delete(oldest);
    }
    asking.delete(groupVersion);
    return answer;
  };

  return {
    peek,
    async resolve(apiVersion = "", kind = "") {
      const known = peek(apiVersion, kind);
      if (known !== undefined) return known;
      let answer = answers.get(apiVersion);
      if (answer?.error === undefined || now() - answer.askedAt >= retryMs) {
        let request = asking.get(apiVersion);
        if (request === undefined) {
          request = ask(apiVersion);
          asking.set(apiVersion, request);
        }
        answer = await request;
      }
      const resource = answer.kinds.get(kind);
      if (resource === undefined && answer.error !== undefined) throw answer.error;
      return resource ?? null;
    },
  };
}

/** The path of one object, or undefined when its name cannot be in a path. */
export function objectPath(
  { group, version, plural, namespaced }: Resource,
  namespace: string | undefined,
  name: string | undefined,
): string | undefined {
  if (!isSegment(name) || (namespaced && !isSegment(namespace))) return undefined;
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced ? `/namespaces/${encodeURIComponent(namespace ?? "")}` : "";
  return `${root}${scope}/${plural}/${encodeURIComponent(name)}`;
}

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names */
function isSegment(text: string | undefined): text is string {
  return text !== undefined && text !== "" && text !== "." && text !== ".." && !/[/%]/.test(text);
}

/** A version that the server has dropped leads to the others of its group. */
async function readKinds(client: Pick<ApiClient, "json">, groupVersion: string): Promise<Kinds> {
  const slash = groupVersion.indexOf("/");
  const own = await readOrNothing(client, slash < 0 ? `/api/${groupVersion}` : `/apis/${groupVersion}`);
  if (own !== undefined || slash < 0) return kindsOf(own, groupVersion);

  const group = groupVersion.slice(0, slash);
  const about = await readOrNothing(client, `/apis/${group}`);
  const preferred = memberOf(memberOf(about, "preferredVersion"), "groupVersion");
  const versions = new Set([preferred]);
  for (const version of listOf(about, "versions")) versions.add(memberOf(version, "groupVersion"));
  const kinds = new Map<string, Resource>();
  let left = MAX_VERSIONS_OF_GROUP;
  for (const version of versions) {
    if (typeof version !== "string" || !GROUP_VERSION.test(version) || left-- === 0) continue;
    const list = await readOrNothing(client, `/apis/${version}`);
    for (const [kind, resource] of kindsOf(list, version)) if (!kinds.has(kind)) kinds.set(kind, resource);
  }
  return kinds;
}

async function readOrNothing(client: Pick<ApiClient, "json">, path: string): Promise<unknown> {
  try {
    return await client.json(path, { verb: "discover", timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** @see https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#apiresourcelist-v1-meta */
function kindsOf(list: unknown, groupVersion: string): Map<string, Resource> {
  const slash = groupVersion.indexOf("/");
  const kinds = new Map<string, Resource>();
  for (const item of listOf(list, "resources")) {
    const plural = memberOf(item, "name");
    const kind = memberOf(item, "kind");
    // A slash makes a subresource, such as pods/log.
    if (typeof plural !== "string" || typeof kind !== "string" || !/^[a-z0-9.-]+$/.test(plural)) continue;
    if (!listOf(item, "verbs").includes("get")) continue;
    kinds.set(kind, {
      group: slash < 0 ? "" : groupVersion.slice(0, slash),
      version: groupVersion.slice(slash + 1),
      plural,
      namespaced: memberOf(item, "namespaced") === true,
    });
  }
  return kinds;
}

/** Stable since Kubernetes 1.25 at the latest, by group and version. */
const NAMESPACED: Readonly<Record<string, string>> = {
  v1: "Pod:pods Service:services Endpoints:endpoints PersistentVolumeClaim:persistentvolumeclaims ConfigMap:configmaps Secret:secrets ServiceAccount:serviceaccounts ReplicationController:replicationcontrollers ResourceQuota:resourcequotas LimitRange:limitranges",
  "apps/v1":
    "Deployment:deployments ReplicaSet:replicasets StatefulSet:statefulsets DaemonSet:daemonsets ControllerRevision:controllerrevisions",
  "batch/v1": "Job:jobs CronJob:cronjobs",
  "autoscaling/v1": "HorizontalPodAutoscaler:horizontalpodautoscalers",
  "autoscaling/v2": "HorizontalPodAutoscaler:horizontalpodautoscalers",
  "networking.k8s.io/v1": "Ingress:ingresses NetworkPolicy:networkpolicies",
  "policy/v1": "PodDisruptionBudget:poddisruptionbudgets",
  "discovery.k8s.io/v1": "EndpointSlice:endpointslices",
  "coordination.k8s.io/v1": "Lease:leases",
};
const CLUSTER_WIDE: Readonly<Record<string, string>> = {
  v1: "Node:nodes Namespace:namespaces PersistentVolume:persistentvolumes",
  "storage.k8s.io/v1":
    "StorageClass:storageclasses VolumeAttachment:volumeattachments CSINode:csinodes CSIDriver:csidrivers",
  "networking.k8s.io/v1": "IngressClass:ingressclasses",
  "scheduling.k8s.io/v1": "PriorityClass:priorityclasses",
};

const WELL_KNOWN = new Map<string, Resource>();
for (const [table, namespaced] of [
  [NAMESPACED, true],
  [CLUSTER_WIDE, false],
] as const) {
  for (const [groupVersion, kinds] of Object.entries(table)) {
    const [version = "", group = ""] = groupVersion.split("/").reverse();
    for (const pair of kinds.split(" ")) {
      const [kind = "", plural = ""] = pair.split(":");
      const resource = { group, version, plural, namespaced };
      WELL_KNOWN.set(`${groupVersion} ${kind}`, resource);
      // Some writers name no apiVersion: the kubelet for its Node, for one.
      const bare = ` ${kind}`;
      if (!WELL_KNOWN.has(bare)) WELL_KNOWN.set(bare, resource);
    }
  }
}

function wellKnown(apiVersion: string, kind: string): Resource | undefined {
  return WELL_KNOWN.get(`${apiVersion} ${kind}`);
}

/** Kinds of Kubernetes itself that cost no request, each once. */
export function wellKnownKinds(): readonly { readonly kind: string; readonly resource: Resource }[] {
  const found = new Map<string, { kind: string; resource: Resource }>();
  for (const [key, resource] of WELL_KNOWN) {
    const kind = key.slice(key.indexOf(" ") + 1);
    found.set(`${resource.group}/${resource.plural}`, { kind, resource });
  }
  return [...found.values()];
}
