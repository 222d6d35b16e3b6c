/** A seeded random walk over everything that can go wrong; in the end all is well again, and everything must have come. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cannotJump } from "./clock.ts";
import { cannotMount, mountSmallDisk, type SmallDisk, tearTail, walSize } from "./disk.ts";
import { MOODS } from "./far-end.ts";
import type { Verdict } from "./oracle.ts";
import type { Setup } from "./setups.ts";
import { createWorld, type Instance, type World } from "./world.ts";

export interface WalkOptions {
  readonly setup: Setup;
  readonly seed: number;
  readonly seconds: number;
  /** Events per second. */
  readonly rate: number;
  /** Two instances that elect a leader. */
  readonly two?: boolean;
  /** Also what takes Petrel a minute to notice. */
  readonly patient?: boolean;
}

export interface Walked {
  readonly verdict: Verdict;
  /** What was done, one line each. */
  readonly steps: readonly string[];
  readonly written: number;
  /** Everything came within the time given at the end. */
  readonly settled: boolean;
  /** Kills, of processes that had begun to deliver. */
  readonly kills: number;
  readonly codes: readonly number[];
  /** What the processes said, the end of it. */
  readonly log: string;
}

interface Place {
  readonly world: World;
  readonly instances: readonly Instance[];
  readonly disk: SmallDisk | undefined;
  readonly codes: number[];
  kills: number;
}

interface Step {
  readonly name: string;
  readonly weight: number;
  /** Absent: in every setup. */
  readonly when?: (options: WalkOptions) => boolean;
  readonly run: (place: Place, instance: Instance) => Promise<void>;
}

/** Of the small file system, in kilobytes: a walk's journal fits, with room to spare. */
const DISK_KB = 32_768;
const SETTLE_MS = 60_000;

const hasJournal = ({ setup }: WalkOptions): boolean => setup.keepsLog;
const alone = ({ two }: WalkOptions): boolean => two !== true;

const STEPS: readonly Step[] = [
  {
    name: "kill",
    weight: 5,
    async run(place, instance) {
      place.kills++;
      await instance.kill();
      await Bun.sleep(place.world.random.pick([0, 0, 500]));
      await instance.start({ wait: place.world.random.chance(0.7) });
    },
  },
  {
    name: "restart in good order",
    weight: 3,
    async run({ world, codes }, instance) {
      codes.push(await instance.stop());
      await Bun.sleep(world.random.pick([0, 0, 500]));
      await instance.start({ wait: world.random.chance(0.7) });
    },
  },
  {
    name: "stop and continue",
    weight: 2,
    async run({ world }, instance) {
      instance.process.freeze();
      await Bun.sleep(world.random.pick([50, 500, 3_000]));
      instance.process.thaw();
    },
  },
  {
    name: "410 in mid-stream",
    weight: 2,
    run: async ({ world }) => world.expireWatches(),
  },
  {
    name: "compaction while the API server cannot be reached",
    weight: 2,
    async run({ world }, instance) {
      instance.link.up(false);
      world.write(world.random.pick([10, 700]));
      await Bun.sleep(100);
      world.api.compact();
      world.expirePages(world.random.int(0, 1));
      instance.link.up(true);
    },
  },
  {
    name: "compaction while it is down",
    weight: 2,
    when: alone,
    async run(place, instance) {
      place.kills++;
      await instance.kill();
      place.world.write(50);
      place.world.api.compact();
      await instance.start();
    },
  },
  {
    name: "restart of the API server",
    weight: 2,
    async run({ world }, instance) {
      instance.link.up(false);
      await Bun.sleep(world.random.int(20, 2_000));
      instance.link.up(true);
    },
  },
  { name: "lines told twice", weight: 1, run: async ({ world }) => world.duplicate(30) },
  {
    name: "many at once",
    weight: 1,
    run: async ({ world }) => world.write(world.random.pick([100, 1_500])),
  },
  {
    name: "receivers in a mood",
    weight: 6,
    async run({ world }) {
      for (const end of world.ends) end.mood = world.random.chance(0.6) ? world.random.pick(MOODS) : "fine";
      await Bun.sleep(world.random.int(200, 2_500));
      for (const end of world.ends) if (world.random.chance(0.7)) end.mood = "fine";
    },
  },
  {
    name: "reload",
    weight: 3,
    async run({ world }, instance) {
      if (world.random.chance(0.3)) {
        instance.spoil("route: [");
      } else {
        const { number } = instance.process;
        const changed = world.random.pick(world.ends).name;
        const receivers = world.ends.map((end) => ({
          ...end.receiver(number),
          ...(end.name === changed && { concurrency: world.random.int(1, 4) }),
        }));
        instance.configure({ receivers });
      }
      instance.process.hangup();
      await Bun.sleep(world.random.int(0, 800));
      // A process that begins is given its own.
      instance.configure({ receivers: undefined });
    },
  },
  {
    name: "torn tail of the journal",
    weight: 1,
    when: hasJournal,
    async run(place, instance) {
      const state = join(instance.folder, "state");
      instance.unrecorded(true);
      const from = walSize(state);
      await Bun.sleep(place.world.random.int(200, 1_000));
      place.kills++;
      await instance.kill();
      tearTail(state, from, place.world.random.next());
      instance.unrecorded(false);
      await instance.start();
    },
  },
  {
    name: "disk full",
    weight: 2,
    when: (options) => hasJournal(options) && cannotMount() === undefined,
    async run({ world, disk }, instance) {
      const file = join(disk?.path ?? "", "filler");
      instance.unrecorded(true);
      fill(file);
      await Bun.sleep(world.random.int(200, 2_500));
      if (world.random.chance(0.3)) await instance.kill();
      rmSync(file, { force: true });
      // Tried again every second.
      await Bun.sleep(1_500);
      if (!instance.running) await instance.start();
      instance.unrecorded(false);
    },
  },
  {
    name: "the clock jumps",
    weight: 1,
    when: ({ setup }) => cannotJump() === undefined && setup.inCluster !== true,
    async run({ world }) {
      world.jump(world.random.pick([3_600, -3_600]));
      await Bun.sleep(500);
      if (world.random.chance(0.5)) world.jump(0);
    },
  },
  {
    name: "cut off from the API server",
    weight: 2,
    when: ({ two }) => two === true,
    async run({ world }, instance) {
      instance.link.partition(true);
      instance.unrecorded(true);
      await Bun.sleep(world.random.pick([2_000, 14_000]));
      instance.link.partition(false);
      instance.deposed();
    },
  },
  {
    name: "a connection stands still",
    weight: 1,
    when: ({ patient }) => patient === true,
    async run(_, instance) {
      instance.link.freeze();
      await Bun.sleep(60_000);
    },
  },
  {
    name: "a watch goes mute",
    weight: 1,
    when: ({ patient }) => patient === true,
    async run({ world }) {
      world.mute();
      await Bun.sleep(60_000);
    },
  },
];

