import { describe, expect, test } from "bun:test";
import { firstSeenMs, lastSeenMs, NotAnEvent, normalise, occurrences } from "../src/normalise.ts";

const metadata = {
  name: "web.17aa",
  namespace: "shop",
  uid: "e1",
  resourceVersion: "101",
  creationTimestamp: "2026-11-20T21:00:00Z",
};
const object = { kind: "Pod", namespace: "shop", name: "web", uid: "p1", apiVersion: "v1" };

describe("one shape from both APIs", () => {
  const fields = {
    reason: "BackOff",
    type: "Warning",
    eventTime: null,
    action: "Pull",
    related: { kind: "Node", name: "n1" },
    reportingInstance: "n1",
  };
  const core = normalise({
    ...fields,
    metadata,
    involvedObject: object,
    message: "Back-off",
    source: { component: "kubelet", host: "n1" },
    firstTimestamp: "2026-11-20T21:00:00Z",
    lastTimestamp: "2026-11-20T21:05:00Z",
    count: 7,
    reportingComponent: "kubelet",
  });
  const fresh = normalise({
    ...fields,
    metadata,
    regarding: object,
    note: "Back-off",
    deprecatedSource: { component: "kubelet", host: "n1" },
    deprecatedFirstTimestamp: "2026-11-20T21:00:00Z",
    deprecatedLastTimestamp: "2026-11-20T21:05:00Z",
    deprecatedCount: 7,
    reportingController: "kubelet",
  });
  test("are equal", () => expect(fresh).toEqual(core));
  test("carry the id, the object's key and what happened", () => {
    expect(core.id).toBe("e1.101");
    expect(core.objectKey).toBe("p1");
    expect(core.involvedObject).toEqual({ ...object, deleted: false });
    expect(core.related).toEqual({ kind: "Node", name: "n1" });
    expect(occurrences(core)).toBe(7);
    expect(lastSeenMs(core)).toBe(Date.parse("2026-11-20T21:05:00Z"));
  });
});

test.each([
  [
    "a series counts",
    { series: { count: 3, lastObservedTime: "2026-11-20T22:00:00.000001Z" } },
    3,
    "2026-11-20T22:00:00Z",
  ],
  ["an event without any time has its creation", {}, 1, "2026-11-20T21:00:00Z"],
  ["eventTime alone", { eventTime: "2026-11-20T21:30:00.500000Z" }, 1, "2026-11-20T21:30:00.500Z"],
  [
    "the newest wins",
    { lastTimestamp: "2026-11-20T21:10:00Z", eventTime: "2026-11-20T21:30:00.000000Z" },
    1,
    "2026-11-20T21:30:00Z",
  ],
])("%s", (_, fields, count, seen) => {
  const event = normalise({ metadata, involvedObject: object, ...fields });
  expect(occurrences(event)).toBe(count);
  expect(lastSeenMs(event)).toBe(Date.parse(seen));
});

test("first seen falls back as the API means it", () => {
  expect(firstSeenMs(normalise({ metadata, involvedObject: object }))).toBe(Date.parse("2026-11-20T21:00:00Z"));
  const timed = normalise({ metadata, involvedObject: object, eventTime: "2026-11-20T21:30:00.000000Z" });
  expect(firstSeenMs(timed)).toBe(Date.parse("2026-11-20T21:30:00Z"));
});

test.each([
  ["2026-11-20T22:00:00+01:00", "2026-11-20T21:00:00Z"],
  ["2026-11-20T21:00:00.123456Z", "2026-11-20T21:00:00Z"],
  ["yesterday", null],
  [12, null],
])("a timestamp %p is kept as whole seconds in UTC", (input, output) => {
  expect(normalise({ metadata, involvedObject: object, lastTimestamp: input }).lastTimestamp).toBe(output);
});

test.each([
  ["2026-11-20T21:00:00.1Z", "2026-11-20T21:00:00.100000Z"],
  ["2026-11-20T21:00:00Z", "2026-11-20T21:00:00.000000Z"],
  ["2026-11-20T21:00:00.123456789Z", "2026-11-20T21:00:00.123456Z"],
])("an eventTime %p is kept as microseconds", (input, output) => {
  expect(normalise({ metadata, involvedObject: object, eventTime: input }).eventTime).toBe(output);
});

test("mistyped fields count as absent", () => {
  const event = normalise({
    metadata,
    involvedObject: { ...object, name: 5 },
    reason: 5,
    message: null,
    count: "7",
    source: "kubelet",
  });
  expect([event.reason, event.message, event.count, event.source, event.involvedObject.name]).toEqual([
    "",
    "",
    0,
    {},
    undefined,
  ]);
});

test.each([
  ["no resourceVersion", { metadata: { uid: "e1", creationTimestamp: "2026-11-20T21:00:00Z" } }, "e1.1.1795208400000"],
  ["no uid", { metadata: { name: "x" } }, /^sha256-[0-9a-f]{32}$/],
])("an id without %s", (_, fields, id) => {
  expect(normalise({ involvedObject: object, ...fields }).id).toMatch(id);
});

test("a digest does not depend on the order of keys", () => {
  const one = normalise({ metadata: { name: "x" }, involvedObject: object, reason: "A" });
  const two = normalise({ reason: "A", involvedObject: object, metadata: { name: "x" } });
  expect(two.id).toBe(one.id);
});

test.each([
  ["uid missing", { ...object, uid: undefined }, "v1/Pod/shop/web"],
  ["nothing but a kind", { kind: "Pod" }, "e1"],
])("object key: %s", (_, involvedObject, key) => {
  expect(normalise({ metadata, involvedObject }).objectKey).toBe(key);
});

test.each([
  [null, "got null"],
  ["text", "got string"],
  [{}, "metadata"],
  [{ kind: "Status", metadata: {} }, "of kind Status"],
])("%p is not an event", (input, words) => {
  expect(() => normalise(input)).toThrow(NotAnEvent);
  expect(() => normalise(input)).toThrow(words);
});
