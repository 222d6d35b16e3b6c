/**
 * `bun run bench receivers [all|alone] [NAME…] [--rate N] [--seconds N] [--fake NAME,NAME…] [--write]`: every receiver at
 * once against what can be had of their destinations, or against the contract's where `--fake` says so, and each alone
 * against the contract's.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SINK_NAMES } from "../../sinks/index.ts";
import { eventually } from "../e2e/eventually.ts";
import { type Flow, flow } from "../e2e/flow.ts";
import { arrivedFrom } from "../e2e/receivers.ts";
import { awsEnds } from "./receivers/aws.ts";
import type { End } from "./receivers/end.ts";
import { fakeEnd } from "./receivers/fakes.ts";
import { type Usage, usage } from "./receivers/measure.ts";
import { realEnds } from "./receivers/real.ts";

/** They have no far end: one keeps events for tests, one is the process's own page, one its own output. */
const INSIDE = ["inMemory", "prometheus", "stdout"];
const DELIVER_MS = 300_000;
const PARTS: readonly string[] = ["all", "alone"];

/** Writes evenly. */
async function writeSteadily(events: Flow, perSecond: number, seconds: number): Promise<void> {
  const begin = performance.now();
  for (let written = 0; written < perSecond * seconds; ) {
    const due = Math.min(perSecond * seconds, Math.floor(((performance.now() - begin) * perSecond) / 1_000) + 1);
    events.write(due - written);
    written = due;
    await Bun.sleep(Math.max(1, begin + (written * 1_000) / perSecond - performance.now()));
  }
}

/** Waits until everything is delivered, or refused for good. */
async function done(events: Flow, name: string): Promise<void> {
  const label = `receiver="${name}"`;
  await eventually(`${name} is through`, DELIVER_MS, async () => {
    const { petrel } = events;
    const taken = await petrel.metric("petrel_events_delivered_total", label);
    const all = taken + (await petrel.metric("petrel_events_dropped_total", label));
    return all >= events.ids.length ? undefined : `${taken} of ${events.ids.length}`;
  }).catch((error: unknown) => console.error(String(error)));
}

interface Arrival {
  readonly name: string;
  readonly server: string;
  readonly missing: number;
  readonly repeated: number;
}

function compared(end: Pick<End, "name" | "server">, wanted: readonly string[], ids: readonly string[]): Arrival {
  const there = new Set(ids);
  const missing = wanted.filter((id) => !there.has(id)).length;
  return { name: end.name, server: end.server, missing, repeated: ids.length - there.size };
}

export interface AllAtOnce {
  readonly events: number;
  readonly seconds: number;
  readonly start: Usage;
  readonly end: Usage;
  readonly arrivals: readonly Arrival[];
  readonly dropped: number;
}

/** All receivers in one process. `names`: some of them. */
export async function allAtOnce(
  rate: number,
  seconds: number,
  names: readonly string[],
  faked: readonly string[] = [],
): Promise<AllAtOnce> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-ends-"));
  const servers = [...(await realEnds(folder)), ...(await awsEnds())];
  const real = servers.filter(({ name }) => !faked.includes(name));
  for (const one of servers) if (faked.includes(one.name)) await one.close?.();
  const rest = SINK_NAMES.filter((name) => !INSIDE.includes(name) && !real.some((end) => end.name === name));
  const everything = [...real, ...(await Promise.all(rest.map((name) => fakeEnd(name))))];
  const ends = everything.filter(({ name }) => names.length === 0 || names.includes(name));
  const inside = INSIDE.filter((name) => names.length === 0 || names.includes(name));
  try {
    const receivers = [
      ...ends.map(({ name, receiver }) => ({ name, ...receiver })),
      ...inside.map((name) => ({ name, [name]: {} })),
    ];
    await using events = await flow(receivers, Object.assign({}, ...ends.map(({ env }) => env ?? {})));
    const { pid } = events.petrel;
    await Bun.sleep(1_000);
    const start = usage(pid);
    await writeSteadily(events, rate, seconds);
    const end = usage(pid);
    for (const { name } of receivers) await done(events, String(name));
    const arrivals: Arrival[] = [];
    for (const one of ends) {
      // What did not arrive is in the table; it is no reason to measure nothing.
      const ids = await one.ids(events.ids.length).catch((error: unknown) => {
        console.error(`${one.name}: ${String(error).slice(0, 500)}`);
        return [];
      });
      arrivals.push(compared(one, events.ids, ids));
    }
    if (inside.includes("stdout")) {
      const ids = events.petrel.stdout.map((line) => arrivedFrom(line).id);
      arrivals.push(compared({ name: "stdout", server: "this machine" }, events.ids, ids));
    }
    if (inside.includes("prometheus")) {
      const counted = await events.petrel.metric("kubernetes_events_total", 'receiver="prometheus"');
      const missing = events.ids.length - counted;
      arrivals.push({ name: "prometheus", server: "Petrel's own page, counted", missing, repeated: 0 });
    }
    const dropped = await events.petrel.metric("petrel_events_dropped_total");
    return { events: events.ids.length, seconds, start, end, arrivals, dropped };
  } finally {
    for (const one of everything) await one.close?.();
    await rm(folder, { recursive: true, force: true });
  }
}

