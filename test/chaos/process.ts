/** One process of the compiled executable, watched from outside: its signals, its metrics, its words. */
import { readFileSync } from "node:fs";
import { eventually } from "../e2e/eventually.ts";
import { EXECUTABLE } from "../e2e/executable.ts";
import { freePorts } from "../testbed/process.ts";
import type { Counted, Life } from "./story.ts";

export interface ChaosProcess {
  readonly number: number;
  readonly pid: number;
  /** Undefined while it runs. */
  readonly code: number | undefined;
  readonly running: boolean;
  /** Lines of its log, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** What it wrote, whole. */
  stderr(): string;
  /** Sum of the series of this name that have all these labels, when the metrics were read last. */
  metric(name: string, ...labels: string[]): number;
  /** Reads the metrics now; false when it does not answer. */
  read(): Promise<boolean>;
  /** How far behind it may be with what it has to do: the longest that it took to answer of late, in milliseconds. */
  lag(): number;
  /** Milliseconds from its start until it was ready. */
  ready(ms?: number): Promise<number>;
  /** As soon as it has said anything: before it can listen, a signal ends it as it ends every program. */
  hangup(): void;
  freeze(): void;
  thaw(): void;
  /** SIGKILL. `recordedUntil`: what was acknowledged before is on record. */
  kill(recordedUntil: number): Promise<void>;
  /** What it acknowledged then was never on record. */
  deposed(from: number, to: number): void;
  /** SIGTERM; the exit code. */
  stop(ms?: number): Promise<number>;
  /** Megabytes. */
  memory(): { readonly rss: number; readonly anon: number };
  life(): Life;
  counted(): readonly Counted[];
}

export interface ChaosProcessOptions {
  readonly number: number;
  readonly folder: string;
  readonly config: string;
  /** Undefined: as in a pod. */
  readonly kubeconfig: string | undefined;
  readonly receivers: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** In front of the executable. */
  readonly command?: readonly string[];
  /** Milliseconds, steady. */
  now(): number;
}

/** Without a journal or a checkpoint that is all of the line. */
const NOT_DELIVERED = "stopped with events not delivered";
const READ_EVERY_MS = 200;
const STARVED_MS = 400;
const LAG_MS = 3_000;

