/** Petrel ends and begins again: what the next one delivers, with a journal. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../src/config/types.ts";
import { type ApiServer, createApiServer, namespaceObject } from "../src/demo/api-server.ts";
import { DeliveryError } from "../src/errors.ts";
import type { SinkContext, Store } from "../src/sink.ts";
import { aConfig, anEventInput, aReceiver, type Deliver, eventually, memorySink, startTestPetrel } from "./harness.ts";

const folders: string[] = [];
const servers: ApiServer[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  for (const server of servers.splice(0)) await server.stop();
});

const AT = { line: 1, column: 1 };
const refuses: Deliver = () => {
  throw new DeliveryError("unavailable", "down");
};

/** A cluster and a state folder that outlive the Petrels started on them. */
async function aPlace({ journal = true, inCluster = false } = {}) {
  let server = await createApiServer();
  servers.push(server);
  server.putObject(namespaceObject("kube-system", "uid-of-the-first"));
  const path = mkdtempSync(join(tmpdir(), "petrel-state-"));
  folders.push(path);
  const got: Record<string, string[]> = {};
  return {
    get server() {
      return server;
    },
    /** From now on Petrels find another cluster. */
    async move() {
      server = await createApiServer();
      servers.push(server);
      server.putObject(namespaceObject("kube-system", "uid-of-the-second"));
    },
    /** Ids by receiver, of all Petrels. */
    got,
    lease: () => JSON.stringify(server.objects.get("/apis/coordination.k8s.io/v1/namespaces/default/leases/petrel")),
    put(count: number) {
      return Array.from({ length: count }, () => {
        const { event, version } = server.put(anEventInput());
        return `${event.metadata.uid}.${version}`;
      });
    },
    async start(
      receivers: Readonly<Record<string, Deliver>>,
      changes: Partial<Config> = {},
      remember: (store: Store) => Deliver = () => () => {},
      ignoreCheckpoint = false,
    ) {
      const names = Object.keys(receivers);
      const definitions = names.map((name) => {
        let remembering: Deliver = () => {};
        const { definition } = memorySink(
          async (batch, signal) => {
            await receivers[name]?.(batch, signal);
            await remembering(batch, signal);
            got[name] = [...(got[name] ?? []), ...batch.map(({ id }) => id)];
          },
          { name },
        );
        return {
          ...definition,
          create(config: never, context: SinkContext) {
            remembering = remember(context.store);
            return definition.create(config, context);
          },
        };
      });
      const running = await startTestPetrel({
        server,
        inCluster,
        ignoreCheckpoint,
        turnTiming: { election: { leaseMs: 3_000, renewMs: 1_000, retryMs: 100 }, checkpointMs: 20 },
        sinks: definitions,
        config: aConfig({
          receivers: names.map((name) => aReceiver(name, { sink: name })),
          route: { drop: [], match: names.map((receiver) => ({ receiver, at: AT })), routes: [], at: AT },
          ...(journal && { state: { path, maxBytes: 1 << 30, maxAgeMs: 3_600_000, fsync: "group" } }),
          shutdownTimeoutMs: 300,
          ...changes,
        }),
      });
      await eventually("the watch", () => running.petrel.unready() === undefined);
      return running;
    },
  };
}

test("a restart in good order: nothing lost, nothing twice, whatever happened meanwhile", async () => {
  const place = await aPlace();
  const ids = place.put(20);
  const first = await place.start({ all: () => {} });
  await eventually("the list", () => place.got.all?.length === 20);
  ids.push(...place.put(20));
  await eventually("the watch", () => place.got.all?.length === 40);
  expect(await first.petrel.stop()).toBe(true);
  ids.push(...place.put(20));
  const second = await place.start({ all: () => {} });
  ids.push(...place.put(20));
  await eventually("the rest", () => place.got.all?.length === 80);
  await second.petrel.stop();
  expect(place.got.all).toEqual(ids);
});

test("one dead receiver: its backlog is on disk, the others neither wait nor repeat", async () => {
  const place = await aPlace();
  const small = { buffer: { events: 10, bytes: 1 << 20 } };
  const ids = place.put(50);
  const first = await place.start({ fine: () => {}, dead: refuses }, small);
  ids.push(...place.put(200));
  await eventually("the healthy one", () => place.got.fine?.length === 250);
  expect(await first.petrel.stop()).toBe(false);
  expect(first.count("petrel_events_dropped_total")).toBe(0);
  const second = await place.start({ fine: () => {}, dead: () => {} }, small);
  ids.push(...place.put(10));
  await eventually("both", () => place.got.fine?.length === 260 && place.got.dead?.length === 260);
  await second.petrel.stop();
  expect(place.got.fine).toEqual(ids);
  expect(place.got.dead).toEqual(ids);
});

