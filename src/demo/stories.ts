/**
 * A cluster's day in a quarter of a minute: seven stories that overlap, as things do. The wordings are those of
 * Kubernetes 1.36, as its controllers, scheduler and kubelets write them:
 *
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/deployment/sync.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/controller_utils.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/cronjob/cronjob_controllerv2.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/job/job_controller.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/controller/tainteviction/taint_eviction.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/images/image_manager.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/kuberuntime/kuberuntime_container.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/prober/prober.go
 * @see https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/scheduler/schedule_one.go
 * @see https://github.com/kubernetes/autoscaler/tree/master/cluster-autoscaler/processors/status
 */
import { type Occurrence, type Subject, uuid, type Writer } from "./recorder.ts";

export interface Story {
  readonly title: string;
  /** In the order of `at`. */
  readonly occurrences: readonly Occurrence[];
}

export interface Day {
  readonly stories: readonly Story[];
  /** Everything that somebody may look up. */
  readonly objects: readonly Subject[];
  /** Seconds until the last occurrence. */
  readonly seconds: number;
}

/** A receiver that is down for a while, in seconds of the day: nothing of what waits for it may be lost. */
export const OUTAGE = { receiver: "pager", from: 7, to: 9 } as const;

const SCHEDULER: Writer = { component: "default-scheduler", action: "Binding" };
const UNSCHEDULABLE: Writer = { component: "default-scheduler", action: "Scheduling" };
const DEPLOYMENTS: Writer = { component: "deployment-controller" };
const REPLICA_SETS: Writer = { component: "replicaset-controller" };
const STATEFUL_SETS: Writer = { component: "statefulset-controller" };
const JOBS: Writer = { component: "job-controller" };
const CRON_JOBS: Writer = { component: "cronjob-controller" };
const NODES: Writer = { component: "node-controller" };
const EVICTION: Writer = { component: "taint-eviction-controller" };
const AUTOSCALER: Writer = { component: "cluster-autoscaler" };
const kubelet = (host: string): Writer => ({ component: "kubelet", host });

const REGISTRY = "registry.example.com";
/** Kubernetes' own alphabet for generated names: no vowels, nothing that looks like another. */
const NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789";

type Row = readonly [at: number, on: Subject, by: Writer, type: Occurrence["type"], reason: string, message: string];

function story(title: string, rows: readonly Row[]): Story {
  const occurrences = rows.map(([at, on, by, type, reason, message]) => ({ at, on, by, type, reason, message }));
  return { title, occurrences: occurrences.sort((a, b) => a.at - b.at) };
}

/** The cast and the plot of one day; the same `random` gives the same names and uids. */
export function tellDay(random: () => number): Day {
  const objects: Subject[] = [];
  let version = 500;

  function object(apiVersion: string, kind: string, namespace: string, name: string, owner?: Subject): Subject {
    const labels = owner?.metadata.labels ?? { "app.kubernetes.io/name": name, team: TEAMS[namespace] ?? "platform" };
    const subject: Subject = {
      apiVersion,
      kind,
      metadata: {
        name,
        ...(namespace === "" ? {} : { namespace }),
        uid: uuid(random),
        resourceVersion: String(++version),
        creationTimestamp: "2026-11-21T00:00:00Z",
        labels,
        ...(owner
          ? {
              ownerReferences: [
                {
                  apiVersion: owner.apiVersion,
                  kind: owner.kind,
                  name: owner.metadata.name,
                  uid: owner.metadata.uid,
                  controller: true,
                  blockOwnerDeletion: true,
                },
              ],
            }
          : {}),
      },
    };
    objects.push(subject);
    return subject;
  }

  const letters = (count: number) =>
    Array.from({ length: count }, () => NAME_LETTERS[Math.floor(random() * NAME_LETTERS.length)]).join("");
  const deployment = (namespace: string, name: string) => object("apps/v1", "Deployment", namespace, name);
  const replicaSet = (owner: Subject) =>
    object("apps/v1", "ReplicaSet", owner.metadata.namespace ?? "", `${owner.metadata.name}-${letters(10)}`, owner);
  const pod = (owner: Subject, name = `${owner.metadata.name}-${letters(5)}`) =>
    object("v1", "Pod", owner.metadata.namespace ?? "", name, owner);
  const node = (name: string): Subject => object("v1", "Node", "", name);

  const cast = { deployment, replicaSet, pod, node, object, random };
  const stories = [
    rollout(cast, 0.3),
    nightlyReport(cast, 1.2),
    missingImage(cast, 2.4),
    crashLoop(cast, 3.4),
    failingProbe(cast, 4.6),
    deadNode(cast, 6),
    unschedulable(cast, 7.2),
  ];
  const last = Math.max(...stories.map((one) => one.occurrences.at(-1)?.at ?? 0));
  return { stories, objects, seconds: last };
}

