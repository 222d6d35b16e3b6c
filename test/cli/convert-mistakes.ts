/** What people write in configs of kubernetes-event-exporter, as a survey of about a hundred of them found it. */
export interface Mistake {
  readonly name: string;
  readonly yaml: string;
  /** Receivers that could not work and are taken out. */
  readonly gone?: readonly string[];
  /** It is read as its author meant it: opsgenie's exporter did so, or nothing did. */
  readonly asMeant?: true;
  /** What is left for a person, and said. */
  readonly left?: readonly string[];
}

const DUMP = "receivers: [{ name: dump, stdout: {} }]\n";
const TWO = "receivers: [{ name: dump, stdout: {} }, { name: other, file: { path: /tmp/x } }]\n";
const ALL = "route: { routes: [{ match: [{ receiver: dump }] }] }\n";

/** A receiver, and a rule that sends everything to it. */
const receiving = (text: string): string => `route:\n  match:\n    - receiver: a\nreceivers:\n  - name: a\n${text}`;

export const MISTAKES: readonly Mistake[] = [
  {
    name: "a glob in drop",
    yaml: `route: { routes: [{ match: [{ receiver: dump }], drop: [{ namespace: "*test*" }] }] }\n${DUMP}`,
  },
  {
    name: "a glob with an alternative",
    yaml: `route: { drop: [{ namespace: "*test*|*temp*" }], match: [{ receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "a glob in match",
    yaml: `route: { match: [{ namespace: "*default", receiver: dump }, { receiver: other }] }\n${TWO}`,
  },
  {
    name: "a glob that guards routes",
    yaml: `route: { match: [{ receiver: other }], routes: [{ match: [{ kind: "*" }], routes: [{ match: [{ receiver: dump }] }] }] }\n${TWO}`,
    gone: ["dump"],
  },
  { name: "a glob at the end", yaml: `route: { match: [{ reason: "Back*", receiver: dump }] }\n${DUMP}` },
  { name: "a glob of one letter", yaml: `route: { match: [{ kind: "P*|^Deployment*", receiver: dump }] }\n${DUMP}` },
  {
    name: "condition and receiver apart",
    yaml: `route: { match: [{ namespace: shop }, { receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "a receiver beside match",
    yaml: `route: { match: [{ type: Warning }], receiver: dump, routes: [{ match: [{ receiver: other }] }] }\n${TWO}`,
    gone: ["dump"],
  },
  {
    name: "reasons that are anded",
    yaml: `route: { routes: [{ match: [{ reason: BackOff }, { reason: Unhealthy }], routes: [{ match: [{ receiver: dump }] }] }, { match: [{ receiver: other }] }] }\n${TWO}`,
    gone: ["dump"],
  },
  {
    name: "what belongs to the top under route",
    yaml: `route: { logFormat: json, match: [{ receiver: dump }], receivers: [] }\n${DUMP}`,
  },
  {
    name: "routes at the top",
    yaml: `routes: [{ match: [{ receiver: dump }] }]\n${DUMP}`,
    left: ["there is no `route`"],
  },
  { name: "no route at all", yaml: DUMP, left: ["there is no `route`"] },
  { name: "a full-width colon", yaml: `logLevel：info\n${ALL}${DUMP}`, asMeant: true },
  { name: "a tab after a key", yaml: `logLevel: info\n${ALL}receivers:\t\n  - name: dump\n    stdout: {}\n` },
  {
    name: "an unquoted template",
    yaml: receiving("    webhook: { endpoint: http://x }\n").replace(
      "{ endpoint: http://x }",
      "\n      endpoint: http://x\n      layout:\n        kind: {{ .Kind }}",
    ),
    asMeant: true,
  },
  {
    name: "hosts as one text",
    yaml: receiving("    elasticsearch: { hosts: http://x:9200, index: events }\n"),
    asMeant: true,
  },
  { name: "match as a map", yaml: `route: { match: { receiver: dump } }\n${DUMP}`, asMeant: true },
  {
    name: "drop in an item of match",
    yaml: `route: { match: [{ drop: [{ type: Normal }] }, { receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "drop in a route of its own",
    yaml: `route: { routes: [{ drop: [{ type: Normal }] }, { match: [{ receiver: dump }] }] }\n${DUMP}`,
  },
  {
    name: "a receiver in a drop rule",
    yaml: `route: { routes: [{ drop: [{ type: Normal, receiver: other }], match: [{ receiver: dump }] }] }\n${DUMP}`,
  },
  {
    name: "a drop rule with nothing but a receiver",
    yaml: `route: { routes: [{ drop: [{ receiver: dump }], match: [{ receiver: dump }] }, { match: [{ receiver: other }] }] }\n${TWO}`,
    gone: ["dump"],
  },
  {
    name: "a drop rule by name alone",
    yaml: `route: { routes: [{ drop: [{ name: foo }], match: [{ receiver: dump }] }, { match: [{ receiver: other }] }] }\n${TWO}`,
    gone: ["dump"],
  },
  {
    name: "keys that rules have not",
    yaml: `route: { match: [{ types: Warning, maxEventAgeSeconds: 60, metrics: x, involvedObject: { kind: Pod }, receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "conditions that only Petrel knows",
    yaml: `route: { match: [{ name: web, not: { type: Normal }, receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "a reason as a label",
    yaml: `route: { match: [{ labels: { reason: Unhealthy }, receiver: dump }, { receiver: other }] }\n${TWO}`,
    gone: ["dump"],
  },
  {
    name: "minCount in drop",
    yaml: `route: { drop: [{ minCount: 3, type: Normal }], match: [{ receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "a type that there is not",
    yaml: `route: { match: [{ type: Error, receiver: dump }, { receiver: other }] }\n${TWO}`,
  },
  {
    name: "JSON names in a template",
    yaml: receiving(
      '    webhook: { endpoint: "http://x", layout: { c: "{{ .clusterName }}", k: "{{ .involvedObject.kind }}" } }\n',
    ),
    asMeant: true,
  },
  {
    name: "a method of a private build",
    yaml: receiving('    webhook: { endpoint: "http://x", layout: { t: "{{ .GetTimestampCK }}" } }\n'),
    asMeant: true,
  },
  { name: "loki without labels", yaml: receiving("    loki: { url: http://x/loki/api/v1/push }\n") },
  {
    name: "loki by other names",
    yaml: receiving("    loki: { endpoint: http://x/loki/api/v1/push, extraLabels: { a: b } }\n"),
    asMeant: true,
  },
  {
    name: "the body of a push in loki's layout",
    yaml: receiving(
      '    loki: { url: "http://x/loki/api/v1/push", layout: { streams: [{ stream: { a: b }, values: [["1", "{{ .Message }}"]] }] } }\n',
    ),
  },
  {
    name: "Loki by webhook, in no shape of its own",
    yaml: receiving('    webhook: { endpoint: "http://x/loki/api/v1/push", layout: { m: "{{ .Message }}" } }\n'),
  },
  {
    name: "an incoming webhook of Slack",
    yaml: receiving('    slack: { webhook: "https://hooks.example/x", text: "{{ .Message }}" }\n'),
  },
  {
    name: "Slack without a token",
    yaml: `${receiving('    slack: { channel: "#c", message: "{{ .Message }}" }\n').replace("    - receiver: a", "    - receiver: a\n    - receiver: b")}  - name: b\n    stdout: {}\n`,
    gone: ["a"],
  },
  {
    name: "spellings",
    yaml: `LogFormat: json\nmaxEventsAgeSeconds: 60\n${receiving("    kineis: { streamName: s, region: eu-central-1 }\n")}`,
    asMeant: true,
  },
  { name: "trottlePeriod", yaml: `trottlePeriod: 5\n${ALL}${DUMP}` },
  { name: "throttlePeriod", yaml: `throttlePeriod: 20\n${ALL}${DUMP}` },
  { name: "two ages", yaml: `throttlePeriod: 20\nmaxEventAgeSeconds: 60\n${ALL}${DUMP}`, asMeant: true },
  {
    name: "apiversion and mincount",
    yaml: `route: { match: [{ apiversion: extensions/v1beta1, mincount: 5, receiver: dump }] }\n${DUMP}`,
    asMeant: true,
  },
  {
    name: "passsord",
    yaml: receiving("    kafka: { topic: t, brokers: [b:9092], sasl: { enable: true, username: u, passsord: p } }\n"),
  },
  {
    name: "keys of Alertmanager",
    yaml: `route: { groupBy: [a], groupWait: 5s, match: [{ receiver: dump }] }\n${DUMP}`,
  },
  { name: "a prefix without its end", yaml: `metricsNamePrefix: mcgh\n${ALL}${DUMP}`, asMeant: true },
  {
    name: "route twice",
    yaml: `route: { match: [{ type: Warning, receiver: dump }] }\n${DUMP}route: { match: [{ receiver: dump }] }\n`,
  },
  { name: "an empty layout", yaml: receiving("    file: { path: /dev/stdout, layout: {} }\n") },
  {
    name: "nothing after a key",
    yaml: `namespace:\nleaderElection: {}\n${receiving("    file:\n      path: /dev/stdout\n      layout: # optional\n")}`,
  },
  { name: "a receiver that is not there", yaml: `route: { match: [{ receiver: dmp }, { receiver: dump }] }\n${DUMP}` },
  { name: "a receiver that gets nothing", yaml: `${ALL}${TWO}`, gone: ["other"] },
  {
    name: "a receiver twice",
    yaml: `${ALL}receivers: [{ name: dump, file: { path: /tmp/y } }, { name: dump, stdout: {} }]\n`,
  },
  {
    name: "everything and warnings, to one",
    yaml: `route: { routes: [{ match: [{ receiver: dump }] }, { match: [{ type: Warning, receiver: dump }] }] }\n${DUMP}`,
  },
  {
    name: "warnings and everything, to one",
    yaml: `route: { routes: [{ match: [{ type: Warning, receiver: dump }] }, { match: [{ receiver: dump }] }] }\n${DUMP}`,
  },
  {
    name: "two conditions, to one",
    yaml: `route: { match: [{ type: Warning, receiver: dump }, { kind: Pod, receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "two conditions in two routes, to one",
    yaml: `route: { routes: [{ match: [{ type: Warning, receiver: dump }] }, { match: [{ kind: Pod, receiver: dump }] }] }\n${DUMP}`,
  },
  {
    name: "two conditions, one after a drop, to one",
    yaml: `route: { routes: [{ drop: [{ namespace: kube-system }], match: [{ type: Warning, receiver: dump }] }, { match: [{ kind: Pod, receiver: dump }] }] }\n${DUMP}`,
  },
  {
    name: "two by labels, to one",
    yaml: `route: { match: [{ labels: { version: dev }, receiver: dump }, { kind: Pod, receiver: dump }] }\n${DUMP}`,
  },
  { name: "a number in quotes", yaml: `maxEventAgeSeconds: "60"\nomitLookup: yes\n${ALL}${DUMP}`, asMeant: true },
  { name: "a fraction", yaml: `maxEventAgeSeconds: 10.5\n${ALL}${DUMP}` },
  { name: "a negative age", yaml: `maxEventAgeSeconds: -1\n${ALL}${DUMP}` },
  {
    name: "a sink that is none",
    yaml: `${ALL}receivers: [{ name: dump, stdout: {} }, { name: x, alertmanager: { url: "http://x" } }]\n`,
    gone: ["x"],
    asMeant: true,
  },
  {
    name: "a pattern with a backslash in quotes",
    yaml: `route: { match: [{ message: "\\d+", receiver: dump }] }\n${DUMP}`,
  },
  {
    name: "an anchor in what is taken out",
    yaml: "route:\n  match:\n    - receiver: a\nreceivers:\n  - name: unused\n    file: &f { path: /tmp/x }\n  - name: a\n    file: *f\n",
    gone: ["unused"],
  },
];
