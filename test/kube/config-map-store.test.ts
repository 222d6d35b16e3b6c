import { expect, test } from "bun:test";
import { CheckpointTooLargeError } from "../../src/checkpoint-store.ts";
import { ApiError } from "../../src/kube/client.ts";
import { configMapStore } from "../../src/kube/config-map-store.ts";
import { MissingRightError } from "../../src/kube/missing-right.ts";
import { recordingLogger } from "./api-server.ts";
import { goodNetwork, leaseCluster, type Network } from "./lease-cluster.ts";

const PATH = "/api/v1/namespaces/petrel/configmaps/events-checkpoint";
const signal = new AbortController().signal;

function made(cluster = leaseCluster()) {
  const network: Network = { ...goodNetwork(), latencyMs: () => 0 };
  const { logger, lines } = recordingLogger();
  const open = () =>
    configMapStore({
      client: cluster.client(network),
      namespace: "petrel",
      name: "events-checkpoint",
      logger,
      timeoutMs: 50,
    });
  return { cluster, network, lines, open };
}

const verbs = ({ requests }: { readonly requests: readonly { readonly verb: string }[] }) =>
  requests.map(({ verb }) => verb).join(" ");

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("is created at the first save, patched at the others, and what others put there stays", async () => {
  const { cluster, open, lines } = made();
  const store = open();
  expect(store.name).toBe("ConfigMap petrel/events-checkpoint");
  expect(await store.load(signal)).toBeUndefined();
  await store.save("1", signal);
  expect(cluster.objects.get(PATH)).toMatchObject({
    kind: "ConfigMap",
    metadata: { name: "events-checkpoint", namespace: "petrel" },
    data: { checkpoint: "1" },
  });
  await store.save("2", signal);
  expect(verbs(cluster)).toBe("get get create patch");
  cluster.objects.answer({
    method: "PATCH",
    path: PATH,
    body: { metadata: { labels: { a: "b" } }, data: { more: "x" } },
  });
  await store.save("3", signal);
  expect(cluster.objects.get(PATH)).toMatchObject({
    metadata: { labels: { a: "b" } },
    data: { checkpoint: "3", more: "x" },
  });
  expect(await open().load(signal)).toBe("3");
  expect(lines).toEqual([]);
});

test("is found by the next process, and created again when somebody deletes it", async () => {
  const { cluster, open, lines } = made();
  await open().save("1", signal);
  const next = open();
  await next.save("2", signal);
  expect(verbs(cluster)).toBe("get create get patch");
  cluster.objects.answer({ method: "DELETE", path: PATH, body: undefined });
  await next.save("3", signal);
  expect(await next.load(signal)).toBe("3");
  expect(lines).toEqual([]);
});

test("another Petrel that writes the same one is told of, once; the last word counts", async () => {
  const { open, lines } = made();
  const [one, two] = [open(), open()];
  for (let count = 0; count < 3; count++) {
    await one.save(`one ${count}`, signal);
    await two.save(`two ${count}`, signal);
  }
  expect(await one.load(signal)).toBe("two 2");
  expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual(
    Array(2).fill("warn another Petrel writes this checkpoint too: without leaderElection both deliver every event"),
  );
});

test("a write whose answer was lost is taken for nobody else's", async () => {
  const { network, open, lines } = made();
  const store = open();
  await store.save("1", signal);
  network.cut = "deaf";
  expect(await thrown(store.save("2", signal))).toBeInstanceOf(ApiError);
  network.cut = "no";
  await store.save("3", signal);
  expect(await store.load(signal)).toBe("3");
  expect(lines).toEqual([]);
});

test("a right that is missing is named", async () => {
  for (const [verb, names] of [
    ["get", ', resourceNames: ["events-checkpoint"]'],
    ["create", ""],
    ["patch", ', resourceNames: ["events-checkpoint"]'],
  ] as const) {
    const { network, open } = made();
    if (verb === "patch") await open().save("0", signal);
    network.forbidden = [verb];
    const error = await thrown(open().save("1", signal));
    if (!(error instanceof MissingRightError)) throw new Error(`wanted a MissingRightError, got ${error}`);
    expect(error.access).toEqual({
      verb,
      group: "",
      resource: "configmaps",
      object: "events-checkpoint",
      namespace: "petrel",
    });
    expect(error.message).toEndWith(
      `; grant apiGroups: [""], resources: ["configmaps"]${names}, verbs: ["${verb}"] by a Role in the namespace petrel`,
    );
  }
});

test("a checkpoint that is too large is refused before it is sent, and one that just fits is not", async () => {
  const { cluster, open } = made();
  const store = open();
  const large = await thrown(store.save("x".repeat(1024 * 1024 + 1), signal));
  expect(large).toBeInstanceOf(CheckpointTooLargeError);
  expect(cluster.requests).toEqual([]);
  await store.save("x".repeat(1024 * 1024), signal);
});

test("what fails is told, and the signal's reason passed on", async () => {
  const { network, open } = made();
  const store = open();
  network.cut = "refused";
  expect(await thrown(store.load(signal))).toMatchObject({ kind: "network" });
  network.cut = "silent";
  expect(await thrown(store.load(AbortSignal.abort("enough")))).toBe("enough");
});
