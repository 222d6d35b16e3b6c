/**
 * `bun run soak chaos`: what Petrel promises, at full length, with the compiled executable against a simulated API server
 * and three receivers. Every run is judged by the oracle of test/chaos.
 */
import { rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cannotBeInCluster } from "../chaos/in-cluster.ts";
import type { Verdict } from "../chaos/oracle.ts";
import { CONFIG_MAP, JOURNAL, LEASE, LEASE_AND_JOURNAL, NONE, type Setup } from "../chaos/setups.ts";
import { walk } from "../chaos/walk.ts";
import { createWorld, type Instance, type World } from "../chaos/world.ts";
import { eventually } from "../e2e/eventually.ts";

interface Row {
  readonly what: string;
  readonly setup: string;
  readonly events: number;
  readonly lost: number;
  readonly repeated: number;
  /** What the promise has no words for. */
  readonly faults: readonly string[];
  readonly measured: string;
}

interface Lengths {
  readonly outageMinutes: number;
  readonly refusalMinutes: number;
  readonly memoryMinutes: number;
  readonly walkMinutes: number;
}

type Scenario = (lengths: Lengths) => Promise<readonly Row[]>;

const DEAD = "single";

function row(
  what: string,
  { setup, world, but = [], measured }: { setup: Setup; world: World; but?: readonly string[]; measured: string },
): Row {
  return { what, setup: setup.name, ...counts(world.verdict(), but), events: world.written, measured };
}

function counts({ receivers, faults }: Verdict, but: readonly string[]) {
  const judged = receivers.filter(({ receiver }) => !but.includes(receiver));
  return {
    lost: judged.reduce((sum, one) => sum + one.missing.length, 0),
    repeated: judged.reduce((sum, one) => sum + one.afterEnd + one.ambiguous, 0),
    faults: faults.filter((text) => !but.some((name) => text.startsWith(`${name}: `))),
  };
}

async function finish(world: World, instances: readonly Instance[], but: readonly string[] = []): Promise<number> {
  const begun = world.now();
  await world.settle(120_000, but);
  const took = (world.now() - begun) / 1_000;
  for (const one of instances) if (one.running) await one.stop();
  return took;
}

const seconds = (list: readonly number[]): string => {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (share: number) => ((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) / 1_000).toFixed(1);
  return `median ${at(0.5)} s, longest ${at(1)} s`;
};

async function kills(): Promise<readonly Row[]> {
  const rate = 200;
  await using world = await createWorld({ seed: 101, setup: JOURNAL });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(rate);
  for (let kill = 0; kill < 100; kill++) {
    await Bun.sleep(world.random.int(50, 700));
    await petrel.kill();
    await petrel.start({ wait: kill % 3 !== 0 });
  }
  stop();
  await finish(world, [petrel]);
  const repeats = world.verdict().receivers.map(({ afterEnd }) => afterEnd / 100);
  const mean = repeats.map((one) => one.toFixed(1)).join(", ");
  return [
    row(`kill -9 × 100 at ${rate}/s`, { setup: JOURNAL, world, measured: `repeats per kill and receiver: ${mean}` }),
  ];
}

async function restarts(): Promise<readonly Row[]> {
  await using world = await createWorld({ seed: 102, setup: JOURNAL });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(200);
  const away: number[] = [];
  for (let restart = 0; restart < 20; restart++) {
    await Bun.sleep(world.random.int(300, 1_500));
    const at = world.now();
    await petrel.stop();
    await petrel.start();
    away.push(world.now() - at);
  }
  stop();
  await finish(world, [petrel]);
  return [row("20 rolling restarts at 200/s", { setup: JOURNAL, world, measured: `stop to ready: ${seconds(away)}` })];
}