function pick(dice: number, steps: readonly Step[]): Step | undefined {
  let below = 0;
  return steps.find(({ weight }) => {
    below += weight;
    return dice < below;
  });
}

/** Writes until there is no more room. */
function fill(file: string): void {
  const block = Buffer.alloc(64 * 1_024);
  for (const size of [block.length, 4_096]) {
    try {
      for (;;) writeFileSync(file, block.subarray(0, size), { flag: "a" });
    } catch (error) {
      if ((error as { readonly code?: string }).code !== "ENOSPC") throw error;
    }
  }
}

export async function walk(options: WalkOptions): Promise<Walked> {
  const { setup, seed } = options;
  await using world = await createWorld({ seed, setup, clock: cannotJump() === undefined });
  const instances = options.two ? [world.instance("a"), world.instance("b")] : [world.instance("a")];
  const [first] = instances;
  if (!first) throw new Error("nobody to walk with");
  await using disk =
    setup.keepsLog && cannotMount() === undefined
      ? await mountSmallDisk(join(first.folder, "state"), DISK_KB)
      : undefined;
  const place: Place = { world, instances, disk, codes: [], kills: 0 };
  for (const instance of instances) await instance.start();
  const stop = world.load(options.rate);
  const steps: string[] = [];
  const possible = STEPS.filter(({ when }) => when?.(options) ?? true);
  const weights = possible.reduce((sum, { weight }) => sum + weight, 0);
  const begun = world.now();
  while (world.now() - begun < options.seconds * 1_000) {
    const step = pick(world.random.next() * weights, possible);
    const instance = world.random.pick(instances);
    if (!step) continue;
    steps.push(
      `${((world.now() - begun) / 1_000).toFixed(1)} ${step.name} (${instance.name}), at version ${world.api.version}`,
    );
    await step.run(place, instance);
    await Bun.sleep(world.random.int(0, 700));
  }
  stop();
  if (cannotJump() === undefined) world.jump(0);
  for (const end of world.ends) end.mood = "fine";
  for (const instance of instances) if (!instance.running) await instance.start();
  const settled = await world.settle(SETTLE_MS);
  for (const instance of instances) place.codes.push(await instance.stop());
  const log = instances.map(({ process }) => process.stderr().slice(-4_000)).join("\n");
  const { kills, codes } = place;
  const gaps = world.story().gaps.map(({ from, to }) => `a list stands in for ${from}–${to}`);
  steps.push(...gaps);
  return { verdict: world.verdict(), steps, written: world.written, settled, kills, codes, log };
}
