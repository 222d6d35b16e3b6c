import { expect, test } from "bun:test";
import prometheus from "../../sinks/prometheus.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { compileForEvent } from "../../src/event-template/go.ts";
import { createMetrics } from "../../src/metrics.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, recordingLogger, refusalOf } from "../contract.ts";

async function setUp(settings: object, metrics = createMetrics(), receiver = "p") {
  const { logger } = recordingLogger();
  const compileTemplate = (text: string) => compileForEvent(text, { compat: false });
  const options = { receiver, logger, compat: false, compileTemplate, env: {}, metrics };
  const sink = await prometheus.create(prometheus.config(fields).parse(settings), createSinkContext(options));
  const deliver = (...events: Event[]) => sink.deliver(events as unknown as Batch, AbortSignal.timeout(1_000));
  const series = () =>
    metrics
      .expose("prometheus")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("# HELP"));
  return { sink, deliver, series, metrics };
}

const pod = (name: string, reason: string, count = 1, kind = "Pod") =>
  anEvent({ reason, count, involvedObject: { kind, name, namespace: "shop", deleted: false } });

test("counts by the labels of a config, or by namespace, kind, reason and type", async () => {
  const { deliver, series } = await setUp({});
  await deliver(pod("a", "BackOff", 7), pod("b", "BackOff"), pod("b", 'Say "hi"\\\n'));
  expect(series()).toEqual([
    "# TYPE kubernetes_events_total counter",
    'kubernetes_events_total{receiver="p",namespace="other",kind="other",reason="other",type="other"} 0',
    'kubernetes_events_total{receiver="p",namespace="shop",kind="Pod",reason="BackOff",type="Warning"} 2',
    'kubernetes_events_total{receiver="p",namespace="shop",kind="Pod",reason="Say \\"hi\\"\\\\\\n",type="Warning"} 1',
  ]);
  const own = await setUp({ name: "pods_total", labels: { pod: "{{ .InvolvedObject.Name }}" } });
  await own.deliver(pod("a".repeat(1_000), "x"));
  expect(own.series().at(-1)).toBe(`pods_total{receiver="p",pod="${"a".repeat(255)}…"} 1`);
});

test("without the receiver's label has the given ones alone, and counts together with others that do", async () => {
  const settings = { name: "heptio_total", labels: { reason: "{{ .Reason }}" }, receiverLabel: false, maxSeries: 2 };
  const first = await setUp(settings);
  const second = await setUp(settings, first.metrics, "q");
  await first.deliver(pod("a", "x"), pod("a", "y"), pod("a", "z"));
  await second.deliver(pod("a", "x"));
  expect(first.series()).toEqual([
    "# TYPE heptio_total counter",
    'heptio_total{reason="other"} 1',
    'heptio_total{reason="x"} 2',
    'heptio_total{reason="y"} 1',
  ]);
  await first.sink[Symbol.asyncDispose]?.();
  expect(first.series()).toHaveLength(4);
  await second.sink[Symbol.asyncDispose]?.();
  expect(first.series()).toEqual([]);
});

test("makes no more series than it may, and counts the others in one, also when it is built anew", async () => {
  const settings = { labels: { pod: "{{ .InvolvedObject.Name }}" }, maxSeries: 2 };
  const { deliver, series, metrics } = await setUp(settings);
  for (let n = 0; n < 100; n++) await deliver(pod(`pod-${n}`, "x"), pod("pod-1", "x"));
  const again = await setUp(settings, metrics);
  await again.deliver(pod("pod-0", "x"), pod("new", "x"));
  const second = await setUp(settings, metrics, "q");
  await second.deliver(pod("mine", "x"));
  expect(series().slice(1)).toEqual([
    'kubernetes_events_total{receiver="p",pod="other"} 99',
    'kubernetes_events_total{receiver="p",pod="pod-0"} 2',
    'kubernetes_events_total{receiver="p",pod="pod-1"} 101',
    'kubernetes_events_total{receiver="q",pod="other"} 0',
    'kubernetes_events_total{receiver="q",pod="mine"} 1',
  ]);
});

