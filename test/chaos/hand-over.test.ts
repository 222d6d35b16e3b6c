/** Two Petrels and one Lease, and one Petrel with a ConfigMap: the executable, without a disk, under load. */
import { describe, expect, test } from "bun:test";
import { eventually } from "../e2e/eventually.ts";
import { expectExactlyOnce, expectKept } from "./expectations.ts";
import { cannotBeInCluster } from "./in-cluster.ts";
import { CONFIG_MAP, LEASE, LEASE_AND_JOURNAL } from "./setups.ts";
import { createWorld, type Instance, type World } from "./world.ts";

const RATE = 60;

/** The one that leads, and the other. */
async function roles(world: World): Promise<readonly [leader: Instance, follower: Instance]> {
  const all = [world.instance("a"), world.instance("b")] as const;
  let leader: Instance | undefined;
  await eventually("somebody leads", 30_000, async () => {
    for (const one of all) if (one.running) await one.process.read();
    leader = all.find((one) => one.running && one.process.metric("petrel_leader") === 1);
    return leader ? undefined : "nobody";
  });
  return leader === all[1] ? [all[1], all[0]] : all;
}

/** Milliseconds from now until the next event is delivered by another process. */
async function takenOver(world: World, from: number, after: number): Promise<number> {
  let first: number | undefined;
  await eventually("another delivers", 40_000, () => {
    const found = world.ends.flatMap((end) => end.attempts).find((one) => one.life !== from && one.begun > after);
    first = found?.begun;
    return found ? undefined : "nothing came";
  });
  return (first ?? Number.NaN) - after;
}

describe.concurrent.each([LEASE, LEASE_AND_JOURNAL])("two with a $name", (setup) => {
  test("handed over in good order: nothing lost, nothing twice, within two seconds", async () => {
    await using world = await createWorld({ seed: 71, setup });
    await world.instance("a").start();
    await world.instance("b").start();
    const stop = world.load(RATE);
    await Bun.sleep(1_500);
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      const [leader] = await roles(world);
      const { number } = leader.process;
      const at = world.now();
      const [took, code] = await Promise.all([takenOver(world, number, at), leader.stop()]);
      expect(code).toBe(0);
      times.push(took);
      await leader.start();
      await Bun.sleep(1_000);
    }
    stop();
    await world.settle(20_000);
    const [leader, follower] = await roles(world);
    expect(await follower.stop()).toBe(0);
    expect(await leader.stop()).toBe(0);
    expectExactlyOnce(world);
    for (const took of times) expect(took).toBeLessThan(2_500);
  }, 90_000);

  test("killed: the other one takes over within twenty seconds, and repeats what was not on record", async () => {
    await using world = await createWorld({ seed: 72, setup });
    world.end("single").mood = "unavailable";
    await world.instance("a").start();
    await world.instance("b").start();
    const stop = world.load(RATE);
    await Bun.sleep(4_000);
    const [leader] = await roles(world);
    const { number } = leader.process;
    const at = world.now();
    await leader.kill();
    const took = await takenOver(world, number, at);
    expect(took).toBeLessThan(20_000);
    world.end("single").mood = "fine";
    stop();
    await world.settle(20_000);
    const [last] = await roles(world);
    expect(await last.stop()).toBe(0);
    expectKept(world);
  }, 90_000);

  test("cut off from the API server: it stops before the other begins", async () => {
    await using world = await createWorld({ seed: 73, setup });
    await world.instance("a").start();
    await world.instance("b").start();
    const stop = world.load(RATE);
    await Bun.sleep(4_000);
    const [leader] = await roles(world);
    leader.link.partition(true);
    leader.unrecorded(true);
    await takenOver(world, leader.process.number, world.now());
    await Bun.sleep(2_000);
    leader.link.partition(false);
    leader.deposed();
    await Bun.sleep(2_000);
    stop();
    await world.settle(20_000);
    const [last, other] = await roles(world);
    expect(await other.stop()).toBe(0);
    expect(await last.stop()).toBe(0);
    expectKept(world);
  }, 90_000);
});

const noPod = cannotBeInCluster();

describe.concurrent.if(noPod === undefined)(`one with a ConfigMap${noPod === undefined ? "" : ` (${noPod})`}`, () => {
  test("restarts in good order: nothing lost, nothing twice, with one of three receivers dead", async () => {
    await using world = await createWorld({ seed: 74, setup: CONFIG_MAP, config: { shutdownTimeout: "500ms" } });
    const petrel = world.instance();
    world.end("single").mood = "unavailable";
    await petrel.start();
    const stop = world.load(RATE);
    for (let round = 0; round < 4; round++) {
      await Bun.sleep(world.random.int(500, 2_500));
      expect(await petrel.stop()).toBe(0);
      await Bun.sleep(world.random.int(0, 500));
      await petrel.start();
    }
    stop();
    await world.settle(10_000, ["single"]);
    world.end("single").mood = "fine";
    await world.settle(20_000);
    expect(await petrel.stop()).toBe(0);
    expectExactlyOnce(world);
  }, 90_000);

  test("kills: nothing lost, repeats of what was acknowledged since the last checkpoint", async () => {
    await using world = await createWorld({ seed: 75, setup: CONFIG_MAP });
    const petrel = world.instance();
    world.end("single").mood = "unavailable";
    await petrel.start();
    const stop = world.load(RATE);
    for (let round = 0; round < 5; round++) {
      await Bun.sleep(world.random.int(500, 4_000));
      await petrel.kill();
      await petrel.start();
    }
    world.end("single").mood = "fine";
    stop();
    await world.settle(20_000);
    expect(await petrel.stop()).toBe(0);
    expectKept(world);
  }, 90_000);
});
