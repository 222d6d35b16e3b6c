/** Everything that kubernetes-event-exporter was seen to do (test/fixtures/exporter), in compat; prints the count of each area. */
import { afterAll, describe, expect, setSystemTime, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { loadSinks } from "../sinks/index.ts";
import stdout from "../sinks/stdout.ts";
import { parseConfig } from "../src/config/load.ts";
import type { RuleConfig } from "../src/config/types.ts";
import type { Event } from "../src/event.ts";
import { eventTemplates } from "../src/event-template/compiler.ts";
import { normalise } from "../src/normalise.ts";
import { deDot, eventJson } from "../src/payload.ts";
import { createSinkContext } from "../src/pipeline/context.ts";
import { compileRoute } from "../src/pipeline/route.ts";
import { OTHERWISE } from "./config/otherwise.ts";
import { recordingLogger } from "./contract.ts";
import { aConfig } from "./harness.ts";

const sinks = await loadSinks();
const read = (name: string) => readFileSync(join(import.meta.dir, "fixtures/exporter", name), "utf8").trim();
const lines = (name: string) => read(name).split("\n");

const counts: string[] = [];
/** Fails with what differs; remembers how many cases there were. */
function settle(area: string, total: number, differing: readonly string[], left: readonly string[] = []): void {
  const why = left.length === 0 ? "" : `; not compared: ${left.join(", ")}`;
  counts.push(`${area}: ${total - differing.length - left.length} of ${total}${why}`);
  expect(differing).toEqual([]);
}
afterAll(() => console.log(`compat: exporter\n${counts.map((line) => `  ${line}\n`).join("")}`));

/** When the exporter rendered them, as nearly as it can be told: two of them print the date of that day, and an age. */
const SEEN_AT = new Date("2026-11-20T21:46:00Z");

test("templates", async () => {
  const cases: readonly { readonly T: string; readonly Out: string; readonly Err: string }[] = JSON.parse(
    read("templates.json"),
  );
  const event = normalise(JSON.parse(read("event.json")));
  const compile = await eventTemplates(everyTemplate(cases.map(({ T }) => T)), { FOO: "bar" });
  setSystemTime(SEEN_AT);
  const differing = cases.flatMap(({ T, Out, Err }) => {
    const [out, failed] = outcome(() => compile(T)(event));
    return failed === (Err !== "") && (failed || out === Out) ? [] : [`${T}: got ${out}, want ${Out}${Err}`];
  });
  setSystemTime();
  settle("templates", cases.length, differing);
});

/** A config that holds these templates, in compat. */
const everyTemplate = (texts: readonly string[]) => {
  const config = aConfig({ compat: "exporter" });
  return { ...config, receivers: config.receivers.map((one) => ({ ...one, config: { layout: { texts } } })) };
};

function outcome(work: () => string): [text: string, failed: boolean] {
  try {
    return [work(), false];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error), true];
  }
}

test("rules", () => {
  const cases: readonly { readonly rule: Readonly<Record<string, unknown>>; readonly matches: boolean }[] = JSON.parse(
    read("rules.json"),
  );
  const event = normalise(JSON.parse(read("event.json")));
  const at = { line: 1, column: 1 };
  const differing = cases.flatMap(({ rule, matches }) => {
    const keys = Object.entries(rule).map(([key, value]) => [
      key === "APIVersion" ? "apiVersion" : key.charAt(0).toLowerCase() + key.slice(1),
      value,
    ]);
    const config: RuleConfig = { ...Object.fromEntries(keys), receiver: "a", at };
    const router = compileRoute({ drop: [], match: [config], routes: [], at }, ["a"], { compat: true });
    return (router.route(event).length === 1) === matches ? [] : [JSON.stringify(rule)];
  });
  settle("rules", cases.length, differing);
});

