import { expect, test } from "bun:test";
import { aspNetAddress, bridgeAddress, bridgeConfig } from "../../src/cli/bridge-config.ts";
import { parseConfig } from "../../src/config/load.ts";

const ENV = {
  EventGridBridge_EventGrid_Topic_Uri: "https://t.westeurope-1.eventgrid.azure.net/api/events",
  EventGridBridge_EventGrid_Topic_Key: "a2V5",
  EventGridBridge_Kubernetes_Cluster_Name: "prod $HOME: #1",
};

test("the environment becomes a config that check has nothing to say of", () => {
  const { config, findings } = parseConfig(bridgeConfig(ENV, ":8888"), { file: "environment", env: ENV });
  expect(findings).toEqual([]);
  expect(config).toMatchObject({
    sources: ["http"],
    http: { address: ":8888" },
    clusterName: "prod $HOME: #1",
    receivers: [
      {
        sink: "eventgrid",
        friendly: "bridge",
        config: {
          endpoint: "https://t.westeurope-1.eventgrid.azure.net/api/events",
          key: { env: "EventGridBridge_EventGrid_Topic_Key" },
        },
      },
    ],
  });
});

test("a name in capitals counts, a blank one does not", () => {
  const env = {
    EVENTGRIDBRIDGE_EVENTGRID_TOPIC_URI: "https://t.example",
    EVENTGRIDBRIDGE_EVENTGRID_TOPIC_KEY: "k",
    EventGridBridge_Kubernetes_Cluster_Name: " ",
  };
  const { config } = parseConfig(bridgeConfig(env, ":80"), { file: "environment", env });
  expect(config).toMatchObject({ clusterName: "", receivers: [{ config: { endpoint: "https://t.example" } }] });
  expect(() => bridgeConfig({ ...ENV, EventGridBridge_EventGrid_Topic_Key: "" }, ":80")).toThrow(
    "EventGridBridge_EventGrid_Topic_Key is not set",
  );
});

test.each([
  [undefined, undefined],
  ["http://+:80", ":80"],
  ["http://*:8080;https://+:443", ":8080"],
  ["https://+:443;http://localhost:5000/", "localhost:5000"],
  ["http://[::]:5000", ":5000"],
  ["http://[::1]:5000", "[::1]:5000"],
  ["http://0.0.0.0", ":80"],
  ["https://+:443", undefined],
  ["nonsense", undefined],
])("ASPNETCORE_URLS %p is %p", (urls, address) => {
  expect(aspNetAddress(urls)).toBe(address as string);
});

test("the image's port where it can be had, else the Service's", () => {
  expect(bridgeAddress((port) => port === 80)).toBe(":80");
  expect(bridgeAddress(() => false)).toBe(":8888");
});
