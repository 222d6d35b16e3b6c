import { expect, test } from "bun:test";
import { compileMatcher } from "../../src/pipeline/rule.ts";

test.each([
  ["(?i)back-?off|failed", `Back-off ${"x".repeat(10_000_000)}`, true],
  ["(?i)back-?off|failed", "x".repeat(10_000_000), false],
  ["(a+)+$", "a".repeat(10_000_000), true],
  ["(a?){200}$", "a".repeat(30_000), true],
  ["([a-z]+)*[0-9]$", "a".repeat(10_000_000), false],
] as const)("the beginning of a text decides that is too long to be searched: %s", (pattern, text, answer) => {
  const { test: matches, error } = compileMatcher(pattern);
  expect(error).toBeUndefined();
  expect(matches(text)).toBe(answer);
});
