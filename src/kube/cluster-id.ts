/** Which cluster this is, so that positions of another one are not taken for positions here. */
import { type ApiClient, ApiError } from "./client.ts";
import type { Credentials } from "./credentials.ts";
import { memberOf, textOf } from "./json.ts";
import { MissingRightError, withAdvice } from "./missing-right.ts";

/**
 * By two marks, either of which the rights may not reach: kept with a checkpoint, each is compared with its like, so that
 * a right which is granted or taken later makes no other cluster of this one.
 */
export interface ClusterId {
  /** uid of the namespace kube-system, which lives as long as the cluster. */
  readonly kubeSystem?: string;
  /** `sha256-` and 32 hex digits, of the authority's certificates and the uid of the own namespace. */
  readonly own?: string;
}

export interface ClusterIdOptions {
  readonly client: Pick<ApiClient, "json">;
  readonly credentials: Pick<Credentials, "request">;
  /** The own namespace. */
  readonly namespace: string;
  /** Told of each right that is missing. */
  readonly denied?: (error: MissingRightError) => void;
}

const TIMEOUT_MS = 10_000;

/** Two requests at once. Without both rights it is empty. Rejects with ApiError when nobody answers, or the signal's reason. */
export async function readClusterId(options: ClusterIdOptions, signal: AbortSignal): Promise<ClusterId> {
  const { client, credentials, namespace, denied } = options;
  const uidOf = async (name: string): Promise<string | undefined> => {
    try {
      const path = `/api/v1/namespaces/${encodeURIComponent(name)}`;
      return textOf(
        memberOf(await client.json(path, { verb: "get", timeoutMs: TIMEOUT_MS, signal }), "metadata"),
        "uid",
      );
    } catch (error) {
      const missing = withAdvice(error, {
        verb: "get",
        group: "",
        resource: "namespaces",
        object: name,
        namespace: name,
      });
      if (missing instanceof MissingRightError) denied?.(missing);
      else if (!(error instanceof ApiError && error.status === 404)) throw error;
      return undefined;
    }
  };
  const [kubeSystem, uid] = await Promise.all([uidOf("kube-system"), uidOf(namespace)]);
  const ca = (await credentials.request()).tls?.ca ?? "";
  const own =
    uid && `sha256-${new Bun.CryptoHasher("sha256").update(`${ca.trim()}\0${uid}`).digest("hex").slice(0, 32)}`;
  return { ...(kubeSystem && { kubeSystem }), ...(own && { own }) };
}

/** Undefined when they have no mark in common: nobody can tell. kube-system decides where both know it: authorities change. */
export function sameCluster(one: ClusterId, other: ClusterId): boolean | undefined {
  if (one.kubeSystem !== undefined && other.kubeSystem !== undefined) return one.kubeSystem === other.kubeSystem;
  if (one.own !== undefined && other.own !== undefined) return one.own === other.own;
  return undefined;
}
