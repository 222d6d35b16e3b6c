/** What events are understood as: by wording, by who reports them, and how often they are read. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { RAW_TYPE } from "../../src/cloudevents.ts";
import type { Event } from "../../src/event.ts";
import { eventType, friendlyCloudEvent, friendlyData, told } from "../../src/friendly/parse.ts";
import { sampleEvent } from "../../src/friendly/sample.ts";
import { TABLE } from "../../src/friendly/table.ts";
import { normalise, withObjectMetadata } from "../../src/normalise.ts";
import { anEvent, HOSTILE } from "../contract.ts";
import { bridgeSamples } from "./bridge.ts";
import { RAW } from "./raw.ts";

interface Worded {
  readonly component: string;
  readonly reason: string;
  readonly severity: string;
  readonly kind: string;
  readonly name: string;
  readonly message: string;
  readonly type: string;
  readonly data: unknown;
}

const WORDED: readonly Worded[] = readFileSync(`${import.meta.dir}/../fixtures/friendly/wordings.jsonl`, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

const event = (one: Omit<Worded, "type" | "data">, more: Record<string, unknown>): Event =>
  normalise({
    metadata: { namespace: "shop", uid: "u", resourceVersion: "1" },
    involvedObject: { kind: one.kind, name: one.name, ...(one.kind !== "Node" && { namespace: "shop" }) },
    reason: one.reason,
    message: one.message,
    type: one.severity,
    ...more,
  });

/** How the same is reported: by both fields, by the old one, by the new one, through either API. */
const STYLES: Readonly<Record<string, (one: Worded) => Event>> = {
  both: (one) => event(one, { source: { component: one.component }, reportingComponent: one.component }),
  "source.component alone": (one) => event(one, { source: { component: one.component } }),
  "reportingComponent alone": (one) =>
    event(one, { source: {}, reportingComponent: one.component, eventTime: "2026-11-20T21:44:18.000000Z" }),
  "combined by the recorder": (one) =>
    event(
      { ...one, message: `(combined from similar events): ${one.message}` },
      { source: { component: one.component }, count: 12 },
    ),
  "events.k8s.io": (one) => {
    const { involvedObject, message, reason, type } = event(one, {});
    const metadata = { namespace: "shop", uid: "u", resourceVersion: "1" };
    return normalise({
      metadata,
      regarding: involvedObject,
      note: message,
      reason,
      type,
      reportingController: one.component,
    });
  },
};

const understood = (one: Event): readonly [string, unknown] => {
  const found = told(one);
  return [eventType(one), found && friendlyData(one, found)];
};

describe("each wording has its type and its fields", () => {
  for (const [style, make] of Object.entries(STYLES)) {
    test(`${style}: ${WORDED.length} wordings`, () => {
      for (const one of WORDED)
        expect([one.message, ...understood(make(one))]).toEqual([one.message, one.type, one.data]);
    });
  }

  test("and none of the table is left out", () => {
    const known = new Set(WORDED.map(({ type, message }) => `${type} ${message}`));
    const samples = TABLE.flatMap(({ type, rows }) =>
      rows.flatMap(({ wordings }) => wordings.map(({ sample }) => `${type} ${sample}`)),
    );
    expect(samples.filter((one) => !known.has(one))).toEqual([]);
  });

  test("and each reason of a row is known", () => {
    for (const definition of TABLE)
      for (const row of definition.rows)
        for (const reason of [row.reason].flat())
          for (const wording of row.wordings) {
            const one = sampleEvent(definition, { ...row, reason }, wording);
            expect([reason, eventType(one)]).toEqual([reason, definition.type]);
          }
  });
});

