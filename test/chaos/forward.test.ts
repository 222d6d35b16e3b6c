/**
 * Petrels at the edge forward to a central one, and either side is killed: nothing is lost, the central log takes each id
 * once, and its receiver gets nothing twice but what was on no record yet.
 */
import { expect, test } from "bun:test";
import { seeded } from "../pipeline/virtual-time.ts";
import { createForwarding } from "./forwarding.ts";
import { JOURNAL } from "./setups.ts";

const PER_SECOND = 200;
const RECORD_MS = JOURNAL.recordMs ?? 0;

/** More on request: the figure of a long run. */
const KILLS = Number(process.env.PETREL_FORWARD_KILLS ?? 4);

test("kills at the edge: nothing lost, nothing twice at the central one", async () => {
  const random = seeded(21);
  await using all = await createForwarding();
  await all.central.start();
  await Promise.all(all.edges.map((edge) => edge.start()));
  const stopLoad = all.load(PER_SECOND);
  for (let kill = 0; kill < KILLS; kill++) {
    await Bun.sleep(random.int(100, 600));
    const edge = random.pick(all.edges);
    await edge.kill();
    await edge.start();
  }
  stopLoad();
  await all.settle(30_000);
  expect(await Promise.all([...all.edges, all.central].map((one) => one.stop()))).toEqual([0, 0, 0]);
  expect(all.repeats()).toEqual([]);
  expect(new Set(all.deliveries.map(({ id }) => id))).toEqual(all.written);
  expect(all.taken()).toBe(all.written.size);
  expect([...new Set(all.deliveries.map(({ cluster }) => cluster))].sort()).toEqual(["edge-0", "edge-1"]);
}, 180_000);

test("kills of the central one: nothing lost, repeats only of what was on no record", async () => {
  const random = seeded(22);
  await using all = await createForwarding();
  await all.central.start();
  await Promise.all(all.edges.map((edge) => edge.start()));
  const stopLoad = all.load(PER_SECOND);
  const kills: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await Bun.sleep(random.int(200, 900));
    kills.push(performance.now());
    await all.central.kill();
    await all.central.start();
  }
  stopLoad();
  await all.settle(40_000);
  expect(await Promise.all([...all.edges, all.central].map((one) => one.stop()))).toEqual([0, 0, 0]);
  const unexplained = all
    .repeats()
    .filter(({ before }) => !kills.some((at) => before > at - RECORD_MS && before < at + RECORD_MS));
  expect(unexplained).toEqual([]);
  expect(new Set(all.deliveries.map(({ id }) => id))).toEqual(all.written);
  expect(all.taken()).toBe(all.written.size);
}, 180_000);
