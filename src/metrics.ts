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

/** Series whose label values come from data, with a bound of their own. */
export interface BoundedSeries {
  /** The cell of these values, in the order of the labels; undefined when there is no room for another series. */
  cell(values: readonly string[]): Cell | undefined;
  /** Counts what found no room: the series whose values are all `other`. */
  readonly overflow: Cell;
  /** Exposes it no longer, which makes room for another. */
  remove(values: readonly string[]): void;
  /** Exposes none of them any longer, unless another call holds the same ones. */
  release(): void;
}

export interface Metrics {
  /** The cell of this name and label set; made at the first call, the same at every later one. */
  counter(name: string, help: string, labels?: Labels): Cell;
  gauge(name: string, help: string, labels?: Labels): Cell;
  /** A gauge or counter that is read when somebody asks. */
  read(type: "gauge" | "counter", name: string, help: string, read: () => number, labels?: Labels): void;
  histogram(name: string, help: string, buckets: readonly number[], labels?: Labels): Histogram;
  /**
   * At most `max` series with the labels `fixed`, and one for what falls over the bound. What an earlier call made is gone
   * on with, and counts.
   */
  bounded(
    type: "counter" | "gauge",
    name: string,
    help: string,
    fixed: Labels,
    names: readonly string[],
    max: number,
  ): BoundedSeries;
  /** Forgets every series that has all of these labels (a receiver that a reload removed). */
  forget(labels: Labels): void;
  /** Prometheus text format 0.0.4, or OpenMetrics 1.0. */
  expose(format: "prometheus" | "openmetrics"): string;
}

type Type = "counter" | "gauge" | "histogram";
type Format = "prometheus" | "openmetrics";

interface Buckets extends Histogram {
  readonly bounds: readonly number[];
  /** One more than bounds: the last is what no bound holds. Not cumulated. */
  readonly counts: number[];
  sum: number;
}

type Series =
  | { readonly labels: Labels; readonly cell: Cell }
  | { readonly labels: Labels; readonly read: () => number }
  | { readonly labels: Labels; readonly buckets: Buckets };

interface Family {
  readonly type: Type;
  readonly help: string;
  readonly series: Map<string, Series>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** `maxSeries`: of one name; what is asked for beyond it shares one series whose label values are all `other`. */
export function createMetrics(options: { readonly maxSeries: number } = { maxSeries: 2_000 }): Metrics {
  const families = new Map<string, Family>();
  /** How often bounded series are held, by name and labels. */
  const held = new Map<string, number>();

  function family(type: Type, name: string, help: string): Family {
    const known = families.get(name);
    if (known !== undefined) {
      if (known.type !== type) throw new Error(`metric ${name} is a ${known.type} and cannot be a ${type} too`);
      return known;
    }
    if (!NAME.test(name)) throw new Error(`${JSON.stringify(name)} is not a metric name`);
    const made: Family = { type, help, series: new Map() };
    families.set(name, made);
    return made;
  }

  function series<S extends Series>(
    { series }: Family,
    labels: Labels,
    is: (series: Series) => series is S,
    make: (labels: Labels) => S,
  ): S {
    const key = labelText(labels);
    const known = series.get(key);
    if (known !== undefined && is(known)) return known;
    if (known === undefined && series.size >= options.maxSeries && key !== "") {
      const others = Object.fromEntries(Object.keys(labels).map((name) => [name, "other"]));
      const shared = series.get(labelText(others));
      if (shared !== undefined && is(shared)) return shared;
      const made = make(others);
      series.set(labelText(others), made);
      return made;
    }
    const made = make(labels);
    series.set(key, made);
    return made;
  }

  const cellOf = (type: "counter" | "gauge", name: string, help: string, labels: Labels): Cell =>
    series(
      family(type, name, help),
      labels,
      (found) => "cell" in found,
      (labels) => ({ labels, cell: { value: 0 } }),
    ).cell;

  return {
    counter: (name, help, labels = {}) => cellOf("counter", name, help, labels),
    gauge: (name, help, labels = {}) => cellOf("gauge", name, help, labels),
    read(type, name, help, read, labels = {}) {
      // The last one wins: a receiver that a reload built anew reads from its new state.
      family(type, name, help).series.set(labelText(labels), { labels, read });
    },
    histogram: (name, help, bounds, labels = {}) =>
      series(
        family("histogram", name, help),
        labels,
        (found) => "buckets" in found,
        (labels) => ({ labels, buckets: createBuckets(bounds) }),
      ).buckets,
    bounded(type, name, help, fixed, names, max) {
      for (const label of names)
        if (!LABEL.test(label)) throw new Error(`${JSON.stringify(label)} is not a label name`);
      const made = createBounded(family(type, name, help).series, fixed, names, max);
      const key = `${name} ${labelText(fixed)} ${names.join()}`;
      held.set(key, (held.get(key) ?? 0) + 1);
      return {
        ...made,
        release() {
          const left = (held.get(key) ?? 1) - 1;
          if (left > 0) held.set(key, left);
          else if (held.delete(key)) made.release();
        },
      };
    },
    forget(labels) {
      const wanted = Object.entries(labels);
      for (const { series } of families.values()) {
        for (const [key, one] of series) {
          if (wanted.every(([name, value]) => one.labels[name] === value)) series.delete(key);
        }
      }
    },
    expose(format) {
      let text = "";
      for (const [name, family] of families) {
        if (family.series.size > 0) text += exposeFamily(name, family, format);
      }
      return format === "openmetrics" ? `${text}# EOF\n` : text;
    },
  };
}

function createBounded(
  series: Map<string, Series>,
  fixed: Labels,
  names: readonly string[],
  max: number,
): BoundedSeries {
  const labelsOf = (values: readonly string[]): Labels => ({
    ...fixed,
    ...Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""])),
  });
  const others = labelsOf(names.map(() => "other"));
  const before = labelText(fixed);
  /** By the values, which are joined sooner than the text of the labels is made. */
  const cells = new Map<string, Cell>();
  const shape = Object.keys(others).join();
  /** Those of this call, and of others with the same labels. */
  const mine = () =>
    [...series].filter(([text, { labels }]) => text.startsWith(before) && Object.keys(labels).join() === shape);
  let size = mine().filter(([text]) => text !== labelText(others)).length;

  function cellOf(labels: Labels, text: string): Cell {
    const known = series.get(text);
    if (known !== undefined && "cell" in known) return known.cell;
    const cell = { value: 0 };
    series.set(text, { labels, cell });
    return cell;
  }

  const overflow = cellOf(others, labelText(others));
  return {
    overflow,
    cell(values) {
      const key = values.join("\0");
      const known = cells.get(key);
      if (known !== undefined) return known;
      const labels = labelsOf(values);
      const text = labelText(labels);
      const isNew = !series.has(text);
      if (isNew && size >= max) return undefined;
      const cell = cellOf(labels, text);
      if (isNew) size++;
      cells.set(key, cell);
      return cell;
    },
    remove(values) {
      cells.delete(values.join("\0"));
      const text = labelText(labelsOf(values));
      if (text !== labelText(others) && series.delete(text)) size--;
    },
    release() {
      for (const [text] of mine()) series.delete(text);
    },
  };
}