test("a receiver that is new begins at now; one that is gone leaves nothing that anybody waits for", async () => {
  const place = await aPlace();
  place.put(5);
  const first = await place.start({ old: () => {}, dead: refuses });
  await eventually("the list", () => place.got.old?.length === 5);
  await first.petrel.stop();
  const between = place.put(3);
  const second = await place.start({ old: () => {}, fresh: () => {} });
  await eventually("both", () => place.got.old?.length === 8 && place.got.fresh?.length === 3);
  await second.petrel.stop();
  expect(place.got.fresh).toEqual(between);
});

test("of the states that wait in the journal, who wants the latest gets the latest", async () => {
  const place = await aPlace();
  const receivers = [aReceiver("latest", { sink: "latest", updates: "latest" }), aReceiver("all", { sink: "all" })];
  const { event } = place.server.put(anEventInput({ count: 1 }));
  const { name = "", namespace = "" } = event.metadata;
  const first = await place.start({ latest: refuses, all: refuses }, { receivers, maxEventAgeSeconds: 3_600 });
  const ids = place.put(600);
  for (let count = 2; count <= 5; count++) place.server.update(namespace, name, { count });
  await eventually("all came", () => first.petrel.status().events === 605);
  await first.petrel.stop();
  const second = await place.start({ latest: () => {}, all: () => {} }, { receivers });
  await eventually("what waited", () => place.got.all?.length === 605 && place.got.latest?.length === 601);
  await second.petrel.stop();
  expect(place.got.latest).toEqual([...ids, place.got.all?.at(-1) ?? ""]);
  const superseded = ({ count }: typeof first) =>
    count("petrel_events_held_total", { receiver: "latest", reason: "superseded" });
  expect(superseded(first) + superseded(second)).toBe(4);
  expect(superseded(second)).toBeGreaterThan(0);
});

test("what one receiver's throttle tells is for it alone, also after a restart", async () => {
  const place = await aPlace();
  const throttle = [{ by: ["reason" as const], perSecond: 0.001, burst: 1, summary: true }];
  const receivers = [aReceiver("chat", { sink: "chat", throttle }), aReceiver("store", { sink: "store" })];
  const ids = place.put(1);
  const first = await place.start({ chat: refuses, store: () => {} }, { receivers });
  ids.push(...place.put(4));
  await eventually("the healthy one", () => place.got.store?.length === 5);
  await first.petrel.stop();
  const second = await place.start({ chat: () => {}, store: () => {} }, { receivers });
  await eventually("what waited", () => place.got.chat?.length === 2);
  await second.petrel.stop();
  expect(place.got.chat?.[0]).toBe(ids[0] ?? "");
  expect(ids).not.toContain(place.got.chat?.[1] ?? "");
  expect(place.got.store).toEqual(ids);
});

test("a ConfigMap keeps positions where there is no disk: one dead receiver neither holds back nor repeats the others", async () => {
  const place = await aPlace({ journal: false, inCluster: true });
  const ids = place.put(10);
  const first = await place.start({ fine: () => {}, dead: refuses });
  ids.push(...place.put(30));
  await eventually("the healthy one", () => place.got.fine?.length === 40);
  await first.petrel.stop();
  expect(first.petrel.status().checkpoint).toBe("ConfigMap default/petrel-checkpoint");
  // What was in between is told again by the API server, and by a list when it has forgotten its history.
  ids.push(...place.put(5));
  place.server.compact();
  const second = await place.start({ fine: () => {}, dead: () => {}, fresh: () => {} });
  ids.push(...place.put(5));
  await eventually("all", () => place.got.fine?.length === 50 && place.got.dead?.length === 50);
  await second.petrel.stop();
  expect(place.got.fine).toEqual(ids);
  expect(place.got.dead).toEqual(ids);
  expect(place.got.fresh).toEqual(ids.slice(40));
});

test("a leader hands over with its checkpoint: nothing lost, nothing twice", async () => {
  const place = await aPlace({ journal: false });
  const leaderElection = { leaderElection: { enabled: true, leaderElectionID: "petrel" } };
  const ids = place.put(10);
  const first = await place.start({ all: () => {} }, leaderElection);
  await eventually("the list", () => place.got.all?.length === 10);
  const second = await place.start({ all: () => {} }, leaderElection);
  expect(second.petrel.status().leader).toMatchObject({ leading: false });
  ids.push(...place.put(10));
  await eventually("the watch", () => place.got.all?.length === 20);
  await first.petrel.stop();
  ids.push(...place.put(10));
  await eventually("the other leads", () => second.petrel.status().leader?.leading === true);
  ids.push(...place.put(10));
  await eventually("all", () => place.got.all?.length === 40);
  await second.petrel.stop();
  expect(place.got.all).toEqual(ids);
});

