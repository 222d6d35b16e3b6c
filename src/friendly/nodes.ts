/** Nodes that come, go, and are ready or not. */
import { type Definition, define, NODE, same, worded } from "./definition.ts";
import { integer, object, optional, text } from "./shape.ts";

const node = (event: string) => `Kubernetes.Nodes.V1.${event}`;
const LIFECYCLE = "kubernetes pkg/controller/nodelifecycle, pkg/controller/util/node";
const KUBELET = "kubernetes pkg/kubelet/kubelet_node_status.go";
const OOM = "kubernetes pkg/kubelet/oom";

export const NODES: readonly Definition[] = [
  define(node("Added"), {
    summary: "A node joined the cluster.",
    about: NODE,
    rows: [
      {
        component: "node-controller",
        reason: "RegisteredNode",
        source: LIFECYCLE,
        wordings: [
          worded(
            "Node <node.name> event: Registered Node <_> in Controller",
            "1.10–1.36",
            "Node node-1 event: Registered Node node-1 in Controller",
          ),
        ],
      },
    ],
  }),
  define(node("Removed"), {
    summary: "A node left the cluster.",
    about: NODE,
    rows: [
      {
        component: "node-controller",
        reason: "RemovingNode",
        source: LIFECYCLE,
        wordings: [
          worded(
            "Node <node.name> event: Removing Node <_> from Controller",
            "1.10–1.36",
            "Node node-1 event: Removing Node node-1 from Controller",
          ),
        ],
      },
      {
        component: "cloud-node-lifecycle-controller",
        reason: "DeletingNode",
        source: "cloud-provider controllers/nodelifecycle",
        wordings: [
          worded(
            "Deleting node <node.name> because it does not exist in the cloud provider",
            "",
            "Deleting node node-1 because it does not exist in the cloud provider",
          ),
        ],
      },
    ],
  }),
  define(node("Ready"), {
    summary: "A node takes pods.",
    about: NODE,
    rows: [
      {
        component: ["kubelet", "node-controller"],
        reason: "NodeReady",
        source: KUBELET,
        wordings: [
          worded("Node <node.name> status is now: NodeReady", "1.10–1.36", "Node node-1 status is now: NodeReady"),
        ],
      },
    ],
  }),
  define(node("NotReady"), {
    summary: "A node does not run pods as it should, or is not heard of.",
    about: NODE,
    rows: [
      {
        component: ["kubelet", "node-controller"],
        reason: "NodeNotReady",
        source: `${KUBELET}, ${LIFECYCLE}`,
        wordings: [
          worded(
            "Node <node.name> status is now: NodeNotReady",
            "1.10–1.36",
            "Node node-1 status is now: NodeNotReady",
          ),
        ],
      },
    ],
  }),
  define(node("Rebooted"), {
    summary: "A node was started anew.",
    about: NODE,
    data: { bootId: text("Of the start.") },
    rows: [
      {
        component: "kubelet",
        reason: "Rebooted",
        source: KUBELET,
        wordings: [
          worded(
            "Node <node.name> has been rebooted, boot id: <bootId>",
            "1.10–1.36",
            "Node node-1 has been rebooted, boot id: 6a0f3d8e-8a43-4b0c-a0a5-0b9ac1d0a3f1",
          ),
        ],
      },
    ],
  }),
  define(node("OutOfMemory"), {
    summary: "The kernel of a node killed a process, because memory was short. No event says of which pod.",
    about: NODE,
    data: {
      process: optional(object("The process.", { name: text("Its name."), id: integer("Its number on the node.") })),
    },
    rows: [
      {
        component: "kubelet",
        reason: "SystemOOM",
        source: OOM,
        wordings: [
          worded(
            "System OOM encountered, victim process: <process.name...>, pid: <process.id>",
            "1.16–1.36",
            "System OOM encountered, victim process: java, pid: 4711",
          ),
          same("System OOM encountered", "1.10"),
        ],
      },
      {
        component: "kernel-monitor",
        reason: "OOMKilling",
        source: "node-problem-detector config/kernel-monitor.json",
        wordings: [
          worded(
            "Killed process <process.id> (<process.name...>) total-vm:<_...>",
            "",
            "Killed process 4711 (java) total-vm:35956kB, anon-rss:1128kB, file-rss:0kB",
          ),
          worded(
            "Kill process <process.id> (<process.name...>) score <_> or sacrifice child\nKilled process <_...>",
            "old kernels",
            "Kill process 4711 (java) score 1000 or sacrifice child\nKilled process 4711 (java) total-vm:35956kB, anon-rss:1128kB, file-rss:0kB",
          ),
        ],
      },
    ],
  }),
];
