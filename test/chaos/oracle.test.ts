/** The oracle itself: it must catch every wrong story, and let every right one pass. */
import { describe, expect, test } from "bun:test";
import { judge } from "./oracle.ts";
import type { Attempt, Counted, Gap, Life, Removal, State, Story } from "./story.ts";

const state = (version: number, object = "pod", uid = `e${version}`): State => ({
  id: `${uid}.${version}`,
  uid,
  object,
  version,
});

/** Versions of events that a receiver keeps at a time, by default answered within 10 ms by the first process. */
function sent(begun: number, versions: readonly number[], changes: Partial<Attempt> = {}): Attempt {
  return {
    receiver: "r",
    life: 1,
    begun,
    earliest: begun,
    ended: begun + 10,
    answered: true,
    ids: versions.map((version) => `e${version}.${version}`),
    taken: versions.map((_, index) => index),
    takenAt: begun + 5,
    ...changes,
  };
}

const life = (number: number, changes: Partial<Life> = {}): Life => ({
  number,
  ended: Number.POSITIVE_INFINITY,
  inOrder: true,
  stopping: Number.POSITIVE_INFINITY,
  recordedUntil: Number.POSITIVE_INFINITY,
  readAt: Number.POSITIVE_INFINITY,
  cutOff: [],
  unrecorded: [],
  frozen: [],
  ...changes,
});

const counted = (changes: Partial<Counted>): Counted => ({
  life: 1,
  receiver: "r",
  dropped: {},
  ambiguous: 0,
  ...changes,
});

function story(changes: Partial<Story>): Story {
  return {
    receivers: ["r"],
    states: [],
    removals: [],
    gaps: [],
    attempts: [],
    lives: [life(1)],
    counts: [],
    timeoutMs: 2_000,
    ...changes,
  };
}

const faults = (changes: Partial<Story>): string => judge(story(changes)).faults.join("\n");

const killedAt = (at: number, changes: Partial<Life> = {}): Life =>
  life(1, { ended: at, inOrder: false, recordedUntil: at - 100, readAt: at - 200, ...changes });

const hurried = (receiver: string): Life => life(1, { stopping: 900, ended: 2_000, cutOff: [receiver] });

const cutOff = (from: number, to: number): Life => life(1, { unrecorded: [[from, to]] });

describe("what was written must come", () => {
  const two = [state(1, "a"), state(2, "b")];

  test("all of it: nothing to say", () => {
    expect(faults({ states: two, attempts: [sent(0, [1]), sent(20, [2])] })).toBe("");
  });
  test("one is missing, and nobody counted it", () => {
    expect(faults({ states: two, attempts: [sent(0, [1])] })).toContain("1 lost, 1 of them without a count");
  });
  test("one is missing, and counted: missing, but no fault", () => {
    const verdict = judge(
      story({ states: two, attempts: [sent(0, [1])], counts: [counted({ dropped: { overflow: 1 } })] }),
    );
    expect(verdict.faults).toEqual([]);
    expect(verdict.receivers[0]).toMatchObject({ missing: ["e2.2"], dropped: { overflow: 1 }, uncounted: 0 });
  });
  test("two are missing, one is counted", () => {
    const counts = [counted({ dropped: { overflow: 1 } })];
    expect(faults({ states: two, counts })).toContain("2 lost, 1 of them without a count");
  });
  test("what another receiver dropped is no excuse", () => {
    const counts = [counted({ receiver: "other", dropped: { overflow: 9 } })];
    expect(faults({ states: two, attempts: [sent(0, [1])], counts })).toContain("1 lost");
  });
  test("a server that was sent it, and did not keep it, does not have it", () => {
    expect(faults({ states: two, attempts: [sent(0, [1]), sent(20, [2], { taken: [] })] })).toContain("1 lost");
  });
  test("an id that nobody wrote", () => {
    expect(faults({ states: two, attempts: [sent(0, [1, 2]), sent(50, [7])] })).toContain(
      "that nobody wrote, e.g. e7.7",
    );
  });
});

