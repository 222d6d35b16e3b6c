/**
 * `bun run bench [SCENARIO…] [--write]`: the budgets, measured on the compiled executable. `bun run bench receivers`:
 * receivers.ts.
 *
 * Every figure is the median of several runs; RSS and RssAnon come from /proc, CPU from the process's own ticks (10 ms).
 */
import { readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "bun";
import type { Command, Received } from "./cluster.ts";
import { type Usage, usage } from "./receivers/measure.ts";

/** Another executable than the one just built, to compare two. */
const EXE = process.env.BENCH_EXE ?? join(import.meta.dir, "../../dist/petrel");
const RUNS = Number(process.env.BENCH_RUNS ?? 3);

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly budget?: number;
  /** The figure must not be below the budget, instead of above. */
  readonly atLeast?: boolean;
}

/** A simulated cluster in its own process. */
async function openCluster() {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "cluster.ts")], { stdin: "pipe", stdout: "pipe" });
  const lines = linesOf(child.stdout);
  const { url } = JSON.parse(await lines()) as { url: string };
  return {
    url,
    async ask<T = unknown>(command: Command): Promise<T> {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      await child.stdin.flush();
      return JSON.parse(await lines()) as T;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

function linesOf(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return async () => {
    for (;;) {
      const end = text.indexOf("\n");
      if (end >= 0) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return line;
      }
      const { done, value } = await reader.read();
      if (done) throw new Error("the simulated cluster ended");
      text += decoder.decode(value, { stream: true });
    }
  };
}

const NINE_FIELDS = `layout: {message: "{{ .Message }}", reason: "{{ .Reason }}", type: "{{ .Type }}", count: "{{ .Count }}", kind: "{{ .InvolvedObject.Kind }}", name: "{{ .InvolvedObject.Name }}", namespace: "{{ .Namespace }}", component: "{{ .Source.Component }}", host: "{{ .Source.Host }}"}`;

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

interface Run {
  readonly cluster: Awaited<ReturnType<typeof openCluster>>;
  readonly pid: number;
  readonly startedAt: number;
  /** Where Petrel runs. */
  readonly folder: string;
}

/** Starts Petrel on a simulated cluster, lets `work` measure, stops both. */
async function withPetrel<T>(
  makeConfig: (url: string) => string,
  work: (run: Run) => Promise<T>,
  prepare: (cluster: Run["cluster"]) => Promise<unknown> = async () => {},
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  await using cluster = await openCluster();
  await prepare(cluster);
  await Bun.write(join(folder, "petrel.yaml"), makeConfig(cluster.url));
  await Bun.write(
    join(folder, "kubeconfig"),
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: cluster.url } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const startedAt = performance.timeOrigin + performance.now();
  const petrel = Bun.spawn(
    [EXE, "run", "-c", "petrel.yaml", "--kubeconfig", "kubeconfig", "--metrics-address", "127.0.0.1:0"],
    { cwd: folder, stdout: Bun.file("/dev/null"), stderr: "pipe" },
  );
  const errors = new Response(petrel.stderr).text();
  try {
    return await work({ cluster, pid: petrel.pid, startedAt, folder });
  } finally {
    petrel.kill("SIGTERM");
    const code = await petrel.exited;
    const said = await errors;
    if (code !== 0 || said.includes('"level":"error"')) process.stderr.write(`petrel ended with ${code}\n${said}\n`);
    await rm(folder, { recursive: true });
  }
}

async function median(measure: () => Promise<readonly Figure[]>): Promise<readonly Figure[]> {
  const runs: (readonly Figure[])[] = [];
  for (let run = 0; run < RUNS; run++) runs.push(await measure());
  return (runs[0] ?? []).map((figure, index) => {
    const values = runs.map((run) => run[index]?.value ?? Number.NaN).sort((a, b) => a - b);
    return { ...figure, value: values[values.length >> 1] ?? Number.NaN };
  });
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

const webhook = (url: string, batch = ""): string => `webhook: {endpoint: "${url}/hook", ${batch} ${NINE_FIELDS}}`;

const SCENARIOS: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  async exe() {
    const bytes = statSync(EXE).size;
    const gzip = gzipSync(new Uint8Array(readFileSync(EXE))).length;
    return [
      { name: "executable", value: bytes / 1e6, unit: "MB", budget: 125 },
      { name: "executable, gzip", value: gzip / 1e6, unit: "MB", budget: 55 },
    ];
  },
  start: () =>
    median(() =>
      withPetrel(
        () => config("stdout: {}"),
        async ({ cluster, startedAt }) => {
          const { at } = await cluster.ask<{ at: number }>({ do: "watched" });
          return [{ name: "start to first watch", value: at - startedAt, unit: "ms", budget: 50 }];
        },
      ),
    ),
  idle: () =>
    median(() =>
      withPetrel(
        (url) => config(webhook(url)),
        async ({ cluster, pid }) => {
          await cluster.ask({ do: "watched" });
          await Bun.sleep(3_000);
          const { rss, anon } = usage(pid);
          return [
            { name: "idle, resident", value: rss, unit: "MB", budget: 42 },
            { name: "idle, anonymous", value: anon, unit: "MB", budget: 8 },
          ];
        },
      ),
    ),
  steady: () => steady("500 ev/s to a webhook, one each", "", { rss: 64, p50: 0.5, p99: 2 }),
  journalSteady: () => steady("500 ev/s, journaled", JOURNAL, { rss: 96, p50: 1, p99: 5 }),
  // Both into /dev/null: a sink that costs nothing, and all that Petrel does for an event before it.
  flood: () => flood("flood to stdout, plain", () => "stdout: {}", 100_000),
  layout: () => flood("flood to stdout, nine templates", () => `stdout: {${NINE_FIELDS}}`, 100_000),
  journal: () => flood("flood to stdout, nine templates, journaled", () => `stdout: {${NINE_FIELDS}}`, 60_000, JOURNAL),
  journalBehind: () => behind(),
  hook: () => hook("flood to a webhook, one each", "", 9_000, 20_000),
  batch: () => hook("flood to a webhook, batched", "batch: {format: ndjson},", 9_000, 60_000),
  list: () =>
    median(() =>
      withPetrel(
        () => config("stdout: {}"),
        async ({ cluster, pid }) => {
          await cluster.ask({ do: "watched" });
          const after = await quiet(pid);
          return [
            { name: "100,000 stored events: peak resident", value: after.peak, unit: "MB", budget: 100 },
            { name: "… events per CPU-second", value: 100_000 / after.cpuSeconds, unit: "ev/s" },
          ];
        },
        (cluster) => cluster.ask({ do: "store", events: 100_000 }),
      ),
    ),
};

const JOURNAL = "state: {path: state}";

function steady(
  name: string,
  extra: string,
  budget: { readonly rss: number; readonly p50: number; readonly p99: number },
): Promise<readonly Figure[]> {
  return median(() =>
    withPetrel(
      (url) => config(webhook(url), extra),
      async ({ cluster, pid }) => {
        await cluster.ask({ do: "watched" });
        await cluster.ask({ do: "send", events: 2_500, perSecond: 500 });
        await cluster.ask({ do: "received", events: 2_500 });
        const before = usage(pid);
        const begin = performance.now();
        await cluster.ask({ do: "send", events: 10_000, perSecond: 500 });
        const { p50, p99, repeated } = await cluster.ask<Received>({ do: "received", events: 10_000 });
        const after = usage(pid);
        const seconds = (performance.now() - begin) / 1_000;
        return [
          { name: `${name}: resident`, value: after.rss, unit: "MB", budget: budget.rss },
          { name: "… anonymous", value: after.anon, unit: "MB" },
          { name: "… core", value: ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100, unit: "%", budget: 6 },
          { name: "… latency p50", value: p50, unit: "ms", budget: budget.p50 },
          { name: "… latency p99", value: p99, unit: "ms", budget: budget.p99 },
          { name: "… repeated", value: repeated, unit: "events", budget: 0 },
        ];
      },
    ),
  );
}

/** A second receiver takes nothing, so that every event goes to disk, and stays there. */
function behind(): Promise<readonly Figure[]> {
  const events = 150_000;
  const dead = `stdout: {}
  - name: dead
    webhook: {endpoint: "http://127.0.0.1:1/"}`;
  return median(() =>
    withPetrel(
      () => config(dead, JOURNAL).replace("receiver: r}", "receiver: r}\n    - {receiver: dead}"),
      async ({ cluster, pid, folder }) => {
        await cluster.ask({ do: "watched" });
        const before = await quiet(pid);
        await cluster.ask({ do: "send", events });
        const after = await quiet(pid);
        const bytes = ["journal.db", "journal.db-wal"].reduce((sum, file) => {
          return sum + (statSync(join(folder, "state", file), { throwIfNoEntry: false })?.size ?? 0);
        }, 0);
        return [
          {
            name: "flood, journaled, one of two receivers dead: events per CPU-second",
            value: events / (after.cpuSeconds - before.cpuSeconds),
            unit: "ev/s",
          },
          { name: "… peak resident", value: after.peak, unit: "MB" },
          { name: "… journal per million events", value: ((bytes / events) * 1e6) / 1e6, unit: "MB" },
        ];
      },
    ),
  );
}

function flood(name: string, receiver: () => string, budget: number, extra = ""): Promise<readonly Figure[]> {
  const events = 150_000;
  return median(() =>
    withPetrel(
      () => config(receiver(), extra),
      async ({ cluster, pid }) => {
        await cluster.ask({ do: "watched" });
        const before = await quiet(pid);
        await cluster.ask({ do: "send", events });
        const after = await quiet(pid);
        return [
          {
            name: `${name}: events per CPU-second`,
            value: events / (after.cpuSeconds - before.cpuSeconds),
            unit: "ev/s",
            budget,
            atLeast: true,
          },
          { name: "… peak resident", value: after.peak, unit: "MB", budget: 96 },
        ];
      },
    ),
  );
}

function hook(name: string, batch: string, events: number, budget: number): Promise<readonly Figure[]> {
  return median(() =>
    withPetrel(
      (url) => config(webhook(url, batch)),
      async ({ cluster, pid }) => {
        await cluster.ask({ do: "watched" });
        let cpuSeconds = 0;
        // In bursts that the buffer holds, so that nothing is dropped and every event counts.
        for (let burst = 0; burst < 5; burst++) {
          const before = await quiet(pid);
          await cluster.ask({ do: "send", events });
          await cluster.ask({ do: "received", events });
          cpuSeconds += usage(pid).cpuSeconds - before.cpuSeconds;
        }
        return [
          {
            name: `${name}: events per CPU-second`,
            value: (5 * events) / cpuSeconds,
            unit: "ev/s",
            budget,
            atLeast: true,
          },
          { name: "… peak resident", value: usage(pid).peak, unit: "MB" },
        ];
      },
    ),
  );
}

if (process.argv[2] === "receivers") {
  const { benchReceivers } = await import("./receivers.ts");
  await benchReceivers(process.argv.slice(3));
  process.exit(0);
}

// Pages of an executable that was just written count differently until they are on disk.
Bun.spawnSync(["sync", EXE]);

const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith("-"));
const names = wanted.length > 0 ? wanted : Object.keys(SCENARIOS);
const rows: string[] = [];
for (const name of names) {
  const scenario = SCENARIOS[name];
  if (!scenario) throw new Error(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(", ")}`);
  for (const { name: what, value, unit, budget, atLeast } of await scenario()) {
    const shown = value >= 1_000 ? Math.round(value).toLocaleString("en") : value.toFixed(value < 10 ? 2 : 1);
    const bound = budget === undefined ? "–" : `${atLeast ? "≥" : "≤"} ${budget.toLocaleString("en")}`;
    const met = budget === undefined ? "–" : (atLeast ? value >= budget : value <= budget) ? "yes" : "no";
    const ratio = budget ? (value / budget).toFixed(2) : "–";
    rows.push(`| ${what} | ${shown} ${unit} | ${bound} | ${ratio} | ${met} |`);
    process.stdout.write(`${rows.at(-1)}\n`);
  }
}
const load = loadavg()
  .map((average) => average.toFixed(1))
  .join(", ");
const report = `# Benchmark

Median of ${RUNS} runs of the compiled executable on ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, Bun ${Bun.version},
Linux; the simulated API server and the webhooks share these cores. \`bun run bench --write\` makes this page.

Events per CPU-second are counted from the first byte of the watch to the last of the sink, in the process's own ticks.
stdout is /dev/null, and so a sink that costs nothing: plain is the exporter's JSON of the event, nine templates are a
layout. Resident memory counts the pages of the executable that the process has touched, anonymous memory does not.
Load on the machine during the runs: ${load}.

| figure | measured | budget | ratio | met |
|---|---|---|---|---|
${rows.join("\n")}
`;
if (process.argv.includes("--write")) await Bun.write(join(import.meta.dir, "report.md"), report);
