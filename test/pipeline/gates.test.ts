import { describe, expect, test } from "bun:test";
import { createSeen, identityOf } from "../../src/pipeline/gates.ts";
import { forSeeds } from "./virtual-time.ts";

describe("what was seen", () => {
  test("against a set: never a new state taken for an old one, and a fresh repeat always known", () => {
    forSeeds(1, 20, (random) => {
      const seen = createSeen(8_192);
      const model = new Set<string>();
      const recent: [string, number][] = [];
      let version = random.int(1, 2 ** 40);
      let forgotten = 0;
      for (let step = 0; step < 5_000; step++) {
        const repeat = recent.length > 0 && random.chance(0.3);
        version += random.int(1, 5);
        const [uid, at] = repeat ? random.pick(recent) : ([`uid-${random.int(1, 500)}`, version] as const);
        const said = seen.repeated(identityOf(uid), at);
        if (!repeat) expect(said).toBe(false);
        else if (!said) forgotten++;
        model.add(`${uid}.${at}`);
        if (!repeat) recent.push([uid, at]);
        if (recent.length > 1_000) recent.shift();
      }
      expect(model.size).toBeGreaterThan(2_000);
      // Two states of a set of two; a third pushes one out. Rare while the table is eight times as large as what is asked.
      expect(forgotten).toBeLessThan(30);
    });
  });

  test("versions beyond 32 bits differ, and so do the states of one object", () => {
    const seen = createSeen();
    const identity = identityOf("a");
    for (const version of [1, 2, 2 ** 32 + 1, 2 ** 33 + 1, Number.MAX_SAFE_INTEGER]) {
      expect([seen.repeated(identity, version), seen.repeated(identity, version)]).toEqual([false, true]);
    }
    expect(seen.repeated(identityOf("b"), 2)).toBe(false);
  });
});
