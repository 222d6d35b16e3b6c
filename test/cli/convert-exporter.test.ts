/** Configs of kubernetes-event-exporter through `petrel convert`: check has nothing to say, and every event goes where it went. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMap, isScalar, isSeq, parseAllDocuments } from "yaml";
import { parseConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/types.ts";
import { normalise } from "../../src/normalise.ts";
import { compileRoute } from "../../src/pipeline/route.ts";
import { EVENTS } from "../config/samples.ts";
import { MISTAKES, type Mistake } from "./convert-mistakes.ts";
import { petrel } from "./io.ts";

const FIXTURES = join(import.meta.dir, "../fixtures");
const read = (name: string): string => readFileSync(join(FIXTURES, name), "utf8");
const folder = mkdtempSync(join(tmpdir(), "petrel-convert-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Env = Readonly<Record<string, string>>;

/** Receivers of each sample, sorted; the second name of a receiver is that receiver. */
function routed({ route, receivers }: Config, compat: boolean): Record<string, string[]> {
  const names = receivers.map(({ name }) => name);
  const router = compileRoute(route, names, { compat });
  return Object.fromEntries(
    EVENTS.map(({ name, event }) => {
      const to = router.route(normalise(event)).map((index) => (names[index] ?? "").replace(/-\d+$/, ""));
      return [name, [...new Set(to)].sort()];
    }),
  );
}

/** Words that keys of a file are, with the lines of its text that are no YAML's. */
function keysOf(yaml: string): readonly string[] {
  const found = new Set<string>();
  const visit = (node: unknown): void => {
    if (isSeq(node)) for (const item of node.items) visit(item);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      if (isScalar(key) && /^[\w.@/-]+$/.test(String(key.value))) found.add(String(key.value));
      visit(value);
    }
  };
  for (const document of parseAllDocuments(yaml, { uniqueKeys: false })) visit(document.contents);
  return [...found];
}

interface Case extends Mistake {
  readonly env?: Env;
  /** Receivers that work now. */
  readonly gained?: readonly string[];
  /** What of it the exporter took: it must not have had the rest. */
  readonly took?: string;
}

async function converted({
  name,
  yaml,
  took = yaml,
  env = {},
  gone = [],
  gained = [],
  asMeant,
  left = [],
}: Case): Promise<void> {
  const { code, out, err } = await petrel(["convert", "-"], { stdin: yaml, env });
  expect([name, code, err.split("\n").filter((line) => line.includes("of the result"))]).toEqual([
    name,
    left.length > 0 ? 1 : 0,
    left.length > 0 ? expect.anything() : [],
  ]);
  for (const key of keysOf(yaml)) expect(`${out}${err}`).toContain(key);
  for (const line of err.trim().split("\n"))
    expect(line).toMatch(/^(?:|petrel: (?:standard input:\d+|line \d+ of the result, \w+): .+)$/);

  const again = await petrel(["convert", "-"], { stdin: out, env });
  expect(again.out).toBe(out);
  for (const words of left) expect(err).toContain(words);
  if (left.length > 0) return;
  expect([again.code, again.err]).toEqual([0, ""]);

  const file = join(folder, `${Bun.hash(name)}.yaml`);
  writeFileSync(file, out);
  const check = await petrel(["check", "--strict", "-c", file], { env });
  expect([name, check.code, check.out]).toEqual([name, 0, expect.not.stringMatching(/error|warning/)]);

  const result = parseConfig(out, { file: "result", env }).config;
  const source = parseConfig(took, { file: "source", env, compat: !asMeant }).config;
  if (!result) throw new Error(`nothing runs from ${out}`);
  if (!source) {
    // Nothing ran from it, so that nothing went anywhere.
    expect([name, asMeant]).toEqual([name, true]);
    return;
  }
  const without = (of: Record<string, string[]>, left: readonly string[]) =>
    Object.entries(of).map(([event, to]) => [event, to.filter((one) => !left.includes(one))]);
  expect([name, without(routed(result, false), gained)]).toEqual([name, without(routed(source, !asMeant), gone)]);
  expect(result.receivers.filter((one) => gone.includes(one.name))).toEqual([]);
}

