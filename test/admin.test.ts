import { afterEach, describe, expect, test } from "bun:test";
import { startAdmin } from "../src/admin.ts";
import { DeliveryError } from "../src/errors.ts";
import { createLogger } from "../src/logger.ts";
import { openSecret } from "../src/pipeline/context.ts";
import { anEventInput, eventually, memorySink, type Running, startTestPetrel } from "./harness.ts";

type Options = Parameters<typeof startAdmin>[0];

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});

function anAdmin(options: Partial<Options> = {}) {
  const lines: string[] = [];
  const admin = startAdmin({
    address: "127.0.0.1:0",
    required: true,
    token: undefined,
    petrel: () => undefined,
    generation: () => 1,
    config: () => undefined,
    schema: () => Promise.resolve('{"title":"Petrel"}\n'),
    logger: createLogger({ level: "info", format: "json", write: (line) => void lines.push(line) }),
    startedAt: Date.now() - 5_000,
    ...options,
  });
  if (admin) open.push(admin);
  async function ask(method: string, path: string, init: RequestInit = {}) {
    const url = `http://127.0.0.1:${admin?.port}${path}`;
    const response = await fetch(url, { method, signal: AbortSignal.timeout(5_000), ...init });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect(response.headers.get("content-type")).toStartWith("application/json");
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const post = (path: string, body: unknown) =>
    ask("POST", path, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  return { admin, ask, post, lines };
}

/** A Petrel whose receiver refuses what is called so, as long as `refusing` is true. */
async function aPetrel() {
  const switches = { refusing: true };
  const sink = memorySink(
    (batch) => {
      if (switches.refusing && batch.some(({ reason }) => reason === "Bad"))
        throw new DeliveryError("rejected", "HTTP 400");
    },
    { batch: { count: 1 } },
  );
  const running: Running = await startTestPetrel({ sinks: [sink.definition] });
  open.push({ stop: () => Promise.resolve(running[Symbol.asyncDispose]()) });
  await eventually("the watch", () => running.petrel.unready() === undefined);
  const put = async (count: number) => {
    const before = running.petrel.status().deadLetters.count;
    for (let n = 0; n < count; n++) running.server.put(anEventInput({ reason: "Bad", message: `bad ${n}` }));
    await eventually("dead letters", () => running.petrel.status().deadLetters.count === before + count);
  };
  return { running, sink, switches, put };
}

describe("who is served", () => {
  test.each<[string, number, Record<string, string>]>([
    ["as it is", 200, {}],
    ["localhost, through a tunnel", 200, { host: "localhost:31000" }],
    ["IPv6", 200, { host: "[::1]:2113" }],
    ["a name that leads here", 403, { host: "evil.example:2113" }],
    ["a name that begins well", 403, { host: "127.0.0.1.evil.example" }],
    ["a page of another site", 403, { origin: "http://evil.example" }],
    ["a page of a file", 403, { origin: "null" }],
    ["a browser for another site", 403, { "sec-fetch-site": "cross-site" }],
    ["its own page", 200, { host: "localhost:1", origin: "http://localhost:1", "sec-fetch-site": "same-origin" }],
  ])("without a token: %s", async (_, status, headers) => {
    const { ask } = anAdmin();
    expect((await ask("GET", "/api/v1/status", { headers })).status).toBe(status);
  });

  test.each<[string, number, Record<string, string>]>([
    ["none", 401, {}],
    ["another", 401, { authorization: "Bearer s3cre" }],
    ["of another scheme", 401, { authorization: "Basic s3cret" }],
    ["the one", 200, { authorization: "Bearer s3cret" }],
    ["the one, whatever the host is called", 200, { authorization: "bearer s3cret", host: "petrel.example" }],
    ["the one, from a page", 403, { authorization: "Bearer s3cret", origin: "http://evil.example" }],
  ])("with a token: %s", async (_, status, headers) => {
    const { ask } = anAdmin({ address: ":0", token: openSecret("s3cret", { env: {} }) });
    expect((await ask("GET", "/api/v1/status", { headers })).status).toBe(status);
  });

  test("nobody while the token cannot be read, nor with an empty one", async () => {
    for (const token of [openSecret({ env: "GONE" }, { env: {} }), openSecret("", { env: {} })]) {
      const { ask } = anAdmin({ token });
      expect((await ask("GET", "/api/v1/status", { headers: { authorization: "Bearer x" } })).status).toBe(401);
    }
  });

  test.each([":0", "0.0.0.0:0", "[::]:0", "petrel.example:0"])("not beyond loopback without a token: %s", (address) => {
    expect(() => anAdmin({ address })).toThrow("can be reached from other machines");
  });

  test("a port that is taken stops Petrel only if it was asked for", () => {
    const { admin } = anAdmin();
    const address = `127.0.0.1:${admin?.port}`;
    const { admin: second, lines } = anAdmin({ address, required: false });
    expect(second).toBeUndefined();
    expect(lines.join("")).toContain(`cannot listen on ${address} for administration: the address is in use`);
    expect(() => anAdmin({ address })).toThrow("choose another with --admin-address, or off");
  });
});

test.each<[string, string, number, string]>([
  ["GET", "/", 404, "there is nothing at /"],
  ["GET", "/metrics", 404, "there is nothing at /metrics"],
  ["POST", "/-/reload", 404, "there is nothing at /-/reload"],
  ["POST", "/api/v1/status", 405, "only GET here"],
  ["GET", "/api/v1/dead-letters", 503, "Petrel is starting"],
])("%s %s is not there: %d", async (method, path, status, error) => {
  expect(await anAdmin().ask(method, path)).toEqual({ status, body: { error } });
});

test("a reload is there when it can be done, and says why not when it was not", async () => {
  const answers = [{ generation: 2 }, { generation: 2, problem: "petrel.yaml:3:1: `sink` is not a key" }];
  const { ask } = anAdmin({ reload: () => Promise.resolve(answers.shift() ?? { generation: 0 }) });
  expect(await ask("POST", "/-/reload")).toEqual({ status: 200, body: { generation: 2 } });
  expect(await ask("POST", "/-/reload")).toMatchObject({ status: 422, body: { problem: expect.any(String) } });
  expect((await ask("GET", "/-/reload")).status).toBe(405);
});

test("schemas", async () => {
  const { ask } = anAdmin();
  const type = "Kubernetes.Workloads.Pod.V1.CrashLoopBackOff";
  const schema = { $id: `urn:petrel:schema:${type}`, title: type };
  expect(await ask("GET", "/api/v1/schemas")).toMatchObject({
    status: 200,
    body: { config: { title: "Petrel" }, types: { [type]: schema } },
  });
  expect(await ask("GET", `/api/v1/schemas/${type}`)).toMatchObject({ status: 200, body: schema });
  for (const absent of ["constructor", "", "%zz", "a/b"])
    expect((await ask("GET", `/api/v1/schemas/${absent}`)).status).toBe(404);
});

test("status tells of receivers, watches and what waits", async () => {
  const { running, put } = await aPetrel();
  await put(2);
  const { ask } = anAdmin({ petrel: () => running.petrel, generation: () => 3 });
  const [watch = ""] = Object.keys(running.petrel.status().receivers[0]?.positions ?? {});
  const version = running.petrel.status().watches[0]?.version;
  expect(version).toBeGreaterThan(0);
  const { status, body } = await ask("GET", "/api/v1/status");
  expect(status).toBe(200);
  expect(body).toMatchObject({
    config: { generation: 3 },
    ready: true,
    unready: null,
    unhealthy: null,
    uptimeSeconds: 5,
    buffer: { events: 0, bytes: 0 },
    deadLetters: { count: 2 },
    leader: null,
    checkpoint: "none",
    receivers: [
      { name: "all", state: "up", backlog: 0, inFlight: 0, positions: { [watch]: { high: version, open: [] } } },
    ],
    watches: [{ name: "all namespaces", open: true, lastByteAt: expect.any(String), lastError: null }],
  });
  const starting = await anAdmin().ask("GET", "/api/v1/status");
  expect(starting.body).toMatchObject({ ready: false, unready: "starting", receivers: [], watches: [] });
});

describe("dead letters", () => {
  const PATH = "/api/v1/dead-letters";

  test("are listed page by page, shown and dropped", async () => {
    const { running, put } = await aPetrel();
    await put(5);
    const { ask } = anAdmin({ petrel: () => running.petrel });
    const ids = (body: Record<string, unknown>) => (body.letters as { id: number }[]).map(({ id }) => id);
    const first = await ask("GET", `${PATH}?limit=2`);
    expect([ids(first.body), first.body.count, first.body.next]).toEqual([[1, 2], 5, 2]);
    const last = await ask("GET", `${PATH}?limit=3&after=2&receiver=all`);
    expect([ids(last.body), last.body.next]).toEqual([[3, 4, 5], null]);
    expect(ids((await ask("GET", `${PATH}?receiver=other`)).body)).toEqual([]);

    const one = await ask("GET", `${PATH}/3`);
    expect(one.body).toMatchObject({
      id: 3,
      receiver: "all",
      reason: "rejected",
      message: "HTTP 400",
      attempts: 1,
      event: { reason: "Bad", message: "bad 2" },
    });
    expect(one.body.eventId).toBe(
      `${(one.body.event as { metadata: { uid: string } }).metadata.uid}.${
        (one.body.event as { metadata: { resourceVersion: string } }).metadata.resourceVersion
      }`,
    );
    expect((await ask("DELETE", `${PATH}/3`)).body).toEqual({ dropped: 1 });
    expect((await ask("GET", `${PATH}/3`)).status).toBe(404);
    expect((await ask("DELETE", `${PATH}?receiver=other`)).body).toEqual({ dropped: 0 });
    expect((await ask("DELETE", PATH)).status).toBe(400);
    expect((await ask("DELETE", `${PATH}?all=true`)).body).toEqual({ dropped: 4 });
    expect(running.petrel.status().deadLetters).toEqual({ count: 0, bytes: 0 });
  });

  test("are sent again, by id, by receiver and all", async () => {
    const { running, put, sink, switches } = await aPetrel();
    await put(5);
    const { ask, post } = anAdmin({ petrel: () => running.petrel });
    expect((await post(`${PATH}/replay`, { ids: [2, 77] })).body).toEqual({
      delivered: 0,
      refused: 1,
      waiting: 0,
      missing: 1,
      left: 5,
      results: [
        { id: 2, outcome: "refused", reason: "rejected", message: "HTTP 400" },
        { id: 77, outcome: "gone" },
      ],
    });
    expect((await ask("GET", `${PATH}/2`)).body.attempts).toBe(2);
    switches.refusing = false;
    expect((await ask("POST", `${PATH}/2/replay`)).body).toMatchObject({ delivered: 1, left: 4 });
    expect((await post(`${PATH}/replay`, { receiver: "other" })).body).toMatchObject({ delivered: 0, left: 4 });
    expect((await post(`${PATH}/replay`, { all: true })).body).toMatchObject({ delivered: 4, left: 0 });
    expect(sink.events.map(({ message }) => message)).toEqual(["bad 1", "bad 0", "bad 2", "bad 3", "bad 4"]);
    expect(running.count("petrel_events_delivered_total")).toBe(5);
  });

  test.each<[string, string, RequestInit, number]>([
    ["GET", "?limit=-1", {}, 400],
    ["GET", "?limit=1001", {}, 400],
    ["GET", "?after=x", {}, 400],
    ["PUT", "", {}, 405],
    ["GET", "/x", {}, 404],
    ["GET", "/1/2", {}, 404],
    ["GET", "/replay", {}, 405],
    ["POST", "/replay", { body: "{}" }, 415],
    ["POST", "/replay", { body: "{}", headers: { "content-type": "application/json" } }, 400],
    ["POST", "/replay", { body: "{", headers: { "content-type": "application/json" } }, 400],
    ["POST", "/replay", { body: '{"ids":["1"]}', headers: { "content-type": "application/json" } }, 400],
  ])("%s %s %j is refused", async (method, path, init, status) => {
    const { running } = await aPetrel();
    const answer = await anAdmin({ petrel: () => running.petrel }).ask(method, `${PATH}${path}`, init);
    expect(answer).toEqual({ status, body: { error: expect.any(String) } });
  });

  test("a body that is too large is not read", async () => {
    const { running } = await aPetrel();
    const { admin } = anAdmin({ petrel: () => running.petrel });
    const response = await fetch(`http://127.0.0.1:${admin?.port}${PATH}/replay`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ids: [], padding: "x".repeat(100_000) }),
      signal: AbortSignal.timeout(5_000),
    });
    expect(response.status).toBe(413);
  });
});
