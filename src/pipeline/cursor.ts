/**
 * One receiver's place in the log: which entries make its next delivery, what of them is on its way, and how far it has
 * come. While one event of an object is on its way or waits for a retry, later events of that object wait (order.ts).
 */
import type { Event } from "../event.ts";
import type { Group } from "./group.ts";
import { createOrder } from "./order.ts";
import type { Rate } from "./rate.ts";
import type { ReceiverHost, ReceiverSettings } from "./receiver-host.ts";

/** How far a receiver has come, and so where its successor begins. */
export interface Progress {
  /** Every entry below is done with, but those in `open`. */
  readonly cursor: number;
  /** Ascending. */
  readonly open: readonly number[];
  /** By watch: the resourceVersion of the last ordered event below the cursor; NaN or absent: none yet. */
  readonly passed: readonly number[];
}

export interface Cursor {
  /** The oldest entry that is not acknowledged; `log.head` when there is none. */
  low(): number;
  progress(): Progress;
  /** Changes with {@link progress}, and costs nothing. */
  mark(): { readonly cursor: number; readonly open: number };
  /** Entries that were not read yet, that wait for their turn, or are on their way. */
  backlog(): number;
  /** So many events and objects wait for a retry that the receiver itself has to. */
  readonly full: boolean;
  /** Nothing waits for a retry. */
  settled(): void;
  /** Makes a group of what the log holds, of `most` events; undefined when nothing is ready. `hurried`: waits for no more events. */
  collect(now: number, most: number, hurried: boolean): Group | undefined;
  /** From here on order does not keep itself: what failed waits, and others go on. */
  track(group: Group): void;
  /** Its events are done with, one way or the other. */
  answered(group: Group): void;
  /** The log is about to drop this entry. */
  evicted(seq: number): void;
  /** Events that were not collected, or wait for their turn. */
  left(): number;
  /** Forgets all, and begins anew at the log's head. */
  abandon(): void;
  /** The positions of this watch, of all that is in the log so far, mean nothing any more. */
  forgetPosition(watch: number): void;
}

export interface CursorHost {
  /** Events that may go out. */
  readonly rate: Rate;
  /** The delivery that is under way, where there is one at a time. */
  underWay(): Group | undefined;
  /** There may be something to collect then. */
  wakeAt(at: number): void;
  /** There may be something to collect now. */
  wake(): void;
}

/** Objects, and events, that may wait for a retry before the receiver itself waits. */
const MAX_HELD = 1_000;
/** Entries that wait for an earlier one of their object; then the receiver itself waits. */
const MAX_PARKED = 10_000;
/** Entries read at once, for this receiver or not. */
const MAX_READ = 2_000;

