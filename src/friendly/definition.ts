/** A row of the table: how an event is recognised, and what is said of it. */
import { type Branch, object, optional, type Shape, type Subject, subject, text } from "./shape.ts";
import type { Value, Values } from "./wording.ts";

export interface Wording {
  /** With captures: see `wording.ts`. */
  readonly text: string;
  /** Releases whose source was read; empty: those of the source that the row names. */
  readonly versions: string;
  /** A message that is worded so. */
  readonly sample: string;
  /** What the wording says without a capture. */
  readonly says: Readonly<Record<string, Value>>;
}

export interface Row {
  /** Who writes it: reportingComponent, else source.component. Absent: that varies. */
  readonly component?: string | readonly string[];
  readonly reason: string | readonly string[];
  /** Kind of the involved object, where it is another one than what is told about. */
  readonly on?: string;
  /** The event's type, where it tells two meanings of a reason apart. */
  readonly severity?: "Normal" | "Warning";
  /** Where the wordings stand. */
  readonly source: string;
  readonly wordings: readonly Wording[];
  /** Values that follow from others; undefined: it is something else, after all. */
  readonly finish?: (values: Values) => Values | undefined;
}

export interface Definition {
  /** Type of the CloudEvent; a change that breaks consumers needs another version in it. */
  readonly type: string;
  /** What happened, in a sentence. */
  readonly summary: string;
  /** What the event is about. Absent: the data does not name it. */
  readonly about?: Subject;
  readonly shape: Shape;
  readonly rows: readonly Row[];
}

export const POD = subject("pod", "Pod");
export const NODE = subject("node", "Node", false);

const CONTAINER: Branch = optional(
  object("The container, where the event names one.", { name: text("The container's name.") }),
);

interface Defined {
  readonly summary: string;
  readonly about?: Subject;
  /** The event may be of one container of the pod. */
  readonly container?: true;
  readonly data?: Shape;
  readonly rows: readonly Row[];
}

export function define(type: string, { summary, about, container, data, rows }: Defined): Definition {
  const shape = { ...(about && { [about.key]: about.shape }), ...(container && { container: CONTAINER }), ...data };
  return { type, summary, ...(about && { about }), shape, rows };
}

export const worded = (
  text: string,
  versions: string,
  sample: string,
  says: Readonly<Record<string, Value>> = {},
): Wording => ({ text, versions, sample, says });

/** A message that is always the same. */
export const same = (text: string, versions: string, says: Readonly<Record<string, Value>> = {}): Wording =>
  worded(text, versions, text, says);
