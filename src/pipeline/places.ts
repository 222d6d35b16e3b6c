/** How far everything has come: each watch in its reading, and each receiver in what the watches told. */
import { type EventLog, OWN_WATCH } from "./log.ts";
import { boundedPosition, combine, isDone, lowOf, type Position, type Positions } from "./positions.ts";
import type { Slot } from "./slot.ts";

export interface Places {
  /** Keys of watches, by index. Grows. */
  readonly keys: readonly string[];
  /** By watch: up to where all has come in; NaN: nothing is known. */
  readonly reached: readonly number[];
  /** The index of a watch, by its key; {@link OWN_WATCH} for the empty one. */
  watchOf(key: string): number;
  /** The index of the source of Petrel's own events that are for one receiver. */
  ownFor(receiver: string): number;
  /** Whom all events of this source are for; undefined: the route says. */
  addressee(watch: number): string | undefined;
  /** Events of this source are Petrel's own. */
  isOwn(watch: number): boolean;
  /** Everything of this watch up to here has come in. False: that was known. */
  reach(watch: number, version: number): boolean;
  /** An event of this watch is the newest entry. */
  came(watch: number, seq: number): void;
  /** What comes from now on is of another history. */
  forget(watch: number): void;
  clear(): void;
  /** A checkpoint says that this receiver has the entry. */
  doneBefore(slot: Slot, seq: number): boolean;
  of(slot: Slot): Positions;
  /** Takes over positions of receivers; `known`: of one that they lack there is another source. */
  restore(positions: ReadonlyMap<string, Positions>, known: (receiver: string) => boolean): void;
  /** The resourceVersion that this watch goes on from; undefined: nothing is known. */
  resumeAt(watch: number): number | undefined;
}

/** Begins the key of a source of Petrel's own events that are for the receiver named behind it; those of watches are paths. */
const FOR = "for ";

export function createPlaces(log: () => EventLog, slots: () => readonly Slot[]): Places {
  const keys: string[] = [];
  const reached: number[] = [];
  /** By watch: its last entry; -1: none. */
  const last: number[] = [];
  /** By index. Few programs ever have one. */
  const addressees = new Map<number, string>();

  function watchOf(key: string): number {
    if (key === "") return OWN_WATCH;
    const known = keys.indexOf(key);
    if (known >= 0) return known;
    reached.push(Number.NaN);
    last.push(-1);
    const watch = keys.push(key) - 1;
    if (key.startsWith(FOR)) addressees.set(watch, key.slice(FOR.length));
    return watch;
  }

  function openVersions(seqs: readonly number[]): ReadonlyMap<number, number[]> {
    const held = log();
    const byWatch = new Map<number, number[]>();
    for (const seq of seqs) {
      if (seq < held.tail || held.gone(seq)) continue;
      const watch = held.watch(seq);
      const versions = byWatch.get(watch) ?? [];
      versions.push(held.version(seq));
      byWatch.set(watch, versions);
    }
    return byWatch;
  }

  /** What receivers are known to have done of a watch's events, at least. */
  function acknowledged(watch: number): number {
    const lows = slots().flatMap(({ before }) => {
      const position = before.get(watch);
      return position ? [lowOf(position)] : [];
    });
    return Math.min(...lows);
  }

  function known(watch: number): number {
    const done = acknowledged(watch);
    const kept = reached[watch] ?? Number.NaN;
    if (Number.isNaN(kept)) return done;
    return Number.isFinite(done) ? Math.max(kept, done) : kept;
  }

  return {
    keys,
    reached,
    watchOf,
    ownFor: (receiver) => watchOf(FOR + receiver),
    addressee: (watch) => (addressees.size > 0 ? addressees.get(watch) : undefined),
    isOwn: (watch) => watch === OWN_WATCH || addressees.has(watch),
    reach(watch, version) {
      if (version <= (reached[watch] ?? Number.NaN)) return false;
      reached[watch] = version;
      return true;
    },
    came(watch, seq) {
      last[watch] = seq;
    },
    forget(watch) {
      reached[watch] = Number.NaN;
      for (const slot of slots()) {
        slot.before.delete(watch);
        slot.receiver.forgetPosition(watch);
      }
    },
    clear() {
      for (const slot of slots()) slot.before.clear();
      reached.fill(Number.NaN);
      last.fill(-1);
    },
    doneBefore(slot, seq) {
      if (slot.before.size === 0) return false;
      const before = slot.before.get(log().watch(seq));
      return before !== undefined && isDone(before, log().version(seq));
    },
    of(slot) {
      const { cursor, open, passed } = slot.receiver.progress();
      const waiting = openVersions(open);
      const positions = new Map<string, Position>();
      for (const [watch, key] of keys.entries()) {
        // Where nothing of a watch waits, all that it has read is done with.
        const high = (last[watch] ?? -1) < cursor ? reached[watch] : passed[watch];
        const versions = (waiting.get(watch) ?? []).sort((a, b) => a - b);
        const since = high === undefined || Number.isNaN(high) ? undefined : boundedPosition(high, versions);
        const position = combine(slot.before.get(watch), since);
        if (position) positions.set(key, position);
      }
      return positions;
    },
    restore(positions, elsewhere) {
      for (const slot of slots()) {
        slot.before.clear();
        for (const [key, position] of positions.get(slot.name) ?? []) slot.before.set(watchOf(key), position);
        if (positions.has(slot.name) || elsewhere(slot.name)) continue;
        // One that nobody knows begins where the furthest of the others is: at now.
        for (const [key, { high }] of [...positions.values()].flatMap((byWatch) => [...byWatch])) {
          const watch = watchOf(key);
          if (!((slot.before.get(watch)?.high ?? -1) >= high)) slot.before.set(watch, { high, open: [] });
        }
      }
    },
    resumeAt(watch) {
      const own = known(watch);
      if (Number.isFinite(own)) return own;
      // One watch's positions are as good for another of the same store: it begins where the others go on.
      const others = Math.min(...keys.keys().map(known));
      return Number.isFinite(others) ? others : undefined;
    },
  };
}
