/** `compat: exporter` against what the real kubernetes-event-exporter made of each config, and its own config tests. */
import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";
import type { Config, Loaded, RouteConfig, RuleConfig } from "../../src/config/types.ts";
import probe from "../fixtures/exporter/config-probe.json";
import { OTHERWISE } from "./otherwise.ts";

const load = (yaml: string, env: Record<string, string> = {}): Loaded =>
  parseConfig(yaml, { file: "config.yaml", env, compat: true });

/** What the probe printed of a config. */
function printed({ logLevel, ...config }: Config) {
  return {
    age: config.maxEventAgeSeconds,
    ns: config.namespaces.join(),
    cn: config.clusterName,
    level: logLevel,
    route: plainRoute(config.route),
  };
}

function plainRoute({ drop, match, routes }: RouteConfig): unknown {
  const rule = ({ at: _, ...rest }: RuleConfig) => rest;
  return { drop: drop.map(rule), match: match.map(rule), routes: routes.map(plainRoute) };
}

/** `ok level="info" age=0 … route={…}` in the terms of a Config: zero is the default. */
function observed(line: string): unknown {
  const text = (key: string) =>
    JSON.parse(new RegExp(` ${key}=("(?:[^"\\\\]|\\\\.)*")`).exec(line)?.[1] ?? '""') as string;
  const age = Number(/ age=(-?\d+)/.exec(line)?.[1]);
  const thr = Number(/ thr=(-?\d+)/.exec(line)?.[1]);
  interface GoRoute {
    Drop: Record<string, unknown>[] | null;
    Match: Record<string, unknown>[] | null;
    Routes: GoRoute[] | null;
  }
  const rule = (one: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(one).filter(([, value]) => value !== null && value !== "" && value !== 0));
  const route = ({ Drop, Match, Routes }: GoRoute): unknown => ({
    drop: (Drop ?? []).map(rule),
    match: (Match ?? []).map(rule),
    routes: (Routes ?? []).map(route),
  });
  return {
    age: age || thr || 5,
    ns: text("ns"),
    cn: text("cn"),
    level: text("level") || "info",
    route: route(JSON.parse(/route=(.*)$/.exec(line)?.[1] ?? "{}") as GoRoute),
  };
}

