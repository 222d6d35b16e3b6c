/** The chart: rendered by Helm, held against golden files, applied to a real API server, and run with its rights. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Manifest as RbacManifest } from "../../src/kube/rbac.ts";
import { helmProgram } from "../testbed/helm.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { command } from "../testbed/place.ts";
import { freePorts } from "../testbed/process.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE, startExecutable } from "./executable.ts";
import { cannotBeInPod, startPod } from "./pod.ts";

const CHART = resolve(import.meta.dir, "../../deploy/helm");
const FIXTURES = resolve(import.meta.dir, "../fixtures/helm");
const CASES = readdirSync(FIXTURES)
  .filter((file) => file.endsWith(".values.yaml"))
  .map((file) => file.replace(".values.yaml", ""))
  .sort();
const FORWARDERS = ["-f", join(FIXTURES, "forwarders.values.yaml")];
/** `PETREL_GOLDEN=write` writes the golden files anew. */
const WRITE = process.env.PETREL_GOLDEN === "write";

interface Manifest extends RbacManifest {
  readonly metadata: RbacManifest["metadata"] & { readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: {
      readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
      readonly spec: Record<string, unknown>;
    };
  };
}

/** Of a config in a ConfigMap: what a test changes of it. */
interface Rendered {
  readonly http: Readonly<Record<string, unknown>>;
  readonly receivers: readonly { readonly webhook: { readonly endpoint: string } }[];
}

