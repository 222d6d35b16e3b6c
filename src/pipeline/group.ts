import type { DeliveryError } from "../errors.ts";
import type { Event } from "../event.ts";

/** Events that are attempted together. The arrays run in parallel; an event that is to be sent twice is in them twice. */
export interface Group {
  readonly seqs: readonly number[];
  readonly events: readonly Event[];
  /** Milliseconds, as the log's. */
  readonly receivedAt: readonly number[];
  attempts: number;
  readyAt: number;
  /** Waits for this group: the other half of a bisected one. */
  next: Group | undefined;
  /** Of an event that is no entry of the log and is sent again: told once what became of it; undefined: delivered. */
  readonly done?: ((error: DeliveryError | undefined) => void) | undefined;
}

/** Some of a group as a group of its own; `next` is not taken along. What is sent again is alone in its group. */
export function partOf(group: Group, indices: readonly number[]): Group {
  const seqs: number[] = [];
  const events: Event[] = [];
  const receivedAt: number[] = [];
  for (const index of indices) {
    const event = group.events[index];
    if (!event) continue;
    events.push(event);
    seqs.push(group.seqs[index] ?? 0);
    receivedAt.push(group.receivedAt[index] ?? 0);
  }
  return { seqs, events, receivedAt, attempts: group.attempts, readyAt: 0, next: undefined, done: group.done };
}

/** Events of a group and of all that wait for it. */
export function sizeOf(group: Group): number {
  let size = 0;
  for (let one: Group | undefined = group; one; one = one.next) size += one.events.length;
  return size;
}