async function apiServer(): Promise<readonly Row[]> {
  await using world = await createWorld({ seed: 103, setup: JOURNAL });
  const petrel = world.instance();
  await petrel.start();
  const stop = world.load(200);
  for (let round = 0; round < 10; round++) {
    petrel.link.up(false);
    await Bun.sleep(world.random.int(50, 3_000));
    petrel.link.up(true);
    await Bun.sleep(1_000);
    world.expireWatches();
    await Bun.sleep(1_000);
    await petrel.stop();
    world.write(600);
    world.api.compact();
    await petrel.start();
  }
  stop();
  await finish(world, [petrel]);
  const { superseded } = world.verdict();
  const measured = `${superseded} states were superseded in gaps of the history`;
  return [
    row("API server restarts × 10, 410 in mid-watch and after a restart × 10 each", {
      setup: JOURNAL,
      world,
      measured,
    }),
  ];
}

async function reloads(): Promise<readonly Row[]> {
  await using world = await createWorld({ seed: 104, setup: JOURNAL });
  const petrel = world.instance();
  const process = await petrel.start();
  const stop = world.load(200);
  for (let round = 0; round < 60; round++) {
    const receivers = world.ends.map((end, index) => ({
      ...end.receiver(process.number),
      ...(index === round % 3 && { concurrency: 1 + (round % 4) }),
    }));
    if (round % 5 === 4) petrel.spoil("route: [");
    else petrel.configure({ receivers });
    process.hangup();
    await Bun.sleep(1_000);
  }
  stop();
  await finish(world, [petrel]);
  return [row("reload every second for 60 s at 200/s, every fifth a bad one", { setup: JOURNAL, world, measured: "" })];
}

async function leaderOf(world: World): Promise<Instance> {
  const all = [world.instance("a"), world.instance("b")];
  let leader: Instance | undefined;
  await eventually("somebody leads", 40_000, async () => {
    for (const one of all) if (one.running) await one.process.read();
    leader = all.find((one) => one.running && one.process.metric("petrel_leader") === 1);
    return leader ? undefined : "nobody";
  });
  if (!leader) throw new Error("nobody leads");
  return leader;
}

async function takenOver(world: World, from: number, after: number): Promise<number> {
  let first = Number.NaN;
  await eventually("another delivers", 60_000, () => {
    const found = world.ends.flatMap((end) => end.attempts).find((one) => one.life !== from && one.begun > after);
    first = found?.begun ?? Number.NaN;
    return found ? undefined : "nothing came";
  });
  return first - after;
}

function handOvers(setup: Setup): Scenario {
  return async () => {
    const rows: Row[] = [];
    {
      await using world = await createWorld({ seed: 105, setup });
      await world.instance("a").start();
      await world.instance("b").start();
      const stop = world.load(100);
      await Bun.sleep(2_000);
      const times: number[] = [];
      for (let round = 0; round < 10; round++) {
        const leader = await leaderOf(world);
        const at = world.now();
        const [took] = await Promise.all([takenOver(world, leader.process.number, at), leader.stop()]);
        times.push(took);
        await leader.start();
        await Bun.sleep(500);
      }
      stop();
      await finish(world, [world.instance("a"), world.instance("b")]);
      const measured = `SIGTERM to the first delivery of the other: ${seconds(times)}`;
      rows.push(row("10 hand-overs in good order at 100/s", { setup, world, measured }));
    }
    await using world = await createWorld({ seed: 106, setup });
    world.end(DEAD).mood = "unavailable";
    await world.instance("a").start();
    await world.instance("b").start();
    const stop = world.load(100);
    await Bun.sleep(4_000);
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      const leader = await leaderOf(world);
      const at = world.now();
      const { number } = leader.process;
      await leader.kill();
      await leader.start();
      times.push(await takenOver(world, number, at));
      await Bun.sleep(3_000);
    }
    stop();
    await finish(world, [world.instance("a"), world.instance("b")], [DEAD]);
    const repeats = world.verdict().receivers.filter(({ receiver }) => receiver !== DEAD);
    const each = repeats.map(({ afterEnd }) => (afterEnd / 3).toFixed(0)).join(", ");
    const measured = `kill to the first delivery of the other: ${seconds(times)}; repeats per kill and receiver: ${each}`;
    const what = "3 leaders killed at 100/s, one of three receivers dead all the time";
    rows.push(row(what, { setup, world, but: [DEAD], measured }));
    return rows;
  };
}

