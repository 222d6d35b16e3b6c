/**
 * Credentials from a program (`aws eks get-token`, `gke-gcloud-auth-plugin`, `kubelogin`), run beside the event loop.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
import type { Logger } from "../logger.ts";
import { CredentialsError, checkToken, reasonOf } from "./credentials-error.ts";
import { memberOf, textOf } from "./json.ts";
import type { Cluster, ExecConfig } from "./kubeconfig-entry.ts";

export interface ExecCredential {
  readonly token: string | undefined;
  /** PEM. Both or neither. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Milliseconds since the epoch; infinity when the plugin named none: good until the API server says 401. */
  readonly expiresAt: number;
}

export interface ExecPlugin {
  /** The credential now: cached until it is about to expire. Throws CredentialsError. */
  get(): ExecCredential | Promise<ExecCredential>;
  /** After a 401: the next `get()` runs the plugin again, unless it ran within the last ten seconds. */
  invalidate(): void;
}

export interface ExecPluginOptions {
  readonly config: ExecConfig;
  readonly cluster: Cluster;
  /** PEM of the cluster's CA, for `provideClusterInfo`. */
  readonly ca: string | undefined;
  /** What the plugin inherits. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly logger: Logger;
  /** How long the plugin may run. Default 60 s: cloud plugins ask a metadata service and then a token service. */
  readonly timeoutMs?: number;
}

/** A credential is renewed when this much of it is left, or a tenth of what it had when that is less. */
const RENEW_BEFORE_MS = 60_000;
/** Between two runs of a plugin whose credentials fail: a loop of 401 must not become a loop of processes. */
const RERUN_MS = 10_000;
const MAX_STDOUT_BYTES = 1 << 20;
const MAX_STDERR_BYTES = 4096;
/** Shorter values are words that stand in messages anyway. */
const MIN_HIDDEN = 6;

export function createExecPlugin(options: ExecPluginOptions): ExecPlugin {
  const { config, now, logger } = options;
  let current: ExecCredential | undefined;
  let renewAt = Number.NEGATIVE_INFINITY;
  let ranAt = Number.NEGATIVE_INFINITY;
  let failure: CredentialsError | undefined;
  let running: Promise<ExecCredential> | undefined;

  const renew = async (): Promise<ExecCredential> => {
    ranAt = now();
    try {
      current = await runPlugin(options);
      failure = undefined;
      renewAt =
        current.expiresAt === Number.POSITIVE_INFINITY
          ? current.expiresAt
          : current.expiresAt - Math.min(RENEW_BEFORE_MS, (current.expiresAt - now()) / 10);
      return current;
    } catch (error) {
      failure = error instanceof CredentialsError ? error : new CredentialsError(`${nameOf(config)} failed`);
      if (current === undefined || current.expiresAt <= now()) throw failure;
      logger.warn(`${failure.message}; using the credential that is still valid`);
      return current;
    } finally {
      running = undefined;
    }
  };

  return {
    get() {
      if (current !== undefined && now() < renewAt) return current;
      if (running !== undefined) return running;
      if (now() - ranAt < RERUN_MS) {
        if (current !== undefined && now() < current.expiresAt) return current;
        if (failure !== undefined) return Promise.reject(failure);
      }
      running = renew();
      return running;
    },
    invalidate() {
      renewAt = Number.NEGATIVE_INFINITY;
    },
  };
}

