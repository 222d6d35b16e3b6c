/** Petrel ends, in whatever way, and begins again: the executable, with a journal, under load. */

import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { cannotJump } from "./clock.ts";
import { expectExactlyOnce, expectKept } from "./expectations.ts";
import { JOURNAL, NONE } from "./setups.ts";
import { createWorld, type Instance } from "./world.ts";

/** Resolves when the journal is being written, or after that time: where a kill is most likely to cut a commit in two. */
async function nextWrite({ folder }: Instance, ms: number): Promise<void> {
  const file = join(folder, "state/journal.db-wal");
  const at = (): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const before = at();
  const deadline = performance.now() + ms;
  while (at() === before && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
}

test.concurrent("thirty kills, half of them while the journal is written: nothing lost, repeats only of what no commit knew", async () => {
  await using world = await createWorld({ seed: 11, setup: JOURNAL });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(150);
  for (let kill = 0; kill < 30; kill++) {
    await Bun.sleep(world.random.int(0, 400));
    if (kill % 2 === 0) await nextWrite(petrel, 500);
    await petrel.kill();
    await petrel.start({ wait: kill % 3 !== 0 });
  }
  await Bun.sleep(500);
  stop();
  await world.settle(20_000);
  expect(await petrel.stop()).toBe(0);
  const { receivers } = expectKept(world);
  for (const { afterEnd } of receivers) expect(afterEnd / 30).toBeLessThan(150 * 0.25);
}, 120_000);

test.concurrent("restarts in good order under load: nothing lost, nothing twice", async () => {
  await using world = await createWorld({ seed: 12, setup: JOURNAL });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(200);
  for (let restart = 0; restart < 5; restart++) {
    await Bun.sleep(world.random.int(300, 900));
    expect(await petrel.stop()).toBe(0);
    await Bun.sleep(world.random.int(0, 500));
    await petrel.start();
  }
  stop();
  await world.settle(20_000);
  expect(await petrel.stop()).toBe(0);
  expectExactlyOnce(world);
}, 60_000);

// Found by a walk: an event that still waited in the journal for one receiver was told again to all of them.
test.concurrent("the API server tells once more what an earlier process heard: nobody gets it twice", async () => {
  await using world = await createWorld({ seed: 15, setup: JOURNAL });
  const petrel = world.instance();
  await petrel.start();
  world.write(50);
  expect(await world.settle(10_000)).toBe(true);
  world.end("bulk").mood = "unavailable";
  world.write(50);
  expect(await world.settle(10_000, ["bulk"])).toBe(true);
  await Bun.sleep(JOURNAL.recordMs ?? 0);
  await petrel.kill();
  world.end("bulk").mood = "fine";
  await petrel.start();
  world.duplicate(30);
  world.write(20);
  expect(await world.settle(10_000)).toBe(true);
  world.duplicate(30);
  world.write(20);
  expect(await world.settle(10_000)).toBe(true);
  expect(await petrel.stop()).toBe(0);
  expectExactlyOnce(world);
  expect(petrel.process.metric("petrel_events_discarded_total", 'reason="repeated"')).toBeGreaterThan(30);
}, 60_000);

test.concurrent.each(["in good order", "kill -9"] as const)(
  "with no record at all, %s: begins with the events of the last maxEventAgeSeconds, and counts what it drops",
  async (how) => {
    await using world = await createWorld({
      seed: 16,
      setup: NONE,
      config: { maxEventAgeSeconds: 4, shutdownTimeout: "500ms" },
    });
    const petrel = world.instance();
    await petrel.start();
    world.write(20);
    expect(await world.settle(10_000)).toBe(true);
    world.end("single").mood = "unavailable";
    world.write(20);
    expect(await world.settle(10_000, ["single"])).toBe(true);
    const waited = new Set(
      world
        .story()
        .states.slice(20)
        .map(({ id }) => id),
    );
    const first = petrel.process;
    if (how === "kill -9") await petrel.kill();
    else await petrel.stop();
    // Times of events have whole seconds.
    await Bun.sleep(5_500);
    world.end("single").mood = "fine";
    world.write(20);
    await petrel.start();
    world.write(20);
    expect(await world.settle(10_000, ["single"])).toBe(true);
    expect(await petrel.stop()).toBe(0);
    const [single, ...others] = world.verdict().receivers;
    expect(others.map(({ missing, unexplained, afterEnd }) => [missing, unexplained, afterEnd])).toEqual(
      others.map(() => [[], [], 0]),
    );
    expect([single?.unexplained, single?.afterEnd]).toEqual([[], 0]);
    expect(single?.missing.length).toBeGreaterThan(10);
    expect(single?.missing.every((id) => waited.has(id))).toBe(true);
    // Of what dies with the process nobody can tell afterwards; who ends in good order does.
    expect(single?.dropped).toEqual(how === "kill -9" ? {} : { shutdown: 20 });
    expect(first.log.some((line) => String(line.message).includes("not delivered"))).toBe(how !== "kill -9");
  },
  60_000,
);

test.concurrent("stopped and continued: what was under way is counted as ambiguous, nothing is lost", async () => {
  await using world = await createWorld({ seed: 13, setup: JOURNAL });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(200);
  for (let round = 0; round < 4; round++) {
    await Bun.sleep(world.random.int(200, 600));
    petrel.process.freeze();
    await Bun.sleep(world.random.pick([100, 1_000, 2_500]));
    petrel.process.thaw();
  }
  // Frozen to death: nothing of what was under way is known.
  await Bun.sleep(300);
  petrel.process.freeze();
  await Bun.sleep(2_000);
  await petrel.kill();
  await petrel.start();
  stop();
  await world.settle(20_000);
  expect(await petrel.stop()).toBe(0);
  expectKept(world);
}, 60_000);

test.concurrent.if(cannotJump() === undefined)(
  "the wall clock goes back an hour while it is down: nobody waits for that hour",
  async () => {
    // `bulk` waits for its batches to fill, by the time at which events came.
    await using world = await createWorld({ seed: 14, setup: JOURNAL, clock: true });
    const petrel = world.instance();
    world.end("bulk").mood = "unavailable";
    world.jump(3_600);
    await petrel.start();
    world.write(20);
    await world.settle(10_000, ["bulk"]);
    await petrel.kill();
    world.jump(0);
    world.end("bulk").mood = "fine";
    await petrel.start();
    expect(await world.settle(10_000)).toBe(true);
    world.jump(-3_600);
    world.write(20);
    expect(await world.settle(10_000)).toBe(true);
    expect(await petrel.stop()).toBe(0);
    expectKept(world);
  },
  60_000,
);
