/**
 * The registry: one line a sink, in alphabetical order. `petrel run` loads those that its config names and no other;
 * each costs memory and time at the start.
 */
import type { SinkDefinition } from "../src/sink.ts";

type Load = () => Promise<{ readonly default: SinkDefinition }>;

const SINKS: Readonly<Record<string, Load>> = {
  bigquery: () => import("./bigquery.ts"),
  elasticsearch: () => import("./elasticsearch.ts"),
  eventbridge: () => import("./eventbridge.ts"),
  eventgrid: () => import("./eventgrid.ts"),
  eventhubs: () => import("./eventhubs.ts"),
  file: () => import("./file.ts"),
  firehose: () => import("./firehose.ts"),
  gotify: () => import("./gotify.ts"),
  grafana: () => import("./grafana.ts"),
  inMemory: () => import("./in-memory.ts"),
  influxdb: () => import("./influxdb.ts"),
  kafka: () => import("./kafka.ts"),
  kinesis: () => import("./kinesis.ts"),
  loki: () => import("./loki.ts"),
  nats: () => import("./nats.ts"),
  opensearch: () => import("./opensearch.ts"),
  opscenter: () => import("./opscenter.ts"),
  opsgenie: () => import("./opsgenie.ts"),
  pipe: () => import("./pipe.ts"),
  prometheus: () => import("./prometheus.ts"),
  pubsub: () => import("./pubsub.ts"),
  redis: () => import("./redis.ts"),
  s3: () => import("./s3.ts"),
  slack: () => import("./slack.ts"),
  sns: () => import("./sns.ts"),
  splunk: () => import("./splunk.ts"),
  sqs: () => import("./sqs.ts"),
  stdout: () => import("./stdout.ts"),
  syslog: () => import("./syslog.ts"),
  teams: () => import("./teams.ts"),
  udp: () => import("./udp.ts"),
  webhook: () => import("./webhook.ts"),
};

/** YAML keys of all sinks, without their aliases. */
export const SINK_NAMES: readonly string[] = Object.keys(SINKS);

/** Those that are called one of these names, or all, in the registry's order. */
export async function loadSinks(names: readonly string[] = SINK_NAMES): Promise<readonly SinkDefinition[]> {
  const wanted = SINK_NAMES.filter((name) => names.includes(name));
  const modules = await Promise.all(wanted.map((name) => SINKS[name]?.()));
  return modules.flatMap((module) => (module === undefined ? [] : [module.default]));
}
