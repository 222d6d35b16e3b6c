import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, createApiServer } from "../../src/demo/api-server.ts";
import { petrel } from "./io.ts";

const TREE = join(import.meta.dir, "../fixtures/cli/tree.yaml");
const folder = mkdtempSync(join(tmpdir(), "petrel-cluster-"));
const kubeconfig = join(folder, "kubeconfig");
let server: ApiServer;

beforeAll(async () => {
  server = await createApiServer();
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "none",
      contexts: [{ name: "here", context: { cluster: "here", user: "me" } }],
      clusters: [{ name: "here", cluster: { server: server.url } }],
      users: [{ name: "me", user: {} }],
    }),
  );
  const object = { apiVersion: "v1", kind: "Pod", namespace: "prod", name: "web-1", uid: "pod-1" };
  server.put({
    metadata: { name: "web-1.17aa", namespace: "prod" },
    involvedObject: object,
    type: "Warning",
    count: 3,
  });
  server.putObject({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", namespace: "prod", uid: "pod-1", labels: { tier: "gold" } },
  });
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const route = (event: string, ...flags: string[]) =>
  petrel(["route", "-c", TREE, "--kubeconfig", kubeconfig, "--context", "here", ...flags, event]);

test("an event in the cluster is routed with the labels of its object", async () => {
  const { code, out, err } = await route("prod/web-1.17aa", "-o", "json");
  expect(err).toBe("");
  expect(JSON.parse(out).receivers).toEqual(["dump", "alerts", "prod", "spare"]);
  expect(code).toBe(0);
});

test("an event that the cluster does not have is a failure that says so", async () => {
  const { code, out, err } = await route("prod/gone");
  expect(out).toBe("");
  expect(err).toMatch(/^petrel: .*404.*\n$/s);
  expect(code).toBe(1);
});

test("a cluster that does not answer is a failure that names it", async () => {
  server.fail(1, { code: 403, reason: "Forbidden", message: "events is forbidden" });
  const { code, err } = await route("prod/web-1.17aa");
  expect(err).toContain("forbidden");
  expect(code).toBe(1);
});