async function configMap(): Promise<readonly Row[]> {
  if (cannotBeInCluster() !== undefined) return [];
  const rate = 100;
  const setup = CONFIG_MAP;
  const rows: Row[] = [];
  for (const how of ["restarts in good order", "kill -9"] as const) {
    await using world = await createWorld({ seed: 107, setup, config: { shutdownTimeout: "500ms" } });
    world.end(DEAD).mood = "unavailable";
    const petrel = world.instance();
    await petrel.start();
    const stop = world.load(rate);
    for (let round = 0; round < 10; round++) {
      await Bun.sleep(world.random.int(1_000, 4_000));
      if (how === "kill -9") await petrel.kill();
      else await petrel.stop();
      await petrel.start();
    }
    stop();
    await finish(world, [petrel], [DEAD]);
    const repeats = world.verdict().receivers.filter(({ receiver }) => receiver !== DEAD);
    const measured = `repeats per end and receiver: ${repeats.map(({ afterEnd }) => (afterEnd / 10).toFixed(1)).join(", ")}`;
    const what = `10 × ${how} at ${rate}/s, one of three receivers dead all the time`;
    rows.push(row(what, { setup, world, but: [DEAD], measured }));
  }
  return rows;
}

async function outage({ outageMinutes }: Lengths): Promise<readonly Row[]> {
  await using world = await createWorld({ seed: 108, setup: JOURNAL });
  const petrel = world.instance();
  const process = await petrel.start();
  const stop = world.load(500);
  await Bun.sleep(2_000);
  // Not the one that gets an event a request: 300,000 requests take the server of this process longer than Petrel.
  world.end("lines").mood = "unavailable";
  await Bun.sleep(outageMinutes * 60_000);
  await process.read();
  const waiting = process.metric("petrel_backlog_events", 'receiver="lines"');
  const file = process.metric("petrel_journal_used_bytes") / 1e6;
  stop();
  world.end("lines").mood = "fine";
  const took = await finish(world, [petrel]);
  const measured = `${waiting} waited in ${file.toFixed(0)} MB; delivered in ${took.toFixed(1)} s`;
  const what = `a receiver that answers 503 for ${outageMinutes} min at 500/s`;
  return [row(what, { setup: JOURNAL, world, measured })];
}

async function refusal({ refusalMinutes }: Lengths): Promise<readonly Row[]> {
  const rate = 20;
  const secret = join(process.env.TMPDIR ?? "/tmp", `petrel-soak-secret-${process.pid}`);
  writeFileSync(secret, "old");
  const receivers = [
    { name: "guarded", shape: "single", sink: { bearerToken: { file: secret } } },
    { name: "open", shape: "lines" },
  ] as const;
  await using world = await createWorld({ seed: 111, setup: JOURNAL, receivers });
  const petrel = world.instance();
  await petrel.start();
  const end = world.end("guarded");
  end.token = "new";
  const stop = world.load(rate);
  await Bun.sleep(refusalMinutes * 60_000);
  const asked = end.attempts.length;
  const changed = world.now();
  writeFileSync(secret, "new");
  await eventually("it takes events again", 60_000, () => (end.kept.size > 0 ? undefined : "nothing came"));
  const took = (world.now() - changed) / 1_000;
  stop();
  const drained = await finish(world, [petrel]);
  rmSync(secret, { force: true });
  const measured = `asked ${asked} times; the first event ${took.toFixed(1)} s after the secret's file changed, all ${drained.toFixed(1)} s later`;
  const what = `a receiver that answers 401 for ${refusalMinutes} min at ${rate}/s, until the file of its secret changes`;
  return [row(what, { setup: JOURNAL, world, measured })];
}