const TEAMS: Readonly<Record<string, string>> = { shop: "storefront", media: "content", reports: "data", ml: "data" };

interface Cast {
  readonly random: () => number;
  deployment(namespace: string, name: string): Subject;
  replicaSet(owner: Subject): Subject;
  pod(owner: Subject, name?: string): Subject;
  node(name: string): Subject;
  object(apiVersion: string, kind: string, namespace: string, name: string, owner?: Subject): Subject;
}

const nameOf = (subject: Subject): string => subject.metadata.name;
const path = (subject: Subject): string => `${subject.metadata.namespace}/${subject.metadata.name}`;
const container = (pod: Subject, name: string): Subject => ({ ...pod, fieldPath: `spec.containers{${name}}` });

/** In a kubelet's events the uid of its node is the node's name; the node-controller knows the real one. */
function inKubelet(node: Subject): Subject {
  return { ...node, metadata: { ...node.metadata, uid: nameOf(node) } };
}

function assigned(at: number, pod: Subject, node: string): Row {
  return [at, pod, SCHEDULER, "Normal", "Scheduled", `Successfully assigned ${path(pod)} to ${node}`];
}

/** From the scheduler's decision to a running container, within a second. */
function starts(at: number, pod: Subject, name: string, node: string, image: string, pulled = false): Row[] {
  const inside = container(pod, name);
  const by = kubelet(node);
  const pull: Row[] = pulled
    ? [
        [
          at + 0.3,
          inside,
          by,
          "Normal",
          "Pulled",
          `Container image "${image}" already present on machine and can be accessed by the pod`,
        ],
      ]
    : [
        [at + 0.2, inside, by, "Normal", "Pulling", `Pulling image "${image}"`],
        [
          at + 0.5,
          inside,
          by,
          "Normal",
          "Pulled",
          `Successfully pulled image "${image}" in 1.204s (1.204s including waiting). Image size: 48210533 bytes.`,
        ],
      ];
  return [
    assigned(at, pod, node),
    ...pull,
    [at + 0.6, inside, by, "Normal", "Created", "Container created"],
    [at + 0.7, inside, by, "Normal", "Started", "Container started"],
  ];
}

function rollout({ deployment, replicaSet, pod }: Cast, start: number): Story {
  const checkout = deployment("shop", "checkout");
  const before = replicaSet(checkout);
  const after = replicaSet(checkout);
  const image = `${REGISTRY}/shop/checkout:2.4.0`;
  const rows: Row[] = [];
  for (let step = 0; step < 3; step++) {
    const at = start + step * 1.3;
    const fresh = pod(after);
    const old = pod(before);
    const node = ["node-a", "node-b", "node-c"][step] ?? "node-a";
    rows.push(
      [
        at,
        checkout,
        DEPLOYMENTS,
        "Normal",
        "ScalingReplicaSet",
        `Scaled up replica set ${nameOf(after)} from ${step} to ${step + 1}`,
      ],
      [at + 0.1, after, REPLICA_SETS, "Normal", "SuccessfulCreate", `Created pod: ${nameOf(fresh)}`],
      ...starts(at + 0.2, fresh, "checkout", node, image),
      [
        at + 1,
        checkout,
        DEPLOYMENTS,
        "Normal",
        "ScalingReplicaSet",
        `Scaled down replica set ${nameOf(before)} from ${3 - step} to ${2 - step}`,
      ],
      [at + 1.1, before, REPLICA_SETS, "Normal", "SuccessfulDelete", `Deleted pod: ${nameOf(old)}`],
      [at + 1.2, container(old, "checkout"), kubelet(node), "Normal", "Killing", "Stopping container checkout"],
    );
  }
  return story("a rollout, pod by pod", rows);
}

