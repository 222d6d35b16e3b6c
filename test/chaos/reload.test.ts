/** Another config, again and again, under load: the executable, with a journal. */
import { expect, test } from "bun:test";
import { eventually } from "../e2e/eventually.ts";
import { expectExactlyOnce } from "./expectations.ts";
import { JOURNAL } from "./setups.ts";
import { createWorld, THREE } from "./world.ts";

test("good ones and bad ones: nothing lost, nothing twice, nothing overtaken", async () => {
  await using world = await createWorld({ seed: 41, setup: JOURNAL });
  const petrel = world.instance();
  const process = await petrel.start();
  const stop = world.load(200);
  const generations = new Set<unknown>();
  for (let round = 0; round < 15; round++) {
    const changed = world.random.pick(THREE).name;
    const receivers = world.ends.map((end) => ({
      ...end.receiver(process.number),
      ...(end.name === changed && { concurrency: 1 + (round % 4), retry: { min: `${20 + round}ms`, max: "1s" } }),
    }));
    if (round % 4 === 3)
      petrel.spoil(world.random.pick(["route: [", "receivers: 7", "nonsense: true\nstrict: true\n"]));
    else petrel.configure({ receivers });
    process.hangup();
    await Bun.sleep(world.random.int(200, 800));
  }
  petrel.configure({ receivers: world.ends.map((end) => end.receiver(process.number)) });
  process.hangup();
  await Bun.sleep(1_000);
  stop();
  await world.settle(20_000);
  for (const line of process.log) if (line.message === "another config runs now") generations.add(line.generation);
  // The log tells five of a kind within ten seconds.
  expect(generations.size).toBeGreaterThanOrEqual(5);
  expect(process.log.some((line) => line.message === "the config is not taken over, the one before goes on")).toBe(
    true,
  );
  await eventually("the last one is good", 5_000, async () => {
    await process.read();
    return process.metric("petrel_config_last_reload_successful") === 1 ? undefined : "not successful";
  });
  expect(await petrel.stop()).toBe(0);
  expectExactlyOnce(world);
}, 60_000);

// Found by a walk: it ended the process.
test("asked for while it starts: taken up when it runs", async () => {
  await using world = await createWorld({ seed: 42, setup: JOURNAL });
  const petrel = world.instance();
  const process = await petrel.start({ wait: false });
  process.hangup();
  await process.ready();
  await eventually("it was heard", 10_000, () =>
    process.log.some(({ why }) => why === "SIGHUP") ? undefined : process.stderr(),
  );
  world.write(20);
  expect(await world.settle(10_000)).toBe(true);
  expect(await petrel.stop()).toBe(0);
  expectExactlyOnce(world);
}, 30_000);