/** `start`: default at the log's head. */
export function createCursor(
  settings: ReceiverSettings,
  host: ReceiverHost,
  { rate, underWay, wakeAt, wake }: CursorHost,
  start?: Progress,
): Cursor {
  const { log, meters } = host;
  const { batch: limits } = settings;
  // With one lane, and a destination that takes a batch whole or not at all, order keeps itself until something fails.
  const sequential = settings.concurrency === 1 && !settings.partial;
  let order = createOrder({ alone: settings.partial });
  let tracked = !sequential;
  let cursor = start?.cursor ?? log.head;
  const passed: number[] = [...(start?.passed ?? [])];
  /** Entries below the cursor that were not acknowledged before; they come first. */
  const redo = [...(start?.open ?? [])];
  /** Entries below are of another history of the API server. */
  let rememberFrom = 0;

  function collect(now: number, most: number, hurried: boolean): Group | undefined {
    const available = log.head - cursor + redo.length;
    if (available === 0 && !order.ready) return undefined;
    if (limits.lingerMs > 0 && !hurried && available < limits.count && !order.ready) {
      const first = redo[0] ?? cursor;
      // A journal has entries of the future where the clock went back between two processes: they have waited enough.
      const until = log.gone(first) || log.receivedAt(first) > now ? 0 : log.receivedAt(first) + limits.lingerMs;
      if (now < until) {
        wakeAt(until);
        return undefined;
      }
    }
    const seqs: number[] = [];
    const events: Event[] = [];
    const receivedAt: number[] = [];
    const group: Group = { seqs, events, receivedAt, attempts: 0, readyAt: 0, next: undefined, done: undefined };
    let bytes = 0;
    for (let read = 0; events.length < most; read++) {
      if (read === MAX_READ) {
        // What is on disk may be much, and nothing of it be for this receiver: the others have their turn.
        if (events.length === 0) setImmediate(wake);
        break;
      }
      const parked = order.peek();
      const seq = parked ?? redo[0] ?? cursor;
      if (seq === log.head || (parked === undefined && order.entries >= MAX_PARKED)) break;
      if (log.gone(seq)) {
        if (!host.pushedOut(seq)) meters.dropped.unreadable.value++;
        if (parked === undefined) pass(seq);
        else order.leave(group, 0);
        continue;
      }
      const rest = rate.wait(now);
      if (rest > 0) {
        wakeAt(now + rest);
        break;
      }
      if (parked === undefined) {
        const wait = host.waits(seq, now);
        if (wait > 0) {
          wakeAt(now + wait);
          break;
        }
      }
      let copies = host.copies(seq);
      const at = log.receivedAt(seq);
      if (copies > 0 && settings.maxAgeMs > 0 && now - at > settings.maxAgeMs) {
        meters.dropped.stale.value += copies;
        copies = 0;
      }
      if (copies > 0 && host.superseded?.(seq)) {
        meters.held.superseded.value += copies;
        copies = 0;
      }
      if (copies === 0) {
        if (parked === undefined) pass(seq);
        else order.leave(group, 0);
        continue;
      }
      const size = log.size(seq);
      if (events.length > 0 && bytes + size > limits.bytes) break;
      const event = log.event(seq);
      if (parked === undefined) {
        pass(seq);
        const held = settings.holds?.(event, now, seq);
        if (held !== undefined) {
          meters.held[held].value += copies;
          continue;
        }
        if (tracked && !order.enter(seq, event.objectKey, group, copies)) continue;
      } else {
        order.leave(group, copies);
      }
      for (let copy = 0; copy < copies; copy++) {
        seqs.push(seq);
        events.push(event);
        receivedAt.push(at);
      }
      rate.spend(copies);
      bytes += size;
    }
    order.close(group);
    return events.length > 0 ? group : undefined;
  }

  /** The entry was read for the first time. */
  function pass(seq: number): void {
    if (redo.length > 0 && seq === redo[0]) {
      redo.shift();
      return;
    }
    if (seq >= rememberFrom && !log.gone(seq) && !log.unordered(seq)) passed[log.watch(seq)] = log.version(seq);
    cursor = seq + 1;
  }

  function track(group: Group): void {
    if (tracked) return;
    tracked = true;
    for (let index = 0; index < group.seqs.length; ) {
      const seq = group.seqs[index] ?? 0;
      let copies = 1;
      while (group.seqs[index + copies] === seq) copies++;
      order.enter(seq, group.events[index]?.objectKey ?? "", group, copies);
      index += copies;
    }
  }

  function answered(group: Group): void {
    if (!tracked) return;
    for (const [index, seq] of group.seqs.entries()) order.answered(seq, group.events[index]?.objectKey ?? "");
  }

  function low(): number {
    const unread = redo[0] ?? cursor;
    if (tracked) return Math.min(unread, order.oldest(unread));
    return Math.min(unread, underWay()?.seqs[0] ?? unread);
  }

  /** Entries below the cursor that are not done with; what is sent twice counts so. */
  function openCount(): number {
    return redo.length + (tracked ? order.entries : (underWay()?.seqs.length ?? 0));
  }

  function progress(): Progress {
    const open = new Set(tracked ? order.seqs() : (underWay()?.seqs ?? []));
    for (const seq of redo) open.add(seq);
    return { cursor, open: [...open].sort((a, b) => a - b), passed };
  }

  function left(): number {
    let events = 0;
    for (const seq of order.parked()) events += host.copies(seq);
    for (const seq of redo) if (!log.gone(seq)) events += host.copies(seq);
    for (let seq = cursor; seq < log.head; seq++) if (!log.gone(seq)) events += host.copies(seq);
    return events;
  }

  return {
    low,
    progress,
    mark: () => ({ cursor, open: openCount() }),
    backlog: () => log.head - cursor + openCount(),
    get full() {
      return order.objects >= MAX_HELD || order.travelling >= MAX_HELD;
    },
    settled() {
      if (tracked && sequential && order.entries === 0) tracked = false;
    },
    collect,
    track,
    answered,
    evicted(seq) {
      const again = redo.indexOf(seq);
      if (seq >= cursor) {
        meters.dropped.overflow.value += host.copies(seq);
        // Where others are on disk, what memory loses is not always what comes next.
        if (seq === cursor) pass(seq);
      } else if (again >= 0) {
        meters.dropped.overflow.value += host.copies(seq);
        redo.splice(again, 1);
      } else if (order.evicted(seq)) {
        meters.dropped.overflow.value += host.copies(seq);
      }
    },
    left,
    abandon() {
      order = createOrder({ alone: settings.partial });
      tracked = !sequential;
      redo.length = 0;
      passed.length = 0;
      cursor = log.head;
    },
    forgetPosition(watch) {
      rememberFrom = log.head;
      passed[watch] = Number.NaN;
    },
  };
}
