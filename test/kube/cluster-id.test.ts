import { expect, test } from "bun:test";
import { ApiError } from "../../src/kube/client.ts";
import { type ClusterId, readClusterId, sameCluster } from "../../src/kube/cluster-id.ts";
import { openServer } from "../../src/kube/credentials.ts";
import { ownNamespace } from "../../src/kube/own-namespace.ts";

const signal = new AbortController().signal;
const UIDS: Readonly<Record<string, string>> = { "kube-system": "uid-of-kube-system", petrel: "uid-of-petrel" };

function read(refused: Readonly<Record<string, number>>, ca?: string): Promise<ClusterId> {
  const client = {
    json: async (path: string) => {
      const name = path.replace("/api/v1/namespaces/", "");
      const status = refused[name];
      if (status !== undefined) throw new ApiError("status", `GET ${path}: HTTP ${status}`, { status });
      return { metadata: { name, uid: UIDS[name] } };
    },
  };
  const auth = { headers: {}, tls: ca === undefined ? undefined : { ca }, proxy: undefined };
  const credentials = { ...openServer("https://x"), request: async () => auth };
  return readClusterId({ client, credentials, namespace: "petrel" }, signal);
}

test("the uid of kube-system, and a hash of authority and own namespace", async () => {
  const both = await read({}, "PEM\n");
  // printf 'PEM\0uid-of-petrel' | sha256sum
  expect(both).toEqual({ kubeSystem: "uid-of-kube-system", own: "sha256-5737ecc68e90208b33472a396a6dff0d" });
  expect(await read({ "kube-system": 403 }, "PEM")).toEqual({ ...(both.own && { own: both.own }) });
  expect(await read({ petrel: 403 })).toEqual({ kubeSystem: "uid-of-kube-system" });
  expect(await read({ petrel: 404, "kube-system": 403 })).toEqual({});
  expect((await read({}, "OTHER")).own).not.toBe(both.own);
  expect(read({ petrel: 500 })).rejects.toThrow("HTTP 500");
});

test.each<[ClusterId, ClusterId, boolean | undefined]>([
  [{ kubeSystem: "a", own: "b" }, { kubeSystem: "a", own: "c" }, true],
  [{ kubeSystem: "a", own: "b" }, { kubeSystem: "x", own: "b" }, false],
  [{ own: "b" }, { kubeSystem: "x", own: "b" }, true],
  [{ own: "b" }, { kubeSystem: "x", own: "c" }, false],
  [{ kubeSystem: "a" }, { own: "c" }, undefined],
  [{}, {}, undefined],
])("%j and %j: %p", (one, other, wanted) => {
  expect(sameCluster(one, other)).toBe(wanted);
  expect(sameCluster(other, one)).toBe(wanted);
});

test.each([
  ["mounted\n", "downward", "context", "mounted"],
  [undefined, "downward", "context", "downward"],
  ["  ", "", "context", "context"],
  [undefined, undefined, "", "default"],
])("own namespace of a file %p, POD_NAMESPACE %p and a context %p: %s", (file, POD_NAMESPACE, namespace, wanted) => {
  const readFile = (path: string) => {
    expect(path).toBe("/var/run/secrets/kubernetes.io/serviceaccount/namespace");
    return file;
  };
  expect(ownNamespace({ env: { POD_NAMESPACE }, credentials: { namespace }, readFile })).toBe(wanted);
});
