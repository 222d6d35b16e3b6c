/** Scaling: deployments, the horizontal pod autoscaler, cluster-autoscaler. */
import { type Definition, define, NODE, POD, same, worded } from "./definition.ts";
import { counted, groups, integer, object, optional, subject, text } from "./shape.ts";
import type { Counted, Group, Values } from "./wording.ts";

const DEPLOYMENT = subject("deployment", "Deployment");
const DEPLOYMENT_SOURCE = "kubernetes pkg/controller/deployment/sync.go";

function deployment(event: "ScaleIn" | "ScaleOut", direction: "up" | "down"): Definition {
  const sample = `Scaled ${direction} replica set web-7d4b9c`;
  const [before, after] = direction === "up" ? [1, 3] : [3, 1];
  const begin = `Scaled ${direction} replica set <replicaSet.name>`;
  return define(`Kubernetes.Autoscaling.Deployment.V1.${event}`, {
    summary: `A deployment gave one of its replica sets ${direction === "up" ? "more" : "fewer"} pods.`,
    about: DEPLOYMENT,
    data: {
      replicaSet: object("The replica set.", { name: text("Its name.") }),
      replicas: object("Of this replica set.", {
        new: integer("Pods that it is to have."),
        old: optional(integer("Pods that it had.")),
      }),
    },
    rows: [
      {
        component: "deployment-controller",
        reason: "ScalingReplicaSet",
        source: DEPLOYMENT_SOURCE,
        wordings: [
          worded(`${begin} from <replicas.old> to <replicas.new>`, "1.32–1.36", `${sample} from ${before} to ${after}`),
          worded(`${begin} to <replicas.new> from <replicas.old>`, "1.25–1.31", `${sample} to ${after} from ${before}`),
          worded(`${begin} to <replicas.new>`, "1.10–1.31", `${sample} to ${after}`),
        ],
      },
    ],
  });
}

const HPA = subject("horizontalPodAutoscaler", "HorizontalPodAutoscaler");
const HPA_SOURCE = "kubernetes pkg/controller/podautoscaler/horizontal.go, 1.10–1.36";
const hpa = (event: string) => `Kubernetes.Autoscaling.HorizontalPodAutoscaler.V1.${event}`;
const HPA_REPLICAS = object("Of the scaled object.", { new: integer("Pods that it is to have.") });

const AUTOSCALER = "cluster-autoscaler";
const ca = (event: string) => `Kubernetes.Autoscaling.ClusterAutoscaler.V1.${event}`;
const CA_SOURCE = "autoscaler cluster-autoscaler/core, processors/status, clusterstate";

const GROUP_NAME = text("Its name.");
const SIZE = {
  new: integer("Nodes that it is to have."),
  old: integer("Nodes that it had."),
  maximum: integer("Nodes that it may have."),
};
const SIZED = object("The node group.", {
  name: GROUP_NAME,
  sizeInfo: object("Its size.", { new: SIZE.new, old: optional(SIZE.old), maximum: optional(SIZE.maximum) }),
});

/** The first of the groups stands alone, as Kubernetes Event Grid Bridge has it; all of them only when there are more. */
function firstGroup(values: Values): Values {
  const all = values.get("nodeGroups") as readonly Group[];
  const found = new Map(values);
  if (all.length === 1) found.delete("nodeGroups");
  const [first] = all;
  if (first === undefined) return found;
  found.set("nodeGroup.name", first.name);
  for (const key of ["new", "old", "maximum"] as const) found.set(`nodeGroup.sizeInfo.${key}`, first.sizeInfo[key]);
  return found;
}

const MAX_SIZE = "max node group size reached";

function atMaximum(values: Values): Values | undefined {
  const reasons = (values.get("reasons") ?? []) as readonly Counted[];
  const reached = reasons.find(({ reason }) => reason === MAX_SIZE);
  return reached?.count === undefined ? undefined : new Map(values).set("nodeGroupsAtMaximum", reached.count);
}

