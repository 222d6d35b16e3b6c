import { expect, test } from "bun:test";
import { cpu, limitOf, notComparable, speed, told } from "./guard.ts";

test("a tenth worse is allowed, in the direction that is worse, and what noise takes", () => {
  expect(limitOf({}, 1_000)).toBeCloseTo(1_100);
  expect(limitOf({ lessIsWorse: true }, 1_000)).toBeCloseTo(900);
  expect(limitOf({ lessIsWorse: true, scatter: 0.02 }, 1_000)).toBeCloseTo(882);
});

test("a ratio is compared with one of the same CPU only, a count with any", () => {
  expect(notComparable(speed(), cpu())).toBeUndefined();
  expect(notComparable(speed(), "another")).toStartWith("recorded on another, and this is ");
  expect(notComparable({ title: "modules", unit: "", measure: async () => 1 }, "another")).toBeUndefined();
});

test("what was measured is said beside the record", () => {
  const verdict = { value: 1_234, recorded: 1_000, limit: 1_100, met: false };
  expect(told({ unit: "bytes" }, verdict)).toBe("1,234 bytes, recorded 1,000 (23.4 %), limit 1,100: WORSE");
  expect(told({ unit: "" }, { value: 111, recorded: 111, limit: 122.1, met: true })).toEndWith(": met");
  expect(told({ unit: "" }, { value: 99, recorded: 111, limit: 122.1, met: true })).toEndWith("should be recorded");
});