function nightlyReport({ object, pod }: Cast, start: number): Story {
  const cron = object("batch/v1", "CronJob", "reports", "sales");
  const job = object("batch/v1", "Job", "reports", "sales-29733480", cron);
  const worker = pod(job);
  return story("a nightly report", [
    [start, cron, CRON_JOBS, "Normal", "SuccessfulCreate", `Created job ${nameOf(job)}`],
    [start + 0.1, job, JOBS, "Normal", "SuccessfulCreate", `Created pod: ${nameOf(worker)}`],
    ...starts(start + 0.2, worker, "sales", "node-b", `${REGISTRY}/reports/sales:1.18`, true),
    [start + 2.2, job, JOBS, "Normal", "Completed", "Job completed"],
    [
      start + 2.3,
      cron,
      CRON_JOBS,
      "Normal",
      "SawCompletedJob",
      `Saw completed job: ${nameOf(job)}, condition: Complete`,
    ],
  ]);
}

function missingImage({ deployment, replicaSet, pod }: Cast, start: number): Story {
  const set = replicaSet(deployment("media", "resizer"));
  const broken = pod(set);
  const inside = container(broken, "resizer");
  const image = `${REGISTRY}/media/resizer:1.9.O`;
  const by = kubelet("node-b");
  const pull = `Failed to pull image "${image}": rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve image: ${image}: not found`;
  const rows: Row[] = [
    [start, set, REPLICA_SETS, "Normal", "SuccessfulCreate", `Created pod: ${nameOf(broken)}`],
    assigned(start + 0.1, broken, "node-b"),
  ];
  for (const [round, at] of [0.4, 2.2, 4.4].entries()) {
    rows.push(
      [start + at, inside, by, "Normal", "Pulling", `Pulling image "${image}"`],
      [start + at + 0.3, inside, by, "Warning", "Failed", pull],
      [start + at + 0.3, inside, by, "Warning", "Failed", "Error: ErrImagePull"],
    );
    for (let wait = 0; wait <= round; wait++) {
      rows.push(
        [start + at + 0.7 + wait * 0.5, inside, by, "Normal", "BackOff", `Back-off pulling image "${image}"`],
        [start + at + 0.7 + wait * 0.5, inside, by, "Warning", "Failed", "Error: ImagePullBackOff"],
      );
    }
  }
  return story("an image that does not exist", rows);
}

function crashLoop({ deployment, replicaSet, pod }: Cast, start: number): Story {
  const payments = pod(replicaSet(deployment("shop", "payments")));
  const inside = container(payments, "payments");
  const by = kubelet("node-a");
  const image = `${REGISTRY}/shop/payments:7.0.1`;
  const rows: Row[] = [...starts(start, payments, "payments", "node-a", image)];
  const backOff = `Back-off restarting failed container payments in pod ${nameOf(payments)}_shop(${payments.metadata.uid})`;
  let at = start + 1.2;
  for (let round = 0; round < 4; round++) {
    rows.push(
      [
        at,
        inside,
        by,
        "Normal",
        "Pulled",
        `Container image "${image}" already present on machine and can be accessed by the pod`,
      ],
      [at + 0.1, inside, by, "Normal", "Created", "Container created"],
      [at + 0.2, inside, by, "Normal", "Started", "Container started"],
    );
    for (let wait = 0; wait <= round; wait++) {
      rows.push([at + 0.5 + wait * 0.4, inside, by, "Warning", "BackOff", backOff]);
    }
    at += 1.2 + round * 0.4;
  }
  return story("a crash loop", rows);
}

