/** The disk below the journal fails: the executable, under load. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../e2e/eventually.ts";
import { cannotMount, checkpointWal, damagePages, entryPages, mountSmallDisk, tearTail, walSize } from "./disk.ts";
import { expectKept } from "./expectations.ts";
import { JOURNAL } from "./setups.ts";
import { createWorld } from "./world.ts";

const noMount = cannotMount();

describe.if(noMount === undefined)(`full${noMount === undefined ? "" : ` (${noMount})`}`, () => {
  test.concurrent("delivery goes on from memory, it is counted, and the journal is written again when there is room", async () => {
    await using world = await createWorld({ seed: 51, setup: JOURNAL });
    const petrel = world.instance();
    await using disk = await mountSmallDisk(join(petrel.folder, "state"), 600);
    const process = await petrel.start();
    // What waits for it fills the disk.
    world.end("single").mood = "unavailable";
    const stop = world.load(200);
    await eventually("the disk is full", 20_000, () =>
      process.metric("petrel_journal_errors_total", 'reason="full"') > 0 ? undefined : "not yet",
    );
    expect(process.metric("petrel_journal_up")).toBe(0);
    const before = world.end("lines").kept.size;
    await Bun.sleep(2_000);
    expect(world.end("lines").kept.size).toBeGreaterThan(before + 100);
    await disk.resize(64_000);
    await eventually("it is written again", 10_000, () =>
      process.metric("petrel_journal_up") === 1 ? undefined : "not yet",
    );
    stop();
    await Bun.sleep(500);
    // All of it is on record again.
    await petrel.kill();
    world.end("single").mood = "fine";
    await petrel.start();
    await world.settle(20_000);
    expect(await petrel.stop()).toBe(0);
    expectKept(world);
  }, 90_000);

  test.concurrent("killed while it is full: what was told and not on record is told again by the API server", async () => {
    await using world = await createWorld({ seed: 52, setup: JOURNAL });
    const petrel = world.instance();
    await using disk = await mountSmallDisk(join(petrel.folder, "state"), 400);
    const process = await petrel.start();
    world.end("bulk").mood = "unavailable";
    const stop = world.load(200);
    await eventually("the disk is full", 20_000, () =>
      process.metric("petrel_journal_errors_total", 'reason="full"') > 0 ? undefined : "not yet",
    );
    petrel.unrecorded(true);
    await Bun.sleep(2_000);
    await petrel.kill();
    await disk.resize(64_000);
    await petrel.start();
    petrel.unrecorded(false);
    world.end("bulk").mood = "fine";
    stop();
    await world.settle(20_000);
    expect(await petrel.stop()).toBe(0);
    expectKept(world);
  }, 90_000);
});

test.concurrent("the tail of the write-ahead log is torn off: as if it had been killed earlier", async () => {
  await using world = await createWorld({ seed: 53, setup: JOURNAL });
  const petrel = world.instance();
  world.end("bulk").mood = "unavailable";
  await petrel.start();
  const stop = world.load(200);
  const state = join(petrel.folder, "state");
  for (let round = 0; round < 4; round++) {
    // Since when what was recorded may be torn off.
    petrel.unrecorded(true);
    const from = walSize(state);
    await Bun.sleep(world.random.int(500, 1_200));
    await petrel.kill();
    tearTail(state, from, world.random.next());
    petrel.unrecorded(false);
    await petrel.start();
  }
  world.end("bulk").mood = "fine";
  stop();
  await world.settle(20_000);
  expect(await petrel.stop()).toBe(0);
  expectKept(world);
}, 60_000);

test.concurrent("pages are overwritten: said, set aside, and what was on them is counted or told again", async () => {
  await using world = await createWorld({ seed: 54, setup: JOURNAL });
  const petrel = world.instance();
  world.end("single").mood = "unavailable";
  await petrel.start();
  const stop = world.load(200);
  await Bun.sleep(4_000);
  stop();
  await world.settle(10_000, ["single"]);
  await petrel.kill();
  const state = join(petrel.folder, "state");
  checkpointWal(state);
  const { entries } = entryPages(state);
  expect(entries.length).toBeGreaterThan(20);
  damagePages(state, entries.slice(5, 8));
  const process = await petrel.start();
  world.end("single").mood = "fine";
  await eventually("it is said", 20_000, () =>
    process.log.some((line) => String(line.message).startsWith("the journal is damaged: set aside")) ? undefined : "no",
  );
  world.write(100);
  await world.settle(10_000);
  expect(await petrel.stop()).toBe(0);
  const verdict = world.verdict();
  expect(verdict.faults).toEqual([]);
  const [single, ...others] = verdict.receivers;
  expect(others.map(({ missing }) => missing.length)).toEqual([0, 0]);
  // Three pages of a few entries each, of which each is counted.
  expect(single?.missing.length).toBeLessThan(60);
  expect(readdirSync(state).some((name) => name.includes("damaged"))).toBe(true);
}, 60_000);
