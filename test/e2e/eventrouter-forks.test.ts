/** What eventrouter's forks added, by the executable: position files, environments, one namespace, probes. */
import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { anEventInput } from "../harness.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { openRouter, type Router, type RunningRouter, runRouter } from "./router.ts";

const messagesOf = ({ lines }: RunningRouter): readonly string[] =>
  lines.map((line) => (JSON.parse(line) as { readonly event: { readonly message: string } }).event.message);

test("a position file is where the first start goes on, and a restart goes on from Petrel's own record", async () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-position-"));
  const api = await createApiServer();
  try {
    const put = (message: string) => api.put(anEventInput({ message }));
    put("before 1");
    const { version } = put("before 2");
    const file = join(folder, "position");
    await Bun.write(file, String(version));
    put("after 1");
    put("after 2");
    const config = { sink: "stdout", lastResourceVersionPositionPath: file };
    async function told(expected: readonly string[], then = () => {}): Promise<Router> {
      await using router = await openRouter(config, { api });
      then();
      await eventually("all is told", 10_000, () =>
        router.lines.length >= expected.length ? undefined : messagesOf(router).join(),
      );
      expect(await router.stop()).toBe(0);
      expect(messagesOf(router)).toEqual([...expected]);
      return router;
    }
    await told(["after 1", "after 2", "live 1"], () => void put("live 1"));
    put("while it was down");
    await told(["while it was down", "live 2"], () => void put("live 2"));
    // Nobody writes it any more: who goes back goes back to there.
    expect(readFileSync(file, "utf8")).toBe(String(version));
  } finally {
    await api.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

test.each([
  ["of another history", "99999999", "the API server has another history now"],
  ["that is none", "hello", 'holds "hello", and no resourceVersion'],
])(
  "a position %s is said, and all that is there is told",
  async (_, text, words) => {
    const folder = mkdtempSync(join(tmpdir(), "petrel-position-"));
    const api = await createApiServer();
    try {
      await Bun.write(join(folder, "position"), text);
      for (const message of ["one", "two"]) api.put(anEventInput({ message }));
      const env = { EVENTROUTER_BOOKMARK_PATH: join(folder, "position") };
      await using router = await openRouter(undefined, { api, env });
      await eventually("both are told", 15_000, () => (router.lines.length === 2 ? undefined : `${router.lines}`));
      expect(await router.stop()).toBe(0);
      expect(messagesOf(router)).toEqual(["one", "two"]);
      expect(router.errors.filter((line) => line.includes(JSON.stringify(words).slice(1, -1)))).toHaveLength(1);
    } finally {
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);

test("the environment of the rewrite: events on standard output under a key, logs in JSON, its counters and probes", async () => {
  const env = {
    ...{ EVENTROUTER_SINK: "stdout", EVENTROUTER_STDOUT_NAMESPACE: "k8s", EVENTROUTER_LOG_FORMAT: "json" },
    ...{ EVENTROUTER_RESYNC_INTERVAL: "5m", EVENTROUTER_ENABLE_METRICS: "true", WATCH_NAMESPACE: "shop" },
  };
  await using router = await openRouter(undefined, { env, args: [] });
  router.api.put(anEventInput({ metadata: { name: "other.1", namespace: "other" } }));
  router.api.put(anEventInput({ type: "Normal", reason: "Pulled", source: {} }));
  await eventually("one is told", 10_000, () => (router.lines.length > 0 ? undefined : "nothing"));
  expect(await Promise.all(["/healthz", "/readyz", "/metrics"].map(router.status))).toEqual([200, 200, 200]);
  await eventually("it is counted", 5_000, async () => {
    const counted = (await router.metrics()).split("\n").filter((line) => /^eventrouter_.* [1-9]/.test(line));
    const labels = 'involved_object_kind="Pod",involved_object_namespace="shop",reason="Pulled",source="unknown"';
    return counted.join() === `eventrouter_normal_total{${labels}} 1` ? undefined : counted.join();
  });
  expect(await router.stop("SIGINT")).toBe(0);
  expect(router.lines.map((line) => JSON.parse(line))).toMatchObject([
    { k8s: { verb: "ADDED", event: { type: "Normal" } } },
  ]);
  const logs = router.errors.map((line) => JSON.parse(line) as { readonly level: string; readonly message: string });
  expect(logs.filter(({ level }) => level === "warn").map(({ message }) => message.replace(/:.*/, ""))).toEqual([
    "resync-interval is not used",
  ]);
}, 60_000);

describeReal("a real control plane", ["kube"], () => {
  let kube: Cluster;
  beforeAll(async () => {
    kube = await cluster();
  }, 120_000);

  test.each([false, true])(
    "a position file, with the rights of eventrouter's manifest; history gone: %j",
    async (gone) => {
      const space = `router-${Date.now().toString(36)}`;
      const account = { name: "eventrouter", namespace: space };
      const objects = [
        { apiVersion: "v1", kind: "Namespace", metadata: { name: space } },
        { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
        {
          ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: space } },
          rules: [{ apiGroups: [""], resources: ["events"], verbs: ["get", "watch", "list"] }],
        },
        {
          ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: space } },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: space },
          subjects: [{ kind: "ServiceAccount", ...account }],
        },
      ];
      await kube.kubectl(["apply", "-f", "-"], objects.map((object) => JSON.stringify(object)).join("\n"));
      const put = async (message: string): Promise<string> => {
        const stored = await kube.api("POST", `/api/v1/namespaces/${space}/events`, {
          ...{
            metadata: { generateName: "e-" },
            involvedObject: { kind: "Pod", namespace: space, name: "p" },
            message,
          },
          ...{ reason: "R", type: "Normal", reportingComponent: "test", reportingInstance: "t", action: "A" },
          eventTime: new Date().toISOString().replace("Z", "000Z"),
        });
        return (stored as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
      };
      const folder = mkdtempSync(join(tmpdir(), "petrel-position-"));
      try {
        const kubeconfig = await kube.serviceAccountConfig(account.name, space);
        await put("before 1");
        const position = join(folder, "position");
        await Bun.write(position, await put("before 2"));
        await put("after 1");
        if (gone) await kube.compact();
        const config = { sink: "stdout", lastResourceVersionPositionPath: position };
        async function told(...expected: string[]): Promise<void> {
          await using router = await runRouter(config, kubeconfig, { env: { WATCH_NAMESPACE: space } });
          await put(expected.at(-1) ?? "");
          await eventually("all is told", 20_000, () =>
            router.lines.length >= expected.length ? undefined : `${messagesOf(router)} ${router.errors.join("\n")}`,
          );
          expect(await router.stop()).toBe(0);
          expect(messagesOf(router)).toEqual(expected);
          expect(router.errors.filter((line) => / (WRN|ERR) /.test(line))).toEqual([]);
        }
        await told("after 1", "live 1");
        await put("while it was down");
        await told("while it was down", "live 2");
      } finally {
        rmSync(folder, { recursive: true, force: true });
        await kube.kubectl(["delete", "--wait=false", "clusterrolebinding,clusterrole", space]);
        await kube.kubectl(["delete", "--wait=false", "namespace", space]);
      }
    },
    90_000,
  );
});
