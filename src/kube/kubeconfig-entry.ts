/** The entries of a kubeconfig: what a cluster and a user say, checked. */
import { dirname, isAbsolute, resolve } from "node:path";
import { CredentialsError } from "./credentials-error.ts";

/** PEM that stands in the kubeconfig, or in a file of its own. */
export type Material = { readonly data: string } | { readonly file: string };

export interface Cluster {
  readonly name: string;
  /** `https://host:port/prefix`, without a trailing slash. */
  readonly server: string;
  readonly tlsServerName: string | undefined;
  readonly insecureSkipTlsVerify: boolean;
  readonly ca: Material | undefined;
  readonly proxyUrl: string | undefined;
  /** The `client.authentication.k8s.io/exec` extension: handed to exec plugins as it is. */
  readonly execConfig: unknown;
}

export interface ExecConfig {
  readonly user: string;
  readonly apiVersion: "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1";
  /** A relative path with a slash in it is already resolved against the kubeconfig's folder. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint: string | undefined;
  readonly provideClusterInfo: boolean;
}

export interface Impersonation {
  readonly user: string;
  readonly uid: string | undefined;
  readonly group: string | undefined;
  readonly extra: Readonly<Record<string, string>>;
}

export interface User {
  readonly name: string;
  readonly certificate: Material | undefined;
  readonly key: Material | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  readonly exec: ExecConfig | undefined;
  readonly impersonate: Impersonation | undefined;
}

/** An entry of one of the three lists, with the file that its relative paths count from. */
export interface Entry {
  readonly name: string;
  readonly path: string;
  readonly body: Fields;
}

export type Fields = Readonly<Record<string, unknown>>;

/** Throws CredentialsError. */
export function clusterOf({ name, path, body }: Entry): Cluster {
  const where = `kubeconfig ${path}: cluster "${name}"`;
  const ca = materialAt(body, "certificate-authority", path, where);
  const insecureSkipTlsVerify = flagAt(body, "insecure-skip-tls-verify", where);
  if (insecureSkipTlsVerify && ca !== undefined) {
    throw new CredentialsError(
      `${where} has both a certificate-authority and insecure-skip-tls-verify: true; remove the latter`,
    );
  }
  const server = textAt(body, "server", where);
  if (server === undefined) throw new CredentialsError(`${where} has no server`);
  const tlsServerName = textAt(body, "tls-server-name", where);
  const secured = ca !== undefined || insecureSkipTlsVerify || tlsServerName !== undefined;
  return {
    name,
    server: serverUrl(server, secured ? "https" : "http", where),
    tlsServerName,
    insecureSkipTlsVerify,
    ca,
    proxyUrl: proxyUrl(textAt(body, "proxy-url", where), where),
    execConfig: execExtension(body),
  };
}

/** As client-go: without a scheme it is https when the cluster has TLS settings, else http. */
function serverUrl(server: string, scheme: string, where: string): string {
  const url = URL.parse(server.includes("://") ? server : `${scheme}://${server}`);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new CredentialsError(`${where}: server is no http or https URL`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

function proxyUrl(text: string | undefined, where: string): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null) throw new CredentialsError(`${where}: proxy-url is no URL`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new CredentialsError(
      `${where}: proxy-url has the scheme "${url.protocol.slice(0, -1)}"; Petrel speaks to http and https proxies only`,
    );
  }
  return text;
}

/** @see https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-Cluster */
function execExtension(body: Fields): unknown {
  const extensions = body.extensions;
  if (!Array.isArray(extensions)) return undefined;
  for (const item of extensions) {
    if (isFields(item) && item.name === "client.authentication.k8s.io/exec") return item.extension;
  }
  return undefined;
}

/** Throws CredentialsError. */
export function userOf({ name, path, body }: Entry): User {
  const where = `kubeconfig ${path}: user "${name}"`;
  const provider = body["auth-provider"];
  if (provider !== undefined && provider !== null) {
    const kind = isFields(provider) && typeof provider.name === "string" ? provider.name : "?";
    throw new CredentialsError(
      `${where} uses the auth-provider "${kind}", which Kubernetes has removed (1.26); use an exec plugin instead (${replacement(kind)})`,
    );
  }
  const certificate = materialAt(body, "client-certificate", path, where);
  const key = materialAt(body, "client-key", path, where);
  if ((certificate === undefined) !== (key === undefined)) {
    throw new CredentialsError(
      `${where} has a ${key === undefined ? "client-certificate but no client-key" : "client-key but no client-certificate"}`,
    );
  }
  const token = textAt(body, "token", where);
  const tokenFile = textAt(body, "tokenFile", where);
  const username = textAt(body, "username", where);
  const password = textAt(body, "password", where);
  if (username !== undefined && (token !== undefined || tokenFile !== undefined)) {
    throw new CredentialsError(`${where} has both username and token; keep one`);
  }
  return {
    name,
    certificate,
    key,
    token,
    tokenFile: tokenFile === undefined ? undefined : beside(path, tokenFile),
    basic: username === undefined ? undefined : { username, password: password ?? "" },
    exec: execOf(name, body.exec, path, where),
    impersonate: impersonationOf(body, where),
  };
}

function replacement(provider: string): string {
  switch (provider) {
    case "gcp":
      return "gke-gcloud-auth-plugin";
    case "azure":
      return "kubelogin";
    case "oidc":
      return "kubectl oidc-login";
    default:
      return "users[].user.exec";
  }
}

function execOf(user: string, value: unknown, path: string, where: string): ExecConfig | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) throw new CredentialsError(`${where}: exec is no map`);
  const apiVersion = textAt(value, "apiVersion", `${where}: exec`);
  if (apiVersion !== "client.authentication.k8s.io/v1" && apiVersion !== "client.authentication.k8s.io/v1beta1") {
    throw new CredentialsError(
      `${where}: exec.apiVersion is ${JSON.stringify(apiVersion ?? "")}; it must be client.authentication.k8s.io/v1 or v1beta1 (update the plugin and its kubeconfig entry)`,
    );
  }
  const command = textAt(value, "command", `${where}: exec`);
  if (command === undefined) throw new CredentialsError(`${where}: exec has no command`);
  if (value.interactiveMode === "Always") {
    throw new CredentialsError(
      `${where}: exec.interactiveMode is Always, but there is nobody to answer "${command}"; use credentials that need no input`,
    );
  }
  const env: Record<string, string> = {};
  for (const item of listAt(value, "env", where)) {
    if (!isFields(item)) throw new CredentialsError(`${where}: exec.env has an item that is no map`);
    const key = textAt(item, "name", `${where}: exec.env`);
    if (key !== undefined) env[key] = textAt(item, "value", `${where}: exec.env "${key}"`) ?? "";
  }
  const args: string[] = [];
  for (const item of listAt(value, "args", where)) {
    if (typeof item !== "string")
      throw new CredentialsError(`${where}: exec.args has an item that is no text; quote it`);
    args.push(item);
  }
  return {
    user,
    apiVersion,
    command: command.includes("/") ? beside(path, command) : command,
    args,
    env,
    installHint: textAt(value, "installHint", `${where}: exec`),
    provideClusterInfo: flagAt(value, "provideClusterInfo", `${where}: exec`),
  };
}

