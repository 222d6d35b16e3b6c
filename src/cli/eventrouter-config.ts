/** The config that eventrouter's `config.json`, or the environment of one of its forks, stands for. */
import { literal } from "../config/env.ts";
import { UsageError } from "../errors.ts";
import { counterReceivers, counterRules } from "./eventrouter-counters.ts";
import { ROCKSET, unusedKeys } from "./eventrouter-keys.ts";
import { type Disk, takePosition } from "./eventrouter-position.ts";

type Env = Readonly<Record<string, string | undefined>>;
type Json = Readonly<Record<string, unknown>>;

export interface EventrouterSource {
  /** Text of `config.json`; undefined: there is none, and the environment says it all. */
  readonly json: string | undefined;
  readonly env: Env;
  /** Where its position file is looked for. Absent: nowhere, as for a config that runs elsewhere. */
  readonly disk?: Disk;
}

/** Its keys, by their lower-case names: viper takes any case. */
type Settings = ReadonlyMap<string, unknown>;

/** How old an event may be that is there at the first start: what the API server keeps. */
const MAX_AGE_SECONDS = 3_600;

/** What Go's strconv.ParseBool takes. */
const TRUTH = /^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/;

/** As the rewrite of the Logging operator has it: a variable, the key that it is, what it may be. */
const BY_VARIABLE: readonly (readonly [variable: string, key: string, pattern?: RegExp])[] = [
  ["EVENTROUTER_SINK", "sink"],
  ["EVENTROUTER_STDOUT_NAMESPACE", "stdoutjsonnamespace"],
  ["EVENTROUTER_KUBECONFIG", "kubeconfig"],
  ["EVENTROUTER_BOOKMARK_PATH", "lastresourceversionpositionpath", /^\//],
  ["EVENTROUTER_ENABLE_METRICS", "enable-prometheus", TRUTH],
  ["EVENTROUTER_ENABLE_OBJECT_NAMES", "enable-object-names", TRUTH],
  ["EVENTROUTER_LOG_LEVEL", "log-level", /^(?:debug|info|warn|warning|error)$/i],
  ["EVENTROUTER_LOG_FORMAT", "log-format", /^(?:json|text)$/],
];
export const VARIABLES: readonly string[] = BY_VARIABLE.map(([variable]) => variable);

/** Throws UsageError for what is no config of eventrouter's. */
export function readEventrouter({ json, env }: EventrouterSource): Settings {
  const settings = new Map<string, unknown>(json === undefined ? [] : entries(json));
  for (const [name, key, pattern = /^/] of BY_VARIABLE) {
    const value = env[name];
    if (value === undefined || value === "") continue;
    if (!pattern.test(value)) throw new UsageError(`${name} cannot be ${JSON.stringify(value)}`);
    settings.set(key, value);
  }
  // What its environment is about has one sink.
  if (json === undefined && !settings.has("sink")) settings.set("sink", "stdout");
  return settings;
}

function entries(json: string): (readonly [string, unknown])[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new UsageError("eventrouter's config is not valid JSON (its own sample lacks a comma after kafkaSaslPwd)");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new UsageError("eventrouter's config is a JSON object");
  }
  return Object.entries(parsed).map(([key, value]) => [key.toLowerCase(), value]);
}

/** As JSON, which is YAML. Throws UsageError for what eventrouter would not have started with. */
export const eventrouterConfig = (source: EventrouterSource): string => JSON.stringify(eventrouterObject(source));

export function eventrouterObject(source: EventrouterSource) {
  const settings = readEventrouter(source);
  const counts = isTrue(settings.get("enable-prometheus") ?? true);
  const objectNames = isTrue(settings.get("enable-object-names"));
  const rewrite = source.json === undefined;
  const namespace = source.env.WATCH_NAMESPACE;
  const level = textOf(settings, "log-level")?.toLowerCase();
  return {
    strict: true,
    maxEventAgeSeconds: MAX_AGE_SECONDS,
    omitLookup: true,
    ...positionKept(settings, source.disk),
    ...(namespace && { namespace: literal(namespace) }),
    ...(level && { logLevel: level === "warning" ? "warn" : level }),
    logFormat: (textOf(settings, "log-format") ?? (rewrite ? "json" : "text")) === "json" ? "json" : "pretty",
    route: {
      match: [{ receiver: "sink" }, ...(counts ? counterRules() : [])],
    },
    receivers: [
      { name: "sink", updates: "all", ...receiverOf(settings) },
      ...(counts ? counterReceivers({ rewrite, objectNames }) : []),
    ],
  };
}

/** What is not done as `source` says, in words; none of it keeps anything from running. */
export function eventrouterNotes(source: EventrouterSource): readonly string[] {
  const path = positionPath(readEventrouter(source));
  return [
    ...(source.json === undefined ? [] : unusedKeys(Object.keys(JSON.parse(source.json) as object))),
    ...(source.env.EVENTROUTER_RESYNC_INTERVAL ? unusedKeys(["resync-interval"]) : []),
    ...(path === undefined || source.disk === undefined ? [] : takePosition(path, source.disk).notes),
  ];
}

const positionPath = (settings: Settings) => textOf(settings, "lastResourceVersionPositionPath");

function positionKept(settings: Settings, disk: Disk | undefined) {
  const path = positionPath(settings);
  if (path === undefined || disk === undefined) return {};
  const { resourceVersion, state } = takePosition(path, disk);
  return {
    ...(resourceVersion !== undefined && { startFrom: { resourceVersion } }),
    ...(state !== undefined && { state: { path: literal(state) } }),
  };
}

