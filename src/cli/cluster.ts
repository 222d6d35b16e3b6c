/** One event from the cluster, for the commands that explain. */
import { createApiClient } from "../kube/client.ts";
import { loadCredentials } from "../kube/credentials.ts";
import { createLogger } from "../logger.ts";
import { version } from "../version.ts";
import type { Io } from "./command.ts";

export const CLUSTER_FLAGS = { kubeconfig: { value: "FILE" }, context: { value: "NAME" } } as const;

export interface ClusterFlags {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

/** Rejects with ApiError or CredentialsError, which say what is missing. */
export async function fetchEvent(namespace: string, name: string, flags: ClusterFlags, io: Io): Promise<unknown> {
  const logger = createLogger({ level: "warn", format: "pretty", write: io.stderr });
  const credentials = await loadCredentials({ ...flags, env: io.env, logger });
  const client = createApiClient(credentials, { userAgent: `petrel/${version}` });
  try {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events/${encodeURIComponent(name)}`;
    return await client.json(path, { verb: "get" });
  } finally {
    client.close();
  }
}
