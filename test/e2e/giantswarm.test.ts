/**
 * In the place of Giant Swarm's Event Exporter on a real API server: with the rights that its chart grants and no others, with
 * rules as its chart writes them, and by the smoke test of its README.
 * @see https://github.com/giantswarm/event-exporter-app
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { cannotBeInPod, type Pod, startPod } from "./pod.ts";

const ACCOUNT = "event-exporter-app";
const READ = ["get", "list", "watch"];
/** Of its ClusterRole: no Lease, no ConfigMap, and of what events are about only this. */
const RULES = [
  { apiGroups: ["cluster.x-k8s.io"], resources: ["clusters", "machinedeployments"], verbs: READ },
  {
    apiGroups: ["infrastructure.giantswarm.io"],
    resources: ["awsclusters", "awsmachinedeployments", "awscontrolplanes", "g8scontrolplanes"],
    verbs: READ,
  },
  { apiGroups: [""], resources: ["events", "pods"], verbs: READ },
  { apiGroups: ["apps"], resources: ["replicasets", "deployments"], verbs: READ },
  { apiGroups: ["argoproj.io"], resources: ["applications"], verbs: READ },
];

const layout = `{ name: "{{ .Name }}", team: '{{ index .InvolvedObject.Labels "team" }}' }`;

