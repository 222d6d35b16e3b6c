/** The namespace that Petrel lives in: where its Lease and its ConfigMap are. */
import type { Credentials } from "./credentials.ts";

const SERVICE_ACCOUNT_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

export interface OwnNamespaceOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly credentials: Pick<Credentials, "namespace">;
  /** The text of a file; undefined when it cannot be read. */
  readonly readFile: (path: string) => string | undefined;
}

/**
 * In this order: the service account's, which is where the exporter has its Lease, whatever kubeconfig is in use; that
 * of the downward API in `POD_NAMESPACE`; the kubeconfig context's; `default`.
 */
export function ownNamespace({ env, credentials, readFile }: OwnNamespaceOptions): string {
  const mounted = readFile(SERVICE_ACCOUNT_NAMESPACE)?.trim();
  return mounted || env.POD_NAMESPACE || credentials.namespace || "default";
}
