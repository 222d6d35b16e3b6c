import { dirname } from "node:path";
import { component, type Running } from "./component.ts";
import { command } from "./place.ts";

/** The control plane of the test run with the hands that tests need. */
export interface Cluster {
  readonly running: Running;
  /** Address of the API server. */
  readonly url: string;
  /** PEM text of the authority that signed its certificate. */
  readonly ca: string;
  /** Bearer token of an administrator. */
  readonly token: string;
  /** Kubeconfig file of an administrator. */
  readonly adminConfig: string;
  /** Runs kubectl as administrator; returns its standard output. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** One request to the API as administrator; parsed JSON. Throws on a status that is no success. */
  api(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Kubeconfig file (in the component's folder) with a fresh token of a service account. */
  serviceAccountConfig(name: string, namespace: string): Promise<string>;
  killApiServer(): Promise<void>;
  /** `extra` arguments win over its own: `--event-ttl=60s`. */
  startApiServer(extra?: readonly string[]): Promise<void>;
  /** Forgets all history of etcd, so that every older resourceVersion is answered with 410. */
  compact(): Promise<void>;
}

/** The running control plane, started when there is none. */
export async function cluster(): Promise<Cluster> {
  const running = await component("kube");
  const { URL: url = "", CA: caFile = "", TOKEN: token = "", KUBECTL: program = "", ETCD_URL: etcd = "" } = running.env;
  const adminConfig = running.env.KUBECONFIG ?? "";
  const ca = await Bun.file(caFile).text();
  const kubectl: Cluster["kubectl"] = (args, input) =>
    command([program, ...args], {
      cwd: dirname(adminConfig),
      env: { KUBECONFIG: adminConfig },
      deadlineMs: 120_000,
      ...(input === undefined ? {} : { input }),
    });
  const etcdCall = async (path: string, body: unknown) => {
    const response = await fetch(`${etcd}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  return {
    running,
    url,
    ca,
    token,
    adminConfig,
    kubectl,
    async api(method, path, body) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
        },
        tls: { ca },
        signal: AbortSignal.timeout(30_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
      return JSON.parse(text);
    },
    async serviceAccountConfig(name, namespace) {
      const bearer = (await kubectl(["create", "token", name, "-n", namespace, "--duration=2h"])).trim();
      const config = JSON.parse(await Bun.file(adminConfig).text());
      config.users[0].user = { token: bearer };
      const path = `${running.dir}/${namespace}-${name}.kubeconfig`;
      await Bun.write(path, JSON.stringify(config));
      return path;
    },
    killApiServer: () => running.kill("kube-apiserver"),
    startApiServer: (extra) => running.start("kube-apiserver", extra),
    async compact() {
      const status = await etcdCall("/v3/maintenance/status", {});
      const revision = (status.header as { revision?: string } | undefined)?.revision;
      await etcdCall("/v3/kv/compaction", { revision, physical: true });
    },
  };
}
