/**
 * text/template against what real Go gave (go1.26.8): each vector's output, or its kind of error. printf.json crosses
 * verbs with values, grammar.json is made of random templates.
 */
import { describe, expect, test } from "bun:test";
import { TemplateError } from "../../src/template/error.ts";
import { fn, P } from "../../src/template/func.ts";
import { sprig } from "../../src/template/funcs/sprig.ts";
import { compile } from "../../src/template/template.ts";
import { GoError } from "../../src/template/value.ts";
import { difference, readEvents, readVectors, run, sameWords } from "./vectors.ts";

// What the vectors were observed with.
Object.assign(process.env, { FOO: "bar", EMPTY: "", USER_NAME: "ada" });

for (const file of ["lang.json", "event.json", "printf.json", "grammar.json"]) {
  test(`${file}: every vector`, async () => {
    const events = await readEvents();
    const vectors = await readVectors(file);
    const functions = file === "printf.json" || file === "grammar.json" ? {} : sprig;
    const wrong: string[] = [];
    let words = 0;
    let errors = 0;
    for (const vector of vectors) {
      const outcome = run(vector, events, functions);
      const got = difference(vector, outcome);
      if (got !== undefined) wrong.push(`${vector.id} ${vector.template}\n  got ${got}`);
      else if (outcome.is !== "out") {
        errors += 1;
        if (sameWords(vector, outcome)) words += 1;
      }
    }
    const right = vectors.length - wrong.length;
    console.log(`${file}: ${right} of ${vectors.length}; of ${errors} errors ${words} in Go's very words`);
    expect(wrong).toEqual([]);
  });
}

function render(text: string, data: unknown = null, options: Parameters<typeof compile>[1] = {}): string {
  try {
    return compile(text, options).render(data);
  } catch (error) {
    if (error instanceof TemplateError) return `error: ${error.message}`;
    throw error;
  }
}

describe("limits", () => {
  const bombs: readonly (readonly [string, string])[] = [
    ["{{ range 2000000000 }}{{ end }}", "more than 100000 steps"],
    ["{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", "more than 100000 steps"],
    ['{{ define "t" }}{{ template "t" . }}{{ end }}{{ template "t" . }}', "exceeded maximum template depth (200)"],
    ['{{ $s := printf "%600000d" 1 }}{{ $s = print $s $s }}', "more than 1048576 characters"],
    ['{{ range 5 }}{{ printf "%999999d" 1 }}{{ end }}', "more than 1048576 characters"],
    ['{{ $s := printf "%999999d" 1 }}{{ range 1000 }}{{ len $s }}{{ end }}', "more than 100000 steps"],
    [`{{ ${"(".repeat(5000)}1${")".repeat(5000)} }}`, "max expression depth exceeded"],
    ["{{ if 1 }}".repeat(5000), "max expression depth exceeded"],
    ["{{ .a.a }}{{ printf .s .l .l .l }}", "more than 100000 steps"],
  ];
  const big = { a: {}, s: "%v%v%v", l: Array.from({ length: 100_000 }, () => 1) };
  for (const [text, words] of bombs) {
    test(text.length > 80 ? `${text.slice(0, 80)} …` : text, () => {
      const start = performance.now();
      // Which of the two bounds on work is met first depends on the machine.
      expect(render(text, big).replace("more than 20 ms of work", "more than 100000 steps")).toContain(words);
      expect(performance.now() - start).toBeLessThan(1000);
    });
  }

  test("one rendering does not use up the next one's steps, and an error leaves no trace", () => {
    const template = compile('{{ range 60000 }}{{ end }}{{ if .bad }}{{ index "x" 9 }}{{ end }}ok');
    expect(template.render({})).toBe("ok");
    expect(() => template.render({ bad: true })).toThrow("index out of range: 9");
    expect(template.render({})).toBe("ok");
  });

  test("what was written before a failure is told", () => {
    let partial: string | undefined;
    try {
      compile("a{{ .x }}{{ index .l 3 }}b").render({ x: "b", l: [] });
    } catch (error) {
      if (error instanceof TemplateError) partial = `${error.partial}|${error.line}:${error.column}`;
    }
    expect(partial).toBe("ab|1:13");
  });

  test("a recursion within the limits works", () => {
    const text = '{{ define "t" }}{{ if . }}<{{ template "t" .next }}>{{ end }}{{ end }}{{ template "t" . }}';
    let chain: unknown = null;
    for (let i = 0; i < 150; i++) chain = { next: chain };
    expect(render(text, chain)).toBe("<".repeat(150) + ">".repeat(150));
  });
});

describe("functions", () => {
  const functions = {
    twice: fn([P.string], (text) => text + text),
    broken: fn([], () => {
      throw new GoError("out of order");
    }),
    gone: { ...fn([], () => ""), refused: "it asks the network" },
    add: fn([P.int64, P.int64], (a, b) => a + b),
  };
  const table: readonly (readonly [string, string])[] = [
    ['{{ twice "ab" }}{{ "c" | twice }}', "ababcc"],
    ["{{ add 1 9223372036854775806 }}", "9223372036854775807"],
    ["{{ twice 1 }}", 'error: template: t:1:9: executing "t" at <1>: expected string; found 1'],
    ["{{ twice }}", 'error: template: t:1:3: executing "t" at <twice>: wrong number of args for twice: want 1 got 0'],
    ["x\n {{ broken }}", 'error: template: t:2:4: executing "t" at <broken>: error calling broken: out of order'],
    ["{{ gone }}", 'error: template: t:1: function "gone" is not available: it asks the network'],
    ["{{ hasOwnProperty }}", 'error: template: t:1: function "hasOwnProperty" not defined'],
    ["{{ .constructor }}{{ .__proto__ }}", "<no value><no value>"],
  ];
  test.each(table)("%s", (text, wanted) => {
    expect(render(text, {}, { name: "t", functions })).toBe(wanted);
  });
});

test("bytes that are no UTF-8 are kept, or shown as U+FFFD", () => {
  const template = compile('{{ slice "é" 0 1 }}|{{ print (slice "é" 0 1) (slice "é" 1 2) }}');
  expect(Buffer.from(template.renderBytes(null)).toString("hex")).toBe("c37cc3a9");
  expect(template.render(null)).toBe("\ufffd|é");
});