function receiverOf(settings: Settings): Json {
  const sink = textOf(settings, "sink") ?? "glog";
  const make = Object.hasOwn(SINKS, sink) ? SINKS[sink] : undefined;
  if (make) return make(settings);
  const why = Object.hasOwn(REFUSED, sink) ? REFUSED[sink] : `there are: ${Object.keys(SINKS).join(", ")}`;
  throw new UsageError(`eventrouter's sink ${JSON.stringify(sink)} cannot be stood in for: ${why}`);
}

/** Of the original and of its forks. */
const REFUSED: Readonly<Record<string, string>> = {
  rockset: ROCKSET,
  kafkaavro:
    "it asks a registry for the id of the schema; write a config with the receiver `kafka`, `format: eventrouter`, and `avro: { schemaID, schema }` of what URL/subjects/TOPIC/versions/latest answers, the id in 8 hexadecimal digits",
  pulsar: "Petrel speaks no Pulsar",
};

const SINKS: Readonly<Record<string, (settings: Settings) => Json>> = {
  // What it wrote there with `-logtostderr`, as the images had it: files in a container help nobody.
  glog: () => ({ format: "glog", file: { path: "/dev/stderr" } }),
  stdout(settings) {
    const wrap = textOf(settings, "stdoutjsonnamespace");
    return { format: "eventrouter", ...(wrap && { wrap: literal(wrap) }), stdout: {} };
  },
  http: (settings) => ({
    format: "rfc5424",
    // Frames end with a newline each, and go out together.
    webhook: {
      endpoint: literal(needed(settings, "httpSinkUrl")),
      headers: { "Content-Type": "text/plain; charset=utf-8" },
      batch: { format: "ndjson" },
    },
  }),
  kafka(settings) {
    const [user, password] = [textOf(settings, "kafkaSaslUser"), textOf(settings, "kafkaSaslPwd")];
    return {
      format: "eventrouter",
      kafka: {
        brokers: listOf(settings.get("kafkabrokers") ?? "kafka:9092").map(literal),
        topic: literal(textOf(settings, "kafkaTopic") ?? "eventrouter"),
        key: "{{ .InvolvedObject.Name }}",
        ...(user &&
          password && {
            sasl: { enable: true, mechanism: "plain", username: literal(user), password: literal(password) },
          }),
      },
    };
  },
  s3sink(settings) {
    const format = textOf(settings, "s3SinkOutputFormat") ?? "rfc5424";
    if (format !== "rfc5424" && format !== "flatjson") {
      throw new UsageError(`s3SinkOutputFormat is rfc5424 or flatjson, not ${JSON.stringify(format)}`);
    }
    // Without either the identity of the pod counts, which people asked eventrouter for.
    const ownKeys = ["s3SinkAccessKeyID", "s3SinkSecretAccessKey"].some((key) => textOf(settings, key) !== undefined);
    return {
      format,
      batch: { linger: secondsOf(settings, "s3SinkUploadInterval") ?? 120 },
      s3: {
        bucket: literal(needed(settings, "s3SinkBucket")),
        prefix: literal(`${needed(settings, "s3SinkBucketDir")}/`),
        keys: "eventrouter",
        region: literal(needed(settings, "s3SinkRegion")),
        ...(ownKeys && {
          credentials: {
            accessKeyId: literal(needed(settings, "s3SinkAccessKeyID")),
            secretAccessKey: literal(needed(settings, "s3SinkSecretAccessKey")),
          },
        }),
        gzip: false,
      },
    };
  },
  influxdb(settings) {
    const secure = isTrue(settings.get("influxdbsecure"));
    return {
      // The event alone, in `value`.
      format: "core",
      influxdb: {
        url: literal(`${secure ? "https" : "http"}://${needed(settings, "influxdbHost")}`),
        username: literal(needed(settings, "influxdbUsername")),
        password: literal(needed(settings, "influxdbPassword")),
        database: literal(textOf(settings, "influxdbName") ?? "k8s"),
        clusterName: literal(textOf(settings, "influxdbClusterName") ?? "default"),
        withFields: isTrue(settings.get("influxdbwithfields")),
        ...(isTrue(settings.get("influxdbinsecuressl")) && { tls: { insecureSkipVerify: true } }),
      },
    };
  },
  eventhub: (settings) => ({
    format: "eventrouter",
    eventhubs: { connectionString: literal(needed(settings, "eventHubConnectionString")) },
  }),
  pubsub: (settings) => ({
    format: "eventrouter",
    pubsub: {
      gcloud_project_id: literal(needed(settings, "pubSubProjectID")),
      topic: literal(needed(settings, "pubSubTopic")),
      attributes: { kind: "{{ .InvolvedObject.Kind }}" },
    },
  }),
};

function textOf(settings: Settings, key: string): string | undefined {
  const value = settings.get(key.toLowerCase());
  return value === undefined || value === null || value === "" ? undefined : String(value);
}

function needed(settings: Settings, key: string): string {
  const value = textOf(settings, key);
  if (value === undefined) throw new UsageError(`eventrouter's config lacks ${key}`);
  return value;
}

function secondsOf(settings: Settings, key: string): number | undefined {
  const text = textOf(settings, key);
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new UsageError(`eventrouter's ${key} is a number of seconds, not ${JSON.stringify(text)}`);
}

/** The original split at blanks alone, which nobody expected. */
function listOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value.map(String) : String(value).split(/[\s,]+/)).filter((one) => one !== "");
}

function isTrue(value: unknown): boolean {
  return value === true || (typeof value === "string" && /^(?:1|t|true)$/i.test(value));
}
