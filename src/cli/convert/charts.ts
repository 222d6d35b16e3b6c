/** What the values of predecessors' charts, and the bridge's environment, stand for. */

import { type Env, literal } from "../../config/env.ts";
import { UsageError } from "../../errors.ts";
import { aspNetAddress, bridgeObject } from "../bridge-config.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface Converted {
  readonly from: string;
  readonly remarks: readonly string[];
  readonly config: object;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const BRIDGE = "Kubernetes Event Grid Bridge";
const BRIDGE_REMARKS = [
  "Ids are stable and times are the events' own; what the bridge could not parse goes out raw.",
  "An exporter goes on posting to /api/kubernetes/events/forward; Petrel could watch the cluster itself: `sources: [kubernetes]`.",
] as const;
const KEY = "EventGridBridge_EventGrid_Topic_Key";

/** @throws UsageError */
export function fromBridge(env: Env): Converted {
  const value = (key: string): string | undefined =>
    Object.entries(env).find(([name]) => name.toLowerCase() === `eventgridbridge_${key}`)?.[1] || undefined;
  const [endpoint, cluster] = [value("eventgrid_topic_uri"), value("kubernetes_cluster_name")];
  if (endpoint === undefined) throw new UsageError("EventGridBridge_EventGrid_Topic_Uri is missing");
  const known = /^(?:eventgridbridge_(?:eventgrid_topic_(?:uri|key)|kubernetes_cluster_name)|aspnetcore_urls)$/i;
  return {
    from: `the environment of ${BRIDGE}`,
    remarks: [
      ...BRIDGE_REMARKS,
      `The key is not written here: leave ${KEY} in the environment.`,
      ...Object.keys(env)
        .filter((name) => !known.test(name))
        .map((name) => `${name}: nothing here needs it.`),
    ],
    config: bridgeObject({
      address: aspNetAddress(env.ASPNETCORE_URLS) ?? ":80",
      clusterName: cluster === undefined ? undefined : literal(cluster),
      endpoint: literal(endpoint),
      key: KEY,
    }),
  };
}

/** @throws UsageError */
export function fromBridgeValues(values: Json, grid: Json): Converted {
  if (typeof grid.topicUri !== "string" || grid.topicUri === "")
    throw new UsageError("azure.eventGrid.topicUri is missing");
  const cluster =
    isObject(values.kubernetes) && isObject(values.kubernetes.cluster) ? values.kubernetes.cluster.name : "";
  const port = isObject(values.service) && typeof values.service.port === "number" ? values.service.port : 8888;
  const others = Object.keys(values).filter((key) => !["azure", "kubernetes"].includes(key));
  return {
    from: `the chart of ${BRIDGE}`,
    remarks: [
      ...BRIDGE_REMARKS,
      `azure.eventGrid.key is not written here: put it into a Secret, and into the environment as ${KEY}.`,
      "azure.storage: nothing here needs it.",
      ...others.map((key) => `${key}: of the chart, not of the program; Petrel's own chart has the like.`),
    ],
    config: bridgeObject({
      address: `:${port}`,
      clusterName: typeof cluster === "string" && cluster !== "" ? literal(cluster) : undefined,
      endpoint: literal(grid.topicUri),
      key: KEY,
    }),
  };
}

/** Of Giant Swarm's `event-exporter-app`, and of nothing else that is asked before. */
export const isGiantSwarm = (values: Json): boolean =>
  isObject(values.managementCluster) || (isObject(values.slack) && "watchReasons" in values);

const OF_THE_CHART: Readonly<Record<string, string>> = {
  grafana: "no rule of the chart used it; annotations are made by the receiver `grafana`",
  testingEnvironment: "a tag of annotations that the chart had no receiver for",
  provider: "a tag of annotations that the chart had no receiver for",
};

/**
 * The config that the chart renders: messages about upgrades of clusters, by an incoming webhook, by a token in threads, or both.
 * @see https://github.com/giantswarm/event-exporter-app
 * @throws UsageError when it would have sent nothing.
 */
export function fromGiantSwarm(values: Json): Converted {
  const slack = isObject(values.slack) ? values.slack : {};
  const cluster = isObject(values.managementCluster) ? values.managementCluster : {};
  const [webhook, token, channel] = [textOf(slack.webhook), textOf(slack.token), textOf(slack.channel)];
  if (webhook === undefined && token === undefined) {
    throw new UsageError("neither slack.webhook nor slack.token is set: the chart would have sent nothing");
  }
  if (token !== undefined && channel === undefined)
    throw new UsageError("slack.token is set, and slack.channel is not");
  const object = "{{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}";
  const begun = `The upgrade of cluster ${object} on {{ .ClusterName }} has begun; its nodes will be replaced.`;
  const done = `The upgrade of cluster ${object} on {{ .ClusterName }} is complete; all nodes were replaced.`;
  const rule = (reason: string, receiver: string) => ({
    kind: "Cluster",
    apiVersion: "cluster.x-k8s.io/v1beta",
    reason,
    component: "cluster-api-events-controller",
    receiver,
  });
  const reasons = Array.isArray(values.watchReasons) ? values.watchReasons.map(String) : [];
  return {
    from: "the chart of Giant Swarm",
    remarks: [
      "`apiversion` in the chart's rules is spelt `apiVersion`, and takes v1beta1 as well as the chart's later v1beta2.",
      "Its last route dropped the namespace `*`, which is no pattern: what no rule asks for goes nowhere anyway.",
      "The words of the messages are Petrel's.",
      "There is a secret below in plain text: write { env: NAME } or { file: PATH } for it.",
      ...(textOf(cluster.customer) === undefined
        ? []
        : ["managementCluster.customer: no message of the chart told it."]),
      ...Object.keys(values)
        .filter((key) => !["slack", "managementCluster", "watchReasons"].includes(key))
        .map(
          (key) =>
            `${key}: ${OF_THE_CHART[key] ?? "of the chart, not of the program; Petrel's own chart has the like"}.`,
        ),
      ...Object.keys(slack)
        .filter((key) => !["webhook", "token", "channel"].includes(key))
        .map((key) => `slack.${key}: the chart does not know this key.`),
    ],
    config: {
      strict: true,
      ...(reasons.length > 0 && { watchReasons: reasons.map(literal) }),
      clusterName: literal(textOf(cluster.name) ?? ""),
      route: {
        routes: [
          ...(webhook === undefined
            ? []
            : [
                { match: [rule("Upgrading", "webhook-upgrade")] },
                { match: [rule("Upgraded", "webhook-upgrade-complete")] },
              ]),
          ...(token === undefined ? [] : [{ match: [rule("Upgrading|Upgraded", "slack-upgrade")] }]),
        ],
      },
      receivers: [
        ...(webhook === undefined
          ? []
          : [
              {
                name: "webhook-upgrade",
                updates: "first",
                webhook: { endpoint: literal(webhook), layout: { text: begun } },
              },
              {
                name: "webhook-upgrade-complete",
                updates: "first",
                webhook: { endpoint: literal(webhook), layout: { text: done } },
              },
            ]),
        ...(token === undefined
          ? []
          : [
              {
                name: "slack-upgrade",
                slack: {
                  token: literal(token),
                  channel: literal(channel ?? ""),
                  threadKey: object,
                  completionCondition: '{{ if eq .Reason "Upgraded" }}true{{ end }}',
                  completionEmoji: "white_check_mark",
                  message: `{{ if eq .Reason "Upgrading" }}${begun} {{ .Message }}{{ else }}${done}{{ end }}`,
                },
              },
            ]),
      ],
    },
  };
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