test("built anew by a reload it goes on with the same series, and takes down those of other labels and names", async () => {
  const settings = { labels: { pod: "{{ .InvolvedObject.Name }}" }, maxSeries: 2 };
  const first = await setUp(settings);
  await first.deliver(pod("a", "x"), pod("b", "x"));
  const same = await setUp(settings, first.metrics);
  await first.sink[Symbol.asyncDispose]?.();
  await first.sink[Symbol.asyncDispose]?.();
  await same.deliver(pod("a", "x"));
  expect(same.series().slice(1)).toEqual([
    'kubernetes_events_total{receiver="p",pod="other"} 0',
    'kubernetes_events_total{receiver="p",pod="a"} 2',
    'kubernetes_events_total{receiver="p",pod="b"} 1',
  ]);
  const other = await setUp({ ...settings, labels: { reason: "{{ .Reason }}" } }, first.metrics);
  await same.sink[Symbol.asyncDispose]?.();
  await other.deliver(pod("a", "x"), pod("a", "y"));
  expect(other.series().slice(1)).toEqual([
    'kubernetes_events_total{receiver="p",reason="other"} 0',
    'kubernetes_events_total{receiver="p",reason="x"} 1',
    'kubernetes_events_total{receiver="p",reason="y"} 1',
  ]);
  const renamed = await setUp({ name: "e_total", labels: {} }, first.metrics);
  await other.sink[Symbol.asyncDispose]?.();
  await renamed.deliver(pod("a", "x"));
  expect(renamed.series()).toEqual(["# TYPE e_total counter", 'e_total{receiver="p"} 1']);
});

test("counts nothing of a batch that one template fails on: it comes again without that event", async () => {
  const { deliver, series } = await setUp({
    labels: { n: "{{ index .InvolvedObject.Labels 1 }}", r: "{{ .Reason }}" },
  });
  expect((await refusalOf(deliver(pod("a", "x"), pod("b", "y")))).reason).toBe("template");
  expect(series().slice(1)).toEqual(['kubernetes_events_total{receiver="p",n="other",r="other"} 0']);
});

test("the fork's gauges: the count of an object's latest listed reason, until it has another", async () => {
  const reasonFilter = { Pod: ["BackOff", "FailedMount"], Namespace: ["Gone"] };
  const { sink, deliver, series } = await setUp({ reasonFilter, maxSeries: 4 });
  const other = (reason: string, kind: string) => pod("n", reason, 0, kind);
  await deliver(pod("a", "BackOff", 7), pod("b", "FailedMount", 2), pod("c", "BackOff"), other("Gone", "Namespace"));
  expect(series()).toEqual([
    "# TYPE event_exporter_pod_event_count gauge",
    'event_exporter_pod_event_count{receiver="p",pod="other",namespace="other",reason="other"} 1',
    'event_exporter_pod_event_count{receiver="p",pod="a",namespace="shop",reason="BackOff"} 7',
    'event_exporter_pod_event_count{receiver="p",pod="b",namespace="shop",reason="FailedMount"} 2',
    "# TYPE event_exporter_namespace_event_count gauge",
    'event_exporter_namespace_event_count{receiver="p",namespace="other",reason="other"} 0',
    'event_exporter_namespace_event_count{receiver="p",namespace="n",reason="Gone"} 1',
  ]);
  await deliver(pod("a", "FailedMount", 3), pod("b", "Started"), pod("d", "Started"), other("BackOff", "Node"));
  expect(series().slice(1, 4)).toEqual([
    'event_exporter_pod_event_count{receiver="p",pod="other",namespace="other",reason="other"} 1',
    'event_exporter_pod_event_count{receiver="p",pod="a",namespace="shop",reason="FailedMount"} 3',
    "# TYPE event_exporter_namespace_event_count gauge",
  ]);
  expect(sink.render([pod("a", "BackOff"), pod("a", "Started")] as unknown as Batch).body).toBe(
    '{"metric":"event_exporter_pod_event_count","labels":{"namespace":"shop","reason":"BackOff","pod":"a"}}\n{}',
  );
});

test("refuses names that Prometheus has not, or that are Petrel's own", async () => {
  for (const name of ["petrel_events_total", "go_x", "a-b", ""])
    expect(prometheus.config(fields).safeParse({ name }).success).toBe(false);
  await expect(setUp({ labels: { "a-b": "x" } })).rejects.toThrow('"a-b" is not a label name');
  await expect(setUp({ labels: { receiver: "x" } })).rejects.toThrow("prometheus.labels.receiver");
  const metrics = createMetrics();
  metrics.gauge("taken", "T.");
  await expect(setUp({ name: "taken" }, metrics)).rejects.toThrow("metric taken is a gauge");
});
