/**
 * Every event that a real control plane makes of a cluster's life, through the executable: raw and friendly together.
 * What each must be is said here by its reason, and by what was done to the cluster.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import { schemas } from "../../src/friendly/schema.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { type PetrelProcess, startExecutable } from "./executable.ts";

interface Raw {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string; readonly uid?: string };
}

interface Sent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly data: Record<string, unknown>;
}

const RAW_TYPE = "Kubernetes.Events.Raw";
const CRON = "Kubernetes.Workloads.CronJob.V1";
const JOB = "Kubernetes.Workloads.Job.V1";
const POD = "Kubernetes.Workloads.Pod.V1";
const NODE = "Kubernetes.Nodes.V1";
const HPA = "Kubernetes.Autoscaling.HorizontalPodAutoscaler.V1";
const DEPLOYMENT = "Kubernetes.Autoscaling.Deployment.V1";

/** By reason and kind; a function where the message decides; undefined: raw. */
const EXPECTED: Readonly<Record<string, string | undefined | ((message: string) => string | undefined)>> = {
  "ScalingReplicaSet Deployment": (message) => `${DEPLOYMENT}.${/^Scaled up/.test(message) ? "ScaleOut" : "ScaleIn"}`,
  "SuccessfulCreate ReplicaSet": undefined,
  "SuccessfulDelete ReplicaSet": undefined,
  "Scheduled Pod": `${POD}.Scheduled`,
  // A pod that is deleted while it is scheduled fails in the scheduler's own terms, which are no lack of nodes.
  "FailedScheduling Pod": (message) => (/nodes (are )?available/.test(message) ? `${POD}.SchedulingFailed` : undefined),
  "Preempted Pod": `${POD}.Preempted`,
  "TaintManagerEviction Pod": (message) => `${POD}.${/^Marking/.test(message) ? "Evicted" : "EvictionCancelled"}`,
  "NodeNotReady Pod": undefined,
  "SuccessfulCreate Job": undefined,
  "SuccessfulDelete Job": undefined,
  "Completed Job": `${JOB}.Completed`,
  "BackoffLimitExceeded Job": `${JOB}.Failed`,
  "DeadlineExceeded Job": `${JOB}.Failed`,
  "PodFailurePolicy Job": `${JOB}.Failed`,
  "Suspended Job": `${JOB}.Suspended`,
  "Resumed Job": `${JOB}.Resumed`,
  "SuccessfulCreate CronJob": `${CRON}.JobStarted`,
  "SawCompletedJob CronJob": `${CRON}.JobCompleted`,
  "SuccessfulRescale HorizontalPodAutoscaler": `${HPA}.Rescaled`,
  "FailedGetResourceMetric HorizontalPodAutoscaler": `${HPA}.MetricsFailed`,
  "FailedComputeMetricsReplicas HorizontalPodAutoscaler": `${HPA}.MetricsFailed`,
  "FailedGetScale HorizontalPodAutoscaler": `${HPA}.TargetFailed`,
  "RegisteredNode Node": `${NODE}.Added`,
  "NodeNotReady Node": `${NODE}.NotReady`,
  "RemovingNode Node": `${NODE}.Removed`,
};

