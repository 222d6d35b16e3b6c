/** The state that sinks are lent, in memory: gone with the process. */
import type { Store } from "../sink.ts";

/** Of one receiver. Keys and values are counted in UTF-16 units, which is what memory holds. */
const LIMITS = { entries: 1_000, size: 256 * 1024 } as const;

/** Forgets first what was asked for or set longest ago. */
export function createMemoryStore(limits: { readonly entries: number; readonly size: number } = LIMITS): Store {
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
      for (const oldest of kept.keys()) {
        if (kept.size <= limits.entries && size <= limits.size) break;
        remove(oldest);
      }
    },
    delete: (key) => void remove(key),
  };
}

/** One for each receiver, which it goes on with when a reload builds it anew. */
export function storesByReceiver(open: (receiver: string) => Store = () => createMemoryStore()) {
  const kept = new Map<string, Store>();
  return {
    of(receiver: string): Store {
      const store = kept.get(receiver) ?? open(receiver);
      kept.set(receiver, store);
      return store;
    },
    forget: (receiver: string): void => void kept.delete(receiver),
  };
}
