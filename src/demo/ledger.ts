/** What was written, who must get it, who got it, and how long that took: the demo's own proof that nothing is lost. */

export interface Entry {
  readonly id: string;
  /** Milliseconds; steady. */
  readonly writtenAt: number;
  /** `Pod/checkout-…` */
  readonly object: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  /** By receiver: must it get this event, as the route says. */
  readonly routed: readonly boolean[];
  /** By receiver: has it. */
  readonly arrived: boolean[];
}

export interface Tally {
  /** Events that the route sends to this receiver. */
  routed: number;
  /** Of these, those that came. */
  arrived: number;
  /** Came once more. */
  repeated: number;
  /** Came although the route does not send them. */
  stray: number;
  /** Milliseconds from the write in the API server to the arrival, of the last ones. */
  readonly latencies: Latencies;
}

export interface Ledger {
  readonly receivers: readonly string[];
  readonly tallies: readonly Tally[];
  readonly written: number;
  /** Oldest first. */
  readonly recent: readonly Entry[];
  write(entry: Omit<Entry, "arrived">): Entry;
  /** The entry, when it is known and came to this receiver for the first time. */
  arrive(receiver: string, id: string, now: number): Entry | undefined;
  /** True when everything that was written came to everybody who must get it. */
  settled(): boolean;
}

/** Entries that are remembered: far more than are ever on their way in a demo. */
const KEPT = 5_000;

export function createLedger(receivers: readonly string[]): Ledger {
  const tallies: Tally[] = receivers.map(() => ({
    routed: 0,
    arrived: 0,
    repeated: 0,
    stray: 0,
    latencies: createLatencies(),
  }));
  const byId = new Map<string, Entry>();
  let written = 0;
  let recent: Entry[] = [];

  return {
    receivers,
    tallies,
    get written() {
      return written;
    },
    get recent() {
      return recent;
    },
    write(input) {
      const entry: Entry = { ...input, arrived: receivers.map(() => false) };
      written++;
      for (const [index, tally] of tallies.entries()) if (entry.routed[index]) tally.routed++;
      byId.set(entry.id, entry);
      if (byId.size > KEPT) for (const oldest of byId.keys()) if (byId.delete(oldest)) break;
      recent.push(entry);
      if (recent.length > 400) recent = recent.slice(-200);
      return entry;
    },
    arrive(receiver, id, now) {
      const index = receivers.indexOf(receiver);
      const entry = byId.get(id);
      const tally = tallies[index];
      if (!entry || !tally) return undefined;
      if (entry.arrived[index]) {
        tally.repeated++;
        return undefined;
      }
      entry.arrived[index] = true;
      if (entry.routed[index]) tally.arrived++;
      else tally.stray++;
      tally.latencies.add(now - entry.writtenAt);
      return entry;
    },
    settled: () => tallies.every((tally) => tally.arrived === tally.routed),
  };
}

export interface Latencies {
  /** Of all; 0 when there is none. */
  readonly highest: number;
  add(ms: number): void;
  /** Of the last 1,000; NaN when there is none. */
  quantile(q: number): number;
}

function createLatencies(): Latencies {
  const values = new Float64Array(1_000);
  let count = 0;
  let highest = 0;
  return {
    get highest() {
      return highest;
    },
    add(ms) {
      values[count++ % values.length] = ms;
      highest = Math.max(highest, ms);
    },
    quantile(q) {
      if (count === 0) return Number.NaN;
      const sorted = values.slice(0, Math.min(count, values.length)).sort();
      return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
    },
  };
}
