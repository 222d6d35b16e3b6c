/**
 * Everything a sink is spared: one cursor on the log, batches, order per object, deadlines, retry, rate limit, circuit.
 *
 * A batch is made of what the log holds when a lane is free (cursor.ts); what becomes of it is decided in outcomes.ts.
 */
import { DeliveryError } from "../errors.ts";
import type { Event } from "../event.ts";
import type { Sink } from "../sink.ts";
import { isTurnOver, TURN_MS, turn } from "../template/turn.ts";
import { type CircuitState, createCircuit } from "./circuit.ts";
import { createCursor, type Progress } from "./cursor.ts";
import { type Group, sizeOf } from "./group.ts";
import { createLanes, GRACE_MS } from "./lanes.ts";
import { createOutcomes, stopping } from "./outcomes.ts";
import { createCountedRate, createRate } from "./rate.ts";
import type { ReceiverHost, ReceiverSettings } from "./receiver-host.ts";

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
  /** A destination that refuses Petrel itself is tried now: its secret may be another. */
  probe(): void;
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

/** A timer of more milliseconds than 31 bits hold fires at once. */
const MAX_TIMER_MS = 0x7fffffff;
/** What a sink may take to close its connections. */
const DISPOSE_MS = 2_000;

/** `start`: default at the log's head. */
export function createReceiver(settings: ReceiverSettings, sink: Sink, host: ReceiverHost, start?: Progress): Receiver {
  const { meters, logger } = host;
  const { batch: limits, concurrency } = settings;
  const lanes = createLanes({ sink, concurrency, timeoutMs: settings.timeoutMs, settled });
  const circuit = createCircuit({ ...settings.retry, random: host.random });
  const rate = createRate(settings.eventsPerSecond, host.now());
  const bandwidth = createCountedRate(settings.bytesPerSecond, meters.sent, host.now());
  const cursor = createCursor(settings, host, { rate, underWay: lanes.group, wakeAt, wake }, start);
  const outcomes = createOutcomes(settings, host, { cursor, circuit, rate, wakeAt });

  /** Events under way when the receiver was stopped that were not taken. */
  let cutOff = 0;
  /** What was under way when its events became somebody else's job. */
  const abandoned = new WeakSet<Group>();
  let paused = false;
  let retired = false;
  let idle: (() => void) | undefined;
  /** Whether the next probe of a destination that is down is an event that was not tried yet. */
  let probeFresh = false;
  let stopped = false;
  let hurried = false;
  let awake = false;
  /** Events in a delivery whose templates do not hold the event loop for long. */
  let affordable = limits.count;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

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
      const rest = bandwidth.wait(now);
      if (rest > 0) {
        wakeAt(now + rest);
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
    if (circuit.state !== "retrying") return outcomes.due(now) ?? collect(now);
    // One event may be what the destination stumbles over: it must not stand for all others for ever.
    probeFresh = !probeFresh;
    return probeFresh ? (collect(now) ?? outcomes.due(now)) : (outcomes.due(now) ?? collect(now));
  }

  function collect(now: number): Group | undefined {
    if (outcomes.waiting === 0) cursor.settled();
    // The cursor stays while the destination refuses Petrel itself.
    else if (circuit.state === "open" || cursor.full) return undefined;
    return cursor.collect(now, Math.min(limits.count, affordable), hurried);
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
        cursor.answered(group);
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
      outcomes.accepted(group);
    } else if (paused && !(error instanceof DeliveryError && error.refused)) {
      cursor.track(group);
      outcomes.again(group);
    } else {
      cursor.track(group);
      outcomes.refused(group, error);
    }
    if (lanes.busy === 0) idle?.();
    host.acknowledged();
    wake();
  }

  /** Begins nothing any more. What is under way and then cut off is not done with, whoever asks for the progress. */
  function halt(): void {
    stopped = true;
    if (timer !== undefined) clearTimeout(timer);
    const underWay = lanes.group();
    if (underWay) cursor.track(underWay);
  }

  return {
    name: settings.name,
    low: cursor.low,
    progress: cursor.progress,
    mark: cursor.mark,
    pause() {
      if (paused || stopped) return;
      paused = true;
      wakeAt(lanes.cancel(host.now()));
    },
    resume() {
      if (paused) outcomes.hurry();
      paused = false;
      wake();
    },
    probe() {
      if (!circuit.hasten()) return;
      outcomes.hurry();
      wake();
    },
    abandon(lost = 0) {
      meters.dropped.shutdown.value += lost;
      for (const group of lanes.groups()) abandoned.add(group);
      outcomes.clear();
      cursor.abandon();
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
      outcomes.clear();
      await lanes.stop();
      // What was taken at the last moment is done with.
      const end = cursor.progress();
      await disposed();
      return end;
    },
    get backlog() {
      return cursor.backlog();
    },
    wake,
    redeliver(event) {
      if (stopped) return Promise.resolve(stopping());
      return new Promise((done) => {
        const group = { seqs: [], events: [event], receivedAt: [host.now()], attempts: 0, readyAt: 0 };
        outcomes.add({ ...group, next: undefined, done });
        wake();
      });
    },
    hurry() {
      hurried = true;
      wake();
    },
    evicted: cursor.evicted,
    status() {
      const { state, lastError } = circuit;
      return { name: settings.name, state, backlog: cursor.backlog(), inFlight: lanes.busy, lastError };
    },
    stuck(now) {
      const longest = lanes.longest(now);
      return longest > Math.max(3 * settings.timeoutMs, settings.timeoutMs + 5 * GRACE_MS) ? longest : 0;
    },
    async stop(kept = false) {
      if (stopped) return 0;
      halt();
      let undelivered = kept
        ? cursor.backlog() - lanes.groups().reduce((sum, group) => sum + group.seqs.length, 0)
        : outcomes.left() + cursor.left();
      outcomes.clear();
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
    forgetPosition: cursor.forgetPosition,
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
