/** The API server fails in every way it has: the executable, under load. */
import { expect, test } from "bun:test";
import { expectExactlyOnce } from "./expectations.ts";
import { JOURNAL, NONE, type Setup } from "./setups.ts";
import { createWorld, type World } from "./world.ts";

const RATE = 200;

/** A Petrel under load while `faults` happen; then everything must have come, once. */
async function story(
  seed: number,
  faults: (world: World) => Promise<void>,
  { rate = RATE, setup = JOURNAL }: { readonly rate?: number; readonly setup?: Setup } = {},
): Promise<void> {
  await using world = await createWorld({ seed, setup });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(rate);
  await Bun.sleep(1_000);
  await faults(world);
  await Bun.sleep(1_000);
  stop();
  await world.settle(20_000);
  expect(await petrel.stop()).toBe(0);
  const { superseded } = expectExactlyOnce(world);
  // Else the gaps would excuse everything.
  expect(superseded).toBeLessThan(world.written * 0.6);
}

async function restarts(world: World): Promise<void> {
  const { link } = world.instance();
  for (let round = 0; round < 4; round++) {
    link.up(false);
    await Bun.sleep(world.random.int(50, 1_500));
    link.up(true);
    await Bun.sleep(world.random.int(200, 1_000));
  }
}

test.concurrent("restarts of the API server", () => story(21, restarts), 60_000);

test.concurrent(
  "restarts of the API server, and 410, without any record: while it runs it needs none",
  () =>
    story(
      26,
      async (world) => {
        await restarts(world);
        world.expireWatches();
        await Bun.sleep(500);
        world.expireWatches();
      },
      { setup: NONE },
    ),
  60_000,
);

test.concurrent(
  "410 in mid-stream, and lines told twice",
  () =>
    story(22, async (world) => {
      for (let round = 0; round < 6; round++) {
        world.duplicate(20);
        world.expireWatches();
        await Bun.sleep(world.random.int(100, 800));
      }
    }),
  60_000,
);

test.concurrent(
  "the history is compacted while petrel is down, and pages of the list expire",
  () =>
    story(23, async (world) => {
      const petrel = world.instance();
      for (let round = 0; round < 3; round++) {
        expect(await petrel.stop()).toBe(0);
        // More than one page.
        world.write(600);
        world.api.compact();
        world.expirePages(round);
        await petrel.start();
        await Bun.sleep(500);
      }
    }),
  60_000,
);

test.concurrent("a connection that stands still, and a watch that has gone mute, are found by themselves", async () => {
  const found = async (world: World): Promise<void> => {
    const process = world.instance().process;
    const deadline = performance.now() + 70_000;
    while (process.metric("petrel_watch_reconnects_total", 'reason="mute"') === 0) {
      if (performance.now() > deadline) throw new Error("nobody noticed");
      await Bun.sleep(200);
    }
  };
  await Promise.all([
    story(
      24,
      async (world) => {
        world.instance().link.freeze();
        await found(world);
      },
      { rate: 20 },
    ),
    story(
      25,
      async (world) => {
        world.mute();
        await found(world);
      },
      { rate: 20 },
    ),
  ]);
}, 120_000);
