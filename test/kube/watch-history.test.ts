import { expect, test } from "bun:test";
import { createApiServer } from "../../src/demo/api-server.ts";
import * as status from "../../src/demo/status.ts";
import { anEventInput, eventually, memorySink, startTestPetrel } from "../harness.ts";

const QUICK = { silence: 100, peek: 40, patience: 50, tick: 10 };

async function watching(options: Partial<Parameters<typeof startTestPetrel>[0]> = {}) {
  const sink = memorySink();
  const running = await startTestPetrel({ sinks: [sink.definition], ...options });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  const messages = () => sink.events.map((event) => event.message);
  const delivered = (count: number) => eventually(`${count} events`, () => sink.events.length >= count);
  return { sink, running, server: running.server, messages, delivered };
}

const past = (seconds: number) => `${new Date(Date.now() - seconds * 1_000).toISOString().slice(0, 19)}Z`;

test("a gateway's 504 is no other history: what happened meanwhile is told, however old", async () => {
  const { running, server, delivered } = await watching({ config: { maxEventAgeSeconds: 5 } });
  await using _ = running;
  server.put(anEventInput());
  await delivered(1);
  // Old by its own account, so that a first list would leave it out.
  server.fail(3, { code: 504, reason: "", message: "upstream request timeout" }, "/events");
  await server.cut();
  server.put(anEventInput({ firstTimestamp: past(60), lastTimestamp: past(60) }));
  await delivered(2);
  expect(running.count("petrel_watch_reconnects_total", { reason: "history" })).toBe(0);
});

test("a list whose resourceVersion is lower than what was read is another history", async () => {
  const server = await createApiServer();
  await using restored = { server: await createApiServer(), [Symbol.asyncDispose]: () => restored.server.stop() };
  let url = server.url;
  const { running, delivered, messages } = await watching({ server, url: () => url });
  await using _ = running;
  for (let n = 0; n < 20; n++) server.put(anEventInput());
  await delivered(20);
  restored.server.put(anEventInput({ message: "from the backup" }));
  // The new store is compacted beyond the position, as far as it knows that one.
  restored.server.fail(1, status.expiredWatch, "/events");
  url = restored.server.url;
  await server.cut();
  await delivered(21);
  expect(messages().at(-1)).toBe("from the backup");
  expect(running.count("petrel_watch_reconnects_total", { reason: "history" })).toBe(1);
});

test("what happens while the API server cannot be reached at the start is no old news", async () => {
  const server = await createApiServer();
  server.intercept(() => status.unavailable);
  const sink = memorySink();
  await using running = await startTestPetrel({
    server,
    sinks: [sink.definition],
    config: { maxEventAgeSeconds: 0.05 },
  });
  await eventually("some attempts", () => running.count("petrel_kube_api_requests_total", { code: "503" }) >= 2);
  server.put(anEventInput({ message: "meanwhile", firstTimestamp: null, lastTimestamp: null, eventTime: micros() }));
  await Bun.sleep(60);
  server.intercept(undefined);
  await eventually("the event", () => sink.events.length === 1);
});

const micros = () => `${new Date().toISOString().slice(0, 23)}000Z`;

test("a line that is no event, but has its place, is met once", async () => {
  const { running, server, delivered } = await watching();
  await using _ = running;
  server.put(anEventInput());
  await delivered(1);
  const resourceVersion = String(server.version + 1);
  server.garbage(`{"type":"ADDED","object":{"metadata":{"uid":"x","resourceVersion":"${resourceVersion}"}}}\n`);
  const watch = () => running.petrel.status().watches[0];
  await eventually("the place", () => watch()?.version === Number(resourceVersion));
  server.garbage('{"type":"BOOKMARK","object":{"kind":"Event","metadata":{"resourceVersion":"1"}}}\n');
  server.put(anEventInput());
  server.put(anEventInput());
  await delivered(2);
  expect(watch()?.version).toBeGreaterThanOrEqual(Number(resourceVersion));
  server.closeWatches();
  server.put(anEventInput());
  await delivered(4);
  const asked = server.requests.filter(({ query }) => query.watch).map(({ query }) => Number(query.resourceVersion));
  expect(asked.toSorted((a, b) => a - b)).toEqual(asked);
});

test("a watch that freezes after its beginning was compacted is noticed", async () => {
  const { running, server, delivered } = await watching({ timing: QUICK });
  await using _ = running;
  for (let n = 0; n < 10; n++) server.put(anEventInput());
  await delivered(10);
  server.compact();
  server.freeze();
  for (let n = 0; n < 3; n++) server.put(anEventInput());
  await delivered(13);
  expect(running.count("petrel_watch_reconnects_total", { reason: "mute" })).toBe(1);
});

test("and so is one whose position was compacted in its silence", async () => {
  const { running, server, delivered } = await watching({ timing: QUICK });
  await using _ = running;
  server.put(anEventInput());
  await delivered(1);
  server.freeze();
  for (let n = 0; n < 3; n++) server.put(anEventInput());
  server.compact();
  await delivered(4);
  expect(running.count("petrel_watch_reconnects_total", { reason: "gone" })).toBe(1);
});
