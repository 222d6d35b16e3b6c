import { describe, expect, test } from "bun:test";
import type { ObjectReference } from "../../src/event.ts";
import { createApiClient } from "../../src/kube/client.ts";
import { openServer } from "../../src/kube/credentials.ts";
import { createDiscovery } from "../../src/kube/discovery.ts";
import { createEnricher, type EnricherOptions } from "../../src/kube/enrich.ts";
import { countingMetrics, recordingLogger, serveApi } from "./api-server.ts";

const UID = "11111111-2222-4333-8444-555555555555";
const OTHER_UID = "99999999-2222-4333-8444-555555555555";
const POD: ObjectReference = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web-0", uid: UID };
const POD_PATH = "/api/v1/namespaces/shop/pods/web-0";
const META = {
  uid: UID,
  labels: { app: "web" },
  annotations: { note: "a" },
  ownerReferences: [{ apiVersion: "apps/v1", kind: "StatefulSet", name: "web", uid: "u", controller: true, extra: 1 }],
};
const FOUND = {
  labels: { app: "web" },
  annotations: { note: "a" },
  ownerReferences: [{ apiVersion: "apps/v1", kind: "StatefulSet", name: "web", uid: "u", controller: true }],
  deleted: false,
};

type Answer = object | number | (() => Response | Promise<Response>);

function status(code: number, reason = "", headers: Record<string, string> = {}): () => Response {
  return () => Response.json({ kind: "Status", reason, message: `said ${code}`, code }, { status: code, headers });
}
const NOT_FOUND = status(404, "NotFound");

function open(answers: Record<string, Answer>, options: Partial<EnricherOptions> = {}) {
  const server = serveApi(
    (_, url) => {
      const answer = answers[url.pathname] ?? 404;
      if (typeof answer === "function") return answer();
      return typeof answer === "number" ? new Response("", { status: answer }) : Response.json({ metadata: answer });
    },
    { plain: true },
  );
  const clock = { now: 1_000_000 };
  const { logger, lines } = recordingLogger();
  const { metrics, values } = countingMetrics();
  const now = () => clock.now;
  const client = createApiClient(openServer(server.url), { userAgent: "t" });
  const discovery = createDiscovery({ client, logger, now });
  const reads = { hits: { value: 0 }, misses: { value: 0 } };
  const enricher = createEnricher({ client, discovery, logger, metrics, reads, now, ...options });
  return {
    answers,
    clock,
    lines,
    lookup: enricher.lookup,
    enricher,
    asked: () => server.requests.splice(0).map(({ line }) => line.replace("GET ", "")),
    headers: () => server.requests.map(({ headers }) => headers),
    lookups: () => {
      const result: Record<string, number> = {};
      for (const [key, value] of Object.entries(values())) {
        const name = /^petrel_lookups_total\{result="(\w+)"\}$/.exec(key)?.[1];
        if (name !== undefined) result[name] = value;
      }
      return result;
    },
    values,
    reads,
    [Symbol.dispose]: () => {
      enricher.close();
      server[Symbol.dispose]();
    },
  };
}

