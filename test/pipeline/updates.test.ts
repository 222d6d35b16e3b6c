import { expect, test } from "bun:test";
import type { Event } from "../../src/event.ts";
import { normalise } from "../../src/normalise.ts";
import { createNewest, createUpdatesGate, type Updates } from "../../src/pipeline/updates.ts";

const state = (count: number, uid = "e"): Event =>
  normalise({ metadata: { uid, resourceVersion: String(count) }, involvedObject: { uid: "p" }, count });

const series = (count: number): Event =>
  normalise({ metadata: { uid: "e", resourceVersion: "1" }, involvedObject: { uid: "p" }, series: { count } });

/** The counts that get through, of states one second apart. */
function told(policy: Updates, events: readonly Event[]): number[] {
  const gate = createUpdatesGate(policy);
  return events
    .filter((event, second) => !gate?.(event, second * 1_000))
    .map((event) => event.count || (event.series?.count ?? 0));
}

const counts = (...numbers: number[]) => numbers.map((count) => state(count));

test.each<[string, Updates, readonly Event[], number[]]>([
  ["all", "all", counts(1, 2, 3), [1, 2, 3]],
  ["first", "first", counts(1, 2, 3, 400), [1]],
  ["the first that is seen, whatever its count", "first", counts(7, 8), [7]],
  ["countDoubles", "countDoubles", counts(1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17), [1, 2, 4, 8, 16]],
  ["countDoubles over a jump, as series count", "countDoubles", counts(2, 4242, 5000, 8484), [2, 4242, 8484]],
  ["countDoubles of a series", "countDoubles", [1, 2, 3, 6].map(series), [1, 2, 6]],
  ["every 3 s", { everyMs: 3_000 }, counts(1, 2, 3, 4, 5, 6, 7), [1, 4, 7]],
])("%s", (_, policy, events, expected) => {
  expect(told(policy, events)).toEqual(expected);
});

test("each event has its own memory, and the oldest is forgotten when there are too many", () => {
  const gate = createUpdatesGate("first", 2);
  const held = (uid: string) => gate?.(state(1, uid), 0);
  expect([held("a"), held("b"), held("a"), held("b")]).toEqual([false, false, true, true]);
  expect(held("c")).toBe(false);
  expect([held("b"), held("c"), held("a")]).toEqual([true, true, false]);
});

test("latest: the entry with the newest state is known, of at least half as many events as there is room for", () => {
  const newest = createNewest(4);
  const came = (...entries: readonly (readonly [number, number])[]) => {
    for (const [identity, seq] of entries) newest.came(identity, seq);
  };
  came([1, 10], [2, 11], [1, 12]);
  expect([newest.of(1), newest.of(2), newest.of(3)]).toEqual([12, 11, undefined]);
  came([3, 13], [2, 14]);
  expect([newest.of(1), newest.of(2), newest.of(3)]).toEqual([12, 14, 13]);
  came([4, 15]);
  expect([newest.of(1), newest.of(2), newest.of(3), newest.of(4)]).toEqual([undefined, 14, 13, 15]);
  expect(createUpdatesGate("latest")).toBeUndefined();
});
