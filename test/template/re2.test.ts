// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how Go writes the name of a group
import { describe, expect, test } from "bun:test";
import { compilePattern, PatternError, quoteMeta } from "../../src/template/re2.ts";
import { plainTest } from "../../src/template/re2-plain.ts";
import vectors from "../fixtures/gotemplate/re2.json" with { type: "json" };

interface Vector {
  readonly id: string;
  readonly pattern: string;
  readonly input?: string;
  readonly match?: boolean;
  readonly find?: string;
  readonly error?: string;
}

describe("Go's answers", () => {
  const all: readonly Vector[] = vectors;
  let passed = 0;
  test.each(all.map((vector) => [vector.id, vector] as const))("%s", (_id, vector) => {
    const { pattern, input = "" } = vector;
    if (vector.error !== undefined) {
      expect(() => compilePattern(pattern)).toThrow(vector.error);
    } else {
      const compiled = compilePattern(pattern);
      expect(compiled.test(input)).toBe(vector.match ?? false);
      expect(compiled.find(input)).toBe(vector.match === true ? (vector.find ?? "") : undefined);
    }
    passed++;
  });
  test("score", () => {
    console.log(`re2.json: ${passed} of ${all.length}`);
    expect(passed).toBe(all.length);
  });
});

describe("patterns without an engine", () => {
  // Each against the engine's answer, so the shortcut cannot differ.
  const patterns = [
    "Failed",
    "^Failed",
    "Failed$",
    "^Failed$",
    "",
    "^$",
    "a|",
    ".*",
    "^.*$",
    "^.*b",
    "a.*$",
    "Failed|BackOff|Unhealthy",
    "^(Failed|BackOff)$",
    "^(?:a|b)",
    "(a|b)$",
    "(^a|b$)",
    "Failed.*pull.*image",
    "^kube-.*-system$",
    "a\\.b\\-c\\/d",
    "é.*😀",
    "^a.*b|c$",
    "a.*?b",
  ];
  const texts = [
    "",
    "Failed",
    "xFailed",
    "Failedx",
    "a",
    "b",
    "ab",
    "a\nb",
    "b\na",
    "a.b-c/d",
    "kube-x-system",
    "kube-\n-system",
    "Failed to pull the image",
    "Failed\nto pull the image",
    "image pull Failed",
    "é 😀",
    "c",
    "\n",
    "BackOff",
    "a\nab\nc",
  ];
  test.each(patterns)("%s", (pattern) => {
    const plain = plainTest(pattern);
    if (plain === undefined) throw new Error("needs the engine");
    const engine = compilePattern(`(?:${pattern})(?:)`);
    for (const text of texts) expect([text, plain(text)]).toEqual([text, engine.test(text)]);
  });

  const others = [
    "a+",
    "[ab]",
    "(?i)a",
    "a{2}",
    "\\d",
    "((a))",
    "(a)(b)",
    "a.b",
    "*a",
    "a**",
    "(a\\)",
    "a^b",
    "a$b",
    "\\pL",
    "(?P<n>a)",
  ];
  test.each(others)("%s is left to the engine", (pattern) => {
    expect(plainTest(pattern)).toBeUndefined();
  });
});

// Observed from Go 1.26.
const REPLACEMENTS: readonly [pattern: string, text: string, template: string, out: string][] = [
  ["a(x*)b", "-ab-axxb-", "${1}W", "-W-xxW-"],
  ["a(x*)b", "-ab-axxb-", "$1W", "---"],
  ["(?P<n>a)|(?P<n>b)", "ab", "[$n]", "[a][b]"],
  ["(?<n>x)", "axb", "<$n$>", "a<x$>b"],
  ["", "é😀", "-", "-é-😀-"],
  ["b*", "abbc", "-", "-a-c-"],
  ["x", "axb", "$01${2}$$", "a$b"],
  ["x", "axb", "${", "a${b"],
];

describe("replaceAll", () => {
  test.each(REPLACEMENTS)("%s in %s by %s", (pattern, text, template, out) => {
    expect(compilePattern(pattern).replaceAll(text, template)).toBe(out);
  });
});

test("findAll and split keep Go's nil apart from the empty list", () => {
  expect(compilePattern("x").findAll("abc", -1)).toBeUndefined();
  expect(compilePattern("a*").findAll("baac", -1)).toEqual(["", "aa", ""]);
  expect(compilePattern(",").split("a,b,c", 0)).toBeUndefined();
  expect(compilePattern(",").split("a,b,c", 2)).toEqual(["a", "b,c"]);
  expect(compilePattern("").split("", -1)).toEqual([]);
  expect(compilePattern(",").split("", -1)).toEqual([""]);
});

test("loose spellings of Unicode classes, in and outside of brackets", () => {
  expect(compilePattern("^\\p{lowercase letter}[\\p{Uppercase_Letter}\\p{ASCII}]\\P{ascii}$").test("aÄé")).toBe(true);
  expect(compilePattern("\\p{Old_Italic}").test("\u{10300}")).toBe(true);
  expect(() => compilePattern("\\p{Nope}")).toThrow("error parsing regexp: invalid character class range: `\\p{Nope}`");
});

test("an error shows the pattern as written, and says what to do about the usual causes", () => {
  const hints: readonly [string, string][] = [
    ["(?!kube)", "look-around"],
    ["(a)\\1", "back-references"],
    ["*test*", "leave the stars out"],
  ];
  for (const [pattern, hint] of hints) {
    try {
      compilePattern(pattern);
      throw new Error("compiled");
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      expect(error.hint).toContain(hint);
    }
  }
  expect(() => compilePattern("\\p{greek}(")).toThrow("error parsing regexp: missing closing ): `\\p{greek}(`");
});

test("quoteMeta", () => {
  expect(quoteMeta("a+b*c?(d)[e]{f}|g^h$i\\j.k-l/m")).toBe(
    "a\\+b\\*c\\?\\(d\\)\\[e\\]\\{f\\}\\|g\\^h\\$i\\\\j\\.k-l/m",
  );
});

test("no pattern holds the event loop", () => {
  const text = "a".repeat(30_000);
  const started = performance.now();
  expect(compilePattern("(a+)+$").test(text)).toBe(true);
  expect(compilePattern("(a|aa)+c").test(text)).toBe(false);
  expect(() => compilePattern("[a]*b|a").replaceAll(text, "x")).toThrow("more than 20 ms of work");
  expect(() => compilePattern("(a{1,100}){1,9}").find(text)).toThrow("too many for the regular expression");
  expect(performance.now() - started).toBeLessThan(1000);
});
