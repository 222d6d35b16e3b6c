/** Entries that memory lost while the disk took none, as ranges. */
export interface Holes {
  /** Ascending. */
  add(seq: number): void;
  has(seq: number): boolean;
  /** Nobody asks for entries below any more. */
  forgetBelow(seq: number): void;
  clear(): void;
}

export function createHoles(): Holes {
  const ranges: { readonly from: number; to: number }[] = [];
  return {
    add(seq) {
      const last = ranges.at(-1);
      if (last?.to === seq) last.to++;
      else ranges.push({ from: seq, to: seq + 1 });
    },
    has: (seq) => ranges.some(({ from, to }) => from <= seq && seq < to),
    forgetBelow(seq) {
      while (ranges.length > 0 && (ranges[0]?.to ?? 0) <= seq) ranges.shift();
    },
    clear() {
      ranges.length = 0;
    },
  };
}
