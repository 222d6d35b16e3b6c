/** `petrel convert`: a predecessor's config as Petrel's, with a remark on everything that is not the same. */
import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { literal } from "../config/env.ts";
import { UsageError } from "../errors.ts";
import { parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";

export const command: Command = {
  name: "convert",
  summary: "Turn a predecessor's config into Petrel's.",
  usage: `usage: petrel convert FILE

Prints a config for Petrel that does what FILE said, with comments on what changed and why. FILE is
eventrouter's config.json, or its environment or that of Kubernetes Event Grid Bridge (NAME=VALUE in
lines), or the values of the bridge's chart. A config of kubernetes-event-exporter is Petrel's as it
is: petrel check.
- is standard input.
`,
  async run(args, io) {
    const { rest } = parseFlags(args, {});
    const [argument = ""] = positionals(rest, ["FILE"]);
    const text = argument === "-" ? await readAll(io) : readFrom(argument, io);
    io.stdout(await converted(text));
    return 0;
  },
};

interface Converted {
  readonly from: string;
  readonly remarks: readonly string[];
  readonly config: object;
}

async function converted(text: string): Promise<string> {
  const { stringify } = await import("yaml");
  const { from, remarks, config } = await recognised(text);
  const head = [`What ${from} said, for Petrel.`, ...remarks].map((line) => `# ${line.replace(/[\r\n]+/g, " ")}\n`);
  return `${head.join("")}${stringify(config, { lineWidth: 0 })}`;
}

async function recognised(text: string): Promise<Converted> {
  const { parse } = await import("yaml");
  const variables = variablesOf(text);
  const of = (prefix: string) => Object.keys(variables).some((name) => name.toLowerCase().startsWith(prefix));
  if (of("eventgridbridge_")) return await fromBridge(variables);
  if (of("eventrouter_")) return await fromRewrite(variables);
  let value: unknown;
  try {
    value = text.trimStart().startsWith("{") ? JSON.parse(text) : parse(text);
  } catch {
    throw new UsageError("this is neither JSON, nor YAML, nor NAME=VALUE in lines");
  }
  if (!isObject(value)) throw new UsageError("this is no predecessor's config");
  if ("receivers" in value || "route" in value) {
    throw new UsageError(
      "a config of kubernetes-event-exporter is one of Petrel's as it is: petrel check -c FILE says what to mend",
    );
  }
  const grid = isObject(value.azure) ? value.azure.eventGrid : undefined;
  if (isObject(grid)) return fromValues(value, grid);
  // The values of its old chart are YAML, and name the sink alone.
  return await fromEventrouter(JSON.stringify(value), Object.keys(value));
}

function variablesOf(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const match = /^(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line.trim());
    if (match?.[1]) found[match[1]] = (match[2] ?? "").replace(/^(["'])(.*)\1$/, "$2");
  }
  return found;
}

const BRIDGE = "Kubernetes Event Grid Bridge";
const BRIDGE_REMARKS = [
  "Ids are stable and times are the events' own; what the bridge could not parse goes out raw.",
  "An exporter goes on posting to /api/kubernetes/events/forward; Petrel could watch the cluster itself: `sources: [kubernetes]`.",
] as const;
const KEY = "EventGridBridge_EventGrid_Topic_Key";

async function fromBridge(env: Readonly<Record<string, string>>): Promise<Converted> {
  const { aspNetAddress, bridgeObject } = await import("./bridge-config.ts");
  const value = (key: string): string | undefined =>
    Object.entries(env).find(([name]) => name.toLowerCase() === `eventgridbridge_${key}`)?.[1] || undefined;
  const [endpoint, cluster] = [value("eventgrid_topic_uri"), value("kubernetes_cluster_name")];
  if (endpoint === undefined) throw new UsageError("EventGridBridge_EventGrid_Topic_Uri is missing");
  const known = /^(?:eventgridbridge_(?:eventgrid_topic_(?:uri|key)|kubernetes_cluster_name)|aspnetcore_urls)$/i;
  return {
    from: `the environment of ${BRIDGE}`,
    remarks: [
      ...BRIDGE_REMARKS,
      `The key is not written here: leave ${KEY} in the environment.`,
      ...Object.keys(env)
        .filter((name) => !known.test(name))
        .map((name) => `${name}: nothing here needs it.`),
    ],
    config: bridgeObject({
      address: aspNetAddress(env.ASPNETCORE_URLS) ?? ":80",
      clusterName: cluster === undefined ? undefined : literal(cluster),
      endpoint: literal(endpoint),
      key: KEY,
    }),
  };
}

async function fromValues(values: Json, grid: Json): Promise<Converted> {
  const { bridgeObject } = await import("./bridge-config.ts");
  if (typeof grid.topicUri !== "string" || grid.topicUri === "")
    throw new UsageError("azure.eventGrid.topicUri is missing");
  const cluster =
    isObject(values.kubernetes) && isObject(values.kubernetes.cluster) ? values.kubernetes.cluster.name : "";
  const port = isObject(values.service) && typeof values.service.port === "number" ? values.service.port : 8888;
  const others = Object.keys(values).filter((key) => !["azure", "kubernetes"].includes(key));
  return {
    from: `the chart of ${BRIDGE}`,
    remarks: [
      ...BRIDGE_REMARKS,
      `azure.eventGrid.key is not written here: put it into a Secret, and into the environment as ${KEY}.`,
      "azure.storage: nothing here needs it.",
      ...others.map((key) => `${key}: of the chart, not of the program; Petrel's own chart has the like.`),
    ],
    config: bridgeObject({
      address: `:${port}`,
      clusterName: typeof cluster === "string" && cluster !== "" ? literal(cluster) : undefined,
      endpoint: literal(grid.topicUri),
      key: KEY,
    }),
  };
}

const ROUTER_REMARK =
  "What existed at a start is told once and not after each restart; at the first start up to an hour of it.";

async function fromEventrouter(json: string, keys: readonly string[]): Promise<Converted> {
  const [{ eventrouterObject }, { isKnown, remarkOn }] = await Promise.all([
    import("./eventrouter-config.ts"),
    import("./eventrouter-keys.ts"),
  ]);
  if (!keys.some(isKnown)) throw new UsageError("this is no predecessor's config");
  const secret = keys.some((key) =>
    /^(?:kafkaSaslPwd|s3SinkSecretAccessKey|influxdbPassword|eventHubConnectionString)$/i.test(key),
  );
  return {
    from: "eventrouter's config.json",
    remarks: [
      ROUTER_REMARK,
      "The counters have no involved_object_name, of which there is no end, unless enable-object-names is true.",
      ...(secret ? ["There is a secret below in plain text: write { env: NAME } or { file: PATH } for it."] : []),
      ...keys.flatMap((key) => {
        const remark = remarkOn(key);
        return remark === undefined ? [] : [`${key}: not carried over: ${remark}.`];
      }),
    ],
    config: eventrouterObject({ json, env: {} }),
  };
}

/** What a variable of the rewrite's says that a config cannot. */
const REWRITE_REMARKS: Readonly<Record<string, string>> = {
  EVENTROUTER_METRICS_ADDR: "give it as `--metrics-address ADDRESS`; Petrel's own default is :2112.",
  EVENTROUTER_KUBECONFIG: "give it as `--kubeconfig FILE`.",
  KUBECONFIG: "Petrel reads it, too.",
  EVENTROUTER_BOOKMARK_PATH:
    "Petrel keeps how far it came by itself: in a ConfigMap, or on disk with `state: { path: … }`.",
  EVENTROUTER_RESYNC_INTERVAL: "Petrel tells each state once.",
};
const REWRITE_CARRIED =
  /^(?:EVENTROUTER_(?:SINK|STDOUT_NAMESPACE|ENABLE_METRICS|ENABLE_OBJECT_NAMES|LOG_LEVEL|LOG_FORMAT)|WATCH_NAMESPACE)$/;

async function fromRewrite(env: Readonly<Record<string, string>>): Promise<Converted> {
  const { eventrouterObject } = await import("./eventrouter-config.ts");
  return {
    from: "eventrouter's environment",
    remarks: [
      ROUTER_REMARK,
      ...Object.keys(env)
        .filter((name) => !REWRITE_CARRIED.test(name))
        .map(
          (name) =>
            `${name}: ${Object.hasOwn(REWRITE_REMARKS, name) ? REWRITE_REMARKS[name] : "nothing here needs it."}`,
        ),
    ],
    config: eventrouterObject({ json: undefined, env }),
  };
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readFrom(argument: string, io: Io): string {
  const path = isAbsolute(argument) ? argument : join(io.cwd, argument);
  if (!existsSync(path)) throw new UsageError(`there is no ${argument}`);
  return readFileSync(path, "utf8");
}

async function readAll(io: Io): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
