/** Receivers fail in every way they have: the executable, with a journal, under load. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../e2e/eventually.ts";
import { expectExactlyOnce, expectKept } from "./expectations.ts";
import { MOODS } from "./far-end.ts";
import { JOURNAL } from "./setups.ts";
import { createWorld } from "./world.ts";

test.concurrent("each receiver in every mood: nothing lost, in order, what repeats was counted", async () => {
  await using world = await createWorld({ seed: 31, setup: JOURNAL, timeoutMs: 1_000 });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(100);
  for (let round = 0; round < MOODS.length; round++) {
    world.ends.forEach((end, index) => {
      end.mood = MOODS[(round + 3 * index) % MOODS.length] ?? "fine";
    });
    await Bun.sleep(1_600);
  }
  for (const end of world.ends) end.mood = "fine";
  stop();
  await world.settle(30_000);
  expect(await petrel.stop()).toBe(0);
  const { receivers } = expectKept(world);
  // Those that keep events and do not answer were met.
  for (const { ambiguous } of receivers) expect(ambiguous).toBeGreaterThan(0);
}, 90_000);

test.concurrent("one that is dead holds back nobody: the others neither wait nor repeat, over restarts", async () => {
  await using world = await createWorld({
    seed: 32,
    setup: JOURNAL,
    config: { buffer: { events: 100 }, shutdownTimeout: "500ms" },
  });
  const petrel = world.instance();
  world.end("single").mood = "unavailable";
  await petrel.start();
  const stop = world.load(200);
  for (let round = 0; round < 3; round++) {
    await Bun.sleep(1_000);
    if (round === 1) await petrel.kill();
    else expect(await petrel.stop()).toBe(0);
    await petrel.start();
  }
  stop();
  await world.settle(20_000, ["single"]);
  expect(world.verdict().receivers[0]).toMatchObject({ missing: expect.any(Array), dropped: {} });
  expect(world.end("single").kept.size).toBe(0);
  // Its backlog is on disk, and in order.
  world.end("single").mood = "fine";
  await world.settle(20_000);
  expect(await petrel.stop()).toBe(0);
  expectKept(world);
}, 60_000);

test.concurrent("one that answers 401 loses nothing, and goes on by itself when the file of the secret changes", async () => {
  const plan = { name: "guarded", shape: "single" } as const;
  const file = join(process.env.TMPDIR ?? "/tmp", `petrel-secret-${process.pid}`);
  writeFileSync(file, "old");
  await using world = await createWorld({
    seed: 33,
    setup: JOURNAL,
    receivers: [
      { ...plan, sink: { bearerToken: { file } } },
      { name: "open", shape: "lines" },
    ],
  });
  const petrel = world.instance();
  const end = world.end("guarded");
  end.token = "old";
  await petrel.start();
  const stop = world.load(100);
  await eventually("the first events", 10_000, () => (end.kept.size > 50 ? undefined : `${end.kept.size}`));
  end.token = "new";
  await Bun.sleep(3_000);
  const refused = end.kept.size;
  expect(petrel.process.metric("petrel_receiver_up", 'receiver="guarded"')).toBe(0);
  expect(petrel.process.metric("petrel_receiver_up", 'receiver="open"')).toBe(1);
  writeFileSync(file, "new");
  stop();
  // A probe comes every 30 seconds, and when a file of the config has changed and is the same for a second.
  await eventually("it takes events again", 10_000, () => (end.kept.size > refused ? undefined : "nothing came"));
  await world.settle(20_000);
  expect(await petrel.stop()).toBe(0);
  expectExactlyOnce(world);
  expect(petrel.process.stderr()).not.toContain('"new"');
}, 90_000);