describe("what people write", () => {
  test.each(MISTAKES.map((one) => [one.name, one] as const))("%s", (_, mistake) => converted(mistake));
});

describe("what charts make of their values", () => {
  const charts: readonly Omit<Case, "yaml">[] = [
    { name: "bitnami.yaml" },
    { name: "bitnami-layout.yaml" },
    { name: "resmoio.yaml" },
    { name: "resmoio-example.yaml", gone: ["slack"], env: { ELASTIC_API_KEY: "k" } },
    { name: "giantswarm-webhook.yaml", asMeant: true },
    { name: "giantswarm-threads.yaml", asMeant: true },
  ];
  test.each(charts.map((one) => [one.name, one] as const))("%s", (_, chart) =>
    converted({
      ...chart,
      yaml: read(`charts/${chart.name}`),
      // No version of it took the list of the last receiver.
      took: read(`charts/${chart.name}`).replace(/ {2}- name: "prometheus"[\s\S]*$/, ""),
    }),
  );
});

test("the config of the captures", () => converted({ name: "capture", yaml: read("exporter/capture-config.yaml") }));

interface Probe {
  readonly name: string;
  readonly yaml: string;
  readonly observed: readonly string[];
}
const PROBE: { readonly env: Env; readonly cases: readonly Probe[] } = JSON.parse(read("exporter/config-probe.json"));
/** What of a config is for a person, or was refused by the exporter. */
const PROBED: Readonly<Record<string, Partial<Case>>> = {
  "bool yes": { asMeant: true },
  neg: { asMeant: true },
  "rule name key": { left: ["drops every event of its route"] },
  "route match is map": { asMeant: true },
  env2: { asMeant: true },
  "env yaml-break": { asMeant: true },
  "env pw": { asMeant: true },
  // A codec that there is not was none to the exporter; here the receiver was left out for it.
  kafka: { asMeant: true, gained: ["a"] },
  "stdout deDot true|false": { asMeant: true },
  "layout list": { asMeant: true },
  "two sinks": { asMeant: true },
  "no name": { left: ["there are no receivers"] },
  "unquoted tmpl": { asMeant: true },
};

describe("what the exporter was probed with", () => {
  /** Parts of configs: what they lack is added, before a second document if there is one. */
  const whole = (yaml: string): string => {
    const receiver = /\bname: (\w+)$/m.exec(yaml)?.[1] ?? "dump";
    const route = /^route:/m.test(yaml) ? "" : `route: { match: [{ receiver: ${receiver} }] }\n`;
    const receivers = /^receivers:/m.test(yaml) ? "" : `receivers: [{ name: ${receiver}, stdout: {} }]\n`;
    return yaml.includes("\n---") ? yaml.replace("\n---", `\n${route}${receivers}---`) : `${yaml}${route}${receivers}`;
  };
  const cases = PROBE.cases.filter(({ name }) => name !== "tabs");
  test.each(cases.map((one) => [one.name, one] as const))("%s", (name, { yaml }) =>
    converted({ name, yaml: whole(yaml), env: PROBE.env, ...PROBED[name] }),
  );

  test("what it stops reading at a tab is not converted", async () => {
    const { code, out, err } = await petrel(["convert", "-"], { stdin: "route:\n\tmatch: []\n" });
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("tab character in the indentation of line 2");
    const alias = await petrel(["convert", "-"], { stdin: "route: { match: [{ receiver: *a }] }\n" });
    expect([alias.code, alias.out]).toEqual([2, ""]);
    expect(alias.err).toContain("no anchor has this name");
  });
});

