import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { createLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics.ts";
import { normalisePosted } from "../../src/normalise.ts";
import type { Posted } from "../../src/pipeline/posting.ts";
import { type HttpSource, type HttpSourceOptions, startHttpSource } from "../../src/sources/http.ts";
import { cloudEvent, core, HTTP, newer } from "./posted.ts";

interface Door extends Disposable {
  readonly url: string;
  readonly source: HttpSource;
  readonly taken: (readonly Posted[])[];
  readonly log: string[];
}

/** A door before a pipeline that takes everything and answers with `#0`, `#1` … */
function openDoor(
  changes: Partial<HttpSourceOptions> & { readonly pipe?: Partial<HttpSourceOptions["pipeline"]> } = {},
): Door {
  const taken: (readonly Posted[])[] = [];
  const waiting: Posted[] = [];
  const log: string[] = [];
  const { pipe, ...options } = changes;
  const source = startHttpSource({
    config: HTTP,
    token: undefined,
    leads: () => true,
    logger: createLogger({ level: "info", format: "json", write: (line) => void log.push(line) }),
    metrics: createMetrics(),
    ...options,
    pipeline: {
      watch: () => 0,
      prepare(posted) {
        waiting.push(posted);
        return { event: normalisePosted(posted.input, posted.id, {}), bytes: new Uint8Array() };
      },
      fits: () => true,
      post() {
        const events = waiting.splice(0);
        taken.push(events);
        return events.map(({ id }, index) => id ?? `#${index}`);
      },
      committed: () => Promise.resolve(true),
      room: () => undefined,
      ...pipe,
    },
  });
  return { url: `http://127.0.0.1:${source.port}`, source, taken, log, [Symbol.dispose]: () => void source.stop() };
}

const JSON_TYPE = { "content-type": "application/json" };
const NDJSON_TYPE = { "content-type": "application/x-ndjson" };
const BATCH = { "content-type": "application/cloudevents-batch+json" };
const STRUCTURED = { "content-type": "application/cloudevents+json; charset=UTF-8" };
const text = (value: unknown): string => JSON.stringify(value);

interface Shape {
  readonly name: string;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
  /** Of each event: `name` of its metadata, the id that was given, whether it is another state. */
  readonly events: readonly (readonly [string, string | undefined, boolean?])[];
}

const CE_HEADERS = {
  ...JSON_TYPE,
  "ce-specversion": "1.0",
  "ce-id": "c%201",
  "ce-source": "/clusters/edge",
  "ce-type": "t",
};

const SHAPES: readonly Shape[] = [
  { name: "one of core/v1", headers: JSON_TYPE, body: text(core(1)), events: [["web-1.1", undefined]] },
  {
    name: "no type at all",
    headers: {},
    body: new TextEncoder().encode(text(core(1))),
    events: [["web-1.1", undefined]],
  },
  { name: "one of events.k8s.io/v1", headers: JSON_TYPE, body: text(newer(1)), events: [["web-1.1", undefined]] },
  {
    name: "the exporter's webhook, whose object has labels and owners",
    headers: JSON_TYPE,
    body: text({
      ...core(1),
      clusterName: "edge",
      involvedObject: {
        kind: "Pod",
        name: "web-1",
        labels: { app: "web" },
        annotations: { a: "b" },
        ownerReferences: [],
        deleted: false,
      },
    }),
    events: [["web-1.1", undefined]],
  },
  {
    name: "an array",
    headers: JSON_TYPE,
    body: text([core(1), newer(2)]),
    events: [
      ["web-1.1", undefined],
      ["web-2.1", undefined],
    ],
  },
  { name: "none", headers: JSON_TYPE, body: "[]", events: [] },
  {
    name: "a List of kubectl",
    headers: JSON_TYPE,
    body: text({ apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items: [core(1), core(2)] }),
    events: [
      ["web-1.1", undefined],
      ["web-2.1", undefined],
    ],
  },
  {
    name: "a line of a watch",
    headers: JSON_TYPE,
    body: text({ type: "MODIFIED", object: core(1) }),
    events: [["web-1.1", undefined, true]],
  },
  {
    name: "eventrouter's envelope",
    headers: JSON_TYPE,
    body: text({ verb: "UPDATED", event: core(2), old_event: core(1) }),
    events: [["web-2.1", undefined, true]],
  },
  {
    name: "NDJSON",
    headers: NDJSON_TYPE,
    body: `${text(core(1))}\n\n${text(cloudEvent(2))}\r\n${text({ verb: "ADDED", event: core(3) })}\n`,
    events: [
      ["web-1.1", undefined],
      ["web-2.1", "/clusters/edge#c-2"],
      ["web-3.1", undefined],
    ],
  },
  {
    name: "a structured CloudEvent",
    headers: STRUCTURED,
    body: text(cloudEvent(1)),
    events: [["web-1.1", "/clusters/edge#c-1"]],
  },
  {
    name: "one that says JSON",
    headers: JSON_TYPE,
    body: text(cloudEvent(1)),
    events: [["web-1.1", "/clusters/edge#c-1"]],
  },
  {
    name: "one with its data in base64",
    headers: STRUCTURED,
    body: text(cloudEvent(1, { data: undefined, data_base64: Buffer.from(text(core(1))).toString("base64") })),
    events: [["web-1.1", "/clusters/edge#c-1"]],
  },
  {
    name: "a batch of CloudEvents",
    headers: BATCH,
    body: text([cloudEvent(1), cloudEvent(2, { id: "a#b" })]),
    events: [
      ["web-1.1", "/clusters/edge#c-1"],
      ["web-2.1", "/clusters/edge#a%23b"],
    ],
  },
  {
    name: "a binary CloudEvent",
    headers: CE_HEADERS,
    body: text(core(1)),
    events: [["web-1.1", "/clusters/edge#c 1"]],
  },
  { name: "a key", headers: { ...JSON_TYPE, "idempotency-key": "k" }, body: text(core(1)), events: [["web-1.1", "k"]] },
  {
    name: "a key for two",
    headers: { ...JSON_TYPE, "idempotency-key": "k" },
    body: text([core(1), core(2)]),
    events: [
      ["web-1.1", "k.0"],
      ["web-2.1", "k.1"],
    ],
  },
  {
    name: "gzip",
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
    body: gzipSync(text(core(1))),
    events: [["web-1.1", undefined]],
  },
];

test.each(SHAPES.map((shape) => [shape.name, shape] as const))("takes %s", async (_, { headers, body, events }) => {
  using door = openDoor();
  const response = await fetch(`${door.url}/events`, { method: "POST", headers, body });
  expect([response.status, await response.json()]).toEqual([
    200,
    { ids: events.map(([, id], index) => id ?? `#${index}`) },
  ]);
  const [only] = events;
  const id = only && events.length === 1 ? (only[1] ?? "#0").replace(" ", "%20") : null;
  expect(response.headers.get("x-event-id")).toBe(id);
  expect(door.taken).toEqual([
    events.map(([name, id, modified = false]) => ({
      input: expect.objectContaining({ metadata: expect.objectContaining({ name }) }),
      id,
      modified,
    })),
  ]);
});

test("the bridge's path answers as the bridge does, whatever the type", async () => {
  using door = openDoor();
  const response = await fetch(`${door.url}/api/kubernetes/events/forward`, {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: text(core(1)),
  });
  expect([response.status, await response.text(), response.headers.get("x-event-id")]).toEqual([200, "", "#0"]);
});

const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
const bomb = gzipSync(Buffer.alloc(50_000_000));

interface No {
  readonly name: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly path?: string;
  readonly method?: string;
  readonly problem: {
    readonly status: number;
    readonly detail: string | RegExp;
    readonly pointer?: string;
    readonly index?: number;
  };
}

const NOES: readonly No[] = [
  {
    name: "a field of another type",
    body: text(core(1, { count: "3" })),
    problem: { status: 400, detail: 'expected a whole number, got text: "3"', pointer: "/count" },
  },
  {
    name: "one deeper",
    body: text(core(1, { involvedObject: { kind: 7 } })),
    problem: { status: 400, detail: "expected text, got 7", pointer: "/involvedObject/kind" },
  },
  {
    name: "a time that is none",
    body: text(core(1, { lastTimestamp: "soon" })),
    problem: { status: 400, detail: 'expected a time (RFC 3339), got text: "soon"', pointer: "/lastTimestamp" },
  },
  {
    name: "no metadata",
    body: text({ involvedObject: {} }),
    problem: { status: 400, detail: "an event has metadata", pointer: "/metadata" },
  },
  {
    name: "no object",
    body: text({ metadata: {} }),
    problem: { status: 400, detail: "an event has an involvedObject (or regarding)", pointer: "/involvedObject" },
  },
  {
    name: "one of a list",
    body: text([core(1), core(2, { reason: [] }), core(3)]),
    problem: { status: 400, detail: "expected text, got a list", pointer: "/1/reason", index: 1 },
  },
  {
    name: "one of a List",
    body: text({ kind: "List", items: [core(1), 7] }),
    problem: { status: 400, detail: "expected an event, which is an object, got 7", pointer: "/items/1", index: 1 },
  },
  {
    name: "one of many lines",
    headers: NDJSON_TYPE,
    body: `${text(core(1))}\n{"a`,
    problem: { status: 400, detail: 'it is not JSON: "{\\"a"', index: 1 },
  },
  { name: "nothing", body: "", problem: { status: 400, detail: "the body is empty" } },
  { name: "no JSON", body: "count=3", problem: { status: 400, detail: 'it is not JSON: "count=3"' } },
  {
    name: "no UTF-8",
    body: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]),
    problem: { status: 400, detail: "the body is not UTF-8" },
  },
  {
    name: "depth",
    body: deep.slice(0, 60_000),
    problem: { status: 400, detail: "it is nested deeper than 64 levels" },
  },
  {
    name: "a form",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "a=1",
    problem: { status: 415, detail: /^the type "application\/x-www-form-urlencoded" is not understood/ },
  },
  {
    name: "Avro",
    headers: { "content-type": "application/cloudevents+avro" },
    body: "a",
    problem: { status: 415, detail: /not understood/ },
  },
  {
    name: "Latin 1",
    headers: { "content-type": "application/json; charset=iso-8859-1" },
    body: "{}",
    problem: { status: 415, detail: /charset/ },
  },
  {
    name: "brotli",
    headers: { ...JSON_TYPE, "content-encoding": "br" },
    body: "{}",
    problem: { status: 415, detail: /"br" is not understood/ },
  },
  {
    name: "what is no gzip",
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
    body: "{}",
    problem: { status: 400, detail: "the body says that it is gzip, and is not" },
  },
  {
    name: "a gzip bomb",
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
    body: bomb,
    problem: { status: 413, detail: /larger than the 65536 bytes/ },
  },
  {
    name: "a gzip bomb that says it is none",
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
    body: Buffer.concat([bomb.subarray(0, -4), new Uint8Array([232, 3, 0, 0])]),
    problem: { status: 400, detail: "the body unpacks to more than the 1000 bytes that its end tells" },
  },
  {
    name: "a large body",
    body: text(core(1, { message: "x".repeat(100_000) })),
    problem: { status: 413, detail: /larger than the 65536 bytes/ },
  },
  {
    name: "another CloudEvents",
    headers: STRUCTURED,
    body: text(cloudEvent(1, { specversion: "0.3" })),
    problem: { status: 400, detail: 'expected "1.0", got text: "0.3"', pointer: "/specversion" },
  },
  {
    name: "a CloudEvent without id",
    headers: BATCH,
    body: text([cloudEvent(1), cloudEvent(1, { id: "" })]),
    problem: { status: 400, detail: 'expected text, got text: ""', pointer: "/1/id", index: 1 },
  },
  {
    name: "a CloudEvent about something else",
    headers: STRUCTURED,
    body: text(cloudEvent(1, { data: { deployment: {} } })),
    problem: { status: 400, detail: "an event has metadata", pointer: "/data/metadata" },
  },
  {
    name: "a binary one without source",
    headers: { ...CE_HEADERS, "ce-source": "" },
    body: text(core(1)),
    problem: { status: 400, detail: /^header ce-source: / },
  },
  {
    name: "a long key",
    headers: { ...JSON_TYPE, "idempotency-key": "k".repeat(300) },
    body: text(core(1)),
    problem: { status: 400, detail: /^header Idempotency-Key: / },
  },
  { name: "another path", path: "/", body: "{}", problem: { status: 404, detail: /^post to \/events/ } },
  { name: "GET", method: "GET", problem: { status: 405, detail: "GET is not served here" } },
  {
    name: "a page",
    headers: { ...JSON_TYPE, origin: "https://evil.example" },
    body: text(core(1)),
    problem: { status: 403, detail: "requests from pages are not served" },
  },
];

