/** State folders that cannot be used, or not well: what the executable says, and what it ends with. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../e2e/eventually.ts";
import { cannotMount, mountSmallDisk } from "./disk.ts";
import { expectExactlyOnce } from "./expectations.ts";
import { JOURNAL } from "./setups.ts";
import { createWorld, type World } from "./world.ts";

const root = process.getuid?.() === 0;
const AS_NOBODY = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"];

async function aWorld(prepare: (state: string) => void, command: readonly string[] = []): Promise<World> {
  const world = await createWorld({ seed: 61, setup: JOURNAL, command });
  const { folder } = world.instance();
  for (const open of [world.folder, folder]) chmodSync(open, 0o755);
  prepare(join(folder, "state"));
  return world;
}

/** Starts it on a folder that it must refuse; the exit code, and the last line that it says. */
async function refusal(prepare: (state: string) => void, command: readonly string[] = []) {
  await using world = await aWorld(prepare, command);
  const petrel = await world.instance().start({ wait: false });
  await eventually("it ends", 80_000, () => (petrel.running ? petrel.stderr() : undefined));
  const state = join(world.instance().folder, "state");
  return { code: petrel.code, said: String(petrel.log.at(-1)?.message).replaceAll(state, "STATE") };
}

/** Starts it on a folder that it must make do with; everything must be delivered, once. */
async function makesDo(prepare: (state: string) => void, look: (world: World) => Promise<void>): Promise<void> {
  await using world = await aWorld(prepare);
  const petrel = world.instance();
  await petrel.start();
  world.write(50);
  await world.settle(10_000);
  await look(world);
  expect(await petrel.stop()).toBe(0);
  expectExactlyOnce(world);
}

describe.concurrent("refused, with one line that says what to do", () => {
  test.if(root)("read-only, for a user that is not root", async () => {
    const readOnly = (state: string) => {
      mkdirSync(state, { mode: 0o555 });
      chmodSync(state, 0o555);
    };
    expect(await refusal(readOnly, AS_NOBODY)).toEqual({
      code: 1,
      said: "petrel: the state folder STATE cannot be written; make it writable for the user that petrel runs as, or mount a volume",
    });
  });
  test.if(root)("cannot be made", async () => {
    expect(await refusal(() => {}, AS_NOBODY)).toEqual({
      code: 1,
      said: "petrel: the state folder STATE cannot be made: petrel may not write there; make it writable for the user that petrel runs as, or mount a volume",
    });
  });
  test("a loop of symbolic links", async () => {
    const loop = (state: string) => {
      symlinkSync(`${state}-2`, state);
      symlinkSync(state, `${state}-2`);
    };
    expect(await refusal(loop)).toEqual({
      code: 1,
      said: "petrel: the state folder STATE cannot be made: its path is a loop of symbolic links; name a real folder",
    });
  });
  test("a file", async () => {
    expect(await refusal((state) => writeFileSync(state, ""))).toEqual({
      code: 1,
      said: "petrel: the state folder STATE cannot be made: it is not a folder; name one",
    });
  });
  test("of a newer version", async () => {
    const newer = (state: string) => {
      mkdirSync(state);
      const db = new Database(join(state, "journal.db"), { create: true });
      db.run("PRAGMA user_version = 99");
      db.close();
    };
    expect(await refusal(newer)).toEqual({
      code: 1,
      said: "petrel: the journal in STATE is of a newer petrel (format 99, this one knows 1); run that version, or name another state.path",
    });
  });
  test("locked by another petrel that does not let go of it within a minute", async () => {
    await using world = await aWorld(() => {});
    await world.instance("a").start();
    world.instance("b").configure({ state: { path: join(world.instance("a").folder, "state") } });
    const begun = performance.now();
    const second = await world.instance("b").start({ wait: false });
    await eventually("it ends", 80_000, () => (second.running ? second.stderr() : undefined));
    expect(performance.now() - begun).toBeGreaterThan(55_000);
    expect(second.code).toBe(1);
    expect(String(second.log.at(-1)?.message)).toContain("and did not let go of it within 60 s");
    expect(await world.instance("a").stop()).toBe(0);
  }, 120_000);
});

describe.concurrent("used as far as it can be", () => {
  test("locked for a while: the second begins when the first has ended", async () => {
    await using world = await aWorld(() => {});
    const [a, b] = [world.instance("a"), world.instance("b")];
    await a.start();
    const stop = world.load(100);
    b.configure({ state: { path: join(a.folder, "state") } });
    const second = await b.start({ wait: false });
    await Bun.sleep(2_000);
    expect(await a.stop()).toBe(0);
    await second.ready();
    stop();
    await world.settle(10_000);
    expect(await b.stop()).toBe(0);
    expectExactlyOnce(world);
  }, 60_000);
  test("no database at all: set aside, and said", () =>
    makesDo(
      (state) => {
        mkdirSync(state);
        writeFileSync(join(state, "journal.db"), "this is no database, and was never one\n".repeat(500));
      },
      async (world) => {
        const { log } = world.instance().process;
        expect(log.some((line) => String(line.message).startsWith("the journal is damaged: set aside"))).toBe(true);
      },
    ));
  test.if(cannotMount() === undefined)(
    "on a disk that is full from the beginning: from memory, counted",
    async () => {
      await using world = await aWorld(() => {});
      const petrel = world.instance();
      await using disk = await mountSmallDisk(join(petrel.folder, "state"), 64);
      writeFileSync(join(disk.path, "other"), Buffer.alloc(60_000));
      const process = await petrel.start();
      world.write(50);
      await world.settle(10_000);
      await process.read();
      expect(process.metric("petrel_journal_up")).toBe(0);
      expect(process.metric("petrel_journal_errors_total", 'reason="full"')).toBeGreaterThan(0);
      expect(await petrel.stop()).toBe(0);
      expectExactlyOnce(world);
    },
    60_000,
  );
});
