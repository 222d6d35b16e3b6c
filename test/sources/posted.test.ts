import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../src/config/types.ts";
import { eventually, memorySink, type Running, startTestPetrel } from "../harness.ts";
import { cloudEvent, core, HTTP } from "./posted.ts";

const HTTP_ONLY = { sources: ["http"], http: HTTP } satisfies Partial<Config>;

async function post(running: Running, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`http://127.0.0.1:${running.petrel.postPort}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "petrel-door-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("what is posted is delivered, once per id, without a cluster", async () => {
  const sink = memorySink();
  const config = { ...HTTP_ONLY, clusterName: "central" };
  await using running = await startTestPetrel({ sinks: [sink.definition], config });
  await eventually("it is ready", () => running.petrel.unready() === undefined);
  const first = await post(running, [core(1), core(2, { clusterName: "edge" })]);
  expect([first.status, await first.json()]).toEqual([200, { ids: ["u-1.1", "u-2.2"] }]);
  // A repeat is answered like the first time; another state is another event.
  expect(
    await (await post(running, [core(2), core(2, { metadata: { ...meta(2), resourceVersion: "3" } })])).json(),
  ).toEqual({
    ids: ["u-2.2", "u-2.3"],
  });
  expect((await post(running, core(4), { "idempotency-key": "k" })).headers.get("x-event-id")).toBe("k");
  expect((await post(running, core(5), { "idempotency-key": "k" })).headers.get("x-event-id")).toBe("k");
  const ce = { "content-type": "application/cloudevents+json" };
  expect((await post(running, cloudEvent(6), ce)).headers.get("x-event-id")).toBe("/clusters/edge#c-6");
  expect((await post(running, cloudEvent(6), ce)).status).toBe(200);
  // Without uid or version a digest says whether it is the same.
  const bare = core(7, { metadata: { name: "bare" } });
  const digest = (await post(running, bare)).headers.get("x-event-id");
  expect(digest).toMatch(/^sha256-[0-9a-f]{32}$/);
  expect((await post(running, bare)).headers.get("x-event-id")).toBe(digest);
  await eventually("six events", () => sink.events.length === 6);
  expect(sink.events.map(({ id, clusterName }) => [id, clusterName])).toEqual([
    ["u-1.1", "central"],
    ["u-2.2", "edge"],
    ["u-2.3", "central"],
    ["k", "central"],
    ["/clusters/edge#c-6", "central"],
    [digest ?? "", "central"],
  ]);
  expect(running.count("petrel_events_received_total", { kind: "posted" })).toBe(6);
  expect(running.count("petrel_events_discarded_total", { reason: "repeated" })).toBe(4);
  expect(running.count("petrel_posts_total", { status: "200" })).toBe(8);
  expect(running.server.requests).toEqual([]);
});

const meta = (n: number) => core(n).metadata as object;

test("a list with something wrong in it is not taken at all", async () => {
  const sink = memorySink();
  await using running = await startTestPetrel({ sinks: [sink.definition], config: HTTP_ONLY });
  const refused = await post(running, [core(1), core(2, { count: {} })]);
  expect([refused.status, await refused.json()]).toMatchObject([400, { index: 1, pointer: "/1/count" }]);
  expect((await post(running, [core(1)])).status).toBe(200);
  await eventually("the other list", () => sink.events.length === 1);
  expect(running.petrel.status()).toMatchObject({ events: 0 });
});

test("more than the buffer holds is refused whole", async () => {
  const config = { ...HTTP_ONLY, buffer: { events: 3, bytes: 1024 * 1024 } };
  await using running = await startTestPetrel({ sinks: [memorySink().definition], config });
  expect((await post(running, [core(1), core(2), core(3), core(4)])).status).toBe(413);
  expect(running.count("petrel_events_received_total", { kind: "posted" })).toBe(0);
});

test("what a watch told is not taken from a post, and no position depends on a post", async () => {
  const sink = memorySink();
  const config = { sources: ["kubernetes", "http"], http: HTTP } satisfies Partial<Config>;
  await using running = await startTestPetrel({ sinks: [sink.definition], config });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  const stored = running.server.put(core(1) as never);
  await eventually("the watch's event", () => sink.events.length === 1);
  const [told] = sink.events;
  expect((await post(running, { ...core(1), metadata: told?.metadata })).status).toBe(200);
  expect((await post(running, core(999_999))).status).toBe(200);
  await eventually("the posted one", () => sink.events.length === 2);
  expect(running.petrel.status().receivers[0]?.positions).toEqual({
    "/api/v1/events": { high: stored.version, open: [] },
  });
});

test("with a journal an id is known again after a restart, delivered or not", async () => {
  using dir = folder();
  let down = true;
  const slow = () => (down ? new Promise<void>(() => {}) : undefined);
  const config: Partial<Config> = {
    ...HTTP_ONLY,
    shutdownTimeoutMs: 50,
    state: { path: dir.path, maxBytes: 1e8, maxAgeMs: 1e8, fsync: "group" },
  };
  {
    const sink = memorySink((batch) => (batch.some(({ id }) => id === "waits") ? slow() : undefined), {
      batch: { count: 1 },
    });
    await using running = await startTestPetrel({ sinks: [sink.definition], config });
    expect((await post(running, core(1))).status).toBe(200);
    await eventually("the first", () => sink.events.length === 1);
    expect((await post(running, core(2), { "idempotency-key": "waits" })).status).toBe(200);
  }
  down = false;
  const sink = memorySink();
  await using running = await startTestPetrel({ sinks: [sink.definition], config });
  await eventually("the one that waited", () => sink.events.length === 1);
  expect(sink.events[0]).toMatchObject({ id: "waits", message: "message 2" });
  expect(await (await post(running, core(1))).json()).toEqual({ ids: ["u-1.1"] });
  expect((await post(running, core(2), { "idempotency-key": "waits" })).status).toBe(200);
  expect((await post(running, core(3))).status).toBe(200);
  await eventually("a new one", () => sink.events.length === 2);
  expect(sink.events.map(({ id }) => id)).toEqual(["waits", "u-3.3"]);
});

test("a dead letter of a post is sent again as it came", async () => {
  const { DeliveryError } = await import("../../src/errors.ts");
  let refuses = true;
  const sink = memorySink(() => {
    if (refuses) throw new DeliveryError("rejected", "no");
  });
  const config = { ...HTTP_ONLY, clusterName: "central" };
  await using running = await startTestPetrel({ sinks: [sink.definition], config });
  await post(running, core(1, { clusterName: "edge" }), { "idempotency-key": "k" });
  await eventually("a dead letter", () => running.petrel.deadLetters.letters.count === 1);
  refuses = false;
  const [letter] = running.petrel.deadLetters.letters.list({ limit: 1 });
  expect(await running.petrel.deadLetters.send(letter?.id ?? 0)).toBe("delivered");
  expect(sink.events).toMatchObject([{ id: "k", clusterName: "edge" }]);
});

test("standard input: as kubectl prints them, to the end", async () => {
  const sink = memorySink();
  async function* stdin(): AsyncGenerator<Uint8Array> {
    const text = [core(1), core(2)].map((one) => JSON.stringify(one, undefined, 4)).join("\n");
    yield Buffer.from(text.slice(0, 100));
    yield Buffer.from(`${text.slice(100)}\n{"kind":"Pod","metadata":{}}\nnot JSON\n`);
    yield Buffer.from(JSON.stringify({ kind: "List", items: [core(3), core(2)] }));
  }
  await using running = await startTestPetrel({ sinks: [sink.definition], config: { sources: ["stdin"] }, stdin });
  await running.petrel.ended;
  await eventually("three events", () => sink.events.length === 3);
  expect(sink.events.map(({ id }) => id)).toEqual(["u-1.1", "u-2.2", "u-3.3"]);
  expect(running.count("petrel_events_discarded_total", { reason: "malformed" })).toBe(2);
  expect(running.log.filter(({ level }) => level === "warn")).toMatchObject([
    { source: "stdin", problem: "/involvedObject: an event has an involvedObject (or regarding)" },
    { source: "stdin", problem: 'not JSON: "not JSON"' },
  ]);
});

test("a stream waits for receivers that are behind", async () => {
  let open = false;
  const gate = Promise.withResolvers<void>();
  const sink = memorySink(() => (open ? undefined : gate.promise));
  using dir = folder();
  const path = join(dir.path, "events.json");
  writeFileSync(path, Array.from({ length: 2_000 }, (_, n) => JSON.stringify(core(n))).join("\n"));
  const config: Partial<Config> = { sources: ["file"], file: { path }, buffer: { events: 100, bytes: 1e7 } };
  await using running = await startTestPetrel({ sinks: [sink.definition], config });
  await eventually("it fills", () => running.petrel.status().events > 40);
  await Bun.sleep(50);
  expect(running.petrel.status().events).toBeLessThan(100);
  open = true;
  gate.resolve();
  await running.petrel.ended;
  await eventually("all", () => sink.events.length === 2_000);
  expect(running.count("petrel_events_dropped_total")).toBe(0);
});

test("a file that is not there ends the source, and is said", async () => {
  const config: Partial<Config> = { sources: ["file"], file: { path: "/nowhere/events.json" } };
  await using running = await startTestPetrel({ sinks: [memorySink().definition], config });
  await running.petrel.ended;
  expect(running.log.find(({ level }) => level === "error")).toMatchObject({ source: "file", events: 0 });
});

test("over TLS, and with clientCaFile from whom it knows alone", async () => {
  const file = (name: string) => join(import.meta.dir, "../fixtures/tls", name);
  const pem = (name: string) => readFileSync(file(name), "utf8");
  const tls = { certFile: file("server.crt"), keyFile: file("server.key"), clientCaFile: file("ca.crt") };
  const config = { ...HTTP_ONLY, http: { ...HTTP, tls } };
  await using running = await startTestPetrel({ sinks: [memorySink().definition], config });
  const ask = (client: object) =>
    fetch(`https://localhost:${running.petrel.postPort}/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(core(1)),
      tls: { ca: pem("ca.crt"), ...client },
    }).then(
      (response) => response.status,
      () => "refused",
    );
  expect(await ask({ cert: pem("client.crt"), key: pem("client.key") })).toBe(200);
  expect(await ask({})).toBe("refused");
  expect(await ask({ cert: pem("other-client.crt"), key: pem("other-client.key") })).toBe("refused");
  const missing = { ...HTTP_ONLY, http: { ...HTTP, tls: { ...tls, keyFile: "/nowhere/tls.key" } } };
  expect(startTestPetrel({ sinks: [memorySink().definition], config: missing })).rejects.toThrow(
    "http.tls.keyFile /nowhere/tls.key cannot be read (ENOENT)",
  );
});
