/** The executable as in a pod: a mount namespace of its own with a service account's token, and no kubeconfig. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../testbed/kube-cluster.ts";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";

export interface Pod {
  /** Lines of standard output so far. */
  stdout(): readonly string[];
  /** Standard error so far. */
  stderr(): string;
  /** Resolves when it is ready; rejects with what it said when it is not within `deadlineMs`. */
  ready(deadlineMs?: number): Promise<void>;
  /** SIGTERM; the exit code. */
  stop(): Promise<number>;
}

export interface PodOptions {
  readonly kube: Cluster;
  /** The service account's. */
  readonly namespace: string;
  readonly account: string;
  /** New files go there. */
  readonly folder: string;
  /** The config as data, or the path of one. */
  readonly config: unknown;
  readonly env?: Readonly<Record<string, string>>;
}

const SCRIPT = `mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io &&
  cp -r "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"`;

/** Why that cannot be; undefined: it can. */
export function cannotBeInPod(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may give a process a file system of its own";
  const probe = Bun.spawnSync(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run"]);
  return probe.exitCode === 0 ? undefined : "this machine does not let root give a process a file system of its own";
}

export async function startPod(options: PodOptions): Promise<Pod> {
  const { kube, namespace, account, folder, config } = options;
  if (!existsSync(EXECUTABLE)) throw new Error(`no executable at ${EXECUTABLE}: bun run build`);
  const [port = 0] = await freePorts(1);
  const secrets = join(folder, "serviceaccount");
  mkdirSync(secrets, { recursive: true });
  const token = await kube.kubectl(["create", "token", account, "-n", namespace, "--duration=2h"]);
  writeFileSync(join(secrets, "token"), token.trim());
  writeFileSync(join(secrets, "namespace"), namespace);
  writeFileSync(join(secrets, "ca.crt"), kube.ca);
  chmodSync(secrets, 0o755);
  let file = config;
  if (typeof file !== "string") {
    file = join(folder, "petrel.yaml");
    writeFileSync(join(folder, "petrel.yaml"), JSON.stringify(config));
  }
  const child = Bun.spawn(
    [
      ...["unshare", "--mount", "sh", "-c", SCRIPT, secrets, EXECUTABLE, "run", "-c", String(file)],
      ...["-metrics-address", `127.0.0.1:${port}`, "--admin-address", "off"],
    ],
    {
      cwd: folder,
      env: {
        ...process.env,
        KUBECONFIG: "",
        KUBERNETES_SERVICE_HOST: "127.0.0.1",
        KUBERNETES_SERVICE_PORT: new URL(kube.url).port,
        ...options.env,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [stdout, stderr] = [[""], [""]];
  const reading = Promise.all([read(child.stdout, stdout), read(child.stderr, stderr)]);
  const said = () => stderr[0] ?? "";
  return {
    stdout: () => (stdout[0] ?? "").split("\n").slice(0, -1),
    stderr: said,
    async ready(deadlineMs = 20_000) {
      try {
        await eventually("petrel is ready", deadlineMs, async () => {
          if (child.exitCode !== null) return `it ended with ${child.exitCode}`;
          const response = await fetch(`http://127.0.0.1:${port}/-/ready`, { signal: AbortSignal.timeout(5_000) });
          return response.status === 200 ? undefined : `${response.status} ${await response.text()}`;
        });
      } catch (error) {
        throw new Error(`${error}\n${said()}`);
      }
    },
    async stop() {
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), 40_000);
      const code = await child.exited;
      clearTimeout(killer);
      await reading;
      return code;
    },
  };
}

async function read(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) into[0] += decoder.decode(chunk, { stream: true });
}
