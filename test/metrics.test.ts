import { describe, expect, test } from "bun:test";
import { createMetrics } from "../src/metrics.ts";
import { createMeters, registerExporterMetrics } from "../src/pipeline/meters.ts";
import { registerProcessMetrics } from "../src/process-metrics.ts";

function sample() {
  const metrics = createMetrics();
  metrics.counter("petrel_events_total", 'Events, "all"\nof them \\ there.', { receiver: 'a"b\\c\nd' }).value = 2;
  metrics.counter("petrel_events_total", "ignored", { receiver: "e" }).value += 0.5;
  metrics.gauge("up", "Up.").value = 1;
  metrics.read("counter", "events_sent", "Sent.", () => 7);
  const histogram = metrics.histogram("latency_seconds", "Latency.", [0.1, 1], { receiver: "e" });
  for (const value of [0.05, 0.1, 0.5, 3]) histogram.observe(value);
  metrics.read("gauge", "age", "Age.", () => Number.POSITIVE_INFINITY);
  metrics.read("gauge", "broken", "Broken.", () => {
    throw new Error("no such file");
  });
  return metrics;
}

// https://prometheus.io/docs/instrumenting/exposition_formats/
test("Prometheus text 0.0.4", () => {
  expect(sample().expose("prometheus")).toBe(`# HELP petrel_events_total Events, "all"\\nof them \\\\ there.
# TYPE petrel_events_total counter
petrel_events_total{receiver="a\\"b\\\\c\\nd"} 2
petrel_events_total{receiver="e"} 0.5
# HELP up Up.
# TYPE up gauge
up 1
# HELP events_sent Sent.
# TYPE events_sent counter
events_sent 7
# HELP latency_seconds Latency.
# TYPE latency_seconds histogram
latency_seconds_bucket{receiver="e",le="0.1"} 2
latency_seconds_bucket{receiver="e",le="1"} 3
latency_seconds_bucket{receiver="e",le="+Inf"} 4
latency_seconds_sum{receiver="e"} 3.65
latency_seconds_count{receiver="e"} 4
# HELP age Age.
# TYPE age gauge
age +Inf
# HELP broken Broken.
# TYPE broken gauge
broken NaN
`);
});

// https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
test("OpenMetrics 1.0: families without _total, counters without it unknown, bounds as floats, an end", () => {
  expect(sample().expose("openmetrics")).toBe(`# HELP petrel_events Events, \\"all\\"\\nof them \\\\ there.
# TYPE petrel_events counter
petrel_events_total{receiver="a\\"b\\\\c\\nd"} 2
petrel_events_total{receiver="e"} 0.5
# HELP up Up.
# TYPE up gauge
up 1
# HELP events_sent Sent.
# TYPE events_sent unknown
events_sent 7
# HELP latency_seconds Latency.
# TYPE latency_seconds histogram
latency_seconds_bucket{receiver="e",le="0.1"} 2
latency_seconds_bucket{receiver="e",le="1.0"} 3
latency_seconds_bucket{receiver="e",le="+Inf"} 4
latency_seconds_sum{receiver="e"} 3.65
latency_seconds_count{receiver="e"} 4
# HELP age Age.
# TYPE age gauge
age +Inf
# HELP broken Broken.
# TYPE broken gauge
broken NaN
# EOF
`);
});

describe("series", () => {
  test("are the same for the same labels", () => {
    const metrics = createMetrics();
    const cell = metrics.counter("a_total", "A.", { x: "1" });
    expect(metrics.counter("a_total", "A.", { x: "1" })).toBe(cell);
    expect(metrics.counter("a_total", "A.", { x: "2" })).not.toBe(cell);
  });

  test("are forgotten by label, and made anew when asked for again", () => {
    const metrics = createMetrics();
    metrics.counter("a_total", "A.", { receiver: "x", reason: "y" }).value = 1;
    metrics.counter("a_total", "A.", { receiver: "z", reason: "y" }).value = 2;
    metrics.histogram("b", "B.", [1], { receiver: "x" });
    metrics.forget({ receiver: "x" });
    expect(metrics.expose("prometheus")).toBe(
      '# HELP a_total A.\n# TYPE a_total counter\na_total{receiver="z",reason="y"} 2\n',
    );
    expect(metrics.counter("a_total", "A.", { receiver: "x", reason: "y" }).value).toBe(0);
  });

  test("beyond the bound share one", () => {
    const metrics = createMetrics({ maxSeries: 2 });
    for (const user of ["a", "b", "c", "d"]) metrics.counter("a_total", "A.", { user }).value += 1;
    expect(metrics.expose("prometheus")).toBe(
      '# HELP a_total A.\n# TYPE a_total counter\na_total{user="a"} 1\na_total{user="b"} 1\na_total{user="other"} 2\n',
    );
  });

  test("with a bound of their own count in one more what finds no room, also after another call", () => {
    const metrics = createMetrics();
    const open = (max: number) => metrics.bounded("counter", "e_total", "E.", { receiver: "r" }, ["a", "b"], max);
    const add = (series: ReturnType<typeof open>, ...values: string[]) => {
      (series.cell(values) ?? series.overflow).value += 1;
    };
    const first = open(2);
    for (const a of ["x", "y", "x", "z", "\n"]) add(first, a, '"');
    first.remove(["x", '"']);
    first.remove(["nobody", ""]);
    add(first, "z", "");
    const second = open(2);
    for (const a of ["y", "new"]) add(second, a, '"');
    add(metrics.bounded("counter", "e_total", "E.", { receiver: "s" }, ["a", "b"], 1), "x", "");
    expect(metrics.expose("prometheus").split("\n").slice(2, -1)).toEqual([
      'e_total{receiver="r",a="other",b="other"} 3',
      'e_total{receiver="r",a="y",b="\\""} 2',
      'e_total{receiver="r",a="z",b=""} 1',
      'e_total{receiver="s",a="other",b="other"} 0',
      'e_total{receiver="s",a="x",b=""} 1',
    ]);
  });

  test.each([
    ["a name of two types", (m: ReturnType<typeof createMetrics>) => [m.counter("a", "A."), m.gauge("a", "A.")]],
    ["a name with a dash", (m: ReturnType<typeof createMetrics>) => m.counter("a-b", "A.")],
    ["a label with a dash", (m: ReturnType<typeof createMetrics>) => m.counter("a", "A.", { "b-c": "d" })],
  ])("refuse %s", (_, wrong) => {
    expect(() => wrong(createMetrics())).toThrow();
  });
});