describe("across a gap the last state is enough", () => {
  const states = [state(1, "pod", "e"), state(2, "pod", "e"), state(3, "pod", "e")];
  const ids = (version: number, begun: number) => sent(begun, [], { ids: [`e.${version}`], taken: [0] });
  const cases: readonly (readonly [string, readonly Gap[], readonly Removal[], readonly number[], number])[] = [
    ["no gap: all three", [], [], [1, 2, 3], 0],
    ["no gap: the middle one is lost", [], [], [1, 3], 1],
    ["the middle one was superseded in the gap", [{ from: 1, to: 3 }], [], [1, 3], 0],
    ["the gap ended before the next state", [{ from: 1, to: 2 }], [], [1, 3], 1],
    ["the gap began after it was told", [{ from: 2, to: 3 }], [], [1, 3], 1],
    ["the last one has no successor", [{ from: 0, to: 9 }], [], [], 1],
    ["removed in the gap", [{ from: 2, to: 9 }], [{ uid: "e", version: 4 }], [1, 2], 0],
    ["removed after the gap", [{ from: 2, to: 3 }], [{ uid: "e", version: 4 }], [1, 2], 1],
  ];
  test.each(cases)("%s", (_, gaps, removals, came, missing) => {
    const attempts = came.map((version, index) => ids(version, index * 20));
    expect(judge(story({ states, gaps, removals, attempts })).receivers[0]?.missing).toHaveLength(missing);
  });
});

describe("order per object", () => {
  const states = [state(1), state(2), state(3, "other")];

  test("a later one came first", () => {
    expect(faults({ states, attempts: [sent(0, [2]), sent(20, [1]), sent(40, [3])] })).toContain(
      "1 out of order, e.g. e1.1 came after e2.2",
    );
  });
  test("within one request, too", () => {
    expect(faults({ states, attempts: [sent(0, [2, 1, 3])] })).toContain("e1.1 came after e2.2");
  });
  test("other objects may overtake", () => {
    expect(faults({ states, attempts: [sent(0, [3]), sent(20, [1]), sent(40, [2])] })).toBe("");
  });
  test("a repeat after a kill goes back in order, and that is none", () => {
    const lives = [killedAt(45), life(2)];
    const again = [sent(60, [1], { life: 2 }), sent(80, [2], { life: 2 }), sent(99, [3], { life: 2 })];
    expect(faults({ states, lives, attempts: [sent(0, [1]), sent(20, [2]), ...again] })).toBe("");
  });
  test("a state from before what no record knew of, after a kill: it goes on from the record", () => {
    const lives = [killedAt(45), life(2)];
    const attempts = [sent(30, [2]), sent(60, [1], { life: 2 }), sent(80, [2, 3], { life: 2 })];
    expect(faults({ states, lives, attempts })).toBe("");
  });
  test("a state from before what was on record, after a kill", () => {
    const lives = [killedAt(900), life(2)];
    const attempts = [sent(30, [2]), sent(960, [1], { life: 2 }), sent(980, [3], { life: 2 })];
    expect(faults({ states, lives, attempts })).toContain("e1.1 came after e2.2");
  });
  test("the next one is sent before the first is answered", () => {
    const slow = sent(0, [1], { ended: 500 });
    expect(faults({ states, attempts: [slow, sent(100, [2, 3])] })).toContain(
      "e2.2 was sent while e1.1 of its object was on its way",
    );
  });
  test("of a process that is gone nothing is on its way", () => {
    const slow = sent(0, [1], { ended: 500 });
    const lives = [killedAt(50), life(2)];
    expect(faults({ states, lives, attempts: [slow, sent(100, [2, 3], { life: 2 })] })).toBe("");
  });
});

