import { expect, test } from "bun:test";
import { jsonValues } from "../../src/cli/json-values.ts";

test.each<[string, string, unknown[]]>([
  ["nothing", " \n\n", []],
  ["one", '{"a":1}', [{ line: 1, value: { a: 1 } }]],
  ["a byte order mark", '\ufeff{"a":1}', [{ line: 1, value: { a: 1 } }]],
  [
    "one per line",
    '{"a":1}\n\n{"a":2}\r\n',
    [
      { line: 1, value: { a: 1 } },
      { line: 3, value: { a: 2 } },
    ],
  ],
  [
    "indented, one after another",
    '{\n "a": 1\n}\n{\n "a": 2\n}\n',
    [
      { line: 1, value: { a: 1 } },
      { line: 4, value: { a: 2 } },
    ],
  ],
  [
    "on one line",
    '{"a":1}{"a":2} [3]',
    [
      { line: 1, value: { a: 1 } },
      { line: 1, value: { a: 2 } },
      { line: 1, value: [3] },
    ],
  ],
  ["braces and quotes in strings", '{"a":"}\\"{\\\\"}', [{ line: 1, value: { a: '}"{\\' } }]],
  [
    "a bad line between good ones",
    '{"a":1}\n{"a":\n{"a":2}',
    [
      { line: 1, value: { a: 1 } },
      { line: 2, problem: 'not JSON: "{\\"a\\":"' },
      { line: 3, value: { a: 2 } },
    ],
  ],
  [
    "words",
    "hello\n7\n",
    [
      { line: 1, problem: 'not JSON: "hello"' },
      { line: 2, value: 7 },
    ],
  ],
  [
    "an end in the middle",
    '{"a":1}\n{"a":"x',
    [
      { line: 1, value: { a: 1 } },
      { line: 2, problem: 'not JSON: "{\\"a\\":\\"x"' },
    ],
  ],
])("%s", (_, text, values) => {
  expect([...jsonValues(text)]).toEqual(values as never);
});

test("many broken lines cost one look at each", () => {
  const lines = new Array(2_000).fill('{"a":').join("\n");
  expect([...jsonValues(lines)]).toHaveLength(2_000);
});
