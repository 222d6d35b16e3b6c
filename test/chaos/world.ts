/** A simulated cluster, receivers, and the real executable between them; everything that happens is on record. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, createApiServer } from "../../src/demo/api-server.ts";
import type { Stored } from "../../src/demo/event-store.ts";
import { expiredContinue, expiredWatch, statusBody } from "../../src/demo/status.ts";
import { line } from "../../src/demo/watch-lines.ts";
import { EXECUTABLE } from "../e2e/executable.ts";
import { type Random, seeded } from "../pipeline/virtual-time.ts";
import { jumpingClock } from "./clock.ts";
import { type FarEnd, openFarEnd, type Shape } from "./far-end.ts";
import { inCluster } from "./in-cluster.ts";
import { type Link, openLink } from "./link.ts";
import { judge, obligations, type Verdict } from "./oracle.ts";
import { type ChaosProcess, startChaosProcess } from "./process.ts";
import type { Setup } from "./setups.ts";
import type { Gap, Removal, State, Story } from "./story.ts";

export interface ReceiverPlan {
  readonly name: string;
  readonly shape: Shape;
  readonly more?: Record<string, unknown>;
  readonly sink?: Record<string, unknown>;
  readonly slowMs?: number;
}

export const THREE: readonly ReceiverPlan[] = [
  { name: "single", shape: "single" },
  { name: "lines", shape: "lines" },
  { name: "bulk", shape: "bulk" },
];

export interface WorldOptions {
  readonly seed: number;
  readonly setup: Setup;
  readonly receivers?: readonly ReceiverPlan[];
  /** Objects that events are about. */
  readonly objects?: number;
  /** Of deliveries, in milliseconds. */
  readonly timeoutMs?: number;
  /** Keys of the config's top level. */
  readonly config?: Record<string, unknown>;
  /** Its wall clock can jump. */
  readonly clock?: boolean;
  /** In front of the executable. */
  readonly command?: readonly string[];
}

/** One Petrel and those that follow it on the same state: `a` and `b` where there are two at a time. */
export interface Instance {
  readonly name: string;
  readonly folder: string;
  readonly link: Link;
  /** The newest process. */
  readonly process: ChaosProcess;
  readonly running: boolean;
  start(options?: { readonly wait?: boolean }): Promise<ChaosProcess>;
  kill(): Promise<void>;
  stop(): Promise<number>;
  /** What is acknowledged, and told, from now on may not get on record, until this is called with false. */
  unrecorded(on: boolean): void;
  /** It was cut off since `unrecorded(true)`, and another went on from what was on record. */
  deposed(): void;
  /** Writes the config anew; a reload is up to the caller. */
  configure(changes: Record<string, unknown>): void;
  /** Writes something that is no config. */
  spoil(text: string): void;
}

export interface World extends AsyncDisposable {
  readonly random: Random;
  readonly api: ApiServer;
  readonly folder: string;
  readonly ends: readonly FarEnd[];
  end(name: string): FarEnd;
  instance(name?: string): Instance;
  /** Writes events at this rate until the returned function is called. */
  load(perSecond: number): () => void;
  /** Writes this many now. */
  write(count: number): void;
  readonly written: number;
  /** Open watches bring nothing from now on, and do not end; new ones are healthy. */
  mute(): void;
  /** Ends open watches as a real server does whose history does not reach back far enough. */
  expireWatches(): void;
  /** The next requests for a further page of a list are answered 410. */
  expirePages(count: number): void;
  /** Open watches get the newest states once more. */
  duplicate(count: number): void;
  /** Every process' wall clock is so far off; only with the option `clock`. */
  jump(seconds: number): void;
  /** Milliseconds, steady. */
  now(): number;
  /** Resolves when every receiver (but those named) has every obligation, or after that time. */
  settle(ms: number, but?: readonly string[]): Promise<boolean>;
  story(): Story;
  verdict(): Verdict;
}

