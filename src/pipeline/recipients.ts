import { identityOf } from "./gates.ts";
import type { EventLog } from "./log.ts";
import type { Lookups } from "./lookups.ts";
import type { Places } from "./places.ts";
import { isPosted } from "./posting.ts";
import type { Slot } from "./slot.ts";
import { createNewest } from "./updates.ts";

export interface Recipients {
  /** How often the receiver gets the entry. */
  copies(slot: Slot, seq: number): number;
  /** A newer state of the entry's event waits in the log, and goes to the same receiver. */
  superseded(slot: Slot, seq: number): boolean;
  /** An entry came; `identity`: that of its event's uid. */
  came(identity: number, seq: number): void;
  /** Events that wait for this receiver, or are on their way to it, and that no watch can tell again. */
  posted(slot: Slot): number;
  /** It is not known yet what is superseded of what came before: who wants the newest alone waits. */
  readonly looking: boolean;
  /** Receivers are others than before. */
  changed(slots: readonly Slot[]): void;
  /** Looks no further. */
  stop(): void;
}

export interface RecipientsHost {
  readonly log: EventLog;
  readonly lookups: Lookups;
  readonly places: Places;
}

/** Entries looked at in one turn of the event loop, where many came before anybody wanted the newest alone. */
const LOOKED_AT = 250;

export function createRecipients({ log, lookups, places }: RecipientsHost): Recipients {
  /** The newest entry of each event, if some receiver wants no other. */
  const newest = createNewest();
  let wantsLatest = false;
  let looking: ReturnType<typeof setImmediate> | undefined;

  function superseded(slot: Slot, seq: number): boolean {
    const { uid } = log.event(seq).metadata;
    const newer = uid === undefined ? undefined : newest.of(identityOf(uid));
    if (uid === undefined || newer === undefined || newer <= seq || newer >= log.head) return false;
    // Where it goes may depend on what is being looked up.
    if (slot.generation.enrichment.route && lookups.pending(newer)) return false;
    return log.event(newer).metadata.uid === uid && copies(slot, newer) > 0;
  }

  /** What came before: restored from a journal, or while every state was wanted. */
  function lookOver(from: number, to: number): void {
    const end = Math.min(from + LOOKED_AT, to);
    for (let seq = Math.max(from, log.tail); seq < end; seq++) {
      const uid = log.gone(seq) ? undefined : log.event(seq).metadata.uid;
      if (uid === undefined) continue;
      const identity = identityOf(uid);
      if (!((newest.of(identity) ?? -1) > seq)) newest.came(identity, seq);
    }
    looking = end < to ? setImmediate(lookOver, end, to) : undefined;
  }

  function stop(): void {
    clearImmediate(looking);
    looking = undefined;
  }

  function copies(slot: Slot, seq: number): number {
    if (seq >= slot.end) return 0;
    const to = places.addressee(log.watch(seq));
    if (to !== undefined) return to === slot.name ? 1 : 0;
    if (places.doneBefore(slot, seq)) return 0;
    let count = 0;
    for (const index of slot.generation.routing.receiversOf(seq)) if (index === slot.index) count++;
    return count;
  }

  function posted(slot: Slot): number {
    const { cursor, open } = slot.receiver.progress();
    const lost = (seq: number): number =>
      seq < log.tail || log.gone(seq) || !isPosted(places.keys, log.watch(seq)) ? 0 : copies(slot, seq);
    let count = 0;
    for (const seq of open) count += lost(seq);
    for (let seq = cursor; seq < log.head; seq++) count += lost(seq);
    return count;
  }

  return {
    copies,
    superseded,
    came(identity, seq) {
      if (wantsLatest) newest.came(identity, seq);
    },
    posted,
    changed(slots) {
      const wanted = wantsLatest;
      wantsLatest = slots.some(({ settings }) => settings.updates === "latest");
      if (wantsLatest && !wanted) lookOver(log.tail, log.head);
      else if (!wantsLatest) stop();
    },
    get looking() {
      return looking !== undefined;
    },
    stop,
  };
}
