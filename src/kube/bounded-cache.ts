/** A map of bounded size that forgets what was not asked for lately. */

export interface BoundedCache<V> {
  get(key: string): V | undefined;
  /** `weight`: about the bytes that the value holds. */
  set(key: string, value: V, weight: number): void;
}

export interface Bounds {
  readonly entries: number;
  readonly weight: number;
}

/**
 * Two generations of half the bounds each: what is asked for moves to the young one, and a full young one replaces the
 * old. (A Map kept in order of use by delete and set pays with a rehash every few hits.)
 */
export function createBoundedCache<V>(bounds: Bounds): BoundedCache<V> {
  interface Entry {
    readonly value: V;
    readonly weight: number;
  }
  const maxEntries = Math.ceil(bounds.entries / 2);
  const maxWeight = bounds.weight / 2;
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();
  let weight = 0;

  const put = (key: string, entry: Entry): void => {
    const known = young.get(key);
    const grown = weight + entry.weight - (known?.weight ?? 0);
    if ((known === undefined && young.size >= maxEntries) || grown > maxWeight) {
      old = young;
      young = new Map();
      weight = entry.weight;
    } else {
      weight = grown;
    }
    young.set(key, entry);
  };

  return {
    get(key) {
      const entry = young.get(key);
      if (entry !== undefined) return entry.value;
      const older = old.get(key);
      if (older === undefined) return undefined;
      put(key, older);
      return older.value;
    },
    set(key, value, weight) {
      if (maxEntries < 1 || weight > maxWeight) return;
      put(key, { value, weight });
    },
  };
}
