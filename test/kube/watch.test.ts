import { describe, expect, test } from "bun:test";
import { createApiServer } from "../../src/demo/api-server.ts";
import * as status from "../../src/demo/status.ts";
import { anEventInput, eventually, memorySink, type Running, startTestPetrel } from "../harness.ts";

/** A Petrel on a quiet simulated cluster, its watch open. */
async function watching(options: Partial<Parameters<typeof startTestPetrel>[0]> = {}) {
  const sink = memorySink();
  const running = await startTestPetrel({ sinks: [sink.definition], ...options });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  const put = (count: number) => {
    for (let n = 0; n < count; n++) running.server.put(anEventInput());
  };
  const delivered = (count: number, ms?: number) =>
    eventually(`${count} events`, () => sink.events.length >= count, ms).then(() => {
      expect(new Set(sink.events.map((event) => event.id)).size).toBe(sink.events.length);
      expect(sink.events.length).toBe(count);
    });
  return { sink, running, server: running.server, put, delivered };
}

const messages = (running: Running) => running.log.map((line) => String(line.message));

describe("connections that end", () => {
  test("in good order", async () => {
    const { running, server, put, delivered } = await watching();
    await using _ = running;
    put(3);
    await delivered(3);
    server.closeWatches();
    put(3);
    await delivered(6);
    expect(running.count("petrel_watch_reconnects_total", { reason: "closed" })).toBeGreaterThan(0);
  });

  test("in the middle of a line", async () => {
    const { running, server, put, delivered } = await watching();
    await using _ = running;
    put(2);
    await server.cut({ midLine: true });
    put(2);
    await delivered(4);
    expect(running.count("petrel_watch_reconnects_total", { reason: "error" })).toBeGreaterThan(0);
  });

  test("and history that is gone: listed again, only what is new is told", async () => {
    const { running, server, put, delivered } = await watching();
    await using _ = running;
    put(5);
    await delivered(5);
    server.intercept((request) => (request.query.watch ? status.unavailable : undefined));
    await server.cut();
    put(700);
    server.compact();
    server.intercept(undefined);
    await delivered(705);
    expect(running.count("petrel_events_received_total", { kind: "listed" })).toBe(700);
  });
});

describe("answers that are no stream", () => {
  test.each([
    ["429 with Retry-After", status.tooManyRequests(0)],
    ["503", status.unavailable],
    ["410 as a status", status.expiredWatch],
  ])("%s: the watch goes on, nothing is lost", async (_, answer) => {
    const { running, server, put, delivered } = await watching();
    await using __ = running;
    put(2);
    await delivered(2);
    server.fail(3, answer, "/events");
    server.closeWatches();
    put(2);
    await delivered(4);
  });

  test("403 is said once, with the rule that is missing, and Petrel is not ready", async () => {
    const server = await createApiServer();
    server.intercept(() => status.forbidden("petrel", "list", "events"));
    await using running = await startTestPetrel({ server, sinks: [memorySink().definition] });
    const requests = () => running.count("petrel_kube_api_requests_total", { code: "403" });
    await eventually("several attempts", () => requests() >= 4);
    const said = running.log.filter((line) => String(line.message).includes("RBAC"));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({
      level: "error",
      rule: '{apiGroups: [""], resources: ["events"], verbs: ["list", "watch"]}',
    });
    expect(running.petrel.unready()).toContain("is not open");
    server.intercept(undefined);
    await eventually("readiness", () => running.petrel.unready() === undefined);
    expect(messages(running)).toContain("events are watched again");
  });
});

describe("things that are no events", () => {
  test.each([
    ["not JSON", "{{{nonsense\n"],
    ["JSON that is no watch event", '{"a":1}\n'],
    ["an event without its object", '{"type":"ADDED","object":{"metadata":{}}}\n'],
    ["a number", "17\n"],
  ])("%s: one counted error, the lines around it are kept", async (_, garbage) => {
    const { running, server, put, delivered } = await watching();
    await using __ = running;
    put(2);
    await delivered(2);
    server.garbage(garbage);
    put(2);
    await delivered(4);
    expect(running.count("petrel_events_discarded_total", { reason: "malformed" })).toBe(1);
  });

  test("binary without an end does not swallow the event behind it", async () => {
    const { running, server, put, delivered } = await watching();
    await using _ = running;
    put(1);
    await delivered(1);
    server.garbage(new Uint8Array([0, 255, 254, 1, 123, 34, 192, 175]));
    put(2);
    await delivered(3);
    expect(running.count("petrel_events_discarded_total", { reason: "malformed" })).toBe(1);
  });

  test("a line of more than 16 MiB is one counted error; one of 10 MiB is delivered", async () => {
    const { running, server, put, sink } = await watching();
    await using _ = running;
    server.put(anEventInput({ message: "x".repeat(17 * 1024 * 1024) }));
    server.put(anEventInput({ message: "y".repeat(10 * 1024 * 1024) }));
    put(1);
    await eventually("the rest", () => sink.events.length === 2);
    expect(sink.events[0]?.message).toHaveLength(10 * 1024 * 1024);
    expect(running.count("petrel_events_discarded_total", { reason: "too_long" })).toBe(1);
  });

  test("bytes that come one at a time are an event in the end", async () => {
    const { running, server, put, delivered } = await watching();
    await using _ = running;
    server.trickle(1, 0);
    put(1);
    await delivered(1);
  });
});

