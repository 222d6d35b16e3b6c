import { describe, expect, test } from "bun:test";
import { type Flags, parseFlags, positionals } from "../../src/cli/args.ts";

const SPEC = {
  config: { short: "c", aliases: ["conf"], value: "FILE", default: "config.yaml" },
  output: { short: "o", value: "FORMAT", choices: ["text", "json"], default: "text" },
  context: { value: "NAME" },
  strict: {},
} as const satisfies Flags;

const DEFAULTS = { config: "config.yaml", output: "text", context: undefined, strict: false };

test.each<[string[], object, string[]]>([
  [[], {}, []],
  [["-c", "a"], { config: "a" }, []],
  [["-c=a"], { config: "a" }, []],
  [["--config", "a"], { config: "a" }, []],
  [["--config=a=b"], { config: "a=b" }, []],
  [["-config", "a"], { config: "a" }, []],
  [["-conf=a"], { config: "a" }, []],
  [["--conf", "a"], { config: "a" }, []],
  [["--config="], { config: "" }, []],
  [["-c", "a", "-c", "b"], { config: "b" }, []],
  [["-c", "-"], { config: "-" }, []],
  [["--strict"], { strict: true }, []],
  [["--strict=false"], { strict: false }, []],
  [["x", "-o", "json", "y", "-"], { output: "json" }, ["x", "y", "-"]],
  [["--", "-c", "a"], {}, ["-c", "a"]],
  [["- {{ .Reason }}", "-{{ .Reason }}"], {}, ["- {{ .Reason }}", "-{{ .Reason }}"]],
  [["--context", "--strict"], { context: "--strict" }, []],
])("%p", (args, flags, rest) => {
  expect(parseFlags(args, SPEC)).toEqual({ flags: { ...DEFAULTS, ...flags } as never, rest });
});

test.each<[string[], string]>([
  [["--confg", "a"], "unknown flag --confg; did you mean --config?"],
  [["--confg=secret"], "unknown flag --confg; did you mean --config?"],
  [["--nothing-like-it"], "unknown flag --nothing-like-it"],
  [["-x"], "unknown flag -x"],
  [["-c"], "-c needs a value: -c FILE"],
  [["-o", "yaml"], '-o is one of text, json, not "yaml"'],
  [["--strict=maybe"], '--strict is true or false, not "maybe"'],
  [["---"], '"---" is not a flag'],
])("%p: %s", (args, message) => {
  expect(() => parseFlags(args, SPEC)).toThrow(message);
});

describe("positional arguments", () => {
  test("are taken by name", () => expect(positionals(["a", "b"], ["X", "Y"])).toEqual(["a", "b"]));
  test.each<[string[], string]>([
    [[], "RECEIVER and EVENT missing"],
    [["a"], "EVENT missing"],
    [["a", "b", "c"], 'unexpected argument "c"'],
  ])("%p: %s", (rest, message) => {
    expect(() => positionals(rest, ["RECEIVER", "EVENT"])).toThrow(message);
  });
});