function failingProbe({ deployment, replicaSet, pod }: Cast, start: number): Story {
  const search = pod(replicaSet(deployment("shop", "search")));
  const inside = container(search, "search");
  const by = kubelet("node-a");
  const image = `${REGISTRY}/shop/search:3.2.5`;
  const rows: Row[] = [];
  for (let turn = 0; turn < 5; turn++) {
    rows.push([
      start + turn * 0.6,
      inside,
      by,
      "Warning",
      "Unhealthy",
      "Readiness probe failed: HTTP probe failed with statuscode: 503",
    ]);
  }
  for (let turn = 0; turn < 3; turn++) {
    rows.push([
      start + 2.6 + turn * 0.6,
      inside,
      by,
      "Warning",
      "Unhealthy",
      'Liveness probe failed: Get "http://10.42.1.17:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    ]);
  }
  rows.push(
    [start + 4.1, inside, by, "Normal", "Killing", "Container search failed liveness probe, will be restarted"],
    [
      start + 4.6,
      inside,
      by,
      "Normal",
      "Pulled",
      `Container image "${image}" already present on machine and can be accessed by the pod`,
    ],
    [start + 4.7, inside, by, "Normal", "Created", "Container created"],
    [start + 4.8, inside, by, "Normal", "Started", "Container started"],
  );
  return story("a failing probe", rows);
}

function deadNode({ node, deployment, replicaSet, pod, object, random }: Cast, start: number): Story {
  const dead = node("node-c");
  const inside = inKubelet(dead);
  const by = kubelet("node-c");
  const cart = replicaSet(deployment("shop", "cart"));
  const ads = replicaSet(deployment("media", "ads"));
  const cache = object("apps/v1", "StatefulSet", "shop", "cache");
  const homeless = [cart, cart, ads].map((owner) => ({ owner, gone: pod(owner), fresh: pod(owner) }));
  const cacheBefore = pod(cache, "cache-2");
  const cacheAfter = pod(cache, "cache-2");
  const rows: Row[] = [
    [start, dead, NODES, "Normal", "NodeNotReady", "Node node-c status is now: NodeNotReady"],
    [start + 0.2, cacheBefore, NODES, "Warning", "NodeNotReady", "Node is not ready"],
    [
      start + 1.5,
      cacheBefore,
      EVICTION,
      "Normal",
      "TaintManagerEviction",
      `Marking for deletion Pod ${path(cacheBefore)}`,
    ],
    [
      start + 3.2,
      cache,
      STATEFUL_SETS,
      "Normal",
      "SuccessfulCreate",
      "Create Pod cache-2 in StatefulSet cache successful",
    ],
    ...starts(start + 3.3, cacheAfter, "cache", "node-a", `${REGISTRY}/shop/cache:6.1`),
    [start + 5.2, inside, by, "Normal", "Starting", "Starting kubelet."],
    [start + 5.3, inside, by, "Warning", "Rebooted", `Node node-c has been rebooted, boot id: ${uuid(random)}`],
    [
      start + 5.4,
      inside,
      by,
      "Normal",
      "NodeHasSufficientMemory",
      "Node node-c status is now: NodeHasSufficientMemory",
    ],
    [start + 5.4, inside, by, "Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods"],
    [start + 5.8, inside, by, "Normal", "NodeReady", "Node node-c status is now: NodeReady"],
  ];
  for (const [turn, { owner, gone, fresh }] of homeless.entries()) {
    const name = nameOf(owner).replace(/-[^-]+$/, "");
    const to = turn % 2 === 0 ? "node-a" : "node-b";
    rows.push(
      [start + 0.2, gone, NODES, "Warning", "NodeNotReady", "Node is not ready"],
      [
        start + 1.5 + turn * 0.1,
        gone,
        EVICTION,
        "Normal",
        "TaintManagerEviction",
        `Marking for deletion Pod ${path(gone)}`,
      ],
      [start + 1.8 + turn * 0.1, owner, REPLICA_SETS, "Normal", "SuccessfulCreate", `Created pod: ${nameOf(fresh)}`],
      ...starts(
        start + 1.9 + turn * 0.1,
        fresh,
        name,
        to,
        `${REGISTRY}/${fresh.metadata.namespace}/${name}:1.0`,
        turn === 1,
      ),
    );
  }
  return story("a node dies, its pods move", rows);
}

function unschedulable({ node, object, pod }: Cast, start: number): Story {
  const job = object("batch/v1", "Job", "ml", "train");
  const trainer = pod(job);
  const gpu = node("node-gpu-1");
  const inside = inKubelet(gpu);
  const why =
    "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
  const rows: Row[] = [[start, job, JOBS, "Normal", "SuccessfulCreate", `Created pod: ${nameOf(trainer)}`]];
  for (let turn = 0; turn < 5; turn++) {
    rows.push([start + 0.1 + turn * 0.7, trainer, UNSCHEDULABLE, "Warning", "FailedScheduling", why]);
  }
  rows.push(
    [
      start + 1.6,
      trainer,
      AUTOSCALER,
      "Normal",
      "TriggeredScaleUp",
      "pod triggered scale-up: [{gpu-pool 0->1 (max: 3)}]",
    ],
    [start + 3.8, inside, kubelet("node-gpu-1"), "Normal", "Starting", "Starting kubelet."],
    [
      start + 4.2,
      gpu,
      NODES,
      "Normal",
      "RegisteredNode",
      "Node node-gpu-1 event: Registered Node node-gpu-1 in Controller",
    ],
    [start + 4.4, inside, kubelet("node-gpu-1"), "Normal", "NodeReady", "Node node-gpu-1 status is now: NodeReady"],
    ...starts(start + 4.8, trainer, "train", "node-gpu-1", `${REGISTRY}/ml/train:0.31`),
  );
  return story("a pod that fits nowhere yet", rows);
}
