/**
 * What a *changed* event (count++) means to a receiver. A store wants every state; a person wants to hear of a crash loop
 * when it begins and as it grows, not every 15 s. The gate is asked once per state, in order, when a cursor passes it.
 */
import type { Event } from "../event.ts";
import { occurrences } from "../normalise.ts";

/** `all`: every state. `first`: the first that is seen. `countDoubles`: at 1, 2, 4, 8 … occurrences. `everyMs`: at most so often. */
export type Updates = "all" | "first" | "countDoubles" | { readonly everyMs: number };

/** True: the receiver does not get this state. `now` in milliseconds. */
export type UpdatesGate = (event: Event, now: number) => boolean;

/** Events remembered per receiver; of one forgotten, the next state counts as its first. */
const REMEMBERED = 10_000;

interface Told {
  readonly occurrences: number;
  readonly at: number;
}

/** Undefined for `all`: nothing to ask and nothing to remember. */
export function createUpdatesGate(policy: Updates, remembered = REMEMBERED): UpdatesGate | undefined {
  if (policy === "all") return undefined;
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
