/** What the charts that people use make of their values: it loads, says what it should, and routes as its author meant. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { loadSinks } from "../../sinks/index.ts";
import stdout from "../../sinks/stdout.ts";
import { parseConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/types.ts";
import { normalise } from "../../src/normalise.ts";
import { compileRoute } from "../../src/pipeline/route.ts";
import { watchTargets } from "../../src/watches.ts";
import { EVENTS } from "./samples.ts";

const read = (name: string) => readFileSync(join(import.meta.dir, "../fixtures/charts", name), "utf8");

const ENV = { ELASTIC_API_KEY: "k" };
const sinks = await loadSinks();

/**
 * Sinks that may not be there yet; what is tested here does not wait for them. The exporter's example gives `prometheus`
 * a list, which no version of it took.
 */
const STAND_INS = ["opsgenie", "slack", "kafka", "pubsub", "eventbridge", "firehose", "prometheus"]
  .filter((name) => name === "prometheus" || !sinks.some((sink) => sink.name === name))
  .map((name) => ({ ...stdout, name, config: () => z.unknown() as never }));

function load(yaml: string) {
  const { config, findings } = parseConfig(yaml, { file: "c", env: ENV, sinks: [...sinks, ...STAND_INS] });
  if (!config) throw new Error(`does not load: ${JSON.stringify(findings)}`);
  return { config, findings };
}

/** Names of samples by receiver. */
function routed(config: Config): Record<string, string[]> {
  const names = config.receivers.map(({ name }) => name);
  const router = compileRoute(config.route, names, { compat: false });
  const found: Record<string, string[]> = {};
  for (const { name, event } of EVENTS) {
    for (const index of router.route(normalise(event))) {
      const receiver = names[index] ?? "";
      found[receiver] = [...(found[receiver] ?? []), name];
    }
  }
  return found;
}

const all = EVENTS.map(({ name }) => name);
const warnings = EVENTS.filter(({ event }) => "type" in event && event.type === "Warning").map(({ name }) => name);
const without = (names: readonly string[], ...left: string[]) => names.filter((name) => !left.includes(name));

interface Chart {
  readonly file: string;
  readonly findings: readonly string[];
  readonly routes: Readonly<Record<string, readonly string[]>>;
  /** What the findings propose, by what is written. */
  readonly proposals?: readonly (readonly [string, string])[];
  /** After the proposals were taken. */
  readonly meant?: Readonly<Record<string, readonly string[]>>;
}

const GIANT_SWARM = [
  "warning alias-key: `apiversion` is spelt `apiVersion`",
  "warning idle-route: this route drops and has no `match` or `routes`: what it drops would have gone nowhere anyway",
  "error bad-pattern: `*` is not a regular expression (RE2), so it never matches",
];

const CHARTS: readonly Chart[] = [
  {
    file: "bitnami.yaml",
    findings: [
      "warning empty-layout: an empty layout counts as none: whole events are sent (kubernetes-event-exporter sends `{}` each time)",
    ],
    routes: { dump: all },
  },
  { file: "bitnami-layout.yaml", findings: [], routes: { dump: all } },
  { file: "resmoio.yaml", findings: [], routes: { dump: all } },
  {
    file: "resmoio-example.yaml",
    findings: [
      "error bad-pattern: `*test*` is not a regular expression (RE2), so it never matches",
      "warning drop-min-count: `minCount: 5` drops what occurred 5 times or more, and keeps what occurred less often",
      "error bad-pattern: `*beta*` is not a regular expression (RE2), so it never matches",
      ...["opensearch-dump", "kafka", "pubsub", "eventbridge", "syslog", "prometheus"].map(
        (name) => `warning unused-receiver: no rule sends anything to receiver \`${name}\``,
      ),
      "error unknown-key: unknown key `streamName` is ignored",
      "warning slack-no-address: receiver `slack` posts nowhere: `token` is missing",
      "warning fork-key: `reasonFilter`, of a fork of kubernetes-event-exporter, is ignored",
    ],
    routes: {
      dump: all,
      alert: all,
      pipe: all,
      slack: ["dev pod", "dev deployment"],
      firehose: warnings,
    },
    proposals: [
      ["*test*", ".*test.*"],
      ["*beta*", ".*beta.*"],
    ],
    meant: {
      dump: all,
      alert: without(all, "test fails", "test runs", "often, beta"),
      pipe: without(all, "test fails", "test runs", "often, beta"),
      slack: ["dev pod", "dev deployment"],
      firehose: warnings,
    },
  },
  {
    file: "giantswarm-webhook.yaml",
    findings: [GIANT_SWARM[0] ?? "", ...GIANT_SWARM],
    routes: {
      "webhook-upgrade": ["upgrade begins", "upgrade begins, new style"],
      "webhook-upgrade-complete": ["upgrade ends"],
    },
    proposals: [["*", ".*"]],
    meant: {
      "webhook-upgrade": ["upgrade begins", "upgrade begins, new style"],
      "webhook-upgrade-complete": ["upgrade ends"],
    },
  },
  {
    file: "giantswarm-threads.yaml",
    findings: GIANT_SWARM,
    routes: { "slack-upgrade": ["upgrade begins", "upgrade begins, new style", "upgrade ends"] },
  },
];

