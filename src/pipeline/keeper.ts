/**
 * Keeps the log in the journal: what no receiver has taken when a group is committed goes to disk, with how far each
 * has come, in one transaction. What all have acknowledged by then never touches the disk.
 */
import type { Event } from "../event.ts";
import type { Journal, JournalEntry, Progress as JournalProgress } from "../journal/journal.ts";
import { createPages } from "../journal/pages.ts";
import type { Progress } from "./cursor.ts";
import { type Disk, type EventLog, flagsOf } from "./log.ts";
import type { Receiver } from "./receiver.ts";
import { type IdHash, RECENT_IDS } from "./recent-ids.ts";

export interface Keeper extends Disk {
  /** Something came, was acknowledged, or moved: it is committed soon. */
  changed(): void;
  /** Commits now. False: the disk did not take it. */
  commit(): boolean;
  /** Resolves when everything below `seq` is safe, or done with; false when the disk does not take it. */
  committed(seq: number): Promise<boolean>;
  /** What a look-up for an entry found, as JSON. */
  found(seq: number, found: string): void;
  /** What a sink remembers; undefined: no more. */
  remember(receiver: string, key: string, json: string | undefined): void;
  /** Ids of posted events that earlier processes took, with when, the oldest first. */
  recentIds(): readonly (readonly [IdHash, number])[];
  /** The id of a posted event, which is committed with it. */
  recentId(hash: IdHash, now: number): void;
  /** A receiver that there is no more. */
  forget(receiver: string): void;
  /** Where a receiver of this name stood when the journal was opened. */
  restored(receiver: string): Progress | undefined;
  /** Drops what the bounds do not allow; call it now and then. */
  housekeep(now: number): void;
  /** Share of the bytes allowed that is used. */
  fill(): number;
  close(): void;
}

export interface KeeperOptions {
  readonly journal: Journal;
  log(): EventLog;
  receivers(): readonly Receiver[];
  /** Keys of watches by index; may grow. */
  readonly watchKeys: readonly string[];
  /** By watch: up to where all has come in; NaN: nothing is known. */
  readonly reached: readonly number[];
  /** Index of a watch, by its key. */
  watchOf(key: string): number;
  parse(bytes: Uint8Array, found: string | undefined): Event;
  /** An entry goes because of the bounds: tell the receivers. */
  evict(seq: number): void;
  limits(): { readonly maxBytes: number; readonly maxAgeMs: number };
  readonly fsync: "group" | "always" | "off";
}

const GROUP_MS = 10;
const GROUP_EVENTS = 1_000;
/** Entries that the bounds push out at once. */
const PUSH_OUT = 256;
/** Bytes written before the size is looked at again. */
const MEASURE_EVERY = 256 * 1024;

