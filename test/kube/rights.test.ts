import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Manifest } from "../../src/kube/rbac.ts";
import { petrel } from "../cli/io.ts";

/** `place verbs resources names`, a line each. */
async function rightsOf(yaml: string): Promise<{ rights: string[]; notes: string }> {
  const folder = mkdtempSync(join(tmpdir(), "petrel-rights-"));
  try {
    writeFileSync(join(folder, "petrel.yaml"), yaml);
    const { code, out, err } = await petrel(["rbac", "-c", "petrel.yaml", "-n", "own", "-o", "json"], { cwd: folder });
    expect({ code, err: err.includes("error") }).toEqual({ code: 0, err: false });
    const { items }: { items: Manifest[] } = JSON.parse(out);
    const rights = items.flatMap(({ metadata, rules = [] }) =>
      rules.map(({ apiGroups, resources, resourceNames = [], verbs }) => {
        const where = metadata.namespace ?? "*";
        return `${where}: ${verbs} ${resources.map((one) => [one, ...apiGroups].filter(Boolean).join("."))} ${resourceNames}`.trim();
      }),
    );
    return { rights, notes: err };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const PLAIN =
  "receivers: [{ name: out, stdout: { layout: { m: '{{ .Message }}' } } }]\nroute: { match: [{ receiver: out }] }\n";
const asking = (conditions: string) =>
  `receivers: [{ name: out, stdout: { layout: { m: '{{ .Message }}' } } }]\nroute: { match: [{ receiver: out, ${conditions} }] }\n`;
const MAP = ["own: get,patch configmaps kubernetes-event-exporter-checkpoint", "own: create configmaps"];
const MARKS = ["own: get namespaces own", "kube-system: get namespaces kube-system"];
const LEASE = [
  "own: get,update leases.coordination.k8s.io kubernetes-event-exporter",
  "own: create leases.coordination.k8s.io",
];

test.each<[string, string, string[]]>([
  ["a layout of fields", PLAIN, ["*: list,watch events", ...MAP, ...MARKS]],
  ["the newer API", `api: events.k8s.io/v1\n${PLAIN}`, ["*: list,watch events.events.k8s.io", ...MAP, ...MARKS]],
  ["election", `leaderElection: { enabled: true }\n${PLAIN}`, ["*: list,watch events", ...LEASE, ...MARKS]],
  [
    "election and a journal",
    `leaderElection: { enabled: true }\nstate: { path: /state }\n${PLAIN}`,
    ["*: list,watch events", ...LEASE, ...MARKS],
  ],
  ["a journal", `state: { path: /state }\n${PLAIN}`, ["*: list,watch events", ...MARKS]],
  [
    "namespaces",
    `namespaces: [a, b]\nstate: { path: /state }\n${PLAIN}`,
    ["a: list,watch events", "b: list,watch events", ...MARKS],
  ],
  ["a sidecar", `sidecar: {}\n${PLAIN}`, ["own: list,watch events"]],
  [
    "a sidecar that looks its pod up",
    "sidecar: {}\nreceivers: [{ name: out, stdout: {} }]\nroute: { match: [{ receiver: out }] }\n",
    ["own: list,watch events", "own: get pods"],
  ],
  [
    "a rule for two kinds",
    asking("kind: ^(Pod|Node)$, labels: { tier: gold }"),
    ["*: list,watch events", "*: get nodes,pods", ...MAP, ...MARKS],
  ],
  [
    "a kind without a namespace, and namespaces where none of their events are",
    `namespaces: [a]\n${asking("kind: ^(Pod|Node)$, labels: { tier: gold }")}`,
    ["a: list,watch events", "a: get pods", ...MAP, ...MARKS],
  ],
  [
    "a kind without a namespace, and the namespace where their events are",
    `namespaces: [default]\n${asking("kind: ^(Pod|Node)$, labels: { tier: gold }")}`,
    ["default: list,watch events", "default: get pods", "*: get nodes", ...MAP, ...MARKS],
  ],
  ["events that are posted", `sources: [http]\n${PLAIN}`, []],
  [
    "events that are posted, or watched",
    `sources: [http, kubernetes]\n${PLAIN}`,
    ["*: list,watch events", ...MAP, ...MARKS],
  ],
  [
    "events that are posted, with election",
    `sources: [http]\nleaderElection: { enabled: true }\n${PLAIN}`,
    [...LEASE, ...MARKS],
  ],
  ["omitLookup", `omitLookup: true\n${asking("labels: { tier: gold }")}`, ["*: list,watch events", ...MAP, ...MARKS]],
])("%s", async (_, yaml, expected) => {
  const { rights } = await rightsOf(yaml);
  expect(rights).toEqual(expected);
});

test("secrets are never granted, and it says so", async () => {
  const { rights, notes } = await rightsOf(asking("kind: ^(Secret|Deployment)$, annotations: { owner: x }"));
  expect(rights.join("\n")).not.toContain("secrets");
  expect(rights).toContain("*: get deployments.apps");
  expect(notes).toContain("Events about secrets are looked up");
});

test("kinds that are not Kubernetes' own are named by their rule", async () => {
  const { notes } = await rightsOf(asking("kind: ^Widget$, labels: { tier: gold }"));
  expect(notes).toContain('kinds by "^Widget$", which are not Kubernetes\' own');
});

test("of everything that is looked up, the kinds that Kubernetes writes events about, each group once", async () => {
  const { rights, notes } = await rightsOf(
    "receivers: [{ name: out, stdout: {} }]\nroute: { match: [{ receiver: out }] }\n",
  );
  expect(rights.slice(0, 8)).toEqual([
    "*: list,watch events",
    "*: get nodes,persistentvolumeclaims,persistentvolumes,pods,replicationcontrollers,services",
    "*: get daemonsets.apps,deployments.apps,replicasets.apps,statefulsets.apps",
    "*: get horizontalpodautoscalers.autoscaling",
    "*: get cronjobs.batch,jobs.batch",
    "*: get leases.coordination.k8s.io",
    "*: get ingresses.networking.k8s.io",
    "*: get poddisruptionbudgets.policy",
  ]);
  expect(notes).toContain("custom resources");
});

test("YAML and JSON say the same", async () => {
  const config = join(import.meta.dir, "../../configs/stores-and-chat.yaml");
  const [yaml, json] = await Promise.all(["yaml", "json"].map((one) => petrel(["rbac", "-c", config, "-o", one])));
  expect(Bun.YAML.parse(yaml?.out ?? "")).toEqual(JSON.parse(json?.out ?? "").items);
  expect(yaml?.out).toContain("  # The watch.\n");
});
