/** Formats and types through the whole pipeline: from bytes of a watch to what a sink would send. */
import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";
import type { Config, ReceiverConfig, RuleConfig } from "../../src/config/types.ts";
import { friendlyFor } from "../../src/friendly/load.ts";
import { createLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics.ts";
import { normalise } from "../../src/normalise.ts";
import { identityOf } from "../../src/pipeline/gates.ts";
import { createMeters } from "../../src/pipeline/meters.ts";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { compileRoute } from "../../src/pipeline/route.ts";
import type { SinkDefinition } from "../../src/sink.ts";
import { aConfig, aReceiver, eventually, memorySink } from "../harness.ts";

const AT = { line: 1, column: 1 };
const CRASH = "Kubernetes.Workloads.Pod.V1.CrashLoopBackOff";

const crash = (version: number, count = 1) => ({
  metadata: { name: "web-1.17aa", namespace: "shop", uid: "u-1", resourceVersion: String(version) },
  involvedObject: { kind: "Pod", namespace: "shop", name: "web-1", uid: "p-1" },
  reason: "BackOff",
  message: "Back-off restarting failed container",
  type: "Warning",
  count,
  source: { component: "kubelet" },
});
const other = (version: number) => ({
  ...crash(version),
  metadata: { name: "x", namespace: "shop", uid: "u-2", resourceVersion: String(version) },
  message: "who knows",
});

/** Sinks that keep the text they would send. */
async function texts(receivers: readonly ReceiverConfig[], match: readonly RuleConfig[]) {
  const sent: Record<string, string[]> = {};
  const definition: SinkDefinition = {
    ...memorySink().definition,
    batch: { count: 1 },
    create: (_, context) => {
      const payload = context.payload({});
      return {
        render: () => ({ body: "" }),
        async deliver(batch) {
          sent[context.receiver] = [...(sent[context.receiver] ?? []), ...batch.map(payload)];
        },
      };
    },
  };
  const pipeline = await createPipeline({
    config: aConfig({ receivers, route: { drop: [], match, routes: [], at: AT } }),
    sinks: new Map([["memory", definition]]),
    compileTemplate: (text) => () => text,
    logger: createLogger({ level: "disabled", format: "json" }),
    meters: createMeters(createMetrics()),
    env: {},
    lookup: () => undefined,
    now: () => performance.now(),
    random: () => 0.5,
  });
  const watch = pipeline.watch("events");
  return {
    sent,
    pipeline,
    /** As a line of the watch, parsed already or not. */
    line(type: "ADDED" | "MODIFIED", object: ReturnType<typeof crash>, parsed: boolean) {
      const bytes = Buffer.from(JSON.stringify({ type, object }));
      const { uid, resourceVersion } = object.metadata;
      const version = Number(resourceVersion);
      const event = parsed ? normalise(object, {}, type === "MODIFIED") : undefined;
      pipeline.receive(watch, bytes, type === "ADDED" ? "added" : "modified", version, identityOf(uid), event);
      pipeline.reached(watch, version);
    },
  };
}

describe("eventrouter's envelope", () => {
  test.each([true, false])(
    "tells what was added from what was changed, from bytes alone too: parsed %p",
    async (parsed) => {
      const { sent, line, pipeline } = await texts(
        [aReceiver("a", { format: "eventrouter" })],
        [{ receiver: "a", at: AT }],
      );
      line("MODIFIED", crash(10, 4), parsed);
      line("MODIFIED", crash(11, 5), parsed);
      line("ADDED", other(12), parsed);
      await eventually("three envelopes", () => sent.a?.length === 3);
      const told = sent.a?.map((text) => JSON.parse(text)) ?? [];
      expect(told.map(({ verb, event, old_event: old }) => [verb, event.count, old?.count])).toEqual([
        ["UPDATED", 4, undefined],
        ["UPDATED", 5, 4],
        ["ADDED", 1, undefined],
      ]);
      await pipeline.stop();
    },
  );
});

describe("types in rules", () => {
  const rule = (eventType: string, more: Partial<RuleConfig> = {}): RuleConfig => ({
    eventType,
    receiver: "a",
    at: AT,
    ...more,
  });

  test("send what is of that type, whatever its receiver is sent", async () => {
    const { sent, line, pipeline } = await texts(
      [aReceiver("a"), aReceiver("b", { format: "cloudevents", friendly: "only" })],
      [
        rule("^Kubernetes[.]Workloads[.]Pod[.]"),
        { receiver: "b", at: AT, not: { eventType: "^Kubernetes[.]Events[.]Raw$" } },
      ],
    );
    line("ADDED", crash(1), false);
    line("ADDED", other(2), false);
    await eventually("both", () => sent.a?.length === 1 && sent.b?.length === 1);
    expect(JSON.parse(sent.a?.[0] ?? "").reason).toBe("BackOff");
    expect(JSON.parse(sent.b?.[0] ?? "")).toMatchObject({ type: CRASH, data: { pod: { name: "web-1" } } });
    await pipeline.stop();
  });

  test("are explained", async () => {
    const route = { drop: [], match: [rule("CrashLoop")], routes: [], at: AT };
    const friendly = await friendlyFor({ receivers: [], route });
    const router = compileRoute(route, ["a"], { compat: false, eventType: friendly?.type });
    const asked = (event: object) => router.explain(normalise(event)).route.match[0]?.conditions;
    expect(asked(crash(1))).toEqual([{ field: "eventType", pattern: "CrashLoop", value: CRASH, matched: true }]);
    expect(asked(other(1))).toEqual([
      { field: "eventType", pattern: "CrashLoop", value: "Kubernetes.Events.Raw", matched: false },
    ]);
  });

  test("are checked: a pattern that no type matches is said, with the type that is near", () => {
    const { findings } = parseConfig(
      `strict: true
receivers: [{ name: a, stdout: {} }]
route:
  match:
    - eventType: ^Kubernetes[.]Workloads[.]Pod[.]V1[.]CrashLopBackOff$
      receiver: a
    - { eventType: Nothing, reason: x, receiver: a }
    - { eventType: Pod, kind: y, receiver: a }
`,
      { file: "c", env: {} },
    );
    const said = findings
      .filter(({ code }) => code === "never-matches")
      .map(({ line, message, hint }) => [line, message, hint]);
    expect(said).toEqual([
      [
        5,
        "no type of events matches `^Kubernetes[.]Workloads[.]Pod[.]V1[.]CrashLopBackOff$`: this rule never matches",
        `did you mean \`${CRASH}\`?`,
      ],
      [7, "no type of events matches `Nothing`: this rule never matches", "configs/schemas/README.md lists the types"],
    ]);
  });
});

describe("what understands events is loaded", () => {
  const config = (change: Partial<Config>) => friendlyFor(aConfig(change));
  const match = (one: Partial<RuleConfig>) => ({
    drop: [],
    match: [],
    routes: [{ drop: [], match: [{ at: AT, ...one }], routes: [], at: AT }],
    at: AT,
  });

  test("for who asks, and for nobody else", async () => {
    expect(await config({})).toBeUndefined();
    expect(await config({ receivers: [aReceiver("a", { format: "cloudevents" })] })).toBeUndefined();
    expect(await config({ receivers: [aReceiver("a", { friendly: "only" })] })).toBeDefined();
    expect(await config({ route: match({ eventType: "x" }) })).toBeDefined();
    expect(await config({ route: match({ not: { eventType: "x" } }) })).toBeDefined();
    expect(await config({ route: match({ reason: "x" }) })).toBeUndefined();
  });
});
