import { expect, test } from "bun:test";
import { parse } from "yaml";
import { parseConfig } from "../../src/config/load.ts";
import { petrel } from "./io.ts";

/** The remarks, and the config as data; it must have nothing that check would find. */
async function convert(stdin: string) {
  const { code, out, err } = await petrel(["convert", "-"], { stdin });
  expect([code, err]).toEqual([0, ""]);
  const { findings } = parseConfig(out, { file: "c", env: { EventGridBridge_EventGrid_Topic_Key: "k" } });
  expect(findings.map(({ message }) => message)).toEqual([]);
  const remarks = out.split("\n").flatMap((line) => (line.startsWith("# ") ? [line.slice(2)] : []));
  return { remarks, config: parse(out) as Record<string, unknown> };
}

test("eventrouter's config.json, with a remark on every key that is not carried over", async () => {
  const { remarks, config } = await convert(
    JSON.stringify({
      sink: "kafka",
      kafkaBrokers: "a:1 b:2",
      kafkaSaslUser: "u",
      kafkaSaslPwd: "p$w",
      kafkaAsync: false,
      "resync-interval": "30m",
      colour: "blue",
    }),
  );
  expect(remarks).toEqual([
    "What eventrouter's config.json said, for Petrel.",
    "What existed at a start is told once and not after each restart; at the first start up to an hour of it.",
    "The counters have no involved_object_name, of which there is no end, unless enable-object-names is true.",
    "There is a secret below in plain text: write { env: NAME } or { file: PATH } for it.",
    "kafkaAsync: not carried over: Petrel waits for the answer, and tries until the event is taken or refused for good.",
    "resync-interval: not carried over: a resync told every event again that had not changed; Petrel tells each state once.",
    "colour: not carried over: eventrouter does not know this key.",
  ]);
  expect(config).toMatchObject({
    strict: true,
    receivers: [
      {
        name: "sink",
        format: "eventrouter",
        kafka: { brokers: ["a:1", "b:2"], sasl: { username: "u", password: "p$$w" } },
      },
      { name: "warnings" },
      { name: "normal" },
      { name: "info" },
      { name: "unknown" },
    ],
  });
});

test("the values of eventrouter's old chart", async () => {
  const { remarks, config } = await convert("sink: stdout\nimage: { tag: v0.2 }\nrbac: { create: true }\n");
  expect(remarks.slice(-2)).toEqual([
    "image: not carried over: eventrouter does not know this key.",
    "rbac: not carried over: eventrouter does not know this key.",
  ]);
  expect(config).toMatchObject({ receivers: [{ format: "eventrouter", stdout: {} }, {}, {}, {}, {}] });
});

test("eventrouter's environment", async () => {
  const { remarks, config } = await convert(`EVENTROUTER_SINK=stdout
EVENTROUTER_STDOUT_NAMESPACE=k8s
EVENTROUTER_METRICS_ADDR=:9090
EVENTROUTER_BOOKMARK_PATH=/data/pos
WATCH_NAMESPACE=shop
HOME=/
`);
  expect(remarks.slice(2).map((remark) => remark.replace(/: .*/, ""))).toEqual([
    "EVENTROUTER_METRICS_ADDR",
    "EVENTROUTER_BOOKMARK_PATH",
    "HOME",
  ]);
  const [first, second] = (config as { readonly receivers: readonly object[] }).receivers;
  expect(config).toMatchObject({ namespace: "shop", logFormat: "json" });
  expect(first).toEqual({ name: "sink", updates: "all", format: "eventrouter", wrap: "k8s", stdout: {} });
  expect(second).toMatchObject({ prometheus: { name: "eventrouter_warnings_total", receiverLabel: false } });
});

test("the bridge's environment", async () => {
  const { remarks, config } = await convert(`# from the image
EventGridBridge_EventGrid_Topic_Uri="https://t.example/api/events"
EventGridBridge_EventGrid_Topic_Key=hunter2
export EventGridBridge_Kubernetes_Cluster_Name=prod$1
ASPNETCORE_URLS=http://+:8080
AzureWebJobsStorage=hunter3
`);
  expect(remarks.slice(3)).toEqual([
    "The key is not written here: leave EventGridBridge_EventGrid_Topic_Key in the environment.",
    "AzureWebJobsStorage: nothing here needs it.",
  ]);
  expect(config).toMatchObject({
    clusterName: "prod$1",
    http: { address: ":8080" },
    receivers: [
      {
        friendly: "bridge",
        eventgrid: { endpoint: "https://t.example/api/events", key: { env: "EventGridBridge_EventGrid_Topic_Key" } },
      },
    ],
  });
  expect(JSON.stringify([remarks, config])).not.toContain("hunter");
});

test("the bridge's chart", async () => {
  const { remarks, config } = await convert(`replicaCount: 1
azure: { storage: { connectionString: hunter2 }, eventGrid: { topicUri: "https://t.example", key: hunter3 } }
kubernetes: { cluster: { name: prod } }
service: { port: 9999 }
`);
  expect(remarks.slice(3)).toEqual([
    "azure.eventGrid.key is not written here: put it into a Secret, and into the environment as EventGridBridge_EventGrid_Topic_Key.",
    "azure.storage: nothing here needs it.",
    "replicaCount: of the chart, not of the program; Petrel's own chart has the like.",
    "service: of the chart, not of the program; Petrel's own chart has the like.",
  ]);
  expect(config).toMatchObject({ clusterName: "prod", http: { address: ":9999" } });
  expect(JSON.stringify([remarks, config])).not.toContain("hunter");
});

test.each([
  ["receivers: []\nroute: {}\n", "is one of Petrel's as it is"],
  ["a: b\n", "no predecessor's config"],
  ["- 1\n", "no predecessor's config"],
  ['{"sink": "rockset"}', "shut down"],
  ['{"sink": "stdout",}', "neither JSON"],
])("%j is refused", async (stdin, message) => {
  const { code, out, err } = await petrel(["convert", "-"], { stdin });
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(message);
});