function memory(setup: Setup): Scenario {
  return async ({ memoryMinutes }) => {
    await using world = await createWorld({ seed: 109, setup });
    const petrel = world.instance();
    const process = await petrel.start();
    world.end(DEAD).mood = "unavailable";
    const stop = world.load(500);
    const samples: { rss: number; anon: number }[] = [];
    const rounds = Math.round(memoryMinutes * 12);
    for (let round = 0; round < rounds; round++) {
      await Bun.sleep(5_000);
      samples.push(process.memory());
    }
    stop();
    await world.settle(60_000, [DEAD]);
    await process.read();
    const half = samples.slice(samples.length >> 1).map(({ rss }) => rss);
    const [low, high] = [Math.min(...half), Math.max(...half)];
    const anon = Math.max(...samples.slice(samples.length >> 1).map((one) => one.anon));
    const dropped = process.metric("petrel_events_dropped_total", `receiver="${DEAD}"`);
    const third = (from: number) => {
      const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * (from + 1 / 3)));
      return (part.reduce((sum, one) => sum + one.rss, 0) / part.length).toFixed(1);
    };
    const thirds = [0, 1 / 3, 2 / 3].map(third).join(", ");
    const measured = `mean of each third ${thirds} MB; resident over the last half ${low.toFixed(1)}–${high.toFixed(1)} MB (anonymous at most ${anon.toFixed(1)}); dropped at the dead one, counted: ${dropped}`;
    await petrel.stop();
    const what = `${memoryMinutes} min at 500/s, one of three receivers dead`;
    return [row(what, { setup, world, but: [DEAD], measured })];
  };
}

function walks(setup: Setup, two: boolean): Scenario {
  return async ({ walkMinutes }) => {
    const seed = 110;
    const walked = await walk({ setup, seed, seconds: walkMinutes * 60, rate: 60, two, patient: true });
    const { verdict, steps, settled, kills, written } = walked;
    const measured = `${steps.length} faults, ${kills} of them kills${settled ? "" : "; NOT settled within a minute"}`;
    const what = `a random walk of ${walkMinutes} min over all faults at 60/s`;
    return [{ what, setup: setup.name, ...counts(verdict, []), events: written, measured }];
  };
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  kills,
  restarts,
  "api-server": apiServer,
  reloads,
  "hand-overs": handOvers(LEASE),
  "hand-overs-journal": handOvers(LEASE_AND_JOURNAL),
  "config-map": configMap,
  outage,
  refusal,
  memory: memory(NONE),
  "memory-journal": memory(JOURNAL),
  "walk-journal": walks(JOURNAL, false),
  "walk-lease": walks(LEASE, true),
};

export async function soakChaos(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      outage: { type: "string", default: "10" },
      refusal: { type: "string", default: "60" },
      memory: { type: "string", default: "10" },
      walk: { type: "string", default: "10" },
      write: { type: "boolean", default: false },
    },
  });
  const lengths: Lengths = {
    outageMinutes: Number(values.outage),
    refusalMinutes: Number(values.refusal),
    memoryMinutes: Number(values.memory),
    walkMinutes: Number(values.walk),
  };
  const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
  const rows: Row[] = [];
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (!scenario) {
      process.stderr.write(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(", ")}\n`);
      return 2;
    }
    for (const one of await scenario(lengths)) {
      rows.push(one);
      process.stdout.write(`${line(one)}\n`);
      for (const fault of one.faults) process.stdout.write(`    ${fault}\n`);
      if (values.write) await Bun.write(join(import.meta.dir, "soak-chaos.md"), page(rows, args));
    }
  }
  return rows.some(({ lost, faults }) => lost > 0 || faults.length > 0) ? 1 : 0;
}

const line = ({ what, setup, events, lost, repeated, faults, measured }: Row): string =>
  `| ${what} | ${setup} | ${events.toLocaleString("en")} | ${lost} | ${repeated} | ${faults.length} | ${measured} |`;

function page(rows: readonly Row[], args: readonly string[]): string {
  const [cpu] = cpus();
  return `# What is lost, what is repeated

\`bun run soak chaos ${args.join(" ")}\` makes this page: the compiled executable between a simulated API server and three receivers (a webhook that
gets one event a request, one that gets them in lines, and a bulk endpoint), judged by the oracle of \`test/chaos\`. Machine: ${cpus().length} × ${cpu?.model ?? "?"}, Bun ${Bun.version},
with the API server, the receivers and the oracle on the same cores.

Lost and repeated are sums over the receivers that were not dead all the time. Repeats that the promise has words for are counted there alone; broken
promises would be the next column.

| what happened | record | states written | lost | repeated | broken promises | measured |
|---|---|---|---|---|---|---|
${rows.map(line).join("\n")}
`;
}
