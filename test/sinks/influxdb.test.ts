import { afterEach, expect, test } from "bun:test";
import influxdb from "../../sinks/influxdb.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { parseLines } from "./influxdb.ts";

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

type Answer = (path: string, body: string) => Response | undefined;

async function setUp(settings: object, answer: Answer = () => undefined) {
  const came: { path: string; authorization: string | null; body: string }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = await request.text();
      came.push({ path: pathname + search, authorization: request.headers.get("authorization"), body });
      return answer(pathname, body) ?? new Response(null, { status: 204 });
    },
  });
  servers.push(server);
  const { logger } = recordingLogger();
  const config = influxdb.config(fields).parse({ url: `http://127.0.0.1:${server.port}/`, ...settings });
  const options = { receiver: "i", logger, compat: false, compileTemplate: compileSimple, env: {} };
  const sink = await influxdb.create(config, createSinkContext(options));
  const deliver = (...events: Event[]) => sink.deliver(events as unknown as Batch, AbortSignal.timeout(1_000));
  return { sink, deliver, came, paths: () => came.map(({ path }) => path) };
}

const refused = (status: number, error: string) => Response.json({ error }, { status });

test("both of eventrouter's modes: tags, fields, and what tags may not hold", async () => {
  const hostile = anEvent({ reason: "a b,c=d\\", type: "two\nlines", message: 'say "\\"\nthen' });
  const node = { kind: "Node", name: "node-1", uid: "node-1", deleted: false };
  const rows: readonly [object, Event, string, object][] = [
    [
      { withFields: true, clusterName: "west" },
      anEvent(),
      "events,cluster_name=west,component=kubelet,object_name=web-1,hostname=node-1,pod_id=poduid-1,kind=Pod,namespace_name=default,reason=BackOff,type=Warning,uid=ba30f343-3351",
      { event_id: "ba30f343-3351.101", message: "Back-off <restarting> failed container" },
    ],
    [
      { withFields: true },
      { ...hostile, clusterName: "own", involvedObject: node, source: {}, reportingComponent: "scheduler" },
      "events,cluster_name=own,component=scheduler,object_name=node-1,kind=Node,namespace_name=default,reason=a\\ b\\,c\\=d,type=two\\ lines,uid=ba30f343-3351",
      { event_id: "ba30f343-3351.101", message: 'say "\\"\nthen' },
    ],
    [
      { layout: { m: "{{ .Message }}" } },
      { ...hostile, involvedObject: node },
      "k8s_events,cluster_name=default,hostname=node-1,uid=ba30f343-3351",
      { event_id: "ba30f343-3351.101", value: '{"m":"say \\"\\\\\\"\\nthen"}' },
    ],
  ];
  for (const [settings, event, series, values] of rows) {
    const { deliver, came } = await setUp(settings);
    await deliver(event);
    expect(parseLines(came[0]?.body ?? "")).toEqual([
      { series, fields: values as Record<string, string>, time: "1795211118000000101" },
    ]);
  }
});

test("states of one event are points of their own, and a repeat is the same point", async () => {
  const { deliver, came } = await setUp({});
  const state = (resourceVersion: string) =>
    anEvent({ id: `u.${resourceVersion}`, metadata: { uid: "u", resourceVersion } });
  await deliver(state("7"), state("8"), state("7"));
  const points = parseLines(came[0]?.body ?? "").map(({ series, time }) => `${series} ${time}`);
  expect(points[0]).toBe(points[2] ?? "");
  expect(points[0]).not.toBe(points[1] ?? "");
});

test("writes to a database and policy of 1.x, or to a bucket of 2.x with a token", async () => {
  const rows = [
    [
      { database: "my db", retentionPolicy: "week", username: "u", password: "p" },
      "/write?db=my+db&rp=week&precision=ns",
      `Basic ${btoa("u:p")}`,
    ],
    [{ org: "o", bucket: "b", token: "t" }, "/api/v2/write?org=o&bucket=b&precision=ns", "Token t"],
    [{}, "/write?db=k8s&precision=ns", null],
  ] as const;
  for (const [settings, path, authorization] of rows) {
    const { deliver, came } = await setUp(settings);
    await deliver(anEvent());
    expect([came[0]?.path, came[0]?.authorization]).toEqual([path, authorization]);
  }
  await expect(setUp({ org: "o" })).rejects.toThrow("influxdb.bucket is missing");
});

test("makes a database that is missing, once, and says what keeps it from that", async () => {
  let there = false;
  const missing = () => refused(404, 'database not found: "k8s"');
  const { deliver, paths, sink } = await setUp({}, (path) => {
    if (path === "/query") there = true;
    return path === "/write" && !there ? missing() : undefined;
  });
  await sink.check?.(AbortSignal.timeout(1_000));
  await deliver(anEvent());
  await deliver(anEvent());
  const write = "/write?db=k8s&precision=ns";
  expect(paths()).toEqual([write, write, "/query?q=CREATE+DATABASE+%22k8s%22", write, write]);
  const poor = await setUp({}, (path) => (path === "/query" ? refused(403, "not authorized") : missing()));
  expect((await refusalOf(poor.deliver(anEvent()))).reason).toBe("unauthorized");
  const bucket = await setUp({ bucket: "b" }, missing);
  expect((await refusalOf(bucket.deliver(anEvent()))).reason).toBe("not_found");
  expect(bucket.paths()).toHaveLength(1);
});

test("finds the point that is refused, whether the others of its request were stored or not", async () => {
  const bad = (_: string, body: string) =>
    body.includes("bad") ? refused(400, "partial write: points beyond retention policy dropped=1") : undefined;
  const { deliver } = await setUp({}, bad);
  const error = await refusalOf(deliver(...["a", "b", "bad", "d"].map((message) => anEvent({ message }))));
  expect(error.refused?.map(({ index, reason }) => [index, reason])).toEqual([[2, "rejected"]]);
});

test("a full database is the receiver's refusal, and check tells a wrong token", async () => {
  const { deliver } = await setUp({}, () =>
    refused(400, "partial write: max-values-per-tag limit exceeded (100000/100000): dropped=1"),
  );
  expect((await refusalOf(deliver(anEvent(), anEvent()))).reason).toBe("quota");
  const wrong = await setUp({ bucket: "b", token: "t" }, () => refused(401, "unauthorized access"));
  expect((await refusalOf(wrong.sink.check?.(AbortSignal.timeout(1_000)) ?? Promise.resolve())).reason).toBe(
    "unauthorized",
  );
  const empty = await setUp({ bucket: "b" }, () => refused(400, "no data written"));
  await empty.sink.check?.(AbortSignal.timeout(1_000));
  expect(empty.came.map(({ body }) => body)).toEqual([""]);
});