const NOT_TRIGGERED = "pod didn't trigger scale-up";
const REASONS = counted("Why not; each with the number of node groups that it holds for, where the event tells it.");
const notTriggered = (sample: string) => [
  worded(
    `${NOT_TRIGGERED} (it wouldn't fit if a new node is added): <reasons...>`,
    "1.12–1.19",
    `${NOT_TRIGGERED} (it wouldn't fit if a new node is added): ${sample}`,
  ),
  worded(`${NOT_TRIGGERED}: <reasons...>`, "1.20–1.36", `${NOT_TRIGGERED}: ${sample}`),
];

const STARTED = { phase: "started" };
const FINISHED = { phase: "finished" };

export const AUTOSCALING: readonly Definition[] = [
  deployment("ScaleOut", "up"),
  deployment("ScaleIn", "down"),

  define(hpa("Rescaled"), {
    summary: "An autoscaler changed the number of pods.",
    about: HPA,
    data: { replicas: HPA_REPLICAS, reason: text("Why.") },
    rows: [
      {
        component: "horizontal-pod-autoscaler",
        reason: "SuccessfulRescale",
        source: HPA_SOURCE,
        wordings: [
          worded(
            "New size: <replicas.new>; reason: <reason...>",
            "",
            "New size: 3; reason: cpu resource utilization (percentage of request) above target",
          ),
        ],
      },
    ],
  }),
  define(hpa("RescaleFailed"), {
    summary: "An autoscaler wanted to change the number of pods and could not.",
    about: HPA,
    data: { replicas: HPA_REPLICAS, reason: text("Why it wanted to."), error: text("Why it could not.") },
    rows: [
      {
        component: "horizontal-pod-autoscaler",
        reason: "FailedRescale",
        source: HPA_SOURCE,
        wordings: [
          worded(
            "New size: <replicas.new>; reason: <reason...>; error: <error...>",
            "",
            "New size: 3; reason: All metrics below target; error: Internal error occurred",
          ),
        ],
      },
    ],
  }),
  define(hpa("MetricsFailed"), {
    summary: "An autoscaler does not know what it scales by.",
    about: HPA,
    data: { error: text("Why not.") },
    rows: [
      {
        component: "horizontal-pod-autoscaler",
        reason: [
          "FailedGetResourceMetric",
          "FailedGetContainerResourceMetric",
          "FailedGetPodsMetric",
          "FailedGetObjectMetric",
          "FailedGetExternalMetric",
          "FailedComputeMetricsReplicas",
        ],
        source: HPA_SOURCE,
        wordings: [
          worded(
            "<error...>",
            "",
            "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API",
          ),
        ],
      },
    ],
  }),
  define(hpa("TargetFailed"), {
    summary: "An autoscaler cannot read the scale of what it is to scale.",
    about: HPA,
    data: { error: text("Why not.") },
    rows: [
      {
        component: "horizontal-pod-autoscaler",
        reason: "FailedGetScale",
        source: HPA_SOURCE,
        wordings: [worded("<error...>", "", 'deployments.apps "web" not found')],
      },
    ],
  }),

  define(ca("NodeGroup.ScaleOut"), {
    summary: "A pod that finds no node makes node groups grow.",
    data: {
      nodeGroup: object("The node group; the first, when several grow.", {
        name: GROUP_NAME,
        sizeInfo: object("Its size.", SIZE),
      }),
      nodeGroups: optional(groups("All node groups that grow, when there are several.")),
    },
    rows: [
      {
        component: AUTOSCALER,
        reason: "TriggeredScaleUp",
        source: CA_SOURCE,
        wordings: [
          worded(
            "pod triggered scale-up: [<nodeGroups...>]",
            "0.6–1.36",
            "pod triggered scale-up: [{pool-a 1->3 (max: 10)} {pool-b 0->1 (max: 5)}]",
          ),
        ],
        finish: firstGroup,
      },
    ],
  }),
  define(ca("NodeGroup.ScaleOutStarted"), {
    summary: "A node group is about to grow.",
    data: { nodeGroup: SIZED },
    rows: [
      {
        component: AUTOSCALER,
        reason: "ScaledUpGroup",
        source: CA_SOURCE,
        wordings: [
          worded(
            "Scale-up: setting group <nodeGroup.name> size to <nodeGroup.sizeInfo.new> instead of <nodeGroup.sizeInfo.old> (max: <nodeGroup.sizeInfo.maximum>)",
            "1.23–1.36",
            "Scale-up: setting group pool-a size to 3 instead of 1 (max: 10)",
          ),
          worded(
            "Scale-up: setting group <nodeGroup.name> size to <nodeGroup.sizeInfo.new>",
            "1.12–1.22",
            "Scale-up: setting group pool-a size to 3",
          ),
        ],
      },
    ],
  }),
  define(ca("NodeGroup.ScaledOut"), {
    summary: "A node group was given more nodes.",
    data: { nodeGroup: SIZED },
    rows: [
      {
        component: AUTOSCALER,
        reason: "ScaledUpGroup",
        source: CA_SOURCE,
        wordings: [
          worded(
            "Scale-up: group <nodeGroup.name> size set to <nodeGroup.sizeInfo.new> instead of <nodeGroup.sizeInfo.old> (max: <nodeGroup.sizeInfo.maximum>)",
            "1.23–1.36",
            "Scale-up: group pool-a size set to 3 instead of 1 (max: 10)",
          ),
          worded(
            "Scale-up: group <nodeGroup.name> size set to <nodeGroup.sizeInfo.new>",
            "0.6–1.22",
            "Scale-up: group pool-a size set to 3",
          ),
        ],
      },
    ],
  }),
  define(ca("NodeGroup.ScaleOutFailed"), {
    summary: "A node group could not grow, or its new nodes never came.",
    data: {
      nodeGroup: object("The node group.", { name: GROUP_NAME }),
      nodes: optional(integer("Nodes that were to come.")),
      error: text("Why not."),
    },
    rows: [
      {
        component: AUTOSCALER,
        reason: "FailedToScaleUpGroup",
        source: CA_SOURCE,
        wordings: [
          worded(
            "Scale-up failed for group <nodeGroup.name>: <error...>",
            "1.0–1.36",
            "Scale-up failed for group pool-a: quota exceeded",
          ),
        ],
      },
      {
        component: AUTOSCALER,
        reason: "ScaleUpTimedOut",
        source: CA_SOURCE,
        wordings: [
          worded(
            "Nodes added to group <nodeGroup.name> failed to register within <error...>",
            "1.0–1.36",
            "Nodes added to group pool-a failed to register within 15m3.2s",
          ),
        ],
        finish: (values) => new Map(values).set("error", `failed to register within ${values.get("error")}`),
      },
      {
        component: AUTOSCALER,
        reason: "ScaleUpFailed",
        source: CA_SOURCE,
        wordings: [
          worded(
            "Failed adding <nodes> nodes to group <nodeGroup.name> due to <error...>",
            "1.36",
            "Failed adding 2 nodes to group pool-a due to OutOfResources; source errors: stockout",
          ),
        ],
      },
    ],
  }),
  define(ca("NodeGroup.MaxSizeReached"), {
    summary: "A pod finds no node, and node groups that might have helped are as large as they may be.",
    about: POD,
    data: {
      nodeGroupsAtMaximum: integer("Node groups that may not grow."),
      reasons: REASONS,
    },
    rows: [
      {
        component: AUTOSCALER,
        reason: "NotTriggerScaleUp",
        source: CA_SOURCE,
        wordings: notTriggered(`1 Insufficient cpu, 2 ${MAX_SIZE}`),
        finish: atMaximum,
      },
    ],
  }),
  define(ca("Pod.ScaleOutNotTriggered"), {
    summary: "A pod finds no node, and more nodes would not help.",
    about: POD,
    data: { reasons: optional(REASONS) },
    rows: [
      {
        component: AUTOSCALER,
        reason: "NotTriggerScaleUp",
        source: CA_SOURCE,
        wordings: [
          ...notTriggered("1 node(s) didn't match Pod's node affinity/selector, 2 in backoff after failed scale-up"),
          same(`${NOT_TRIGGERED} (it wouldn't fit if a new node is added)`, "1.0–1.3"),
          same(`${NOT_TRIGGERED}:`, "1.20–1.36"),
        ],
      },
    ],
  }),
  define(ca("Cluster.MaxSizeReached"), {
    summary: "The cluster has as many nodes as it may have.",
    data: { nodes: object("Of the cluster.", { maximum: integer("Nodes that it may have.") }) },
    rows: [
      {
        component: AUTOSCALER,
        reason: "MaxNodesTotalReached",
        source: CA_SOURCE,
        wordings: [
          worded(
            "Max total nodes in cluster reached: <nodes.maximum>",
            "1.19–1.36",
            "Max total nodes in cluster reached: 100",
          ),
        ],
      },
    ],
  }),
  define(ca("Cluster.Unhealthy"), {
    summary: "The autoscaler does nothing, because too many nodes are not ready.",
    data: { message: text("What it says.") },
    rows: [
      {
        component: AUTOSCALER,
        reason: "ClusterUnhealthy",
        source: CA_SOURCE,
        wordings: [worded("<message...>", "1.0–1.36", "Cluster has no ready nodes.")],
      },
    ],
  }),
  define(ca("Node.ScaleIn"), {
    summary: "A node that is not needed is taken away.",
    about: NODE,
    data: { phase: text("`started`, or `finished` when the node is gone.") },
    rows: [
      {
        component: AUTOSCALER,
        reason: "ScaleDownEmpty",
        on: "ConfigMap",
        source: CA_SOURCE,
        wordings: [
          worded(
            'Scale-down: removing empty node "<node.name>"',
            "1.26–1.36",
            'Scale-down: removing empty node "node-1"',
            STARTED,
          ),
          worded(
            "Scale-down: removing empty node <node.name>",
            "1.0–1.24",
            "Scale-down: removing empty node node-1",
            STARTED,
          ),
          worded(
            "Scale-down: empty node <node.name> removed",
            "1.12–1.36",
            "Scale-down: empty node node-1 removed",
            FINISHED,
          ),
        ],
      },
      {
        component: AUTOSCALER,
        reason: "ScaleDown",
        on: "ConfigMap",
        source: CA_SOURCE,
        wordings: [
          worded(
            "Scale-down: removing node <node.name>, utilization: <_...>",
            "1.0–1.36",
            "Scale-down: removing node node-1, utilization: {0.3 0.1 0 cpu 0.3}, pods to reschedule: web-1,db-0",
            STARTED,
          ),
          worded(
            "Scale-down: node <node.name> removed with drain",
            "1.30–1.36",
            "Scale-down: node node-1 removed with drain",
            FINISHED,
          ),
        ],
      },
      {
        component: AUTOSCALER,
        reason: "ScaleDown",
        source: CA_SOURCE,
        wordings: [
          same("marked the node as toBeDeleted/unschedulable", "1.0–1.36", STARTED),
          same("nodes removed by cluster autoscaler", "1.26–1.36", FINISHED),
          same("node removed by cluster autoscaler", "1.0–1.24", FINISHED),
        ],
      },
    ],
  }),
  define(ca("Node.ScaleInFailed"), {
    summary: "A node that is not needed could not be taken away.",
    about: NODE,
    data: { error: text("What the autoscaler says of it.") },
    rows: [
      {
        component: AUTOSCALER,
        reason: "ScaleDownFailed",
        source: CA_SOURCE,
        wordings: [worded("<error...>", "1.0–1.36", "failed to drain and delete node: timed out")],
      },
    ],
  }),
  define(ca("Pod.ScaleIn"), {
    summary: "A pod is deleted because its node is taken away.",
    about: POD,
    rows: [
      {
        component: AUTOSCALER,
        reason: "ScaleDown",
        source: CA_SOURCE,
        wordings: [same("deleting pod for node scale down", "1.0–1.36")],
      },
    ],
  }),
  define(ca("Pod.ScaleInFailed"), {
    summary: "A pod whose node is taken away could not be deleted.",
    about: POD,
    rows: [
      {
        component: AUTOSCALER,
        reason: "ScaleDownFailed",
        source: CA_SOURCE,
        wordings: [same("failed to delete pod for ScaleDown", "1.0–1.36")],
      },
    ],
  }),
];
