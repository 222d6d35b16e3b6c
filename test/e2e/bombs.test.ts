/**
 * Bombs in a live config: patterns and templates that would hold or exhaust another process. The event they meet fails
 * for that receiver alone, is counted, and the others get theirs in time.
 */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { eventually } from "./eventually.ts";
import { startExecutable } from "./executable.ts";

interface Bomb {
  readonly name: string;
  /** What the receiver renders; `harmless` stands in its place in the run without bombs. */
  readonly template: string;
  /** Whether every event fails on it, or is delivered after all. */
  readonly fails: boolean;
  /** A pattern for `message`, in place of `.`. */
  readonly pattern?: string;
}

const HARMLESS = "{{ .Reason }}";

const BOMBS: readonly Bomb[] = [
  { name: "catastrophic-rule", template: HARMLESS, fails: false, pattern: "(a+)+$" },
  { name: "wide-rule", template: HARMLESS, fails: false, pattern: "(a?){200}$" },
  { name: "wide-regex", template: '{{ regexMatch "(a?){200}$" .Message }}', fails: true },
  { name: "catastrophic-template", template: '{{ regexFind "(a+)+$" .Message | len }}', fails: false },
  { name: "range", template: "{{ range until 2000000000 }}x{{ end }}", fails: true },
  { name: "range-integer", template: "{{ range 2000000000 }}x{{ end }}", fails: true },
  { name: "repeat", template: '{{ repeat 1000000000 "x" }}', fails: true },
  { name: "repeat-repeat", template: '{{ range until 100000 }}{{ repeat 1000 "x" }}{{ end }}', fails: true },
  { name: "deep", template: '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}', fails: true },
  {
    name: "wide",
    template:
      '{{ define "x" }}{{ template "y" . }}{{ template "y" . }}{{ end }}{{ define "y" }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
    fails: true,
  },
  { name: "printf", template: '{{ printf "%1000000d%1000000d%1000000d" 1 2 3 }}', fails: true },
  { name: "indent", template: '{{ indent 100000 (replace "a" "\\n" .Message) }}', fails: true },
];

const PER_SECOND = 300;
/** One event in so many meets the bombs. */
const ONE_IN = 20;
/** Events that each bomb meets. */
const MEETINGS = 3;
const EVENTS = BOMBS.length * MEETINGS * ONE_IN;
const LETTERS = "a".repeat(30_000);

interface Outcome {
  /** Milliseconds from the write to the arrival at the receiver that has no bomb. */
  readonly latencies: readonly number[];
  /** Events that each receiver with a bomb got, and that failed there. */
  readonly arrived: ReadonlyMap<string, number>;
  readonly failed: ReadonlyMap<string, number>;
  readonly dropped: ReadonlyMap<string, number>;
}

