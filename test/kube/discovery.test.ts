import { describe, expect, test } from "bun:test";
import { ApiError, createApiClient } from "../../src/kube/client.ts";
import { openServer } from "../../src/kube/credentials.ts";
import { createDiscovery, objectPath, type Resource } from "../../src/kube/discovery.ts";
import { type ApiServer, recordingLogger, serveApi } from "./api-server.ts";

const WIDGETS = {
  kind: "APIResourceList",
  groupVersion: "example.com/v1",
  resources: [
    { name: "widgets", kind: "Widget", namespaced: true, verbs: ["get", "list"] },
    { name: "widgets/status", kind: "Widget", namespaced: true, verbs: ["get"] },
    { name: "realms", kind: "Realm", namespaced: false, verbs: ["get"] },
    { name: "reviews", kind: "Review", namespaced: false, verbs: ["create"] },
  ],
};

function open(answers: Record<string, object | number>) {
  const server: ApiServer = serveApi(
    (_, url) => {
      const answer = answers[url.pathname] ?? 404;
      return typeof answer === "number" ? new Response("no", { status: answer }) : Response.json(answer);
    },
    { plain: true },
  );
  const clock = { now: 0 };
  const { logger, lines } = recordingLogger();
  const client = createApiClient(openServer(server.url), { userAgent: "t" });
  const discovery = createDiscovery({ client, logger, now: () => clock.now });
  const asked = () => server.requests.splice(0).map(({ line }) => line.replace("GET ", ""));
  return { answers, server, clock, lines, discovery, asked };
}

describe("kinds of Kubernetes need no request", () => {
  const rows: [string | undefined, string, string | null][] = [
    ["v1", "Pod", "/api/v1/namespaces/shop/pods/x"],
    ["v1", "Node", "/api/v1/nodes/x"],
    [undefined, "Node", "/api/v1/nodes/x"],
    ["", "Deployment", "/apis/apps/v1/namespaces/shop/deployments/x"],
    ["apps/v1", "ReplicaSet", "/apis/apps/v1/namespaces/shop/replicasets/x"],
    ["batch/v1", "CronJob", "/apis/batch/v1/namespaces/shop/cronjobs/x"],
    ["autoscaling/v1", "HorizontalPodAutoscaler", "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/x"],
    ["autoscaling/v2", "HorizontalPodAutoscaler", "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/x"],
    ["v1", "PersistentVolume", "/api/v1/persistentvolumes/x"],
    ["storage.k8s.io/v1", "StorageClass", "/apis/storage.k8s.io/v1/storageclasses/x"],
    ["networking.k8s.io/v1", "Ingress", "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/x"],
    [undefined, "Widget", null],
    ["v1", "", null],
    ["../../v1", "Pod", null],
    ["a/b/v1", "Pod", null],
    ["example.com/../v1", "Pod", null],
  ];
  for (const [apiVersion, kind, path] of rows) {
    test(`${apiVersion} ${kind}`, async () => {
      const { discovery, server } = open({});
      using _ = server;
      const known = discovery.peek(apiVersion, kind);
      expect(known === undefined || known === null ? known : objectPath(known, "shop", "x")).toBe(path);
      expect(await discovery.resolve(apiVersion, kind)).toBe(known ?? null);
      expect(server.requests).toEqual([]);
    });
  }
});

test("a name that would leave its path has none", () => {
  const pods: Resource = { group: "", version: "v1", plural: "pods", namespaced: true };
  const nodes: Resource = { group: "", version: "v1", plural: "nodes", namespaced: false };
  const rows: [Resource, string | undefined, string | undefined, string | undefined][] = [
    [pods, "a", "b", "/api/v1/namespaces/a/pods/b"],
    [pods, undefined, "b", undefined],
    [pods, "..", "b", undefined],
    [pods, "a", "..", undefined],
    [pods, "a", "b/log", undefined],
    [pods, "a", "b%2flog", undefined],
    [pods, "a", "b?watch=1", "/api/v1/namespaces/a/pods/b%3Fwatch%3D1"],
    [nodes, undefined, "system:x", "/api/v1/nodes/system%3Ax"],
    [nodes, "ignored", "n", "/api/v1/nodes/n"],
  ];
  for (const [resource, namespace, name, path] of rows) expect(objectPath(resource, namespace, name)).toBe(path);
});

