/** What predecessors' configs have and Petrel has not, or spells otherwise: so that nothing is passed over in silence. */

/** Receivers of the exporter (and its forks) that Petrel cannot deliver to yet, by every spelling seen. */
export const ABSENT_SINKS: Readonly<Record<string, string>> = {
  clickhouse: "clickhouse",
  alertmanager: "alertmanager",
};

/** The order in which the exporter looks for a receiver's sink: with several, the first counts. */
export const SINK_ORDER = [
  "inMemory",
  "pipe",
  "webhook",
  "file",
  "syslog",
  "stdout",
  "elasticsearch",
  "kinesis",
  "firehose",
  "opensearch",
  "opsgenie",
  "sqs",
  "sns",
  "slack",
  "kafka",
  "pubsub",
  "opscenter",
  "teams",
  "bigquery",
  "eventbridge",
  "loki",
];

/**
 * Keys that the exporter reads, by where they stand. A wrong value of another key cannot have stopped it: such a key is
 * ignored as it was by the exporter, loudly.
 */
export const EXPORTER_KEYS: Readonly<Record<string, ReadonlySet<string>>> = {
  top: new Set([
    "logLevel",
    "logFormat",
    "maxEventAgeSeconds",
    "clusterName",
    "namespace",
    "leaderElection",
    "kubeQPS",
    "kubeBurst",
    "metricsNamePrefix",
    "omitLookup",
    "cacheSize",
  ]),
  receiver: new Set(["name"]),
  webhook: new Set(["endpoint", "tls", "layout", "headers"]),
  file: new Set(["path", "layout", "maxsize", "maxage", "maxbackups", "deDot"]),
  stdout: new Set(["deDot", "layout"]),
  pipe: new Set(["path", "layout", "deDot"]),
  syslog: new Set(["network", "address", "tag"]),
  kafka: new Set(["topic", "brokers", "layout", "clientId", "compressionCodec", "version", "tls", "sasl", "avro"]),
  bigquery: new Set([
    "location",
    "project",
    "dataset",
    "table",
    "credentials_path",
    "batch_size",
    "max_retries",
    "interval_seconds",
    "timeout_seconds",
  ]),
  pubsub: new Set(["gcloud_project_id", "topic", "create_topic"]),
  kinesis: new Set(["streamName", "region", "layout"]),
  firehose: new Set(["deliveryStreamName", "region", "layout", "deDot"]),
  sns: new Set(["topicARN", "region", "layout"]),
  sqs: new Set(["queueName", "region", "layout"]),
  opscenter: new Set([
    "title",
    "description",
    "source",
    "category",
    "severity",
    "priority",
    "operationalData",
    "tags",
    "relatedOpsItems",
    "notifications",
    "region",
  ]),
  eventbridge: new Set(["detailType", "details", "source", "eventBusName", "region"]),
  udp: new Set(["host", "layout"]),
};

/** Keys of forks of the exporter, ignored with a warning. */
export const FORK_KEYS: Readonly<Record<string, string>> = {
  mappingCacheSize: "Petrel's cache of API discovery needs no setting",
  enablePprof: "Petrel has no pprof; its metrics are on port 2112",
  eventsMetricsNamePrefix: "put it under `prometheus:`, indented by two more",
  reasonFilter: "put it under `prometheus:`, indented by two more",
  threadKey: "put it under `slack:`, indented by two more",
  completionCondition: "put it under `slack:`, indented by two more",
  completionEmoji: "put it under `slack:`, indented by two more",
};

/** Top-level and receiver keys that have a meaning in Petrel's design and none in this version. */
export const LATER_KEYS: ReadonlySet<string> = new Set(["checkpoint", "sources", "secrets", "order", "shards", "http"]);

/** Keys of a rule that are Petrel's, and what to write: the exporter ignores them, and so does `compat: exporter`. */
export const OWN_RULE_KEYS: ReadonlyMap<string, string> = new Map([
  ["name", "write one pattern, `name: A|B`"],
  ["not", "write the keys of a rule below it"],
  ["maxCount", "write a number, 1 or more"],
  ["reportingComponent", "write one pattern"],
  ["reportingInstance", "write one pattern"],
  ["eventType", "write one pattern"],
]);

/** Other spellings, tried in this order where the object knows the target. */
export const ALIASES: Readonly<Record<string, readonly string[]>> = {
  throttleperiod: ["maxEventAgeSeconds"],
  trottleperiod: ["maxEventAgeSeconds"],
  maxeventsageseconds: ["maxEventAgeSeconds"],
  passsord: ["password"],
  eventhubconnectionstring: ["connectionString"],
  kineis: ["kinesis"],
  url: ["endpoint"],
  endpoint: ["url"],
  webhookurl: ["url", "endpoint"],
  webhook: ["url", "endpoint"],
  text: ["message"],
  extralabels: ["streamLabels"],
  apikey: ["apiKey"],
};

/** Alertmanager's, often written into a route by people who know that one. */
export const ALERTMANAGER_KEYS: ReadonlySet<string> = new Set([
  "groupby",
  "groupwait",
  "groupinterval",
  "repeatinterval",
  "group_by",
  "group_wait",
  "group_interval",
  "repeat_interval",
  "continue",
]);
