import { expect, test } from "bun:test";
import { createLineScanner } from "../../src/kube/lines.ts";

function scan(chunks: readonly string[], limit = 100) {
  const lines: string[] = [];
  let tooLong = 0;
  const scanner = createLineScanner({
    limit,
    line: (bytes) => lines.push(Buffer.from(bytes).toString()),
    tooLong: () => tooLong++,
  });
  for (const chunk of chunks) scanner.push(Buffer.from(chunk));
  return { lines, tooLong, pending: scanner.pending };
}

test.each([
  ["one chunk", ["a\nbb\n"], ["a", "bb"], 0],
  ["split anywhere", ["a", "b\nc", "", "d", "\n"], ["ab", "cd"], 0],
  ["half a line at the end", ["a\nbc"], ["a"], 2],
  ["empty lines", ["\n\na\n\n"], ["a"], 0],
])("%s", (_, chunks, lines, pending) => {
  expect(scan(chunks)).toEqual({ lines, pending, tooLong: 0 });
});

test.each([
  ["in one chunk", [`a\n${"x".repeat(101)}\nb\n`]],
  ["in many", ["a\n", ...Array<string>(101).fill("x"), "\nb\n"]],
  ["far too long", ["a\n", "x".repeat(60), "x".repeat(60), "x".repeat(500), "\nb\n"]],
])("a line over the limit is told once and skipped: %s", (_, chunks) => {
  expect(scan(chunks)).toEqual({ lines: ["a", "b"], tooLong: 1, pending: 0 });
});

test("a line of exactly the limit is a line", () => {
  expect(scan([`${"x".repeat(50)}`, `${"x".repeat(50)}\n`]).lines).toEqual(["x".repeat(100)]);
});
