/** The vectors that real Go gave (test/fixtures/gotemplate), and the events they are about. */
import type { Event, InvolvedObject, ObjectMeta, ObjectReference } from "../../src/event.ts";
import { compileEventTemplate } from "../../src/event-template/go.ts";
import { TemplateError } from "../../src/template/error.ts";
import type { FuncMap } from "../../src/template/func.ts";
import { compile, type Template } from "../../src/template/template.ts";

export interface Vector {
  readonly id: string;
  readonly template: string;
  readonly event?: string;
  readonly data?: unknown;
  readonly out?: string;
  readonly outBase64?: string;
  readonly match?: string;
  readonly parseError?: string;
  readonly execError?: string;
  readonly partial?: string;
}

/** What the API server sends, as far as events have it. */
interface ApiEvent {
  readonly metadata: ObjectMeta & { readonly managedFields?: unknown };
  readonly involvedObject: ObjectReference;
  readonly reason?: string;
  readonly message?: string;
  readonly source?: Event["source"];
  readonly firstTimestamp?: string | null;
  readonly lastTimestamp?: string | null;
  readonly count?: number;
  readonly type?: string;
  readonly eventTime?: string | null;
  readonly series?: NonNullable<Event["series"]>;
  readonly action?: string;
  readonly related?: ObjectReference;
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
}

export interface EventEntry {
  readonly name: string;
  readonly event: ApiEvent;
  readonly clusterName: string;
  readonly object: Partial<InvolvedObject>;
}

export function eventOf({ event, clusterName, object }: EventEntry): Event {
  const { managedFields: _, ...metadata } = event.metadata;
  return {
    id: `${metadata.uid}.${metadata.resourceVersion}`,
    objectKey: event.involvedObject.uid ?? metadata.uid ?? "",
    metadata,
    reason: event.reason ?? "",
    message: event.message ?? "",
    source: event.source ?? {},
    firstTimestamp: event.firstTimestamp ?? null,
    lastTimestamp: event.lastTimestamp ?? null,
    count: event.count ?? 0,
    type: event.type ?? "",
    eventTime: event.eventTime ?? null,
    ...(event.series === undefined ? {} : { series: event.series }),
    action: event.action ?? "",
    ...(event.related === undefined ? {} : { related: event.related }),
    reportingComponent: event.reportingComponent ?? "",
    reportingInstance: event.reportingInstance ?? "",
    clusterName,
    involvedObject: { ...event.involvedObject, deleted: false, ...object },
  };
}

export async function readVectors(file: string): Promise<Vector[]> {
  return await Bun.file(new URL(`../fixtures/gotemplate/${file}`, import.meta.url)).json();
}

export async function readEvents(): Promise<ReadonlyMap<string, Event>> {
  const entries: EventEntry[] = await Bun.file(new URL("../fixtures/gotemplate/events.json", import.meta.url)).json();
  return new Map(entries.map((entry) => [entry.name, eventOf(entry)]));
}

export type Outcome =
  | { readonly is: "out"; readonly bytes: Uint8Array }
  | { readonly is: "parseError" | "execError"; readonly message: string; readonly partial: string };

/** What our engine makes of a vector's template and data, Go's way (no kindness). */
export function run(vector: Vector, events: ReadonlyMap<string, Event>, functions: FuncMap): Outcome {
  let template: Template;
  try {
    const options = { functions, limits: { maxSteps: 2_000_000 } };
    template =
      vector.event === undefined
        ? compile(vector.template, options)
        : compileEventTemplate(vector.template, { ...options, compat: true });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { is: "parseError", message: error.message, partial: error.partial };
  }
  try {
    return {
      is: "out",
      bytes: template.renderBytes(vector.event === undefined ? vector.data : events.get(vector.event)),
    };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { is: "execError", message: error.message, partial: error.partial };
  }
}

/** What differs from the vector; undefined when nothing that is binding does. */
export function difference(vector: Vector, outcome: Outcome): string | undefined {
  const wanted =
    vector.parseError === undefined ? (vector.execError === undefined ? "out" : "execError") : "parseError";
  const text = outcome.is === "out" ? new TextDecoder().decode(outcome.bytes) : outcome.message;
  if (outcome.is !== wanted) return `${outcome.is}: ${text}`;
  if (outcome.is !== "out") return undefined;
  if (vector.match !== undefined) return new RegExp(vector.match).test(text) ? undefined : text;
  const bytes = Buffer.from(outcome.bytes);
  if (vector.outBase64 !== undefined) return bytes.toString("base64") === vector.outBase64 ? undefined : text;
  return bytes.equals(Buffer.from(vector.out ?? "")) ? undefined : text;
}

/** Whether the words of an error are Go's too. */
export function sameWords(vector: Vector, outcome: Outcome): boolean {
  return outcome.is === "out" || outcome.message === (vector.parseError ?? vector.execError);
}
