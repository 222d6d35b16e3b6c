/** The config that the environment of Kubernetes Event Grid Bridge stands for. */
import { UsageError } from "../errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

const PREFIX = "EventGridBridge_";
/** What .NET calls an address that is every address. */
const ANY = /^(?:\+|\*|0\.0\.0\.0|\[::\])$/;

/**
 * As JSON, which is YAML. `address`: where to listen. Throws UsageError for what the bridge could not have worked with.
 * @see https://docs.k8s-event-grid-bridge.io/deploy/ for the variables; .NET reads their names in any case.
 */
export function bridgeConfig(env: Env, address: string): string {
  const name = (key: string): string | undefined => {
    const wanted = `${PREFIX}${key}`.toLowerCase();
    return Object.keys(env).find((one) => one.toLowerCase() === wanted && env[one]?.trim());
  };
  const needed = (key: string): string => {
    const found = name(key);
    if (found !== undefined) return found;
    throw new UsageError(`${PREFIX}${key} is not set in the environment: the bridge publishes nothing without it`);
  };
  const uri = needed("EventGrid_Topic_Uri");
  const cluster = name("Kubernetes_Cluster_Name");
  return JSON.stringify(
    bridgeObject({
      address,
      clusterName: cluster === undefined ? undefined : `\${${cluster}}`,
      endpoint: `\${${uri}}`,
      key: needed("EventGrid_Topic_Key"),
    }),
  );
}

export interface BridgeSettings {
  readonly address: string;
  readonly clusterName: string | undefined;
  readonly endpoint: string;
  /** Name of the variable that holds it. */
  readonly key: string;
}

export function bridgeObject({ address, clusterName, endpoint, key }: BridgeSettings) {
  return {
    strict: true,
    sources: ["http"],
    http: { address },
    ...(clusterName !== undefined && { clusterName }),
    omitLookup: true,
    route: { match: [{ receiver: "eventgrid" }] },
    receivers: [{ name: "eventgrid", friendly: "bridge", eventgrid: { endpoint, key: { env: key } } }],
  };
}

/** Host and port of the first address without TLS in ASPNETCORE_URLS; undefined when there is none. */
export function aspNetAddress(urls: string | undefined): string | undefined {
  for (const url of (urls ?? "").split(";")) {
    const match = /^http:\/\/(\[[^\]]*\]|[^:/]*)(?::(\d+))?\/?$/i.exec(url.trim());
    if (match) return `${ANY.test(match[1] ?? "") ? "" : match[1]}:${match[2] ?? "80"}`;
  }
  return undefined;
}

/** The image's port, or where that cannot be had the port of its chart's Service. */
export function bridgeAddress(mayListen: (port: number) => boolean): string {
  return mayListen(80) ? ":80" : ":8888";
}
