import { openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";

/** A program of a component, as it is started and started again. */
export interface ProcessSpec {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How to see that it answers; nothing to ask: it counts as started at once. */
  readonly ready?: { readonly url: string } | { readonly port: number };
}

/** A process by its id and the time it was started, so that a reused id is never taken for it. */
export interface ProcessId {
  readonly pid: number;
  readonly started: string;
}

const READY_MS = 60_000;
const STOP_MS = 20_000;
const POLL_MS = 25;

/** State letter and start time from /proc; undefined when there is no such process. */
function stat(pid: number): { state: string; started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, a name in brackets, may hold blanks.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", started: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

export function alive(id: ProcessId): boolean {
  const found = stat(id.pid);
  return found !== undefined && found.started === id.started && found.state !== "Z";
}

/**
 * Ports that nobody listens on, below the range that the system gives to outgoing connections (32768 and up on Linux):
 * while a server is down, a client that tries again and again would sooner or later be given the server's own port, and
 * the server could not come back.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (!found.includes(port) && (await isFree(port))) found.push(port);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function answers(ready: NonNullable<ProcessSpec["ready"]>): Promise<boolean> {
  if ("url" in ready) {
    try {
      // Only "is it up" is asked here; the tests verify certificates.
      const response = await fetch(ready.url, {
        signal: AbortSignal.timeout(5_000),
        tls: { rejectUnauthorized: false },
      });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }
  return new Promise((resolve) => {
    const socket = connect(ready.port, "127.0.0.1");
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.setTimeout(5_000, () => end(false));
  });
}

/**
 * Starts a program that outlives this one, with its output appended to `folder`/NAME.log, and waits until it answers.
 * @throws Error with the end of the log when it ends or does not answer within a minute.
 */
export async function startProcess(spec: ProcessSpec, folder: string): Promise<ProcessId> {
  const log = join(folder, `${spec.name}.log`);
  const output = openSync(log, "a");
  const child = Bun.spawn([...spec.argv], {
    cwd: folder,
    env: { ...process.env, ...spec.env },
    stdio: ["ignore", output, output],
    // Its own session: an interrupt at the terminal reaches the runner first, which then stops it in order.
    detached: true,
  });
  child.unref();
  const id = { pid: child.pid, started: stat(child.pid)?.started ?? "" };
  const deadline = Date.now() + READY_MS;
  while (spec.ready !== undefined && !(await answers(spec.ready))) {
    const ended = !alive(id);
    if (!ended && Date.now() < deadline) {
      await Bun.sleep(POLL_MS);
      continue;
    }
    const tail = readFileSync(log, "utf8").trim().split("\n").slice(-15).join("\n");
    killNow(id);
    throw new Error(`${spec.name} ${ended ? "ended" : `does not answer after ${READY_MS / 1000} s`}\n${tail}`);
  }
  return id;
}

/** Sends SIGKILL and does not wait. */
export function killNow(id: ProcessId): void {
  if (alive(id)) process.kill(id.pid, "SIGKILL");
}

/** Ends a process, with SIGKILL when it does not go by itself, and waits until it is gone. */
export async function endProcess(id: ProcessId, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
  if (!alive(id)) return;
  process.kill(id.pid, signal);
  const deadline = Date.now() + STOP_MS;
  while (alive(id)) {
    if (Date.now() > deadline) {
      if (signal === "SIGKILL") throw new Error(`process ${id.pid} outlives SIGKILL`);
      return endProcess(id, "SIGKILL");
    }
    await Bun.sleep(POLL_MS);
  }
}
