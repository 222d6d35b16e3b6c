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
  /** Empties the window: its items by ascending version; the bytes are valid until the next `add`. */
  take(): Iterable<{ readonly bytes: Uint8Array; readonly version: number; readonly uid: string }>;
}

const INITIAL_BYTES = 256 * 1024;

export function createSortWindow(limits: { readonly events: number; readonly bytes: number }): SortWindow {
  let buffer = new Uint8Array(INITIAL_BYTES);
  let used = 0;
  let ends: number[] = [];
  let versions: number[] = [];
  let uids: string[] = [];

  return {
    get size() {
      return ends.length;
    },
    get full() {
      return ends.length >= limits.events || used >= limits.bytes;
    },
    add(bytes, version, uid) {
      if (used + bytes.length > buffer.length) {
        let capacity = buffer.length;
        while (capacity < used + bytes.length) capacity *= 2;
        const larger = new Uint8Array(capacity);
        larger.set(buffer.subarray(0, used));
        buffer = larger;
      }
      buffer.set(bytes, used);
      used += bytes.length;
      ends.push(used);
      versions.push(version);
      uids.push(uid);
    },
    *take() {
      const taken = { ends, versions, uids };
      ends = [];
      versions = [];
      uids = [];
      used = 0;
      const order = [...taken.versions.keys()].sort((a, b) => (taken.versions[a] ?? 0) - (taken.versions[b] ?? 0));
      for (const index of order) {
        const begin = index === 0 ? 0 : (taken.ends[index - 1] ?? 0);
        yield {
          bytes: buffer.subarray(begin, taken.ends[index]),
          version: taken.versions[index] ?? Number.NaN,
          uid: taken.uids[index] ?? "",
        };
      }
    },
  };
}