test("metadata only, once, then from the cache and without a promise", async () => {
  using it = open({ [POD_PATH]: META });
  const first = it.lookup(POD);
  expect(first).toBeInstanceOf(Promise);
  expect(it.lookup(POD)).toBe(first);
  expect(await first).toEqual(FOUND);
  expect(it.lookup(POD)).toEqual(FOUND);
  expect(it.headers()[0]?.get("accept")).toStartWith("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
  expect(it.asked()).toEqual([POD_PATH]);
  expect(it.values()).toEqual({
    'petrel_lookups_total{result="found"}': 1,
    'petrel_lookups_total{result="hit"}': 1,
  });
  expect(it.reads).toEqual({ hits: { value: 1 }, misses: { value: 1 } });
});

test("what was found is asked for again after its time", async () => {
  using it = open({ [POD_PATH]: META }, { ttlMs: 1000 });
  await it.lookup(POD);
  it.answers[POD_PATH] = { ...META, labels: { app: "next" } };
  it.clock.now += 999;
  expect(it.lookup(POD)).toEqual(FOUND);
  it.clock.now += 1;
  expect(await it.lookup(POD)).toMatchObject({ labels: { app: "next" } });
});

describe("gone", () => {
  test("not found is deleted, and remembered: for long by uid, shortly by name", async () => {
    using it = open({ [POD_PATH]: NOT_FOUND });
    const { uid: _, ...nameless } = POD;
    expect(await it.lookup(POD)).toEqual({ deleted: true });
    expect(await it.lookup(nameless)).toEqual({ deleted: true });
    expect(it.asked().length).toBe(2);
    it.answers[POD_PATH] = META;
    it.clock.now += 10_000;
    expect(it.lookup(POD)).toEqual({ deleted: true });
    expect(await it.lookup(nameless)).toEqual(FOUND);
  });

  test("the last labels stay with an object that has gone", async () => {
    using it = open({ [POD_PATH]: { ...META, deletionTimestamp: "2030-01-01T00:00:00Z" } });
    expect(await it.lookup(POD)).toEqual({ ...FOUND, deleted: true });
    it.answers[POD_PATH] = NOT_FOUND;
    it.clock.now += 10_000;
    expect(await it.lookup(POD)).toEqual({ ...FOUND, deleted: true });
    expect(it.lookups()).toEqual({ deleted: 2 });
  });

  test("another object of the same name does not lend its labels", async () => {
    using it = open({ [POD_PATH]: { ...META, uid: OTHER_UID, labels: { app: "foreign" } } });
    expect(await it.lookup(POD)).toEqual({ deleted: true });
    expect(await it.lookup({ ...POD, uid: OTHER_UID })).toEqual({ ...FOUND, labels: { app: "foreign" } });
  });

  test("one event cannot spoil or borrow what is known of another's object by naming its uid", async () => {
    using it = open({ [POD_PATH]: META, "/api/v1/namespaces/evil/pods/x": { uid: OTHER_UID } });
    expect(await it.lookup({ ...POD, namespace: "evil", name: "x" })).toEqual({ deleted: true });
    expect(await it.lookup(POD)).toEqual(FOUND);
    expect(it.lookup({ ...POD, namespace: "evil", name: "x" })).toEqual({ deleted: true });
  });

  test("a uid that no API server gave is not compared: a node's name, a static pod's hash", async () => {
    using it = open({ "/api/v1/nodes/n1": { uid: OTHER_UID }, [POD_PATH]: META });
    expect(await it.lookup({ kind: "Node", name: "n1", uid: "n1" })).toEqual({ deleted: false });
    expect(await it.lookup({ ...POD, uid: "6f1ed002ab5595859014ebf0951522d9" })).toEqual(FOUND);
  });
});

describe("a missing right", () => {
  test("is said once for the kind, with the rule, and not asked for again for minutes", async () => {
    using it = open({ [POD_PATH]: status(403, "Forbidden"), "/api/v1/namespaces/shop/pods/web-1": META });
    expect(await it.lookup(POD)).toBeUndefined();
    expect(it.lookup({ ...POD, name: "web-1" })).toBeUndefined();
    expect(await it.lookup({ ...POD, namespace: "other" })).toBeUndefined();
    expect(it.asked()).toEqual([POD_PATH, "/api/v1/namespaces/other/pods/web-0"]);
    it.clock.now += 300_000;
    expect(await it.lookup({ ...POD, name: "web-1" })).toEqual(FOUND);
    it.clock.now += 300_000;
    expect(await it.lookup(POD)).toBeUndefined();
    expect(it.lines).toEqual([
      {
        level: "warn",
        message:
          'no right to read pods: their events go out without labels, annotations and owners; grant apiGroups: [""], resources: ["pods"], verbs: ["get"], or set omitLookup: true',
        fields: { group: "", resource: "pods", verb: "get", namespace: "shop" },
      },
    ]);
    expect(it.lookups()).toEqual({ forbidden: 3, unknown_kind: 1, found: 1 });
  });
});

describe("kinds", () => {
  test("of an own definition are discovered, unknown ones remembered", async () => {
    using it = open({
      "/apis/example.com/v1": () =>
        Response.json({ resources: [{ name: "widgets", kind: "Widget", namespaced: true, verbs: ["get"] }] }),
      "/apis/example.com/v1/namespaces/shop/widgets/w": META,
    });
    const widget = { apiVersion: "example.com/v1", kind: "Widget", namespace: "shop", name: "w", uid: UID };
    expect(await it.lookup(widget)).toEqual(FOUND);
    expect(it.lookup({ ...widget, kind: "Gadget" })).toBeUndefined();
    expect(await it.lookup({ ...widget, apiVersion: "gone.test/v1" })).toBeUndefined();
    it.asked();
    expect(it.lookup({ ...widget, apiVersion: "gone.test/v1" })).toBeUndefined();
    expect(it.lookup({})).toBeUndefined();
    expect(it.lookup({ ...POD, name: "../../../nodes/n" })).toBeUndefined();
    expect(it.asked()).toEqual([]);
    expect(it.lookups()).toEqual({ found: 1, unknown_kind: 5 });
  });

  test("whose path has gone are unknown, not deleted", async () => {
    using it = open({ [POD_PATH]: 404 });
    expect(await it.lookup(POD)).toBeUndefined();
    expect(it.lookups()).toEqual({ unknown_kind: 1 });
  });
});

describe("deadlines and failures", () => {
  test("a silent server costs the deadline, its late answer serves the next event", async () => {
    const late = Promise.withResolvers<Response>();
    using it = open({ [POD_PATH]: () => late.promise }, { timeoutMs: 20 });
    expect(await it.lookup(POD)).toBeUndefined();
    const second = it.lookup(POD);
    expect(second).toBeInstanceOf(Promise);
    late.resolve(Response.json({ metadata: META }));
    expect(await second).toEqual(FOUND);
    expect(it.lookup(POD)).toEqual(FOUND);
    expect(it.asked()).toEqual([POD_PATH]);
    expect(it.lookups()).toEqual({ timeout: 1, found: 1, hit: 1 });
  });

  test("what was known serves on while the server fails", async () => {
    using it = open({ [POD_PATH]: META }, { ttlMs: 1000, timeoutMs: 50 });
    await it.lookup(POD);
    it.answers[POD_PATH] = status(500);
    it.clock.now += 1000;
    expect(await it.lookup(POD)).toEqual(FOUND);
    expect(await it.lookup(POD)).toEqual(FOUND);
    expect(it.lookups()).toEqual({ found: 1, failed: 2 });
    expect(it.lines.map(({ message }) => message)).toEqual([
      `cannot look up the objects of events: GET ${POD_PATH}: HTTP 500: said 500; events go out without their labels`,
    ]);
  });

  test("429 holds all lookups back as long as it says", async () => {
    using it = open({ [POD_PATH]: status(429, "", { "retry-after": "3" }) }, { timeoutMs: 20 });
    expect(await it.lookup(POD)).toBeUndefined();
    it.answers[POD_PATH] = META;
    it.clock.now += 2_999;
    expect(await it.lookup(POD)).toBeUndefined();
    expect(it.asked().length).toBe(1);
    it.clock.now += 1;
    expect(await it.lookup(POD)).toEqual(FOUND);
    expect(it.lookups()).toEqual({ failed: 1, timeout: 1, found: 1 });
  });

  test("an answer without metadata is a failure", async () => {
    using it = open({ [POD_PATH]: () => Response.json([]) });
    expect(await it.lookup(POD)).toBeUndefined();
    expect(it.lookups()).toEqual({ failed: 1 });
  });
});

describe("bounds", () => {
  const pods = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ...POD, name: `p-${index}`, uid: "" }));
  const answersFor = (count: number) =>
    Object.fromEntries(pods(count).map(({ name }) => [`/api/v1/namespaces/shop/pods/${name}`, META]));

  test("the rate holds: a burst, then one by one", async () => {
    using it = open(answersFor(5), { qps: 2, burst: 3, timeoutMs: 30 });
    const results = await Promise.all(pods(5).map((pod) => it.lookup(pod)));
    expect(results.map((result) => result !== undefined)).toEqual([true, true, true, false, false]);
    it.clock.now += 500;
    const more = await Promise.all(
      pods(5)
        .slice(3)
        .map((pod) => it.lookup(pod)),
    );
    expect(more.map((result) => result !== undefined)).toEqual([true, false]);
    expect(it.asked().length).toBe(4);
  });

  test("a negative rate is none", async () => {
    using it = open(answersFor(50), { qps: -1, burst: 1 });
    const results = await Promise.all(pods(50).map((pod) => it.lookup(pod)));
    expect(results.every((result) => result !== undefined)).toBe(true);
  });

  test("who waits is bounded: beyond a thousand there is no waiting", async () => {
    using it = open({}, { qps: 0, burst: 1 });
    const results = pods(1_010).map((pod) => it.lookup(pod));
    expect(results.filter((result) => result === undefined).length).toBe(9);
    expect(it.lookups()).toEqual({ overflow: 9 });
    it.enricher.close();
    expect((await Promise.all(results)).every((result) => result === undefined)).toBe(true);
    expect(it.lookup(POD)).toBeUndefined();
  });

  test("the cache forgets what was not asked for, never what was just asked for", async () => {
    using it = open(answersFor(20), { cacheSize: 10 });
    const [hot = POD, ...cold] = pods(20);
    await it.lookup(hot);
    for (const pod of cold) {
      await it.lookup(pod);
      expect(it.lookup(hot)).toEqual(FOUND);
    }
    it.asked();
    await it.lookup(cold[0] ?? POD);
    expect(it.asked().length).toBe(1);
  });

  test("without a cache every lookup asks", async () => {
    using it = open({ [POD_PATH]: META }, { cacheSize: 0 });
    expect(await it.lookup(POD)).toEqual(FOUND);
    expect(await it.lookup(POD)).toEqual(FOUND);
    expect(it.asked().length).toBe(2);
  });
});
