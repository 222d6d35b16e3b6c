/**
 * A list comes in key order; events are told in resourceVersion order. What is kept of a list waits here to be sorted:
 * bytes in one buffer, because 10,000 parsed events would take 50 MB, and as many small buffers hardly less.
 */

export interface SortWindow {
  readonly size: number;
  /** No room for another item: take out what is in before the next one. */
  readonly full: boolean;
  /** Copies the bytes in. */
  add(bytes: Uint8Array, version: number, uid: string): void;
  /** Empties the window: its items by ascending version. */
  take(): Iterable<{ readonly bytes: Uint8Array; readonly version: number; readonly uid: string }>;
}

/** The buffer grows by pieces of this size: doubling one would copy, and keep both for a while. */
const SEGMENT = 1024 * 1024;

export function createSortWindow(limits: { readonly events: number; readonly bytes: number }): SortWindow {
  let segments: Uint8Array[] = [];
  /** Free bytes at the end of the last segment. */
  let free = 0;
  let used = 0;
  let items: { readonly bytes: Uint8Array; readonly version: number; readonly uid: string }[] = [];

  return {
    get size() {
      return items.length;
    },
    get full() {
      return items.length >= limits.events || used >= limits.bytes;
    },
    add(bytes, version, uid) {
      const { length } = bytes;
      if (length > free) {
        free = Math.max(SEGMENT, length);
        segments.push(new Uint8Array(free));
      }
      const segment = segments.at(-1) ?? new Uint8Array(length);
      const at = segment.length - free;
      segment.set(bytes, at);
      free -= length;
      used += length;
      items.push({ bytes: segment.subarray(at, at + length), version, uid });
    },
    take() {
      const taken = items.sort((a, b) => a.version - b.version);
      items = [];
      segments = [];
      free = 0;
      used = 0;
      return taken;
    },
  };
}