describe("a repeat needs a reason", () => {
  const states = [state(1)];
  const twice = (first: Partial<Attempt>, second: Partial<Attempt> = {}): readonly Attempt[] => [
    sent(1_000, [1], first),
    sent(9_000, [1], second),
  ];
  const NONE = "1 repeated without a reason";
  const UNCOUNTED = "1 repeated after a lost answer that petrel did not count";
  const one = [counted({ ambiguous: 1 })];
  const lost: Partial<Attempt> = { answered: false, ended: 1_500 };
  const second = { life: 2 };
  const cases: readonly (readonly [string, Partial<Story>, string])[] = [
    ["answered in time", { attempts: twice({}) }, NONE],
    ["answered in time, whatever is counted", { attempts: twice({}), counts: one }, NONE],
    ["no answer, counted", { attempts: twice(lost), counts: one }, ""],
    ["no answer, not counted", { attempts: twice(lost) }, UNCOUNTED],
    [
      "no answer, counted for another",
      { attempts: twice(lost), counts: [counted({ receiver: "q", ambiguous: 1 })] },
      UNCOUNTED,
    ],
    ["answered at the deadline, counted", { attempts: twice({ ended: 2_900 }), counts: one }, ""],
    ["read late by a busy server, counted", { attempts: twice({ earliest: -1_500 }), counts: one }, ""],
    ["read late by a busy server, not counted", { attempts: twice({ earliest: -1_500 }) }, UNCOUNTED],
    [
      "frozen while it was answered",
      { attempts: twice({}), counts: one, lives: [life(1, { frozen: [[990, 5_000]] })] },
      "",
    ],
    [
      "frozen at another time",
      { attempts: twice({}), counts: one, lives: [life(1, { frozen: [[5_000, 6_000]] })] },
      NONE,
    ],
    ["a restart in good order", { attempts: twice({}, second), lives: [life(1, { ended: 2_000 }), life(2)] }, NONE],
    [
      "a restart that cut it off",
      { attempts: twice(lost, second), lives: [life(1, { stopping: 1_400, ended: 1_900 }), life(2)] },
      "",
    ],
    [
      "a restart long after it was cut off",
      { attempts: twice(lost, second), lives: [life(1, { stopping: 1_600, ended: 1_900 }), life(2)] },
      UNCOUNTED,
    ],
    ["cut off, and another went on", { attempts: twice({}, second), lives: [cutOff(900, 2_000), life(2)] }, ""],
    ["no more time for its answer", { attempts: twice({}, second), lives: [hurried("r"), life(2)] }, ""],
    ["no more time for another's", { attempts: twice({}, second), lives: [hurried("q"), life(2)] }, NONE],
    ["cut off later", { attempts: twice({}, second), lives: [cutOff(2_000, 3_000), life(2)] }, NONE],
    ["cut off, but it sends again itself", { attempts: twice({}), lives: [cutOff(900, 2_000)] }, NONE],
    ["killed at once", { attempts: twice({}, second), lives: [killedAt(1_050), life(2)] }, ""],
    ["killed long after the record", { attempts: twice({}, second), lives: [killedAt(5_000), life(2)] }, NONE],
    ["killed in flight", { attempts: twice(lost, second), lives: [killedAt(1_500), life(2)] }, ""],
    ["killed before anybody could read the count", { attempts: twice(lost), lives: [killedAt(1_600)] }, ""],
    ["killed, but the same process sends again", { attempts: twice({}), lives: [killedAt(1_050)] }, NONE],
    ["from a process that nobody knows", { attempts: twice({ life: 7 }) }, NONE],
  ];
  test.each(cases)("%s", (_, changes, expected) => {
    const found = faults({ states, ...changes });
    if (expected === "") expect(found).toBe("");
    else expect(found).toContain(expected);
  });
  test("each repeat of one id is judged by itself", () => {
    const attempts = [...twice(lost), sent(12_000, [1])];
    expect(faults({ states, attempts, counts: one })).toContain(NONE);
  });
});
