import { describe, expect, test } from "bun:test";
import { createItemScanner } from "../../src/kube/items.ts";

function scan(text: string, step: number, limit = 1_000_000) {
  const items: unknown[] = [];
  let tooLong = 0;
  const scanner = createItemScanner({
    limit,
    item: (bytes) => items.push(JSON.parse(Buffer.from(bytes).toString())),
    tooLong: () => tooLong++,
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += step) scanner.push(bytes.subarray(at, at + step));
  return { items, tooLong, envelope: scanner.end() };
}

const tricky = [
  { metadata: { name: 'a "quoted" {brace} [bracket]', items: [1, [2, {}]] }, message: "back\\slash \\" },
  { message: "ünïcode 💥 \u2028", nested: { items: [{ x: "]" }] } },
  {},
];

describe.each([1, 2, 7, 64, 100_000])("in chunks of %d bytes", (step) => {
  test.each([
    [
      "as the API server writes it",
      { kind: "EventList", apiVersion: "v1", metadata: { resourceVersion: "7", continue: "é" } },
      {},
    ],
    [
      "with metadata behind the items",
      { kind: "EventList" },
      { metadata: { resourceVersion: "8", remainingItemCount: 3 } },
    ],
  ])("%s", (_, before, after) => {
    const { items, envelope } = scan(JSON.stringify({ ...before, items: tricky, ...after }), step);
    expect(items).toEqual(tricky);
    expect(envelope).toEqual({ ...before, items: [], ...after });
  });
  test("empty, pretty-printed and absent items", () => {
    expect(scan('{"items": [ ]}', step)).toMatchObject({ items: [], envelope: { items: [] } });
    expect(scan(JSON.stringify({ items: tricky }, null, 2), step).items).toEqual(tricky);
    expect(scan('{"kind":"Status","code":410}', step)).toMatchObject({ items: [], envelope: { code: 410 } });
    expect(scan('{"metadata":{"tags":["x"]},"items":[{"a":1}]}', step)).toMatchObject({
      items: [{ a: 1 }],
      envelope: { metadata: { tags: ["x"] } },
    });
  });
  test("an item over the limit goes, the others stay", () => {
    const long = { message: "x".repeat(200) };
    expect(scan(JSON.stringify({ items: [{ a: 1 }, long, { b: 2 }] }), step, 100)).toMatchObject({
      items: [{ a: 1 }, { b: 2 }],
      tooLong: 1,
    });
  });
});

test.each(["", '{"items":[{"a":1}', '{"metadata":{}', '{"items":["abc'])("a body cut off is said: %p", (text) => {
  expect(() => scan(text, 3)).toThrow("ended in the middle");
});