test("a leader that is cut off stops, and delivers what is left to nobody's harm", async () => {
  const place = await aPlace({ journal: false });
  const leaderElection = { leaderElection: { enabled: true, leaderElectionID: "petrel" } };
  const ids = place.put(10);
  const first = await place.start({ all: () => {} }, leaderElection);
  await eventually("the list", () => place.got.all?.length === 10);
  const second = await place.start({ all: () => {} }, leaderElection);
  const { high } = first.petrel.status().receivers[0]?.positions["/api/v1/events"] ?? {};
  await eventually("the checkpoint", () => place.lease().includes(`"/api/v1/events\\":${high}`));
  first.cutOff(true);
  await eventually("it stops", () => first.petrel.status().leader?.leading === false);
  ids.push(...place.put(10));
  await eventually("the other leads", () => second.petrel.status().leader?.leading === true);
  await eventually("all", () => place.got.all?.length === 20);
  first.cutOff(false);
  await eventually("it follows", () => first.petrel.status().leader?.holder !== "");
  ids.push(...place.put(10));
  await eventually("the rest", () => place.got.all?.length === 30);
  await second.petrel.stop();
  await eventually("the first leads again", () => first.petrel.status().leader?.leading === true);
  ids.push(...place.put(10));
  await eventually("the very rest", () => place.got.all?.length === 40);
  await first.petrel.stop();
  expect(place.got.all).toEqual(ids);
});

test.each([
  ["a journal", { journal: true }],
  ["a ConfigMap", { journal: false, inCluster: true }],
])("what a sink remembers is there after a restart: %s", async (_, kind) => {
  const place = await aPlace(kind);
  const remembered: (string | undefined)[] = [];
  const remember =
    (store: Store): Deliver =>
    () => {
      remembered.push(store.get("thread"));
      store.set("thread", `${JSON.stringify({ ts: remembered.length })}`);
    };
  for (let run = 1; run <= 2; run++) {
    const one = await place.start({ all: () => {} }, {}, remember);
    place.put(1);
    await eventually("it", () => remembered.length === run);
    await one.petrel.stop();
  }
  expect(remembered).toEqual([undefined, '{"ts":1}']);
});

test.each([
  ["a journal", { journal: true }, /the journal is of another cluster/],
  ["a ConfigMap that was carried over", { journal: false, inCluster: true }, /the checkpoint is of another cluster/],
])("another cluster's positions are none here: %s", async (kind, options, message) => {
  const place = await aPlace(options);
  place.put(30);
  const first = await place.start({ all: () => {} });
  await eventually("the list", () => place.got.all?.length === 30);
  await first.petrel.stop();
  const path = "/api/v1/namespaces/default/configmaps/petrel-checkpoint";
  const carried = place.server.objects.get(path);
  await place.move();
  if (kind !== "a journal") {
    place.server.objects.answer({ method: "POST", path: path.slice(0, path.lastIndexOf("/")), body: carried });
  }
  // Its versions are lower than those that were told there.
  const ids = place.put(5);
  const second = await place.start({ all: () => {} });
  await eventually("this cluster's", () => place.got.all?.length === 35);
  await second.petrel.stop();
  expect(place.got.all?.slice(30)).toEqual(ids);
  expect(second.log.some((line) => message.test(String(line.message)))).toBe(true);
});

test.each([
  ["a journal", { journal: true }],
  ["a ConfigMap", { journal: false, inCluster: true }],
])("--ignore-checkpoint begins afresh: %s", async (_, options) => {
  const place = await aPlace(options);
  const ids = place.put(5);
  const first = await place.start({ all: () => {}, dead: refuses });
  await eventually("the list", () => place.got.all?.length === 5);
  await first.petrel.stop();
  const second = await place.start({ all: () => {}, dead: () => {} }, {}, undefined, true);
  await eventually("all of it again", () => place.got.all?.length === 10 && place.got.dead?.length === 5);
  ids.push(...place.put(1));
  await eventually("the next", () => place.got.all?.length === 11);
  await second.petrel.stop();
  const third = await place.start({ all: () => {}, dead: () => {} });
  await third.petrel.stop();
  expect(place.got.all).toEqual([...ids.slice(0, 5), ...ids]);
});
