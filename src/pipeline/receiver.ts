/**
 * Everything a sink is spared: one cursor on the log, batches, order per object, deadlines, retry, rate limit, circuit.
 *
 * A batch is made of what the log holds when a lane is free. While one event of an object is on its way or waits for a
 * retry, later events of that object wait (order.ts), others go on.
 */
import { DeliveryError, REASONS, type Reason, type Refusal } from "../errors.ts";
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import type { Cell, Histogram } from "../metrics.ts";
import type { Sink } from "../sink.ts";
import { isTurnOver, TURN_MS, turn } from "../template/turn.ts";
import { type CircuitState, createCircuit } from "./circuit.ts";
import { GATE_REASONS } from "./gates.ts";
import { type Group, partOf, sizeOf } from "./group.ts";
import { createLanes, GRACE_MS } from "./lanes.ts";
import type { EventLog } from "./log.ts";
import { createOrder } from "./order.ts";

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
  /** True when the entry was pushed out of the log, and {@link Receiver.evicted} told so. */
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

/** How far a receiver has come, and so where its successor begins. */
export interface Progress {
  /** Every entry below is done with, but those in `open`. */
  readonly cursor: number;
  /** Ascending. */
  readonly open: readonly number[];
  /** By watch: the resourceVersion of the last ordered event below the cursor; NaN or absent: none yet. */
  readonly passed: readonly number[];
}

export interface ReceiverStatus {
  readonly name: string;
  readonly state: CircuitState;
  /** Entries that this receiver has not read yet, that wait for their turn, or are on their way. */
  readonly backlog: number;
  readonly inFlight: number;
  readonly lastError: string | undefined;
}

export interface Receiver {
  readonly name: string;
  /** The oldest entry that is not acknowledged; `log.head` when there is none. */
  low(): number;
  /** As {@link ReceiverStatus.backlog}. */
  readonly backlog: number;
  progress(): Progress;
  /** Changes with {@link progress}, and costs nothing. */
  mark(): { readonly cursor: number; readonly open: number };
  /** Something may be ready: cheap, may be called once per event. */
  wake(): void;
  /** Delivers nothing from now on, and aborts what is under way, to be delivered again; until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Forgets what waits, and begins anew at the log's head: all of it is somebody else's job now. Only while paused. */
  abandon(lost?: number): void;
  /**
   * Begins no more deliveries and waits for those under way, at most as long as one may take; then ends. Counts nothing
   * as dropped: what it returns is where its successor begins.
   */
  retire(): Promise<Progress>;
  /**
   * Sends an event that is no entry of the log (again), beside what the log holds and beyond its order. Resolves when
   * the destination took it, with undefined, or refused it for good; a failure that may pass is tried again.
   */
  redeliver(event: Event): Promise<DeliveryError | undefined>;
  /** From now on no delivery waits for more events: there will be none. */
  hurry(): void;
  /** The log is about to drop this entry. */
  evicted(seq: number): void;
  status(): ReceiverStatus;
  /** Milliseconds since an attempt began whose end is overdue (3 times its deadline, and the grace after it); 0: none. */
  stuck(now: number): number;
  /**
   * Ends attempts under way and timers, within seconds. Returns how many events were routed here and not delivered:
   * dropped by `shutdown`. If they are kept for the next start instead, nobody looks which of the entries that were not
   * read are for this receiver: then it is how many may be.
   */
  stop(kept?: boolean): Promise<number>;
  /** The positions of this watch, of all that is in the log so far, mean nothing any more. */
  forgetPosition(watch: number): void;
}

/** Objects, and events, that may wait for a retry before the receiver itself waits. */
const MAX_HELD = 1_000;
/** Entries that wait for an earlier one of their object; then the receiver itself waits. */
const MAX_PARKED = 10_000;
/** Entries read at once, for this receiver or not. */
const MAX_READ = 2_000;
/** A timer of more milliseconds than 31 bits hold fires at once. */
const MAX_TIMER_MS = 0x7fffffff;
/** What a sink may take to close its connections. */
const DISPOSE_MS = 2_000;
/** The answer to what is still to be sent again when a receiver ends. */
const stopping = (): DeliveryError => new DeliveryError("unavailable", "the receiver stops");

