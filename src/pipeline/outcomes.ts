/** What becomes of a delivery that has ended: taken, refused in whole or in part, tried again, sent to the dead letters. */
import { DeliveryError, REASONS, type Refusal } from "../errors.ts";
import type { Circuit } from "./circuit.ts";
import type { Cursor } from "./cursor.ts";
import { type Group, partOf, sizeOf } from "./group.ts";
import type { Rate } from "./rate.ts";
import type { ReceiverHost, ReceiverSettings } from "./receiver-host.ts";

export interface Outcomes {
  /** Groups that wait to be tried again. */
  readonly waiting: number;
  /** Events in them, and in what waits for them. */
  left(): number;
  /** The first group whose wait is over. */
  due(now: number): Group | undefined;
  /** The destination took it. */
  accepted(group: Group): void;
  /** The destination did not. */
  refused(group: Group, error: unknown): void;
  /** Petrel itself cut it off, which is no fault of the destination. */
  again(group: Group): void;
  /** An event that is no entry of the log is to be sent; `group.done` is told. */
  add(group: Group): void;
  /** Nothing waits any longer for its time. */
  hurry(): void;
  /** Forgets what waits. */
  clear(): void;
}

export interface OutcomesHost {
  readonly cursor: Cursor;
  readonly circuit: Circuit;
  /** Events that may go out. */
  readonly rate: Rate;
  /** A group may be due then. */
  wakeAt(at: number): void;
}

/** The answer to what is still to be sent again when a receiver ends. */
export const stopping = (): DeliveryError => new DeliveryError("unavailable", "the receiver stops");

/** The destination may have taken what it was sent. */
const isAmbiguous = ({ reason }: DeliveryError): boolean => reason === "network" || reason === "timeout";

export function createOutcomes(
  settings: Pick<ReceiverSettings, "maxAgeMs">,
  host: ReceiverHost,
  { cursor, circuit, rate, wakeAt }: OutcomesHost,
): Outcomes {
  const { meters, logger } = host;
  let waiting: Group[] = [];

  function due(now: number): Group | undefined {
    let soonest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < waiting.length; index++) {
      const group = waiting[index];
      if (!group) continue;
      if (group.readyAt > now) {
        soonest = Math.min(soonest, group.readyAt);
        continue;
      }
      const rest = rate.wait(now);
      if (rest > 0) {
        wakeAt(now + rest);
        return undefined;
      }
      waiting.splice(index, 1);
      const young = withoutStale(group, now);
      if (young) {
        rate.spend(young.events.length);
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
    cursor.answered(partOf(group, old));
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
    cursor.answered(group);
    group.done?.(undefined);
  }

  /** The destination answers, be it that it takes an event or that it refuses one. */
  function alive(): void {
    if (!circuit.answered()) return;
    logger.info("receiver takes events again", { backlog: cursor.backlog() });
    meters.up.value = 1;
    for (const group of waiting) group.readyAt = 0;
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
    if (isAmbiguous(error)) meters.ambiguous.value += group.events.length;
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

  /** One that takes what it is sent, and says nothing, gets one event again with each probe, and not a batch. */
  function firstOf(group: Group): Group {
    if (group.events.length === 1) return group;
    const [first = 0, ...others] = group.events.keys();
    const probe = partOf(group, [first]);
    probe.next = partOf(group, others);
    probe.next.next = group.next;
    return probe;
  }

  function retry(group: Group, error: DeliveryError): void {
    const now = host.now();
    group.attempts++;
    meters.retried.value += group.events.length;
    const delay = circuit.failed(error, group.attempts, now);
    const tried = circuit.state === "retrying" && isAmbiguous(error) ? firstOf(group) : group;
    tried.readyAt = now + delay;
    waiting.push(tried);
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
    cursor.answered(group);
  }

  return {
    get waiting() {
      return waiting.length;
    },
    left: () => waiting.reduce((events, group) => (group.done ? events : events + sizeOf(group)), 0),
    due,
    accepted(group) {
      accepted(group);
      proceed(group);
    },
    refused: (group, error) => refused(group, asDeliveryError(error)),
    again(group) {
      meters.ambiguous.value += group.events.length;
      waiting.unshift(group);
    },
    add: (group) => waiting.push(group),
    hurry() {
      for (const group of waiting) group.readyAt = 0;
    },
    clear() {
      for (const group of waiting) group.done?.(stopping());
      waiting = [];
    },
  };
}