async function runPlugin(options: ExecPluginOptions): Promise<ExecCredential> {
  const { config, now } = options;
  const timeoutMs = options.timeoutMs ?? 60_000;
  const name = nameOf(config);

  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([config.command, ...config.args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      // A process group of its own, so that what the plugin started ends with it.
      detached: true,
      env: { ...options.env, ...config.env, KUBERNETES_EXEC_INFO: execInfo(options) },
    });
  } catch (error) {
    const hint = config.installHint === undefined ? "" : `; ${excerpt(config.installHint)}`;
    throw new CredentialsError(`cannot start ${name}: ${reasonOf(error)}${hint}`);
  }

  // Nobody else ends a plugin that hangs when Petrel stops.
  const end = (): void => killGroup(child.pid);
  process.once("exit", end);
  // Whoever holds the pipes open must not hold us: the reads have the deadline too.
  let timer: Timer | undefined;
  const late = new Promise<"late">((settle) => {
    timer = setTimeout(() => settle("late"), timeoutMs);
  });
  try {
    const outcome = await Promise.race([
      late,
      Promise.all([readText(child.stdout, MAX_STDOUT_BYTES), readText(child.stderr, MAX_STDERR_BYTES), child.exited]),
    ]);
    if (outcome === "late") {
      throw new CredentialsError(`${name} gave no answer within ${timeoutMs / 1000} s`);
    }
    const [stdout, stderr, code] = outcome;
    if (code !== 0) {
      const said = stderr.trim() === "" ? "" : `: ${excerpt(withoutValues(stderr, config.env))}`;
      throw new CredentialsError(`${name} failed with exit code ${code}${said}`);
    }
    return parseCredential(stdout, config, now());
  } finally {
    clearTimeout(timer);
    process.off("exit", end);
    if (child.exitCode === null) end();
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}

/** Reads to the end, keeping the first `limit` bytes. */
async function readText(stream: ReadableStream<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let room = limit;
  for await (const chunk of stream) {
    if (room <= 0) continue;
    chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    room -= chunk.length;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** @see https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
function execInfo({ config, cluster, ca }: ExecPluginOptions): string {
  const info = {
    server: cluster.server,
    ...(cluster.tlsServerName === undefined ? {} : { "tls-server-name": cluster.tlsServerName }),
    ...(cluster.insecureSkipTlsVerify ? { "insecure-skip-tls-verify": true } : {}),
    ...(ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") }),
    ...(cluster.proxyUrl === undefined ? {} : { "proxy-url": cluster.proxyUrl }),
    ...(cluster.execConfig === undefined ? {} : { config: cluster.execConfig }),
  };
  return JSON.stringify({
    kind: "ExecCredential",
    apiVersion: config.apiVersion,
    spec: { ...(config.provideClusterInfo ? { cluster: info } : {}), interactive: false },
  });
}

function parseCredential(stdout: string, config: ExecConfig, now: number): ExecCredential {
  const name = nameOf(config);
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    // The text may hold a token: say its length and nothing else of it.
    throw new CredentialsError(
      `${name} printed ${stdout.length} characters that are no JSON; wanted an ExecCredential`,
    );
  }
  const kind = memberOf(answer, "kind");
  const apiVersion = memberOf(answer, "apiVersion");
  if (kind !== "ExecCredential" || apiVersion !== config.apiVersion) {
    throw new CredentialsError(
      `${name} printed kind ${JSON.stringify(kind)} of ${JSON.stringify(apiVersion)}; wanted ExecCredential of ${config.apiVersion}`,
    );
  }
  const status = memberOf(answer, "status");
  const token = textOf(status, "token");
  const certificate = textOf(status, "clientCertificateData");
  const key = textOf(status, "clientKeyData");
  if (token === undefined && certificate === undefined) {
    throw new CredentialsError(
      `${name} printed an ExecCredential without status.token and status.clientCertificateData`,
    );
  }
  if (token !== undefined) checkToken(token, `the token from ${name}`);
  if ((certificate === undefined) !== (key === undefined)) {
    throw new CredentialsError(`${name} printed a client certificate and key of which one is missing`);
  }
  const expiry = textOf(status, "expirationTimestamp");
  const expiresAt = expiry === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiry);
  if (Number.isNaN(expiresAt)) throw new CredentialsError(`${name} printed an expirationTimestamp that is no time`);
  if (expiresAt <= now) {
    throw new CredentialsError(
      `${name} printed a credential that expired at ${expiry}; log in again with it, or check the clocks`,
    );
  }
  return { token, certificate, key, expiresAt };
}

function nameOf(config: ExecConfig): string {
  return `the exec plugin "${config.command}" of user "${config.user}"`;
}

/** One line, at most 300 characters. */
/** Plugins that fail like to print their environment, where the kubeconfig put a secret. */
function withoutValues(text: string, env: ExecConfig["env"]): string {
  return Object.values(env).reduce(
    (left, value) => (value.length < MIN_HIDDEN ? left : left.replaceAll(value, "[secret]")),
    text,
  );
}

function excerpt(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
