import { expect, test } from "bun:test";
import { createSortWindow } from "../../src/kube/sort-window.ts";

test("items come out whole, by version, and the window serves again", () => {
  const window = createSortWindow({ events: 4, bytes: 3_000_000 });
  for (let round = 0; round < 3; round++) {
    // More than it is meant to hold, and one that is larger than a segment.
    const items = [7, 3, 9, 1, 8, 2].map((version) => ({
      version,
      text: `${version}`.repeat(version === 9 ? 1_500_000 : 300_000),
    }));
    for (const { version, text } of items) window.add(Buffer.from(text), version, version * 10);
    expect([window.size, window.full]).toEqual([6, true]);
    const out = [...window.take()].map(
      ({ bytes, version, identity }) => [version, identity, Buffer.from(bytes).toString()] as const,
    );
    expect(out.map(([version]) => version)).toEqual([1, 2, 3, 7, 8, 9]);
    for (const [version, identity, text] of out) {
      expect(identity).toBe(version * 10);
      expect(text).toBe(items.find((item) => item.version === version)?.text ?? "");
    }
    expect([window.size, window.full]).toEqual([0, false]);
  }
});
