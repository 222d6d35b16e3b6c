/** The loads that the budgets speak of, and what is measured of each. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzip } from "../../src/release/tar.ts";
import type { Received } from "./cluster.ts";
import { type Usage, usage } from "./receivers/measure.ts";
import { EXECUTABLE, type Load, type Run, type Subject, withSubject } from "./subject.ts";

/** What is measured, before it has a value. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** The value must not be above it. */
  readonly atMost?: number;
  /** The value must not be below it. */
  readonly atLeast?: number;
}

/** Of one run. NaN: the subject cannot tell. */
export interface Value extends Measure {
  readonly value: number;
}

export interface Scenario {
  readonly title: string;
  measure(subject: Subject): Promise<readonly Value[]>;
  /** Of a file and no process: one run tells all, and a peer has none. */
  readonly still?: true;
}

const NINE_FIELDS = `layout: {message: "{{ .Message }}", reason: "{{ .Reason }}", type: "{{ .Type }}", count: "{{ .Count }}", kind: "{{ .InvolvedObject.Kind }}", name: "{{ .InvolvedObject.Name }}", namespace: "{{ .Namespace }}", component: "{{ .Source.Component }}", host: "{{ .Source.Host }}"}`;
const JOURNAL = "state: {path: state}";
/** How long the last of a load may take to arrive. */
const LATE_MS = 120_000;
const FLOOD = 150_000;
/** What the buffer holds, with room for what comes meanwhile. */
const BURST = 9_000;

const config = (receiver: string, extra = ""): string => `
logFormat: json
logLevel: warn
omitLookup: true
maxEventAgeSeconds: 86400
${extra}
route:
  drop:
    - {namespace: "^kube-system$"}
    - {reason: "^(Pulling|Pulled)$", type: Normal}
  match:
    - {type: "Warning|Normal", receiver: r}
receivers:
  - name: r
    ${receiver}
`;

const webhook = (url: string, batch = ""): string => `webhook: {endpoint: "${url}/hook", ${batch} ${NINE_FIELDS}}`;

/** Adds a receiver that every event goes to and that refuses connections; a stop does not wait for it. */
const withDead = (text: string): string =>
  `${text.replace("receiver: r}", "receiver: r}\n    - {receiver: dead}")}  - name: dead
    webhook: {endpoint: "http://127.0.0.1:1/"}
shutdownTimeout: 1s
`;

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  exe: {
    title: "The executable",
    still: true,
    async measure() {
      const bytes = statSync(EXECUTABLE).size;
      // As a release packs it.
      const packed = gzip(readFileSync(EXECUTABLE)).length;
      return [
        { name: "size", unit: "MB", atMost: 125, value: bytes / 1e6 },
        { name: "size, gzip", unit: "MB", atMost: 55, value: packed / 1e6 },
      ];
    },
  },
  start: scenario("Start", { config: () => config("stdout: {}") }, async ({ cluster, startedAt }) => {
    const { at } = await cluster.ask<{ at: number }>({ do: "watched" });
    return [{ name: "start to first watch", unit: "ms", atMost: 50, value: at - startedAt }];
  }),
  idle: scenario("Idle", { config: (url) => config(webhook(url)) }, async ({ cluster, pid }) => {
    await cluster.ask({ do: "watched" });
    await Bun.sleep(3_000);
    const { rss, anon } = usage(pid);
    return [
      { name: "resident", unit: "MB", atMost: 42, value: rss },
      { name: "anonymous", unit: "MB", atMost: 8, value: anon },
    ];
  }),
  steady100: steady("100 ev/s to a webhook, one request each", 100, { rss: 64, core: 6, p50: 0.5, p99: 2 }),
  steady: steady("500 ev/s to a webhook, one request each", 500, { rss: 64, core: 6, p50: 0.5, p99: 2 }),
  journalSteady: steady(
    "500 ev/s to a webhook, one request each, journaled",
    500,
    { rss: 96, core: 6, p50: 1, p99: 5 },
    {
      config: (url) => config(webhook(url), JOURNAL),
    },
  ),
  // It keeps the buffer full, which has a bound of its own; the budget is that the other receiver does not feel it.
  dead: steady(
    "500 ev/s to a webhook, another receiver dead",
    500,
    { p50: 0.5, p99: 2 },
    {
      config: (url) => withDead(config(webhook(url))),
      errors: true,
    },
  ),
  burst: burst(),
  // Into /dev/null: a sink that costs nothing, and all that Petrel does for an event before it.
  flood: flood("Flood to stdout, the exporter's JSON", () => config("stdout: {}"), 100_000),
  layout: flood("Flood to stdout, nine templates", () => config(`stdout: {${NINE_FIELDS}}`), 100_000),
  journal: flood(
    "Flood to stdout, nine templates, journaled",
    () => config(`stdout: {${NINE_FIELDS}}`, JOURNAL),
    60_000,
  ),
  journalBehind: behind(),
  hook: hook("Flood to a webhook, one request each", "", 20_000),
  batch: hook("Flood to a webhook, batched", "batch: {format: ndjson},", 60_000),
  list10k: list("10,000 events stored at the start", 10_000),
  list: list("100,000 events stored at the start", 100_000),
};

