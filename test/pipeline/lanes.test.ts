import { expect, test } from "bun:test";
import { DeliveryError } from "../../src/errors.ts";
import type { Event } from "../../src/event.ts";
import { normalise } from "../../src/normalise.ts";
import type { Group } from "../../src/pipeline/group.ts";
import { createLanes } from "../../src/pipeline/lanes.ts";

const event: Event = normalise({ metadata: { uid: "e", resourceVersion: "1" }, involvedObject: {} });
const group = (): Group => ({
  seqs: [0],
  events: [event],
  receivedAt: [0],
  attempts: 0,
  readyAt: 0,
  next: undefined,
  done: undefined,
});

/** One lane with a deadline of a second, its delivery begun at 0. `answer` takes it. */
function aLane() {
  const outcomes: string[] = [];
  let answer = (): void => {};
  const lanes = createLanes({
    concurrency: 1,
    timeoutMs: 1_000,
    settled: (_, error) => void outcomes.push(error instanceof DeliveryError ? error.reason : String(error)),
    sink: {
      render: () => ({ body: "" }),
      deliver: (_, signal) =>
        new Promise((resolve, reject) => {
          answer = resolve;
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    },
  });
  lanes.begin(group(), 0);
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { lanes, outcomes, answer: () => answer(), settled };
}

test("a deadline that is noticed in time ends the delivery", async () => {
  const { lanes, outcomes, settled } = aLane();
  expect(lanes.check(999)).toBe(1_000);
  lanes.check(1_001);
  await settled();
  expect(outcomes).toEqual(["timeout"]);
});

test("a process that did not run when the time was up looks first whether there is an answer", async () => {
  const { lanes, outcomes, answer, settled } = aLane();
  expect(lanes.check(60_000)).toBe(60_100);
  answer();
  await settled();
  expect(outcomes).toEqual(["undefined"]);
});

test("and does so once", async () => {
  const { lanes, outcomes, settled } = aLane();
  lanes.check(60_000);
  await settled();
  expect(outcomes).toEqual([]);
  lanes.check(60_100);
  await settled();
  expect(outcomes).toEqual(["timeout"]);
});
