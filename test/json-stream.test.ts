import { describe, expect, test } from "bun:test";
import { type StreamedValue, streamedValues } from "../src/json-stream.ts";
import { forSeeds } from "./pipeline/virtual-time.ts";

async function read(text: string, sizes: () => number = () => 1_000): Promise<string[]> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; ) {
      const size = sizes();
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }
  const shown = (one: StreamedValue) => `${one.line} ${"problem" in one ? one.problem : JSON.stringify(one.value)}`;
  const found: string[] = [];
  for await (const one of streamedValues(pieces())) found.push(shown(one));
  return found;
}

const ROWS: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
  ["nothing", "", []],
  ["blank lines", "\n \n\t\n", []],
  ["one per line", '{"a":1}\n{"a":2}\n', ['1 {"a":1}', '2 {"a":2}']],
  ["no newline at the end", '{"a":1}\n{"a":2}', ['1 {"a":1}', '2 {"a":2}']],
  ["indented, as kubectl --watch", '{\n  "a": [\n    1\n  ]\n}\n{\n  "a": 2\n}\n', ['1 {"a":[1]}', '6 {"a":2}']],
  ["without anything between", '{"a":1}{"a":2}[3]', ['1 {"a":1}', '1 {"a":2}', "1 [3]"]],
  ["braces and quotes in texts", '{"a":"}\\"{"}\n{"b":"\\\\"}\n', ['1 {"a":"}\\"{"}', '2 {"b":"\\\\"}']],
  ["more than ASCII", '\ufeff{"a":"ä€😀"}\n', ['1 {"a":"ä€😀"}']],
  ["a word", 'nonsense {\n{"a":1}\n', ['1 not JSON: "nonsense {\\n{\\"a\\":1}"']],
  ["a word in its line", 'nonsense\n{"a":1}\n', ['1 not JSON: "nonsense"', '2 {"a":1}']],
  ["a torn line", '{"a":1,}\n{"a":2}\n', ['1 not JSON: "{\\"a\\":1,}"', '2 {"a":2}']],
  ["rest of a line behind what is wrong", '{"a":,} {"x":1}\n{"a":2}\n', ['1 not JSON: "{\\"a\\":,}"', '2 {"a":2}']],
  ["cut off", '{"a":1}\n{"a":', ['1 {"a":1}', '2 not JSON: "{\\"a\\":"']],
  ["numbers", "1\n2\n", ["1 1", "2 2"]],
];

describe("values of a stream", () => {
  test.each(ROWS)("%s", async (_, text, expected) => {
    expect(await read(text)).toEqual([...expected]);
  });

  test("are the same however it comes in pieces", async () => {
    const jobs: Promise<void>[] = [];
    forSeeds(1, 30, (random) => {
      for (const [, text, expected] of ROWS) {
        jobs.push(read(text, () => random.int(1, 6)).then((found) => expect(found).toEqual([...expected])));
      }
    });
    await Promise.all(jobs);
    expect(jobs).toHaveLength(30 * ROWS.length);
  });
});
