/** Events as numbers, for Prometheus to scrape from Petrel's own metrics. */
import { ConfigError } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import { type Batch, defineSink, type Series, type SinkContext } from "../src/sink.ts";
import { clipped } from "../src/wire/sink-http.ts";

const MAX_VALUE = 256;

/** What becomes of an event. */
interface Counted {
  /** The series that counts it, if one does. */
  readonly in?: { readonly metric: string; readonly labels: Readonly<Record<string, string>> };
  count(): void;
}

export default defineSink({
  name: "prometheus",
  title: "Prometheus",
  summary: "Counts events on Petrel's own metrics page, by labels of your choice and in no more series than you allow.",
  config: (field) =>
    field.object({
      name: field
        .text()
        .regex(/^(?!petrel_|process_|go_)[a-zA-Z_:][a-zA-Z0-9_:]*$/, "expected a name that is not one of Petrel's own")
        .default("kubernetes_events_total")
        .describe("Name of the counter; it counts states of events as they come, whatever their `count` says."),
      labels: field
        .templates()
        .default({
          namespace: "{{ .InvolvedObject.Namespace }}",
          kind: "{{ .InvolvedObject.Kind }}",
          reason: "{{ .Reason }}",
          type: "{{ .Type }}",
        })
        .describe(
          "Labels beside `receiver`. Each combination of values is a series: take none that has many, as names.",
        ),
      receiverLabel: field
        .flag()
        .default(true)
        .describe("`false`: these labels alone, as the counters of a program that Petrel replaces have no `receiver`."),
      maxSeries: field
        .integer()
        .min(1)
        .max(100_000)
        .default(1_000)
        .describe("Series at most. What finds no room is counted in one more, all of whose labels are `other`."),
      reasonFilter: field
        .textLists()
        .optional()
        .describe(
          "As a fork of kubernetes-event-exporter has it: reasons by kind, such as `Pod: [BackOff]`. There is then a gauge for each kind, PREFIX`pod_event_count` with the labels `pod`, `namespace` and `reason`, which holds the event's count until the object has another of these reasons; `name` and `labels` are not used.",
        ),
      eventsMetricsNamePrefix: field.text().default("event_exporter_").describe("Prefix of these gauges."),
    }),
  example: { labels: { namespace: "{{ .InvolvedObject.Namespace }}", reason: "{{ .Reason }}" }, maxSeries: 500 },
  batch: { count: 1_000 },
  carriesId: false,
  wholeEvent: false,
  updates: "all",
  create({ name, labels, receiverLabel, maxSeries, reasonFilter, eventsMetricsNamePrefix: prefix }, context) {
    if (receiverLabel && "receiver" in labels)
      throw new ConfigError("prometheus.labels.receiver: Petrel sets this label itself");
    const made: Series[] = [];
    const open: Open = (options) => {
      const series = context.series({ ...options, receiverLabel });
      made.push(series);
      return series;
    };
    const countedBy = reasonFilter
      ? byReason(reasonFilter, prefix, maxSeries, open)
      : byLabels(name, labels, maxSeries, open, context);
    return {
      render: (batch: Batch) => ({ body: batch.map((event) => JSON.stringify(countedBy(event).in ?? {})).join("\n") }),
      async deliver(batch) {
        // First all templates: a batch is sent again without the event that one fails on, and must not have counted.
        for (const counted of batch.map(countedBy)) counted.count();
      },
      async [Symbol.asyncDispose]() {
        for (const series of made.splice(0)) series.release();
      },
    };
  },
});

type CountedBy = (event: Event) => Counted;
type Open = SinkContext["series"];

function byLabels(
  metric: string,
  labels: Readonly<Record<string, Parameters<SinkContext["template"]>[0]>>,
  max: number,
  open: Open,
  context: SinkContext,
): CountedBy {
  const names = Object.keys(labels);
  const templates = Object.values(labels).map((text) => context.template(text));
  const help = "Events that Petrel was given for this receiver.";
  const series = open({ type: "counter", name: metric, help, labels: names, max });
  return (event) => {
    const values = templates.map((template) => clipped(template(event), MAX_VALUE));
    return {
      in: { metric, labels: Object.fromEntries(names.map((label, index) => [label, values[index] ?? ""])) },
      count() {
        (series.cell(values) ?? series.overflow).value += 1;
      },
    };
  };
}

function byReason(
  filter: Readonly<Record<string, readonly string[]>>,
  prefix: string,
  max: number,
  open: Open,
): CountedBy {
  const each = Math.max(1, Math.floor(max / Math.max(1, Object.keys(filter).length)));
  const kinds = Object.entries(filter).map(([kind, reasons]) => {
    const own = kind.toLowerCase();
    const metric = `${prefix}${own}_event_count`;
    const labels = [...new Set([own, "namespace", "reason"])];
    const help = `Event counts for ${kind} resources.`;
    const series = open({ type: "gauge", name: metric, help, labels, max: each });
    return [kind, { own, metric, labels, series, reasons }] as const;
  });
  const byKind = new Map(kinds);
  return ({ involvedObject: object, reason, count, series: repeated }) => {
    const found = byKind.get(object.kind ?? "");
    if (found === undefined) return { count() {} };
    const { metric, labels, series, reasons } = found;
    const of = (said: string): Record<string, string> => ({
      ...{ namespace: object.namespace ?? "", reason: said },
      [found.own]: object.name ?? "",
    });
    const values = (said: string) => labels.map((label) => of(said)[label] ?? "");
    const listed = reasons.includes(reason);
    return {
      ...(listed && { in: { metric, labels: of(reason) } }),
      count() {
        for (const other of reasons) if (other !== reason) series.remove(values(other));
        if (!listed) return;
        const cell = series.cell(values(reason));
        if (cell) cell.value = count || (repeated?.count ?? 1);
        else series.overflow.value += 1;
      },
    };
  };
}
