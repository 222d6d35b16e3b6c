import { expect, test } from "bun:test";
import { createApiServer } from "../src/demo/api-server.ts";
import { anEventInput, eventually, memorySink, startTestPetrel } from "./harness.ts";

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
