import { expect, test } from "bun:test";
import { Refused } from "../../src/sources/problem.ts";
import { readPosted } from "../../src/sources/read-posted.ts";
import { createSplitter, type Form, MAX_EVENTS, type Parts } from "../../src/sources/split.ts";
import { core } from "./posted.ts";

/** Pushed in pieces of this many bytes. */
function split(text: string, form: Form = "json", size = 1 << 20): Parts {
  const splitter = createSplitter(form);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size));
  return splitter.end();
}

function shown(text: string, { bounds, list }: Parts): readonly string[] {
  const bytes = Buffer.from(text);
  const parts: string[] = [];
  for (let index = 0; index < bounds.length; index += 2) {
    parts.push(
      bytes
        .subarray(bounds[index], bounds[index + 1])
        .toString()
        .trim(),
    );
  }
  return list ? [...parts, list.member ? "items" : "list"] : parts;
}

const CASES: readonly (readonly [name: string, text: string, parts: readonly string[], form?: Form])[] = [
  ["one", '{"a":[1,2]}', ['{"a":[1,2]}']],
  ["a list", '[{"a":"],[{"},[1], 2 ]', ['{"a":"],[{"}', "[1]", "2", "list"]],
  ["an empty list", " [ ] ", ["list"]],
  ["nothing between commas", "[1,,2]", ["1", "", "2", "list"]],
  ["a comma at the end", "[1,]", ["1", "", "list"]],
  ["a byte order mark", "\uFEFF[1]", ["1", "list"]],
  [
    "quotes in strings",
    '[{"a":"\\"]"},{"b":"\\\\"},{"c":"\\\\\\"},"}]',
    ['{"a":"\\"]"}', '{"b":"\\\\"}', '{"c":"\\\\\\"},"}', "list"],
  ],
  ["a List", '{"kind":"List","x":[9],"items" : [{"a":[1]},{"b":2}],"y":[8]}', ['{"a":[1]}', '{"b":2}', "items"]],
  ["items deeper", '{"data":{"items":[1,2]}}', ['{"data":{"items":[1,2]}}']],
  ["no end", '[{"a":1},{"b"', ['[{"a":1},{"b"']],
  ["nothing", "", [""]],
  ["lines", '\n{"a":1}\r\n  \n{"b":"\\n[{"}\n{"c":3}', ['{"a":1}', '{"b":"\\n[{"}', '{"c":3}'], "lines"],
  ["a quote left open in a line", '{"a\n{"b":2}\n', ['{"a', '{"b":2}'], "lines"],
  ["a backslash at the end of a line", '{"a\\\n{"b":2}\n', ['{"a\\', '{"b":2}'], "lines"],
];

test.each(CASES.map((one) => [one[0], one] as const))(
  "finds the parts of %s, however it comes",
  (_, [, text, parts, form]) => {
    for (const size of [1, 2, 3, 5, 7, 1 << 20]) {
      expect([size, ...shown(text, split(text, form, size))]).toEqual([size, ...parts]);
    }
  },
);

/** Whatever `readPosted` makes of them. */
const read = (text: string): unknown => {
  try {
    const parts = split(text, "json", 11);
    return [...readPosted({ form: "json", holds: "any" }, Buffer.from(text), parts)].map(({ input }) => input);
  } catch (error) {
    return error instanceof Refused ? error.details : error;
  }
};

test("what stands around a list is not passed over", () => {
  const [one, two] = [core(1), core(2)];
  const list = JSON.stringify([one, two]);
  expect(read(list)).toEqual([one, two]);
  expect(read(`${list} x`)).toEqual({ detail: expect.stringMatching(/^it is not JSON/) });
  expect(read(`${list},{}`)).toEqual({ detail: expect.stringMatching(/^it is not JSON/) });
  expect(read(`{"items":${list}`)).toEqual({ detail: expect.stringMatching(/^it is not JSON/) });
  expect(read(`{"items":${list}}`)).toEqual([one, two]);
  // Of two that have one name the second counts, as everywhere.
  expect(read(`{"items":[1],"items":${list}}`)).toEqual([one, two]);
  expect(read(`{"items":${list},"items":[]}`)).toEqual([]);
  // An event of its own, whatever else it has.
  expect(read(JSON.stringify({ items: [1], ...one }))).toEqual([{ items: [1], ...one }]);
});

test("what is too deep, too many, or nothing at all is refused as it comes", () => {
  const refusal = (text: string, form: Form = "json"): readonly unknown[] => {
    const splitter = createSplitter(form);
    try {
      splitter.push(Buffer.from(text));
    } catch (error) {
      if (error instanceof Refused) return [error.status, error.details];
    }
    return [];
  };
  const deep = { detail: "it is nested deeper than 64 levels" };
  expect(refusal("[".repeat(64))).toEqual([]);
  expect(refusal("[".repeat(65))).toEqual([400, deep]);
  expect(refusal(`{}\n{}\n${'{"a":'.repeat(65)}`, "lines")).toEqual([400, { ...deep, index: 2 }]);
  expect(refusal(`${"[\n".repeat(100)}`, "lines")).toEqual([]);
  const many = { detail: "there are more than the 10000 events of one request" };
  expect(refusal(`[${"1,".repeat(MAX_EVENTS)}`)).toEqual([]);
  expect(refusal(`[${"1,".repeat(MAX_EVENTS + 1)}`)).toEqual([413, many]);
  expect(refusal("1\n".repeat(MAX_EVENTS + 1), "lines")).toEqual([413, many]);
  expect(refusal(" \n count=3")).toEqual([400, { detail: 'it is not JSON: "count=3"' }]);
});
