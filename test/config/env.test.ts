import { expect, test } from "bun:test";
import { expandValue, literal } from "../../src/config/env.ts";

/** Passwords that somebody has. */
test.each([
  "p$ss",
  "pa$$word",
  "x$1",
  "5 $ a",
  "$",
  "$$",
  "a$$$b",
  "$${x}",
  "\u0024{file:/x}",
  "$$_",
  "end$",
  "${",
  "plain",
])("%j is kept as it is", (text) => {
  const expanded = expandValue(literal(text), { ss: "bad", word: "bad", b: "bad", x: "bad" }, () => "bad");
  expect(expanded.text).toBe(text);
  expect(expanded.missing).toEqual([]);
});