describeReal("the Helm chart", ["helm", "kube"], () => {
  let kube: Cluster;
  let helm = "";
  const folder = mkdtempSync(join(tmpdir(), "petrel-helm-"));

  beforeAll(async () => {
    [kube, helm] = await Promise.all([cluster(), helmProgram()]);
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  const render = (namespace: string, ...flags: string[]) =>
    command([helm, "template", "petrel", CHART, "-n", namespace, "--kube-version", "1.36.3", ...flags]);
  const values = (name: string) => ["-f", join(FIXTURES, `${name}.values.yaml`)];
  const parse = (yaml: string) =>
    (Bun.YAML.parse(yaml.replace(/^---\n/, "")) as (Manifest | null)[]).filter((one) => one !== null);
  /** What needs the Prometheus operator's definitions is left to the golden files. */
  const known = (manifests: readonly Manifest[]) =>
    manifests.filter(({ apiVersion }) => apiVersion !== "monitoring.coreos.com/v1");
  const list = (items: readonly unknown[]) => JSON.stringify({ apiVersion: "v1", kind: "List", items });

  async function newNamespace(name: string): Promise<string> {
    const full = `helm-${name}-${Date.now().toString(36)}`;
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await kube.api("POST", "/api/v1/namespaces", { metadata: { name: full, labels } });
    return full;
  }

  test("helm lint --strict has nothing to say", async () => {
    for (const name of CASES) {
      const said = await command([helm, "lint", "--strict", "--kube-version", "1.36.3", CHART, ...values(name)]);
      expect(said).toContain("0 chart(s) failed");
    }
  }, 60_000);

  test.each(CASES)("%s is rendered as it was", async (name) => {
    const rendered = await render("petrel", ...values(name));
    const golden = join(FIXTURES, `${name}.golden.yaml`);
    if (WRITE) await Bun.write(golden, rendered);
    expect(existsSync(golden)).toBe(true);
    expect(rendered).toBe(await Bun.file(golden).text());
  });

  test.each([
    [["--set", "replicaCount=2,config.leaderElection.enabled=false"], "every pod would deliver every event"],
    [["--set", "mode=DaemonSet,config.leaderElection.enabled=false"], "every pod would deliver every event"],
    [["--set", "persistence.enabled=true"], "needs config.state.path"],
    [["--set", "replicas=2"], "additional properties 'replicas' not allowed"],
    [["--set", "mode=Job"], "mode"],
    [["--set", "image.tag=latest"], "tag"],
    [["--set", "diagnosticMode.enabled=true"], "diagnosticMode"],
    [["--set-string", "config=a: [b"], "config is no YAML"],
    [["--set", "forwarder.enabled=true"], "needs http among config.sources"],
    [[...FORWARDERS, "--set", "forwarder.config.sources={http,kubernetes}"], "with a watch on every node"],
    [[...FORWARDERS, "--set", "forwarder.config.sources=null"], "with a watch on every node"],
    [[...FORWARDERS, "--set", "forwarder.config.leaderElection.enabled=true"], "must not have leaderElection"],
    [[...FORWARDERS, "--set", "forwarder.config.receivers[0].name=a"], "must not have receivers"],
  ])("%j is refused", async (flags, words) => {
    const said = await render("petrel", ...flags).then(
      () => "rendered",
      (error: Error) => error.message,
    );
    expect(said).toContain(words);
  });

  test.each(CASES)(
    "%s: the API server takes it to the letter, and its pods under Pod Security restricted",
    async (name) => {
      const namespace = await newNamespace(name);
      const manifests = known(parse(await render(namespace, ...values(name))));
      await kube.kubectl(["apply", "--validate=strict", "-f", "-"], list(manifests));
      try {
        for (const workload of manifests.filter(({ spec }) => spec?.template)) {
          const { labels } = workload.spec?.template?.metadata ?? {};
          // Claims of a StatefulSet are made for its pods.
          const claims = workload.kind === "StatefulSet" ? [{ name: "state", emptyDir: {} }] : [];
          const spec = workload.spec?.template?.spec ?? {};
          const volumes = [...(spec.volumes as object[]), ...claims];
          const pod = {
            apiVersion: "v1",
            kind: "Pod",
            metadata: { name: "probe", namespace, labels },
            spec: { ...spec, volumes },
          };
          const said = await kube.kubectl(
            ["create", "--dry-run=server", "--validate=strict", "-f", "-"],
            JSON.stringify(pod),
          );
          expect(said).toContain("pod/probe created");
        }
      } finally {
        await kube.kubectl(["delete", "--wait=false", "--ignore-not-found", "-f", "-"], list(manifests));
      }
    },
    60_000,
  );

  /** `place verbs resource name`, one for each right. */
  const rightsOf = (manifests: readonly RbacManifest[]) =>
    manifests
      .flatMap(({ kind, metadata, rules = [] }) =>
        rules.flatMap(({ apiGroups, resources, resourceNames = [""], verbs }) =>
          resources.flatMap((resource) =>
            resourceNames.flatMap((name) =>
              verbs.map(
                (verb) =>
                  `${kind === "ClusterRole" ? "*" : metadata.namespace} ${verb} ${apiGroups} ${resource} ${name}`,
              ),
            ),
          ),
        ),
      )
      .sort();

  // Bitnami's example names no labels in its layout, which a chart cannot tell: it grants look-ups too many.
  test.each(CASES.filter((name) => name !== "bitnami"))("%s grants what `petrel rbac` says", async (name) => {
    const manifests = parse(await render("petrel", ...values(name)));
    const config = manifests.find(({ kind }) => kind === "ConfigMap")?.data?.["config.yaml"] ?? "";
    const file = join(folder, `${name}.yaml`);
    await Bun.write(file, config);
    const { items } = JSON.parse(await command([EXECUTABLE, "rbac", "-c", file, "-n", "petrel", "-o", "json"]));
    expect(rightsOf(manifests)).toEqual(rightsOf(items));
    if (name !== "central") expect(rightsOf(items).length).toBeGreaterThan(0);
  });

  test.each(CASES)("petrel check takes the config of %s", async (name) => {
    const manifests = parse(await render("petrel", ...values(name)));
    const file = join(folder, `${name}-checked.yaml`);
    const configs = manifests.flatMap(({ data }) => data?.["config.yaml"] ?? []);
    expect(configs.length).toBeGreaterThan(0);
    for (const config of configs) {
      await Bun.write(file, config);
      const env = { POD_NAMESPACE: "petrel", POD_NAME: "petrel-0", TOKEN: "token" };
      expect(await command([EXECUTABLE, "check", "-c", file], { env })).not.toContain("error");
    }
  });

  test("a forwarder has no right and no token, so that however many there are one pod watches", async () => {
    const rendered = await render("petrel", ...FORWARDERS);
    const manifests = parse(rendered);
    const forwarder = manifests.find(({ kind }) => kind === "DaemonSet");
    expect(forwarder?.spec?.template?.spec).toMatchObject({
      serviceAccountName: "petrel-forwarder",
      automountServiceAccountToken: false,
    });
    // Whom the rights are for.
    const subjects = manifests.flatMap(({ kind }, index) =>
      /Binding$/.test(kind) ? [JSON.stringify(manifests[index])] : [],
    );
    expect(subjects.length).toBeGreaterThan(0);
    expect(subjects.filter((binding) => binding.includes("petrel-forwarder"))).toEqual([]);
    // Neither is it taken for one of the pods that do watch.
    const watcher = manifests.find(({ kind }) => kind === "Deployment");
    expect(forwarder?.spec?.template?.metadata?.labels?.["app.kubernetes.io/name"]).toBe("petrel-forwarder");
    expect(watcher?.spec?.template?.metadata?.labels?.["app.kubernetes.io/name"]).toBe("petrel");
  });

  test("what is posted to a forwarder comes once, though the API server tells of it as well", async () => {
    const configs = parse(await render("petrel", ...FORWARDERS)).flatMap(({ kind, metadata, data }) =>
      kind === "ConfigMap"
        ? [{ name: metadata.name, config: Bun.YAML.parse(data?.["config.yaml"] ?? "") as Rendered }]
        : [],
    );
    const of = (name: string) => configs.find((one) => one.name === name)?.config;
    const [central, forwarder] = [of("petrel"), of("petrel-forwarder")];
    if (!central || !forwarder) throw new Error("no such ConfigMaps");
    const [port = 0, edge = 0] = await freePorts(2);
    const [receiver] = forwarder.receivers;
    expect(receiver?.webhook.endpoint).toBe("http://petrel-events.petrel.svc:8888/events");
    const env = { TOKEN: "bearer-token" };
    const start = async (name: string, config: object, http: object) => {
      const place = join(folder, name);
      mkdirSync(place);
      // Where this machine has it, instead of the cluster's names and the pod's volumes.
      const here = { ...config, http, state: { path: join(place, "state") } };
      return await startExecutable(place, here, kube.adminConfig, { env });
    };
    const watching = await start("central", central, { ...central.http, address: `127.0.0.1:${port}` });
    const receivers = [{ ...receiver, webhook: { ...receiver?.webhook, endpoint: `http://127.0.0.1:${port}/events` } }];
    const forwarding = await start("forwarder", { ...forwarder, receivers }, { address: `127.0.0.1:${edge}` });
    try {
      const involvedObject = { apiVersion: "v1", kind: "Pod", name: "forwarded", namespace: "default" };
      const now = new Date().toISOString();
      const write = (name: string) =>
        kube.api("POST", "/api/v1/namespaces/default/events", {
          ...{ metadata: { name, namespace: "default" }, involvedObject, reason: "Tested", type: "Normal" },
          ...{ firstTimestamp: now, lastTimestamp: now },
        });
      const name = `forwarded-${Date.now().toString(36)}`;
      const both = await write(name);
      // What only the node knows.
      const only = {
        ...Object(both),
        metadata: { name: `${name}-only`, namespace: "default", uid: crypto.randomUUID() },
      };
      for (const event of [both, only]) {
        const { status } = await fetch(`http://127.0.0.1:${edge}/events`, {
          method: "POST",
          body: JSON.stringify(event),
        });
        expect(status).toBeLessThan(300);
      }
      const lines = (part: string) => watching.stdout.filter((line) => line.includes(`"${part}"`)).length;
      await eventually("what only the node knows has come by the forwarder", 15_000, () =>
        lines(`${name}-only`) === 1 ? undefined : `${watching.stderr()}\n${forwarding.stderr()}`,
      );
      await eventually("the central one has acknowledged both", 15_000, async () => {
        const taken = await forwarding.metric("petrel_events_delivered_total");
        return taken === 2 ? undefined : `it has acknowledged ${taken}`;
      });
      await eventually("and the other one", 15_000, () => (lines(name) > 0 ? undefined : watching.stderr()));
      expect(lines(name)).toBe(1);
    } finally {
      await Promise.all([forwarding.stop(), watching.stop()]);
    }
  }, 60_000);

  const why = cannotBeInPod();
  if (why !== undefined) {
    test.skip(`in a pod (${why})`, () => {});
    return;
  }

  test.each(["default", "exporter", "namespaces"])(
    "%s: Petrel runs with these rights and delivers",
    async (name) => {
      const namespace = await newNamespace(`run-${name}`);
      const manifests = known(parse(await render(namespace, ...values(name))));
      await kube.kubectl(["apply", "-f", "-"], list(manifests.filter(({ kind }) => kind !== "Deployment")));
      const where = join(folder, `run-${name}`);
      mkdirSync(where);
      const config = join(where, "config.yaml");
      await Bun.write(config, manifests.find(({ kind }) => kind === "ConfigMap")?.data?.["config.yaml"] ?? "");
      const pod = await startPod({ kube, namespace, account: "petrel", folder: where, config });
      try {
        await pod.ready();
        const watched = name === "namespaces" ? "default" : namespace;
        const event = `helm-${Date.now().toString(36)}`;
        const involvedObject = { apiVersion: "v1", kind: "Pod", name: event, namespace: watched };
        const times = { firstTimestamp: new Date().toISOString(), lastTimestamp: new Date().toISOString() };
        const body = {
          metadata: { name: event, namespace: watched },
          involvedObject,
          reason: "Tested",
          type: "Normal",
        };
        await kube.api("POST", `/api/v1/namespaces/${watched}/events`, { ...body, ...times });
        await eventually("the event", 10_000, () =>
          pod.stdout().some((line) => line.includes(event)) ? undefined : pod.stderr(),
        );
      } finally {
        expect(await pod.stop()).toBe(0);
        await kube.kubectl(["delete", "--wait=false", "--ignore-not-found", "-f", "-"], list(manifests));
      }
      // It watches what other tests left, too: of objects that no chart of theirs is about nothing was granted.
      const about = (line: string) => /"namespace":"([^"]*)"/.exec(line)?.[1] ?? namespace;
      const said = pod.stderr().split("\n");
      const own = said.filter((line) => [namespace, "default"].includes(about(line)));
      expect(own.join("\n")).not.toMatch(/forbid|grant|no right/);
    },
    60_000,
  );
});
