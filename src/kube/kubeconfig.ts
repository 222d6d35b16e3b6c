/**
 * Kubeconfig files: read, merged as kubectl merges them, and resolved to one cluster and one user.
 * @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
import { CredentialsError, reasonOf } from "./credentials-error.ts";
import {
  type Cluster,
  clusterOf,
  type Entry,
  type Fields,
  isFields,
  textAt,
  type User,
  userOf,
} from "./kubeconfig-entry.ts";
import type { ReadFile } from "./refreshed-file.ts";

/** What a kubeconfig says about one context. */
export interface Resolved {
  readonly context: string;
  readonly namespace: string;
  readonly cluster: Cluster;
  readonly user: User;
}

interface Kubeconfig {
  readonly currentContext: string;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
}

/**
 * Reads the files and resolves `context`, else the current one. Of several files the first that names an entry wins
 * with the whole entry, and the first non-empty current-context wins. With `optional`, missing files are passed over as
 * long as one is there.
 */
export async function loadKubeconfig(
  paths: readonly string[],
  context: string | undefined,
  readFile: ReadFile,
  optional: boolean,
): Promise<Resolved> {
  const parts: Kubeconfig[] = [];
  const missing: string[] = [];
  for (const path of paths) {
    let text: string;
    try {
      text = await readFile(path);
    } catch (error) {
      const reason = reasonOf(error);
      if (optional && reason === "no such file") {
        missing.push(path);
        continue;
      }
      throw new CredentialsError(`cannot read kubeconfig ${path}: ${reason}`);
    }
    parts.push(parse(text, path));
  }
  if (parts.length === 0) throw new CredentialsError(`cannot read kubeconfig ${missing.join(", ")}: no such file`);
  return resolveContext(merge(parts), context, paths.join(":"));
}

function parse(text: string, path: string): Kubeconfig {
  let root: unknown;
  try {
    root = Bun.YAML.parse(text);
  } catch (error) {
    // Bun's messages name the kind of mistake and quote nothing of the text.
    const detail = error instanceof SyntaxError ? error.message.replace("YAML Parse error: ", "") : "unreadable";
    throw new CredentialsError(`kubeconfig ${path} is not valid YAML: ${detail}`);
  }
  if (root === null || root === undefined) root = {};
  if (!isFields(root)) throw new CredentialsError(`kubeconfig ${path} is not a kubeconfig: its top level is no map`);
  return {
    currentContext: textAt(root, "current-context", `kubeconfig ${path}`) ?? "",
    contexts: entries(root, "contexts", "context", path),
    clusters: entries(root, "clusters", "cluster", path),
    users: entries(root, "users", "user", path),
  };
}

function entries(root: Fields, list: string, key: string, path: string): Map<string, Entry> {
  const found = new Map<string, Entry>();
  const value = root[list] ?? [];
  if (!Array.isArray(value)) throw new CredentialsError(`kubeconfig ${path}: ${list} is no list`);
  for (const [index, item] of value.entries()) {
    const where = `kubeconfig ${path}: ${list}[${index}]`;
    if (!isFields(item)) throw new CredentialsError(`${where} is no map`);
    const name = textAt(item, "name", where);
    if (name === undefined) throw new CredentialsError(`${where} has no name`);
    if (found.has(name)) throw new CredentialsError(`kubeconfig ${path}: ${list} has two entries named "${name}"`);
    const body = item[key] ?? {};
    if (!isFields(body)) throw new CredentialsError(`${where}.${key} is no map`);
    found.set(name, { name, path, body });
  }
  return found;
}

function merge(parts: readonly Kubeconfig[]): Kubeconfig {
  const first = (pick: (part: Kubeconfig) => ReadonlyMap<string, Entry>): Map<string, Entry> => {
    const merged = new Map<string, Entry>();
    for (const part of parts) {
      for (const [name, entry] of pick(part)) if (!merged.has(name)) merged.set(name, entry);
    }
    return merged;
  };
  return {
    currentContext: parts.find((part) => part.currentContext !== "")?.currentContext ?? "",
    contexts: first((part) => part.contexts),
    clusters: first((part) => part.clusters),
    users: first((part) => part.users),
  };
}

function resolveContext(config: Kubeconfig, wanted: string | undefined, paths: string): Resolved {
  const name = wanted || config.currentContext;
  if (name === "") {
    throw new CredentialsError(
      `kubeconfig ${paths} has no current-context; set one (kubectl config use-context NAME)${known("contexts", config.contexts)}`,
    );
  }
  const context = config.contexts.get(name);
  if (context === undefined) {
    throw new CredentialsError(`kubeconfig ${paths} has no context "${name}"${known("contexts", config.contexts)}`);
  }
  const where = `kubeconfig ${context.path}: context "${name}"`;
  const clusterName = textAt(context.body, "cluster", where);
  if (clusterName === undefined) throw new CredentialsError(`${where} names no cluster`);
  const cluster = config.clusters.get(clusterName);
  if (cluster === undefined) {
    throw new CredentialsError(
      `${where} names cluster "${clusterName}", which is not there${known("clusters", config.clusters)}`,
    );
  }
  const userName = textAt(context.body, "user", where);
  const user = userName === undefined ? { name: "", path: context.path, body: {} } : config.users.get(userName);
  if (user === undefined) {
    throw new CredentialsError(`${where} names user "${userName}", which is not there${known("users", config.users)}`);
  }
  return {
    context: name,
    namespace: textAt(context.body, "namespace", where) ?? "default",
    cluster: clusterOf(cluster),
    user: userOf(user),
  };
}

function known(list: string, found: ReadonlyMap<string, Entry>): string {
  if (found.size === 0) return `; it has no ${list} at all`;
  const names = [...found.keys()];
  return `; its ${list}: ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`;
}
