/**
 * Real servers for tests: `component("kube")` starts one, or finds the one that is running.
 *
 * What runs is described by a file in its folder, not by this process: the runner starts a component once and every
 * test file finds it, and `bun run testbed NAME` leaves one running between test runs.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { aws } from "./aws.ts";
import { cloudevents } from "./cloudevents.ts";
import type { Definition, Plan } from "./definition.ts";
import { election } from "./election.ts";
import { foreign } from "./foreign.ts";
import { gotemplate } from "./gotemplate.ts";
import { graphite } from "./graphite.ts";
import { helm } from "./helm.ts";
import { influxdb } from "./influxdb.ts";
import { kafka } from "./kafka.ts";
import { kube } from "./kube.ts";
import { loki } from "./loki.ts";
import { nats } from "./nats.ts";
import { oci } from "./oci.ts";
import { TESTBED } from "./place.ts";
import { alive, endProcess, killNow, type ProcessId, type ProcessSpec, startProcess } from "./process.ts";
import { prometheus } from "./prometheus.ts";
import { pubsub } from "./pubsub.ts";
import { redis } from "./redis.ts";
import { elasticsearch, opensearch } from "./search.ts";
import { shells } from "./shells.ts";
import { rsyslog, syslogNg } from "./syslog.ts";
import { toxiproxy } from "./toxiproxy.ts";
import { victoriametrics } from "./victoriametrics.ts";

/** Every component, by name. */
export const COMPONENTS: readonly Definition[] = [
  kube,
  elasticsearch,
  graphite,
  loki,
  opensearch,
  rsyslog,
  syslogNg,
  gotemplate,
  cloudevents,
  election,
  redis,
  influxdb,
  prometheus,
  victoriametrics,
  kafka,
  nats,
  aws,
  pubsub,
  toxiproxy,
  helm,
  oci,
  shells,
  foreign,
];

/** A component that runs. */
export interface Running {
  readonly name: string;
  /** Its folder: configuration, data, NAME.log of each process. */
  readonly dir: string;
  readonly ports: Plan["ports"];
  readonly env: Plan["env"];
  readonly versions: Plan["versions"];
  readonly usage: Plan["usage"];
  /** Ends one process, at once and without a word to it. */
  kill(process: string): Promise<void>;
  /** Starts one process that was ended and waits until it answers; `extra` arguments go after its own. */
  start(process: string, extra?: readonly string[]): Promise<void>;
  /** Ends and starts all processes. */
  restart(): Promise<void>;
  /** Ends all processes and removes the folder. */
  stop(): Promise<void>;
}

interface State extends Plan {
  readonly pids: Record<string, ProcessId>;
}

const RUN = process.env.PETREL_TESTBED_RUN ?? join(TESTBED, "run");
const START_MS = 120_000;

function definition(name: string): Definition {
  const found = COMPONENTS.find((one) => one.name === name);
  if (found === undefined) {
    throw new Error(`no component ${name}; there are ${COMPONENTS.map((one) => one.name).join(", ")}`);
  }
  return found;
}

const stateFile = (dir: string) => join(dir, "state.json");

function readState(dir: string): State | undefined {
  return existsSync(stateFile(dir)) ? (JSON.parse(readFileSync(stateFile(dir), "utf8")) as State) : undefined;
}

/** A write beside and a rename: who waits for the file never reads half of it. */
async function writeState(dir: string, state: State): Promise<void> {
  const draft = join(dir, `state.${process.pid}`);
  await Bun.write(draft, JSON.stringify(state, null, 2));
  await rename(draft, stateFile(dir));
}