describe("what no wording holds for stays raw", () => {
  for (const [component, reason, severity, kind, message] of RAW) {
    test(`${component || "nobody"} ${reason}: ${message}`, () => {
      const one = { component, reason, severity, kind, name: kind === "Node" ? "node-1" : "web-1", message };
      const found = event(one, { source: { component }, reportingComponent: component });
      expect([eventType(found), friendlyCloudEvent(found)]).toEqual([RAW_TYPE, undefined]);
    });
  }

  test("hostile events, and messages without end", () => {
    for (const one of HOSTILE) expect(eventType(one)).toBe(RAW_TYPE);
    const endless = { ...(WORDED.find(({ reason }) => reason === "Unhealthy") as Worded) };
    const long = event(
      { ...endless, message: `Liveness probe failed: ${"x".repeat(70_000)}` },
      { source: { component: "kubelet" } },
    );
    expect(eventType(long)).toBe(RAW_TYPE);
  });
});

describe("the bridge's samples", () => {
  const samples = bridgeSamples();

  test("are of its 34 kinds", () => {
    expect(samples).toHaveLength(34);
    expect(new Set(samples.map(({ name }) => name)).size).toBe(34);
  });

  for (const { name, type, data, event: one } of samples) {
    test(name, () => {
      expect(understood(one)).toEqual([type ?? RAW_TYPE, data ?? undefined]);
    });
  }

  test("that have its own four types have its payloads, to the byte", () => {
    const json = (name: string) =>
      friendlyCloudEvent(samples.find((one) => one.name === name)?.event ?? anEvent())?.json;
    expect(json("autoscaler-triggered")).toBe(
      '{"nodeGroup":{"name":"pool-a-7f","sizeInfo":{"new":4,"old":1,"maximum":10}}}',
    );
    expect(json("deployment-up")).toBe(
      '{"deployment":{"name":"web","namespace":"shop","labels":{"app":"web","tier":"front"}},"replicaSet":{"name":"web-7d4b9c"},"replicas":{"new":3}}',
    );
    expect(json("deployment-down")).toBe(
      '{"deployment":{"name":"web","namespace":"shop","labels":{"app":"web","tier":"front"}},"replicaSet":{"name":"web-7d4b9c"},"replicas":{"new":0}}',
    );
  });
});

describe("an event is read", () => {
  const crash = () => {
    let reads = 0;
    const base = anEvent({ message: "Back-off restarting failed container", source: { component: "kubelet" } });
    const counted = Object.defineProperty({ ...base }, "message", {
      enumerable: true,
      get() {
        reads++;
        return base.message;
      },
    });
    return { counted, reads: () => reads };
  };

  test("once, however many ask, and by nobody before", () => {
    const { counted, reads } = crash();
    expect(reads()).toBe(0);
    told(counted);
    const after = reads();
    expect(after).toBeGreaterThan(0);
    for (let i = 0; i < 3; i++) expect(eventType(counted)).toEndWith("CrashLoopBackOff");
    friendlyCloudEvent(counted);
    expect(reads()).toBe(after);
  });

  test("not again when what was looked up comes to it, which is in its data", () => {
    const { counted } = crash();
    told(counted);
    const enriched = withObjectMetadata(counted, { labels: { app: "late" }, deleted: false });
    expect(JSON.parse(friendlyCloudEvent(enriched)?.json ?? "")).toMatchObject({ pod: { labels: { app: "late" } } });
  });

  test("and keeps its own text", () => {
    const one = anEvent();
    const before = JSON.stringify(one);
    told(one);
    expect(JSON.stringify(one)).toBe(before);
  });

  test("for its container, where the message does not name it", () => {
    const inContainer = (fieldPath: string) =>
      anEvent({
        message: "Back-off restarting failed container",
        source: { component: "kubelet" },
        involvedObject: { kind: "Pod", name: "web-1", namespace: "default", fieldPath, deleted: false },
      });
    const containerOf = (fieldPath: string) =>
      (understood(inContainer(fieldPath))[1] as { container?: unknown }).container;
    expect(containerOf("spec.containers{app}")).toEqual({ name: "app" });
    expect(containerOf("spec.initContainers{init}")).toEqual({ name: "init" });
    expect(containerOf("spec.ephemeralContainers{debug}")).toEqual({ name: "debug" });
    expect(containerOf("spec")).toBeUndefined();
  });
});
