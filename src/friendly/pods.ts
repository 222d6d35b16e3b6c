/** Pods: what goes wrong with their containers, images, probes and volumes, where they run, and why not any more. */
import { type Definition, define, POD, type Row, same, type Wording, worded } from "./definition.ts";
import { counted, integer, object, optional, text, words } from "./shape.ts";

const pod = (event: string) => `Kubernetes.Workloads.Pod.V1.${event}`;

const kubelet = (
  source: string,
  reason: string | readonly string[],
  severity: Row["severity"],
  ...wordings: Wording[]
): Row => ({
  component: "kubelet",
  reason,
  ...(severity && { severity }),
  source: `kubernetes pkg/kubelet/${source}`,
  wordings,
});

/** The scheduler is called as its profile says. */
const scheduler = (reason: string, ...wordings: Wording[]): Row => ({
  reason,
  source: "kubernetes pkg/scheduler",
  wordings,
});

const NODE_NAME = object("The node.", { name: text("Its name.") });
const IMAGE = text("The image, as the pod names it.");

const NOT_PULLED = [
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
] as const;

const PROBES = ["Liveness", "Readiness", "Startup"] as const;

const probes = (text: string, versions: string, sample: string, result: string): Wording[] =>
  PROBES.map((probe) =>
    worded(`${probe} ${text}`, versions, `${probe} ${sample}`, { probe: probe.toLowerCase(), result }),
  );

const AVAILABLE = "0/<nodes.total> nodes are available: <reasons...>";
const NONE = "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint(s)";
const NO_VICTIMS =
  "0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling";

const LOW = "The node was low on resource: <resource>.";

const PRESSURE = { cause: "nodePressure" };
const STORAGE = { cause: "storageLimit" };

const UNABLE = "Unable to attach or mount volumes: unmounted volumes=[<volumes...>], unattached volumes=[<_...>]";
const TIMEOUT = "timed out waiting for the condition";

