/**
 * Random walks over everything that can go wrong: the executable, in three setups. `PETREL_SEEDS=7-9` walks other ways,
 * `PETREL_WALK_SECONDS` longer ones.
 */
import { describe, expect, test } from "bun:test";
import { cannotBeInCluster } from "./in-cluster.ts";
import { CONFIG_MAP, JOURNAL, LEASE } from "./setups.ts";
import { type WalkOptions, walk } from "./walk.ts";

const SECONDS = Number(process.env.PETREL_WALK_SECONDS ?? 30);
const [from = 1, to = from] = (process.env.PETREL_SEEDS ?? "1").split("-").map(Number);
const SEEDS = Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function expectWalk(options: Omit<WalkOptions, "seconds">): Promise<void> {
  const { verdict, steps, settled, codes, log } = await walk({ ...options, seconds: SECONDS });
  const missing = verdict.receivers.map((one) => one.missing.length);
  if (verdict.faults.length > 0 || !settled) process.stderr.write(`${steps.join("\n")}\n${log}\n`);
  expect({ faults: verdict.faults, missing, settled }).toEqual({
    faults: [],
    missing: missing.map(() => 0),
    settled: true,
  });
  expect(codes).toEqual(codes.map(() => 0));
  expect(steps.length).toBeGreaterThan(SECONDS / 10);
}

describe.concurrent.each(SEEDS)("seed %d", (seed) => {
  const ms = SECONDS * 1_000 + 120_000;
  test("with a journal", () => expectWalk({ setup: JOURNAL, seed, rate: 80 }), ms);
  test("two with a Lease", () => expectWalk({ setup: LEASE, seed, rate: 40, two: true }), ms);
  test.if(cannotBeInCluster() === undefined)(
    "with a ConfigMap",
    () => expectWalk({ setup: CONFIG_MAP, seed, rate: 40 }),
    ms,
  );
});