/** @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation */
function impersonationOf(body: Fields, where: string): Impersonation | undefined {
  const user = textAt(body, "as", where);
  const uid = textAt(body, "as-uid", where);
  const groups = listAt(body, "as-groups", where).map(String);
  const extra: Record<string, string> = {};
  const extras = body["as-user-extra"] ?? {};
  if (!isFields(extras)) throw new CredentialsError(`${where}: as-user-extra is no map`);
  for (const key of Object.keys(extras)) {
    const values = listAt(extras, key, where);
    if (values.length > 1)
      throw new CredentialsError(`${where}: as-user-extra "${key}" has several values; one is possible`);
    if (values.length === 1) extra[key] = String(values[0]);
  }
  if (user === undefined) {
    if (uid === undefined && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
    throw new CredentialsError(`${where} has as-uid, as-groups or as-user-extra without as`);
  }
  // One group is one header; fetch joins several into one value, which the API server would take for one strange group.
  if (groups.length > 1) throw new CredentialsError(`${where}: as-groups has several groups; one is possible`);
  return { user, uid, group: groups[0], extra };
}

function materialAt(body: Fields, key: string, path: string, where: string): Material | undefined {
  const data = textAt(body, `${key}-data`, where);
  if (data !== undefined) {
    const text = Buffer.from(data, "base64").toString("utf8");
    if (!text.includes("-----BEGIN ")) {
      throw new CredentialsError(`${where}: ${key}-data is not base64 of PEM text`);
    }
    return { data: text };
  }
  const file = textAt(body, key, where);
  return file === undefined ? undefined : { file: beside(path, file) };
}

/** Undefined when absent, null or empty, as the Go types have it. Never quotes the value: it may be a secret. */
export function textAt(body: Fields, key: string, where: string): string | undefined {
  const value = body[key];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw new CredentialsError(`${where}: ${key} is no text; put it in quotes`);
  return value;
}

function flagAt(body: Fields, key: string, where: string): boolean {
  const value = body[key] ?? false;
  if (typeof value !== "boolean") throw new CredentialsError(`${where}: ${key} must be true or false`);
  return value;
}

function listAt(body: Fields, key: string, where: string): readonly unknown[] {
  const value = body[key] ?? [];
  if (!Array.isArray(value)) throw new CredentialsError(`${where}: ${key} is no list`);
  return value;
}

function beside(path: string, file: string): string {
  return isAbsolute(file) ? file : resolve(dirname(path), file);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
