/**
 * The log: shared, append-only, bounded in events and in bytes, read by one cursor per receiver.
 *
 * It holds bytes in one buffer, not parsed objects (a parsed event costs 4–10 times its text, and waiting strings cost
 * more than bytes). The newest few stay parsed beside it, so that receivers that keep up never parse again.
 */
import type { Event } from "../event.ts";

/** Stands for the watch of entries that are Petrel's own events: no position depends on them. */
export const OWN_WATCH = 0xffff;

/** What one entry knows beside its bytes. */
export interface Entry {
  /** Index of the watch (or other source) that brought it; {@link OWN_WATCH}: none did. */
  readonly watch: number;
  /** resourceVersion as an integer; NaN when it is none. */
  readonly version: number;
  /** Milliseconds since 1970, when its last byte was read. */
  readonly receivedAt: number;
  /** True when the API server called it a change of an event it had told before. */
  readonly modified: boolean;
  /** True when it came out of resourceVersion order, so that its version says nothing of what came before. */
  readonly unordered?: boolean;
}

/** Where entries are when they have left memory. */
export interface Disk {
  /** The oldest entry on disk; {@link written} when there is none. */
  readonly tail: number;
  /** Entries below are on disk, or nobody wants them. */
  readonly written: number;
  /** The bytes of the entries on disk. */
  readonly bytes: number;
  /** Undefined: it is not there, or cannot be read. */
  entry(seq: number): DiskEntry | undefined;
  /** The oldest entry in memory has to go and is not on disk: true when it is there now. */
  spill(): boolean;
}

export interface DiskEntry extends Entry {
  readonly size: number;
  readonly raw: Uint8Array;
  readonly event: Event;
}

export interface EventLog {
  /** Sequence number of the oldest entry held; equals `head` when empty. */
  readonly tail: number;
  /** Sequence number that the next entry gets. */
  readonly head: number;
  /** Bytes of the entries held. */
  readonly bytes: number;
  /** Capacity of the buffer behind them now. */
  readonly capacity: number;
  /**
   * Copies the bytes in and returns the entry's sequence number; evicts the oldest entries when a bound is reached.
   * Returns -1, storing nothing, for an entry that is larger than the whole log. `event`, if given, is kept parsed.
   */
  append(bytes: Uint8Array, entry: Entry, event?: Event): number;
  /** The entry's event, parsed again when it is no longer held parsed. Only for tail <= seq < head. */
  event(seq: number): Event;
  /** The entry's bytes, valid until the next append. Only for tail <= seq < head. */
  raw(seq: number): Uint8Array;
  /** The entry's event if it is held parsed. */
  held(seq: number): Event | undefined;
  /** Replaces the event (enrichment); lives as long as the entry. */
  attach(seq: number, change: (event: Event) => Event): void;
  watch(seq: number): number;
  version(seq: number): number;
  receivedAt(seq: number): number;
  modified(seq: number): boolean;
  unordered(seq: number): boolean;
  size(seq: number): number;
  /** The oldest entry that is held in memory; `head` when there is none. */
  readonly inMemory: number;
  /** True for an entry between tail and head that there is no more: pushed out before others, or on a damaged page. */
  gone(seq: number): boolean;
  /** Forgets the entries below `seq`. */
  trim(seq: number): void;
  /** Other bounds; what does not fit is evicted. */
  resize(bounds: Pick<LogOptions, "events" | "bytes">): void;
  /** Gives memory back after a storm; call it now and then. */
  shrink(): void;
}

export interface LogOptions {
  readonly events: number;
  readonly bytes: number;
  /** Parses an entry's bytes again. */
  readonly parse: (bytes: Uint8Array) => Event;
  /** Called before an entry that the bounds push out goes. */
  readonly evict: (seq: number) => void;
  /** Sequence number of the first entry. Default 0. */
  readonly first?: number;
  readonly disk?: Disk | undefined;
}

const MODIFIED = 1;
const UNORDERED = 2;

/** What {@link Entry} says of an entry in two bits, and back. */
export function flagsOf({ modified, unordered }: Pick<Entry, "modified" | "unordered">): number {
  return (modified ? MODIFIED : 0) | (unordered === true ? UNORDERED : 0);
}
export function readFlags(flags: number): Pick<Entry, "modified" | "unordered"> {
  return { modified: (flags & MODIFIED) !== 0, unordered: (flags & UNORDERED) !== 0 };
}

const INITIAL_BYTES = 256 * 1024;
/** Parsed events held beside the bytes: a few network reads' worth. */
const HELD = 1024;