function scenario(title: string, load: Load, work: (run: Run) => Promise<readonly Value[]>): Scenario {
  return { title, measure: (subject) => withSubject(subject, load, work) };
}

/** Waits until the process used no CPU for a while: everything that came is through. */
async function quiet(pid: number): Promise<Usage> {
  let before = usage(pid);
  for (let still = 0; still < 3; ) {
    await Bun.sleep(100);
    const now = usage(pid);
    still = now.cpuSeconds - before.cpuSeconds <= 0.01 ? still + 1 : 0;
    before = now;
  }
  return before;
}

const atMost = (bound: number | undefined) => (bound === undefined ? {} : { atMost: bound });
const lost = (value: number): readonly Value[] => [{ name: "missing", unit: "events", atMost: 0, value }];
const repeated = (value: number): Value => ({ name: "repeated", unit: "events", atMost: 0, value });

function steady(
  title: string,
  perSecond: number,
  budget: { readonly rss?: number; readonly core?: number; readonly p50: number; readonly p99: number },
  load: Load = { config: (url) => config(webhook(url)) },
): Scenario {
  return scenario(title, load, async ({ cluster, pid }) => {
    await cluster.ask({ do: "watched" });
    await cluster.ask({ do: "send", events: 5 * perSecond, perSecond });
    await cluster.ask({ do: "received", events: 5 * perSecond, withinMs: LATE_MS });
    const before = usage(pid);
    const begin = performance.now();
    const events = 20 * perSecond;
    await cluster.ask({ do: "send", events, perSecond });
    const got = await cluster.ask<Received>({ do: "received", events, withinMs: LATE_MS });
    const after = usage(pid);
    const seconds = (performance.now() - begin) / 1_000;
    return [
      { name: "resident", unit: "MB", ...atMost(budget.rss), value: after.rss },
      { name: "anonymous", unit: "MB", value: after.anon },
      {
        name: "core",
        unit: "%",
        ...atMost(budget.core),
        value: ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100,
      },
      { name: "latency p50", unit: "ms", atMost: budget.p50, value: got.p50 },
      { name: "latency p99", unit: "ms", atMost: budget.p99, value: got.p99 },
      repeated(got.repeated),
      ...lost(events - got.events),
    ];
  });
}

