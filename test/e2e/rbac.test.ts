/** What `petrel rbac` prints, on a real API server: exactly these rights are enough, and one less is said. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Manifest } from "../../src/kube/rbac.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { command } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";
import { cannotBeInPod, startPod } from "./pod.ts";

const route = { match: [{ receiver: "out" }] };
/** Without labels no line reaches it, so a look-up that fails is seen. */
const out = {
  name: "out",
  stdout: {
    layout: {
      name: "{{ .Name }}",
      tier: '{{ index .InvolvedObject.Labels "tier" }}',
      cluster: "{{ .ClusterName }}",
    },
  },
};
const CONFIGS: Readonly<Record<string, Record<string, unknown>>> = {
  "the ConfigMap holds the checkpoint": { route, receivers: [out] },
  "leader election": { route, receivers: [out], leaderElection: { enabled: true, leaderElectionID: "mine" } },
  "a journal": { route, receivers: [out], state: { path: "state" } },
  "the newer API": { route, receivers: [out], api: "events.k8s.io/v1" },
};

describeReal("petrel rbac", ["kube"], () => {
  let kube: Cluster;
  const folder = mkdtempSync(join(tmpdir(), "petrel-rbac-"));
  let runs = 0;

  beforeAll(async () => {
    kube = await cluster();
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  async function newNamespace(): Promise<string> {
    const name = `rbac-${Date.now().toString(36)}-${runs}`;
    await kube.api("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web-0", labels: { tier: "gold" } },
      spec: { nodeSelector: { disk: "none" }, containers: [{ name: "c", image: "nginx" }] },
    };
    await kube.api("POST", `/api/v1/namespaces/${name}/pods`, pod);
    return name;
  }

  async function writeEvent(namespace: string, name: string): Promise<void> {
    const involvedObject = { apiVersion: "v1", kind: "Pod", namespace, name: "web-0" };
    const times = { firstTimestamp: new Date().toISOString(), lastTimestamp: new Date().toISOString() };
    const body = { metadata: { name, namespace }, involvedObject, reason: "Tested", type: "Normal", ...times };
    await kube.api("POST", `/api/v1/namespaces/${namespace}/events`, body);
  }

  async function manifestsFor(config: unknown, namespace: string, where: string): Promise<Manifest[]> {
    const file = join(where, "config.json");
    await Bun.write(file, JSON.stringify(config));
    const text = await command([EXECUTABLE, "rbac", "-c", file, "-n", namespace, "-o", "json"]);
    const { items }: { items: Manifest[] } = JSON.parse(text);
    return items;
  }

  const newFolder = () => {
    const path = join(folder, String(runs++));
    mkdirSync(path);
    return path;
  };

  const apply = (items: readonly Manifest[]) =>
    kube.kubectl(["apply", "--validate=strict", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const remove = (items: readonly Manifest[]) =>
    kube.kubectl(["delete", "--wait=false", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));

  /** Runs it with these rights until one event has come; what it printed of it, and what it said. */
  async function tryOut(config: unknown, namespace: string, where: string, deadlineMs = 20_000) {
    const event = `event-${runs}`;
    const pod = await startPod({ kube, namespace, account: "petrel", folder: where, config });
    let line: string | undefined;
    try {
      await pod.ready(deadlineMs);
      await writeEvent(namespace, event);
      await eventually("the event", 10_000, () => {
        line = pod.stdout().find((one) => one.includes(event));
        return line === undefined ? `not there: ${pod.stderr()}` : undefined;
      });
    } finally {
      await pod.stop();
    }
    return { printed: JSON.parse(line ?? "null"), said: pod.stderr() };
  }

  const why = cannotBeInPod();
  if (why !== undefined) {
    test.skip(`in a pod (${why})`, () => {});
    return;
  }

  test.each(Object.entries(CONFIGS))(
    "%s: the rights are enough",
    async (_, config) => {
      const [namespace, where] = [await newNamespace(), newFolder()];
      const items = await manifestsFor(config, namespace, where);
      await apply(items);
      try {
        const { printed, said } = await tryOut({ ...config, clusterName: "c" }, namespace, where);
        expect(printed).toMatchObject({ tier: "gold" });
        expect(said).not.toMatch(/forbid|grant|no right/);
      } finally {
        await remove(items);
      }
    },
    60_000,
  );

  test("with `namespaces`, Roles in these and nowhere else are enough", async () => {
    const [namespace, watched, where] = [await newNamespace(), await newNamespace(), newFolder()];
    const config = { route, receivers: [out], namespaces: [watched, namespace], state: { path: "state" } };
    const items = await manifestsFor(config, namespace, where);
    expect(items.some(({ kind }) => kind.startsWith("Cluster"))).toBe(false);
    await apply(items);
    try {
      const { printed, said } = await tryOut(config, namespace, where);
      expect(printed).toMatchObject({ tier: "gold" });
      expect(said).not.toMatch(/forbid|grant|no right/);
    } finally {
      await remove(items);
    }
  }, 60_000);

  /** Every rule of these configs, taken away alone: what is said names it. */
  test.each([
    ["the ConfigMap holds the checkpoint", 'resources: ["events"]', "events", "list"],
    ["the ConfigMap holds the checkpoint", 'resources: ["pods"]', "pods", "get"],
    ["the ConfigMap holds the checkpoint", 'resources: ["configmaps"], resourceNames', "configmaps", "get"],
    ["the ConfigMap holds the checkpoint", 'resources: ["configmaps"], verbs: ["create"]', "configmaps", "create"],
    ["the ConfigMap holds the checkpoint", 'resourceNames: ["kube-system"]', "namespaces", "kube-system"],
    ["leader election", 'resources: ["leases"], resourceNames: ["mine"]', "leases", "update"],
    ["leader election", 'resources: ["leases"], verbs: ["create"]', "leases", "create"],
  ])(
    "%s, less one right: it says %s",
    async (name, words, resource, mark) => {
      const config = CONFIGS[name] ?? {};
      const [namespace, where] = [await newNamespace(), newFolder()];
      const items = (await manifestsFor(config, namespace, where)).map((manifest) => ({
        ...manifest,
        ...(manifest.rules && {
          rules: manifest.rules.filter(({ resources, verbs, resourceNames = [] }) => {
            return !(resources.includes(resource) && [...verbs, ...resourceNames].includes(mark));
          }),
        }),
      }));
      await apply(items);
      const pod = await startPod({ kube, namespace, account: "petrel", folder: where, config });
      try {
        await eventually(`it says ${words}`, 30_000, async () => {
          await writeEvent(namespace, `e-${Date.now()}`);
          await Bun.sleep(500);
          const said = pod.stderr().replaceAll("\\", "");
          return said.includes(words) ? undefined : said;
        });
      } finally {
        await pod.stop();
        await remove(items);
      }
    },
    60_000,
  );
});
