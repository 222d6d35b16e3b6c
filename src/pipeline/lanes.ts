/** Deliveries under way: how many at once, how long each may take, and what becomes of one that does not end. */
import { DeliveryError } from "../errors.ts";
import type { Batch, Sink } from "../sink.ts";
import type { Group } from "./group.ts";

export interface Lanes {
  /** Deliveries under way. */
  readonly busy: number;
  /** Begins a delivery; there must be a lane that is not busy. */
  begin(group: Group, now: number): void;
  /** Aborts what is overdue, gives up what does not heed that. Returns when to ask again; Infinity: not before the next delivery. */
  check(now: number): number;
  /** Aborts what is under way. Returns when to {@link check} for what does not heed that; Infinity: nothing is. */
  cancel(now: number): number;
  /** A group under way, the only one where there is one lane. */
  group(): Group | undefined;
  /** Everything under way. */
  groups(): readonly Group[];
  /** Milliseconds since the oldest delivery under way began; 0 when there is none. */
  longest(now: number): number;
  /** Aborts every delivery and resolves when all have ended, or after the grace period, with the groups given up then. */
  stop(): Promise<readonly Group[]>;
}

export interface LanesOptions {
  readonly sink: Sink;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Called once per delivery; `error` undefined: the destination took it. */
  settled(group: Group, error: unknown): void;
}

interface Lane {
  controller: AbortController;
  group: Group | undefined;
  startedAt: number;
  /** When an aborted delivery is given up; 0 while it is not aborted. */
  giveUpAt: number;
  /** It was overdue when this process went on, and got a little more time. */
  spared: boolean;
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

/** After an abort a sink has this long to settle; then its answer no longer counts. */
export const GRACE_MS = 1_000;
/**
 * A deadline that is noticed so late was missed by a process that did not run: stopped, moved to another machine, or short
 * of CPU. An answer that came meanwhile is read before long, and the event need not be sent twice.
 */
const LATE_MS = 200;
const SPARE_MS = 100;

export function createLanes(options: LanesOptions): Lanes {
  const { sink, timeoutMs } = options;
  const lanes: Lane[] = Array.from({ length: options.concurrency }, newLane);
  let busy = 0;
  let idle: (() => void) | undefined;

  // One pair of callbacks per lane, and not per delivery: this is the hot path.
  function newLane(): Lane {
    const lane: Lane = {
      controller: new AbortController(),
      group: undefined,
      startedAt: 0,
      giveUpAt: 0,
      spared: false,
      succeed: () => settle(lane, undefined),
      fail: (error) => settle(lane, error ?? new Error("rejected without a reason")),
    };
    return lane;
  }

  const timedOut = () => new DeliveryError("timeout", `no answer within ${timeoutMs} ms`);

  function settle(lane: Lane, error: unknown): void {
    const { group } = lane;
    // An answer after the grace period: the lane was given up, its group went on without it.
    if (!group) return;
    lane.group = undefined;
    busy--;
    const aborted = lane.giveUpAt > 0;
    if (aborted) {
      lane.giveUpAt = 0;
      lane.controller = new AbortController();
    }
    // Cut off in the middle, a sink may still know what was taken.
    const tells = error === undefined || (error instanceof DeliveryError && error.refused !== undefined);
    options.settled(group, aborted && !tells ? timedOut() : error);
    if (busy === 0) idle?.();
  }

  return {
    get busy() {
      return busy;
    },
    begin(group, now) {
      const lane = lanes.find((candidate) => candidate.group === undefined);
      if (!lane) throw new Error("no lane is free");
      busy++;
      lane.group = group;
      lane.startedAt = now;
      lane.spared = false;
      try {
        sink.deliver(group.events as unknown as Batch, lane.controller.signal).then(lane.succeed, lane.fail);
      } catch (error) {
        lane.fail(error);
      }
    },
    check(now) {
      let next = Number.POSITIVE_INFINITY;
      for (const [index, lane] of lanes.entries()) {
        if (!lane.group) continue;
        const deadline = lane.startedAt + timeoutMs;
        if (now < deadline) {
          next = Math.min(next, deadline);
        } else if (lane.giveUpAt === 0 && !lane.spared && now - deadline > LATE_MS) {
          lane.spared = true;
          next = Math.min(next, now + SPARE_MS);
        } else if (lane.giveUpAt === 0) {
          lane.giveUpAt = now + GRACE_MS;
          lane.controller.abort(new DOMException("the delivery timed out", "TimeoutError"));
          next = Math.min(next, lane.giveUpAt);
        } else if (now >= lane.giveUpAt) {
          lanes[index] = newLane();
          settle(lane, timedOut());
        } else {
          next = Math.min(next, lane.giveUpAt);
        }
      }
      return next;
    },
    cancel(now) {
      if (busy === 0) return Number.POSITIVE_INFINITY;
      for (const lane of lanes) {
        if (!lane.group || lane.giveUpAt > 0) continue;
        lane.giveUpAt = now + GRACE_MS;
        lane.controller.abort(new DOMException("the delivery is called off", "AbortError"));
      }
      return now + GRACE_MS;
    },
    group() {
      for (const { group } of lanes) if (group) return group;
      return undefined;
    },
    groups: () => lanes.flatMap(({ group }) => (group ? [group] : [])),
    longest(now) {
      let longest = 0;
      for (const lane of lanes) if (lane.group) longest = Math.max(longest, now - lane.startedAt);
      return longest;
    },
    async stop() {
      for (const lane of lanes) if (lane.group) lane.controller.abort(new DOMException("stopping", "AbortError"));
      if (busy > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, GRACE_MS);
          idle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const left: Group[] = [];
      for (const lane of lanes) {
        if (lane.group) left.push(lane.group);
        lane.group = undefined;
      }
      return left;
    },
  };
}