test("another kind costs one request for its group and version, then none", async () => {
  const { discovery, asked, server } = open({ "/apis/example.com/v1": WIDGETS });
  using _ = server;
  expect(discovery.peek("example.com/v1", "Widget")).toBeUndefined();
  const [widget, realm] = await Promise.all([
    discovery.resolve("example.com/v1", "Widget"),
    discovery.resolve("example.com/v1", "Realm"),
  ]);
  expect(widget).toEqual({ group: "example.com", version: "v1", plural: "widgets", namespaced: true });
  expect(realm).toEqual({ group: "example.com", version: "v1", plural: "realms", namespaced: false });
  expect(discovery.peek("example.com/v1", "Widget")).toBe(widget ?? null);
  expect(discovery.peek("example.com/v1", "Review")).toBeNull();
  expect(asked()).toEqual(["/apis/example.com/v1"]);
});

test("what is not there is asked for again after a minute, what is there after ten", async () => {
  const { discovery, asked, answers, clock, server } = open({});
  using _ = server;
  expect(await discovery.resolve("example.com/v1", "Widget")).toBeNull();
  expect(asked()).toEqual(["/apis/example.com/v1", "/apis/example.com"]);
  answers["/apis/example.com/v1"] = WIDGETS;
  clock.now = 59_999;
  expect(await discovery.resolve("example.com/v1", "Widget")).toBeNull();
  expect(asked()).toEqual([]);
  clock.now = 60_000;
  expect(await discovery.resolve("example.com/v1", "Widget")).toMatchObject({ plural: "widgets" });
  expect(asked()).toEqual(["/apis/example.com/v1"]);
  clock.now = 659_999;
  expect(discovery.peek("example.com/v1", "Widget")).toMatchObject({ plural: "widgets" });
  clock.now = 660_000;
  expect(discovery.peek("example.com/v1", "Widget")).toBeUndefined();
});

test("a version that was dropped leads to the others of its group, the preferred one first", async () => {
  const { discovery, asked, server } = open({
    "/apis/example.com": {
      kind: "APIGroup",
      versions: [
        { groupVersion: "example.com/v1alpha1" },
        { groupVersion: "example.com/v1" },
        { groupVersion: "../x" },
      ],
      preferredVersion: { groupVersion: "example.com/v1" },
    },
    "/apis/example.com/v1": WIDGETS,
    "/apis/example.com/v1alpha1": {
      resources: [
        { name: "widgets", kind: "Widget", namespaced: true, verbs: ["get"] },
        { name: "gadgets", kind: "Gadget", namespaced: true, verbs: ["get"] },
      ],
    },
  });
  using _ = server;
  expect(await discovery.resolve("example.com/v1beta1", "Widget")).toMatchObject({ version: "v1" });
  expect(await discovery.resolve("example.com/v1beta1", "Gadget")).toMatchObject({ version: "v1alpha1" });
  expect(asked()).toEqual([
    "/apis/example.com/v1beta1",
    "/apis/example.com",
    "/apis/example.com/v1",
    "/apis/example.com/v1alpha1",
  ]);
});

test("a broken group breaks nothing else, and what was known of it stays", async () => {
  const { discovery, asked, answers, clock, lines, server } = open({
    "/apis/example.com/v1": WIDGETS,
    "/apis/broken.test/v1": 503,
  });
  using _ = server;
  const broken = await discovery.resolve("broken.test/v1", "Thing").catch((error: unknown) => error);
  expect(broken).toBeInstanceOf(ApiError);
  expect(await discovery.resolve("broken.test/v1", "Thing").catch((error: unknown) => error)).toBe(broken);
  expect(await discovery.resolve("example.com/v1", "Widget")).toMatchObject({ plural: "widgets" });
  answers["/apis/example.com/v1"] = 503;
  clock.now = 600_000;
  expect(await discovery.resolve("example.com/v1", "Widget")).toMatchObject({ plural: "widgets" });
  expect(discovery.peek("example.com/v1", "Widget")).toMatchObject({ plural: "widgets" });
  expect(asked()).toEqual(["/apis/broken.test/v1", "/apis/example.com/v1", "/apis/example.com/v1"]);
  expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    "warn cannot discover the kinds of broken.test/v1: GET /apis/broken.test/v1: HTTP 503",
    "warn cannot discover the kinds of example.com/v1: GET /apis/example.com/v1: HTTP 503",
  ]);
});
