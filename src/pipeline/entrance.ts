/** How events come into the log: past the gates, each state once, with the look-up of its object under way. */
import type { Config } from "../config/types.ts";
import type { Event } from "../event.ts";
import type { Change } from "../kube/watch.ts";
import { tookIn } from "../memory.ts";
import { exporterSeenMs } from "../normalise.ts";
import { createSeen } from "./gates.ts";
import type { Keeper } from "./keeper.ts";
import { type Entry, type EventLog, OWN_WATCH } from "./log.ts";
import type { Lookups } from "./lookups.ts";
import type { PipelineOptions } from "./pipeline-options.ts";
import type { Places } from "./places.ts";
import { createPosting, isPosted, type Posted, type Prepared } from "./posting.ts";
import type { Recipients } from "./recipients.ts";
import type { Generation, Slot } from "./slot.ts";

export interface Entrance {
  /**
   * Takes an event; `bytes` (the watch line or the event's JSON) are copied. `event`: the same, if it is parsed already.
   * `unordered`: events of lower versions may follow.
   */
  receive(
    watch: number,
    bytes: Uint8Array,
    change: Change,
    version: number,
    identity: number,
    event?: Event,
    unordered?: boolean,
  ): void;
  /**
   * Takes events that no watch told, all of them or none; one whose id came before is passed over. Returns their ids;
   * undefined when they are more than the buffer can hold.
   */
  post(watch: number, events: readonly Prepared[]): readonly string[] | undefined;
  /** Whether the buffer holds them all: then they may be posted in parts. */
  fits(events: readonly Prepared[]): boolean;
  /** The slow part of {@link post}, for one event at a time. Throws NotAnEvent. */
  prepare(posted: Posted): Prepared;
  /** Takes in an event of Petrel's own, which goes where the route says, or to this receiver. */
  announce(input: Readonly<Record<string, unknown>>, to?: Slot): void;
  /** What was told us once may be told again, and then be ours. */
  forget(): void;
}

/** What the pipeline lends. */
export interface EntranceHost {
  config(): Config;
  current(): Generation;
  parse(bytes: Uint8Array): Event;
  readonly log: EventLog;
  readonly lookups: Lookups;
  readonly places: Places;
  readonly recipients: Recipients;
  readonly keeper: Keeper | undefined;
  /** The log has another entry. */
  entered(): void;
}

export function createEntrance({ logger, meters, now }: PipelineOptions, host: EntranceHost): Entrance {
  const { log, lookups, places, recipients, keeper } = host;
  const seen = createSeen();

  /** Appends an event to the log; returns its sequence number, or -1 for one that is too large, which is counted. */
  function enter(bytes: Uint8Array, entry: Entry, event: Event | undefined): number {
    const found = isPosted(places.keys, entry.watch) ? undefined : lookups.ask(event, host.current());
    const seq = log.append(bytes, entry, event);
    if (seq < 0) {
      meters.discarded.too_long.value++;
      const { version } = entry;
      logger.error("an event is larger than the whole buffer and dropped", { version, bytes: bytes.length });
      return seq;
    }
    if (found) lookups.attach(seq, found, entry.receivedAt + host.config().lookupTimeoutMs);
    // Before anything is committed: an entry on record that its watch may tell again would be there twice.
    if (!entry.unordered) places.reach(entry.watch, entry.version);
    host.entered();
    return seq;
  }

  const posting = createPosting({
    config: host.config,
    gate: () => host.current().gate,
    seen,
    keeper,
    meters,
    enter(bytes, entry, event, identity) {
      const seq = enter(bytes, entry, event);
      if (seq < 0) return;
      meters.posted.value++;
      recipients.came(identity, seq);
      tookIn(bytes.length, false);
    },
    now,
  });

  function announce(input: Readonly<Record<string, unknown>>, to?: Slot): void {
    const bytes = Buffer.from(JSON.stringify(input));
    const entry = {
      watch: to ? places.ownFor(to.name) : OWN_WATCH,
      version: Number.NaN,
      receivedAt: now(),
      modified: false,
      unordered: true,
    };
    const seq = enter(bytes, entry, host.parse(bytes));
    if (seq < 0) return;
    meters.own.value++;
  }

  return {
    announce,
    receive(watch, bytes, change, version, identity, parsed, unordered = false) {
      const { compat, enrichment, gate } = host.current();
      if (compat && change === "modified") {
        meters.discarded.modified.value++;
        return;
      }
      const receivedAt = now();
      if (
        compat &&
        receivedAt - exporterSeenMs(parsed ?? host.parse(bytes)) > host.config().maxEventAgeSeconds * 1_000
      ) {
        meters.discarded.age.value++;
        return;
      }
      if (seen.repeated(identity, version)) {
        meters.discarded.repeated.value++;
        return;
      }
      const event = parsed ?? (enrichment.possible || gate ? host.parse(bytes) : undefined);
      const held = gate && event ? gate.holds(event, receivedAt) : undefined;
      if (held !== undefined) {
        meters.discarded[held].value++;
        return;
      }
      const entry = {
        watch,
        version,
        receivedAt,
        modified: change === "modified",
        unordered: unordered || Number.isNaN(version),
      };
      const seq = enter(bytes, entry, event);
      if (seq < 0) return;
      meters.received[change].value++;
      places.came(watch, seq);
      recipients.came(identity, seq);
      tookIn(bytes.length, change === "listed");
    },
    post: posting.post,
    fits: posting.fits,
    prepare: posting.prepare,
    forget() {
      seen.forget();
      posting.forget();
    },
  };
}
