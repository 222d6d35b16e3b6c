/**
 * A list comes in key order; events are told in resourceVersion order. What is kept of a list waits here to be sorted:
 * bytes in one buffer, because 10,000 parsed events would take 50 MB, and as many small buffers hardly less.
 */

export interface SortWindow {
  readonly size: number;
  /** Take out what is in before the next item. */
  readonly full: boolean;
  /** Copies the bytes in. */
  add(bytes: Uint8Array, version: number, identity: number): void;
  /** Empties the window: its items by ascending version; the bytes are valid until the next `add`. */
  take(): Iterable<WindowItem>;
  /** Gives back what it holds outside memory; nothing can be added any more. */
  dispose?(): void;
}

export interface WindowItem {
  readonly bytes: Uint8Array;
  /** NaN: none. */
  readonly version: number;
  readonly identity: number;
}

/** The buffer grows by pieces of this size: doubling one would copy, and keep both for a while. */
const SEGMENT = 1024 * 1024;

export function createSortWindow(limits: { readonly events: number; readonly bytes: number }): SortWindow {
  // Used again after every `take`, and numbers in typed arrays: what the garbage collector has to find would pile up.
  const segments: Uint8Array[] = [];
  let capacity = limits.events;
  let places = new Uint16Array(capacity);
  let offsets = new Uint32Array(capacity);
  let lengths = new Uint32Array(capacity);
  let versions = new Float64Array(capacity);
  let identities = new Uint32Array(capacity);
  let size = 0;
  let used = 0;
  /** Where the next item goes: a segment, and the first free byte in it. */
  let place = 0;
  let at = 0;

  function segmentFor(length: number): Uint8Array {
    for (;;) {
      const segment = segments[place];
      if (!segment) {
        const added = new Uint8Array(Math.max(SEGMENT, length));
        segments.push(added);
        return added;
      }
      if (segment.length - at >= length) return segment;
      place++;
      at = 0;
    }
  }

  /** A chunk of a list may end with more items than the window is to hold. */
  function widen(): void {
    capacity *= 2;
    const wider = <T extends { set(from: T): void }>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    places = wider(places, new Uint16Array(capacity));
    offsets = wider(offsets, new Uint32Array(capacity));
    lengths = wider(lengths, new Uint32Array(capacity));
    versions = wider(versions, new Float64Array(capacity));
    identities = wider(identities, new Uint32Array(capacity));
  }

  return {
    get size() {
      return size;
    },
    get full() {
      return size >= limits.events || used >= limits.bytes;
    },
    add(bytes, version, identity) {
      const { length } = bytes;
      if (size === capacity) widen();
      segmentFor(length).set(bytes, at);
      places[size] = place;
      offsets[size] = at;
      lengths[size] = length;
      versions[size] = version;
      identities[size] = identity;
      size++;
      at += length;
      used += length;
    },
    *take() {
      const order = new Uint32Array(size);
      for (let index = 0; index < size; index++) order[index] = index;
      order.sort((a, b) => (versions[a] ?? 0) - (versions[b] ?? 0));
      size = 0;
      used = 0;
      place = 0;
      at = 0;
      for (const index of order) {
        const begin = offsets[index] ?? 0;
        const bytes = segments[places[index] ?? 0]?.subarray(begin, begin + (lengths[index] ?? 0));
        if (bytes) yield { bytes, version: versions[index] ?? Number.NaN, identity: identities[index] ?? 0 };
      }
    },
  };
}
