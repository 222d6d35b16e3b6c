/**
 * Where the API server is and how to prove who we are.
 *
 * Own code, not `@kubernetes/client-node`: importing that costs 22–31 MB resident, its requests cannot be used on Bun
 * (private CAs, client certificates and `insecure-skip-tls-verify` fail), it knows no `tokenFile`, no `:` list merge,
 * and runs exec plugins synchronously.
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../logger.ts";
import { CredentialsError, checkToken } from "./credentials-error.ts";
import { createExecPlugin, type ExecPlugin } from "./exec-plugin.ts";
import { loadKubeconfig, type Resolved } from "./kubeconfig.ts";
import type { Cluster, Material, User } from "./kubeconfig-entry.ts";
import { fixedText, openRefreshedFile, type ReadFile, type Refreshed } from "./refreshed-file.ts";

/** What one request needs beside its path. The same objects as long as nothing changed. */
export interface RequestAuth {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls | undefined;
  /** Absent: the proxy of the environment (HTTPS_PROXY, NO_PROXY), if any. */
  readonly proxy: string | undefined;
}

/** In the words of Bun's fetch. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface Credentials {
  /** `https://host:port/prefix`, without a trailing slash. */
  readonly server: string;
  /** The context's namespace, or the pod's own. */
  readonly namespace: string;
  /** Where they come from, for the log: `in cluster`, `kubeconfig /path, context NAME`. */
  readonly source: string;
  /** Cheap enough to be called per request. Throws CredentialsError. */
  request(): Promise<RequestAuth>;
  /** After a 401: files and exec plugins are asked again at the next request. */
  invalidate(): void;
}

export interface LoadOptions {
  /** The `-kubeconfig` flag: nothing else is tried. */
  readonly kubeconfig?: string | undefined;
  /** A context other than the kubeconfig's current one. */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly home?: string;
  readonly readFile?: ReadFile;
  readonly now?: () => number;
  readonly serviceAccountDir?: string;
  /** Kubeconfigs that distributions write for their node. */
  readonly distributions?: readonly string[];
}

/** {@link Credentials.source} of a pod's own. */
export const IN_CLUSTER = "in cluster";

/** @see https://docs.k3s.io/cluster-access and https://microk8s.io/docs/working-with-kubectl */
const DISTRIBUTIONS = ["/etc/rancher/k3s/k3s.yaml", "/var/snap/microk8s/current/credentials/client.config"];
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * In this order, the first that is there: the `-kubeconfig` file; the pod's service account, unless a context is named;
 * `$KUBECONFIG`; `~/.kube/config`; that of k3s or microk8s on this node. Throws CredentialsError.
 */
export async function loadCredentials(options: LoadOptions): Promise<Credentials> {
  const { env, context } = options;
  const deps: Deps = {
    env,
    logger: options.logger,
    // Small local files, one a minute at most: reading them at once saves the 2 MB that a first asynchronous read costs.
    readFile: options.readFile ?? (async (path) => readFileSync(path, "utf8")),
    now: options.now ?? Date.now,
  };
  if (options.kubeconfig) {
    return fromKubeconfig(
      await loadKubeconfig([options.kubeconfig], context, deps.readFile, false),
      options.kubeconfig,
      deps,
    );
  }

  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  const serviceAccount = options.serviceAccountDir ?? SERVICE_ACCOUNT;
  const inPod = host !== undefined && host !== "" && port !== undefined && port !== "";
  if (inPod && !context && existsSync(join(serviceAccount, "token"))) {
    return fromServiceAccount(host, port, serviceAccount, deps);
  }

  const listed = (env.KUBECONFIG ?? "").split(":").filter((path) => path !== "");
  if (listed.length > 0) {
    const source = listed.join(":");
    return fromKubeconfig(await loadKubeconfig(listed, context, deps.readFile, true), source, deps);
  }

  const standard = join(options.home ?? homedir(), ".kube", "config");
  for (const path of [standard, ...(options.distributions ?? DISTRIBUTIONS)]) {
    if (!existsSync(path)) continue;
    return fromKubeconfig(await loadKubeconfig([path], context, deps.readFile, false), path, deps);
  }
  throw new CredentialsError(
    inPod
      ? `found no credentials: this is a pod without a service account token (${serviceAccount}/token); set automountServiceAccountToken: true`
      : `found no credentials: not in a pod, KUBECONFIG is not set, and there is no ${standard}; name a file with -kubeconfig`,
  );
}

