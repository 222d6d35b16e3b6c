/** `petrel test` */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Config, ConfigTest } from "../config/types.ts";
import { UsageError } from "../errors.ts";
import type { Event } from "../event.ts";
import { friendlyFor } from "../friendly/load.ts";
import { compileRoute, type Router } from "../pipeline/route.ts";
import type { Sink } from "../sink.ts";
import { COMPAT_FLAG, CONFIG_FLAG, OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";
import { eventsOf, type ReadEvent, readEvents } from "./events.ts";
import { eventTitle, receiverReasons } from "./explain.ts";
import { readTestedConfig } from "./load.ts";
import { openSink } from "./open-sink.ts";
import { type Difference, differences, diffLines } from "./test-value.ts";

export const command: Command = {
  name: "test",
  summary: "Run the tests of a config: events in, receivers and payloads out.",
  usage: `usage: petrel test [-c FILE] [FLAGS]

Runs the config's \`tests\`. Nothing is sent, nothing is asked of a cluster.

  tests:
    - name: a restart loop goes to alerts
      event: events/backoff.json       # or an event, or a list of these
      expect:
        receivers: [log, alerts]       # in order; []: nobody
        payload:
          alerts: { .reason: BackOff } # or the exact text, or the exact JSON

  -c, --config FILE      the config (config.yaml)
      --filter TEXT      only tests with TEXT in their names
  -o, --output FORMAT    text, or json: one object per test and line, with "name", "line",
                         "passed" and "failures"
  --compat exporter      as kubernetes-event-exporter decides and renders

Exit code 1 when a test fails.
`,

  async run(args, io) {
    const { flags, rest } = parseFlags(args, {
      config: CONFIG_FLAG,
      filter: { value: "TEXT" },
      output: OUTPUT_FLAG,
      compat: COMPAT_FLAG,
    });
    positionals(rest, []);
    const { config, tests } = readTestedConfig(flags, io);
    const { filter } = flags;
    const chosen = tests.filter(({ name }) => filter === undefined || name.includes(filter));
    if (chosen.length === 0) {
      throw new UsageError(
        tests.length === 0
          ? `${flags.config} has no tests; see petrel test --help`
          : `none of the ${tests.length} tests has ${JSON.stringify(filter)} in its name`,
      );
    }
    const folder = dirname(resolve(io.cwd, flags.config));
    const bench: Bench = {
      config,
      router: compileRoute(
        config.route,
        config.receivers.map(({ name }) => name),
        { compat: config.compat === "exporter", eventType: (await friendlyFor(config))?.type },
      ),
      io: { ...io, cwd: folder },
      sinks: new Map(),
    };
    let failed = 0;
    try {
      for (const test of chosen) {
        const failures = await runTest(test, bench);
        if (failures.length > 0) failed++;
        if (flags.output === "json") {
          const { name, at } = test;
          io.stdout(`${JSON.stringify({ name, line: at.line, passed: failures.length === 0, failures })}\n`);
        } else io.stdout(testText(test, failures, flags.config));
      }
    } finally {
      for (const sink of bench.sinks.values()) await (await sink)[Symbol.asyncDispose]?.();
    }
    if (flags.output === "text") io.stdout(`${chosen.length - failed} passed, ${failed} failed\n`);
    return failed > 0 ? 1 : 0;
  },
};

/** What tests run on. */
interface Bench {
  readonly config: Config;
  readonly router: Router;
  /** Its current directory is the config's. */
  readonly io: Io;
  /** Opened once each. */
  readonly sinks: Map<string, Promise<Sink>>;
}

interface Failure extends Difference {
  /** Which event, when the test has any. */
  readonly event?: string;
  readonly about: "event" | "receivers" | "payload";
  readonly receiver?: string;
  readonly why?: readonly string[];
}

async function runTest(test: ConfigTest, bench: Bench): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const read of await readTestEvents(test.event, bench)) {
    if ("problem" in read) failures.push({ about: "event", problem: read.problem });
    else failures.push(...(await runEvent(test, read.event, bench)));
  }
  return failures;
}

async function readTestEvents(given: unknown, bench: Bench): Promise<readonly ReadEvent[]> {
  if (Array.isArray(given)) return (await Promise.all(given.map((one) => readTestEvents(one, bench)))).flat();
  if (typeof given !== "string") return eventsOf(given, "event", bench.config);
  // What is no file would be asked of the cluster.
  if (!existsSync(resolve(bench.io.cwd, given))) return [{ problem: `there is no event file ${given}` }];
  return await readEvents(given, bench.io, { ...bench.config, cluster: { kubeconfig: undefined, context: undefined } });
}

async function runEvent({ expect }: ConfigTest, event: Event, bench: Bench): Promise<Failure[]> {
  const failures: Failure[] = [];
  const title = eventTitle(event);
  const { receivers, payload = {} } = expect;
  if (receivers) {
    const explanation = bench.router.explain(event);
    const actual = explanation.receivers;
    if (receivers.length !== actual.length || receivers.some((name, index) => name !== actual[index])) {
      const names = bench.config.receivers.map(({ name }) => name);
      const wrong = new Set(
        [...receivers, ...actual].filter((name) => receivers.includes(name) !== actual.includes(name)),
      );
      const why = receiverReasons(explanation, names)
        .filter(({ receiver }) => wrong.has(receiver))
        .flatMap(
          ({ receiver, receives, why }) => `${receiver} ${receives ? "gets it" : "does not"}: ${why.join("; ")}`,
        );
      failures.push({ event: title, about: "receivers", expected: receivers, actual, why });
    }
  }
  for (const [receiver, expected] of Object.entries(payload)) {
    const rendered = await render(receiver, event, bench);
    const found = "problem" in rendered ? [{ problem: rendered.problem }] : differences(expected, rendered.body);
    failures.push(...found.map((one) => ({ event: title, about: "payload" as const, receiver, ...one })));
  }
  return failures;
}

async function render(
  name: string,
  event: Event,
  { config, io, sinks }: Bench,
): Promise<{ readonly body: string } | { readonly problem: string }> {
  const receiver = config.receivers.find((one) => one.name === name);
  if (receiver === undefined) return { problem: `there is no receiver ${name}` };
  try {
    const sink = sinks.get(name) ?? openSink(receiver, config, io);
    sinks.set(name, sink);
    return { body: (await sink).render([event]).body };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function testText({ name, at }: ConfigTest, failures: readonly Failure[], file: string): string {
  if (failures.length === 0) return `ok    ${name}\n`;
  let text = `FAIL  ${name} (${file}:${at.line})\n`;
  let event: string | undefined;
  for (const failure of failures) {
    if (failure.event !== event) text += `  ${failure.event}\n`;
    event = failure.event;
    text += `    ${failureTitle(failure)}\n`;
    for (const line of failureLines(failure)) text += `      ${line}\n`;
  }
  return text;
}

function failureTitle({ about, receiver, path, problem }: Failure): string {
  const what = about === "payload" ? `payload of ${receiver}${path === undefined ? "" : ` at ${path}`}` : about;
  return problem === undefined ? `${what}: - expected, + got` : `${what}: ${problem}`;
}

function failureLines({ about, problem, expected, actual, why = [] }: Failure): string[] {
  if (about === "receivers") return [`- ${list(expected)}`, `+ ${list(actual)}`, ...why];
  return problem === undefined ? diffLines(expected, actual) : [];
}

const list = (names: unknown) => (Array.isArray(names) && names.length > 0 ? names.join(", ") : "nobody");
