/**
 * Every series of Petrel's own, made before anything happens, so that zero is visible; and the predecessor's names.
 * Nothing here is labelled with what an event contains: the number of series depends on the config alone.
 */
import { REASONS, type Reason } from "../errors.ts";
import { DISCARD_REASONS } from "../kube/intake.ts";
import { RECONNECT_REASONS } from "../kube/reconnect.ts";
import type { Change, WatchMeters, WatchStatus } from "../kube/watch.ts";
import type { Cell, Metrics } from "../metrics.ts";
import type { PipelineStatus } from "./pipeline.ts";
import type { PipelineMeters } from "./pipeline-options.ts";
import { DROP_REASONS, HELD_REASONS } from "./receiver-host.ts";

const CHANGES = ["added", "modified", "listed"] as const satisfies readonly Change[];
const FAILURES = Object.keys(REASONS) as readonly Reason[];

/** Seconds; from a hand-over within the process to an event that waited out an outage. */
export const LATENCY_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600,
] as const;

/** What the exporter's own counters say, in its names. */
export const EXPORTER_COUNTERS = {
  events_sent: "The total number of events processed",
  events_discarded: "The total number of events discarded because of being older than the maxEventAgeSeconds specified",
  watch_errors: "The total number of errors received from the informer",
  send_event_errors: "The total number of send event errors",
  kube_api_read_cache_hits: "The total number of read requests served from cache when looking up object metadata",
  kube_api_read_cache_misses:
    "The total number of read requests served from kube-apiserver when looking up object metadata",
} as const;
export type ExporterCounter = keyof typeof EXPORTER_COUNTERS;

export interface Meters extends PipelineMeters {
  /** The cells of one watch; `name` as its target's. */
  watch(name: string): WatchMeters;
  /** Look-ups of objects answered from memory, and those that asked the API server. */
  readonly lookups: { readonly hits: Cell; readonly misses: Cell };
  readonly exporter: Readonly<Record<ExporterCounter, () => number>>;
}

export function createMeters(metrics: Metrics): Meters {
  const of = <K extends string>(keys: readonly K[], cell: (key: K) => Cell): Readonly<Record<K, Cell>> =>
    Object.fromEntries(keys.map((key) => [key, cell(key)])) as Record<K, Cell>;

  const received = of(CHANGES, (kind) =>
    metrics.counter("petrel_events_received_total", "Events taken in, by how they came.", { kind }),
  );
  const discarded = of(DISCARD_REASONS, (reason) =>
    metrics.counter("petrel_events_discarded_total", "Events that came and were not taken in, by reason.", { reason }),
  );
  const unmatched = metrics.counter("petrel_events_unmatched_total", "Events that no rule sent to any receiver.");
  const lookups = {
    hits: metrics.counter("petrel_lookup_answers_total", "Look-ups of involved objects that were answered.", {
      by: "cache",
    }),
    misses: metrics.counter("petrel_lookup_answers_total", "Look-ups of involved objects that were answered.", {
      by: "api",
    }),
  };
  // A reload asks for the same ones again.
  const failures = new Set<Cell>();
  const watchErrors = new Set<Cell>();
  const sent = (receiver: string, sink: string): Cell =>
    metrics.counter(
      "petrel_sent_bytes_total",
      "Bytes sent to the destination: whole requests, after compression and before TLS.",
      { receiver, sink },
    );

  return {
    received,
    discarded,
    unmatched,
    own: metrics.counter("petrel_events_received_total", "Events taken in, by how they came.", { kind: "own" }),
    posted: metrics.counter("petrel_events_received_total", "Events taken in, by how they came.", { kind: "posted" }),
    forgotten: metrics.counter(
      "petrel_dead_letters_forgotten_total",
      "Dead letters that newer ones pushed out before anybody removed them, or that could not be kept.",
    ),
    unwritten: metrics.counter("petrel_dead_letters_unwritten_total", "Dead letters that did not get into their file."),
    lookups,
    sent,

    receiver(receiver, sink) {
      const labels = { receiver, sink };
      const failed = of(FAILURES, (reason) =>
        metrics.counter(
          "petrel_events_failed_total",
          "Events in deliveries that failed, by reason; every attempt counts.",
          {
            ...labels,
            reason,
          },
        ),
      );
      for (const cell of Object.values(failed)) failures.add(cell);
      const up = metrics.gauge(
        "petrel_receiver_up",
        "1 while the destination takes events, 0 while it refuses.",
        labels,
      );
      up.value = 1;
      return {
        delivered: metrics.counter("petrel_events_delivered_total", "Events that the destination took.", labels),
        failed,
        held: of(HELD_REASONS, (reason) =>
          metrics.counter("petrel_events_held_total", "Events that a receiver is spared, as its settings say.", {
            ...labels,
            reason,
          }),
        ),
        ambiguous: metrics.counter(
          "petrel_events_ambiguous_total",
          "Events in attempts that ended without an answer: the destination may have them, and gets them again.",
          labels,
        ),
        retried: metrics.counter("petrel_events_retried_total", "Events that were tried once more.", labels),
        dropped: of(DROP_REASONS, (reason) =>
          metrics.counter("petrel_events_dropped_total", "Events that a receiver never delivered, by reason.", {
            ...labels,
            reason,
          }),
        ),
        latency: metrics.histogram(
          "petrel_delivery_latency_seconds",
          "From the event's last byte read to the destination's answer.",
          LATENCY_BUCKETS,
          labels,
        ),
        sent: sent(receiver, sink),
        up,
      };
    },

    watch(watch) {
      const errors = metrics.counter("petrel_watch_errors_total", "Errors of watches and lists.", { watch });
      watchErrors.add(errors);
      return {
        errors,
        reconnects: of(RECONNECT_REASONS, (reason) =>
          metrics.counter("petrel_watch_reconnects_total", "Watches begun again, by reason.", { watch, reason }),
        ),
        discarded,
        unordered: metrics.counter(
          "petrel_watch_unordered_events_total",
          "Listed events told out of order, because the list was larger than the window that sorts it.",
          { watch },
        ),
      };
    },

    exporter: {
      events_sent: () => sum(Object.values(received)),
      events_discarded: () => discarded.age.value,
      watch_errors: () => sum(watchErrors),
      send_event_errors: () => sum(failures),
      kube_api_read_cache_hits: () => lookups.hits.value,
      kube_api_read_cache_misses: () => lookups.misses.value,
    },
  };
}