describeReal("what a real control plane says", ["kube"], () => {
  const run = Date.now().toString(36);
  const ns = `friendly-${run}`;
  const node = `friendly-node-${run}`;
  const silent = `${node}-silent`;
  const folder = mkdtempSync(join(tmpdir(), "petrel-friendly-"));
  const sent: Sent[] = [];
  const afterThat: (() => void)[] = [];
  let kube: Cluster;
  let petrel: PetrelProcess;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      sent.push(...((await request.json()) as Sent[]));
      return new Response(null, { status: 204 });
    },
  });

  const post = (path: string, object: object) => kube.api("POST", path, object);
  const patch = (path: string, change: object) => kube.api("PATCH", path, change);
  const container = { name: "main", image: "busybox" };

  async function createNode(name: string, labels: Record<string, string>): Promise<void> {
    await post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name, labels } });
    await beat(name);
  }
  /** What a kubelet says of its node; one that is silent for 50 s is taken for lost. */
  const beat = (name: string) =>
    patch(`/api/v1/nodes/${name}/status`, {
      status: {
        capacity: { cpu: "4", memory: "8Gi", pods: "110" },
        allocatable: { cpu: "4", memory: "8Gi", pods: "110" },
        conditions: ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => ({
          ...{ type, status: type === "Ready" ? "True" : "False", reason: "Test", message: "" },
          lastHeartbeatTime: new Date().toISOString(),
          lastTransitionTime: new Date().toISOString(),
        })),
      },
    });

  /** Pods that want this node and are of this test alone. */
  const spec = (cpu: string, more: object = {}) => ({
    ...{ restartPolicy: "Never", nodeSelector: { run }, terminationGracePeriodSeconds: 0 },
    containers: [{ ...container, resources: { requests: { cpu } } }],
    ...more,
  });
  const createPod = (name: string, cpu: string, more: object = {}) =>
    post(`/api/v1/namespaces/${ns}/pods`, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: { app: name } },
      spec: spec(cpu, more),
    });
  const createJob = (name: string, more: object) =>
    post(`/apis/batch/v1/namespaces/${ns}/jobs`, {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name, labels: { app: name } },
      spec: { template: { spec: spec("10m") }, backoffLimit: 0, ...more },
    });
  const createHpa = (name: string, target: string) =>
    post(`/apis/autoscaling/v2/namespaces/${ns}/horizontalpodautoscalers`, {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: target },
        ...{ minReplicas: 2, maxReplicas: 5 },
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } },
        ],
      },
    });

  /** What a kubelet would do: ends the pods whose names begin so. */
  async function endPods(begin: string, exitCode: number): Promise<void> {
    await eventually(`a pod of ${begin} is there`, 90_000, async () => {
      const { items } = (await kube.api("GET", `/api/v1/namespaces/${ns}/pods`)) as {
        items: { metadata: { name: string }; status: { phase: string }; spec: { nodeName?: string } }[];
      };
      const mine = items.filter(({ metadata, spec }) => metadata.name.startsWith(begin) && spec.nodeName);
      for (const { metadata } of mine) {
        const state = { terminated: { exitCode, reason: exitCode === 0 ? "Completed" : "Error" } };
        const status = { ...container, ready: false, restartCount: 0, imageID: "", state };
        await patch(`/api/v1/namespaces/${ns}/pods/${metadata.name}/status`, {
          status: { phase: exitCode === 0 ? "Succeeded" : "Failed", containerStatuses: [status] },
        });
      }
      return mine.length > 0 ? undefined : "not yet";
    });
  }

  const scale = (replicas: number) => patch(`/apis/apps/v1/namespaces/${ns}/deployments/web`, { spec: { replicas } });
  const raws = () => sent.filter(({ type }) => type === RAW_TYPE).map(({ data }) => data as unknown as Raw);
  const said = (reason: string, what = "", name = "") =>
    eventually(`${reason} ${what} ${name} was said`, 100_000, () =>
      raws().some(
        (one) => one.reason === reason && one.message.includes(what) && one.involvedObject.name.startsWith(name),
      )
        ? undefined
        : `of ${raws().length}: ${[...new Set(raws().map((one) => one.reason))].join(", ")}`,
    );

  beforeAll(async () => {
    kube = await cluster();
    await post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: ns } });
    petrel = await startExecutable(
      folder,
      {
        startFrom: "now",
        clusterName: "testbed",
        route: {
          routes: [
            { match: [{ namespace: `^${ns}$`, receiver: "hook" }] },
            { match: [{ kind: "^Node$", name: `^${node}`, receiver: "hook" }] },
          ],
        },
        receivers: [
          {
            ...{ name: "hook", format: "cloudevents", mode: "batch", friendly: "withRaw" },
            webhook: { endpoint: `http://127.0.0.1:${server.port}/` },
          },
        ],
      },
      kube.adminConfig,
    );
  }, 120_000);

  afterAll(async () => {
    for (const end of afterThat) end();
    await petrel?.stop();
    await server.stop(true);
    for (const name of [node, silent]) await kube?.api("DELETE", `/api/v1/nodes/${name}`).catch(() => {});
    await kube?.api("DELETE", `/apis/scheduling.k8s.io/v1/priorityclasses/${node}`).catch(() => {});
    await kube?.api("DELETE", `/api/v1/namespaces/${ns}`).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  test("is told in types and fields, each event of it, or stays raw", async () => {
    const cron = post(`/apis/batch/v1/namespaces/${ns}/cronjobs`, {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "backup" },
      spec: { schedule: "* * * * *", jobTemplate: { spec: { template: { spec: spec("10m") } } } },
    });
    await createPod("lonely", "10m");
    await said("FailedScheduling", "", "lonely");
    await createNode(silent, {});
    await createNode(node, { run });
    await said("RegisteredNode", node);
    const heart = setInterval(() => void beat(node).catch(() => {}), 10_000);
    afterThat.push(() => clearInterval(heart));
    await post(`/apis/apps/v1/namespaces/${ns}/deployments`, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", labels: { app: "web", team: "shop" } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { ...spec("10m"), restartPolicy: "Always" } },
      },
    });
    await said("ScalingReplicaSet", "from 0 to 1");
    await scale(3);
    await said("ScalingReplicaSet", "from 1 to 3");
    await scale(1);
    await said("ScalingReplicaSet", "from 3 to 1");
    await Promise.all([createHpa("web", "web"), createHpa("lost", "nowhere")]);

    await createPod("huge", "100");
    await said("FailedScheduling", "Insufficient cpu", "huge");
    await post("/apis/scheduling.k8s.io/v1/priorityclasses", {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name: node },
      value: 1_000,
    });
    await createPod("small", "3");
    await said("Scheduled", "", "small");
    await createPod("important", "3", { priorityClassName: node });
    await said("Preempted", "", "small");

    const rules = [{ action: "FailJob", onExitCodes: { containerName: "main", operator: "In", values: [42] } }];
    await Promise.all([
      createJob("good", {}),
      createJob("bad", {}),
      createJob("policy", { podFailurePolicy: { rules } }),
      createJob("late", { activeDeadlineSeconds: 1 }),
      createJob("paused", { suspend: true }),
    ]);
    await Promise.all([endPods("good-", 0), endPods("bad-", 1), endPods("policy-", 42)]);
    await said("Suspended");
    await patch(`/apis/batch/v1/namespaces/${ns}/jobs/paused`, { spec: { suspend: false } });
    await Promise.all(
      ["Completed", "BackoffLimitExceeded", "PodFailurePolicy", "DeadlineExceeded", "Resumed"].map((reason) =>
        said(reason),
      ),
    );
    await cron;
    await said("SuccessfulCreate", "Created job", "backup");
    await patch(`/apis/batch/v1/namespaces/${ns}/cronjobs/backup`, { spec: { suspend: true } });
    await endPods("backup-", 0);
    await said("SawCompletedJob");
    await said("SuccessfulRescale");
    await said("FailedComputeMetricsReplicas");
    await said("FailedGetScale");

    await patch(`/api/v1/nodes/${node}`, { spec: { taints: [{ key: "out", value: "now", effect: "NoExecute" }] } });
    await said("TaintManagerEviction");
    await said("NodeNotReady", silent);
    clearInterval(heart);
    for (const name of [node, silent]) await kube.api("DELETE", `/api/v1/nodes/${name}`);
    await Promise.all([said("RemovingNode", node), said("RemovingNode", silent)]);
    await eventually("all was delivered", 10_000, async () => {
      const waiting = await petrel.metric("petrel_backlog_events");
      return waiting === 0 ? undefined : `${waiting} wait`;
    });

    const friendly = new Map(sent.filter(({ type }) => type !== RAW_TYPE).map((one) => [one.id, one]));
    const ajv = new Ajv2020({ validateFormats: false, allowUnionTypes: true });
    const all = schemas();
    const wrong: string[] = [];
    for (const { id, data } of sent.filter(({ type }) => type === RAW_TYPE)) {
      const raw = data as unknown as Raw;
      const key = `${raw.reason} ${raw.involvedObject.kind}`;
      const expected = EXPECTED[key];
      const type = typeof expected === "function" ? expected(raw.message) : expected;
      const told = friendly.get(id);
      if (!Object.hasOwn(EXPECTED, key)) wrong.push(`${key} is not expected: ${raw.message}`);
      else if (told?.type !== type) wrong.push(`${key} is ${told?.type}: ${raw.message}`);
      if (told && !ajv.validate(all[told.type] ?? false, told.data)) wrong.push(`${key}: ${ajv.errorsText()}`);
      // What it is about is said the same by both.
      const { kind, name } = raw.involvedObject;
      const about = told?.data[kind.charAt(0).toLowerCase() + kind.slice(1)] as { name?: string } | undefined;
      if (told && about?.name !== name) wrong.push(`${key} of ${name} is about ${about?.name}`);
    }
    expect(wrong).toEqual([]);

    const of = (type: string) => [...friendly.values()].filter((one) => one.type === type).map(({ data }) => data);
    const types = [...new Set([...friendly.values()].map(({ type }) => type))].sort();
    console.log(
      `real control plane: ${sent.length - friendly.size} events, ${friendly.size} of them friendly, ${types.length} types`,
    );
    const known = Object.values(EXPECTED).filter((one) => typeof one === "string");
    expect(types).toEqual(
      [
        ...new Set([
          ...known,
          ...[`${DEPLOYMENT}.ScaleOut`, `${DEPLOYMENT}.ScaleIn`, `${POD}.Evicted`, `${POD}.SchedulingFailed`],
        ]),
      ].sort(),
    );

    const web = { name: "web", namespace: ns, labels: { app: "web", team: "shop" } };
    const scaled = [...of(`${DEPLOYMENT}.ScaleOut`), ...of(`${DEPLOYMENT}.ScaleIn`)];
    for (const one of scaled)
      expect(one).toMatchObject({ deployment: web, replicaSet: { name: expect.stringMatching(/^web-\w+$/) } });
    const sizes = scaled
      .map(({ replicas }) => replicas as { new: number; old: number })
      .map((one) => [one.old, one.new]);
    expect(sizes.sort()).toEqual([
      [0, 1],
      [1, 2],
      [1, 3],
      [3, 1],
    ]);
    expect(of(`${HPA}.Rescaled`)).toMatchObject([
      { replicas: { new: 2 }, reason: "Current number of replicas below Spec.MinReplicas" },
    ]);
    const lost = of(`${HPA}.TargetFailed`).find(
      (one) => (one.horizontalPodAutoscaler as { name: string }).name === "lost",
    );
    expect(lost?.error).toBe('deployments.apps "nowhere" not found');
    for (const one of of(`${POD}.Scheduled`)) expect(one.node).toEqual({ name: node });
    const huge = of(`${POD}.SchedulingFailed`).find((one) => (one.pod as { name: string }).name === "huge");
    expect(huge?.reasons).toContainEqual({ count: 1, reason: "Insufficient cpu" });
    const important = raws().find(({ involvedObject }) => involvedObject.name === "important");
    expect(of(`${POD}.Preempted`)).toMatchObject([
      { pod: { name: "small" }, node: { name: node }, preemptor: { kind: "pod", uid: important?.involvedObject.uid } },
    ]);
    // The taint ends the pod of `paused` as well, in time or not.
    const failed = of(`${JOB}.Failed`).filter(({ job }) => (job as { name: string }).name !== "paused");
    const causes = failed.map(({ job, cause, exitCode, container: which }) => [
      (job as { name: string }).name,
      cause,
      exitCode,
      which,
    ]);
    expect(causes.sort()).toEqual([
      ["bad", "backoffLimitExceeded", undefined, undefined],
      ["late", "deadlineExceeded", undefined, undefined],
      ["policy", "podFailurePolicy", 42, { name: "main" }],
    ]);
    const started = of(`${CRON}.JobStarted`).map(({ job }) => (job as { name: string }).name);
    expect(started[0]).toMatch(/^backup-\d+$/);
    for (const one of of(`${CRON}.JobCompleted`)) expect(started).toContain((one.job as { name: string }).name);
    for (const one of of(`${POD}.Evicted`)) expect(one).toMatchObject({ cause: "taint", pod: { namespace: ns } });
    for (const [id, one] of friendly) {
      expect(one.source).toStartWith("/clusters/testbed/namespaces/");
      expect(sent.filter((other) => other.id === id && other.source === one.source)).toHaveLength(1);
    }
  }, 400_000);
});
