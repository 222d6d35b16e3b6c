/** Metrics: cells that the hot path adds to, and their text exposition. */

/** Add to `value` directly: no call, no lookup, on the hot path. */
export interface Cell {
  value: number;
}

export interface Histogram {
  /** In the unit of the metric's name. */
  observe(value: number): void;
}

export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** The cell of this name and label set; made at the first call, the same at every later one. */
  counter(name: string, help: string, labels?: Labels): Cell;
  gauge(name: string, help: string, labels?: Labels): Cell;
  /** A gauge or counter that is read when somebody asks. */
  read(type: "gauge" | "counter", name: string, help: string, read: () => number, labels?: Labels): void;
  histogram(name: string, help: string, buckets: readonly number[], labels?: Labels): Histogram;
  /** Forgets every series that has all of these labels (a receiver that a reload removed). */
  forget(labels: Labels): void;
  /** Prometheus text format 0.0.4, or OpenMetrics 1.0. */
  expose(format: "prometheus" | "openmetrics"): string;
}
