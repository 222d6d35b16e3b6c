/** Look-ups of involved objects that are under way, and who waits for them. */
import type { Event, InvolvedObject, ObjectReference } from "../event.ts";
import { withObjectMetadata } from "../normalise.ts";
import type { EventLog } from "./log.ts";
import type { Generation } from "./slot.ts";

/** What a look-up of the involved object found. */
export type Found = Pick<InvolvedObject, "labels" | "annotations" | "ownerReferences" | "deleted">;
/** Answers at once what it knows; undefined: nothing could be found out. Never rejects. */
export type Lookup = (object: ObjectReference) => Found | undefined | Promise<Found | undefined>;

export interface Lookups {
  /** Asks for the object of an event that enters the log, if anybody needs to know. */
  ask(event: Event | undefined, generation: Generation): ReturnType<Lookup>;
  /** The entry has its number: what was found is attached, or is when it comes. */
  attach(seq: number, found: ReturnType<Lookup>, until: number): void;
  /** Milliseconds that the receiver of this index waits for the entry's look-up; 0: it need not. */
  waits(seq: number, generation: Generation, index: number, now: number): number;
  pending(seq: number): boolean;
  forget(seq: number): void;
  clear(): void;
}

export interface LookupsOptions {
  readonly log: EventLog;
  readonly lookup: Lookup;
  /** Told what was found, for a journal. */
  found(seq: number, found: Found): void;
  /** A look-up has ended. */
  ended(): void;
}

export function createLookups({ log, lookup, found: tell, ended }: LookupsOptions): Lookups {
  /** Until when cursors wait, by entry. */
  const underWay = new Map<number, number>();
  /** Entries below were there when this process began: nobody may have looked their objects up. */
  const inherited = log.head;
  const askedAgain = new Set<number>();

  function settle(seq: number, found: Found | undefined): void {
    underWay.delete(seq);
    if (!found) return;
    log.attach(seq, (event) => withObjectMetadata(event, found));
    tell(seq, found);
  }

  function attach(seq: number, found: ReturnType<Lookup>, until: number): void {
    if (!(found instanceof Promise)) {
      settle(seq, found);
      return;
    }
    underWay.set(seq, until);
    void found.then((late) => {
      settle(seq, late);
      ended();
    });
  }

  function ask(event: Event | undefined, { enrichment }: Generation): ReturnType<Lookup> {
    return event && enrichment.needed(event) ? lookup(event.involvedObject) : undefined;
  }

  function askAgain(seq: number, generation: Generation, now: number): void {
    if (askedAgain.has(seq) || log.gone(seq)) return;
    askedAgain.add(seq);
    const event = log.event(seq);
    const { labels, annotations, deleted } = event.involvedObject;
    if (labels || annotations || deleted) return;
    attach(seq, ask(event, generation), now + generation.config.lookupTimeoutMs);
  }

  return {
    ask,
    attach,
    waits(seq, generation, index, now) {
      const { enrichment } = generation;
      if (!enrichment.possible || !(enrichment.route || enrichment.receivers[index] === true)) return 0;
      if (seq < inherited) askAgain(seq, generation, now);
      if (underWay.size === 0) return 0;
      const until = underWay.get(seq);
      return until === undefined ? 0 : Math.max(0, until - now);
    },
    pending: (seq) => underWay.has(seq),
    forget: (seq) => void underWay.delete(seq),
    clear: () => underWay.clear(),
  };
}
