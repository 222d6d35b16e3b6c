/** What a pod finds in its file system and its environment, for processes that run in a mount namespace of their own. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "../testbed/certs.ts";

export interface InCluster {
  /** Of the API server. */
  readonly tls: { readonly key: string; readonly cert: string };
  /** In front of the executable; its standard streams and signals are the executable's own. */
  readonly command: readonly string[];
  env(url: string): Readonly<Record<string, string>>;
}

const SCRIPT = `mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io &&
  cp -r "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"`;

/** Why that cannot be; undefined: it can. */
export function cannotBeInCluster(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may give a process a file system of its own";
  if (!Bun.which("openssl")) return "openssl is missing";
  const probe = Bun.spawnSync(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run"]);
  return probe.exitCode === 0 ? undefined : "this machine does not let root give a process a file system of its own";
}

/** `folder` is made. */
export async function inCluster(folder: string): Promise<InCluster> {
  mkdirSync(folder);
  const made = await certificates(join(folder, "certificates"));
  const account = join(folder, "serviceaccount");
  mkdirSync(account);
  writeFileSync(join(account, "token"), "token");
  writeFileSync(join(account, "namespace"), "monitoring");
  writeFileSync(join(account, "ca.crt"), readFileSync(made.ca));
  return {
    tls: { key: readFileSync(made.serverKey, "utf8"), cert: readFileSync(made.serverCert, "utf8") },
    command: ["unshare", "--mount", "sh", "-c", SCRIPT, account],
    env: (url) => ({ KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: new URL(url).port }),
  };
}
