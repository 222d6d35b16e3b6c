/**
 * What a *changed* event (count++) means to a receiver. A store wants every state; a person wants to hear of a crash loop
 * when it begins and as it grows, not every 15 s. The gate is asked once per state, in order, when a cursor passes it.
 */
import type { Event } from "../event.ts";
import { occurrences } from "../normalise.ts";

/**
 * `all`: every state. `first`: the first that is seen. `latest`: the newest of those that wait ({@link Newest}).
 * `countDoubles`: at 1, 2, 4, 8 … occurrences. `everyMs`: at most so often.
 */
export type Updates = "all" | "first" | "latest" | "countDoubles" | { readonly everyMs: number };

/** True: the receiver does not get this state. `now` in milliseconds. */
export type UpdatesGate = (event: Event, now: number) => boolean;

/** Events remembered per receiver; of one forgotten, the next state counts as its first. */
const REMEMBERED = 10_000;

interface Told {
  readonly occurrences: number;
  readonly at: number;
}

/** Undefined for `all` and `latest`: nothing to ask and nothing to remember. */
export function createUpdatesGate(policy: Updates, remembered = REMEMBERED): UpdatesGate | undefined {
  if (policy === "all" || policy === "latest") return undefined;
  const told = new Map<string, Told>();
  return (event, now) => {
    const key = event.metadata.uid || event.id;
    const last = told.get(key);
    const count = occurrences(event);
    if (last !== undefined) {
      const grown =
        policy === "first"
          ? false
          : policy === "countDoubles"
            ? count >= 2 * last.occurrences
            : now - last.at >= policy.everyMs;
      if (!grown) return true;
      told.delete(key);
    } else if (told.size >= remembered) {
      for (const oldest of told.keys()) {
        told.delete(oldest);
        break;
      }
    }
    told.set(key, { occurrences: count, at: now });
    return false;
  };
}

/** For `latest`: which entry of the log holds the newest state of an event. */
export interface Newest {
  /** An entry came; `identity` as {@link import("./gates.ts").identityOf} of the event's uid. */
  came(identity: number, seq: number): void;
  /** The newest entry that may hold a state of this event (of 4 billion two share an identity); undefined: none is known. */
  of(identity: number): number | undefined;
}

/** Events whose newest entry is remembered, at least half of them; of one forgotten, every state that waits is delivered. */
const NEWEST = 65_536;

/** Two generations, as in {@link import("../kube/bounded-cache.ts")}: a Map kept in order by delete and set costs three times all else. */
export function createNewest(remembered = NEWEST): Newest {
  let young = new Map<number, number>();
  let old = new Map<number, number>();
  return {
    came(identity, seq) {
      if (young.size >= remembered / 2 && !young.has(identity)) {
        old = young;
        young = new Map();
      }
      young.set(identity, seq);
    },
    of: (identity) => young.get(identity) ?? old.get(identity),
  };
}
