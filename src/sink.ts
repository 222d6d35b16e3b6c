/**
 * The sink author's whole API. A sink turns a batch of events into one delivery and knows nothing else: queue, batch,
 * timeout, retry, rate limit, circuit, dead letters and metrics are the runtime's (`src/pipeline/receiver.ts`).
 *
 * `config` is a function of {@link Fields} and not a schema, so that a running Petrel, which gets its config validated
 * by a short-lived child, never loads zod (10 MB resident).
 */
import type { z } from "zod";
import type { ContentMode } from "./cloudevents.ts";
import type { Fields } from "./config/fields.ts";
import type { Event } from "./event.ts";
import type { CloudEvents } from "./form.ts";
import type { Logger } from "./logger.ts";

/** Never empty. */
export type Batch = readonly [Event, ...Event[]];

/** A value of a config that must not be shown: `"literal"`, `{ env: NAME }` or `{ file: PATH }` (read again on change). */
export type SecretInput = string | { readonly env: string } | { readonly file: string };

/** A secret as a sink holds it: prints as `[secret]` wherever it is logged or serialised. */
export interface Secret {
  /** The value now; throws DeliveryError("unauthorized") when its file or variable is gone. */
  reveal(): string;
}

/** What a template is written in: Go templates, or eta (JavaScript, unlimited). */
export type Language = "go" | "eta";

/** A template in the receiver's language, or in eta whatever that is; `go`: a default, where the receiver's is eta. */
export type TemplateText = string | { readonly eta: string } | { readonly go: string };

/** Free-form YAML whose strings are templates; so are maps like `{ eta: TEXT }`, unless in compat. */
export type Layout = Readonly<Record<string, unknown>>;

