/** Both sides of each difference between `compat: exporter` and the default; the list is the docs'. */
import { describe, expect, test } from "bun:test";
import { loadSinks } from "../sinks/index.ts";
import { DIFFERENCES } from "../src/compat-list.ts";
import { fields } from "../src/config/fields.ts";
import { parseConfig } from "../src/config/load.ts";
import { compileForEvent } from "../src/event-template/go.ts";
import { createLogger } from "../src/logger.ts";
import { createMetrics } from "../src/metrics.ts";
import { normalise } from "../src/normalise.ts";
import { compileLayout } from "../src/payload.ts";
import { createSinkContext } from "../src/pipeline/context.ts";
import { identityOf } from "../src/pipeline/gates.ts";
import { createMeters } from "../src/pipeline/meters.ts";
import { createPipeline } from "../src/pipeline/pipeline.ts";
import { compileRoute } from "../src/pipeline/route.ts";
import type { Layout, Rendered, Sink, SinkDefinition } from "../src/sink.ts";
import { anEvent } from "./contract.ts";
import { aConfig, eventually, memorySink } from "./harness.ts";
import { rawServer } from "./wire/raw-server.ts";

const sinks = await loadSinks();
const ROUTE = "route: { match: [{ receiver: a }] }\nreceivers: [{ name: a, stdout: {} }]\n";
const load = (yaml: string, compat: boolean) => parseConfig(`${yaml}\n`, { file: "c", env: { A: "x" }, compat });
const setting = (yaml: string, compat: boolean, key: "clusterName" | "maxEventAgeSeconds") =>
  load(yaml, compat).config?.[key];

function received(rules: readonly object[], event: object, compat: boolean): number {
  const at = { line: 1, column: 1 };
  const match = rules.map((rule) => ({ ...rule, receiver: "a", at }));
  const config = { drop: [], match, routes: [], at };
  return compileRoute(config, ["a"], { compat }).route(normalise({ metadata: {}, involvedObject: {}, ...event }))
    .length;
}

const layout = (given: Layout, compat: boolean) =>
  compileLayout(given, { compile: (text) => compileForEvent(text, { compat }), compat, language: "go" })(anEvent());

function template(text: string, compat: boolean): string {
  try {
    return compileForEvent(text, { compat })(anEvent());
  } catch {
    return "fails";
  }
}

function definitionOf(name: string): SinkDefinition {
  const definition = sinks.find((one) => one.name === name);
  if (!definition) throw new Error(`no sink ${name}`);
  return definition;
}

async function sinkOf(name: string, settings: object, compat: boolean): Promise<Sink> {
  const definition = definitionOf(name);
  const context = createSinkContext({
    receiver: "a",
    logger: createLogger({ level: "disabled", format: "json" }),
    compat,
    compileTemplate: (text) => compileForEvent(text, { compat }),
    env: {},
  });
  return await definition.create(definition.config(fields).parse(settings) as never, context);
}

async function rendered(name: string, settings: object, compat: boolean): Promise<Rendered> {
  const sink = await sinkOf(name, settings, compat);
  try {
    return sink.render([anEvent()]);
  } finally {
    await sink[Symbol.asyncDispose]?.();
  }
}

/** How many of these reach a receiver. */
async function delivered(
  changes: readonly ("added" | "modified")[],
  eventTime: string,
  compat: boolean,
): Promise<number> {
  const memory = memorySink();
  const pipeline = await createPipeline({
    config: aConfig({ compat: compat ? "exporter" : "none", maxEventAgeSeconds: 60 }),
    sinks: new Map([["memory", memory.definition]]),
    compileTemplate: (text) => () => text,
    logger: createLogger({ level: "disabled", format: "json" }),
    meters: createMeters(createMetrics()),
    env: {},
    lookup: () => undefined,
    now: Date.now,
    random: () => 0.5,
  });
  for (const [index, change] of changes.entries()) {
    const metadata = { uid: "e", name: "e", resourceVersion: String(index + 1) };
    const input = { metadata, involvedObject: { kind: "Pod", uid: "o" }, eventTime, count: index + 1 };
    const event = normalise(input);
    pipeline.receive(0, Buffer.from(JSON.stringify(input)), change, index + 1, identityOf(event.id), event);
  }
  await eventually("the pipeline is empty", () => pipeline.status().events === 0);
  await pipeline.stop();
  return memory.events.length;
}

const soon = () => new Date().toISOString().replace("Z", "000Z");
const NEW_STYLE = { reportingComponent: "scheduler", reportingInstance: "s-1", series: { count: 5 } };

