/** What a receiver is told, what the pipeline lends it, and what it counts. */
import type { Reason } from "../errors.ts";
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import type { Cell, Histogram } from "../metrics.ts";
import { GATE_REASONS } from "./gates.ts";
import type { EventLog } from "./log.ts";

/** Why a receiver never got an event that was routed to it, or might have been. Closed: a metric label. */
export const DROP_REASONS = ["overflow", "stale", "refused", "unreadable", "shutdown"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Why a receiver is spared an event that was routed to it. Closed: a metric label. */
export const HELD_REASONS = ["updates", "superseded", ...GATE_REASONS] as const;
export type HeldReason = (typeof HELD_REASONS)[number];

/** The cells that one receiver counts in. */
export interface ReceiverMeters {
  readonly delivered: Cell;
  readonly failed: Readonly<Record<Reason, Cell>>;
  readonly retried: Cell;
  /** Events in attempts that ended without an answer: the destination may have taken them, and gets them again. */
  readonly ambiguous: Cell;
  readonly held: Readonly<Record<HeldReason, Cell>>;
  readonly dropped: Readonly<Record<DropReason, Cell>>;
  /** Seconds from the last byte read to the destination's answer. */
  readonly latency: Histogram;
  /** Bytes that went out, counted by the sink. */
  readonly sent: Cell;
  /** 1 while the destination takes events, 0 while the circuit is open. */
  readonly up: Cell;
}

export interface ReceiverSettings {
  readonly name: string;
  /** Events and bytes in one delivery at most. */
  readonly batch: { readonly count: number; readonly bytes: number; readonly lingerMs: number };
  /** Deliveries under way at once. */
  readonly concurrency: number;
  /** The destination may take a part of a batch: then a batch holds at most one event per object. */
  readonly partial: boolean;
  readonly timeoutMs: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
  /** At most; 0: no limit. */
  readonly eventsPerSecond: number;
  /** At most, as {@link ReceiverMeters.sent} counts them; 0: no limit. */
  readonly bytesPerSecond: number;
  /** Events that waited longer are dropped as stale; 0: never. */
  readonly maxAgeMs: number;
  /** Asked once per entry, in order, when the cursor passes it: why this receiver is spared it. Absent: it never is. */
  readonly holds?: ((event: Event, now: number, seq: number) => HeldReason | undefined) | undefined;
}

/** What the pipeline lends a receiver. */
export interface ReceiverHost {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly meters: ReceiverMeters;
  /** How often this receiver gets the entry: 0, 1, or more where a predecessor sent twice. Only for what the log holds. */
  copies(seq: number): number;
  /** Milliseconds to wait until the entry may be read (a look-up is under way); 0: now. */
  waits(seq: number, now: number): number;
  /** True: a newer state of the entry's event waits behind it for this receiver. Absent: it wants every state. */
  readonly superseded?: ((seq: number) => boolean) | undefined;
  /** False: nothing may be delivered at this moment, whatever was said before. Absent: always true. */
  readonly leads?: (() => boolean) | undefined;
  /** True when the entry was pushed out of the log, and the receiver's `evicted` told so. */
  pushedOut(seq: number): boolean;
  /** Called when `low` may have moved. */
  acknowledged(): void;
  /** Called with what the destination took. */
  delivered?(events: readonly Event[]): void;
  /** Takes an event that the destination refuses for good, after so many attempts. */
  deadLetter(event: Event, reason: Reason, message: string, attempts: number, seq: number): void;
  /** Milliseconds; steady. */
  now(): number;
  /** 0 <= x < 1. */
  random(): number;
}