test("configs: refused or read", () => {
  const probe: {
    readonly env: Record<string, string>;
    readonly cases: readonly { name: string; yaml: string; observed: string[] }[];
  } = JSON.parse(read("config-probe.json"));
  const left = probe.cases.filter(({ name }) => Object.hasOwn(OTHERWISE, name)).map(({ name }) => name);
  const differing = probe.cases.flatMap(({ name, yaml, observed: [first = ""] }) => {
    if (left.includes(name)) return [];
    const { config } = parseConfig(yaml, { file: "c", env: probe.env, compat: true });
    return (config === undefined) === first.startsWith("ERR") ? [] : [name];
  });
  settle("configs", probe.cases.length, differing, left);
});

test("event shapes", () => {
  const all = [...lines("event-shapes.jsonl"), ...lines("stdout-sink.jsonl")];
  const differing = all.filter((line) => eventJson(normalise(JSON.parse(line))) !== line);
  const [dotless = ""] = lines("pipe-dedot.jsonl");
  if (eventJson(deDot(normalise(JSON.parse(read("stdout-sink.jsonl"))))) !== dotless) differing.push(dotless);
  settle("event shapes", all.length + 1, differing);
});

describe("one event through ten receivers of one config", async () => {
  const yaml = read("capture-config.yaml");
  const known = new Set(sinks.map(({ name }) => name));
  const standIns = ["teams", "opsgenie"]
    .filter((name) => !known.has(name))
    .map((name) => ({ ...stdout, name, config: () => z.unknown() as never }));
  const { config } = parseConfig(yaml, { file: "c", env: {}, compat: true, sinks: [...sinks, ...standIns] });
  if (!config) throw new Error("capture-config.yaml is not read");
  const event: Event = { ...normalise(JSON.parse(read("stdout-sink.jsonl")), config) };
  const compileTemplate = await eventTemplates(config, { HOME: "/root" });

  interface Exchange {
    readonly m: string;
    readonly p: string;
    readonly body: string;
  }
  const exchanges: readonly Exchange[] = lines("http-capture.jsonl").map((line) => JSON.parse(line));
  const bodyTo = (part: string) => exchanges.find(({ m, p }) => m !== "GET" && p.includes(part))?.body;
  const captured: Readonly<Record<string, string | undefined>> = {
    dump: read("stdout-sink.jsonl"),
    wh: bodyTo("/wh"),
    whl: exchanges.find(({ p }) => p === "/whl")?.body,
    es: bodyTo("/esbase"),
    osx: bodyTo("/idx2"),
    loki: bodyTo("/loki"),
    teams: bodyTo("/teams"),
    syslog: JSON.parse(lines("syslog-capture.txt")[0] ?? '""'),
    pipe: read("pipe-dedot.jsonl"),
    opsgenie: bodyTo("/v2/alerts"),
  };
  /** What is of the moment, or of the machine. */
  const masked = (text: string) =>
    text
      .trimEnd()
      .replace(/\["\d{10}0{9}"/, '["TIME"')
      .replace(/"nowz":"\d{4}"/, '"nowz":"YEAR"')
      .replace(/^(<\d+>)\d{4}-\d\d-\d\dT[\d:]+Z \S+ (\S+)\[\d+\]/, "$1TIME HOST $2[PID]");

  test("is the exporter's payload for each", async () => {
    const differing: string[] = [];
    const left: string[] = [];
    for (const receiver of config.receivers) {
      const definition = sinks.find(({ name }) => name === receiver.sink);
      if (!definition) {
        left.push(`${receiver.name} (no such receiver yet)`);
        continue;
      }
      const { logger } = recordingLogger();
      const context = createSinkContext({ receiver: receiver.name, logger, compat: true, compileTemplate, env: {} });
      const sink = await definition.create(receiver.config as never, context);
      const { body } = sink.render([event]);
      if (masked(body) !== masked(captured[receiver.name] ?? "")) {
        differing.push(`${receiver.name}: got ${masked(body)}, want ${masked(captured[receiver.name] ?? "")}`);
      }
      await sink[Symbol.asyncDispose]?.();
    }
    settle("wire captures", config.receivers.length, differing, left);
  });
});
