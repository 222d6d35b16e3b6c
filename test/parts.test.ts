import { expect, test } from "bun:test";
import { closing, type Part, readReport } from "./parts.ts";

test("a report's counts, and which tests were skipped", () => {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="3" failures="1" skipped="1" time="0.1">
  <testsuite name="test/a.test.ts" tests="4" failures="1" skipped="1">
    <testcase name="works" classname="" time="0.01" file="test/a.test.ts" line="1" assertions="1" />
    <testcase name="breaks" time="0.01" file="test/a.test.ts"><failure type="AssertionError" /></testcase>
    <testcase name="a &lt;real&gt; server (needs &quot;Go&quot;)" file="test/a.test.ts">
      <skipped />
    </testcase>
    <testcase name="works, too" file="test/a.test.ts" />
  </testsuite>
</testsuites>`;
  expect(readReport(xml)).toEqual({
    passed: 2,
    failed: 1,
    skipped: 1,
    reasons: ['test/a.test.ts: a <real> server (needs "Go")'],
  });
});

const done: Part = { name: "unit tests", seconds: 1.25, passed: 3, failed: 0, skipped: 1, reasons: ["one: needs Go"] };

test.each([
  ["all is well", [done, { ...done, reasons: [] }], 0, "6 passed, 0 failed, 2 skipped"],
  ["one part failed", [done, { ...done, passed: 0, failed: 1 }], 1, "3 passed, 1 failed, 2 skipped"],
  ["everything was skipped", [{ ...done, passed: 0 }], 1, "0 passed, 0 failed, 1 skipped"],
  ["nothing ran", [], 1, "0 passed, 0 failed, 0 skipped"],
])("a run in which %s", (_, parts, code, last) => {
  const end = closing(parts);
  expect({ code: end.code, last: end.text.split("\n").at(-1) }).toEqual({ code, last });
});

test("the closing tells seconds and reasons", () => {
  expect(closing([done]).text).toBe(
    [
      "unit tests                   1.3 s   3 passed, 0 failed, 1 skipped",
      "",
      "Skipped:",
      "  one: needs Go",
      "",
      "3 passed, 0 failed, 1 skipped",
    ].join("\n"),
  );
});