/** A quiet cluster in which everything happens at once. */
function burst(): Scenario {
  const load: Load = { config: (url) => config(webhook(url)) };
  return scenario("Burst of 9,000 events to a webhook, one request each", load, async ({ cluster, pid }) => {
    await cluster.ask({ do: "watched" });
    await quiet(pid);
    const begin = performance.now();
    await cluster.ask({ do: "send", events: BURST });
    const got = await cluster.ask<Received>({ do: "received", events: BURST, withinMs: LATE_MS });
    const ms = performance.now() - begin;
    return [
      { name: "all delivered after", unit: "ms", value: ms },
      { name: "peak resident", unit: "MB", value: usage(pid).peak },
      repeated(got.repeated),
      ...lost(BURST - got.events),
    ];
  });
}

function flood(title: string, text: Load["config"], atLeast: number): Scenario {
  return scenario(title, { config: text }, async ({ cluster, pid, dropped }) => {
    await cluster.ask({ do: "watched" });
    const before = await quiet(pid);
    await cluster.ask({ do: "send", events: FLOOD });
    const after = await quiet(pid);
    return [
      { name: "events per CPU-second", unit: "ev/s", atLeast, value: perCpuSecond(FLOOD, before, after) },
      { name: "peak resident", unit: "MB", atMost: 96, value: after.peak },
      { name: "dropped", unit: "events", atMost: 0, value: (await dropped()) ?? Number.NaN },
    ];
  });
}

const perCpuSecond = (events: number, before: Usage, after: Usage): number =>
  events / (after.cpuSeconds - before.cpuSeconds);

/** A second receiver takes nothing, so that every event goes to disk, and stays there. */
function behind(): Scenario {
  const load: Load = { config: () => withDead(config("stdout: {}", JOURNAL)), errors: true };
  return scenario("Flood to stdout, journaled, another receiver dead", load, async ({ cluster, pid, folder }) => {
    await cluster.ask({ do: "watched" });
    const before = await quiet(pid);
    await cluster.ask({ do: "send", events: FLOOD });
    const after = await quiet(pid);
    const bytes = ["journal.db", "journal.db-wal"].reduce(
      (sum, file) => sum + (statSync(join(folder, "state", file), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
    return [
      { name: "events per CPU-second", unit: "ev/s", value: perCpuSecond(FLOOD, before, after) },
      { name: "peak resident", unit: "MB", value: after.peak },
      { name: "journal per million events", unit: "MB", value: bytes / FLOOD },
    ];
  });
}

function hook(title: string, batch: string, atLeast: number): Scenario {
  return scenario(title, { config: (url) => config(webhook(url, batch)) }, async ({ cluster, pid }) => {
    await cluster.ask({ do: "watched" });
    const rounds = 5;
    let cpuSeconds = 0;
    let missing = 0;
    // In bursts that the buffer holds, so that nothing is dropped and every event counts.
    for (let round = 0; round < rounds; round++) {
      const before = await quiet(pid);
      await cluster.ask({ do: "send", events: BURST });
      const got = await cluster.ask<Received>({ do: "received", events: BURST, withinMs: LATE_MS });
      missing += BURST - got.events;
      cpuSeconds += usage(pid).cpuSeconds - before.cpuSeconds;
    }
    return [
      { name: "events per CPU-second", unit: "ev/s", atLeast, value: (rounds * BURST) / cpuSeconds },
      { name: "peak resident", unit: "MB", value: usage(pid).peak },
      ...lost(missing),
    ];
  });
}

/** Also of `bun run soak list`, with a million. */
export function list(title: string, events: number): Scenario {
  const load: Load = {
    config: () => config("stdout: {}"),
    prepare: (cluster) => cluster.ask({ do: "store", events }),
  };
  return scenario(title, load, async ({ cluster, pid, dropped }) => {
    await cluster.ask({ do: "watched" });
    const after = await quiet(pid);
    return [
      { name: "peak resident", unit: "MB", atMost: 100, value: after.peak },
      { name: "events per CPU-second", unit: "ev/s", value: events / after.cpuSeconds },
      { name: "dropped", unit: "events", atMost: 0, value: (await dropped()) ?? Number.NaN },
    ];
  });
}
