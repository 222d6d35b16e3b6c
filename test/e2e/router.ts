/** The image of eventrouter swapped for Petrel's: the executable with its flags, its config and nothing else. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, createApiServer } from "../../src/demo/api-server.ts";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";

export interface RunningRouter extends AsyncDisposable {
  /** Lines of standard output so far. */
  readonly lines: readonly string[];
  /** Lines of standard error so far. */
  readonly errors: readonly string[];
  metrics(): Promise<string>;
  /** Status of a GET on the listener. */
  status(path: string): Promise<number>;
  /** The exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

export interface Router extends RunningRouter {
  readonly api: ApiServer;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Beside `-listen-address`. Default: what the images have. */
  readonly args?: readonly string[];
  /** How it is told where the cluster is. Default: `$KUBECONFIG`. */
  readonly kubeconfig?: "variable" | "flag" | "key";
}

export interface RouterOptions extends RunOptions {
  /** Of an earlier one, to go on from. Default: one of its own, with an API server that has no events. */
  readonly api?: ApiServer;
}

/** Waits until it watches a simulated API server. `config`: its config.json; undefined: there is none. */
export async function openRouter(config: object | undefined, options: RouterOptions = {}): Promise<Router> {
  const folder = mkdtempSync(join(tmpdir(), "petrel-router-"));
  const api = options.api ?? (await createApiServer());
  async function end(): Promise<void> {
    if (!options.api) await api.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const kubeconfig = join(folder, "kubeconfig");
  await Bun.write(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: api.url } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: {} }],
      "current-context": "c",
    }),
  );
  try {
    const running = await runRouter(config, kubeconfig, options);
    return {
      ...running,
      api,
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The same with the cluster of a kubeconfig. */
export async function runRouter(
  config: object | undefined,
  kubeconfig: string,
  options: RunOptions = {},
): Promise<RunningRouter> {
  const folder = mkdtempSync(join(tmpdir(), "petrel-router-"));
  const by = options.kubeconfig ?? "variable";
  const text = { ...config, ...(by === "key" && { kubeconfig }) };
  if (config) await Bun.write(join(folder, "config.json"), JSON.stringify(text));
  const [port = 0] = await freePorts(1);
  const args = [
    ...(options.args ?? ["-v", "3", "-logtostderr"]),
    ...(by === "flag" ? ["-kubeconfig", kubeconfig] : []),
  ];
  const child = Bun.spawn([EXECUTABLE, ...args, `-listen-address=127.0.0.1:${port}`], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...(by === "variable" && { KUBECONFIG: kubeconfig }), ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [lines, errors]: [string[], string[]] = [[], []];
  const reading = Promise.all([readLines(child.stdout, lines), readLines(child.stderr, errors)]);
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(10_000) });
  async function end(): Promise<void> {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  }
  try {
    await eventually("it watches", 10_000, async () => {
      if (child.exitCode !== null) return `it ended with ${child.exitCode}: ${errors.join("\n")}`;
      return (await get("/-/ready")).status === 200 ? undefined : "not ready";
    });
  } catch (error) {
    await end();
    throw error;
  }
  return {
    lines,
    errors,
    metrics: async () => await (await get("/metrics")).text(),
    status: async (path) => (await get(path)).status,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const code = await child.exited;
      await reading;
      return code;
    },
    [Symbol.asyncDispose]: end,
  };
}

async function readLines(from: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of from) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    into.push(...parts);
  }
}
