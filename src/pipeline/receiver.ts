/**
 * Everything a sink is spared: one cursor on the log, batches, order per object, deadlines, retry, rate limit, circuit.
 *
 * A batch is made of what the log holds when a lane is free. While one event of an object is on its way or waits for a
 * retry, later events of that object wait (they are parked: only their sequence number is kept), others go on.
 */
import { DeliveryError, REASONS, type Reason, type Refusal } from "../errors.ts";
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import type { Cell, Histogram } from "../metrics.ts";
import type { Batch, Sink } from "../sink.ts";
import type { EventLog } from "./log.ts";

/** Why a receiver never got an event that was routed to it, or might have been. Closed: a metric label. */
export const DROP_REASONS = ["overflow", "stale", "refused", "shutdown"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** The cells that one receiver counts in. */
export interface ReceiverMeters {
  readonly delivered: Cell;
  readonly failed: Readonly<Record<Reason, Cell>>;
  readonly retried: Cell;
  readonly dropped: Readonly<Record<DropReason, Cell>>;
  /** Seconds from the last byte read to the destination's answer. */
  readonly latency: Histogram;
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
  /** Events per second at most; 0: no limit. */
  readonly rateLimit: number;
  /** Events that waited longer are dropped as stale; 0: never. */
  readonly maxAgeMs: number;
}

/** What the pipeline lends a receiver. */
export interface ReceiverHost {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly meters: ReceiverMeters;
  /** How often this receiver gets the entry: 0, 1, or more where a predecessor sent twice. */
  copies(seq: number, event: Event): number;
  /** Milliseconds to wait until the entry may be read (a look-up is under way); 0: now. */
  waits(seq: number, now: number): number;
  /** Called when `low` may have moved. */
  acknowledged(): void;
  /** Takes an event that the destination refuses for good. */
  deadLetter(event: Event, reason: Reason, message: string): void;
  /** Milliseconds; steady. */
  now(): number;
  /** 0 <= x < 1. */
  random(): number;
}

export interface ReceiverStatus {
  readonly name: string;
  readonly state: "up" | "retrying" | "open";
  /** Entries of the log that wait for this receiver, those on their way included. */
  readonly backlog: number;
  readonly inFlight: number;
  readonly lastError: string | undefined;
}

export interface Receiver {
  readonly name: string;
  /** The oldest entry that is not acknowledged; `log.head` when there is none. */
  low(): number;
  /** The next entry to be read. */
  readonly cursor: number;
  /** Something may be ready: cheap, may be called once per event. */
  wake(): void;
  /** The log is about to drop this entry. */
  evicted(seq: number): void;
  status(): ReceiverStatus;
  /** Milliseconds since an attempt began whose end is overdue (3 times its deadline); 0 when none is. */
  stuck(now: number): number;
  /** Ends attempts under way and timers. Returns how many events were routed here and not delivered: dropped by `shutdown`. */
  stop(): Promise<number>;
}

/** Events that are attempted together. `next` waits for this group (the other half of a bisected one). */
interface Group {
  readonly seqs: readonly number[];
  readonly events: readonly Event[];
  attempts: number;
  readyAt: number;
  next: Group | undefined;
}

/** What holds an object back: the group it travels in, and the entries that wait behind it. */
interface Hold {
  group: Group | undefined;
  parked: number[];
}

interface Lane {
  controller: AbortController;
  group: Group | undefined;
  startedAt: number;
  aborted: boolean;
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

/** Objects that may wait for a retry before the receiver itself waits. */
const MAX_HELD_OBJECTS = 1_000;
/** Failures in a row after which one lane probes and the others wait. */
const PATIENCE = 5;
/** Between two probes of a destination that refuses Petrel itself. */
const PROBE_MS = 30_000;
/** After an abort a sink has this long to settle; then its answer no longer counts. */
const GRACE_MS = 1_000;

export function createReceiver(settings: ReceiverSettings, sink: Sink, host: ReceiverHost): Receiver {
  const { log, meters, logger } = host;
  const { batch: limits, concurrency } = settings;
  // With one lane, and a destination that takes a batch whole or not at all, order keeps itself.
  const sequential = concurrency === 1 && !settings.partial;

  let cursor = log.head;
  let state: ReceiverStatus["state"] = "up";
  let failuresInRow = 0;
  let pausedUntil = 0;
  let inFlight = 0;
  let stopped = false;
  let awake = false;
  let lastError: string | undefined;
  let tokens = Math.max(1, settings.rateLimit);
  let tokensAt = host.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  const outstanding = new Set<number>();
  const holds = new Map<string, Hold>();
  /** Objects whose parked entries may go now; read before the cursor. */
  let freed: string[] = [];
  let waiting: Group[] = [];
  const lanes: Lane[] = Array.from({ length: concurrency }, newLane);

  function newLane(): Lane {
    const lane: Lane = {
      controller: new AbortController(),
      group: undefined,
      startedAt: 0,
      aborted: false,
      succeed: () => settle(lane, undefined),
      fail: (error) => settle(lane, error ?? new Error("rejected without a reason")),
    };
    return lane;
  }

  function wakeAt(at: number): void {
    if (stopped || at >= timerAt) return;
    if (timer !== undefined) clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(onTimer, Math.max(0, Math.ceil(at - host.now())));
  }

  function onTimer(): void {
    timer = undefined;
    timerAt = Number.POSITIVE_INFINITY;
    const now = host.now();
    for (const [index, lane] of lanes.entries()) {
      if (!lane.group) continue;
      const deadline = lane.startedAt + settings.timeoutMs;
      if (now < deadline) {
        wakeAt(deadline);
      } else if (!lane.aborted) {
        lane.aborted = true;
        lane.controller.abort(new DOMException("the delivery timed out", "TimeoutError"));
        wakeAt(now + GRACE_MS);
      } else if (now >= deadline + GRACE_MS) {
        lanes[index] = newLane();
        settle(lane, timedOut());
      } else {
        wakeAt(deadline + GRACE_MS);
      }
    }
    pump();
  }

  const timedOut = () => new DeliveryError("timeout", `no answer within ${settings.timeoutMs} ms`);

  function wake(): void {
    if (awake || stopped) return;
    awake = true;
    queueMicrotask(pump);
  }

  function pump(): void {
    awake = false;
    if (stopped) return;
    const now = host.now();
    if (now < pausedUntil) {
      wakeAt(pausedUntil);
      return;
    }
    const allowed = state === "up" ? concurrency : 1;
    while (inFlight < allowed) {
      const group = due(now) ?? collect(now);
      if (!group) break;
      send(group, now);
    }
    // Entries that nothing routes here are passed without a delivery that would tell of them.
    if (inFlight === 0) host.acknowledged();
  }

  /** The first group whose wait is over. While the destination is down, new groups wait behind the waiting ones. */
  function due(now: number): Group | undefined {
    if (waiting.length === 0) return undefined;
    let soonest = Number.POSITIVE_INFINITY;
    for (const [index, group] of waiting.entries()) {
      if (group.readyAt <= now) {
        waiting.splice(index, 1);
        return group;
      }
      if (group.readyAt < soonest) soonest = group.readyAt;
    }
    wakeAt(soonest);
    return undefined;
  }

  /** Makes a group of what the log holds; undefined when nothing is ready. */
  function collect(now: number): Group | undefined {
    if (waiting.length > 0 && (sequential || state !== "up" || holds.size >= MAX_HELD_OBJECTS)) return undefined;
    const available = freed.length + log.head - cursor;
    if (available === 0) return undefined;
    if (limits.lingerMs > 0 && available < limits.count && freed.length === 0) {
      const until = log.receivedAt(cursor) + limits.lingerMs;
      if (now < until) {
        wakeAt(until);
        return undefined;
      }
    }
    const seqs: number[] = [];
    const events: Event[] = [];
    const group: Group = { seqs, events, attempts: 0, readyAt: 0, next: undefined };
    let bytes = 0;
    while (events.length < limits.count) {
      if (settings.rateLimit > 0 && !token(now)) break;
      const key = freed[0];
      const behind = key === undefined ? undefined : holds.get(key);
      const seq = behind?.parked[0] ?? cursor;
      if (key !== undefined && behind) {
        if (seq < log.tail) {
          // It was evicted while it was parked.
          meters.dropped.overflow.value++;
          outstanding.delete(seq);
          unpark(key, behind);
          continue;
        }
      } else {
        if (cursor === log.head) break;
        const wait = host.waits(seq, now);
        if (wait > 0) {
          wakeAt(now + wait);
          break;
        }
      }
      const event = log.event(seq);
      const copies = host.copies(seq, event);
      if (copies === 0 && !behind) {
        cursor++;
        continue;
      }
      const size = log.size(seq);
      if (events.length > 0 && bytes + size > limits.bytes) break;
      if (key !== undefined && behind) {
        behind.group = group;
        unpark(key, behind);
        // A destination that may take a part of a batch gets one event of an object at a time.
        if (settings.partial && freed[0] === key) freed.shift();
      } else {
        cursor++;
        if (settings.maxAgeMs > 0 && now - log.receivedAt(seq) > settings.maxAgeMs) {
          meters.dropped.stale.value++;
          continue;
        }
        if (!sequential) {
          outstanding.add(seq);
          const hold = holds.get(event.objectKey);
          if (hold && (settings.partial || hold.group !== group || hold.parked.length > 0)) {
            hold.parked.push(seq);
            continue;
          }
          if (!hold) holds.set(event.objectKey, { group, parked: [] });
        }
      }
      if (settings.rateLimit > 0) tokens--;
      for (let copy = 0; copy < copies; copy++) {
        seqs.push(seq);
        events.push(event);
      }
      bytes += size;
    }
    // The batch is full and the object's next events have to wait for it.
    if (freed[0] !== undefined && holds.get(freed[0])?.group === group) freed.shift();
    return events.length > 0 ? group : undefined;
  }

  /** Takes the first parked entry off; an object with nothing left to send is forgotten. */
  function unpark(key: string, hold: Hold): void {
    hold.parked.shift();
    if (hold.parked.length > 0) return;
    if (freed[0] === key) freed.shift();
    if (hold.group === undefined) holds.delete(key);
  }

  function token(now: number): boolean {
    tokens = Math.min(Math.max(1, settings.rateLimit), tokens + ((now - tokensAt) / 1_000) * settings.rateLimit);
    tokensAt = now;
    if (tokens >= 1) return true;
    wakeAt(now + ((1 - tokens) / settings.rateLimit) * 1_000);
    return false;
  }

  function send(group: Group, now: number): void {
    const lane = lanes.find((candidate) => candidate.group === undefined);
    if (!lane) return;
    inFlight++;
    lane.group = group;
    lane.startedAt = now;
    wakeAt(now + settings.timeoutMs);
    try {
      sink.deliver(group.events as unknown as Batch, lane.controller.signal).then(lane.succeed, lane.fail);
    } catch (error) {
      lane.fail(error);
    }
  }

  function settle(lane: Lane, error: unknown): void {
    const group = lane.group;
    // An answer after the grace period: the lane was given up, its group went on without it.
    if (!group || stopped) return;
    const aborted = lane.aborted;
    lane.group = undefined;
    inFlight--;
    if (aborted) {
      lane.aborted = false;
      lane.controller = new AbortController();
    }
    if (error === undefined) accepted(group);
    else if (aborted && !(error instanceof DeliveryError && error.refused)) refused(group, timedOut());
    // Cut off in the middle, a sink may still know what was taken.
    else refused(group, asDeliveryError(error));
    host.acknowledged();
    wake();
  }

  function asDeliveryError(error: unknown): DeliveryError {
    if (error instanceof DeliveryError) return error;
    // A bug in the sink: say where, once in a while, and let the event go to the dead letters.
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logger.error("a sink failed in a way it should not", { stack });
    return new DeliveryError("internal", error instanceof Error ? error.message : String(error));
  }

  function accepted(group: Group): void {
    if (failuresInRow > 0 || state !== "up") recovered();
    const now = host.now();
    meters.delivered.value += group.events.length;
    for (const seq of group.seqs) if (seq >= log.tail) meters.latency.observe((now - log.receivedAt(seq)) / 1_000);
    done(group);
  }

  function recovered(): void {
    if (state !== "up") logger.info("receiver takes events again", { backlog: log.head - low() });
    state = "up";
    failuresInRow = 0;
    meters.up.value = 1;
    lastError = undefined;
    for (const group of waiting) group.readyAt = 0;
  }

  /** Every event of the group has its answer. */
  function done(group: Group): void {
    if (!sequential) for (const [index, seq] of group.seqs.entries()) free(seq, group.events[index], group);
    if (group.next) {
      group.next.readyAt = 0;
      waiting.unshift(group.next);
    }
  }

  function free(seq: number, event: Event | undefined, group: Group): void {
    outstanding.delete(seq);
    if (!event) return;
    const hold = holds.get(event.objectKey);
    if (hold?.group !== group) return;
    // The rest of a bisected group still travels, and may hold a later event of the same object.
    for (let later = group.next; later; later = later.next) {
      if (!later.events.some((other) => other.objectKey === event.objectKey)) continue;
      hold.group = later;
      return;
    }
    hold.group = undefined;
    if (hold.parked.length === 0) holds.delete(event.objectKey);
    else freed.push(event.objectKey);
  }

  function refused(group: Group, error: DeliveryError): void {
    if (error.refused && error.refused.length > 0) {
      partly(group, error.refused, error.retryAfterMs);
      return;
    }
    meters.failed[error.reason].value += group.events.length;
    lastError = `${error.reason}: ${error.message}`;
    const whose = REASONS[error.reason];
    if (whose === "retry") retry(group, error);
    else if (whose === "receiver") open(group, error);
    else if (group.events.length === 1) deadLetter(group, error);
    else bisect(group);
  }

  /** The destination took some of the batch: the rest goes its own ways. */
  function partly(group: Group, refusals: readonly Refusal[], retryAfterMs: number | undefined): void {
    const refusedAt = new Map(refusals.map((refusal) => [refusal.index, refusal]));
    const again: number[] = [];
    let worst: Refusal | undefined;
    const taken: number[] = [];
    for (const index of group.events.keys()) {
      const refusal = refusedAt.get(index);
      if (!refusal) {
        taken.push(index);
      } else if (REASONS[refusal.reason] === "event") {
        meters.failed[refusal.reason].value++;
        deadLetter(part(group, [index]), new DeliveryError(refusal.reason, refusal.message));
      } else {
        again.push(index);
        if (!worst || REASONS[refusal.reason] === "receiver") worst = refusal;
      }
    }
    if (taken.length > 0) accepted(part(group, taken));
    if (!worst) {
      if (group.next) waiting.unshift(group.next);
      return;
    }
    const rest = part(group, again);
    rest.next = group.next;
    refused(rest, new DeliveryError(worst.reason, worst.message, { retryAfterMs }));
  }

  /** Some of a group as a group of its own, which from now on holds their objects. */
  function part(group: Group, indices: readonly number[]): Group {
    const seqs: number[] = [];
    const events: Event[] = [];
    const some: Group = { seqs, events, attempts: group.attempts, readyAt: 0, next: undefined };
    for (const index of indices) {
      const event = group.events[index];
      const seq = group.seqs[index];
      if (!event || seq === undefined) continue;
      seqs.push(seq);
      events.push(event);
      const hold = holds.get(event.objectKey);
      if (hold?.group === group) hold.group = some;
    }
    return some;
  }

  function bisect(group: Group): void {
    const middle = group.events.length >> 1;
    const indices = [...group.events.keys()];
    const second = part(group, indices.slice(middle));
    const first = part(group, indices.slice(0, middle));
    for (const event of first.events) {
      const hold = holds.get(event.objectKey);
      if (hold?.group === second) hold.group = first;
    }
    second.next = group.next;
    first.next = second;
    waiting.unshift(first);
  }

  function retry(group: Group, error: DeliveryError): void {
    const now = host.now();
    group.attempts++;
    failuresInRow++;
    meters.retried.value += group.events.length;
    const ceiling = Math.min(settings.retry.maxMs, settings.retry.minMs * 2 ** Math.min(group.attempts - 1, 20));
    const delay = error.retryAfterMs ?? Math.max(settings.retry.minMs / 2, host.random() * ceiling);
    if (error.reason === "throttled" && error.retryAfterMs !== undefined) {
      pausedUntil = Math.max(pausedUntil, now + error.retryAfterMs);
    }
    group.readyAt = now + delay;
    waiting.push(group);
    logger.warn("delivery failed, will retry", {
      reason: error.reason,
      error: error.message,
      events: group.events.length,
      attempt: group.attempts,
      retryInMs: Math.round(delay),
    });
    if (failuresInRow >= PATIENCE && state === "up") state = "retrying";
  }

  /** The destination refuses Petrel, not the event: wait, keep everything, probe with one delivery. */
  function open(group: Group, error: DeliveryError): void {
    const now = host.now();
    group.attempts++;
    failuresInRow++;
    group.readyAt = now + (error.retryAfterMs ?? PROBE_MS);
    waiting.unshift(group);
    if (state !== "open") {
      logger.error("receiver refuses deliveries, its events wait", {
        reason: error.reason,
        error: error.message,
        probeInMs: Math.round(group.readyAt - now),
      });
    }
    state = "open";
    meters.up.value = 0;
    for (const other of waiting) other.readyAt = Math.max(other.readyAt, group.readyAt);
  }

  function deadLetter(group: Group, error: DeliveryError): void {
    meters.dropped.refused.value += group.events.length;
    for (const event of group.events) host.deadLetter(event, error.reason, error.message);
    // The destination answers: it is this event that it does not want.
    if (failuresInRow > 0 || state !== "up") recovered();
    done(group);
  }

  function low(): number {
    if (!sequential) {
      for (const seq of outstanding) return Math.min(seq, cursor);
      return cursor;
    }
    let lowest = cursor;
    for (const lane of lanes) lowest = Math.min(lowest, lane.group?.seqs[0] ?? cursor);
    for (const group of waiting) lowest = Math.min(lowest, group.seqs[0] ?? cursor);
    return lowest;
  }

  /** Events routed here that are not acknowledged. Reads what the cursor has not passed. */
  function undelivered(): number {
    let count = 0;
    for (const lane of lanes) count += lane.group?.events.length ?? 0;
    for (const first of waiting)
      for (let group: Group | undefined = first; group; group = group.next) count += group.events.length;
    for (const lane of lanes)
      for (let group = lane.group?.next; group; group = group.next) count += group.events.length;
    for (const hold of holds.values()) count += hold.parked.length;
    for (let seq = Math.max(cursor, log.tail); seq < log.head; seq++) count += host.copies(seq, log.event(seq));
    return count;
  }

  return {
    name: settings.name,
    low,
    get cursor() {
      return cursor;
    },
    wake,
    evicted(seq) {
      if (seq < cursor) return;
      cursor = seq + 1;
      meters.dropped.overflow.value++;
    },
    status: () => ({ name: settings.name, state, backlog: log.head - low(), inFlight, lastError }),
    stuck(now) {
      let longest = 0;
      for (const lane of lanes) {
        if (lane.group && now - lane.startedAt > 3 * settings.timeoutMs)
          longest = Math.max(longest, now - lane.startedAt);
      }
      return longest;
    },
    async stop() {
      if (stopped) return 0;
      const left = undelivered();
      stopped = true;
      if (timer !== undefined) clearTimeout(timer);
      meters.dropped.shutdown.value += left;
      for (const lane of lanes) if (lane.group) lane.controller.abort(new DOMException("stopping", "AbortError"));
      waiting = [];
      freed = [];
      await sink[Symbol.asyncDispose]?.();
      return left;
    },
  };
}
