/** Positions: what they say is done, over restarts, against the plain sets that they stand for. */
import { describe, expect, test } from "bun:test";
import {
  boundedPosition,
  combine,
  formatCheckpoint,
  isDone,
  lowOf,
  MAX_OPEN,
  type Position,
  parseCheckpoint,
} from "../../src/pipeline/positions.ts";
import { forSeeds, type Random } from "./virtual-time.ts";

const TOP = 60;
const versions = Array.from({ length: TOP }, (_, n) => n + 1);
const doneBy = (position: Position | undefined) => versions.filter((one) => position && isDone(position, one));

/** Everything up to `high` is done but some. */
function aPosition(random: Random, from = 0): Position {
  const high = random.int(from, TOP);
  return { high, open: versions.filter((one) => one > from && one <= high && random.chance(0.2)) };
}

test("of many exceptions the position keeps the first, and says no more than is true", () => {
  const open = Array.from({ length: MAX_OPEN + 100 }, (_, n) => 2 * n + 1);
  const position = boundedPosition(10_000, open);
  expect(position.open).toHaveLength(MAX_OPEN);
  for (let version = 1; version <= 10_000; version++) {
    if (isDone(position, version)) expect(open.includes(version)).toBe(false);
  }
  expect(isDone(position, 2 * MAX_OPEN)).toBe(true);
  expect(boundedPosition(9, [3])).toEqual({ high: 9, open: [3] });
});

test("low: everything up to it is done, the next is not", () => {
  forSeeds(1, 200, (random) => {
    const position = aPosition(random);
    const done = new Set(doneBy(position));
    for (const version of versions) if (version <= lowOf(position)) expect(done.has(version)).toBe(true);
    if (lowOf(position) < position.high) expect(done.has(lowOf(position) + 1)).toBe(false);
  });
});

test("after a restart: what was done before, and what was done since of what is told again", () => {
  forSeeds(1, 500, (random) => {
    const before = aPosition(random);
    // The watch begins at the low, and has come some way: what was done before passes, the rest is done or open.
    const low = lowOf(before);
    const reached = random.int(low, TOP);
    const open = versions.filter((one) => one > low && one <= reached && !isDone(before, one) && random.chance(0.4));
    const both = combine(before, { high: reached, open });
    const expected = versions.filter((one) => isDone(before, one) || (one <= reached && !open.includes(one)));
    expect(doneBy(both)).toEqual(expected);
  });
});

test("combine takes what there is", () => {
  const one = { high: 5, open: [3] };
  expect([combine(undefined, undefined), combine(one, undefined), combine(undefined, one)]).toEqual([
    undefined,
    one,
    one,
  ]);
});

describe("a checkpoint", () => {
  test("is the same after it was text", () => {
    forSeeds(1, 50, (random) => {
      const receivers = new Map(
        ["a", "b/ö", "c"].map((name) => [
          name,
          new Map([
            ["/api/v1/events?x=1", aPosition(random, 1)],
            ["w", aPosition(random, 1)],
          ]),
        ]),
      );
      const remembered = random.chance(0.5) ? {} : { chat: [["thread", '{"ts":1}']] as [string, string][] };
      const checkpoint = { cluster: { kubeSystem: "uid" }, receivers, remembered };
      expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
    });
  });

  test.each([
    ["not JSON", "{", "it is not JSON"],
    ["no object", "[]", "it is no object"],
    ["of another format", '{"format":2,"receivers":{}}', "its format is 2, and this petrel knows 1"],
    ["without receivers", '{"format":1}', "receivers is no object"],
    ["a position that is none", '{"format":1,"receivers":{"a":{"w":"x"}}}', "the position of a is no resourceVersion"],
    ["one of fractions", '{"format":1,"receivers":{"a":{"w":[1.5]}}}', "the position of a is no resourceVersion"],
    ["an empty one", '{"format":1,"receivers":{"a":{"w":[]}}}', "the position of a is no resourceVersion"],
  ])("that is %s says so", (_, text, message) => {
    expect(() => parseCheckpoint(text)).toThrow(message);
  });
});