function spec(state: State, name: string): ProcessSpec {
  const found = state.processes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no process ${name}; there are ${Object.keys(state.pids).join(", ")}`);
  return found;
}

function running(name: string, dir: string): Running {
  const current = () => {
    const state = readState(dir);
    if (state === undefined) throw new Error(`${name} was stopped`);
    return state;
  };
  const state = current();
  const kill = async (one: string, signal: "SIGTERM" | "SIGKILL") => {
    const id = current().pids[one];
    if (id === undefined) throw new Error(`${name} has no process ${one} that was started`);
    await endProcess(id, signal);
  };
  const start = async (one: string, extra: readonly string[] = []) => {
    const now = current();
    const wanted = spec(now, one);
    const id = await startProcess({ ...wanted, argv: [...wanted.argv, ...extra] }, dir);
    await writeState(dir, { ...now, pids: { ...now.pids, [one]: id } });
  };
  const endAll = async () => {
    // The reverse of the start: a control plane loses its database last.
    for (const one of [...state.processes].reverse()) await kill(one.name, "SIGTERM");
  };
  return {
    name,
    dir,
    ports: state.ports,
    env: state.env,
    versions: state.versions,
    usage: state.usage,
    kill: (one) => kill(one, "SIGKILL"),
    start,
    async restart() {
      await endAll();
      for (const one of state.processes) await start(one.name);
    },
    async stop() {
      await endAll();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const isUp = (state: State) => state.processes.every((one) => alive(state.pids[one.name] ?? { pid: -1, started: "" }));

async function begin(found: Definition, dir: string): Promise<void> {
  const plan = await found.plan(dir);
  const pids: Record<string, ProcessId> = {};
  try {
    for (const one of plan.processes) pids[one.name] = await startProcess(one, dir);
  } catch (error) {
    for (const id of Object.values(pids)) killNow(id);
    throw error;
  }
  await writeState(dir, { ...plan, pids });
}

/**
 * The running component and whether this call started it; what it started runs on when this process ends.
 * @throws Error when it cannot be had or does not come up.
 */
export async function obtain(name: string): Promise<{ readonly running: Running; readonly started: boolean }> {
  const found = definition(name);
  const reason = found.missing();
  if (reason !== undefined) throw new Error(`${name}: ${reason}`);
  await found.install();
  const dir = join(RUN, name);
  const state = readState(dir);
  if (state !== undefined) {
    if (isUp(state)) return { running: running(name, dir), started: false };
    for (const id of Object.values(state.pids)) await endProcess(id, "SIGKILL");
    await rm(dir, { recursive: true, force: true });
  }
  await mkdir(RUN, { recursive: true });
  // Making the folder is the lock: whoever finds it there waits for the state of the one who starts.
  const mine = await mkdir(dir).then(
    () => true,
    () => false,
  );
  if (!mine) {
    const deadline = Date.now() + START_MS;
    while (!existsSync(stateFile(dir))) {
      if (Date.now() > deadline) throw new Error(`${name} never came up; \`bun run testbed stop\` clears ${dir}`);
      await Bun.sleep(100);
    }
    return { running: running(name, dir), started: false };
  }
  try {
    await begin(found, dir);
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
  const started = running(name, dir);
  const servers = Object.entries(started.versions).map(([server, version]) => `${server} ${version}`);
  console.log(`started ${name}: ${servers.join(", ")}`);
  return { running: started, started: true };
}

const own: string[] = [];

/** Ends, without ceremony, what {@link component} started in this process; a runner that named the folder ends it itself. */
export function endOwn(): void {
  for (const dir of own.splice(0)) {
    for (const id of Object.values(readState(dir)?.pids ?? {})) killNow(id);
    rmSync(dir, { recursive: true, force: true });
  }
  handles.clear();
}

const handles = new Map<string, Promise<Running>>();

/** The running component, started when it is not. One per test run, shared by all files: a test that changes it for others restores it. */
export function component(name: string): Promise<Running> {
  let handle = handles.get(name);
  if (handle === undefined) {
    handle = obtain(name).then(({ running, started }) => {
      // The runner ends what runs in the folder that it named.
      if (started && process.env.PETREL_TESTBED_RUN === undefined && own.push(running.dir) === 1) {
        process.on("exit", endOwn);
      }
      return running;
    });
    handles.set(name, handle);
  }
  return handle;
}

/** Why tests that need this component do not run here, undefined when they do. */
export function available(name: string): string | undefined {
  if (process.env.PETREL_REAL !== "1") return "needs real components: set PETREL_REAL=1";
  return definition(name).missing();
}

/** Ends every component of a folder and removes it; returns their names. */
export async function stopAll(run: string = RUN): Promise<string[]> {
  if (!existsSync(run)) return [];
  const names = readdirSync(run);
  for (const name of names) {
    const state = readState(join(run, name));
    const ids = Object.values(state?.pids ?? {}).reverse();
    for (const id of ids) await endProcess(id);
    await rm(join(run, name), { recursive: true, force: true });
  }
  await rm(run, { recursive: true, force: true });
  return names;
}
