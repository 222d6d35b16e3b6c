/** Events of all sorts, by which rules can be told apart. */
interface Sample {
  readonly name: string;
  readonly event: object;
}

const CAPI = "cluster-api-events-controller";
const sample = (
  name: string,
  [namespace, kind, type, reason]: readonly [string, string, string, string],
  more: object = {},
  object: object = {},
): Sample => ({
  name,
  event: {
    metadata: { name: "e", namespace, uid: "u", resourceVersion: "1" },
    type,
    reason,
    involvedObject: { kind, namespace, name: "x", apiVersion: "v1", ...object },
    ...more,
  },
});
const cluster = { apiVersion: "cluster.x-k8s.io/v1beta1" };

export const EVENTS: readonly Sample[] = [
  sample("restart loop", ["shop", "Pod", "Warning", "BackOff"], { count: 7 }),
  sample("image pulled", ["shop", "Pod", "Normal", "Pulled"]),
  sample("scheduled", ["shop", "Pod", "Normal", "Scheduled"], {
    eventTime: "2026-11-20T21:46:34.727123Z",
    reportingComponent: "default-scheduler",
  }),
  sample("no node", ["shop", "Pod", "Warning", "FailedScheduling"], { reportingComponent: "default-scheduler" }),
  sample("system stops", ["kube-system", "Pod", "Normal", "Killing"]),
  sample("system is ill", ["kube-system", "Pod", "Warning", "Unhealthy"]),
  sample("scaled", ["shop", "Deployment", "Normal", "ScalingReplicaSet"]),
  sample("test fails", ["my-test-1", "Pod", "Warning", "Failed"]),
  sample("test runs", ["my-test-1", "Pod", "Normal", "Started"]),
  sample("dev pod", ["dev", "Pod", "Normal", "Pulled"], {}, { labels: { version: "dev" } }),
  sample("dev deployment", ["dev", "Deployment", "Warning", "Failed"], {}, { labels: { version: "dev-2" } }),
  sample("prod set", ["shop", "ReplicaSet", "Warning", "FailedCreate"], {}, { labels: { version: "prod" } }),
  sample("node", ["default", "Node", "Normal", "NodeNotReady"], { source: { component: "node-controller" } }),
  sample("often, beta", ["shop", "Ingress", "Normal", "Sync"], { count: 9 }, { apiVersion: "extensions/v1beta1" }),
  sample("seldom, beta", ["shop", "Ingress", "Normal", "Sync"], { count: 2 }, { apiVersion: "extensions/v1beta1" }),
  sample("upgrade begins", ["org-a", "Cluster", "Normal", "Upgrading"], { source: { component: CAPI } }, cluster),
  sample(
    "upgrade begins, new style",
    ["org-a", "Cluster", "Normal", "Upgrading"],
    { reportingComponent: CAPI },
    cluster,
  ),
  sample("upgrade ends", ["org-a", "Cluster", "Normal", "Upgraded"], { source: { component: CAPI } }, cluster),
  sample("upgrade of another API", ["org-a", "Cluster", "Normal", "Upgraded"], { source: { component: CAPI } }),
  sample("upgrade of a machine", ["org-a", "Machine", "Normal", "Upgraded"], { source: { component: CAPI } }, cluster),
];