describe.each(CHARTS)("$file", ({ file, findings: expected, routes, proposals = [], meant }) => {
  const { config, findings } = load(read(file));
  test("is read, and says what is odd", () => {
    const said = findings.map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
    expect(said.sort()).toEqual([...expected].sort());
    for (const { code, hint } of findings) expect([code, hint]).toEqual([code, expect.any(String)]);
  });

  test("has each receiver, or says which it has not", () => {
    const real = parseConfig(read(file), { file: "c", env: ENV });
    const known = new Set(sinks.map(({ name }) => name));
    for (const { name, sink } of config.receivers) {
      const told = real.findings.some(
        ({ severity, message }) => severity === "error" && message.includes(`\`${name}\``),
      );
      const stoodFor = STAND_INS.some((one) => one.name === sink);
      expect([name, told]).toEqual([name, stoodFor || !known.has(sink)]);
    }
  });

  test("routes twenty events to whom its author meant", () => {
    expect(EVENTS).toHaveLength(20);
    expect(routed(config)).toEqual(routes as Record<string, string[]>);
    for (const [written, proposal] of proposals) {
      const hints = findings.filter(({ message }) => message.startsWith(`\`${written}\``)).map(({ hint }) => hint);
      expect(hints.join()).toContain(`did you mean \`${proposal}\`?`);
    }
    if (!meant) return;
    let yaml = read(file);
    for (const [written, proposal] of proposals) yaml = yaml.replaceAll(`"${written}"`, `"${proposal}"`);
    expect(routed(load(yaml).config)).toEqual(meant as Record<string, string[]>);
  });
});

test("watchReasons is one watch for each reason", () => {
  const { config } = load(read("giantswarm-threads.yaml"));
  expect(watchTargets(config)).toEqual(
    ["Upgrading", "Upgraded"].map((reason) => ({
      path: "/api/v1/events",
      query: { fieldSelector: `reason=${reason}`, labelSelector: undefined },
      name: `all namespaces, reason ${reason}`,
    })),
  );
  const many = load("watchReasons: BackOff\nnamespaces: [a, b]\nfieldSelector: type=Warning\n").config;
  expect(watchTargets(many).map(({ name, query }) => `${name}: ${query.fieldSelector}`)).toEqual([
    "namespace a, reason BackOff: reason=BackOff,type=Warning",
    "namespace b, reason BackOff: reason=BackOff,type=Warning",
  ]);
});

test("keys of other forks are served", () => {
  const { config, findings } = load("clusterEnvironment: staging\ncacheTTL: 12h0m0s\nmappingCacheSize: 100\n");
  expect(config).toMatchObject({ clusterEnvironment: "staging", cacheTtlMs: 43_200_000 });
  expect(findings.map(({ code }) => code)).toEqual(["no-route", "no-receivers", "fork-key"]);
});