export interface Alone {
  readonly name: string;
  /** At the steady rate. */
  readonly steady: Usage;
  /** Requests for a thousand events: at the steady rate, in a burst, one request each; undefined: not counted. */
  readonly requests: readonly [number, number, number] | undefined;
  /** Microseconds of Petrel's CPU for an event: in a burst, and in a burst with one request each. */
  readonly cpu: readonly [number, number];
}

const BURST = 4_000;

interface Burst {
  readonly requests: number;
  readonly cpuSeconds: number;
}

async function burst(events: Flow, end: End, count: number): Promise<Burst> {
  const before = { requests: end.requests?.() ?? 0, cpu: usage(events.petrel.pid).cpuSeconds };
  events.write(count);
  await events.delivered(end.name, DELIVER_MS);
  const cpuSeconds = usage(events.petrel.pid).cpuSeconds - before.cpu;
  return { requests: (end.requests?.() ?? 0) - before.requests, cpuSeconds };
}

async function openEnd(name: string, batch?: Readonly<Record<string, unknown>>): Promise<End> {
  if (!INSIDE.includes(name)) return fakeEnd(name, batch);
  return { name, server: "inside", receiver: { ...(batch && { batch }), [name]: {} }, ids: async () => [] };
}

async function withEnd<T>(end: End, work: (events: Flow) => Promise<T>): Promise<T> {
  try {
    await using events = await flow([{ name: end.name, ...end.receiver }], end.env);
    return await work(events);
  } finally {
    await end.close?.();
  }
}

/** One receiver in a process. */
export async function alone(name: string, rate: number, seconds: number): Promise<Alone> {
  const end = await openEnd(name);
  const many = await withEnd(end, async (events) => {
    await writeSteadily(events, rate, seconds);
    await events.delivered(name, DELIVER_MS);
    const steady = { usage: usage(events.petrel.pid), requests: end.requests?.() ?? 0 };
    return { steady, burst: await burst(events, end, BURST) };
  });
  const single = await openEnd(name, { count: 1, linger: "0s" });
  const each = await withEnd(single, async (events) => {
    await burst(events, single, 200);
    return burst(events, single, BURST);
  });
  const perThousand = (requests: number, events: number) => (requests / events) * 1_000;
  return {
    name,
    steady: many.steady.usage,
    requests:
      end.requests === undefined
        ? undefined
        : [
            perThousand(many.steady.requests, rate * seconds),
            perThousand(many.burst.requests, BURST),
            perThousand(each.requests, BURST),
          ],
    cpu: [(many.burst.cpuSeconds / BURST) * 1e6, (each.cpuSeconds / BURST) * 1e6],
  };
}

const loadText = () =>
  `Load on the machine at the end: ${loadavg()
    .map((average) => average.toFixed(1))
    .join(", ")}.`;