describeReal("with Giant Swarm's rights", ["kube"], () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-giantswarm-"));
  const id = Date.now().toString(36);
  const namespace = `giantswarm-${id}`;
  const role = `event-exporter-${id}`;
  const received: unknown[] = [];
  let kube: Cluster;
  let slack: ReturnType<typeof Bun.serve> | undefined;

  const apply = (items: readonly object[]) =>
    kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const rbac = "rbac.authorization.k8s.io";
  const crd = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: "clusters.cluster.x-k8s.io",
      annotations: { "api-approved.kubernetes.io": "unapproved, a test" },
    },
    spec: {
      group: "cluster.x-k8s.io",
      scope: "Namespaced",
      names: { kind: "Cluster", plural: "clusters", singular: "cluster" },
      versions: [{ name: "v1beta1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
    },
  };
  const bound = () => [
    { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: { name: role }, rules: RULES },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: role },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", name: ACCOUNT, namespace }],
    },
  ];

  beforeAll(async () => {
    kube = await cluster();
    slack = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        received.push(await request.json());
        return new Response("ok");
      },
    });
    await apply([{ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, crd]);
    await kube.kubectl(["wait", "--for=condition=Established", "crd/clusters.cluster.x-k8s.io", "--timeout=30s"]);
    const labels = { team: "blue" };
    await apply([
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: ACCOUNT, namespace } },
      ...bound(),
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "web-0", namespace, labels },
        spec: { nodeSelector: { disk: "none" }, containers: [{ name: "c", image: "nginx" }] },
      },
      { apiVersion: "v1", kind: "Node", metadata: { name: `node-${id}`, labels } },
      { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "Cluster", metadata: { name: "one", namespace, labels } },
    ]);
  }, 120_000);
  afterAll(async () => {
    await slack?.stop(true);
    const gone = {
      apiVersion: "v1",
      kind: "List",
      items: [...bound(), crd, { apiVersion: "v1", kind: "Node", metadata: { name: `node-${id}` } }],
    };
    await kube.kubectl(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], JSON.stringify(gone));
    rmSync(folder, { recursive: true });
  });

  const why = cannotBeInPod();
  if (why !== undefined) {
    test.skip(`in a pod (${why})`, () => {});
    return;
  }

  /** Rules and receivers as in its chart, and one receiver that shows what was looked up. */
  const config = (): string => `watchReasons: [ClusterIsUpdating, Upgrading, Upgraded, Tested]
route:
  routes:
  - match:
    - kind: Cluster
      apiversion: cluster.x-k8s.io/v1alpha3
      reason: ClusterIsUpdating
      receiver: webhook
  - match:
    - kind: Cluster
      apiversion: cluster.x-k8s.io/v1beta1
      reason: Upgrading
      component: "cluster-api-events-controller"
      receiver: webhook
  - match:
    - reason: Tested
      receiver: shown
  - drop:
    - namespace: "*"
receivers:
- name: webhook
  webhook:
    endpoint: http://127.0.0.1:${slack?.port}/services/T/B/X
    layout:
      text: "{{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}: {{ .Message }}"
- name: shown
  stdout:
    layout: ${layout}
`;

  async function withPetrel(use: (pod: Pod) => Promise<void>): Promise<string> {
    const where = join(folder, String(Math.random()).slice(2));
    mkdirSync(where);
    const file = join(where, "config.yaml");
    writeFileSync(file, config());
    const pod = await startPod({ kube, namespace, account: ACCOUNT, folder: where, config: file });
    let code: number | undefined;
    try {
      await pod.ready(30_000);
      await use(pod);
    } finally {
      code = await pod.stop();
    }
    expect(code).toBe(0);
    return pod.stderr();
  }

  test("the smoke test: an event without any time becomes a message", async () => {
    await withPetrel(async () => {
      // As its README has it, but for the name, which another run may have taken.
      await kube.kubectl(
        ["create", "--filename", "-"],
        `apiVersion: v1
kind: Event
metadata:
  name: test-${id}
message: Manually added event for testing.
reason: ClusterIsUpdating
type: Normal
involvedObject:
  apiVersion: cluster.x-k8s.io/v1alpha3
  kind: Cluster
  name: 7b3kj
  namespace: default
`,
      );
      await eventually("the message", 20_000, () => (received.length > 0 ? undefined : "none"));
    });
    expect(received).toEqual([{ text: "default/7b3kj: Manually added event for testing." }]);
  }, 90_000);

  test("what may be looked up is, what may not is said once, and its events go out as well", async () => {
    const event = (name: string, involvedObject: object, where: string) =>
      kube.api("POST", `/api/v1/namespaces/${where}/events`, {
        metadata: { name: `${name}-${id}`, namespace: where },
        involvedObject,
        reason: "Tested",
        type: "Normal",
        lastTimestamp: new Date().toISOString(),
      });
    const shown = new Map<string, unknown>();
    const said = await withPetrel(async (pod) => {
      await event("pod", { apiVersion: "v1", kind: "Pod", name: "web-0", namespace }, namespace);
      const one = { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "Cluster", name: "one", namespace };
      await event("cluster", one, namespace);
      await event("node-a", { apiVersion: "v1", kind: "Node", name: `node-${id}` }, "default");
      await event("node-b", { apiVersion: "v1", kind: "Node", name: `node-${id}` }, "default");
      await event("job", { apiVersion: "batch/v1", kind: "Job", name: "j", namespace }, namespace);
      await eventually("five events", 20_000, () => {
        for (const line of pod.stdout()) {
          const { name, team } = JSON.parse(line) as { name: string; team: string };
          if (name.endsWith(id)) shown.set(name.slice(0, -id.length - 1), team);
        }
        return shown.size === 5 ? undefined : `${[...shown.keys()]}: ${pod.stderr()}`;
      });
    });
    expect(Object.fromEntries(shown)).toEqual({ pod: "blue", cluster: "blue", "node-a": "", "node-b": "", job: "" });
    const lines = said.split("\n");
    for (const plural of ["nodes", "jobs"]) {
      const about = lines.filter((line) => line.includes(`no right to read ${plural}:`));
      expect([plural, about.length]).toEqual([plural, 1]);
      expect(about[0]).toContain('verbs: [\\"get\\"]'.replaceAll("\\", about[0]?.includes('\\"') ? "\\" : ""));
    }
    expect(said).not.toMatch(/no right to read (?:pods|clusters)/);
    // Nor a place for the checkpoint: said, and it goes on without.
    expect(lines.filter((line) => line.includes("the checkpoint may not be read"))).toHaveLength(1);
    expect(said).toContain("configmaps");
  }, 90_000);
});
