/** Memory over 5,000 deliveries of every sink. `bun run soak sinks` has 50,000. */
import { describe, expect, test } from "bun:test";
import { SINK_NAMES } from "../../sinks/index.ts";
import type { Fixture } from "../contract.ts";
import { measureFlat } from "../flat.ts";

const DELIVERIES = 5_000;
/** Bytes more than after the first thousand. A hundred bytes kept for each delivery are 400 kB. */
const HEAP = 400_000;
/** What the system counts goes up and down by some: this finds 6 kB of native memory kept for each. */
const ANON = 24 * 1024 * 1024;

const fileName = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

describe("memory is flat", () => {
  test.skip("inMemory (it is there to keep events)", () => {});
  for (const name of SINK_NAMES.filter((one) => one !== "inMemory")) {
    test(name, async () => {
      const { default: fixture }: { default: Fixture } = await import(`../sinks/${fileName(name)}.ts`);
      const { warm, end } = await measureFlat(name, fixture, DELIVERIES);
      expect({ heap: end.heap - warm.heap < HEAP, warm, end }).toEqual({ heap: true, warm, end });
      expect({ anon: end.anon - warm.anon < ANON, warm, end }).toEqual({ anon: true, warm, end });
    });
  }
});
