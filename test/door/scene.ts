/** Petrel between a world and an attacker, each a process of its own: the executable alone is measured. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PetrelProcess, startExecutable } from "../e2e/executable.ts";
import { freePorts } from "../testbed/process.ts";
import type { Answers } from "./attacker.ts";
import type { Ask, Told } from "./world.ts";

const PER_SECOND = 200;
/** Between two looks at the memory. */
const LOOK_MS = 50;

export interface Run extends Answers {
  /** Of watched events from their write at the API server to their arrival, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  readonly events: number;
  readonly missing: number;
  /** Of Petrel: resident at most, in MB, and its part of one core. */
  readonly peak: number;
  readonly cpu: number;
}

export interface Scene extends AsyncDisposable {
  readonly petrel: PetrelProcess;
  /** Events are written to the API server at a steady pace while one kind of attack goes on. */
  attacked(kind: string, seconds: number): Promise<Run>;
  /** How many different events a receiver took, once it has everything. */
  delivered(receiver: string): Promise<number>;
}

export async function openScene(env: Record<string, string> = {}): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-door-"));
  const told: Told[] = [];
  let heard = Promise.withResolvers<void>();
  const world = Bun.spawn([process.execPath, join(import.meta.dir, "world.ts")], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc(message: Told) {
      told.push(message);
      heard.resolve();
    },
  });
  async function next<T extends Told["told"]>(kind: T): Promise<Extract<Told, { told: T }>> {
    for (;;) {
      const found = told.shift();
      if (found?.told === kind) return found as Extract<Told, { told: T }>;
      heard = Promise.withResolvers();
      await Promise.race([heard.promise, world.exited.then(() => Promise.reject(new Error("the world ended")))]);
    }
  }
  const ask = (question: Ask) => world.send(question);

  const { api, far } = await next("open");
  const kubeconfig = join(folder, "kubeconfig");
  await Bun.write(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: api } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: {} }],
      "current-context": "c",
    }),
  );
  const [port = 0] = await freePorts(1);
  const petrel = await startExecutable(
    folder,
    {
      sources: ["kubernetes", "http"],
      // As many new objects a second as here are more than are looked up.
      omitLookup: true,
      http: { address: `127.0.0.1:${port}` },
      // Who is flooded with posts has its own queue: what is measured is the watch, and not how fast one receiver takes both.
      route: {
        match: [
          { reason: "^Watched$", receiver: "watched" },
          { reason: "^BackOff$", receiver: "posted" },
        ],
      },
      receivers: [
        { name: "watched", webhook: { endpoint: far } },
        // Cheap for all: what is posted is to cost at the door alone.
        { name: "posted", file: { path: join(folder, "posted") } },
      ],
    },
    kubeconfig,
    { env },
  );

  const field = async (file: string, pattern: RegExp): Promise<number> => {
    const text = await readFile(`/proc/${petrel.pid}/${file}`, "utf8").catch(() => "");
    return Number(pattern.exec(text)?.[1] ?? 0);
  };
  /** Seconds of CPU: fields 14 and 15, in hundredths. */
  const cpuSeconds = async (): Promise<number> => {
    const text = await readFile(`/proc/${petrel.pid}/stat`, "utf8").catch(() => "");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };

  return {
    petrel,
    async attacked(kind, seconds) {
      const ready = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<Answers>();
      const attacker = Bun.spawn(
        [
          "nice",
          "-n",
          "19",
          process.execPath,
          join(import.meta.dir, "attacker.ts"),
          String(port),
          kind,
          String(seconds),
        ],
        {
          stdio: ["ignore", "inherit", "inherit"],
          ipc(message: "ready" | Answers) {
            if (message === "ready") ready.resolve();
            else answered.resolve(message);
          },
        },
      );
      const gone = attacker.exited.then(() => Promise.reject(new Error("the attacker ended")));
      gone.catch(() => {});
      await Promise.race([ready.promise, gone]);
      let peak = 0;
      const look = setInterval(async () => {
        peak = Math.max(peak, (await field("status", /VmRSS:\s+(\d+)/)) / 1_024);
      }, LOOK_MS);
      const before = await cpuSeconds();
      const begun = performance.now();
      ask({ ask: "begin", perSecond: PER_SECOND });
      attacker.send("go");
      const answers = await Promise.race([answered.promise, gone]);
      ask({ ask: "end" });
      const cpu = ((await cpuSeconds()) - before) / ((performance.now() - begun) / 1_000);
      const { latencies, missing } = await next("latencies");
      clearInterval(look);
      attacker.kill();
      await attacker.exited;
      const sorted = [...latencies].sort((a, b) => a - b);
      const share = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
      return {
        ...answers,
        p50: share(0.5),
        p99: share(0.99),
        worst: share(1),
        events: sorted.length + missing,
        missing,
        peak,
        cpu,
      };
    },
    async delivered(receiver) {
      let count = -1;
      for (;;) {
        const now = await petrel.metric("petrel_events_delivered_total", `receiver="${receiver}"`);
        if (now === count) return count;
        count = now;
        await Bun.sleep(300);
      }
    },
    async [Symbol.asyncDispose]() {
      await petrel.stop();
      world.kill();
      await world.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
