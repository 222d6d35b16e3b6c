import { expect, test } from "bun:test";
import { eventrouterConfig } from "../../src/cli/eventrouter-config.ts";
import { OBJECT_NAME } from "../../src/cli/eventrouter-counters.ts";
import { parseConfig } from "../../src/config/load.ts";
import { compileForEvent } from "../../src/event-template/go.ts";
import { normalise } from "../../src/normalise.ts";

const render = compileForEvent(OBJECT_NAME, { compat: false });

test.each([
  // As the fork that began with it has them.
  ["Job", "consul-create-sync-metrics-token-27566595", "consul-create-sync-metrics-token"],
  ["Pod", "consul-create-sync-kubeconfig-27566550--1-78klg", "consul-create-sync-kubeconfig"],
  // Its pattern did not know these.
  ["Pod", "name-29384756-x7k2p", "name"],
  ["Pod", "nightly-backup-29384756-0-x7k2p", "nightly-backup-29384756-0-x7k2p"],
  ["ReplicaSet", "web-7d9f8b6c5d", "web"],
  ["Pod", "web-7d9f8b6c5d-x7k2p", "web"],
  ["Pod", "coredns-5dd5756b68-4zq9v", "coredns"],
  // All of them the same object for as long as they live.
  ["Pod", "web-0", "web-0"],
  ["Pod", "node-exporter-x7k2p", "node-exporter-x7k2p"],
  ["Pod", "kube-proxy", "kube-proxy"],
  ["Pod", "etcd-control-plane-1", "etcd-control-plane-1"],
  ["Job", "migrate-2756659", "migrate-2756659"],
  ["Job", "migrate-275665950", "migrate-275665950"],
  ["ReplicaSet", "web-frontend", "web-frontend"],
  ["ConfigMap", "state-27566595", "state-27566595"],
  ["Node", "", ""],
])("%s %s is counted as %s", (kind, name, label) => {
  expect(render(normalise({ metadata: {}, involvedObject: { kind, name } }))).toBe(label);
});

function counters(json: object | undefined, env: Record<string, string> = {}) {
  const text = eventrouterConfig({ json: json && JSON.stringify(json), env });
  const { config, findings } = parseConfig(text, { file: "config.json", env });
  expect(findings.map(({ message }) => message)).toEqual([]);
  return config?.receivers.slice(1).map(({ config }) => config);
}

const TYPES = ["warnings", "normal", "info", "unknown"];
const LABELS = ["involved_object_kind", "involved_object_namespace", "reason", "source"];

test("the names, the labels and no others", () => {
  const found = counters({ sink: "stdout" });
  expect(found?.map(({ name }) => name)).toEqual(TYPES.map((type) => `heptio_eventrouter_${type}_total`));
  for (const one of found ?? []) {
    expect(one).toMatchObject({ receiverLabel: false, maxSeries: 1_000 });
    expect(Object.keys(one.labels ?? {})).toEqual(LABELS);
  }
});

test.each([
  [{ "enable-object-names": true }, {}],
  [{}, { EVENTROUTER_ENABLE_OBJECT_NAMES: "true" }],
])("the object's name on request: %j %j", (more, env) => {
  const [first] = counters({ sink: "stdout", ...more }, env) ?? [];
  expect(first?.labels).toMatchObject({ involved_object_name: OBJECT_NAME });
});

test("those of the rewrite, whose environment is all there is", () => {
  const found = counters(undefined, { EVENTROUTER_SINK: "stdout" });
  expect(found?.map(({ name }) => name)).toEqual(TYPES.map((type) => `eventrouter_${type}_total`));
  expect(found?.[0]?.labels).toMatchObject({ reason: '{{ .Reason | default "unknown" }}' });
});
