/** `-metrics-tls-config`: the part of a web config of Prometheus' exporter-toolkit that Petrel serves. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { UsageError } from "./errors.ts";
import type { ListenerTls } from "./listen.ts";

type Json = Readonly<Record<string, unknown>>;

export interface WebConfig {
  readonly tls?: ListenerTls;
  /** bcrypt hash by user. */
  readonly users?: Readonly<Record<string, string>>;
}

/**
 * Reads `tls_server_config` with the files that it names, relative to its own folder, and `basic_auth_users`. Throws
 * UsageError for what it asks for and Petrel would not do: serving without it would open what should be closed.
 * @see https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
 */
export function loadWebConfig(path: string): WebConfig {
  const config = mapping(parse(readText(path, "the web config"), path), path);
  for (const key of Object.keys(config)) if (!KEYS.has(key)) throw unsupported(path, key);
  const users = readUsers(config.basic_auth_users, path);
  const tls = readTls(config.tls_server_config, path);
  return { ...(tls && { tls }), ...(users && { users }) };
}

/** `http_server_config` switches HTTP/2 and response headers, without which nothing is open that should not be. */
const KEYS = new Set(["tls_server_config", "http_server_config", "basic_auth_users"]);

function parse(text: string, path: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    // Bun's messages name the kind of mistake and quote nothing of the text.
    throw new UsageError(
      `web config ${path} is not valid YAML: ${error instanceof Error ? error.message : "unreadable"}`,
    );
  }
}

function readUsers(value: unknown, path: string): WebConfig["users"] {
  const users = Object.entries(mapping(value, path));
  for (const [name, hash] of users) {
    if (typeof hash === "string" && /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash)) continue;
    throw new UsageError(
      `web config ${path}: basic_auth_users.${name} is no bcrypt hash; make one with htpasswd -nBC 10 "" | tr -d ':'`,
    );
  }
  return users.length === 0 ? undefined : (Object.fromEntries(users) as Record<string, string>);
}

function readTls(value: unknown, path: string): ListenerTls | undefined {
  const tls = mapping(value, path);
  const folder = dirname(resolve(path));
  const file = (key: string): string | undefined => {
    const value = tls[key];
    if (isEmpty(value)) return undefined;
    if (typeof value !== "string") throw new UsageError(`web config ${path}: tls_server_config.${key} is a path`);
    return readText(resolve(folder, value), `tls_server_config.${key}`);
  };
  for (const [key, value] of Object.entries(tls)) if (!isEmpty(value)) checkTlsKey(path, key, value);
  const cert = file("cert_file");
  const key = file("key_file");
  const clientCa = file("client_ca_file");
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError(`web config ${path}: tls_server_config needs both cert_file and key_file`);
  }
  const verifies = tls.client_auth_type === "RequireAndVerifyClientCert";
  if (verifies !== (clientCa !== undefined)) {
    throw new UsageError(
      `web config ${path}: client_ca_file and client_auth_type: RequireAndVerifyClientCert belong together`,
    );
  }
  return { cert, key, ...(clientCa !== undefined && { clientCa }) };
}

const FILES = new Set(["cert_file", "key_file", "client_ca_file"]);

function checkTlsKey(path: string, key: string, value: unknown): void {
  if (FILES.has(key)) return;
  if (key === "client_auth_type" && (value === "NoClientCert" || value === "RequireAndVerifyClientCert")) return;
  // TLS 1.2 is the runtime's own lower bound.
  if (key === "min_version" && value === "TLS12") return;
  if (key === "max_version" && value === "TLS13") return;
  if (key === "prefer_server_cipher_suites") return;
  throw unsupported(path, `tls_server_config.${key}: ${String(value)}`);
}

function unsupported(path: string, what: string): UsageError {
  return new UsageError(
    `web config ${path}: ${what} is not supported; supported are cert_file, key_file, client_ca_file, client_auth_type and basic_auth_users`,
  );
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === "" ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}

function mapping(value: unknown, path: string): Json {
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new UsageError(`web config ${path}: expected a map`);
  return value as Json;
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    throw new UsageError(`${what} ${path} cannot be read (${code})`);
  }
}
