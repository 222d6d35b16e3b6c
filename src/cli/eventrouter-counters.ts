/** The four counters of eventrouter's, or of its rewrite for the Logging operator, as receivers of Petrel's. */

export interface CounterSettings {
  /** Of the rewrite: another prefix, and `unknown` for what is empty. */
  readonly rewrite: boolean;
  /** With the label of the object's name, without what makes it one of many. */
  readonly objectNames: boolean;
}

/** Series of a counter at most; what finds no room is counted under `other`. */
const MAX_SERIES = 1_000;

/** By the event's type, as eventrouter chose. */
const COUNTERS = [
  { name: "warnings", rule: { type: "^Warning$" } },
  { name: "normal", rule: { type: "^Normal$" } },
  { name: "info", rule: { type: "^Info$" } },
  { name: "unknown", rule: { not: { type: "^(Warning|Normal|Info)$" } } },
] as const;

/** What the API server makes names and hashes of. @see https://pkg.go.dev/k8s.io/apimachinery/pkg/util/rand#SafeEncodeString */
const HASH = "[bcdfghjklmnpqrstvwxz2456789]{8,10}";

/**
 * The object's name without what is new with each run or revision: the 8 digits of a CronJob's Job, those and the suffix
 * of its pod (`NAME-29384756-x7k2p`, and `NAME-27566550--1-78klg` of Kubernetes before 1.22), the hash of a ReplicaSet,
 * that and the suffix of its pod. All other names are what they are: `web-0` is always the same.
 */
export const OBJECT_NAME = [
  "{{- $n := .InvolvedObject.Name -}}",
  '{{- if eq .InvolvedObject.Kind "Job" }}{{ regexReplaceAll `-[0-9]{8}$` $n "" }}',
  `{{- else if eq .InvolvedObject.Kind "ReplicaSet" }}{{ regexReplaceAll \`-${HASH}$\` $n "" }}`,
  `{{- else if eq .InvolvedObject.Kind "Pod" }}{{ regexReplaceAll \`-([0-9]{8}(--[0-9])?|${HASH})-.{5}$\` $n "" }}`,
  "{{- else }}{{ $n }}{{ end }}",
].join("");

export function counterRules() {
  return COUNTERS.map(({ name, rule }) => ({ ...rule, receiver: name }));
}

export function counterReceivers({ rewrite, objectNames }: CounterSettings) {
  const label = (field: string): string => (rewrite ? `{{ ${field} | default "unknown" }}` : `{{ ${field} }}`);
  return COUNTERS.map(({ name }) => ({
    name,
    updates: "all",
    prometheus: {
      name: `${rewrite ? "" : "heptio_"}eventrouter_${name}_total`,
      receiverLabel: false,
      maxSeries: MAX_SERIES,
      labels: {
        involved_object_kind: label(".InvolvedObject.Kind"),
        ...(objectNames && { involved_object_name: OBJECT_NAME }),
        involved_object_namespace: label(".InvolvedObject.Namespace"),
        reason: label(".Reason"),
        source: label(".Source.Host"),
      },
    },
  }));
}
