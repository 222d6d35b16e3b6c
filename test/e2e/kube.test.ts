import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { component } from "../testbed/component.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { command } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE, startExecutable } from "./executable.ts";
import { proxyTo } from "./proxy.ts";
import {
  type Arrived,
  configFor,
  type FarEnd,
  fileEnd,
  type KubeEvent,
  pipeEnd,
  repeated,
  stdoutEnd,
  syslogEnd,
  udpEnd,
  webhookEnd,
} from "./receivers.ts";

const MINIMAL = resolve(import.meta.dir, "../../configs/minimal.yaml");
const RBAC = resolve(import.meta.dir, "../../deploy/kubernetes/rbac.yaml");

describeReal("against a real control plane", ["kube", "rsyslog"], () => {
  let kube: Cluster;
  /** The rights that `petrel rbac` prints and no more, by a token of its service account. */
  let kubeconfig = "";
  const folders: string[] = [];

  const newFolder = () => {
    const folder = mkdtempSync(join(tmpdir(), "petrel-e2e-"));
    folders.push(folder);
    return folder;
  };

  beforeAll(async () => {
    kube = await cluster();
    await kube.kubectl(["apply", "-f", RBAC]);
    const least = await namespace("least");
    const rights = await command([EXECUTABLE, "rbac", "-c", MINIMAL, "-n", least]);
    await kube.kubectl(["apply", "--validate=strict", "-f", "-"], rights);
    kubeconfig = await kube.serviceAccountConfig("petrel", least);
  }, 120_000);

  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

  /** A fresh namespace, so that tests tell their events apart. */
  async function namespace(name: string): Promise<string> {
    const full = `${name}-${Date.now().toString(36)}`;
    await kube.api("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: full } });
    return full;
  }

  const listed = async (): Promise<KubeEvent[]> =>
    ((await kube.api("GET", "/api/v1/events")) as { items: KubeEvent[] }).items;

  /** Undefined when the last state of every event (of one namespace) has arrived at every end. */
  async function missing(ends: readonly FarEnd[], ns?: string): Promise<string | undefined> {
    const events = (await listed()).filter(({ metadata }) => ns === undefined || metadata.namespace === ns);
    for (const end of ends) {
      const ids = new Set(end.arrived().map(({ id }) => id));
      const lacking = events.filter(({ metadata }) => !ids.has(`${metadata.uid}.${metadata.resourceVersion}`));
      if (lacking.length > 0) {
        const [first] = lacking;
        return `${end.name} lacks ${lacking.length} of ${events.length}, e.g. ${first?.reason} ${first?.metadata.name}`;
      }
    }
    return undefined;
  }

  const event = (ns: string, name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: ns },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: ns, name: "web-0", uid: "5f0c1a8e-0001" },
    reason: "Tested",
    message: name,
    type: "Normal",
    source: { component: "test" },
    firstTimestamp: new Date().toISOString().replace(/\.\d+/, ""),
    lastTimestamp: new Date().toISOString().replace(/\.\d+/, ""),
    count: 1,
    ...more,
  });
  const post = async (ns: string, body: unknown) =>
    (await kube.api("POST", `/api/v1/namespaces/${ns}/events`, body)) as KubeEvent;

  const inNamespace = (arrived: readonly Arrived[], ns: string) =>
    arrived.filter((one) => one.event.metadata.namespace === ns);

  test("every event reaches six receivers once, though the API server is killed and etcd compacted", async () => {
    const folder = newFolder();
    const ns = await namespace("story");
    let petrel: Awaited<ReturnType<typeof startExecutable>> | undefined;
    const webhook = webhookEnd();
    const all = [webhook, fileEnd(folder), stdoutEnd(() => petrel?.stdout ?? [])];
    // Datagrams are lost in the kernel when thousands come at once, and a cluster that was used before has them.
    const some = [await udpEnd(), await pipeEnd(folder), syslogEnd(await component("rsyslog"), `petrel-${ns}`)];
    const ends = [...all, ...some];
    const everywhere = () =>
      eventually("every event everywhere", 60_000, async () => (await missing(all)) ?? (await missing(some, ns)));
    const reasons = () => new Set(inNamespace(webhook.arrived(), ns).map((one) => one.event.reason));
    const waitFor = (...wanted: string[]) =>
      eventually(wanted.join(", "), 60_000, () => {
        const lacking = wanted.filter((reason) => !reasons().has(reason));
        return lacking.length === 0 ? undefined : `no ${lacking.join(", ")}`;
      });
    try {
      petrel = await startExecutable(
        folder,
        configFor(all, { maxEventAgeSeconds: 7200 }, { ends: some, namespace: ns }),
        kubeconfig,
      );
      await kube.kubectl(["create", "deployment", "web", "--image=nginx", "--replicas=2", "-n", ns]);
      await kube.kubectl(["create", "job", "once", "--image=busybox", "-n", ns]);
      await kube.kubectl(
        ["create", "-f", "-"],
        JSON.stringify({
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: "nowhere", namespace: ns },
          spec: { nodeSelector: { disk: "none" }, containers: [{ name: "c", image: "nginx" }] },
        }),
      );
      // Neither first nor last timestamp, nor eventTime: only the API server's creationTimestamp.
      const bare = event(ns, "no-time", { reason: "Timeless" });
      for (const key of ["firstTimestamp", "lastTimestamp", "count"]) delete bare[key];
      await kube.kubectl(["create", "-f", "-"], JSON.stringify(bare));
      await waitFor("ScalingReplicaSet", "SuccessfulCreate", "FailedScheduling", "Timeless");
      await everywhere();
      // Later it may be: an API server that starts knows no rights yet and refuses everything for a second.
      expect(petrel.stderr()).not.toContain("forbid");

      await kube.killApiServer();
      await eventually("the lost watch is seen", 30_000, async () =>
        (await petrel?.metric("petrel_watch_errors_total")) === 0 ? "no watch error" : undefined,
      );
      await kube.startApiServer();
      await post(ns, event(ns, "after-restart", { reason: "Restarted" }));
      await waitFor("Restarted");

      // Changes of other objects, which Petrel's position knows nothing of, and then no history that reaches back to it.
      for (const name of ["one", "two", "three"]) await kube.kubectl(["create", "configmap", name, "-n", ns]);
      await kube.killApiServer();
      await kube.compact();
      await kube.startApiServer();
      await kube.compact();
      await post(ns, event(ns, "after-compaction", { reason: "Compacted" }));
      await kube.kubectl(["scale", "deployment", "web", "--replicas=3", "-n", ns]);
      await waitFor("Compacted");
      expect(await petrel.metric("petrel_kube_api_requests_total", 'verb="list"', '="410"')).toBeGreaterThanOrEqual(1);
      await everywhere();

      expect(await petrel.stop()).toBe(0);
      const idsAt = (end: FarEnd) => inNamespace(end.arrived(), ns).map(({ id }) => id);
      const ids = idsAt(webhook);
      for (const end of ends) {
        expect({ end: end.name, repeated: repeated(end.arrived()) }).toEqual({ end: end.name, repeated: [] });
        await eventually(`${end.name} has what the webhook has`, 5_000, () => {
          const has = idsAt(end).length;
          return has >= ids.length ? undefined : `${has} of ${ids.length}`;
        });
        expect({ end: end.name, ids: idsAt(end).sort() }).toEqual({ end: end.name, ids: [...ids].sort() });
      }
      expect(webhook.wrongKeys).toEqual([]);
    } finally {
      await petrel?.stop();
      for (const end of ends) await end.close();
    }
  }, 240_000);

  test("three thousand events that are there at the start are listed in pages, each delivered once", async () => {
    const folder = newFolder();
    const ns = await namespace("pages");
    const numbers = Array.from({ length: 3_000 }, (_, index) => index);
    const lanes = Array.from({ length: 24 }, async () => {
      for (let index = numbers.pop(); index !== undefined; index = numbers.pop()) {
        await post(ns, event(ns, `stored-${index}`));
      }
    });
    await Promise.all(lanes);
    const webhook = webhookEnd();
    const ends = [webhook, fileEnd(folder)];
    const petrel = await startExecutable(folder, configFor(ends, { maxEventAgeSeconds: 7200 }), kubeconfig);
    try {
      await eventually("the last state of every event", 60_000, () => missing(ends));
      expect(await petrel.metric("petrel_kube_api_requests_total", 'verb="list"')).toBeGreaterThanOrEqual(6);
      for (const end of ends) {
        expect(inNamespace(end.arrived(), ns)).toHaveLength(3_000);
        expect(repeated(end.arrived())).toEqual([]);
      }
      expect(webhook.wrongKeys).toEqual([]);
      const versions = ends[1]?.arrived().map(({ version }) => version) ?? [];
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
    } finally {
      await petrel.stop();
      await webhook.close();
    }
  }, 180_000);

  test("a hundred events of one object written at once arrive in order with the default config", async () => {
    const folder = newFolder();
    const ns = await namespace("burst");
    const webhook = webhookEnd();
    const ends = [webhook, fileEnd(folder)];
    const petrel = await startExecutable(folder, configFor(ends), kubeconfig);
    try {
      const written = await Promise.all(
        Array.from({ length: 100 }, (_, index) => post(ns, event(ns, `burst-${index}`, { reason: `Reason${index}` }))),
      );
      const versions = written.map(({ metadata }) => Number(metadata.resourceVersion)).sort((a, b) => a - b);
      for (const end of ends) {
        const got = () => inNamespace(end.arrived(), ns).map(({ version }) => version);
        await eventually(end.name, 30_000, () => (got().length < 100 ? `${got().length} of 100` : undefined));
        expect(got()).toEqual(versions);
      }
    } finally {
      await petrel.stop();
      await webhook.close();
    }
  }, 120_000);

  test("a thousand updates of one event: every state arrives, in order", async () => {
    const folder = newFolder();
    const ns = await namespace("updates");
    const webhook = webhookEnd();
    const ends = [webhook, fileEnd(folder)];
    const petrel = await startExecutable(folder, configFor(ends), kubeconfig);
    try {
      const states = [await post(ns, event(ns, "counted"))];
      for (let count = 2; count <= 1_000; count++) {
        const path = `/api/v1/namespaces/${ns}/events/counted`;
        states.push((await kube.api("PATCH", path, { count, lastTimestamp: new Date().toISOString() })) as KubeEvent);
      }
      const versions = states.map(({ metadata }) => Number(metadata.resourceVersion));
      for (const end of ends) {
        const got = () => inNamespace(end.arrived(), ns);
        await eventually(end.name, 30_000, () => (got().length < 1_000 ? `${got().length} of 1000` : undefined));
        expect(got().map(({ version }) => version)).toEqual(versions);
        expect(got().map((one) => one.event.count)).toEqual(states.map((_, index) => index + 1));
      }
    } finally {
      await petrel.stop();
      await webhook.close();
    }
  }, 180_000);

  test("broken lines, garbage, a huge line, a trickle and a cut connection cost no good event", async () => {
    const folder = newFolder();
    const ns = await namespace("broken");
    const webhook = webhookEnd();
    const proxy = await proxyTo(kube, kubeconfig, folder);
    const petrel = await startExecutable(folder, configFor([webhook]), proxy.kubeconfig);
    const arrives = (name: string) =>
      eventually(name, 60_000, () =>
        inNamespace(webhook.arrived(), ns).some((one) => one.event.metadata.name === name) ? undefined : "not there",
      );
    try {
      await eventually("the watch goes through the proxy", 20_000, () => (proxy.open() === 1 ? undefined : "no watch"));
      await post(ns, event(ns, "before"));
      await arrives("before");
      proxy.inject('{"type":"ADDED","object":{"kind":"Event",\n');
      proxy.inject(new Uint8Array([0, 255, 254, 0x80, 0x7b, 7, 10]));
      proxy.inject("null\n");
      await post(ns, event(ns, "between"));
      await arrives("between");
      expect(await petrel.metric("petrel_events_discarded_total", 'reason="malformed"')).toBe(3);

      // The largest that etcd takes, from the real server; ten megabytes only from the proxy.
      await post(ns, event(ns, "large", { message: "x".repeat(1_200_000) }));
      await arrives("large");
      const huge = event(ns, "huge", { message: "y".repeat(10_000_000) });
      const version = String(webhook.arrived().at(-1)?.version);
      huge.metadata = { name: "huge", namespace: ns, uid: "huge-uid", resourceVersion: version };
      proxy.inject(`${JSON.stringify({ type: "ADDED", object: huge })}\n`);
      await arrives("huge");

      proxy.trickle(5, 1_000);
      await post(ns, event(ns, "trickled"));
      await arrives("trickled");

      proxy.cut();
      await post(ns, event(ns, "after-cut"));
      await arrives("after-cut");
      expect(repeated(webhook.arrived())).toEqual([]);
      expect(await petrel.metric("petrel_events_discarded_total", 'reason="malformed"')).toBeLessThanOrEqual(4);
      expect((await petrel.get("/-/healthy")).status).toBe(200);
    } finally {
      await petrel.stop();
      await proxy.close();
      await webhook.close();
    }
  }, 180_000);

  test("a watch that says nothing any more is noticed within a minute, and nothing is lost", async () => {
    const folder = newFolder();
    const ns = await namespace("mute");
    const webhook = webhookEnd();
    const proxy = await proxyTo(kube, kubeconfig, folder);
    const petrel = await startExecutable(folder, configFor([webhook]), proxy.kubeconfig);
    try {
      await eventually("the watch goes through the proxy", 20_000, () => (proxy.open() === 1 ? undefined : "no watch"));
      await post(ns, event(ns, "heard"));
      await eventually("heard", 10_000, () =>
        inNamespace(webhook.arrived(), ns).length === 1 ? undefined : "nothing",
      );
      proxy.mute();
      for (let index = 0; index < 10; index++) await post(ns, event(ns, `unheard-${index}`));
      await eventually("the unheard events", 60_000, () => {
        const got = inNamespace(webhook.arrived(), ns).length;
        return got === 11 ? undefined : `${got} of 11`;
      });
      expect(repeated(webhook.arrived())).toEqual([]);
      expect(await petrel.metric("petrel_watch_reconnects_total", 'reason="mute"')).toBe(1);
    } finally {
      await petrel.stop();
      await proxy.close();
      await webhook.close();
    }
  }, 120_000);

  test("the manifests of deploy/ are valid to the letter and grant no more than they say", async () => {
    for (const file of ["rbac.yaml", "petrel.yaml"]) {
      const path = resolve(import.meta.dir, "../../deploy/kubernetes", file);
      const said = await kube.kubectl(["apply", "--dry-run=server", "--validate=strict", "-f", path]);
      expect(said).toContain("(server dry run)");
    }
    const can = async (...what: string[]) => {
      const review = await kube
        .kubectl(["auth", "can-i", ...what, "--as=system:serviceaccount:petrel:petrel"])
        .catch(() => "no");
      return review.trim();
    };
    expect({
      watch: await can("watch", "events", "-A"),
      "watch the newer API": await can("watch", "events.events.k8s.io", "-A"),
      "look up pods": await can("get", "pods", "-A"),
      "list pods": await can("list", "pods", "-A"),
      "read secrets": await can("get", "secrets", "-A"),
      "read config maps": await can("get", "configmaps", "-A"),
      "write events": await can("create", "events", "-A"),
      "know the cluster": await can("get", "namespace/kube-system"),
      "know other namespaces": await can("get", "namespace/default"),
      "hold its Lease": await can("update", "lease/kubernetes-event-exporter", "-n", "petrel"),
      "hold other Leases": await can("update", "lease/other", "-n", "petrel"),
      "list Leases": await can("list", "leases", "-n", "petrel"),
      "keep its checkpoint": await can("patch", "configmap/kubernetes-event-exporter-checkpoint", "-n", "petrel"),
      "read its own config map": await can("get", "configmap/petrel", "-n", "petrel"),
    }).toEqual({
      watch: "yes",
      "watch the newer API": "yes",
      "look up pods": "yes",
      "list pods": "no",
      "read secrets": "no",
      "read config maps": "no",
      "write events": "no",
      "know the cluster": "yes",
      "know other namespaces": "no",
      "hold its Lease": "yes",
      "hold other Leases": "no",
      "list Leases": "no",
      "keep its checkpoint": "yes",
      "read its own config map": "no",
    });
  }, 60_000);
});
