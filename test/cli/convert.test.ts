import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { parseConfig } from "../../src/config/load.ts";
import type { Event } from "../../src/event.ts";
import { normalise } from "../../src/normalise.ts";
import { compileRoute } from "../../src/pipeline/route.ts";
import { petrel } from "./io.ts";

/** The remarks, and the config as data; it must have nothing that check would find. */
async function convert(stdin: string) {
  const { code, out, err } = await petrel(["convert", "-"], { stdin });
  expect([code, err]).toEqual([0, ""]);
  const { findings } = parseConfig(out, { file: "c", env: { EventGridBridge_EventGrid_Topic_Key: "k" } });
  expect(findings.map(({ message }) => message)).toEqual([]);
  const remarks = out.split("\n").flatMap((line) => (line.startsWith("# ") ? [line.slice(2)] : []));
  return { remarks, out, config: parse(out) as Record<string, unknown> };
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
  ["slack: {}\nmanagementCluster: { name: m }\n", "would have sent nothing"],
  ["a: b\n", "no predecessor's config"],
  ["- 1\n", "no predecessor's config"],
  ['{"sink": "rockset"}', "shut down"],
  ['{"sink": "stdout",}', "neither JSON"],
])("%j is refused", async (stdin, message) => {
  const { code, out, err } = await petrel(["convert", "-"], { stdin });
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(message);
});

test("eventrouter's environment, with the file that it names", async () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-convert-"));
  try {
    writeFileSync(
      join(folder, "router.json"),
      JSON.stringify({ sink: "kafka", kafkaBrokers: "a:1", kafkaAsync: true }),
    );
    const stdin = "EVENTROUTER_CONFIG=router.json\nWATCH_NAMESPACE=shop\n";
    const { code, out } = await petrel(["convert", "-"], { stdin, cwd: folder });
    expect(code).toBe(0);
    expect(parse(out)).toMatchObject({
      namespace: "shop",
      receivers: [{ kafka: { brokers: ["a:1"] } }, {}, {}, {}, {}],
    });
    expect(out).toContain("# kafkaAsync: not carried over: ");
    expect(out).toContain("# EVENTROUTER_CONFIG: the file is in here.");
    const missing = await petrel(["convert", "-"], { stdin, cwd: import.meta.dir });
    expect([missing.code, missing.out, missing.err]).toEqual([
      2,
      "",
      expect.stringContaining("there is no router.json"),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("the chart of Giant Swarm", () => {
  const upgrade = (reason: string, version: string, more: object = {}) =>
    normalise({
      metadata: { name: "e", namespace: "org-a", uid: "u" },
      involvedObject: { kind: "Cluster", namespace: "org-a", name: "c", apiVersion: `cluster.x-k8s.io/${version}` },
      source: { component: "cluster-api-events-controller" },
      type: "Normal",
      reason,
      ...more,
    });
  const route = (out: string, event: Event): string[] => {
    const { config } = parseConfig(out, { file: "c", env: {} });
    const names = config?.receivers.map(({ name }) => name) ?? [];
    if (!config) throw new Error(out);
    return compileRoute(config.route, names, { compat: false })
      .route(event)
      .map((index) => names[index] ?? "");
  };

  test("with a webhook", async () => {
    const values = `image: { tag: "0.9" }
managementCluster: { name: one, customer: acme }
slack: { webhook: "https://hooks.example.com/services/T/B/X" }
grafana: { token: hunter2 }
testingEnvironment: false
watchReasons: [Upgrading, Upgraded]
`;
    const { remarks, config, out } = await convert(values);
    expect(remarks.slice(1)).toEqual([
      "`apiversion` in the chart's rules is spelt `apiVersion`, and takes v1beta1 as well as the chart's later v1beta2.",
      "Its last route dropped the namespace `*`, which is no pattern: what no rule asks for goes nowhere anyway.",
      "The words of the messages are Petrel's.",
      "There is a secret below in plain text: write { env: NAME } or { file: PATH } for it.",
      "managementCluster.customer: no message of the chart told it.",
      "image: of the chart, not of the program; Petrel's own chart has the like.",
      "grafana: no rule of the chart used it; annotations are made by the receiver `grafana`.",
      "testingEnvironment: a tag of annotations that the chart had no receiver for.",
    ]);
    expect(config).toMatchObject({ clusterName: "one", watchReasons: ["Upgrading", "Upgraded"] });
    expect(out).not.toContain("hunter2");
    expect(route(out, upgrade("Upgrading", "v1beta1"))).toEqual(["webhook-upgrade"]);
    expect(route(out, upgrade("Upgraded", "v1beta2"))).toEqual(["webhook-upgrade-complete"]);
    expect(route(out, upgrade("Upgraded", "v1beta1", { source: { component: "other" } }))).toEqual([]);
  });

  test("with a token, in threads", async () => {
    const { out } = await convert('managementCluster: { name: one }\nslack: { token: "xoxb-1", channel: upgrades }\n');
    expect(route(out, upgrade("Upgrading", "v1beta1"))).toEqual(["slack-upgrade"]);
    const file = join(mkdtempSync(join(tmpdir(), "petrel-convert-")), "c.yaml");
    writeFileSync(file, out);
    expect((await petrel(["check", "--strict", "-c", file])).code).toBe(0);
    rmSync(dirname(file), { recursive: true });
  });
});
