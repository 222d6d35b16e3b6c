import { expect, test } from "bun:test";
import { createPace } from "../../src/sources/pace.ts";

/** A clock that steps move, and turns that go on when they are told to. */
function stage() {
  let now = 0;
  const turns: (() => void)[] = [];
  const done: string[] = [];
  const pace = createPace(
    (then) => void turns.push(then),
    () => now,
  );
  function* work(name: string, steps: number, ms: number): Generator<void, string> {
    for (let step = 0; step < steps; step++) {
      if (step > 0) yield;
      now += ms;
      done.push(`${name}${step}`);
    }
    return name;
  }
  return { pace, work, turns, did: () => done.splice(0).join(" ") };
}

test("a turn has a slice, which all who wait share in turns", async () => {
  const { pace, work, turns, did } = stage();
  const first = pace.run(work("a", 4, 0.1));
  // It is done at once as far as the slice goes.
  expect(did()).toBe("a0 a1 a2");
  const second = pace.run(work("b", 2, 0.1));
  expect(did()).toBe("");
  turns.shift()?.();
  expect(did()).toBe("a3 b0 b1");
  expect(await Promise.all([first, second])).toEqual(["a", "b"]);
  turns.shift()?.();
  expect(turns).toEqual([]);
  void pace.run(work("c", 1, 0.1));
  expect(did()).toBe("c0");
});

test("what fails fails alone", async () => {
  const { pace, work, turns, did } = stage();
  function* fail(): Generator<void, never> {
    yield;
    throw new Error("no");
  }
  const failing = pace.run(fail());
  expect(failing).rejects.toThrow("no");
  const other = pace.run(work("a", 1, 5));
  expect(await other).toBe("a");
  expect([did(), turns.length]).toEqual(["a0", 1]);
});

test("at the end all of it is done at once", async () => {
  const { pace, work, did } = stage();
  const all = Promise.all([pace.run(work("a", 3, 2)), pace.run(work("b", 2, 2))]);
  expect(did()).toBe("a0");
  pace.finish();
  expect(did()).toBe("a1 b0 a2 b1");
  expect(await all).toEqual(["a", "b"]);
});
