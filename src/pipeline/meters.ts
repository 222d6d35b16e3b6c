/** The names under which Petrel counts: one place, every series made before its first event, so that zero is visible. */
import { REASONS, type Reason } from "../errors.ts";
import { type Change, DISCARD_REASONS, RECONNECT_REASONS, type WatchMeters } from "../kube/watch.ts";
import type { Cell, Labels, Metrics } from "../metrics.ts";
import type { PipelineMeters } from "./pipeline.ts";
import { DROP_REASONS, type ReceiverMeters } from "./receiver.ts";

const CHANGES: readonly Change[] = ["added", "modified", "listed"];
/** Seconds. From "as fast as the wire" to "after a long outage". */
const LATENCY = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3_600];

function each<K extends string>(keys: readonly K[], cell: (key: K) => Cell): Readonly<Record<K, Cell>> {
  return Object.fromEntries(keys.map((key) => [key, cell(key)])) as Record<K, Cell>;
}

function discarded(metrics: Metrics): PipelineMeters["discarded"] {
  return each(DISCARD_REASONS, (reason) =>
    metrics.counter("petrel_events_discarded_total", "Events not taken from a source, by reason.", { reason }),
  );
}

export function pipelineMeters(metrics: Metrics): PipelineMeters {
  return {
    received: each(CHANGES, (kind) =>
      metrics.counter("petrel_events_received_total", "Events taken from a source, by how they came.", { kind }),
    ),
    discarded: discarded(metrics),
    unmatched: metrics.counter("petrel_events_unmatched_total", "Events that the route sends to no receiver."),
    receiver: (name, sink) => receiverMeters(metrics, { receiver: name, sink }),
  };
}

function receiverMeters(metrics: Metrics, labels: Labels): ReceiverMeters {
  const up = metrics.gauge(
    "petrel_receiver_up",
    "1 while the destination takes events, 0 while it refuses Petrel.",
    labels,
  );
  up.value = 1;
  return {
    up,
    delivered: metrics.counter("petrel_events_delivered_total", "Events that the destination acknowledged.", labels),
    retried: metrics.counter("petrel_events_retried_total", "Events to be sent once more after a failure.", labels),
    failed: each(Object.keys(REASONS) as Reason[], (reason) =>
      metrics.counter("petrel_delivery_failures_total", "Events in deliveries that failed, by reason.", {
        ...labels,
        reason,
      }),
    ),
    dropped: each(DROP_REASONS, (reason) =>
      metrics.counter("petrel_events_dropped_total", "Events that a receiver will never get, by reason.", {
        ...labels,
        reason,
      }),
    ),
    latency: metrics.histogram(
      "petrel_delivery_latency_seconds",
      "From an event's last byte read to the destination's answer, in seconds.",
      LATENCY,
      labels,
    ),
  };
}

export function watchMeters(metrics: Metrics, watch: string): WatchMeters {
  const labels = { watch };
  return {
    errors: metrics.counter(
      "petrel_watch_errors_total",
      "Failures of a watch, and things it sent that are no events.",
      labels,
    ),
    reconnects: each(RECONNECT_REASONS, (reason) =>
      metrics.counter("petrel_watch_reconnects_total", "Times a watch was begun again, by reason.", {
        ...labels,
        reason,
      }),
    ),
    discarded: discarded(metrics),
    unordered: metrics.counter(
      "petrel_list_unordered_total",
      "Listed events told out of resourceVersion order because the list exceeds the sorting window.",
      labels,
    ),
  };
}