export function createLog(options: LogOptions): EventLog {
  const { disk } = options;
  let slots = Math.max(1, options.events);
  let maxBytes = options.bytes;
  let offsets = new Float64Array(slots);
  let lengths = new Float64Array(slots);
  let versions = new Float64Array(slots);
  let times = new Float64Array(slots);
  let watches = new Uint16Array(slots);
  let flags = new Uint8Array(slots);
  let held: (Event | undefined)[] = new Array(Math.min(HELD, slots)).fill(undefined);
  const changes = new Map<number, (event: Event) => Event>();
  let buffer = new Uint8Array(Math.min(INITIAL_BYTES, maxBytes));
  /** The oldest entry in memory. */
  let tail = options.first ?? 0;
  let head = tail;
  let used = 0;
  /** Where the next entry's bytes go. */
  let writeAt = 0;

  function dropOldest(): void {
    const slot = tail % slots;
    used -= lengths[slot] ?? 0;
    const at = tail % held.length;
    if (tail + held.length >= head) held[at] = undefined;
    if (changes.size > 0) changes.delete(tail);
    tail++;
    if (tail === head) writeAt = 0;
  }

  /** The oldest entry makes room: it is on disk, or lost. */
  function evictOldest(): void {
    if (!disk || (tail >= disk.written && !disk.spill())) options.evict(tail);
    dropOldest();
  }

  /** Free contiguous space for `length` bytes at the returned offset, or -1. */
  function place(length: number): number {
    if (head === tail) return length <= buffer.length ? 0 : -1;
    const readAt = offsets[tail % slots] ?? 0;
    if (writeAt > readAt) {
      if (buffer.length - writeAt >= length) return writeAt;
      return readAt >= length ? 0 : -1;
    }
    // Equal with entries held means full: an entry never has zero bytes.
    return readAt - writeAt >= length ? writeAt : -1;
  }

  function resize(capacity: number): void {
    const next = new Uint8Array(capacity);
    let at = 0;
    for (let seq = tail; seq < head; seq++) {
      const slot = seq % slots;
      const from = offsets[slot] ?? 0;
      const length = lengths[slot] ?? 0;
      next.set(buffer.subarray(from, from + length), at);
      offsets[slot] = at;
      at += length;
    }
    buffer = next;
    writeAt = at;
  }

  function onDisk(seq: number): DiskEntry {
    const entry = disk?.entry(seq);
    if (!entry) throw new Error(`the log has no entry ${seq}`);
    return entry;
  }

  return {
    get tail() {
      return disk ? Math.min(disk.tail, tail) : tail;
    },
    get inMemory() {
      return tail;
    },
    get head() {
      return head;
    },
    get bytes() {
      return disk ? used + disk.bytes : used;
    },
    get capacity() {
      return buffer.length;
    },
    append(bytes, entry, event) {
      const length = bytes.length;
      if (length > maxBytes || length === 0) return -1;
      if (head - tail === slots) {
        evictOldest();
      }
      let at = place(length);
      while (at < 0) {
        if (buffer.length < maxBytes) {
          let capacity = buffer.length;
          do capacity *= 2;
          while (capacity < used + length);
          resize(Math.min(capacity, maxBytes));
        } else {
          evictOldest();
        }
        at = place(length);
      }
      buffer.set(bytes, at);
      writeAt = at + length;
      used += length;
      const slot = head % slots;
      offsets[slot] = at;
      lengths[slot] = length;
      versions[slot] = entry.version;
      times[slot] = entry.receivedAt;
      watches[slot] = entry.watch;
      flags[slot] = flagsOf(entry);
      held[head % held.length] = event;
      return head++;
    },
    event(seq) {
      if (seq < tail) return onDisk(seq).event;
      const kept = this.held(seq);
      if (kept) return kept;
      const slot = seq % slots;
      const from = offsets[slot] ?? 0;
      const parsed = options.parse(buffer.subarray(from, from + (lengths[slot] ?? 0)));
      const change = changes.get(seq);
      const event = change ? change(parsed) : parsed;
      // Several receivers at the same place share one parse.
      if (seq + held.length >= head) held[seq % held.length] = event;
      return event;
    },
    raw(seq) {
      if (seq < tail) return onDisk(seq).raw;
      const from = offsets[seq % slots] ?? 0;
      return buffer.subarray(from, from + (lengths[seq % slots] ?? 0));
    },
    held(seq) {
      return seq + held.length >= head ? held[seq % held.length] : undefined;
    },
    attach(seq, change) {
      if (seq < tail) return;
      const at = seq % held.length;
      const kept = seq + held.length >= head ? held[at] : undefined;
      if (kept) held[at] = change(kept);
      changes.set(seq, change);
    },
    watch: (seq) => (seq < tail ? onDisk(seq).watch : (watches[seq % slots] ?? 0)),
    version: (seq) => (seq < tail ? onDisk(seq).version : (versions[seq % slots] ?? Number.NaN)),
    receivedAt: (seq) => (seq < tail ? onDisk(seq).receivedAt : (times[seq % slots] ?? 0)),
    modified: (seq) => (seq < tail ? onDisk(seq).modified : ((flags[seq % slots] ?? 0) & MODIFIED) !== 0),
    unordered: (seq) => (seq < tail ? onDisk(seq).unordered === true : ((flags[seq % slots] ?? 0) & UNORDERED) !== 0),
    size: (seq) => (seq < tail ? onDisk(seq).size : (lengths[seq % slots] ?? 0)),
    gone: (seq) => seq < tail && disk?.entry(seq) === undefined,
    trim(seq) {
      const end = Math.min(seq, head);
      while (tail < end) dropOldest();
    },
    resize({ events, bytes }) {
      const next = Math.max(1, events);
      if (next === slots && bytes === maxBytes) return;
      maxBytes = bytes;
      while (head - tail > next || used > bytes) evictOldest();
      resize(Math.max(used, Math.min(INITIAL_BYTES, bytes)));
      if (next === slots) return;
      const moved = <T extends Float64Array | Uint16Array | Uint8Array>(from: T, to: T): T => {
        for (let seq = tail; seq < head; seq++) to[seq % next] = from[seq % slots] ?? 0;
        return to;
      };
      offsets = moved(offsets, new Float64Array(next));
      lengths = moved(lengths, new Float64Array(next));
      versions = moved(versions, new Float64Array(next));
      times = moved(times, new Float64Array(next));
      watches = moved(watches, new Uint16Array(next));
      flags = moved(flags, new Uint8Array(next));
      held = new Array(Math.min(HELD, next)).fill(undefined);
      slots = next;
    },
    shrink() {
      if (head === tail && buffer.length > INITIAL_BYTES) {
        buffer = new Uint8Array(INITIAL_BYTES);
        writeAt = 0;
      }
    },
  };
}