function createBuckets(bounds: readonly number[]): Buckets {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  const made: Buckets = {
    bounds,
    counts,
    sum: 0,
    observe(value) {
      let index = 0;
      while (index < bounds.length && value > (bounds[index] ?? 0)) index += 1;
      counts[index] = (counts[index] ?? 0) + 1;
      made.sum += value;
    },
  };
  return made;
}

/** `a="b",c="d"`, in the order given. */
function labelText(labels: Labels): string {
  let text = "";
  for (const name of Object.keys(labels)) {
    if (!LABEL.test(name)) throw new Error(`${JSON.stringify(name)} is not a label name`);
    text += `${text === "" ? "" : ","}${name}="${escapeText(labels[name] ?? "", true)}"`;
  }
  return text;
}

function escapeText(text: string, quotes: boolean): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return quotes ? escaped.replaceAll('"', '\\"') : escaped;
}

/**
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @see https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md (a counter's family has no
 * `_total` while its samples must: one without it, as the exporter's, is exposed as `unknown`)
 */
function exposeFamily(name: string, family: Family, format: Format): string {
  const open = format === "openmetrics";
  const total = name.endsWith("_total");
  const counter = family.type === "counter";
  const familyName = open && counter && total ? name.slice(0, -"_total".length) : name;
  const type = open && counter && !total ? "unknown" : family.type;
  let text = `# HELP ${familyName} ${escapeText(family.help, open)}\n# TYPE ${familyName} ${type}\n`;
  for (const [labels, series] of family.series) {
    if ("buckets" in series) text += exposeBuckets(name, labels, series.buckets, open);
    else text += sample(name, labels, "read" in series ? readSafely(series.read) : series.cell.value);
  }
  return text;
}

function exposeBuckets(name: string, labels: string, { bounds, counts, sum }: Buckets, open: boolean): string {
  const before = labels === "" ? "" : `${labels},`;
  let text = "";
  let total = 0;
  counts.forEach((count, index) => {
    total += count;
    const bound = bounds[index];
    // OpenMetrics wants the bound as a canonical float: 1.0, not 1.
    const le = bound === undefined ? "+Inf" : open && Number.isInteger(bound) ? `${bound}.0` : String(bound);
    text += sample(`${name}_bucket`, `${before}le="${le}"`, total);
  });
  return text + sample(`${name}_sum`, labels, sum) + sample(`${name}_count`, labels, total);
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === "" ? "" : `{${labels}}`} ${numberText(value)}\n`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

/** One reader that fails must not cost the whole page. */
function readSafely(read: () => number): number {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
}