describe("as the exporter reads it", () => {
  for (const { name, yaml, observed: lines } of probe.cases) {
    if (Object.hasOwn(OTHERWISE, name)) continue;
    test(name, () => {
      const { config } = load(yaml, probe.env);
      const [first = ""] = lines;
      if (first.startsWith("ERR")) expect(config).toBeUndefined();
      else expect(config && printed(config)).toEqual(observed(first) as ReturnType<typeof printed>);
    });
  }

  test("every exception is one of the cases", () => {
    const names = probe.cases.map(({ name }) => name);
    expect(Object.keys(OTHERWISE).filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe("the exporter's own config tests", () => {
  const age = (yaml: string) => load(yaml).config?.maxEventAgeSeconds;

  test("drop rules keep minCount and apiVersion, and a match its receiver", () => {
    const { config } = load(`
route:
  drop:
    - minCount: 6
      apiVersion: v33
  match:
    - receiver: stdout
receivers:
  - name: stdout
    stdout: {}
`);
    expect(config?.route.drop).toMatchObject([{ minCount: 6, apiVersion: "v33" }]);
    expect(config?.route.match).toMatchObject([{ receiver: "stdout" }]);
  });

  test("the age", () => {
    expect(age("")).toBe(5);
    expect(age("throttlePeriod: 123")).toBe(123);
    expect(age("maxEventAgeSeconds: 123")).toBe(123);
    expect(age("maxEventAgeSeconds: 0\nthrottlePeriod: 7")).toBe(7);
    const both = load("throttlePeriod: 123\nmaxEventAgeSeconds: 321");
    expect(both.config).toBeUndefined();
    expect(both.findings.map(({ message }) => message).join()).toContain("`maxEventAgeSeconds` and `throttlePeriod`");
  });

  for (const prefix of ["", "prefix_", "with_two_", "With9_", "a:b_", "x_", "kube_event_exporter_"]) {
    test(`metricsNamePrefix "${prefix}" is taken`, () => {
      expect(load(`metricsNamePrefix: "${prefix}"`).config?.metricsNamePrefix).toBe(prefix);
    });
  }

  for (const prefix of ["no_tracing_underscore", "__reserved_", "::wrong_", "13245_test_"]) {
    test(`metricsNamePrefix "${prefix}" is refused`, () => {
      expect(load(`metricsNamePrefix: "${prefix}"`).config).toBeUndefined();
    });
  }

  test("defaults", () => {
    expect(load("kubeQPS: 0\nkubeBurst: 0\ncacheSize: 0").config).toMatchObject({
      cacheSize: 1024,
      kubeQPS: 5,
      kubeBurst: 10,
    });
  });

  test("an unquoted brace is told with its line and a cure, a quoted one is text", () => {
    const { findings } = load("# c\nlogLevel: {{info}}\nlogFormat: json");
    expect(findings.find(({ severity }) => severity === "error")).toMatchObject({
      code: "unquoted-template",
      line: 2,
      column: 11,
      hint: "quote it: '{{info}}'",
    });
    expect(load('clusterName: "{{info}}"').config?.clusterName).toBe("{{info}}");
    expect(load("logLevel: [").findings.map(({ code }) => code)).toContain("unquoted-value");
  });
});

describe("only with compat", () => {
  const both = (yaml: string) => [parseConfig(yaml, { file: "c", env: { A: "x" } }), load(yaml, { A: "x" })] as const;

  test("unknown keys, other spellings and bad patterns are warnings, and ignored", () => {
    const yaml = `trottlePeriod: 60
LogFormat: json
route:
  drop: [{ namespace: "*x*", apiversion: v1 }]
  match: [{ receiver: a }]
receivers: [{ name: a, stdout: {} }]
`;
    const [fixed, compat] = both(yaml);
    expect(fixed.config).toMatchObject({
      maxEventAgeSeconds: 60,
      logFormat: "json",
      route: { drop: [{ apiVersion: "v1" }] },
    });
    expect(compat.config).toMatchObject({ maxEventAgeSeconds: 5, logFormat: "pretty" });
    expect(compat.config?.route.drop[0]?.apiVersion).toBeUndefined();
    expect(compat.findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      "warning unknown-key",
      "warning unknown-key",
      "warning bad-pattern",
      "warning unknown-key",
    ]);
  });

  test("dollar signs in templates", () => {
    const yaml = 'clusterName: "{{ $A := 1 }}{{ $A }} $A $1 $${A} pa$$word"';
    const [fixed, compat] = both(yaml);
    expect(fixed.config?.clusterName).toBe("{{ $A := 1 }}{{ $A }} x $1 $" + "{A} pa$word");
    expect(compat.config?.clusterName).toBe("{{ x := 1 }}{{ x }} x  {A} paword");
  });

  test("an empty layout is a layout", () => {
    const yaml = "route: { match: [{ receiver: a }] }\nreceivers: [{ name: a, stdout: { layout: {} } }]\n";
    const [fixed, compat] = both(yaml);
    expect(fixed.config?.receivers[0]?.config).toEqual({ deDot: false });
    expect(compat.config?.receivers[0]?.config).toEqual({ deDot: false, layout: {} });
  });

  test("numbers as text are as the exporter prints them", () => {
    const yaml = "clusterName: 0123\nnamespace: 1.50\n";
    const [fixed, compat] = both(yaml);
    expect(fixed.config).toMatchObject({ clusterName: "0123", namespaces: ["1.50"] });
    expect(compat.config).toMatchObject({ clusterName: "83", namespaces: ["1.5"] });
  });

  test("the file's own `compat` counts", () => {
    expect(parseConfig("trottlePeriod: 60\ncompat: exporter\n", { file: "c", env: {} }).config).toMatchObject({
      compat: "exporter",
      maxEventAgeSeconds: 5,
    });
  });
});