export const PODS: readonly Definition[] = [
  define(pod("CrashLoopBackOff"), {
    summary: "A container ended again and again, and is started only after a while.",
    about: POD,
    container: true,
    rows: [
      kubelet(
        "kuberuntime/kuberuntime_manager.go",
        "BackOff",
        "Warning",
        worded(
          "Back-off restarting failed container <container.name> in pod <pod.name>_<pod.namespace>(<_>)",
          "1.28–1.36",
          "Back-off restarting failed container app in pod web-1_shop(6a0f3d8e-8a43-4b0c-a0a5-0b9ac1d0a3f1)",
        ),
        same("Back-off restarting failed container", "1.10–1.25"),
      ),
    ],
  }),
  define(pod("ImagePullFailed"), {
    summary: "The image of a container is not to be had.",
    about: POD,
    container: true,
    data: { image: optional(IMAGE), error: text("Why not.") },
    rows: [
      kubelet(
        "images/image_manager.go",
        "Failed",
        "Warning",
        worded(
          'Failed to pull image "<image>": <error...>',
          "1.10–1.36",
          'Failed to pull image "registry.example.com/web:2": not found',
        ),
        ...NOT_PULLED.map((error) => same(`Error: ${error}`, "1.10–1.36", { error })),
      ),
      kubelet(
        "images/image_manager.go",
        "ErrImageNeverPull",
        "Warning",
        worded(
          'Container image "<image>" is not present with pull policy of Never',
          "1.10–1.36",
          'Container image "web:2" is not present with pull policy of Never',
          { error: "not present with pull policy of Never" },
        ),
      ),
      kubelet(
        "images/image_manager.go",
        "InspectFailed",
        "Warning",
        worded(
          'Failed to inspect image "<image>": <error...>',
          "1.10–1.36",
          'Failed to inspect image "web:2": rpc error: code = Unknown',
        ),
        worded(
          'Failed to apply default image tag "<image>": <error...>',
          "1.10–1.36",
          'Failed to apply default image tag "Web:2": couldn\'t parse image name "Web:2": invalid reference format',
        ),
      ),
    ],
  }),
  define(pod("ContainerFailed"), {
    summary: "A container could not be created or started.",
    about: POD,
    container: true,
    data: { error: text("Why not.") },
    rows: [
      kubelet(
        "kuberuntime/kuberuntime_container.go",
        "Failed",
        "Warning",
        worded("Error: <error...>", "1.10–1.36", 'Error: configmap "settings" not found'),
      ),
    ],
  }),
  define(pod("ImagePullBackOff"), {
    summary: "The image of a container is not to be had, and is tried again only after a while.",
    about: POD,
    container: true,
    data: { image: IMAGE },
    rows: [
      kubelet(
        "images/image_manager.go",
        "BackOff",
        "Normal",
        worded('Back-off pulling image "<image>"', "1.10–1.36", 'Back-off pulling image "registry.example.com/web:2"'),
      ),
    ],
  }),
  define(pod("ProbeFailed"), {
    summary: "A probe of a container failed, or could not be made.",
    about: POD,
    container: true,
    data: {
      probe: text("`liveness`, `readiness` or `startup`."),
      result: text("`failed`, or `errored` when it could not be made."),
      output: text("What it said; may have several lines."),
    },
    rows: [
      kubelet(
        "prober/prober.go",
        "Unhealthy",
        "Warning",
        ...probes(
          "probe failed: <output...>",
          "1.10–1.36",
          "probe failed: HTTP probe failed with statuscode: 503",
          "failed",
        ),
        ...probes(
          "probe errored and resulted in <_> state: <output...>",
          "1.33–1.36",
          "probe errored and resulted in unknown state: rpc error: code = DeadlineExceeded",
          "errored",
        ),
        ...probes(
          "probe errored: <output...>",
          "1.10–1.32",
          "probe errored: rpc error: code = DeadlineExceeded",
          "errored",
        ),
      ),
    ],
  }),
  define(pod("Evicted"), {
    summary: "A pod is taken from its node.",
    about: POD,
    container: true,
    data: {
      cause: text("`nodePressure`, `storageLimit`, `taint`, or `nodeNotReady`."),
      resource: optional(text("What the node is short of.")),
      threshold: optional(text("How much of it must be left.")),
      available: optional(text("How much of it is left.")),
      volume: optional(text("The volume that is too full.")),
      limit: optional(text("How much it may take.")),
      details: optional(text("What containers took.")),
    },
    rows: [
      kubelet(
        "eviction/helpers.go, eviction_manager.go",
        "Evicted",
        undefined,
        worded(
          "The node was low on resource: <resource>. Threshold quantity: <threshold>, available: <available>.",
          "1.28–1.36",
          "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi.",
          PRESSURE,
        ),
        worded(
          "The node was low on resource: <resource>. Threshold quantity: <threshold>, available: <available>. <details...>",
          "1.28–1.36",
          "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container app was using 800Mi, request is 100Mi, has larger consumption of memory. ",
          PRESSURE,
        ),
        worded(LOW, "1.10–1.25", "The node was low on resource: memory.", PRESSURE),
        worded(
          `${LOW} <details...>`,
          "1.16–1.25",
          "The node was low on resource: memory. Container app was using 800Mi, which exceeds its request of 100Mi. ",
          PRESSURE,
        ),
        worded(
          'Usage of EmptyDir volume "<volume>" exceeds the limit "<limit>".',
          "1.16–1.36",
          'Usage of EmptyDir volume "cache" exceeds the limit "1Gi". ',
          STORAGE,
        ),
        worded(
          'Container <container.name> exceeded its local ephemeral storage limit "<limit>".',
          "1.16–1.36",
          'Container app exceeded its local ephemeral storage limit "1Gi". ',
          STORAGE,
        ),
        worded(
          "Pod ephemeral local storage usage exceeds the total limit of containers <limit>.",
          "1.16–1.36",
          "Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ",
          STORAGE,
        ),
      ),
      {
        component: ["taint-eviction-controller", "taint-controller"],
        reason: "TaintManagerEviction",
        source: "kubernetes pkg/controller/tainteviction",
        wordings: [
          worded(
            "Marking for deletion Pod <pod.namespace>/<pod.name>",
            "1.10–1.36",
            "Marking for deletion Pod shop/web-1",
            { cause: "taint" },
          ),
        ],
      },
      {
        component: "node-controller",
        reason: "NodeControllerEviction",
        source: "kubernetes pkg/controller/util/node",
        wordings: [
          worded(
            "Marking for deletion Pod <pod.name> from Node <_>",
            "1.10–1.36",
            "Marking for deletion Pod web-1 from Node node-1",
            { cause: "nodeNotReady" },
          ),
        ],
      },
    ],
  }),
  define(pod("EvictionCancelled"), {
    summary: "A pod that was to be taken from its node stays, after all.",
    about: POD,
    rows: [
      {
        component: ["taint-eviction-controller", "taint-controller"],
        reason: "TaintManagerEviction",
        source: "kubernetes pkg/controller/tainteviction",
        wordings: [
          worded(
            "Cancelling deletion of Pod <pod.namespace>/<pod.name>",
            "1.10–1.36",
            "Cancelling deletion of Pod shop/web-1",
          ),
        ],
      },
    ],
  }),
  define(pod("Scheduled"), {
    summary: "A pod was given a node.",
    about: POD,
    data: { node: NODE_NAME },
    rows: [
      scheduler(
        "Scheduled",
        worded(
          "Successfully assigned <pod.namespace>/<pod.name> to <node.name>",
          "1.16–1.36",
          "Successfully assigned shop/web-1 to node-1",
        ),
        worded("Successfully assigned <pod.name> to <node.name>", "1.10", "Successfully assigned web-1 to node-1"),
      ),
    ],
  }),
  define(pod("SchedulingFailed"), {
    summary: "No node takes a pod.",
    about: POD,
    data: {
      nodes: object("Of the cluster.", { total: integer("How many there are.") }),
      reasons: optional(counted("Why not; each with the number of nodes that it holds for, where the event tells it.")),
      preemption: optional(text("Why others are not moved for it.")),
    },
    rows: [
      scheduler(
        "FailedScheduling",
        same("no nodes available to schedule pods", "1.10–1.36", { "nodes.total": 0 }),
        worded(
          `${AVAILABLE}. no new claims to deallocate, preemption: <preemption...>`,
          "1.36",
          `${NONE}. no new claims to deallocate, preemption: ${NO_VICTIMS}.`,
        ),
        worded(`${AVAILABLE}. preemption: <preemption...>`, "1.25–1.35", `${NONE}. preemption: ${NO_VICTIMS}.`),
        worded(
          `${AVAILABLE}. not found`,
          "1.36",
          '0/4 nodes are available: persistentvolumeclaim "data" not found. not found',
        ),
        worded(`${AVAILABLE}.`, "1.10–1.36", `${NONE}.`),
      ),
    ],
  }),
  define(pod("Preempted"), {
    summary: "A pod has to go for one that matters more.",
    about: POD,
    data: {
      node: optional(NODE_NAME),
      preemptor: optional(
        object("What takes its place, as far as the event tells.", {
          kind: optional(text("Its kind, in lower case.")),
          uid: optional(text("Its uid.")),
          namespace: optional(text("Its namespace.")),
          name: optional(text("Its name.")),
        }),
      ),
    },
    rows: [
      scheduler(
        "Preempted",
        worded(
          "Preempted by <preemptor.kind> <preemptor.uid> on node <node.name> (in kube-scheduler memory).",
          "1.36",
          "Preempted by pod 6a0f3d8e-8a43-4b0c-a0a5-0b9ac1d0a3f1 on node node-1 (in kube-scheduler memory).",
        ),
        worded("Preempted by a pod on node <node.name>", "1.28", "Preempted by a pod on node node-1"),
        worded(
          "Preempted by <preemptor.kind> <preemptor.uid> on node <node.name>",
          "1.30–1.36",
          "Preempted by pod 6a0f3d8e-8a43-4b0c-a0a5-0b9ac1d0a3f1 on node node-1",
        ),
        worded(
          "Preempted by <preemptor.namespace>/<preemptor.name> on node <node.name>",
          "1.16–1.25",
          "Preempted by shop/db-0 on node node-1",
        ),
        worded("by <preemptor.namespace>/<preemptor.name> on node <node.name>", "1.10", "by shop/db-0 on node node-1"),
      ),
      kubelet(
        "preemption/preemption.go",
        "Preempting",
        "Warning",
        same("Preempted in order to admit critical pod", "1.16–1.36"),
      ),
    ],
  }),
  define(pod("VolumeMountFailed"), {
    summary: "Volumes of a pod cannot be mounted.",
    about: POD,
    data: { volumes: optional(words("Their names in the pod, as far as the event tells.")), error: text("Why not.") },
    rows: [
      kubelet(
        "kubelet.go, volumemanager",
        "FailedMount",
        "Warning",
        worded(
          `${UNABLE}, failed to process volumes=[<_...>]: <error...>`,
          "1.28–1.36",
          `Unable to attach or mount volumes: unmounted volumes=[data config], unattached volumes=[data], failed to process volumes=[config]: ${TIMEOUT}`,
        ),
        worded(
          `${UNABLE}: <error...>`,
          "1.16–1.22",
          `Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data default-token-x7k2p]: ${TIMEOUT}`,
        ),
        worded(
          'Unable to mount volumes for pod "<_...>": <error...>. list of unmounted volumes=[<volumes...>]. list of unattached volumes=[<_...>]',
          "1.10",
          'Unable to mount volumes for pod "web-1_shop(6a0f3d8e)": timeout expired waiting for volumes to attach or mount for pod "shop"/"web-1". list of unmounted volumes=[data]. list of unattached volumes=[data default-token-x7k2p]',
        ),
      ),
      kubelet(
        "volumemanager, pkg/volume/util/operationexecutor/operation_generator.go",
        ["FailedMount", "FailedMapVolume"],
        "Warning",
        ...["MountVolume", "MapVolume"].map((operation) =>
          worded(
            `${operation}.<_> failed for volume "<volumes>" : <error...>`,
            "1.10–1.36",
            `${operation}.SetUp failed for volume "data" : configmap "settings" not found`,
          ),
        ),
      ),
    ],
  }),
  define(pod("VolumeAttachFailed"), {
    summary: "A volume of a pod cannot be attached to its node.",
    about: POD,
    data: { volumes: words("Its name."), error: text("Why not.") },
    rows: [
      {
        component: "attachdetach-controller",
        reason: "FailedAttachVolume",
        source: "kubernetes pkg/volume/util/operationexecutor, pkg/controller/volume/attachdetach/reconciler",
        wordings: [
          worded(
            'AttachVolume.<_> failed for volume "<volumes>" : <error...>',
            "",
            'AttachVolume.Attach failed for volume "pvc-6a0f3d8e" : rpc error: code = NotFound',
          ),
          worded(
            'Multi-Attach error for volume "<volumes>" <error...>',
            "",
            'Multi-Attach error for volume "pvc-6a0f3d8e" Volume is already used by pod(s) web-0',
          ),
        ],
      },
    ],
  }),
];
