/** One event from the cluster, for the commands that explain. */
import type { Event } from "../event.ts";
import { createApiClient } from "../kube/client.ts";
import { loadCredentials } from "../kube/credentials.ts";
import { createDiscovery } from "../kube/discovery.ts";
import { createEnricher } from "../kube/enrich.ts";
import { createLogger } from "../logger.ts";
import { createMetrics } from "../metrics.ts";
import { type NormaliseOptions, normalise, withObjectMetadata } from "../normalise.ts";
import { version } from "../version.ts";
import type { Io } from "./command.ts";

export const CLUSTER_FLAGS = { kubeconfig: { value: "FILE" }, context: { value: "NAME" } } as const;

export interface ClusterFlags {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

/**
 * The event with what a look-up tells of its object (nothing, when the rights do not reach that far). Rejects with
 * ApiError or CredentialsError, which say what is missing, and NotAnEvent.
 */
export async function fetchEvent(
  namespace: string,
  name: string,
  options: NormaliseOptions & { readonly cluster: ClusterFlags },
  io: Io,
): Promise<Event> {
  const logger = createLogger({ level: "warn", format: "pretty", write: io.stderr });
  const credentials = await loadCredentials({ ...options.cluster, env: io.env, logger });
  const client = createApiClient(credentials, { userAgent: `petrel/${version}` });
  try {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events/${encodeURIComponent(name)}`;
    const event = normalise(await client.json(path, { verb: "get" }), options);
    const enricher = createEnricher({
      client,
      discovery: createDiscovery({ client, logger }),
      logger,
      metrics: createMetrics(),
      reads: { hits: { value: 0 }, misses: { value: 0 } },
    });
    const found = await enricher.lookup(event.involvedObject);
    enricher.close();
    return found === undefined ? event : withObjectMetadata(event, found);
  } finally {
    client.close();
  }
}