/** `start`: default at the log's head. */
export function createReceiver(settings: ReceiverSettings, sink: Sink, host: ReceiverHost, start?: Progress): Receiver {
  const { log, meters, logger } = host;
  const { batch: limits, concurrency } = settings;
  // With one lane, and a destination that takes a batch whole or not at all, order keeps itself until something fails.
  const sequential = concurrency === 1 && !settings.partial;
  let order = createOrder({ alone: settings.partial });
  const lanes = createLanes({ sink, concurrency, timeoutMs: settings.timeoutMs, settled });

  let cursor = start?.cursor ?? log.head;
  const passed: number[] = [...(start?.passed ?? [])];
  /** Entries below the cursor that were not acknowledged before; they come first. */
  const redo = [...(start?.open ?? [])];
  /** Entries below are of another history of the API server. */
  let rememberFrom = 0;
  /** Events under way when the receiver was stopped that were not taken. */
  let cutOff = 0;
  /** What was under way when its events became somebody else's job. */
  const abandoned = new WeakSet<Group>();
  let paused = false;
  let retired = false;
  let idle: (() => void) | undefined;
  const circuit = createCircuit({ ...settings.retry, random: host.random });
  /** Whether the next probe of a destination that is down is an event that was not tried yet. */
  let probeFresh = false;
  let tracked = !sequential;
  let stopped = false;
  let hurried = false;
  let awake = false;
  let tokens = Math.max(1, settings.rateLimit);
  let tokensAt = host.now();
  /** Events in a delivery whose templates do not hold the event loop for long. */
  let affordable = limits.count;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  let waiting: Group[] = [];

  function wakeAt(at: number): void {
    if (stopped || at >= timerAt) return;
    if (timer !== undefined) clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(onTimer, Math.min(Math.max(0, Math.ceil(at - host.now())), MAX_TIMER_MS));
  }

  function onTimer(): void {
    timer = undefined;
    timerAt = Number.POSITIVE_INFINITY;
    wakeAt(lanes.check(host.now()));
    pump();
  }

  function wake(): void {
    if (awake || stopped) return;
    awake = true;
    queueMicrotask(pump);
  }

  function pump(): void {
    awake = false;
    if (stopped || paused || retired || host.leads?.() === false) return;
    const now = host.now();
    const until = circuit.until();
    if (now < until) {
      wakeAt(until);
      return;
    }
    while (lanes.busy < (circuit.state === "up" ? concurrency : 1)) {
      if (isTurnOver()) {
        awake = true;
        setImmediate(pump);
        break;
      }
      const group = next(now);
      if (!group) break;
      wakeAt(now + settings.timeoutMs);
      const before = turn.ms;
      lanes.begin(group, now);
      const perEvent = (turn.ms - before) / group.events.length;
      affordable = perEvent > 0 ? Math.max(1, Math.floor(TURN_MS / perEvent)) : Math.min(affordable * 2, limits.count);
      if (circuit.state !== "up" && now < circuit.until()) break;
    }
    // Entries that nothing routes here are passed without a delivery that would tell of them.
    if (lanes.busy === 0) host.acknowledged();
  }

  function next(now: number): Group | undefined {
    if (circuit.state !== "retrying") return due(now) ?? collect(now);
    // One event may be what the destination stumbles over: it must not stand for all others for ever.
    probeFresh = !probeFresh;
    return probeFresh ? (collect(now) ?? due(now)) : (due(now) ?? collect(now));
  }

  /** The first group whose wait is over. */
  function due(now: number): Group | undefined {
    let soonest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < waiting.length; index++) {
      const group = waiting[index];
      if (!group) continue;
      if (group.readyAt > now) {
        soonest = Math.min(soonest, group.readyAt);
        continue;
      }
      if (settings.rateLimit > 0 && !token(now)) return undefined;
      waiting.splice(index, 1);
      const young = withoutStale(group, now);
      if (young) {
        tokens -= young.events.length;
        return young;
      }
      // What waited for the group has come to the front.
      index = -1;
      soonest = Number.POSITIVE_INFINITY;
    }
    wakeAt(soonest);
    return undefined;
  }

  /** What of a group is still worth a delivery; the rest is dropped. */
  function withoutStale(group: Group, now: number): Group | undefined {
    if (settings.maxAgeMs === 0) return group;
    const old = [...group.seqs.keys()].filter((index) => now - (group.receivedAt[index] ?? 0) > settings.maxAgeMs);
    if (old.length === 0) return group;
    meters.dropped.stale.value += old.length;
    answered(partOf(group, old));
    if (old.length === group.seqs.length) {
      proceed(group);
      return undefined;
    }
    const rest = partOf(
      group,
      [...group.seqs.keys()].filter((index) => !old.includes(index)),
    );
    rest.next = group.next;
    return rest;
  }

  /** Makes a group of what the log holds; undefined when nothing is ready. */
  function collect(now: number): Group | undefined {
    if (waiting.length > 0) {
      // The cursor stays while the destination refuses Petrel itself.
      if (circuit.state === "open" || order.objects >= MAX_HELD || order.travelling >= MAX_HELD) return undefined;
    } else if (tracked && sequential && order.entries === 0) {
      tracked = false;
    }
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
    const most = Math.min(limits.count, affordable);
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
      if (settings.rateLimit > 0 && !token(now)) break;
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
        if (settings.rateLimit > 0) tokens--;
        seqs.push(seq);
        events.push(event);
        receivedAt.push(at);
      }
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

  function token(now: number): boolean {
    tokens = Math.min(Math.max(1, settings.rateLimit), tokens + ((now - tokensAt) / 1_000) * settings.rateLimit);
    tokensAt = now;
    if (tokens >= 1) return true;
    wakeAt(now + ((1 - tokens) / settings.rateLimit) * 1_000);
    return false;
  }

  function settled(group: Group, error: unknown): void {
    if (abandoned.has(group)) {
      if (error === undefined) meters.delivered.value += group.events.length;
      group.done?.(error === undefined ? undefined : stopping());
      return;
    }
    if (stopped) {
      if (error === undefined) {
        meters.delivered.value += group.events.length;
        host.delivered?.(group.events);
        answered(group);
      }
      if (group.done) group.done(error === undefined ? undefined : stopping());
      else if (error !== undefined) {
        meters.ambiguous.value += group.events.length;
        cutOff += group.events.length;
      }
      if (group.next) cutOff += sizeOf(group.next);
      return;
    }
    if (error === undefined) {
      accepted(group);
      proceed(group);
    } else if (paused && !(error instanceof DeliveryError && error.refused)) {
      // Petrel itself cut it off: no fault of the destination.
      if (!tracked) track(group);
      meters.ambiguous.value += group.events.length;
      waiting.unshift(group);
    } else {
      if (!tracked) track(group);
      refused(group, asDeliveryError(error));
    }
    if (lanes.busy === 0) idle?.();
    host.acknowledged();
    wake();
  }

  /** From here on order does not keep itself: what failed waits, and others go on. */
  function track(group: Group): void {
    tracked = true;
    for (let index = 0; index < group.seqs.length; ) {
      const seq = group.seqs[index] ?? 0;
      let copies = 1;
      while (group.seqs[index + copies] === seq) copies++;
      order.enter(seq, group.events[index]?.objectKey ?? "", group, copies);
      index += copies;
    }
  }

  function asDeliveryError(error: unknown): DeliveryError {
    if (error instanceof DeliveryError) return error;
    // A bug in the sink: say where, once in a while, and let the event go to the dead letters.
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logger.error("a sink failed in a way it should not", { stack });
    return new DeliveryError("internal", error instanceof Error ? error.message : String(error));
  }

  function accepted(group: Group): void {
    alive();
    const now = host.now();
    meters.delivered.value += group.events.length;
    host.delivered?.(group.events);
    for (const at of group.receivedAt) meters.latency.observe(Math.max(0, now - at) / 1_000);
    answered(group);
    group.done?.(undefined);
  }

  /** The destination answers, be it that it takes an event or that it refuses one. */
  function alive(): void {
    if (!circuit.answered()) return;
    logger.info("receiver takes events again", { backlog: backlog() });
    meters.up.value = 1;
    for (const group of waiting) group.readyAt = 0;
  }

  function answered(group: Group): void {
    if (!tracked) return;
    for (const [index, seq] of group.seqs.entries()) order.answered(seq, group.events[index]?.objectKey ?? "");
  }

  /** The group has no more to do: what waited for it is next. */
  function proceed(group: Group): void {
    if (!group.next) return;
    group.next.readyAt = 0;
    waiting.unshift(group.next);
  }

  function refused(group: Group, error: DeliveryError): void {
    if (error.refused && error.refused.length > 0) {
      partly(group, error.refused, error.retryAfterMs);
      return;
    }
    const whose = REASONS[error.reason];
    if (whose === "event" && group.events.length > 1) {
      // Only halving shows which event is to blame; the others did not fail.
      bisect(group);
      return;
    }
    meters.failed[error.reason].value += group.events.length;
    if (error.reason === "network" || error.reason === "timeout") meters.ambiguous.value += group.events.length;
    circuit.note(error);
    if (whose === "retry") retry(group, error);
    else if (whose === "receiver") open(group, error);
    else {
      deadLetter(group, error);
      proceed(group);
    }
  }

  /** The destination took some of the batch: the rest goes its own ways. */
  function partly(group: Group, refusals: readonly Refusal[], retryAfterMs: number | undefined): void {
    const refusedAt = new Map(refusals.map((refusal) => [refusal.index, refusal]));
    const again: number[] = [];
    const taken: number[] = [];
    let worst: Refusal | undefined;
    for (const index of group.events.keys()) {
      const refusal = refusedAt.get(index);
      if (!refusal) {
        taken.push(index);
      } else if (REASONS[refusal.reason] === "event") {
        meters.failed[refusal.reason].value++;
        deadLetter(partOf(group, [index]), new DeliveryError(refusal.reason, refusal.message));
      } else {
        again.push(index);
        if (!worst || REASONS[refusal.reason] === "receiver") worst = refusal;
      }
    }
    if (taken.length > 0) accepted(partOf(group, taken));
    if (!worst) {
      proceed(group);
      return;
    }
    const rest = partOf(group, again);
    rest.next = group.next;
    refused(rest, new DeliveryError(worst.reason, worst.message, { retryAfterMs }));
  }

  function bisect(group: Group): void {
    const middle = group.events.length >> 1;
    const indices = [...group.events.keys()];
    const first = partOf(group, indices.slice(0, middle));
    first.next = partOf(group, indices.slice(middle));
    first.next.next = group.next;
    waiting.unshift(first);
  }

  function retry(group: Group, error: DeliveryError): void {
    const now = host.now();
    group.attempts++;
    meters.retried.value += group.events.length;
    const delay = circuit.failed(error, group.attempts, now);
    group.readyAt = now + delay;
    waiting.push(group);
    logger.warn("delivery failed, will retry", {
      reason: error.reason,
      error: error.message,
      events: group.events.length,
      attempt: group.attempts,
      retryInMs: Math.round(delay),
    });
  }

  /** The destination refuses Petrel, not the event: wait, keep everything, probe with one delivery. */
  function open(group: Group, error: DeliveryError): void {
    const now = host.now();
    const first = circuit.state !== "open";
    group.attempts++;
    const probeAt = circuit.refused(error, now);
    // At the end: where several groups wait, each is the probe in its turn.
    waiting.push(group);
    if (first) {
      logger.error("receiver refuses deliveries, its events wait", {
        reason: error.reason,
        error: error.message,
        probeInMs: Math.round(probeAt - now),
      });
    }
    meters.up.value = 0;
    for (const one of waiting) one.readyAt = probeAt;
  }

  function deadLetter(group: Group, error: DeliveryError): void {
    if (group.done) {
      alive();
      group.done(error);
      return;
    }
    meters.dropped.refused.value += group.events.length;
    for (const [index, event] of group.events.entries()) {
      host.deadLetter(event, error.reason, error.message, group.attempts + 1, group.seqs[index] ?? -1);
    }
    alive();
    answered(group);
  }

  function low(): number {
    const unread = redo[0] ?? cursor;
    if (tracked) return Math.min(unread, order.oldest(unread));
    return Math.min(unread, lanes.group()?.seqs[0] ?? unread);
  }

  /** Entries below the cursor that are not done with; what is sent twice counts so. */
  function openCount(): number {
    return redo.length + (tracked ? order.entries : (lanes.group()?.seqs.length ?? 0));
  }

  function backlog(): number {
    return log.head - cursor + openCount();
  }

  function progress(): Progress {
    const open = new Set(tracked ? order.seqs() : (lanes.group()?.seqs ?? []));
    for (const seq of redo) open.add(seq);
    return { cursor, open: [...open].sort((a, b) => a - b), passed };
  }

  /** Begins nothing any more. What is under way and then cut off is not done with, whoever asks for the progress. */
  function halt(): void {
    stopped = true;
    if (timer !== undefined) clearTimeout(timer);
    const underWay = lanes.group();
    if (!tracked && underWay) track(underWay);
  }

  /** Events that were neither attempted to the end nor dropped, but for those under way. */
  function left(): number {
    let events = 0;
    for (const group of waiting) if (!group.done) events += sizeOf(group);
    for (const seq of order.parked()) events += host.copies(seq);
    for (const seq of redo) if (!log.gone(seq)) events += host.copies(seq);
    for (let seq = cursor; seq < log.head; seq++) if (!log.gone(seq)) events += host.copies(seq);
    return events;
  }

  return {
    name: settings.name,
    low,
    progress,
    mark: () => ({ cursor, open: openCount() }),
    pause() {
      if (paused || stopped) return;
      paused = true;
      wakeAt(lanes.cancel(host.now()));
    },
    resume() {
      if (paused) for (const group of waiting) group.readyAt = 0;
      paused = false;
      wake();
    },
    abandon(lost = 0) {
      meters.dropped.shutdown.value += lost;
      for (const group of lanes.groups()) abandoned.add(group);
      for (const group of waiting) group.done?.(stopping());
      waiting = [];
      order = createOrder({ alone: settings.partial });
      tracked = !sequential;
      redo.length = 0;
      passed.length = 0;
      cursor = log.head;
      circuit.reset();
    },
    async retire() {
      retired = true;
      if (lanes.busy > 0) {
        await new Promise<void>((resolve) => {
          const late = setTimeout(resolve, settings.timeoutMs + 2 * GRACE_MS);
          idle = () => {
            clearTimeout(late);
            resolve();
          };
        });
      }
      halt();
      for (const group of waiting) group.done?.(stopping());
      await lanes.stop();
      // What was taken at the last moment is done with.
      const end = progress();
      await disposed();
      return end;
    },
    get backlog() {
      return backlog();
    },
    wake,
    redeliver(event) {
      if (stopped) return Promise.resolve(stopping());
      return new Promise((done) => {
        const group = { seqs: [], events: [event], receivedAt: [host.now()], attempts: 0, readyAt: 0 };
        waiting.push({ ...group, next: undefined, done });
        wake();
      });
    },
    hurry() {
      hurried = true;
      wake();
    },
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
    status() {
      const { state, lastError } = circuit;
      return { name: settings.name, state, backlog: backlog(), inFlight: lanes.busy, lastError };
    },
    stuck(now) {
      const longest = lanes.longest(now);
      return longest > Math.max(3 * settings.timeoutMs, settings.timeoutMs + 5 * GRACE_MS) ? longest : 0;
    },
    async stop(kept = false) {
      if (stopped) return 0;
      halt();
      let undelivered = kept ? backlog() - lanes.groups().reduce((sum, group) => sum + group.seqs.length, 0) : left();
      for (const group of waiting) group.done?.(stopping());
      waiting = [];
      cutOff = 0;
      for (const group of await lanes.stop()) {
        if (group.done) group.done(stopping());
        else cutOff += sizeOf(group);
      }
      undelivered += cutOff;
      if (!kept) meters.dropped.shutdown.value += undelivered;
      await disposed();
      return undelivered;
    },
    forgetPosition(watch) {
      rememberFrom = log.head;
      passed[watch] = Number.NaN;
    },
  };

  async function disposed(): Promise<void> {
    let late: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<void>((resolve) => {
      late = setTimeout(resolve, DISPOSE_MS);
    });
    try {
      await Promise.race([sink[Symbol.asyncDispose]?.(), deadline]);
    } catch (error) {
      logger.warn("a sink did not close as it should", {
        error: error instanceof Error ? error.message : String(error),
      });
    } finally {
      clearTimeout(late);
    }
  }
}