export async function startChaosProcess(options: ChaosProcessOptions): Promise<ChaosProcess> {
  const { number, now } = options;
  const [port = 0] = await freePorts(1);
  const begun = now();
  const child = Bun.spawn(
    [
      ...(options.command ?? []),
      ...[EXECUTABLE, "run", "-c", options.config],
      ...(options.kubeconfig === undefined ? [] : ["--kubeconfig", options.kubeconfig]),
      ...["--metrics-address", `127.0.0.1:${port}`, "--admin-address", "off", "--log-format", "json"],
    ],
    { cwd: options.folder, env: { ...process.env, ...options.env }, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const log: Record<string, unknown>[] = [];
  let words = "";
  let hangups = 0;
  const reading = readLines(child.stderr, (line) => {
    for (; hangups > 0; hangups--) child.kill("SIGHUP");
    if (words.length < 4_000_000) words += `${line}\n`;
    try {
      log.push(JSON.parse(line));
    } catch {
      log.push({ message: line });
    }
  });
  let exposed = "";
  let readAt = begun;
  let ended = Number.POSITIVE_INFINITY;
  let inOrder = false;
  let stopping = Number.POSITIVE_INFINITY;
  /** Of the last readings of the metrics, how long each took, and when. */
  const readings: [at: number, ms: number][] = [];
  let readingSince = Number.POSITIVE_INFINITY;
  let recordedUntil = Number.POSITIVE_INFINITY;
  const frozen: [number, number][] = [];
  const unrecorded: [number, number][] = [];
  let stop: [number, number] | undefined;
  let code: number | undefined;
  const exited = child.exited.then((status) => {
    code = status;
    ended = Math.min(ended, now());
    clearInterval(timer);
    return status;
  });

  async function read(): Promise<boolean> {
    try {
      const at = now();
      readingSince = at;
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
      const text = await response.text();
      readings.push([at, now() - at]);
      if (readings.length > 50) readings.shift();
      // Short of CPU it is as good as frozen: answers wait to be read while deadlines pass.
      if (now() - at > STARVED_MS) frozen.push([at - STARVED_MS, now() + STARVED_MS]);
      if (response.ok) {
        exposed = text;
        readAt = at;
      }
      return response.ok;
    } catch {
      return false;
    } finally {
      readingSince = Number.POSITIVE_INFINITY;
    }
  }
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void read().finally(() => {
      busy = false;
    });
  }, READ_EVERY_MS);

  function series(name: string): (readonly [labels: string, value: number])[] {
    const found: [string, number][] = [];
    for (const line of exposed.split("\n")) {
      if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
      found.push([line.slice(name.length), Number(line.slice(line.lastIndexOf(" ") + 1))]);
    }
    return found;
  }

  const left = (receiver: string): number => {
    const said = log.find((line) => String(line.message).startsWith(NOT_DELIVERED) && line.receiver === receiver);
    return typeof said?.events === "number" ? said.events : 0;
  };

  return {
    number,
    pid: child.pid,
    get code() {
      return code;
    },
    get running() {
      return code === undefined;
    },
    log,
    stderr: () => words,
    metric: (name, ...labels) =>
      series(name)
        .filter(([text]) => labels.every((label) => text.includes(label)))
        .reduce((sum, [, value]) => sum + value, 0),
    read,
    lag() {
      const recent = readings.filter(([at, ms]) => now() - at - ms < LAG_MS).map(([, ms]) => ms);
      return Math.max(0, now() - readingSince, ...recent);
    },
    async ready(ms = 20_000) {
      await eventually(`life ${number} is ready`, ms, async () => {
        if (code !== undefined) return `it ended with ${code}\n${words.slice(-2_000)}`;
        const response = await fetch(`http://127.0.0.1:${port}/-/ready`, { signal: AbortSignal.timeout(5_000) });
        const text = await response.text();
        return response.status === 200 ? undefined : `${response.status} ${text}`;
      });
      return now() - begun;
    },
    hangup() {
      if (words === "") hangups++;
      else child.kill("SIGHUP");
    },
    freeze() {
      stop = [now(), Number.POSITIVE_INFINITY];
      frozen.push(stop);
      child.kill("SIGSTOP");
    },
    thaw() {
      // Its timers fire before it reads what has arrived meanwhile.
      if (stop) stop[1] = now() + 500;
      child.kill("SIGCONT");
    },
    async kill(until) {
      recordedUntil = Math.min(recordedUntil, until);
      child.kill("SIGKILL");
      await exited;
      await reading;
    },
    deposed: (from, to) => void unrecorded.push([from, to]),
    async stop(ms = 40_000) {
      await read();
      stopping = now();
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), ms);
      const status = await exited;
      clearTimeout(killer);
      await reading;
      inOrder = status === 0;
      return status;
    },
    memory() {
      const text = readFileSync(`/proc/${child.pid}/status`, "utf8");
      const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? Number.NaN) / 1_024;
      return { rss: field("VmRSS"), anon: field("RssAnon") };
    },
    life: () => ({
      number,
      ended,
      inOrder,
      stopping,
      cutOff: options.receivers.filter((name) => left(name) > 0),
      recordedUntil,
      unrecorded,
      readAt,
      frozen,
    }),
    counted: () =>
      options.receivers.map((receiver) => {
        const mine = ([text]: readonly [string, number]) => text.includes(`receiver="${receiver}"`);
        const dropped: Record<string, number> = {};
        for (const one of series("petrel_events_dropped_total").filter(mine)) {
          const reason = /reason="(\w+)"/.exec(one[0])?.[1] ?? "";
          dropped[reason] = (dropped[reason] ?? 0) + one[1];
        }
        // Counted after the last look at the metrics, and told in the log.
        const gone = log.some((line) => line.message === NOT_DELIVERED && line.receiver === receiver);
        if (gone) dropped.shutdown = Math.max(dropped.shutdown ?? 0, left(receiver));
        const ambiguous = series("petrel_events_ambiguous_total").filter(mine);
        return { life: number, receiver, dropped, ambiguous: ambiguous.reduce((sum, [, value]) => sum + value, 0) };
      }),
  };
}

async function readLines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
  if (rest !== "") take(rest);
}