export function createKeeper(options: KeeperOptions): Keeper {
  const { journal, watchKeys, reached } = options;
  const watchOfSource = new Map<number, number>();
  const sourceOfWatch: number[] = [];
  const founds = new Map<number, string>();
  let foundLater: (readonly [number, string])[] = [];
  const forgotten = new Set<string>();
  let remembered: (readonly [receiver: string, key: string, json: string | null])[] = [];
  let ids: (readonly [IdHash, number])[] = [];
  /** As committed, so that nothing is written twice; by receiver and by watch. */
  const wrote = new Map<string, readonly [cursor: number, open: number]>();
  let wroteReached: number[] = [];
  let instance = journal.restored;
  let written = journal.next;
  /** Entries below were pushed out. */
  let floor = journal.tail;
  let bytes = journal.size().used;
  let unmeasured = 0;
  let timer: ReturnType<typeof setTimeout> | ReturnType<typeof setImmediate> | undefined;
  let waiting: { readonly seq: number; readonly done: (safe: boolean) => void }[] = [];

  for (const key of journal.restored.reached.keys()) sourceFor(options.watchOf(key));

  function sourceFor(watch: number): number {
    const known = sourceOfWatch[watch];
    if (known !== undefined) return known;
    const source = journal.source(watchKeys[watch] ?? "");
    sourceOfWatch[watch] = source;
    watchOfSource.set(source, watch);
    return source;
  }

  const pages = createPages(
    journal,
    (source) => watchOfSource.get(source) ?? 0,
    (row) => options.parse(row.body, row.found ?? founds.get(row.seq)),
  );

  function* entries(from: number, to: number): Generator<JournalEntry> {
    const log = options.log();
    for (let seq = from; seq < to; seq++) {
      const body = log.raw(seq);
      unmeasured += body.length;
      yield {
        seq,
        source: sourceFor(log.watch(seq)),
        version: log.version(seq),
        received: log.receivedAt(seq),
        flags: flagsOf({ modified: log.modified(seq), unordered: log.unordered(seq) }),
        body,
        found: founds.get(seq) ?? null,
      };
    }
  }

  function changedProgress(all: boolean) {
    const progress: JournalProgress[] = [];
    const marks: [receiver: string, cursor: number, open: number][] = [];
    let low = options.log().head;
    for (const receiver of options.receivers()) {
      low = Math.min(low, receiver.low());
      const { cursor, open } = receiver.mark();
      const last = wrote.get(receiver.name);
      // Below a cursor that stands still the open entries only become fewer.
      if (!all && last && last[0] === cursor && last[1] === open) continue;
      marks.push([receiver.name, cursor, open]);
      const now = receiver.progress();
      const passed = new Map<number, number>();
      now.passed.forEach((version, watch) => void (version >= 0 && passed.set(sourceFor(watch), version)));
      progress.push({ name: receiver.name, cursor: now.cursor, open: now.open, passed });
    }
    return { progress, marks, low };
  }

  function commit(): boolean {
    stopTimer();
    const log = options.log();
    // A journal that was replaced has forgotten what it was told.
    const anew = journal.restored !== instance;
    const { progress, marks, low } = changedProgress(anew);
    const moved: (readonly [number, number])[] = [];
    reached.forEach((version, watch) => {
      if (anew || !Object.is(version, wroteReached[watch])) moved.push([sourceFor(watch), version]);
    });
    const { head } = log;
    const from = Math.max(written, low, log.inMemory);
    const below = Math.max(low, floor);
    const quiet = progress.length === 0 && moved.length === 0 && forgotten.size + remembered.length + ids.length === 0;
    if (from >= head && below <= journal.tail && quiet) {
      written = head;
      settle(true);
      return true;
    }
    const safe = journal.commit({
      entries: entries(from, head),
      found: foundLater,
      below,
      progress,
      forgotten,
      remembered,
      reached: moved,
      ids,
    });
    if (journal.restored !== instance) pages.clear();
    if (safe) {
      instance = journal.restored;
      written = head;
      for (const [name, cursor, open] of marks) wrote.set(name, [cursor, open]);
      wroteReached = [...reached];
      foundLater = [];
      ids = [];
      forgotten.clear();
      remembered = [];
      for (const seq of founds.keys()) {
        if (seq >= below) break;
        founds.delete(seq);
      }
      if (unmeasured >= MEASURE_EVERY) measure();
    } else {
      // Tried again, whether or not anything else happens.
      timer = setTimeout(commit, 1_000);
    }
    settle(safe);
    return safe;
  }

  function measure(): void {
    unmeasured = 0;
    bytes = journal.size().used;
    let guard = 0;
    while (bytes > options.limits().maxBytes && floor < written && guard++ < 1_000) {
      pushOut(Math.min(written, Math.max(floor, journal.tail) + PUSH_OUT));
      if (!commit()) break;
      bytes = journal.size().used;
    }
  }

  /** The oldest entries on disk go, so that below `until` there is none. */
  function pushOut(until: number): void {
    for (let seq = Math.max(floor, journal.tail); seq < until; seq++) options.evict(seq);
    floor = until;
  }

  function settle(safe: boolean): void {
    if (waiting.length === 0) return;
    const heard = waiting;
    waiting = [];
    for (const one of heard) {
      if (safe && one.seq > written) waiting.push(one);
      else one.done(safe);
    }
  }

  function stopTimer(): void {
    if (timer === undefined) return;
    if (options.fsync === "always") clearImmediate(timer as ReturnType<typeof setImmediate>);
    clearTimeout(timer as ReturnType<typeof setTimeout>);
    timer = undefined;
  }

  function changed(): void {
    if (options.log().head - written >= GROUP_EVENTS && journal.trouble === undefined) {
      commit();
      return;
    }
    timer ??= options.fsync === "always" ? setImmediate(commit) : setTimeout(commit, GROUP_MS);
  }

  return {
    get tail() {
      return journal.tail < journal.next ? Math.max(floor, journal.tail) : written;
    },
    get written() {
      return written;
    },
    get bytes() {
      return bytes;
    },
    entry: (seq) => (seq < floor || seq >= written ? undefined : pages.entry(seq)),
    spill: () => commit(),
    changed,
    commit,
    committed(seq) {
      if (seq <= written) return Promise.resolve(true);
      if (journal.trouble !== undefined) return Promise.resolve(false);
      return new Promise((done) => {
        waiting.push({ seq, done });
        changed();
      });
    },
    found(seq, found) {
      founds.set(seq, found);
      if (seq < written) {
        foundLater.push([seq, found]);
        if (seq < options.log().inMemory) pages.clear();
      }
      changed();
    },
    remember(receiver, key, json) {
      remembered.push([receiver, key, json ?? null]);
      changed();
    },
    recentIds: () => journal.ids(),
    recentId(hash, now) {
      ids.push([hash, now]);
      if (ids.length > RECENT_IDS) ids.shift();
      changed();
    },
    forget(receiver) {
      forgotten.add(receiver);
      wrote.delete(receiver);
      changed();
    },
    restored(receiver) {
      const row = journal.restored.progress.find(({ name }) => name === receiver);
      if (!row) return undefined;
      const passed: number[] = [];
      for (const [source, version] of row.passed) {
        const watch = watchOfSource.get(source);
        if (watch !== undefined) passed[watch] = version;
      }
      return { cursor: row.cursor, open: row.open, passed };
    },
    housekeep(now) {
      const before = floor;
      while (floor < written) {
        const rows = journal.read(Math.max(floor, journal.tail), PUSH_OUT);
        const old = rows.filter((row) => now - row.received > options.limits().maxAgeMs).length;
        if (old === 0) break;
        pushOut((rows[old - 1]?.seq ?? floor) + 1);
        if (old < rows.length) break;
      }
      if (floor > before) changed();
      measure();
      journal.tidy();
    },
    fill: () => (journal.trouble === undefined ? bytes / options.limits().maxBytes : 1),
    close() {
      commit();
      stopTimer();
      settle(false);
    },
  };
}