test("the process tells what it costs", () => {
  const metrics = createMetrics();
  registerProcessMetrics(metrics, { version: "1.2.3", revision: "abc" });
  const text = metrics.expose("prometheus");
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  expect(value("process_resident_memory_bytes")).toBeGreaterThan(10e6);
  expect(value("petrel_process_anonymous_memory_bytes")).toBeGreaterThan(1e6);
  expect(value("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(value("process_open_fds")).toBeGreaterThan(2);
  expect(value("process_max_fds")).toBeGreaterThan(2);
  expect(Math.abs(value("process_start_time_seconds") - Date.now() / 1_000)).toBeLessThan(600);
  expect(text).toContain(`petrel_build_info{version="1.2.3",revision="abc",bun="${Bun.version}",`);
});

describe("Petrel's own", () => {
  test("are all there, and zero, before anything happens", () => {
    const metrics = createMetrics();
    const meters = createMeters(metrics);
    meters.receiver("dump", "stdout");
    meters.watch("all namespaces");
    const text = metrics.expose("prometheus");
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(names).toEqual([
      "petrel_events_received_total counter",
      "petrel_events_discarded_total counter",
      "petrel_events_unmatched_total counter",
      "petrel_lookup_answers_total counter",
      "petrel_dead_letters_forgotten_total counter",
      "petrel_dead_letters_unwritten_total counter",
      "petrel_events_failed_total counter",
      "petrel_receiver_up gauge",
      "petrel_events_delivered_total counter",
      "petrel_events_held_total counter",
      "petrel_events_ambiguous_total counter",
      "petrel_events_retried_total counter",
      "petrel_events_dropped_total counter",
      "petrel_delivery_latency_seconds histogram",
      "petrel_sent_bytes_total counter",
      "petrel_watch_errors_total counter",
      "petrel_watch_reconnects_total counter",
      "petrel_watch_unordered_events_total counter",
    ]);
    expect(text).toContain('petrel_events_failed_total{receiver="dump",sink="stdout",reason="unauthorized"} 0\n');
    expect(text).toContain('petrel_events_dropped_total{receiver="dump",sink="stdout",reason="overflow"} 0\n');
    expect(text).toContain('petrel_events_discarded_total{reason="age"} 0\n');
  });

  test("the exporter's names stay as they were, the prefix is theirs alone", () => {
    const metrics = createMetrics();
    const meters = createMeters(metrics);
    const receiver = meters.receiver("dump", "stdout");
    registerExporterMetrics(metrics, "eventexporter_", { version: "1", revision: "r" }, meters.exporter);
    meters.received.added.value = 2;
    meters.received.listed.value = 3;
    meters.discarded.age.value = 4;
    meters.discarded.repeated.value = 100;
    receiver.failed.network.value = 5;
    meters.watch("a").errors.value = 6;
    meters.lookups.hits.value = 7;
    meters.lookups.misses.value = 8;
    const lines = metrics.expose("prometheus").split("\n");
    expect(lines.filter((line) => line.startsWith("eventexporter_"))).toEqual([
      `eventexporter_build_info{version="1",revision="r",goversion="bun${Bun.version}",goos="${process.platform}",goarch="${process.arch === "x64" ? "amd64" : process.arch}"} 1`,
      "eventexporter_events_sent 5",
      "eventexporter_events_discarded 4",
      "eventexporter_watch_errors 6",
      "eventexporter_send_event_errors 5",
      "eventexporter_kube_api_read_cache_hits 7",
      "eventexporter_kube_api_read_cache_misses 8",
    ]);
    expect(lines.some((line) => line.startsWith("eventexporter_petrel"))).toBe(false);
  });

  test("what a reload makes anew counts on, and once", () => {
    const { receiver, watch, exporter } = createMeters(createMetrics());
    for (let made = 0; made < 2; made++) {
      receiver("dump", "stdout").failed.network.value++;
      watch("a").errors.value++;
    }
    expect([exporter.send_event_errors(), exporter.watch_errors()]).toEqual([2, 2]);
  });
});
