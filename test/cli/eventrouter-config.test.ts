import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { eventrouterConfig, readEventrouter, VARIABLES } from "../../src/cli/eventrouter-config.ts";
import { KNOWN_KEYS } from "../../src/cli/eventrouter-keys.ts";
import { GLOG_FLAGS } from "../../src/cli/run-flags.ts";
import { parseConfig } from "../../src/config/load.ts";

function loaded(settings: object | undefined, env: Record<string, string> = {}) {
  const json = settings && JSON.stringify(settings);
  return parseConfig(eventrouterConfig({ json, env }), { file: "config.json", env });
}

const S3 = {
  sink: "s3sink",
  s3SinkAccessKeyID: "AK",
  s3SinkSecretAccessKey: "p$ss",
  s3SinkRegion: "eu-west-1",
  s3SinkBucket: "b",
  s3SinkBucketDir: "dir",
};
const INFLUX = { sink: "influxdb", influxdbHost: "i:8086", influxdbUsername: "u", influxdbPassword: "$p" };

/** Settings of eventrouter's, and what the receiver that does its work is. */
const SINKS: readonly (readonly [object, object])[] = [
  [{}, { sink: "file", format: "glog", config: { path: "/dev/stderr" } }],
  [{ sink: "glog" }, { sink: "file", format: "glog", config: { path: "/dev/stderr" } }],
  [
    { sink: "stdout", stdoutJSONNamespace: "k8s" },
    { sink: "stdout", format: "eventrouter", wrap: "k8s" },
  ],
  [
    { SINK: "http", HTTPSINKURL: "http://h:1/$x" },
    { sink: "webhook", format: "rfc5424", config: { endpoint: "http://h:1/$x", batch: { format: "ndjson" } } },
  ],
  [
    { sink: "kafka", kafkaBrokers: "a:1 b:2,c:3", kafkaSaslUser: "u", kafkaSaslPwd: "p$w", kafkaAsync: true },
    {
      sink: "kafka",
      format: "eventrouter",
      config: {
        brokers: ["a:1", "b:2", "c:3"],
        topic: "eventrouter",
        key: "{{ .InvolvedObject.Name }}",
        sasl: { enable: true, mechanism: "plain", username: "u", password: "p$w" },
      },
    },
  ],
  [{ sink: "kafka", kafkaBrokers: ["a:1"] }, { config: { brokers: ["a:1"] } }],
  [
    S3,
    {
      sink: "s3",
      format: "rfc5424",
      batch: { lingerMs: 120_000 },
      config: {
        bucket: "b",
        prefix: "dir/",
        keys: "eventrouter",
        credentials: { accessKeyId: "AK", secretAccessKey: "p$ss" },
        gzip: false,
      },
    },
  ],
  [
    { ...S3, s3SinkOutputFormat: "flatjson", s3SinkUploadInterval: 5 },
    { format: "flatjson", batch: { lingerMs: 5_000 } },
  ],
  [
    { ...S3, s3SinkAccessKeyID: "", s3SinkSecretAccessKey: "", s3SinkBucketDir: "dir/" },
    { config: { prefix: "dir//" } },
  ],
  [
    { ...INFLUX, influxdbSecure: true, influxdbWithFields: true, influxdbInsecureSsl: true },
    {
      sink: "influxdb",
      format: "core",
      config: { url: "https://i:8086", password: "$p", database: "k8s", withFields: true, clusterName: "default" },
    },
  ],
  [
    {
      sink: "eventhub",
      eventHubConnectionString:
        "Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=s;EntityPath=h",
    },
    { sink: "eventhubs", format: "eventrouter" },
  ],
  [
    { sink: "pubsub", pubSubProjectID: "p", pubSubTopic: "t" },
    { sink: "pubsub", format: "eventrouter", config: { gcloud_project_id: "p", topic: "t" } },
  ],
];

describe("a config.json", () => {
  test.each(SINKS)("%j", (settings, receiver) => {
    const { config, findings } = loaded(settings);
    expect(findings.filter(({ code }) => code !== "insecure-tls").map(({ message }) => message)).toEqual([]);
    expect(config?.receivers[0]).toMatchObject({ name: "sink", updates: "all", ...receiver });
    expect(config?.receivers.slice(1).map(({ config }) => config.name)).toEqual([
      "heptio_eventrouter_warnings_total",
      "heptio_eventrouter_normal_total",
      "heptio_eventrouter_info_total",
      "heptio_eventrouter_unknown_total",
    ]);
  });

  test.each([
    [{ sink: "rockset" }, "the service was shut down in 2024"],
    [{ sink: "kafkaavro", schemaRegistryUrl: "http://r:8081" }, "the id in 8 hexadecimal digits"],
    [{ sink: "pulsar" }, "Petrel speaks no Pulsar"],
    [{ sink: "constructor" }, "there are: glog, stdout, http,"],
    [{ sink: "syslog" }, "there are: glog, stdout, http,"],
    [{ sink: "http" }, "lacks httpSinkUrl"],
    [{ ...S3, s3SinkOutputFormat: "csv" }, "rfc5424 or flatjson"],
    [{ ...S3, s3SinkSecretAccessKey: "" }, "lacks s3SinkSecretAccessKey"],
    [{ ...S3, s3SinkUploadInterval: "2m" }, 'is a number of seconds, not "2m"'],
  ])("%j is refused", (settings, message) => {
    expect(() => loaded(settings)).toThrow(message);
  });

  test("that is no JSON is refused", () => {
    expect(() => eventrouterConfig({ json: '{"kafkaSaslPwd": "" "x": 1}', env: {} })).toThrow("is not valid JSON");
  });

  test("without metrics nothing is counted", () => {
    expect(loaded({ "enable-prometheus": false }).config?.receivers).toHaveLength(1);
  });
});

test("without keys of its own S3 takes the identity of the pod", () => {
  const { s3SinkAccessKeyID: _id, s3SinkSecretAccessKey: _secret, ...rest } = S3;
  const own = (settings: object) => Object.hasOwn(loaded(settings).config?.receivers[0]?.config ?? {}, "credentials");
  expect([own(S3), own(rest)]).toEqual([true, false]);
});

test("the environment of forks", () => {
  const env = {
    WATCH_NAMESPACE: "shop",
    EVENTROUTER_STDOUT_NAMESPACE: "k8s",
    EVENTROUTER_ENABLE_METRICS: "false",
    EVENTROUTER_LOG_LEVEL: "debug",
    EVENTROUTER_KUBECONFIG: "/k",
  };
  expect(loaded(undefined, env).config).toMatchObject({
    namespaces: ["shop"],
    logLevel: "debug",
    receivers: [{ sink: "stdout", format: "eventrouter", wrap: "k8s" }],
  });
  expect(readEventrouter({ json: undefined, env }).get("kubeconfig")).toBe("/k");
});

test("the page on how to move names every key, flag and variable", () => {
  const page = readFileSync(`${import.meta.dir}/../../deploy/migrate/eventrouter.md`, "utf8").toLowerCase();
  const named = new Set([...page.matchAll(/`"?-?([\w-]+)[^`]*`/g)].map(([, name]) => name));
  const wanted = [...KNOWN_KEYS, ...Object.keys(GLOG_FLAGS), ...VARIABLES.map((name) => name.toLowerCase())];
  expect(wanted.filter((name) => !named.has(name))).toEqual([]);
});