/** Credentials for a server that asks for none, such as the demo's. */
export function openServer(server: string, namespace = "default"): Credentials {
  const auth: RequestAuth = { headers: {}, tls: undefined, proxy: undefined };
  return { server, namespace, source: server, request: async () => auth, invalidate() {} };
}

interface Deps {
  readonly env: LoadOptions["env"];
  readonly logger: Logger;
  readonly readFile: ReadFile;
  readonly now: () => number;
}

async function fromServiceAccount(host: string, port: string, dir: string, deps: Deps): Promise<Credentials> {
  const { logger, readFile } = deps;
  const token = await openToken(join(dir, "token"), "service account token", deps);
  let ca: Refreshed | undefined;
  try {
    ca = await openPem(join(dir, "ca.crt"), "cluster CA", deps);
  } catch (error) {
    // As client-go: the system's roots may do.
    logger.warn(`${error instanceof Error ? error.message : String(error)}; trusting the system's authorities instead`);
  }
  let namespace = "default";
  try {
    namespace = (await readFile(join(dir, "namespace"))).trim() || namespace;
  } catch {
    logger.debug(`no ${join(dir, "namespace")}; taking "default" for the own namespace`);
  }
  return assemble({
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace,
    source: IN_CLUSTER,
    headers: {},
    ca,
    cert: undefined,
    key: undefined,
    token,
    exec: undefined,
    tls: {},
    proxy: undefined,
  });
}

async function fromKubeconfig(resolved: Resolved, path: string, deps: Deps): Promise<Credentials> {
  const { cluster, user } = resolved;
  const secure = cluster.server.startsWith("https:");
  const where = `kubeconfig ${path}`;
  const ca = await openMaterial(cluster.ca, `certificate-authority of cluster "${cluster.name}"`, where, deps);
  const cert = await openMaterial(user.certificate, `client-certificate of user "${user.name}"`, where, deps);
  const key = await openMaterial(user.key, `client-key of user "${user.name}"`, where, deps, "key");
  if (cluster.insecureSkipTlsVerify) {
    deps.logger.warn(
      `insecure-skip-tls-verify: the identity of ${cluster.server} is not checked; whoever stands in between can read the credentials and forge events`,
      { cluster: cluster.name },
    );
  }
  const token = await tokenOf(user, deps);
  const exec = execOf(user, cluster, await ca?.value(), deps);
  if (!secure && exec !== undefined) {
    deps.logger.warn(`the exec plugin of user "${user.name}" is not used: ${cluster.server} is not https`);
  }
  if (!secure && (token !== undefined || user.basic !== undefined) && !isLoopback(cluster.server)) {
    deps.logger.warn(`credentials go to ${cluster.server} in clear text`, { cluster: cluster.name });
  }
  return assemble({
    server: cluster.server,
    namespace: resolved.namespace,
    source: `${where}, context ${resolved.context}`,
    headers: { ...basicHeader(user), ...impersonationHeaders(user) },
    ca,
    cert,
    key,
    token,
    exec: secure ? exec : undefined,
    tls: {
      ...(cluster.tlsServerName === undefined ? {} : { serverName: cluster.tlsServerName }),
      ...(cluster.insecureSkipTlsVerify ? { rejectUnauthorized: false } : {}),
    },
    proxy: cluster.proxyUrl,
  });
}

/** As client-go: a token file beats the token beside it, whose text serves until the file can be read. */
async function tokenOf(user: User, deps: Deps): Promise<Refreshed | undefined> {
  const what = `token of user "${user.name}"`;
  if (user.tokenFile !== undefined) return openToken(user.tokenFile, what, deps);
  if (user.token === undefined) return undefined;
  checkToken(user.token, `the ${what}`);
  return fixedText(user.token);
}

function openToken(path: string, what: string, { readFile, now, logger }: Deps): Promise<Refreshed> {
  return openRefreshedFile({
    path,
    what,
    readFile,
    now,
    logger,
    check: (text) => checkToken(text, `the ${what} in ${path}`),
  });
}

