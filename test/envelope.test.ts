/** eventrouter's envelope, against what the original wrote. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { compileEnvelope, coreEventJson } from "../src/envelope.ts";
import type { Event } from "../src/event.ts";
import { normalise } from "../src/normalise.ts";
import { anEvent, HOSTILE } from "./contract.ts";

const fixture = (name: string) =>
  readFileSync(`${import.meta.dir}/fixtures/eventrouter/${name}`, "utf8")
    .trim()
    .split("\n");

interface Envelope {
  readonly verb: string;
  readonly event: Record<string, unknown>;
  readonly old_event?: Record<string, unknown>;
}

const said = (text: string): Envelope => JSON.parse(text);
const state = (version: string, more: Partial<Event> = {}): Event =>
  anEvent({ metadata: { uid: "u", resourceVersion: version }, message: `state ${version}`, ...more });
const versions = (text: string) => {
  const { verb, event, old_event: old } = said(text);
  return [verb, event.message, old?.message];
};

describe("recorded envelopes are written byte for byte", () => {
  const recorded = fixture("eventrouter-sinks.txt").flatMap((line) => {
    const json = /^(?:ADDED|UPDATED|RFC\w*\(.*?\)): (?:.*? - - - )?(\{.*\})$/.exec(line)?.[1];
    return json === undefined ? [] : [json];
  });

  test("there are some, of both verbs", () => {
    expect(new Set(recorded.map((line) => said(line).verb))).toEqual(new Set(["ADDED", "UPDATED"]));
    expect(recorded.length).toBeGreaterThanOrEqual(4);
  });

  for (const [index, line] of recorded.entries()) {
    test(`${index}: ${said(line).verb}`, () => {
      const { event, old_event: old } = said(line);
      const envelope = compileEnvelope();
      if (old) envelope(normalise(old));
      expect(envelope(normalise(event))).toBe(line);
    });
  }

  test("an informer's life, without what it says again when nothing happened", () => {
    const envelope = compileEnvelope();
    const lines = fixture("resync-stdout.jsonl").map(said);
    const real = lines.filter(({ event, old_event: old }) => {
      const version = (one: Record<string, unknown> | undefined) =>
        (one?.metadata as { resourceVersion?: string })?.resourceVersion;
      return version(event) !== version(old);
    });
    expect(lines.length).toBeGreaterThan(real.length);
    // Recorded with types that had no reporting fields and no eventTime yet.
    const without = ({
      eventTime: _,
      reportingComponent: _c,
      reportingInstance: _i,
      ...rest
    }: Record<string, unknown>) => rest;
    for (const line of real) {
      const { verb, event, old_event: old } = said(envelope(normalise(line.event)));
      expect({ verb, event: without(event), ...(old && { old_event: without(old) }) }).toEqual(line);
    }
  });
});

describe("old_event", () => {
  test("is the last state that was sent, and only when that is known", () => {
    const envelope = compileEnvelope();
    expect(versions(envelope(state("9")))).toEqual(["ADDED", "state 9", undefined]);
    expect(versions(envelope(state("10")))).toEqual(["UPDATED", "state 10", "state 9"]);
    expect(versions(envelope(state("12")))).toEqual(["UPDATED", "state 12", "state 10"]);
    const other = state("13", { metadata: { uid: "other", resourceVersion: "13" }, modified: true });
    expect(versions(envelope(other))).toEqual(["UPDATED", "state 13", undefined]);
  });

  test("is the same when an attempt is made again, and not that of a later state", () => {
    const envelope = compileEnvelope();
    const texts = ["1", "2"].map((version) => envelope(state(version)));
    expect(envelope(state("2"))).toBe(texts[1] ?? "");
    expect(versions(envelope(state("1")))).toEqual(["ADDED", "state 1", undefined]);
    expect(versions(envelope(state("3")))).toEqual(["UPDATED", "state 3", "state 2"]);
  });

  test("is remembered of a bounded number of events", () => {
    const envelope = compileEnvelope();
    const uid = (n: number) => ({ metadata: { uid: `u-${n}`, resourceVersion: "1" } });
    for (let n = 0; n < 20_000; n++) envelope(state("1", uid(n)));
    const again = (n: number) =>
      versions(envelope(state("2", { metadata: { uid: `u-${n}`, resourceVersion: "2" } })))[2];
    expect([again(19_999), again(0)]).toEqual(["state 1", undefined]);
    const large = { metadata: { uid: "large", resourceVersion: "1" }, message: "x".repeat(5 * 1024 * 1024) };
    envelope(state("1", large));
    expect(
      said(envelope(state("2", { ...large, metadata: { uid: "large", resourceVersion: "2" } }))).old_event,
    ).toBeUndefined();
  });
});

test("an event has nothing of Petrel's, of the exporter's or of the look-up's", () => {
  const event = JSON.parse(coreEventJson(anEvent({ clusterName: "c", modified: true })));
  expect(Object.keys(event)).toEqual(
    "metadata involvedObject reason message source firstTimestamp lastTimestamp count type eventTime reportingComponent reportingInstance".split(
      " ",
    ),
  );
  expect(Object.keys(event.involvedObject)).toEqual([
    "kind",
    "namespace",
    "name",
    "uid",
    "apiVersion",
    "resourceVersion",
  ]);
});

test("new-style events have all their fields, in Go's order", () => {
  const json = coreEventJson(
    normalise({
      ...{ metadata: {}, regarding: { kind: "Pod" }, related: { kind: "Node", name: "n" }, action: "Binding" },
      ...{
        reportingController: "s",
        reportingInstance: "i",
        series: { count: 2, lastObservedTime: "2026-11-20T10:00:00.5Z" },
      },
    }),
  );
  expect(json).toBe(
    '{"metadata":{"creationTimestamp":null},"involvedObject":{"kind":"Pod"},"source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null,"series":{"count":2,"lastObservedTime":"2026-11-20T10:00:00.500000Z"},"action":"Binding","related":{"kind":"Node","name":"n"},"reportingComponent":"s","reportingInstance":"i"}',
  );
});

test("hostile events are valid JSON", () => {
  const envelope = compileEnvelope();
  for (const event of HOSTILE) expect(said(envelope(event)).event).toBeObject();
});
