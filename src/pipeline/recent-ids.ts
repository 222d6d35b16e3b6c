/** Ids of posted events, so that a repeat is known: for a time, in memory, and in the journal when there is one. */

/** An id as 53 bits of its SHA-256: nobody can make two that agree, and 100,000 of them are 4 MB instead of 15. */
export type IdHash = number;

export function idHash(id: string): IdHash {
  const digest = new Bun.CryptoHasher("sha256").update(id).digest();
  return digest.readUIntBE(0, 6) * 32 + (digest.readUInt8(6) >>> 3);
}

export interface RecentIds {
  has(hash: IdHash, now: number): boolean;
  /** `now`: milliseconds, never less than before. */
  add(hash: IdHash, now: number): void;
  forget(): void;
}

export const RECENT_IDS = 100_000;

/** `windowMs` is asked for each time. `known`: from before, the oldest first. */
export function createRecentIds(
  windowMs: () => number,
  known: Iterable<readonly [IdHash, number]> = [],
  capacity = RECENT_IDS,
): RecentIds {
  const seen = new Map<IdHash, number>(known);
  return {
    has(hash, now) {
      const at = seen.get(hash);
      return at !== undefined && now - at < windowMs();
    },
    add(hash, now) {
      seen.delete(hash);
      for (const [oldest, at] of seen) {
        if (seen.size < capacity && now - at < windowMs()) break;
        seen.delete(oldest);
      }
      seen.set(hash, now);
    },
    forget: () => seen.clear(),
  };
}
