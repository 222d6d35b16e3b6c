/** The config that eventrouter's `config.json`, or the environment of one of its forks, stands for. */
import { literal } from "../config/env.ts";
import { UsageError } from "../errors.ts";
import { counterReceivers, counterRules } from "./eventrouter-counters.ts";

type Env = Readonly<Record<string, string | undefined>>;
type Json = Readonly<Record<string, unknown>>;

export interface EventrouterSource {
  /** Text of `config.json`; undefined: there is none, and the environment says it all. */
  readonly json: string | undefined;
  readonly env: Env;
}

/** Its keys, by their lower-case names: viper takes any case. */
type Settings = ReadonlyMap<string, unknown>;

/** How old an event may be that is there at the first start: what the API server keeps. */
const MAX_AGE_SECONDS = 3_600;

/** Throws UsageError for what is no config of eventrouter's. */
export function readEventrouter({ json, env }: EventrouterSource): Settings {
  const settings = new Map<string, unknown>(json === undefined ? [] : entries(json));
  // As the rewrite of the Logging operator has it.
  for (const [name, key] of [
    ["EVENTROUTER_SINK", "sink"],
    ["EVENTROUTER_STDOUT_NAMESPACE", "stdoutjsonnamespace"],
    ["EVENTROUTER_KUBECONFIG", "kubeconfig"],
    ["EVENTROUTER_ENABLE_METRICS", "enable-prometheus"],
    ["EVENTROUTER_ENABLE_OBJECT_NAMES", "enable-object-names"],
    ["EVENTROUTER_LOG_LEVEL", "log-level"],
    ["EVENTROUTER_LOG_FORMAT", "log-format"],
  ] as const) {
    const value = env[name];
    if (value !== undefined && value !== "") settings.set(key, value);
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
  const namespace = source.env.WATCH_NAMESPACE;
  const level = textOf(settings, "log-level");
  return {
    strict: true,
    maxEventAgeSeconds: MAX_AGE_SECONDS,
    omitLookup: true,
    ...(namespace && { namespace: literal(namespace) }),
    ...(level && { logLevel: level }),
    logFormat: textOf(settings, "log-format") === "json" ? "json" : "pretty",
    route: {
      match: [{ receiver: "sink" }, ...(counts ? counterRules() : [])],
    },
    receivers: [
      { name: "sink", updates: "all", ...receiverOf(settings) },
      ...(counts ? counterReceivers({ rewrite: source.json === undefined, objectNames }) : []),
    ],
  };
}

function receiverOf(settings: Settings): Json {
  const sink = textOf(settings, "sink") ?? "glog";
  const make = Object.hasOwn(SINKS, sink) ? SINKS[sink] : undefined;
  if (make) return make(settings);
  const why = sink === "rockset" ? "the service was shut down in 2024" : `there are: ${Object.keys(SINKS).join(", ")}`;
  throw new UsageError(`eventrouter's sink ${JSON.stringify(sink)} cannot be stood in for: ${why}`);
}

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

const BUFFER = "`buffer` holds what waits, 10,000 events by default; when it is full the oldest goes, and is counted";
const SEE_RETRY = "Petrel waits for the answer, and tries until the event is taken or refused for good";
const UNUSED = "eventrouter read it and never used it";

/** A key of eventrouter's, or of one of its forks. */
export function isKnown(key: string): boolean {
  return CARRIED.has(key.toLowerCase()) || Object.hasOwn(REMARKS, key.toLowerCase());
}

/** What is not carried over, and why; undefined: it is. */
export function remarkOn(key: string): string | undefined {
  return (
    REMARKS[key.toLowerCase()] ?? (CARRIED.has(key.toLowerCase()) ? undefined : "eventrouter does not know this key")
  );
}

const REMARKS: Readonly<Record<string, string>> = {
  "resync-interval": "a resync told every event again that had not changed; Petrel tells each state once",
  kubeconfig: "give it as `--kubeconfig FILE`",
  httpsinkbuffersize: BUFFER,
  httpsinkdiscardmessages: BUFFER,
  s3sinkbuffersize: BUFFER,
  s3sinkdiscardmessages: BUFFER,
  eventhubsinkbuffersize: BUFFER,
  eventhubsinkdiscardmessages: BUFFER,
  kafkaasync: SEE_RETRY,
  kakfkaasync: SEE_RETRY,
  kafkaretrymax: SEE_RETRY,
  influxdbretentionpolicy: UNUSED,
  influxdbdisablecountermetrics: UNUSED,
  influxdbconcurrency: UNUSED,
  lastresourceversionpositionpath:
    "Petrel keeps how far it came by itself: in a ConfigMap, or on disk with `state: { path: … }`",
  pubsubdeadlettertopic: "dead letters are kept for `petrel dlq`; `deadLetter: { receiver: NAME }` sends them on",
  "enable-http-pprof": "there is none",
};

const CARRIED: ReadonlySet<string> = new Set([
  "sink",
  "enable-prometheus",
  // Petrel's own: there was no way not to have them.
  "enable-object-names",
  "stdoutjsonnamespace",
  "httpsinkurl",
  "kafkabrokers",
  "kafkatopic",
  "kafkasasluser",
  "kafkasaslpwd",
  "s3sinkaccesskeyid",
  "s3sinksecretaccesskey",
  "s3sinkregion",
  "s3sinkbucket",
  "s3sinkbucketdir",
  "s3sinkoutputformat",
  "s3sinkuploadinterval",
  "influxdbhost",
  "influxdbusername",
  "influxdbpassword",
  "influxdbname",
  "influxdbsecure",
  "influxdbwithfields",
  "influxdbinsecuressl",
  "influxdbclustername",
  "eventhubconnectionstring",
  "pubsubprojectid",
  "pubsubtopic",
]);