const KEPT_STATES = 50;
const PULSE_MS = 10;
const CATCH_UP_MS = 500;

export async function createWorld(options: WorldOptions): Promise<World> {
  if (!existsSync(EXECUTABLE)) throw new Error(`no executable at ${EXECUTABLE}: bun run build`);
  const { setup, timeoutMs = 2_500 } = options;
  const random = seeded(options.seed);
  const now = (): number => performance.now();
  const folder = mkdtempSync(join(tmpdir(), "petrel-chaos-"));
  const cluster = setup.inCluster === true ? await inCluster(join(folder, "pod")) : undefined;
  const api = await createApiServer(cluster ? { tls: cluster.tls } : {});
  const clock = options.clock === true ? jumpingClock(folder) : undefined;
  const plans = options.receivers ?? THREE;
  const pulse = startPulse(now);
  const ends = await Promise.all(
    plans.map((plan) => openFarEnd({ ...plan, timeoutMs, now, earliest: pulse.earliest })),
  );
  const instances = new Map<string, Instance & { close(): Promise<void> }>();
  const processes: ChaosProcess[] = [];
  const states: State[] = [];
  const removals: Removal[] = [];
  const gaps: Gap[] = [];

  // What was told ------------------------------------------------------------------------------------------------

  let lostSince: number | undefined;

  /**
   * Up to here everything is known to have been heard, and recorded where there is a record: an event that was sent to
   * any receiver was heard before, and all that a watch told before it.
   */
  function heardUntil(): number {
    let version = 0;
    const recorded = now() - (setup.recordMs ?? 0) - lag();
    const until = new Map<number, number>();
    for (const one of processes) {
      // What a process was told dies with it, unless it is on record.
      if (one.running) until.set(one.number, recorded);
      else if (setup.keepsLog) until.set(one.number, Math.min(recorded, one.life().recordedUntil));
    }
    for (const end of ends) {
      const sent = end.attempts.findLast((attempt) => attempt.begun < (until.get(attempt.life) ?? 0));
      for (const id of sent?.ids ?? []) version = Math.max(version, Number(id.slice(id.lastIndexOf(".") + 1)));
    }
    return Math.min(version, lostSince ?? Number.POSITIVE_INFINITY);
  }

  const lag = (): number => Math.max(0, ...processes.slice(-2).map((one) => one.lag()));

  /** The list stands in for what its process has not heard. */
  function listed(): void {
    gaps.push({ from: heardUntil(), to: api.version });
  }

  let pagesToExpire = 0;
  api.intercept(({ path, query }) => {
    if (!path.endsWith("/events")) return undefined;
    if (query.continue !== undefined && pagesToExpire > 0) {
      pagesToExpire--;
      return expiredContinue("");
    }
    if (query.watch === undefined && query.limit !== "1" && query.continue === undefined) listed();
    return undefined;
  });

  // What is written ----------------------------------------------------------------------------------------------

  const objects = Array.from({ length: options.objects ?? 40 }, (_, index) => ({
    kind: "Pod",
    apiVersion: "v1",
    namespace: `ns-${index % 3}`,
    name: `pod-${index}`,
    uid: `pod-${options.seed}-${index}`,
  }));
  /** As stored, the last {@link KEPT_STATES}. */
  const newestStored: Stored[] = [];
  const live: { name: string; namespace: string; object: (typeof objects)[number]; count: number }[] = [];
  let serial = 0;

  function writeOne(): void {
    const dice = random.next();
    const stamp = `${new Date().toISOString().slice(0, 19)}Z`;
    if (live.length > 400 || (dice < 0.03 && live.length > 20)) {
      const [gone] = live.splice(random.int(0, live.length - 1), 1);
      if (gone) {
        const uid = api.update(gone.namespace, gone.name, {}).event.metadata.uid ?? "";
        // The update before it was one more state.
        states.push({ id: `${uid}.${api.version}`, uid, object: gone.object.uid, version: api.version });
        api.remove(gone.namespace, gone.name);
        removals.push({ uid, version: api.version });
        return;
      }
    }
    let one = dice < 0.35 ? live[random.int(0, Math.max(0, live.length - 1))] : undefined;
    if (!one) {
      const object = random.pick(objects);
      one = { name: `${object.name}.${++serial}`, namespace: object.namespace, object, count: 0 };
      live.push(one);
    }
    one.count++;
    const stored = api.put({
      metadata: { name: one.name, namespace: one.namespace },
      involvedObject: one.object,
      reason: "BackOff",
      message: `restarting, ${one.count} so far`,
      type: "Warning",
      count: one.count,
      firstTimestamp: stamp,
      lastTimestamp: stamp,
      source: { component: "kubelet", host: "node-1" },
    });
    if (newestStored.push(stored) > KEPT_STATES) newestStored.shift();
    const uid = stored.event.metadata.uid ?? "";
    states.push({ id: `${uid}.${stored.version}`, uid, object: one.object.uid, version: stored.version });
  }

  // Instances ----------------------------------------------------------------------------------------------------

  async function openInstance(name: string): Promise<Instance & { close(): Promise<void> }> {
    const own = join(folder, name);
    mkdirSync(own);
    const link = await openLink(Number(new URL(api.url).port));
    const file = join(own, "petrel.yaml");
    writeFileSync(join(own, "kubeconfig"), kubeconfig(link.url));
    let current: ChaosProcess | undefined;
    let changes: Record<string, unknown> = {};
    let unrecordedSince: number | undefined;
    /** When the API server could not be reached any more, and could again. */
    let downSince = Number.POSITIVE_INFINITY;
    let upSince = Number.NEGATIVE_INFINITY;

    const config = (life: number): Record<string, unknown> => ({
      logLevel: "info",
      omitLookup: true,
      maxEventAgeSeconds: 3_600,
      shutdownTimeout: "5s",
      route: { match: ends.map((end) => ({ receiver: end.name })) },
      receivers: ends.map((end) => end.receiver(life)),
      ...setup.config(own),
      ...options.config,
      // Undefined: as if it had never been changed.
      ...Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)),
    });
    const write = (): void => writeFileSync(file, JSON.stringify(config(current?.number ?? 0), null, 2));
    const recordedUntil = (): number => {
      if (setup.recordMs === undefined) return 0;
      // Where the API server has the record, nothing got there while it could not be reached, and for a while after that.
      const away = !setup.keepsLog && now() - upSince < 2 * setup.recordMs ? downSince : Number.POSITIVE_INFINITY;
      return (
        Math.min(now(), away, unrecordedSince ?? Number.POSITIVE_INFINITY) - setup.recordMs - (current?.lag() ?? 0)
      );
    };
    const the = (): ChaosProcess => {
      if (!current) throw new Error(`${name} was never started`);
      return current;
    };
    return {
      name,
      folder: own,
      link: {
        ...link,
        up(on) {
          if (on) upSince = now();
          else if (now() - upSince > (setup.recordMs ?? 0)) downSince = now();
          link.up(on);
        },
      },
      get process() {
        return the();
      },
      get running() {
        return current?.running === true;
      },
      async start({ wait = true } = {}) {
        const number = processes.length + 1;
        current = await startProcess(number);
        if (wait) await current.ready();
        return current;
      },
      async kill() {
        await the().kill(recordedUntil());
      },
      stop: () => the().stop(),
      unrecorded(on) {
        if (on) {
          unrecordedSince ??= now();
          lostSince ??= heardUntil();
        } else {
          unrecordedSince = undefined;
          lostSince = undefined;
        }
      },
      deposed() {
        the().deposed(recordedUntil(), now());
        unrecordedSince = undefined;
        lostSince = undefined;
      },
      configure(more) {
        changes = { ...changes, ...more };
        write();
      },
      spoil: (text) => writeFileSync(file, text),
      async close() {
        if (current?.running) await current.kill(0);
        await link.close();
      },
    };

    async function startProcess(number: number): Promise<ChaosProcess> {
      writeFileSync(file, JSON.stringify(config(number), null, 2));
      const started = await startChaosProcess({
        number,
        folder: own,
        config: file,
        kubeconfig: cluster ? undefined : join(own, "kubeconfig"),
        receivers: plans.map((plan) => plan.name),
        now,
        env: { ...clock?.env, ...cluster?.env(link.url) },
        command: [...(cluster?.command ?? []), ...(options.command ?? [])],
      });
      processes.push(started);
      return started;
    }
  }
  instances.set("a", await openInstance("a"));
  instances.set("b", await openInstance("b"));

  const story = (): Story => ({
    receivers: plans.map((plan) => plan.name),
    states,
    removals,
    gaps,
    attempts: ends.flatMap((end) => end.attempts),
    lives: processes.map((one) => one.life()),
    counts: processes.flatMap((one) => one.counted()),
    timeoutMs,
  });
  const loads = new Set<ReturnType<typeof setInterval>>();

  return {
    random,
    api,
    folder,
    ends,
    end(name) {
      const found = ends.find((one) => one.name === name);
      if (!found) throw new Error(`no receiver ${name}`);
      return found;
    },
    instance(name = "a") {
      const found = instances.get(name);
      if (!found) throw new Error(`no instance ${name}`);
      return found;
    },
    load(perSecond) {
      const begun = now();
      let done = 0;
      const timer = setInterval(() => {
        const due = Math.floor(((now() - begun) / 1_000) * perSecond);
        for (; done < due; done++) writeOne();
      }, 5);
      loads.add(timer);
      return () => {
        clearInterval(timer);
        loads.delete(timer);
      };
    },
    write(count) {
      for (let index = 0; index < count; index++) writeOne();
    },
    get written() {
      return states.length;
    },
    mute: () => api.freeze(),
    expireWatches() {
      api.garbage(`${JSON.stringify({ type: "ERROR", object: statusBody(expiredWatch) })}\n`);
    },
    expirePages(count) {
      pagesToExpire = count;
    },
    duplicate(count) {
      // No server tells what was superseded before it could be told.
      const told = newestStored.filter(({ event, version }) => {
        const id = `${event.metadata.uid}.${version}`;
        return ends.some((end) => end.kept.has(id));
      });
      for (const item of told.slice(-count)) api.garbage(line("MODIFIED", item, ""));
    },
    jump(seconds) {
      if (!clock) throw new Error("this world's clock is the machine's");
      clock.jump(seconds);
    },
    now,
    async settle(ms, but = []) {
      const deadline = now() + ms;
      for (;;) {
        const owed = obligations({ states, removals, gaps });
        const lacking = ends.some((end) => !but.includes(end.name) && owed.some(({ id }) => !end.kept.has(id)));
        if (!lacking) return true;
        if (now() > deadline) return false;
        await Bun.sleep(250);
      }
    },
    story,
    verdict: () => judge(story()),
    async [Symbol.asyncDispose]() {
      pulse.stop();
      for (const timer of loads) clearInterval(timer);
      for (const one of instances.values()) await one.close();
      for (const end of ends) await end.close();
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Knows when this process, and with it every server in it, was busy with something else. */
function startPulse(now: () => number): { earliest(): number; stop(): void } {
  let last = now();
  let busySince = last;
  let busyUntil = last;
  const beat = (): void => {
    const at = now();
    if (at - last > 5 * PULSE_MS) {
      busySince = last;
      busyUntil = at;
    }
    last = at;
  };
  const timer = setInterval(beat, PULSE_MS);
  return {
    earliest() {
      beat();
      // What waited meanwhile is read one after the other.
      return now() - busyUntil < CATCH_UP_MS ? busySince : now() - PULSE_MS;
    },
    stop: () => clearInterval(timer),
  };
}

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}
