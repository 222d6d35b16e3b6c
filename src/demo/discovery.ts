/** What a simulated API server serves beside events: its discovery documents and the metadata of a few objects. */
import type { ObjectMeta } from "../event.ts";

export interface Resource {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** An object of which only the metadata is known. */
export interface KnownObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta & { readonly name: string };
}

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** The kinds that the stories tell of; `events` are served by hand. */
export const RESOURCES: readonly Resource[] = [
  ["", "v1", "Event", "events"],
  ["", "v1", "Namespace", "namespaces", "cluster"],
  ["", "v1", "Node", "nodes", "cluster"],
  ["", "v1", "Pod", "pods"],
  ["", "v1", "Service", "services"],
  ["", "v1", "ConfigMap", "configmaps"],
  ["", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"],
  ["apps", "v1", "Deployment", "deployments"],
  ["apps", "v1", "ReplicaSet", "replicasets"],
  ["apps", "v1", "StatefulSet", "statefulsets"],
  ["apps", "v1", "DaemonSet", "daemonsets"],
  ["batch", "v1", "CronJob", "cronjobs"],
  ["batch", "v1", "Job", "jobs"],
  ["events.k8s.io", "v1", "Event", "events"],
].map(([group = "", version = "", kind = "", plural = "", scope]) => ({
  group,
  version,
  kind,
  plural,
  namespaced: scope !== "cluster",
}));

/** `v1`, `apps/v1`. */
export const groupVersion = (resource: Pick<Resource, "group" | "version">): string =>
  resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;

const AGGREGATED = /application\/json;[^,]*as=APIGroupDiscoveryList/;
const AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/**
 * Answers `/api`, `/apis`, `/api/v1` and `/apis/GROUP/VERSION`, aggregated when the client accepts that and the server
 * offers it. Groups in `broken` are listed without resources, and unavailable (503, by the caller) when asked directly.
 * Undefined: not a discovery path.
 */
export function discover(
  path: string,
  accept: string,
  options: { readonly aggregated: boolean; readonly broken: ReadonlySet<string> },
): { readonly type: string; readonly body: unknown } | "unavailable" | undefined {
  const type = "application/json";
  if (path === "/api" || path === "/apis") {
    const ours = RESOURCES.filter((resource) => (path === "/api") === (resource.group === ""));
    const groups = [...new Set(ours.map((resource) => resource.group))];
    if (options.aggregated && AGGREGATED.test(accept)) {
      return {
        type: AGGREGATED_TYPE,
        body: {
          kind: "APIGroupDiscoveryList",
          apiVersion: "apidiscovery.k8s.io/v2",
          metadata: {},
          items: groups.map((group) => ({
            metadata: { ...(group === "" ? {} : { name: group }), creationTimestamp: null },
            versions: [
              {
                version: "v1",
                ...(options.broken.has(group)
                  ? { freshness: "Stale" }
                  : { resources: ours.filter((one) => one.group === group).map(aggregate), freshness: "Current" }),
              },
            ],
          })),
        },
      };
    }
    if (path === "/api") return { type, body: { kind: "APIVersions", versions: ["v1"] } };
    const list = groups.map((name) => {
      const version = { groupVersion: `${name}/v1`, version: "v1" };
      return { name, versions: [version], preferredVersion: version };
    });
    return { type, body: { kind: "APIGroupList", apiVersion: "v1", groups: list } };
  }
  const match = /^\/(?:api\/(v1)|apis\/([^/]+)\/([^/]+))$/.exec(path);
  if (!match) return undefined;
  const [, core, group = "", version = core] = match;
  const resources = RESOURCES.filter((one) => one.group === group && one.version === version);
  if (resources.length === 0) return undefined;
  if (options.broken.has(group)) return "unavailable";
  const body = {
    kind: "APIResourceList",
    ...(group === "" ? {} : { apiVersion: "v1" }),
    groupVersion: groupVersion({ group, version: version ?? "" }),
    resources: resources.map((one) => ({
      name: one.plural,
      singularName: one.kind.toLowerCase(),
      namespaced: one.namespaced,
      kind: one.kind,
      verbs: VERBS,
    })),
  };
  return { type, body };
}

function aggregate(resource: Resource): Record<string, unknown> {
  return {
    resource: resource.plural,
    responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    singularResource: resource.kind.toLowerCase(),
    verbs: VERBS,
  };
}

/** The path of an object under the API server. Throws for a kind that {@link RESOURCES} does not hold. */
export function pathOf(object: KnownObject): string {
  const resource = RESOURCES.find((one) => one.kind === object.kind && groupVersion(one) === object.apiVersion);
  if (!resource) throw new Error(`the demo's API server does not know ${object.apiVersion} ${object.kind}`);
  const root = resource.group === "" ? "/api/v1" : `/apis/${groupVersion(resource)}`;
  const namespace = resource.namespaced ? `/namespaces/${object.metadata.namespace}` : "";
  return `${root}${namespace}/${resource.plural}/${object.metadata.name}`;
}