/** All events through one live executable. */
async function live(bombs: readonly Bomb[], message: (index: number) => string, events = EVENTS): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-e2e-"));
  const api = await createApiServer();
  const sent = new Map<string, number>();
  const latencies: number[] = [];
  const arrived = new Map<string, number>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    maxRequestBodySize: 64 << 20,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const body = await request.text();
      if (pathname === "/others") {
        const { name } = JSON.parse(body) as { name: string };
        latencies.push(performance.now() - (sent.get(name) ?? Number.NaN));
      } else arrived.set(pathname.slice(1), (arrived.get(pathname.slice(1)) ?? 0) + 1);
      return new Response(null, { status: 204 });
    },
  });
  const endpoint = (name: string): string => `http://127.0.0.1:${server.port}/${name}`;
  const config = {
    omitLookup: true,
    maxEventAgeSeconds: 3_600,
    buffer: { events: 10_000, bytes: "64MiB" },
    route: {
      routes: [
        { match: [{ receiver: "others" }] },
        ...bombs.map(({ name, pattern }) => ({
          match: [{ reason: `^Bomb-${name}$`, ...(pattern === undefined ? {} : { message: pattern }), receiver: name }],
        })),
      ],
    },
    receivers: [
      {
        name: "others",
        webhook: { endpoint: endpoint("others"), layout: { name: "{{ .Name }}", reason: "{{ .Reason }}" } },
      },
      ...bombs.map(({ name, template }) => ({
        name,
        webhook: { endpoint: endpoint(name), layout: { text: template } },
      })),
    ],
  };
  const kubeconfig = join(folder, "kubeconfig");
  await Bun.write(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: api.url } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const petrel = await startExecutable(folder, config, kubeconfig);
  try {
    await eventually("the watch is open", 10_000, () => (api.watches > 0 ? undefined : "no watch"));
    const begin = performance.now();
    for (let index = 0; index < events; index++) {
      const due = begin + (index * 1_000) / PER_SECOND;
      if (due > performance.now()) await Bun.sleep(due - performance.now());
      const bomb = index % ONE_IN === ONE_IN - 1;
      const name = `e-${index}`;
      sent.set(name, performance.now());
      api.put({
        metadata: { name, namespace: "default" },
        involvedObject: { kind: "Pod", namespace: "default", name: `pod-${index}`, uid: `uid-${index}` },
        reason: bomb ? `Bomb-${bombs[Math.floor(index / ONE_IN) % bombs.length]?.name}` : "Fine",
        message: bomb ? message(index) : "all is well",
        type: "Normal",
        count: 1,
        lastTimestamp: new Date().toISOString(),
      });
    }
    await eventually("the others have everything", 30_000, () =>
      latencies.length >= events ? undefined : `${latencies.length} of ${events}`,
    );
    const failed = new Map<string, number>();
    const dropped = new Map<string, number>();
    for (const { name } of bombs) {
      await eventually(`every event of ${name} has its fate`, 30_000, async () => {
        failed.set(name, await petrel.metric("petrel_events_failed_total", `receiver="${name}"`, 'reason="template"'));
        dropped.set(name, await petrel.metric("petrel_events_dropped_total", `receiver="${name}"`));
        const fates = (arrived.get(name) ?? 0) + (dropped.get(name) ?? 0);
        const met = events / ONE_IN / bombs.length;
        return fates >= met ? undefined : `${fates} of ${met}`;
      });
    }
    expect(await petrel.stop()).toBe(0);
    expect(petrel.stderr()).not.toContain("panic");
    return { latencies, arrived, failed, dropped };
  } finally {
    await petrel.stop();
    server.stop(true);
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

const shown = ({ latencies }: Outcome): string =>
  `p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms, worst ${Math.max(...latencies).toFixed(1)} ms`;

test("bombs fail by themselves, and the others notice nothing", async () => {
  const without = await live(
    BOMBS.map(({ name }) => ({ name, template: HARMLESS, fails: false })),
    () => LETTERS,
  );
  const bombed = await live(BOMBS, () => LETTERS);
  console.log(`others without bombs: ${shown(without)}; with them: ${shown(bombed)}`);
  for (const { name, fails } of BOMBS) {
    const met = MEETINGS;
    expect([name, without.arrived.get(name)]).toEqual([name, met]);
    expect([name, bombed.arrived.get(name) ?? 0]).toEqual([name, fails ? 0 : met]);
    expect([name, bombed.dropped.get(name)]).toEqual([name, fails ? met : 0]);
  }
  expect(bombed.latencies.length).toBe(EVENTS);
  // Twice, or what a machine that has more to do than this test needs for a turn.
  expect(percentile(bombed.latencies, 0.99)).toBeLessThan(Math.max(2 * percentile(without.latencies, 0.99), 50));
});

test("ten megabytes through a heavy template", async () => {
  const events = 5 * ONE_IN;
  const bomb: Bomb = {
    name: "heavy",
    template:
      '{{ range splitList " " (.Message | upper | replace "A" "BB") }}{{ . | lower | b64enc | sha256sum }}{{ end }}',
    fails: true,
  };
  const outcome = await live([bomb], () => "a b ".repeat(2_500_000), events);
  console.log(`others beside it: ${shown(outcome)}`);
  expect(outcome.dropped.get("heavy")).toBe(events / ONE_IN);
  expect(outcome.latencies.length).toBe(events);
});
