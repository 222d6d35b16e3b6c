/** Events that a destination refuses for good, kept so that somebody can look at them and send them again. */
import type { Event, InvolvedObject } from "../event.ts";
import type { Cell } from "../metrics.ts";
import { type NormaliseOptions, normalise, normalisePosted, withObjectMetadata } from "../normalise.ts";

/** One event that one receiver did not take, with all that sending it again needs. */
export interface RefusedEvent {
  readonly receiver: string;
  /** The event's id, as every delivery of it carries it. */
  readonly eventId: string;
  /** The event as it came: its JSON, or the watch line that holds it. */
  readonly event: Uint8Array;
  /** What a look-up told of the involved object, as JSON; absent when there was none. */
  readonly object?: string;
  /** Why: {@link import("../errors.ts").Reason}, or another word. */
  readonly reason: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Deliveries that were tried. */
  readonly attempts: number;
}

export interface DeadLetter extends RefusedEvent {
  /** Counts up; a number is never given twice. */
  readonly id: number;
}

export interface ListOptions {
  /** Only this receiver's. */
  readonly receiver?: string | undefined;
  /** Only those after this one. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** Bounded: the oldest goes, and is counted. Nothing here waits. */
export interface DeadLetters {
  readonly count: number;
  /** As they are kept, the texts beside the event included. */
  readonly bytes: number;
  /** Returns the new letter's id. */
  add(refused: RefusedEvent): number;
  /** Oldest first. */
  list(options: ListOptions): readonly DeadLetter[];
  get(id: number): DeadLetter | undefined;
  /** Another attempt failed; the letter keeps its id and its place. Nothing happens when there is none of this id. */
  update(id: number, failed: FailedAgain): void;
  /** False when there is none of this id. */
  remove(id: number): boolean;
}

export type FailedAgain = Pick<RefusedEvent, "reason" | "message" | "at" | "attempts">;

export interface DeadLettersOptions {
  readonly maxCount: number;
  readonly maxBytes: number;
  /** Counts the letters that the bounds pushed out. */
  readonly forgotten: Cell;
}

export const MEMORY_LIMITS = { maxCount: 1_000, maxBytes: 4 * 1024 * 1024 } as const;

/** What a letter costs beside its texts, at a guess. */
const OVERHEAD = 200;

/** What a letter counts for in the bounds, in bytes. */
export function letterBytes({ event, object = "", receiver, eventId, message }: RefusedEvent): number {
  return OVERHEAD + event.length + object.length + receiver.length + eventId.length + message.length;
}

/** In memory: gone when the process ends. Numbers count from `first` (1). A letter larger than all of `maxBytes` is not kept, and counted. */
export function createDeadLetters(options: DeadLettersOptions & { readonly first?: number }): DeadLetters {
  /** In the order of their ids. */
  const letters = new Map<number, DeadLetter>();
  let last = (options.first ?? 1) - 1;
  let bytes = 0;

  function remove(id: number): boolean {
    const letter = letters.get(id);
    if (letter === undefined) return false;
    bytes -= letterBytes(letter);
    return letters.delete(id);
  }

  return {
    get count() {
      return letters.size;
    },
    get bytes() {
      return bytes;
    },
    add(refused) {
      const id = ++last;
      letters.set(id, { ...refused, id });
      bytes += letterBytes(refused);
      for (const oldest of letters.keys()) {
        if (letters.size <= options.maxCount && bytes <= options.maxBytes) break;
        remove(oldest);
        options.forgotten.value++;
      }
      return id;
    },
    list({ receiver, after = 0, limit }) {
      const found: DeadLetter[] = [];
      for (const letter of letters.values()) {
        if (found.length >= limit) break;
        if (letter.id > after && (receiver === undefined || letter.receiver === receiver)) found.push(letter);
      }
      return found;
    },
    get: (id) => letters.get(id),
    update(id, failed) {
      const letter = letters.get(id);
      if (letter === undefined) return;
      const changed = { ...letter, ...failed };
      bytes += letterBytes(changed) - letterBytes(letter);
      letters.set(id, changed);
    },
    remove,
  };
}

type Looked = Pick<InvolvedObject, "labels" | "annotations" | "ownerReferences" | "deleted">;

/** What of a letter is the event's: its id, `raw` as it came, and what it knows of its object. */
export function refusedEvent(event: Event, raw: Uint8Array): Pick<RefusedEvent, "eventId" | "event" | "object"> {
  const { labels, annotations, ownerReferences, deleted } = event.involvedObject;
  const known = labels !== undefined || annotations !== undefined || ownerReferences !== undefined || deleted;
  return {
    eventId: event.id,
    event: raw,
    ...(known && { object: JSON.stringify({ labels, annotations, ownerReferences, deleted }) }),
  };
}

/** The event as the receiver was given it. Throws what {@link normalise} throws, and SyntaxError. */
export function eventOfLetter(letter: RefusedEvent, options: NormaliseOptions = {}): Event {
  const { input, posted } = opened(letter);
  const event = posted
    ? normalisePosted(input, letter.eventId, options)
    : { ...normalise(input, options), id: letter.eventId };
  return letter.object === undefined ? event : withObjectMetadata(event, JSON.parse(letter.object) as Looked);
}

/** The event as it came, out of the envelope of a watch or of a post. Throws SyntaxError for what is no JSON. */
export function inputOf(letter: Pick<RefusedEvent, "event">): Readonly<Record<string, unknown>> {
  return opened(letter).input;
}

function opened({ event }: Pick<RefusedEvent, "event">): {
  readonly input: Readonly<Record<string, unknown>>;
  readonly posted: boolean;
} {
  const parsed: unknown = JSON.parse(Buffer.from(event.buffer, event.byteOffset, event.length).toString("utf8"));
  if (typeof parsed !== "object" || parsed === null) return { input: {}, posted: false };
  const line = parsed as { readonly object?: unknown; readonly metadata?: unknown; readonly posted?: unknown };
  const { object, metadata } = line;
  const posted = typeof line.posted === "string";
  if (metadata === undefined && typeof object === "object" && object !== null) {
    return { input: object as Record<string, unknown>, posted };
  }
  return { input: parsed as Record<string, unknown>, posted: false };
}

/** A letter as people and programs read it; the event carries what was looked up, as the exporter's JSON does. */
export interface ShownLetter {
  readonly id: number;
  readonly receiver: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly at: string;
  readonly attempts: number;
  readonly eventId: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** Never throws: what is no JSON is shown as text. */
export function shownLetter(letter: DeadLetter): ShownLetter {
  const { id, receiver, reason, message, at, attempts, eventId } = letter;
  return {
    id,
    receiver,
    reason,
    message,
    at: new Date(at).toISOString(),
    attempts,
    eventId,
    event: shownEvent(letter),
  };
}

function shownEvent(letter: DeadLetter): Readonly<Record<string, unknown>> {
  try {
    const input = inputOf(letter);
    if (letter.object === undefined) return input;
    const key = input.regarding === undefined ? "involvedObject" : "regarding";
    return { ...input, [key]: { ...(input[key] as object | undefined), ...(JSON.parse(letter.object) as Looked) } };
  } catch {
    return { text: Buffer.from(letter.event).toString("utf8") };
  }
}