test("rules match what they matched", async () => {
  const rules: readonly { readonly rule: Readonly<Record<string, unknown>>; readonly matches: boolean }[] = JSON.parse(
    read("exporter/rules.json"),
  );
  const event = normalise(JSON.parse(read("exporter/event.json")));
  const differing: string[] = [];
  for (const { rule, matches } of rules) {
    const keys = Object.entries(rule).map(([key, value]) => [
      key === "APIVersion" ? "apiVersion" : key.charAt(0).toLowerCase() + key.slice(1),
      value,
    ]);
    const yaml = JSON.stringify({
      route: { match: [{ ...Object.fromEntries(keys), receiver: "a" }, { receiver: "b" }] },
      receivers: [
        { name: "a", stdout: {} },
        { name: "b", stdout: {} },
      ],
    });
    const { out } = await petrel(["convert", "-"], { stdin: yaml });
    const { config } = parseConfig(out, { file: "c", env: {} });
    const names = config?.receivers.map(({ name }) => name) ?? [];
    const to = config
      ? compileRoute(config.route, names, { compat: false })
          .route(event)
          .map((index) => names[index])
      : [];
    if (to.includes("a") !== matches || !to.includes("b")) differing.push(JSON.stringify(rule));
  }
  expect([rules.length > 15, differing]).toEqual([true, []]);
});

test("comments are kept, and changes are told beside what they are about", async () => {
  const yaml = `# Ours.
logLevel: info # quiet
throttlePeriod: 30
route:
  routes:
    # Everything but tests.
    - drop:
        # They are loud.
        - namespace: "*test*"
      match:
        - receiver: dump # all of it
receivers:
  # For people.
  - name: dump
    file:
      path: "/dev/stdout"
      layout: {}
`;
  const { out, err } = await petrel(["convert", "-"], { stdin: yaml });
  expect(out.slice(out.indexOf("\n\n") + 2)).toBe(`strict: true
# Ours.
logLevel: info # quiet
# \`throttlePeriod\` is spelt \`maxEventAgeSeconds\`
maxEventAgeSeconds: 30
route:
  # \`*test*\` is not a regular expression (RE2), so it never matches; patterns are regular expressions, not globs; did you mean \`.*test.*\`. It was:
  #   drop:
  #     # They are loud.
  #     - namespace: "*test*"
  routes:
    # Everything but tests.
    - match:
        - receiver: dump # all of it
receivers:
  # For people.
  - name: dump
    # an empty layout counts as none: whole events are sent (kubernetes-event-exporter sends \`{}\` each time). It was:
    #   layout: {}
    file:
      path: "/dev/stdout"
`);
  expect(err.split("\n").map((line) => line.slice(0, 33))).toEqual([
    "petrel: standard input:3: `thrott",
    "petrel: standard input:9: `*test*",
    "petrel: standard input:17: an emp",
    "",
  ]);
});

test("values of charts: what is under `config`, with the lines of the file", async () => {
  const config = (indent: string) =>
    `${indent}route: { match: [{ apiversion: v1, receiver: dump }] }\n${indent}receivers: [{ name: dump, stdout: {} }]\n`;
  for (const values of [
    `replicaCount: 1\nconfig:\n${config("  ")}image:\n  tag: x\n`,
    `replicaCount: 1\nconfig: |\n${config("  ")}image: { tag: x }\n`,
  ]) {
    const { code, out, err } = await petrel(["convert", "-"], { stdin: values });
    expect(code).toBe(0);
    expect(err).toStartWith("petrel: standard input:3: `apiversion` is spelt `apiVersion`");
    expect(out).toContain("# image: of the chart, not of the program; Petrel's own chart has the like.\n");
    expect(parseConfig(out, { file: "c", env: {} }).config?.route.match).toMatchObject([
      { apiVersion: "v1", receiver: "dump" },
    ]);
  }
  const inline = await petrel(["convert", "-"], {
    stdin: `config: { route: { match: [{ receiver: dump }] }, receivers: [{ name: dump, stdout: {} }] }\n`,
  });
  expect([inline.code, inline.err]).toEqual([0, ""]);
});

test("a config of Petrel's comes out as it is", async () => {
  for (const name of ["reference", "quiet-chat", "tested", "stores-and-chat", "forward-edge", "minimal"]) {
    const yaml = readFileSync(join(import.meta.dir, `../../configs/${name}.yaml`), "utf8");
    const { out, err } = await petrel(["convert", "-"], { stdin: yaml, env: { POD_NAMESPACE: "n" } });
    expect([name, out, err]).toEqual([name, yaml, ""]);
  }
});