test.each(NOES.map((no) => [no.name, no] as const))(
  "refuses %s",
  async (_, { headers = JSON_TYPE, body, path = "/events", method = "POST", problem }) => {
    using door = openDoor();
    const response = await fetch(`${door.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
    const { detail, ...rest } = problem;
    expect([response.status, response.headers.get("content-type")]).toEqual([
      problem.status,
      "application/problem+json",
    ]);
    expect(await response.json()).toEqual({
      type: "about:blank",
      title: expect.any(String),
      detail: typeof detail === "string" ? detail : expect.stringMatching(detail),
      ...rest,
    });
    expect(door.taken).toEqual([]);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  },
);

test("refuses for a while, and says for how long", async () => {
  let leads = true;
  let safe = true;
  let room: Promise<void> | undefined;
  using door = openDoor({ leads: () => leads, pipe: { committed: () => Promise.resolve(safe), room: () => room } });
  const post = async () => {
    const response = await fetch(`${door.url}/events`, { method: "POST", headers: JSON_TYPE, body: text(core(1)) });
    return [
      response.status,
      response.headers.get("retry-after"),
      ((await response.json()) as { detail?: string }).detail,
    ];
  };
  expect(await post()).toEqual([200, null, undefined]);
  leads = false;
  expect(await post()).toEqual([503, "5", "another petrel delivers at this moment"]);
  leads = true;
  safe = false;
  expect(await post()).toEqual([503, "5", "the journal cannot be written"]);
  safe = true;
  const { promise, resolve } = Promise.withResolvers<void>();
  room = promise;
  expect(await post()).toEqual([429, "1", "receivers are behind with what was posted before"]);
  room = undefined;
  expect((await post())[0]).toBe(429);
  resolve();
  await Bun.sleep(0);
  expect(await post()).toEqual([200, null, undefined]);
  door.source.refuse();
  expect(await post()).toEqual([503, "5", "petrel is stopping"]);
});

test("what is packed takes the room that it needs, so that whoever forwards in gzip may have many on the way", async () => {
  // What a body may be is not what each is.
  using door = openDoor({ config: { ...HTTP, maxBody: 4 * 1024 * 1024 } });
  const body = gzipSync(text(core(1)).padEnd(100_000));
  const headers = { ...JSON_TYPE, "content-encoding": "gzip" };
  const posts = Array.from({ length: 16 }, () => fetch(`${door.url}/events`, { method: "POST", headers, body }));
  expect((await Promise.all(posts)).map(({ status }) => status)).toEqual(Array(16).fill(200));
  // Two of 4 MiB are at once what there is room for.
  const large = gzipSync(text(core(1)).padEnd(4 * 1024 * 1024));
  const many = Array.from({ length: 8 }, () => fetch(`${door.url}/events`, { method: "POST", headers, body: large }));
  const answers = (await Promise.all(many)).map(({ status }) => status);
  expect(answers.filter((status) => status !== 200 && status !== 429)).toEqual([]);
  expect(answers).toContain(200);
});

test("with a token nobody else posts", async () => {
  using door = openDoor({ token: { reveal: () => "s3cret" } as never });
  const status = async (headers: Record<string, string>, query = "") =>
    (
      await fetch(`${door.url}/events${query}`, {
        method: "POST",
        headers: { ...JSON_TYPE, ...headers },
        body: text(core(1)),
      })
    ).status;
  expect(await status({})).toBe(401);
  expect(await status({ authorization: "Bearer s3cre" })).toBe(401);
  expect(await status({ authorization: "Basic s3cret" })).toBe(401);
  expect(await status({ authorization: "Bearer s3cret" })).toBe(200);
  expect(await status({}, "?access_token=s3cret")).toBe(200);
  expect(await status({ authorization: "Bearer wrong" }, "?access_token=s3cret")).toBe(401);
  expect(door.log.join()).not.toContain("s3cre");
});

test("consents to senders of CloudEvents who ask, and not to pages", async () => {
  using door = openDoor();
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${door.url}/events`, { method: "OPTIONS", headers });
    const found = ["allow", "webhook-allowed-origin", "webhook-allowed-rate", "access-control-allow-origin"];
    return [response.status, ...found.map((name) => response.headers.get(name))];
  };
  expect(await ask({ "webhook-request-origin": "eventgrid.azure.net" })).toEqual([
    204,
    "POST, OPTIONS",
    "eventgrid.azure.net",
    "*",
    null,
  ]);
  expect(await ask({ "webhook-request-origin": "a.example", "webhook-request-rate": "120" })).toEqual([
    204,
    "POST, OPTIONS",
    "a.example",
    "120",
    null,
  ]);
  expect(await ask({ origin: "https://evil.example", "access-control-request-method": "POST" })).toEqual([
    204,
    "POST, OPTIONS",
    null,
    null,
    null,
  ]);
});

test.each([
  ["a small one", 1_000, 100, "the body did not come whole within 0.1 s"],
  ["one that is read in pieces", 30_000, 100, "the body did not come whole within 0.1 s"],
  ["one that keeps others out", 70_000, 1_200, "less than 32768 bytes of the body came within 0.2 s"],
])("a body that comes too slowly is not waited for: %s", async (_, length, bodyTimeoutMs, detail) => {
  using door = openDoor({ bodyTimeoutMs, config: { ...HTTP, maxBody: 80_000 } });
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: door.source.port,
    socket: {
      data(_, data) {
        answer += Buffer.from(data).toString();
      },
      close: () => resolve(answer),
      error: () => {},
    },
  });
  const begun = performance.now();
  socket.write(
    `POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{`,
  );
  // Whoever has an answer before the end of the body is not heard any more.
  const [head = "", body = "{}"] = (await promise).split("\r\n\r\n");
  expect([head.split("\r\n")[0], JSON.parse(body).detail]).toEqual(["HTTP/1.1 408 Request Timeout", detail]);
  expect(performance.now() - begun).toBeLessThan(1_000);
});