describe("silence", () => {
  const timing = { silence: 150, peek: 50, patience: 60, tick: 20 };

  test("a frozen connection is noticed and nothing is lost", async () => {
    const { running, server, put, delivered } = await watching({ timing });
    await using _ = running;
    put(2);
    await delivered(2);
    server.freeze();
    put(3);
    await delivered(5);
    expect(running.count("petrel_watch_reconnects_total", { reason: "mute" })).toBe(1);
  });

  test("a quiet cluster is no reason to connect again", async () => {
    const { running, put, delivered } = await watching({ timing });
    await using _ = running;
    put(2);
    await delivered(2);
    await eventually("two probes", () => running.count("petrel_kube_api_requests_total", { verb: "watch" }) >= 3);
    expect(running.count("petrel_watch_reconnects_total")).toBe(0);
  });

  test.each([
    ["while the watch is silent", false],
    ["after the connection broke", true],
  ])("a server restored from a backup is noticed %s, and its events are told", async (_, breaks) => {
    const server = await createApiServer();
    await using restored = { server: await createApiServer(), [Symbol.asyncDispose]: () => restored.server.stop() };
    let url = server.url;
    const { running, put, delivered, sink } = await watching({ timing, server, url: () => url });
    await using __ = running;
    put(50);
    await delivered(50);
    restored.server.put(anEventInput({ message: "from the backup" }));
    url = restored.server.url;
    if (breaks) await server.cut();
    else server.freeze();
    await delivered(51);
    expect(sink.events.at(-1)?.message).toBe("from the backup");
    expect(running.count("petrel_watch_reconnects_total", { reason: "history" })).toBe(1);
    expect(messages(running).join()).toContain("another history");
  });
});

describe("what is selected", () => {
  test("namespaces each have a watch, excluded ones are left out", async () => {
    const server = await createApiServer();
    const sink = memorySink();
    await using running = await startTestPetrel({
      server,
      sinks: [sink.definition],
      config: { namespaces: ["a", "b"] },
    });
    await eventually("both watches", () => running.petrel.unready() === undefined);
    for (const namespace of ["a", "b", "c"]) server.put(anEventInput({ metadata: { name: "x", namespace } }));
    await eventually("two events", () => sink.events.length === 2);
    expect(sink.events.map((event) => event.metadata.namespace).sort()).toEqual(["a", "b"]);
    expect(running.petrel.status().watches.map((watch) => watch.name)).toEqual(["namespace a", "namespace b"]);
  });

  test.each([
    ["excludeNamespaces", { excludeNamespaces: ["a"] }, ["b", "c"]],
    ["fieldSelector", { fieldSelector: "metadata.namespace=b" }, ["b"]],
    ["events.k8s.io/v1", { api: "events.k8s.io/v1" as const }, ["a", "b", "c"]],
  ])("%s", async (_, config, expected) => {
    const { running, server, sink } = await watching({ config });
    await using __ = running;
    for (const namespace of ["a", "b", "c"]) server.put(anEventInput({ metadata: { name: "x", namespace } }));
    await eventually("the events", () => sink.events.length === expected.length);
    expect(sink.events.map((event) => event.metadata.namespace)).toEqual(expected);
  });
});

describe("the first list", () => {
  const old = "2020-01-01T00:00:00Z";
  test("takes what is young enough, and an event without any time by its creation", async () => {
    const server = await createApiServer();
    server.put(
      anEventInput({
        message: "old",
        firstTimestamp: old,
        lastTimestamp: old,
        metadata: { name: "o", namespace: "a", creationTimestamp: old },
      }),
    );
    server.put(anEventInput({ message: "new" }));
    server.put(anEventInput({ message: "timeless", firstTimestamp: null, lastTimestamp: null }));
    const sink = memorySink();
    await using running = await startTestPetrel({
      server,
      sinks: [sink.definition],
      config: { maxEventAgeSeconds: 60 },
    });
    await eventually("two events", () => sink.events.length === 2);
    expect(sink.events.map((event) => event.message)).toEqual(["new", "timeless"]);
    expect(running.log).toContainEqual(
      expect.objectContaining({
        level: "warn",
        message: expect.stringContaining("older than maxEventAgeSeconds"),
        events: 1,
      }),
    );
    await eventually("the watch", () => running.petrel.unready() === undefined);
    server.put(anEventInput({ message: "old but live", firstTimestamp: old, lastTimestamp: old }));
    await eventually("the live one", () => sink.events.length === 3);
  });

  test("startFrom: now takes nothing of it", async () => {
    const server = await createApiServer();
    server.put(anEventInput());
    const sink = memorySink();
    await using running = await startTestPetrel({ server, sinks: [sink.definition], config: { startFrom: "now" } });
    await eventually("the watch", () => running.petrel.unready() === undefined);
    server.put(anEventInput({ message: "later" }));
    await eventually("one event", () => sink.events.length === 1);
    expect(sink.events[0]?.message).toBe("later");
  });

  test("survives a continue token that expires", async () => {
    const server = await createApiServer();
    for (let n = 0; n < 900; n++) server.put(anEventInput());
    let expired = 0;
    server.intercept((request) => (request.query.continue && expired++ === 1 ? status.expiredContinue("") : undefined));
    const sink = memorySink();
    await using running = await startTestPetrel({ server, sinks: [sink.definition] });
    await eventually("all of them", () => sink.events.length >= 900);
    expect(new Set(sink.events.map((event) => event.id)).size).toBe(900);
    expect(sink.events).toHaveLength(900);
    expect(running.count("petrel_events_delivered_total")).toBe(900);
  });
});
