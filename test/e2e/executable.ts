import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";

/** The compiled executable: the one the runner has just built, else dist/petrel. */
export const EXECUTABLE = process.env.PETREL_EXE ?? resolve(import.meta.dir, "../../dist/petrel");

export interface PetrelProcess {
  readonly pid: number;
  /** `host:port` of the metrics listener. */
  readonly address: string;
  /** Lines of standard output so far. */
  readonly stdout: readonly string[];
  /** Standard error so far. */
  stderr(): string;
  /** GET on the metrics listener. */
  get(path: string): Promise<{ status: number; text: string }>;
  /** Sum of the series of this name that have all these labels, written `verb="list"`; 0 when there is none. */
  metric(name: string, ...labels: string[]): Promise<number>;
  /** SIGTERM; the exit code. */
  stop(): Promise<number>;
}

/**
 * Runs `petrel run` with a config and waits until it is ready.
 * @param folder new files go there.
 * @param config the config as data; YAML reads JSON.
 */
export async function startExecutable(
  folder: string,
  config: unknown,
  kubeconfig: string,
  options: { readonly env?: Record<string, string>; readonly args?: readonly string[] } = {},
): Promise<PetrelProcess> {
  if (!existsSync(EXECUTABLE)) throw new Error(`no executable at ${EXECUTABLE}: bun run build`);
  const file = join(folder, "petrel.yaml");
  await Bun.write(file, JSON.stringify(config, null, 2));
  const [port = 0] = await freePorts(1);
  const child = Bun.spawn(
    [
      EXECUTABLE,
      ...["run", "-c", file, "-kubeconfig", kubeconfig, "-metrics-address", `127.0.0.1:${port}`],
      // Several run beside each other: those that nobody asks anything need no port.
      ...(options.args ?? ["--admin-address", "off"]),
    ],
    { cwd: folder, env: { ...process.env, ...options.env }, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const stdout: string[] = [];
  const reading = readLines(child.stdout, (line) => stdout.push(line));
  const errors: string[] = [];
  const readingErrors = readLines(child.stderr, (line) => errors.push(line));
  const get: PetrelProcess["get"] = async (path) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(10_000) });
    return { status: response.status, text: await response.text() };
  };
  const stop = async () => {
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), 40_000);
    const code = await child.exited;
    clearTimeout(killer);
    await Promise.all([reading, readingErrors]);
    return code;
  };
  try {
    await eventually("petrel is ready", 20_000, async () => {
      if (child.exitCode !== null) return `it ended with ${child.exitCode}`;
      const { status, text } = await get("/-/ready");
      return status === 200 ? undefined : `${status} ${text}`;
    });
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : error}\n${errors.slice(-20).join("\n")}`);
  }
  return {
    pid: child.pid,
    address: `127.0.0.1:${port}`,
    stdout,
    stderr: () => errors.join("\n"),
    get,
    async metric(name, ...labels) {
      const { text } = await get("/metrics");
      let sum = 0;
      for (const line of text.split("\n")) {
        const named = line.startsWith(`${name} `) || line.startsWith(`${name}{`);
        if (named && labels.every((label) => line.includes(label))) sum += Number(line.split(" ").at(-1));
      }
      return sum;
    },
    stop,
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