const HEAD = `# Receivers

\`bun run bench receivers --write\` makes this page: the compiled executable on ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"},
Bun ${Bun.version}; servers, fakes and the simulated API server share these cores. Memory and CPU are Petrel's own, from /proc.
`;

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");

function allText({ events, seconds, start, end, arrivals, dropped }: AllAtOnce): string {
  const core = ((end.cpuSeconds - start.cpuSeconds) / seconds) * 100;
  return `${events.toLocaleString("en")} events in ${seconds} s to ${arrivals.length} receivers of one process: resident ${end.rss.toFixed(0)} MB at the end (at the start
${start.rss.toFixed(0)}, at most ${end.peak.toFixed(0)}), anonymous ${end.anon.toFixed(0)} (${start.anon.toFixed(0)}), ${core.toFixed(0)} % of a core, ${dropped} dropped. Read back from
each destination by its own API and compared id by id. ${loadText()}

${table(
  ["receiver", "against", "ids missing", "ids twice"],
  arrivals.map(({ name, server, missing, repeated }) => [name, server, missing, repeated]),
)}`;
}

function aloneText(rows: readonly Alone[], rate: number, seconds: number): string {
  return `A process with this receiver alone, against the destination of its contract fixture: memory after ${rate} events a second for
${seconds} s; requests for a thousand events at that rate, in a burst of ${BURST.toLocaleString("en")}, and with one request for each event, as the
predecessor sends; Petrel's CPU for an event in such a burst, and with one request each. CPU is counted in ticks of 10 ms. ${loadText()}

${table(
  [
    "receiver",
    "resident MB",
    "anonymous MB",
    "requests/1,000",
    "in a burst",
    "one each",
    "fewer",
    "CPU µs/event",
    "one each",
  ],
  rows.map(({ name, steady, requests, cpu }) => {
    const counts = requests
      ? [
          ...requests.map((count) => count.toFixed(0)),
          `${(requests[2] / requests[0]).toFixed(0)} ×, ${(requests[2] / requests[1]).toFixed(0)} ×`,
        ]
      : ["–", "–", "–", "–"];
    return [name, steady.rss.toFixed(0), steady.anon.toFixed(0), ...counts, ...cpu.map((micros) => micros.toFixed(0))];
  }),
)}`;
}

export async function benchReceivers(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rate: { type: "string", default: "100" },
      seconds: { type: "string", default: "60" },
      fake: { type: "string", default: "" },
      write: { type: "boolean", default: false },
    },
  });
  const [rate, seconds] = [Number(values.rate), Number(values.seconds)];
  const parts = positionals.filter((one) => PARTS.includes(one));
  const names = positionals.filter((one) => !PARTS.includes(one));
  const wants = (part: string) => parts.length === 0 || parts.includes(part);
  const path = join(import.meta.dir, "report-receivers.md");
  // What is not measured now stays as it was measured before.
  const sections = new Map(
    (values.write && existsSync(path) ? readFileSync(path, "utf8") : "")
      .split(/^(?=## )/m)
      .slice(1)
      .map((text) => [text.slice(3, text.indexOf("\n")), text.trimEnd()]),
  );
  const put = (title: string, text: string) => {
    sections.set(title, `## ${title}\n\n${text}`.trimEnd());
    console.log(`\n${sections.get(title)}`);
    if (values.write)
      writeFileSync(path, `${HEAD}\n${["All at once", "Each alone"].map((one) => sections.get(one)).join("\n\n")}\n`);
  };
  if (wants("all")) put("All at once", allText(await allAtOnce(rate, seconds, names, values.fake.split(","))));
  if (wants("alone")) {
    const rows: Alone[] = [];
    const aloneSeconds = Math.min(seconds, 5);
    for (const name of SINK_NAMES.filter((one) => names.length === 0 || names.includes(one))) {
      rows.push(await alone(name, rate, aloneSeconds));
      console.log(JSON.stringify(rows.at(-1)));
    }
    put("Each alone", aloneText(rows, rate, aloneSeconds));
  }
}