function sum(cells: Iterable<Cell>): number {
  let total = 0;
  for (const { value } of cells) total += value;
  return total;
}

/** Gauges over a pipeline: what is held. */
export function registerBuffer(metrics: Metrics, status: () => PipelineStatus): void {
  metrics.read("gauge", "petrel_buffer_events", "Events in the buffer.", () => status().events);
  metrics.read("gauge", "petrel_buffer_bytes", "Bytes of the events in the buffer.", () => status().bytes);
  metrics.read("gauge", "petrel_dead_letters", "Dead letters that are kept.", () => status().deadLetters.count);
  metrics.read("gauge", "petrel_dead_letters_bytes", "Bytes of them.", () => status().deadLetters.bytes);
}

/** Gauges over one receiver: what waits for it. */
export function registerReceiver(
  metrics: Metrics,
  { name, sink }: { readonly name: string; readonly sink: string },
  status: () => PipelineStatus,
): void {
  const labels = { receiver: name, sink };
  const own = () => status().receivers.find((receiver) => receiver.name === name);
  metrics.read(
    "gauge",
    "petrel_backlog_events",
    "Events in the buffer that wait for this receiver.",
    () => own()?.backlog ?? 0,
    labels,
  );
  metrics.read("gauge", "petrel_deliveries_in_flight", "Deliveries under way.", () => own()?.inFlight ?? 0, labels);
}

/** Gauges over one watch. `now`: milliseconds since 1970. */
export function registerWatch(metrics: Metrics, watch: string, status: () => WatchStatus, now: () => number): void {
  const labels = { watch };
  metrics.read(
    "gauge",
    "petrel_watch_up",
    "1 while the API server answers this watch.",
    () => (status().open ? 1 : 0),
    labels,
  );
  metrics.read(
    "gauge",
    "petrel_watch_age_seconds",
    "Since the last byte of this watch; NaN before the first.",
    () => {
      const { lastByteAt } = status();
      return lastByteAt === 0 ? Number.NaN : Math.max(0, now() - lastByteAt) / 1_000;
    },
    labels,
  );
}

/**
 * kubernetes-event-exporter's metrics under its names; `prefix` (`metricsNamePrefix`) applies to these only. They have
 * no labels, and no `_total`, which is why OpenMetrics calls their type unknown, as there.
 */
export function registerExporterMetrics(
  metrics: Metrics,
  prefix: string,
  build: { readonly version: string; readonly revision: string },
  reads: Readonly<Record<ExporterCounter, () => number>>,
): void {
  metrics.gauge(
    `${prefix}build_info`,
    "A metric with a constant '1' value labeled by version, revision and platform.",
    {
      version: build.version,
      revision: build.revision,
      goversion: `bun${Bun.version}`,
      goos: process.platform,
      goarch: process.arch === "x64" ? "amd64" : process.arch,
    },
  ).value = 1;
  for (const [name, help] of Object.entries(EXPORTER_COUNTERS)) {
    metrics.read("counter", `${prefix}${name}`, help, reads[name as ExporterCounter]);
  }
}
