/** Who gets which entry of the log, as one config has it: decided once, however many receivers ask. */
import type { Logger } from "../logger.ts";
import type { Cell } from "../metrics.ts";
import type { EventLog } from "./log.ts";
import type { Router } from "./route.ts";

export interface Routing {
  /** Indices of receivers, in delivery order. Only for what the log holds; never change the array. */
  receiversOf(seq: number): readonly number[];
}

export interface RoutingOptions {
  readonly router: Router;
  readonly log: EventLog;
  readonly logger: Logger;
  /** Counts the events that go nowhere. */
  readonly unmatched: Cell;
  /** Entries whose decision is kept at least. */
  readonly remembered: number;
}

/** Decisions kept at most. A power of two. */
const MAX_ROUTES = 65_536;

export function createRouting({ router, log, logger, unmatched, remembered }: RoutingOptions): Routing {
  let routes = 1024;
  while (routes < remembered && routes < MAX_ROUTES) routes *= 2;
  const routedSeq = new Float64Array(routes).fill(-1);
  const routed: (readonly number[])[] = new Array(routes).fill([]);
  /** One array for each set of receivers, however many events they get. */
  const sets: (readonly number[])[] = [];
  /** The newest entry that was ever routed: a slow receiver may ask again for what was forgotten. */
  let routedUpTo = log.head - 1;

  function shared(set: readonly number[]): readonly number[] {
    for (const known of sets) {
      if (known.length === set.length && known.every((receiver, at) => receiver === set[at])) return known;
    }
    if (sets.length < 16) sets.push(set);
    return set;
  }

  function routeOf(seq: number): readonly number[] {
    try {
      return router.route(log.event(seq));
    } catch (error) {
      // A bug, or a shape that no API server lets pass: it must not end the watch, nor the process.
      logger.error("an event cannot be routed and goes nowhere", {
        error: error instanceof Error ? error.message : String(error),
        version: log.version(seq),
      });
      return [];
    }
  }

  return {
    receiversOf(seq) {
      const at = seq % routes;
      if (routedSeq[at] === seq) return routed[at] ?? [];
      const found = shared(routeOf(seq));
      if (found.length === 0 && seq > routedUpTo) unmatched.value++;
      routedUpTo = Math.max(routedUpTo, seq);
      routedSeq[at] = seq;
      routed[at] = found;
      return found;
    },
  };
}