/** By id: what each side does; `[exporter, petrel]`. */
const PROOFS: Readonly<Record<string, (compat: boolean) => unknown>> = {
  environment: (compat) => [
    setting("clusterName: a$1b", compat, "clusterName"),
    setting("clusterName: $$A", compat, "clusterName"),
  ],
  scalars: (compat) => [
    setting("clusterName: 0123", compat, "clusterName"),
    setting('maxEventAgeSeconds: "10"', compat, "maxEventAgeSeconds"),
  ],
  keys: (compat) => [
    setting("trottlePeriod: 60", compat, "maxEventAgeSeconds"),
    load(`foo: 1\n${ROUTE}`, compat).findings[0]?.severity,
  ],
  "own-keys": (compat) =>
    load("route: { match: [{ name: x, receiver: a }] }\nreceivers: [{ name: a, stdout: {} }]", compat).config?.route
      .match[0]?.name,
  patterns: (compat) => [
    received([{ namespace: "*x*" }], { metadata: { namespace: "x" } }, compat),
    load('route: { match: [{ namespace: "*x*", receiver: a }] }\nreceivers: [{ name: a, stdout: {} }]', compat)
      .findings[0]?.severity,
  ],
  "fall-backs": (compat) =>
    [{ component: "scheduler" }, { host: "s-1" }, { minCount: 5 }].map((rule) => received([rule], NEW_STYLE, compat)),
  twice: (compat) => received([{}, {}], {}, compat),
  modified: (compat) => delivered(["added", "modified"], soon(), compat),
  age: (compat) => delivered(["added"], "2020-01-01T00:00:00.000000Z", compat),
  "layout-scalars": (compat) => layout({ a: 5, b: true }, compat),
  "layout-empty": (compat) => layout({}, compat).length > 2,
  "label-maps": (compat) => template('{{ get .InvolvedObject.Labels "app" }}', compat),
  times: (compat) => template('{{ .FirstTimestamp | date "2006-01-02 15:04:05" }}', compat) === "2026-11-20 21:44:18",
  headers: async (compat) => {
    const settings = {
      endpoint: "http://127.0.0.1:9",
      headers: { "X-A": "{{ index .InvolvedObject.OwnerReferences 3 }}" },
    };
    return await rendered("webhook", settings, compat).then(
      ({ headers }) => headers?.["X-A"],
      () => "fails",
    );
  },
  syslog: async (compat) =>
    /^<\d+>/.exec((await rendered("syslog", { network: "udp", address: "127.0.0.1:9" }, compat)).body)?.[0],
  loki: async (compat) => {
    const { streams } = JSON.parse((await rendered("loki", { url: "http://127.0.0.1:9" }, compat)).body);
    return [
      streams[0].stream,
      /0{9}$/.test(streams[0].values[0][0]) && !streams[0].values[0][0].startsWith("1795211118"),
    ];
  },
  index: async (compat) => {
    using server = rawServer(() => ['HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"errors":false}']);
    const old = anEvent({ metadata: {}, firstTimestamp: null, lastTimestamp: "2019-01-01T00:00:00Z" });
    const settings = { hosts: [`http://127.0.0.1:${server.port}`], indexFormat: "k-{2006}" };
    const sink = await sinkOf("elasticsearch", settings, compat);
    await sink.deliver([old], AbortSignal.timeout(2_000));
    await sink[Symbol.asyncDispose]?.();
    const sent = server.requests.map(({ head, body }) => head + body).join("");
    return /k-(\d{4})/.exec(sent)?.[1] === "2019" ? "the event's" : "of sending";
  },
  requests: (compat) => {
    const definition = definitionOf("elasticsearch");
    const limits = definition.limits?.(definition.config(fields).parse({}) as never, compat) ?? definition.batch;
    return limits.count > 1;
  },
  slack: async (compat) => {
    const settings = { token: "t", channel: "c", message: "<http://x|{{ .Message }}>", title: "T" };
    const { body } = await rendered("slack", settings, compat);
    return [body.includes("<http") || body.includes("%3Chttp"), body.includes("attachments")];
  },
  ids: async (compat) => {
    const { example } = definitionOf("opscenter");
    return (await rendered("opscenter", example, compat)).body.includes(anEvent().id);
  },
};

const EXPECTED: Readonly<Record<string, readonly [exporter: unknown, petrel: unknown]>> = {
  environment: [
    ["ab", "A"],
    ["a$1b", "$A"],
  ],
  scalars: [
    ["83", undefined],
    ["0123", 10],
  ],
  keys: [
    [5, "warning"],
    [60, "error"],
  ],
  "own-keys": [undefined, "x"],
  patterns: [
    [0, "warning"],
    [0, "error"],
  ],
  "fall-backs": [
    [0, 0, 0],
    [1, 1, 1],
  ],
  twice: [2, 1],
  modified: [1, 2],
  age: [0, 1],
  "layout-scalars": ['{"a":null,"b":null}', '{"a":5,"b":true}'],
  "layout-empty": [false, true],
  "label-maps": ["fails", "web"],
  times: [false, true],
  headers: ["{{ index .InvolvedObject.OwnerReferences 3 }}", "fails"],
  syslog: ["<128>", "<132>"],
  loki: [
    [null, true],
    [{ source: "petrel" }, false],
  ],
  index: ["of sending", "the event's"],
  requests: [false, true],
  slack: [
    [false, false],
    [true, true],
  ],
  ids: [false, true],
};

describe("compat: exporter, and the default", () => {
  test.each(DIFFERENCES)("$about", async ({ id }) => {
    const proof = PROOFS[id];
    if (!proof) throw new Error(`nothing proves ${id}`);
    expect([await proof(true), await proof(false)]).toEqual([...(EXPECTED[id] ?? [])]);
  });

  test("nothing else is listed", () => {
    const ids = DIFFERENCES.map(({ id }) => id).sort();
    expect(Object.keys(PROOFS).sort()).toEqual(ids);
    expect(Object.keys(EXPECTED).sort()).toEqual(ids);
  });
});
