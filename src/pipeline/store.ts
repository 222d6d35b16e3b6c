/** The state that sinks are lent: in memory, and told to whoever keeps it beyond the process. */
import type { Store } from "../sink.ts";

/** Of one receiver. Keys and values are counted in UTF-16 units, which is what memory holds. */
const LIMITS = { entries: 1_000, size: 256 * 1024 } as const;

export interface KeptStore extends Store {
  /** What was used longest ago first. */
  entries(): readonly (readonly [key: string, json: string])[];
}

/** Told of every change; `json` undefined: the key is gone. */
export type Changed = (key: string, json: string | undefined) => void;

/** Forgets first what was asked for or set longest ago. */
export function createMemoryStore(
  limits: { readonly entries: number; readonly size: number } = LIMITS,
  changed: Changed = () => {},
): KeptStore {
  const kept = new Map<string, string>();
  let size = 0;

  function remove(key: string): string | undefined {
    const value = kept.get(key);
    if (value === undefined) return undefined;
    kept.delete(key);
    size -= key.length + value.length;
    return value;
  }

  function add(key: string, value: string): void {
    kept.set(key, value);
    size += key.length + value.length;
  }

  return {
    get(key) {
      const value = remove(key);
      if (value !== undefined) add(key, value);
      return value;
    },
    set(key, value) {
      remove(key);
      add(key, value);
      changed(key, value);
      for (const oldest of kept.keys()) {
        if (kept.size <= limits.entries && size <= limits.size) break;
        remove(oldest);
        changed(oldest, undefined);
      }
    },
    delete(key) {
      if (remove(key) !== undefined) changed(key, undefined);
    },
    entries: () => [...kept],
  };
}

/** What receivers remember, as a checkpoint has it: by receiver, what was used longest ago first. */
export type Remembered = Readonly<Record<string, readonly (readonly [key: string, json: string])[]>>;

export interface Stores {
  /** One for each receiver, which it goes on with when a reload builds it anew. */
  of(receiver: string): Store;
  forget(receiver: string): void;
  /** The newest of each, so that all keys and values have `size` UTF-16 units at most. */
  remembered(size: number): Remembered;
  /** For receivers that remember nothing yet. */
  restore(remembered: Remembered): void;
}

/** `changed`: told of every change, for a journal. */
export function createStores(changed: (receiver: string, ...change: Parameters<Changed>) => void = () => {}): Stores {
  const kept = new Map<string, KeptStore>();

  function of(receiver: string): KeptStore {
    const store = kept.get(receiver) ?? createMemoryStore(LIMITS, (key, json) => changed(receiver, key, json));
    kept.set(receiver, store);
    return store;
  }

  return {
    of,
    forget(receiver) {
      for (const [key] of kept.get(receiver)?.entries() ?? []) changed(receiver, key, undefined);
      kept.delete(receiver);
    },
    remembered(size) {
      const all: Record<string, (readonly [string, string])[]> = {};
      const share = size / Math.max(1, kept.size);
      for (const [receiver, store] of kept) {
        const newest: (readonly [string, string])[] = [];
        let used = 0;
        for (const entry of store.entries().toReversed()) {
          used += entry[0].length + entry[1].length;
          if (used > share) break;
          newest.unshift(entry);
        }
        if (newest.length > 0) all[receiver] = newest;
      }
      return all;
    },
    restore(remembered) {
      for (const [receiver, entries] of Object.entries(remembered)) {
        const store = of(receiver);
        if (store.entries().length > 0) continue;
        for (const [key, json] of entries) store.set(key, json);
      }
    },
  };
}
