import { expect, test } from "bun:test";
import { createApiServer } from "../src/demo/api-server.ts";
import { DeliveryError } from "../src/errors.ts";
import { aConfig, anEventInput, aReceiver, eventually, memorySink, startTestPetrel } from "./harness.ts";

test("what was there and what comes is delivered once, in order of resourceVersion", async () => {
  const server = await createApiServer();
  for (let n = 0; n < 600; n++) server.put(anEventInput());
  const sink = memorySink();
  await using running = await startTestPetrel({ server, sinks: [sink.definition] });
  await eventually("the list", () => sink.events.length === 600);
  await eventually("the watch", () => running.petrel.unready() === undefined);
  for (let n = 0; n < 400; n++) server.put(anEventInput());
  await eventually("the watch's events", () => sink.events.length === 1_000);
  const versions = sink.events.map((event) => Number(event.metadata.resourceVersion));
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
  expect(new Set(sink.events.map((event) => event.id)).size).toBe(1_000);
  expect(running.count("petrel_events_received_total", { kind: "listed" })).toBe(600);
  expect(running.count("petrel_events_delivered_total")).toBe(1_000);
  expect(running.petrel.status()).toMatchObject({ events: 0, receivers: [{ backlog: 0, state: "up" }] });
});

test("every state of one event is delivered in order", async () => {
  const sink = memorySink();
  await using running = await startTestPetrel({ sinks: [sink.definition] });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  const first = running.server.put(anEventInput({ metadata: { name: "one", namespace: "shop" } }));
  expect(first).toBeDefined();
  for (let count = 2; count <= 1_000; count++) running.server.update("shop", "one", { count });
  await eventually("1,000 states", () => sink.events.length === 1_000);
  expect(sink.events.map((event) => event.count)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
});

test("each receiver has a position of its own; a dead one holds back nobody else", async () => {
  let dead = true;
  const sink = memorySink(
    (batch) => {
      if (dead && batch.some((event) => event.reason === "Poison")) throw new DeliveryError("network", "refused");
    },
    { batch: { count: 1 } },
  );
  const fine = memorySink(() => {}, { name: "fine" });
  const at = { line: 1, column: 1 };
  const config = aConfig({
    route: {
      drop: [],
      match: [
        { receiver: "dead", at },
        { receiver: "fine", at },
      ],
      routes: [],
      at,
    },
    receivers: [aReceiver("dead"), aReceiver("fine", { sink: "fine" })],
  });
  await using running = await startTestPetrel({ sinks: [sink.definition, fine.definition], config });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  const first = running.server.put(anEventInput());
  const poison = running.server.put(anEventInput({ reason: "Poison" }));
  const last = running.server.put(anEventInput());
  const positions = () => running.petrel.status().receivers.map((receiver) => receiver.positions["/api/v1/events"]);
  await eventually("the healthy one", () => fine.events.length === 3);
  await eventually("a failure", () => running.count("petrel_events_retried_total", { receiver: "dead" }) > 0);
  expect(first.version).toBeLessThan(poison.version);
  // What comes behind the one that waits is done with, and need not be told again.
  expect(positions()).toEqual([
    { high: last.version, open: [poison.version] },
    { high: last.version, open: [] },
  ]);
  dead = false;
  await eventually("the other one", () => sink.events.length === 3);
  expect(positions()).toEqual([
    { high: last.version, open: [] },
    { high: last.version, open: [] },
  ]);
});

test("a receiver for people hears of a recurring event as it doubles", async () => {
  const all = memorySink();
  const people = memorySink(() => {}, { name: "people", updates: "countDoubles" });
  const at = { line: 1, column: 1 };
  const config = aConfig({
    route: {
      drop: [],
      match: [
        { receiver: "all", at },
        { receiver: "chat", at },
      ],
      routes: [],
      at,
    },
    receivers: [aReceiver("all"), aReceiver("chat", { sink: "people" })],
  });
  await using running = await startTestPetrel({ sinks: [all.definition, people.definition], config });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  running.server.put(anEventInput({ metadata: { name: "loop", namespace: "shop" } }));
  for (let count = 2; count <= 20; count++) running.server.update("shop", "loop", { count });
  await eventually("20 states", () => all.events.length === 20);
  await eventually("all of it", () => running.petrel.status().receivers.every((receiver) => receiver.backlog === 0));
  expect(people.events.map((event) => event.count)).toEqual([1, 2, 4, 8, 16]);
  expect(running.count("petrel_events_held_total", { receiver: "chat" })).toBe(15);
});

test("watchReasons: events of these reasons and no others, each once", async () => {
  const server = await createApiServer();
  const put = () => ["Upgrading", "Pulled", "Upgraded"].forEach((reason) => void server.put(anEventInput({ reason })));
  put();
  const sink = memorySink();
  const config = { watchReasons: ["Upgrading", "Upgraded"], clusterEnvironment: "staging" };
  await using running = await startTestPetrel({ server, sinks: [sink.definition], config });
  await eventually("the lists", () => sink.events.length === 2);
  await eventually("the watches", () => running.petrel.unready() === undefined);
  put();
  await eventually("the watches' events", () => sink.events.length === 4);
  expect(sink.events.map(({ reason }) => reason).sort()).toEqual(["Upgraded", "Upgraded", "Upgrading", "Upgrading"]);
  expect(new Set(sink.events.map(({ id }) => id)).size).toBe(4);
  expect(sink.events[0]?.clusterEnvironment).toBe("staging");
  expect(running.petrel.status().watches.map(({ name }) => name)).toEqual([
    "all namespaces, reason Upgrading",
    "all namespaces, reason Upgraded",
  ]);
});

test("logDeliveries: a line for each event that was taken, and none for what was not", async () => {
  const sink = memorySink((batch) => {
    if (batch.some(({ reason }) => reason === "Poison")) throw new DeliveryError("rejected", "no");
  });
  await using running = await startTestPetrel({ sinks: [sink.definition], config: { logDeliveries: true } });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  const stored = running.server.put(anEventInput({ metadata: { name: "one", namespace: "shop" } }));
  running.server.put(anEventInput({ reason: "Poison" }));
  await eventually("a dead letter", () => running.petrel.deadLetters.letters.count === 1);
  await eventually("the other", () => sink.events.length === 1);
  expect(running.log.filter(({ message }) => message === "delivered")).toMatchObject([
    {
      receiver: "all",
      event: `${stored.event.metadata.uid}.${stored.version}`,
      reason: "BackOff",
      namespace: "shop",
      object: expect.stringMatching(/^Pod\/pod-/),
    },
  ]);
});