/** As client-go: an Authorization header from elsewhere makes the plugin needless. */
function execOf(user: User, cluster: Cluster, ca: string | undefined, deps: Deps): ExecPlugin | undefined {
  if (user.exec === undefined || user.token !== undefined || user.tokenFile !== undefined || user.basic !== undefined) {
    return undefined;
  }
  return createExecPlugin({ config: user.exec, cluster, ca, env: deps.env, now: deps.now, logger: deps.logger });
}

function basicHeader({ basic }: User): Record<string, string> {
  if (basic === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString("base64")}` };
}

function impersonationHeaders({ impersonate }: User): Record<string, string> {
  if (impersonate === undefined) return {};
  const headers: Record<string, string> = { "impersonate-user": impersonate.user };
  if (impersonate.uid !== undefined) headers["impersonate-uid"] = impersonate.uid;
  if (impersonate.group !== undefined) headers["impersonate-group"] = impersonate.group;
  for (const [key, value] of Object.entries(impersonate.extra)) {
    headers[`impersonate-extra-${encodeURIComponent(key.toLowerCase())}`] = value;
  }
  return headers;
}

async function openMaterial(
  material: Material | undefined,
  what: string,
  where: string,
  deps: Deps,
  kind: "certificate" | "key" = "certificate",
): Promise<Refreshed | undefined> {
  if (material === undefined) return undefined;
  if ("file" in material) return openPem(material.file, what, deps, kind);
  checkPem(material.data, kind, `${where}: the ${what} (-data)`);
  return fixedText(material.data);
}

function openPem(
  path: string,
  what: string,
  deps: Deps,
  kind: "certificate" | "key" = "certificate",
): Promise<Refreshed> {
  const { readFile, now, logger } = deps;
  return openRefreshedFile({
    path,
    what,
    readFile,
    now,
    logger,
    check: (text) => checkPem(text, kind, `the ${what} ${path}`),
  });
}

/** Bun's fetch says no more than FailedToOpenSocket for PEM that it cannot use, so it is said here. */
function checkPem(text: string, kind: "certificate" | "key", what: string): void {
  const wanted = kind === "key" ? /-----BEGIN [A-Z ]*PRIVATE KEY-----/ : /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/;
  if (!wanted.test(text))
    throw new CredentialsError(`${what} holds no PEM ${kind === "key" ? "private key" : "certificate"}`);
  if (kind === "key" && /-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new CredentialsError(`${what} is encrypted; there is nobody to type its pass phrase`);
  }
}

interface Parts {
  readonly server: string;
  readonly namespace: string;
  readonly source: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca: Refreshed | undefined;
  readonly cert: Refreshed | undefined;
  readonly key: Refreshed | undefined;
  readonly token: Refreshed | undefined;
  readonly exec: ExecPlugin | undefined;
  readonly tls: Tls;
  readonly proxy: string | undefined;
}

function assemble(parts: Parts): Credentials {
  const { server, namespace, source, proxy } = parts;
  const secure = server.startsWith("https:");
  let made: RequestAuth | undefined;
  let last: readonly (string | undefined)[] = [];

  return {
    server,
    namespace,
    source,
    async request() {
      const exec = await parts.exec?.get();
      const token = exec?.token ?? (await parts.token?.value());
      const ca = await parts.ca?.value();
      const cert = exec?.certificate ?? (await parts.cert?.value());
      const key = exec?.key ?? (await parts.key?.value());
      const now = [token, ca, cert, key];
      if (made !== undefined && now.every((text, index) => text === last[index])) return made;
      last = now;
      made = {
        headers: token === undefined ? parts.headers : { ...parts.headers, authorization: `Bearer ${token}` },
        tls: secure
          ? {
              ...parts.tls,
              ...(ca === undefined ? {} : { ca }),
              ...(cert === undefined || key === undefined ? {} : { cert, key }),
            }
          : undefined,
        proxy,
      };
      return made;
    },
    invalidate() {
      parts.token?.invalidate();
      parts.ca?.invalidate();
      parts.cert?.invalidate();
      parts.key?.invalidate();
      parts.exec?.invalidate();
    },
  };
}

function isLoopback(server: string): boolean {
  const host = new URL(server).hostname;
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}
