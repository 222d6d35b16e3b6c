/** Leases and ConfigMaps of the simulated API server, through Petrel's own client. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ApiServer, createApiServer } from "../../src/demo/api-server.ts";
import { type ApiClient, ApiError, createApiClient } from "../../src/kube/client.ts";
import { openServer } from "../../src/kube/credentials.ts";
import { memberOf, textOf } from "../../src/kube/json.ts";

let server: ApiServer;
let client: ApiClient;

beforeAll(async () => {
  server = await createApiServer();
  client = createApiClient(openServer(server.url), { userAgent: "petrel/test" });
});

afterAll(async () => {
  client.close();
  await server.stop();
});

const versionOf = (object: unknown) => textOf(memberOf(object, "metadata"), "resourceVersion");

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `taken: ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof ApiError ? `${error.status} ${error.reason}` : String(error)),
  );
}

const KINDS = [
  ["/apis/coordination.k8s.io/v1/namespaces/a/leases", { spec: { holderIdentity: "x", leaseDurationSeconds: 15 } }],
  ["/api/v1/namespaces/a/configmaps", { data: { k: "v" } }],
] as const;

test.each(KINDS)("%s: created, read, replaced, patched, removed, and each write by its version", async (path, more) => {
  const one = `${path}/one`;
  expect(await refusal(client.json(one, { verb: "get" }))).toBe("404 NotFound");
  const begin = server.version;
  const made = await client.json(path, { verb: "create", body: { metadata: { name: "one" }, ...more } });
  expect(made).toMatchObject({ ...more, metadata: { name: "one", namespace: "a", uid: expect.any(String) } });
  expect(Number(versionOf(made))).toBe(begin + 1);
  expect(await refusal(client.json(path, { verb: "create", body: { metadata: { name: "one" } } }))).toBe(
    "409 AlreadyExists",
  );
  expect(await client.json(one, { verb: "get" })).toEqual(made);

  const body = { ...(made as object), metadata: { ...(memberOf(made, "metadata") as object), labels: { l: "1" } } };
  const replaced = await client.json(one, { verb: "update", body });
  expect(memberOf(memberOf(replaced, "metadata"), "labels")).toEqual({ l: "1" });
  expect(await refusal(client.json(one, { verb: "update", body }))).toBe("409 Conflict");
  const stale = { metadata: { resourceVersion: versionOf(made) } };
  expect(await refusal(client.json(one, { verb: "patch", body: stale }))).toBe("409 Conflict");
  const patch = { metadata: { labels: { l: null, m: "2" } } };
  const patched = await client.json(one, { verb: "patch", body: patch });
  expect(patched).toMatchObject(more);
  expect(memberOf(memberOf(patched, "metadata"), "labels")).toEqual({ m: "2" });
  expect(server.objects.get(one)).toEqual(patched);
  expect(await client.json(path, { verb: "list" })).toMatchObject({ items: [{ metadata: { name: "one" } }] });

  expect((await fetch(`${server.url}${one}`, { method: "DELETE" })).status).toBe(200);
  expect(await refusal(client.json(one, { verb: "update", body }))).toBe("404 NotFound");
});

test.each<[string, { readonly spec?: object; readonly metadata?: object }]>([
  ["a duration of 0", { spec: { leaseDurationSeconds: 0 } }],
  ["a time without six digits", { spec: { renewTime: "2026-01-02T03:04:05Z" } }],
  ["annotations above 256 KiB", { metadata: { annotations: { a: "x".repeat(256 * 1024) } } }],
])("a Lease with %s is refused", async (_, wrong) => {
  const [[path]] = KINDS;
  const body = { ...wrong, metadata: { name: "wrong", ...wrong.metadata } };
  expect(await refusal(client.json(path, { verb: "create", body }))).toBe("422 Invalid");
});

test("faults and tokens hold for writes too", async () => {
  const [[path]] = KINDS;
  server.fail(1, { code: 503, reason: "ServiceUnavailable", message: "down" }, "/leases");
  expect(await refusal(client.json(path, { verb: "create", body: { metadata: { name: "x" } } }))).toBe(
    "503 ServiceUnavailable",
  );
  expect(server.requests.at(-1)).toMatchObject({ method: "POST", path });
  expect(server.objects.get(`${path}/x`)).toBeUndefined();
});
