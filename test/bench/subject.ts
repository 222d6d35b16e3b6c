/** What is measured, Petrel or a peer, on a simulated cluster of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../testbed/process.ts";
import type { Command } from "./cluster.ts";

const STOP_MS = 40_000;

/** The executable just built, or another one, to compare two by their reports. */
export const EXECUTABLE = process.env.BENCH_EXE ?? join(import.meta.dir, "../../dist/petrel");

/** What a run hands to whoever is measured. */
export interface Place {
  /** Absolute path of the YAML file, in a form that kubernetes-event-exporter reads as well. */
  readonly config: string;
  readonly kubeconfig: string;
  /** Of the API server. */
  readonly url: string;
  /** Free, for metrics. */
  readonly port: number;
}

export interface Subject {
  readonly name: string;
  command(place: Place): readonly string[];
  /** Counters on `/metrics` of {@link Place.port} that tell what was dropped. Undefined: nobody knows. */
  readonly dropped?: string | undefined;
}

/** @param program the words before `run`. */
export function petrel(program: readonly string[]): Subject {
  return {
    name: "Petrel",
    command: ({ config, kubeconfig, port }) => [
      ...[...program, "run", "-c", config, "--kubeconfig", kubeconfig],
      ...["--metrics-address", `127.0.0.1:${port}`, "--admin-address", "off"],
    ],
    dropped: "petrel_events_dropped_total",
  };
}

/**
 * Any program, by a line for the shell with `{config}`, `{kubeconfig}`, `{url}` and `{port}` in it; `KUBECONFIG` is set.
 * The shell steps aside, so that what is measured is the program's own process.
 */
export function peer(line: string): Subject {
  return {
    name: "peer",
    command: (place) => {
      const filled = line.replace(/\{(config|kubeconfig|url|port)\}/g, (_, key: keyof Place) => quoted(place[key]));
      return ["sh", "-c", `exec ${filled}`];
    },
  };
}

const quoted = (value: string | number): string => `'${String(value).replaceAll("'", "'\\''")}'`;

export interface Run {
  readonly cluster: Cluster;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** The working directory. */
  readonly folder: string;
  /** Events that were given up so far; undefined: the subject does not tell. */
  dropped(): Promise<number | undefined>;
}

export type Cluster = Awaited<ReturnType<typeof openCluster>>;

/** A simulated cluster in its own process. */
async function openCluster() {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "cluster.ts")], { stdin: "pipe", stdout: "pipe" });
  const lines = linesOf(child.stdout);
  const { url } = JSON.parse(await lines()) as { url: string };
  return {
    url,
    async ask<T = unknown>(command: Command): Promise<T> {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      await child.stdin.flush();
      return JSON.parse(await lines()) as T;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

function linesOf(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return async () => {
    for (;;) {
      const end = text.indexOf("\n");
      if (end >= 0) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return line;
      }
      const { done, value } = await reader.read();
      if (done) throw new Error("the simulated cluster ended");
      text += decoder.decode(value, { stream: true });
    }
  };
}

/** What a run needs. */
export interface Load {
  /** The config, for receivers at the simulated cluster's `url`. */
  config(url: string): string;
  /** What Petrel logs as errors belongs to it. Default: it is shown, and means that something is wrong with the run. */
  readonly errors?: true;
  /** Before the subject starts. */
  prepare?(cluster: Cluster): Promise<unknown>;
}

/** Starts the subject on a simulated cluster, lets `work` measure, stops both. */
export async function withSubject<T>(subject: Subject, load: Load, work: (run: Run) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  await using cluster = await openCluster();
  await load.prepare?.(cluster);
  const [port = 0] = await freePorts(1);
  const place = { config: join(folder, "petrel.yaml"), kubeconfig: join(folder, "kubeconfig"), url: cluster.url, port };
  await Bun.write(place.config, load.config(cluster.url));
  await Bun.write(
    place.kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: cluster.url } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const startedAt = performance.timeOrigin + performance.now();
  const child = Bun.spawn([...subject.command(place)], {
    cwd: folder,
    env: { ...process.env, KUBECONFIG: place.kubeconfig },
    stdin: "ignore",
    stdout: Bun.file("/dev/null"),
    stderr: "pipe",
  });
  const errors = new Response(child.stderr).text();
  const { pid } = child;
  let ended = false;
  const early = child.exited.then(async (code) => {
    if (!ended) throw new Error(`${subject.name} ended with ${code}: ${(await errors).trim().slice(-2_000)}`);
    return code;
  });
  early.catch(() => {});
  try {
    const dropped = () => countDropped(subject, port);
    const measured = work({ cluster, pid, startedAt, folder, dropped });
    await Promise.race([measured, early]);
    return await measured;
  } finally {
    ended = true;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    const code = await child.exited;
    clearTimeout(late);
    const said = await errors;
    const wrong = code !== 0 || (!load.errors && said.includes('"level":"error"'));
    if (subject.dropped !== undefined && wrong)
      process.stderr.write(`${subject.name} ended with ${code}\n${said.slice(-2_000)}\n`);
    await rm(folder, { recursive: true });
  }
}

async function countDropped(subject: Subject, port: number): Promise<number | undefined> {
  if (subject.dropped === undefined) return undefined;
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const values = [...page.matchAll(new RegExp(`^${subject.dropped}\\{.*\\} (\\S+)$`, "gm"))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}