/** What a delivery would send, as `petrel render` shows it. */
export interface Rendered {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Sink extends Partial<AsyncDisposable> {
  /** The exact payload for a batch, without side effects. Throws DeliveryError("template"). */
  render(batch: Batch): Rendered;
  /** Resolves when the destination has taken every event; otherwise rejects with DeliveryError. */
  deliver(batch: Batch, signal: AbortSignal): Promise<void>;
  /**
   * Proves that the destination can be reached and would take events, sending none. Resolves with what it could not find
   * out, if there is such: `not checked: …`.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most have nothing to add
  check?(signal: AbortSignal): Promise<string | void>;
}

/**
 * A few short texts that a sink remembers between deliveries, such as the thread that goes on. The receiver's own, and
 * bounded: what was not used for longest is forgotten, so a sink must do without any of it. It may outlive the process.
 */
export interface Store {
  /** Undefined for what was never set, was deleted or is forgotten. Counts as use. */
  get(key: string): string | undefined;
  /** What a sink keeps is JSON, so that other backings than memory can hold it as such. */
  set(key: string, json: string): void;
  delete(key: string): void;
}

/** Series of one name on the metrics listener, whose label values come from events. */
export interface Series {
  /** The cell of these values, in the order of the labels; undefined when there is no room for another series. */
  cell(values: readonly string[]): { value: number } | undefined;
  /** Counts what found no room: the series whose values are all `other`. */
  readonly overflow: { value: number };
  /** Exposes it no longer, which makes room for another. */
  remove(values: readonly string[]): void;
  /** To be called when the sink is disposed of: they go, unless a reload has built it anew with the same. */
  release(): void;
}

export interface SeriesOptions {
  readonly type: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  /** Beside `receiver`, which the runtime adds. */
  readonly labels: readonly string[];
  /** False: it does not; receivers with the same name and labels then count together. Default: true. */
  readonly receiverLabel?: boolean;
  /** Series at most, the overflow's excepted. */
  readonly max: number;
}

/** Lent by the runtime, scoped to one receiver. */
export interface SinkContext {
  readonly receiver: string;
  readonly log: Logger;
  readonly store: Store;
  /** Throws ConfigError for a name that is none, or that something else has. */
  series(options: SeriesOptions): Series;
  /**
   * Tells how many bytes go out, which `rateLimit.bytesPerSecond` is about; at each attempt, when it begins. The clients of
   * wire/sink-http.ts tell by themselves. Nothing leaves a sink that never tells.
   */
  sent(bytes: number): void;
  /** `compat: exporter`: reproduce the predecessor's wire shape. */
  readonly compat: boolean;
  secret(value: SecretInput): Secret;
  /** Compiles once; the result throws DeliveryError("template") for an event that it fails on. */
  template(text: TemplateText): (event: Event) => string;
  /** How CloudEvents go out, one of the definition's `modes`; undefined: this receiver is sent no CloudEvents as such. */
  readonly mode: ContentMode | undefined;
  /** An event as CloudEvents: one, or its raw and its friendly form. Their data is what {@link payload} would be. */
  cloudEvents(options: { readonly layout?: Layout | undefined }): (event: Event) => CloudEvents;
  /**
   * JSON text of an event: through the layout if there is one, else the exporter's event JSON; in the receiver's
   * `format`, of which it is the content. No trailing newline.
   */
  payload(options: {
    readonly layout?: Layout | undefined;
    readonly deDot?: boolean | undefined;
  }): (event: Event) => string;
  /** Template rendering of nested strings, keeping other scalars: the object behind {@link payload}. */
  layout(layout: Layout): (event: Event) => Record<string, unknown>;
}

/** How many events a delivery may hold, in the destination's own terms. */
export interface BatchLimits {
  /** Events per delivery at most; 1 when the destination takes one event per call. */
  readonly count: number;
  /** Bytes of payload per delivery at most. */
  readonly bytes?: number;
  /** Bytes of one event at most, as the destination counts them; a larger one is refused. Default: `bytes`. */
  readonly eventBytes?: number;
  /** How long a delivery waits for more events unless `batch.linger` says otherwise. Default 0. */
  readonly lingerMs?: number;
}

export interface SinkDefinition<C extends z.ZodObject = z.ZodObject> {
  /** The file's name and the YAML key. */
  readonly name: string;
  /** Other spellings of the YAML key that are accepted with a warning. */
  readonly aliases?: readonly string[];
  readonly title: string;
  /** One sentence; opens the section in sinks/README.md. */
  readonly summary: string;
  readonly config: (field: Fields) => C;
  /** Shown in the docs, parsed by the tests. */
  readonly example: z.input<C>;
  readonly batch: BatchLimits;
  /** Limits that depend on the settings, on whether the predecessor's wire shape is wanted, and on how CloudEvents go out; within `batch`. */
  limits?(config: z.output<C>, compat?: boolean, mode?: ContentMode): BatchLimits;
  /** Deliveries under way at once. Default 1. */
  readonly concurrency?: number;
  /** The destination may take some events of a batch and refuse others; a batch then holds one event per object. */
  readonly partial?: boolean;
  /** The event's id goes with it in a place of its own, by which a repeat can be told. */
  readonly carriesId: boolean;
  /** Without a layout the whole event is sent, with its object's metadata, which is then looked up. Default true. */
  readonly wholeEvent?: boolean;
  /** Content modes in which it can send CloudEvents, its default first. Absent: none, though its text may be one. */
  readonly modes?: readonly ContentMode[];
  /** It sends CloudEvents, and nothing else. */
  readonly onlyCloudEvents?: boolean;
  /** Default of the receiver key `updates`: `all` for stores and streams, `countDoubles` for people. */
  readonly updates: "all" | "countDoubles";
  create(config: z.output<C>, context: SinkContext): Sink | Promise<Sink>;
}

/** Infers the config's type from its schema; otherwise the identity. */
export function defineSink<C extends z.ZodObject>(definition: SinkDefinition<C>): SinkDefinition<C> {
  return definition;
}
