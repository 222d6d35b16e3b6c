/** What people really write, and what is said about it: one row a mistake. */
import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";

const ENV = { TOKEN: "t0ken" };

/** Findings as `line:column severity code`. */
function findings(yaml: string, compat = false): string[] {
  const loaded = parseConfig(yaml, { file: "c.yaml", env: ENV, compat });
  expect(loaded.excerpts).toHaveLength(loaded.findings.length);
  return loaded.findings.map(({ line, column, severity, code }) => `${line}:${column} ${severity} ${code}`);
}

const starts = (yaml: string, compat = false) =>
  parseConfig(yaml, { file: "c.yaml", env: ENV, compat }).config !== undefined;

/** A config in which everything is well, below what a row is about. */
const REST = `route:
  match:
    - receiver: dump
receivers:
  - name: dump
    stdout: {}
`;

/** A route with these lines, and a receiver `dump`. */
const route = (lines: string) => `route:\n${lines.replace(/^/gm, "  ")}
receivers:
  - name: dump
    stdout: {}
`;

const dump = (lines: string) => `route: { match: [{ receiver: dump }] }
receivers:
  - name: dump
${lines.replace(/^/gm, "    ")}
`;

interface Row {
  readonly name: string;
  readonly yaml: string;
  readonly findings: readonly string[];
  /** Whether `run` starts; default true, as the predecessor would. */
  readonly starts?: boolean;
}

const ROWS: readonly Row[] = [
  { name: "nothing wrong", yaml: REST, findings: [] },
  { name: "stdout with nothing after it", yaml: dump("stdout:"), findings: [] },
  { name: "an empty file", yaml: "", findings: ["1:1 warning no-route", "1:1 warning no-receivers"] },
  // What must not be empty
  ...["endpoint:", "endpoint: # optional", "Endpoint:"].map((line) => ({
    name: `a required key with nothing after it: ${line}`,
    yaml: dump(`webhook:\n  ${line}`),
    findings: line.startsWith("E") ? ["5:7 warning alias-key", "5:7 error missing-key"] : ["5:7 error missing-key"],
  })),
  {
    name: "a required key whose variable is not set",
    yaml: dump(`webhook:\n  endpoint: $\{NOPE}`),
    findings: ["5:7 error missing-key", "5:17 warning env-undefined"],
  },
  // TLS
  {
    name: "half a client certificate, and files that are not there",
    yaml: dump("webhook:\n  endpoint: https://a.example\n  tls:\n    caFile: /nope/ca.crt\n    certFile: /nope/c.crt"),
    findings: ["7:17 warning file-missing", "8:9 error half-certificate", "8:19 warning file-missing"],
  },
  // Top level
  { name: "unknown key", yaml: `foo: 1\n${REST}`, findings: ["1:1 error unknown-key"] },
  { name: "a place for anchors", yaml: `x-common: &a 1\n${REST}`, findings: [] },
  { name: "an anchor under a name of its own", yaml: `common: &a 1\n${REST}`, findings: [] },
  { name: "another case", yaml: `LogFormat: json\n${REST}`, findings: ["1:1 warning alias-key"] },
  { name: "trottlePeriod", yaml: `trottlePeriod: 5\n${REST}`, findings: ["1:1 warning alias-key"] },
  { name: "throttlePeriod", yaml: `throttlePeriod: 5\n${REST}`, findings: ["1:1 warning alias-key"] },
  { name: "maxEventsAgeSeconds", yaml: `maxEventsAgeSeconds: 5\n${REST}`, findings: ["1:1 warning alias-key"] },
  {
    name: "both ages",
    yaml: `maxEventAgeSeconds: 10\nthrottlePeriod: 5\n${REST}`,
    findings: ["2:1 error two-ages"],
    starts: false,
  },
  {
    name: "one key in two spellings",
    yaml: `logFormat: json\nlogformat: pretty\n${REST}`,
    findings: ["2:1 warning duplicate-key"],
  },
  { name: "one key twice", yaml: `logLevel: info\nlogLevel: warn\n${REST}`, findings: ["2:1 warning duplicate-key"] },
  { name: "route twice", yaml: `route: {}\n${REST}`, findings: ["2:1 warning duplicate-key"] },
  {
    name: "metricsNamePrefix",
    yaml: `metricsNamePrefix: mcgh\n${REST}`,
    findings: ["1:20 error wrong-value"],
    starts: false,
  },
  { name: "log level", yaml: `logLevel: inof\n${REST}`, findings: ["1:11 error wrong-value"], starts: false },
  { name: "log format", yaml: `logFormat: text\n${REST}`, findings: ["1:12 error wrong-value"], starts: false },
  { name: "quoted number", yaml: `maxEventAgeSeconds: "10"\n${REST}`, findings: ["1:21 warning quoted-number"] },
  { name: "fraction", yaml: `maxEventAgeSeconds: 10.5\n${REST}`, findings: ["1:21 warning fraction"] },
  {
    name: "a word that updates does not know",
    yaml: `receivers: [{ name: dump, stdout: {}, updates: frist }]\nroute: { match: [{ receiver: dump }] }\n`,
    findings: ["1:48 error wrong-value"],
    starts: true,
  },
  { name: "text for a number", yaml: `kubeBurst: many\n${REST}`, findings: ["1:12 error wrong-type"], starts: false },
  { name: "yes", yaml: `omitLookup: yes\n${REST}`, findings: ["1:13 warning quoted-boolean"] },
  { name: "negative age", yaml: `maxEventAgeSeconds: -1\n${REST}`, findings: ["1:21 warning negative-age"] },
  { name: "null for optional keys", yaml: `logLevel:\nnamespace: ~\ncacheSize:\n${REST}`, findings: [] },
  { name: "leaderElection of the chart", yaml: `leaderElection: {}\n${REST}`, findings: [] },
  { name: "leader election", yaml: `leaderElection: { enabled: true }\n${REST}`, findings: [] },
  { name: "key of a later version", yaml: `shards: 3\n${REST}`, findings: ["1:1 error not-yet"] },
  { name: "key of a fork", yaml: `mappingCacheSize: 5\n${REST}`, findings: ["1:1 warning fork-key"] },
  { name: "duration", yaml: `shutdownTimeout: soon\n${REST}`, findings: ["1:18 error wrong-value"] },
  { name: "a key of ours with a wrong type", yaml: `buffer: 100\n${REST}`, findings: ["1:9 error wrong-type"] },
  { name: "… at a receiver", yaml: dump("retry: 3\nstdout: {}"), findings: ["4:12 error wrong-type"] },
  {
    name: "… in a sink",
    yaml: dump("webhook: { endpoint: http://x, method: POTS }"),
    findings: ["4:44 error wrong-value"],
  },
  {
    name: "sidecar without its pod",
    yaml: `sidecar: {}\n${REST}`,
    findings: ["1:10 error sidecar-unknown"],
    starts: false,
  },
  {
    name: "routes at the top level",
    yaml: `routes:\n  - match: [{ receiver: dump }]\n${REST}`,
    findings: ["1:1 error unknown-key"],
  },
  { name: "no route", yaml: "receivers:\n  - name: dump\n    stdout: {}\n", findings: ["1:1 warning no-route"] },
  {
    name: "no receivers",
    yaml: "route:\n  match:\n    - receiver: dump\n",
    findings: ["1:1 warning no-receivers", "3:17 error undefined-receiver"],
  },
  // Route
  {
    name: "receiver beside match",
    yaml: route("match:\n  - type: Warning\n    receiver: dump\nreceiver: dump"),
    findings: ["5:3 error unknown-key"],
  },
  {
    name: "receivers under route",
    yaml: `route:\n  match: [{ receiver: dump }]\n  receivers:\n    - name: dump\n      stdout: {}\n`,
    findings: ["1:1 warning no-receivers", "2:23 error undefined-receiver", "3:3 error unknown-key"],
  },
  {
    name: "logFormat under route",
    yaml: route("logFormat: json\nmatch: [{ receiver: dump }]"),
    findings: ["2:3 error unknown-key"],
  },
  {
    name: "Alertmanager's keys",
    yaml: route("groupBy: [a]\nmatch: [{ receiver: dump }]"),
    findings: ["2:3 error unknown-key"],
  },
  { name: "match as a map", yaml: route("match:\n  receiver: dump"), findings: ["3:5 warning not-a-list"] },
  {
    name: "drop as a map",
    yaml: route("drop:\n  type: Normal\nmatch:\n  - receiver: dump"),
    findings: ["3:5 warning not-a-list"],
  },
  {
    name: "routes as a map",
    yaml: route("routes:\n  match:\n    - receiver: dump"),
    findings: ["3:5 warning not-a-list"],
  },
  {
    name: "drop in a route of its own",
    yaml: route("routes:\n  - drop:\n      - type: Normal\n  - match:\n      - receiver: dump"),
    findings: ["3:7 warning idle-route"],
  },
  { name: "empty route", yaml: route("{}"), findings: ["2:3 warning idle-route"] },
  // Rules
  {
    name: "condition and receiver as two items",
    yaml: route("match:\n  - namespace: prod\n  - receiver: dump"),
    findings: ["4:7 warning split-rule"],
  },
  {
    name: "several reasons as several items",
    yaml: route("match:\n  - reason: Failed\n  - reason: Killing\nroutes:\n  - match:\n      - receiver: dump"),
    findings: ["4:7 warning anded-rules"],
  },
  {
    name: "condition without receiver",
    yaml: route("match:\n  - type: Warning\n  - receiver: dump\n    kind: Pod"),
    findings: ["3:7 warning no-receiver"],
  },
  { name: "empty match rule", yaml: route("match:\n  - {}\n  - receiver: dump"), findings: ["3:7 warning empty-rule"] },
  {
    name: "empty drop rule",
    yaml: route("drop:\n  - {}\nmatch:\n  - receiver: dump"),
    findings: ["3:7 warning empty-rule"],
  },
  {
    name: "receiver in a drop rule",
    yaml: route("drop:\n  - receiver: dump\nmatch:\n  - receiver: dump"),
    findings: ["3:17 error drop-receiver"],
  },
  {
    name: "drop in a match item",
    yaml: route("match:\n  - drop:\n      - type: Normal\n  - receiver: dump"),
    findings: ["3:7 error unknown-key"],
  },
  {
    name: "uid in a drop rule",
    yaml: route("drop:\n  - uid: foo\nmatch:\n  - receiver: dump"),
    findings: ["3:7 error unknown-key"],
  },
  ...["types: [Normal]", "maxEventAgeSeconds: 60", "metrics: true", "involvedObject: { kind: Pod }"].map((key) => ({
    name: `in a rule: ${key}`,
    yaml: route(`match:\n  - ${key}\n    receiver: dump`),
    findings: ["3:7 error unknown-key"],
  })),
  {
    name: "apiversion and mincount",
    yaml: route("match:\n  - apiversion: v1\n    mincount: 2\n    receiver: dump"),
    findings: ["3:7 warning alias-key", "4:7 warning alias-key"],
  },
  {
    name: "reason as a label",
    yaml: route("match:\n  - labels:\n      reason: Unhealthy\n    receiver: dump"),
    findings: ["4:17 warning label-or-field"],
  },
  {
    name: "minCount in drop",
    yaml: route("drop:\n  - minCount: 3\n    kind: Pod\nmatch:\n  - receiver: dump"),
    findings: ["3:17 warning drop-min-count"],
  },
  {
    name: "a receiver that is not there",
    yaml: route("match:\n  - receiver: dmup\n  - receiver: dump"),
    findings: ["3:17 error undefined-receiver"],
  },
  {
    name: "a receiver twice",
    yaml: route("match:\n  - receiver: dump\nroutes:\n  - match:\n      - type: Warning\n        receiver: dump"),
    findings: ["7:21 warning receiver-twice"],
  },
  {
    name: "a receiver for two types",
    yaml: route("match:\n  - type: Normal\n    receiver: dump\n  - type: Warning\n    receiver: dump"),
    findings: ["5:7 info complementary-rules"],
  },
  // Patterns
  ...["*test*", "*", "*test*|*temp*", "*default", "(?!x)", "[a"].map((pattern) => ({
    name: `pattern ${pattern}`,
    yaml: route(`drop:\n  - namespace: "${pattern}"\nmatch:\n  - receiver: dump`),
    findings: ["3:18 error bad-pattern"],
  })),
  ...["Timer*", "kube-*"].map((pattern) => ({
    name: `pattern ${pattern}`,
    yaml: route(`drop:\n  - namespace: "${pattern}"\nmatch:\n  - receiver: dump`),
    findings: ["3:18 warning glob-pattern"],
  })),
  ...["(?i)foo", "^kube-.*", "a|b", "\\\\d+"].map((pattern) => ({
    name: `pattern ${pattern}`,
    yaml: route(`drop:\n  - namespace: "${pattern}"\nmatch:\n  - receiver: dump`),
    findings: [],
  })),
  {
    name: "kind: Job",
    yaml: route("match:\n  - kind: Job\n    receiver: dump"),
    findings: ["3:13 info unanchored-pattern"],
  },
  {
    name: "type in lower case",
    yaml: route("match:\n  - type: warning\n    receiver: dump"),
    findings: ["3:13 warning unknown-type"],
  },
  // Receivers
  {
    name: "receivers as a map",
    yaml: "route: { match: [{ receiver: dump }] }\nreceivers:\n  name: dump\n  stdout: {}\n",
    findings: ["3:3 warning not-a-list"],
  },
  { name: "no sink", yaml: dump("timeout: 1s"), findings: ["3:11 error no-sink"], starts: false },
  { name: "sink misspelt", yaml: dump("stdot: {}"), findings: ["4:5 error no-sink"], starts: false },
  {
    name: "sink of the predecessor",
    yaml: dump("clickhouse: { hosts: x }"),
    findings: ["4:5 error sink-not-available"],
    starts: false,
  },
  { name: "its misspelling", yaml: dump("kineis: { streamName: x }"), findings: ["4:5 warning alias-key"] },
  { name: "prometheus", yaml: dump("prometheus: {}"), findings: [] },
  {
    name: "prometheus as the exporter's example has it",
    yaml: dump("prometheus: [Pod]\nreasonFilter: { Pod: [FailedMount] }"),
    findings: ["4:17 error wrong-type", "5:5 warning fork-key"],
    starts: false,
  },
  { name: "two sinks", yaml: dump("stdout: {}\nwebhook: { endpoint: http://x }"), findings: ["4:5 error two-sinks"] },
  {
    name: "one name twice",
    yaml: `${REST}  - name: dump\n    stdout: {}\n`,
    findings: ["7:11 error duplicate-receiver"],
  },
  { name: "no name", yaml: `${REST}  - stdout: {}\n`, findings: ["7:5 error missing-key"] },
  { name: "not used", yaml: `${REST}  - name: b\n    stdout: {}\n`, findings: ["7:11 warning unused-receiver"] },
  { name: "unknown setting", yaml: dump("stdout: { pretty: true }"), findings: ["4:15 error unknown-key"] },
  { name: "url for endpoint", yaml: dump("webhook: { url: http://x }"), findings: ["4:16 warning alias-key"] },
  { name: "no endpoint", yaml: dump("webhook: {}"), findings: ["4:14 error missing-key"] },
  { name: "not a URL", yaml: dump("webhook: { endpoint: x.example.com }"), findings: ["4:26 error wrong-value"] },
  {
    name: "deDot: true|false",
    yaml: dump("stdout:\n  deDot: true|false"),
    findings: ["5:14 error wrong-type"],
    starts: false,
  },
  { name: "empty layout", yaml: dump("stdout: { layout: {} }"), findings: ["4:23 warning empty-layout"] },
  { name: "null layout", yaml: dump("stdout: { layout: }"), findings: [] },
  {
    name: "layout as a list",
    yaml: dump("stdout: { layout: [a] }"),
    findings: ["4:23 error wrong-type"],
    starts: false,
  },
  { name: "numbers in a layout", yaml: dump("stdout: { layout: { severity: 5, b: true } }"), findings: [] },
  {
    name: "insecureSkipVerify in lower case",
    yaml: dump("webhook: { endpoint: https://x, tls: { insecureskipverify: true } }"),
    findings: ["4:44 warning alias-key"],
  },
  {
    name: "JSON's names in a template",
    yaml: dump('stdout: { layout: { a: "{{ .clusterName }}", b: "{{ .Message }}{{ .involvedObject.kind }}" } }'),
    findings: ["4:32 error bad-field", "4:86 error bad-field"],
  },
  {
    name: "a method of a private build",
    yaml: dump('stdout: { layout: { a: "{{ .GetTimestampCK }}" } }'),
    findings: ["4:32 error bad-field"],
  },
  {
    name: "fields of a list's items",
    yaml: dump('stdout: { layout: { a: "{{ range .InvolvedObject.OwnerReferences }}{{ .Controller }}{{ end }}" } }'),
    findings: [],
  },
  {
    name: "unrendered Helm in a layout",
    yaml: dump('stdout: { layout: { a: "{{ .Values.x }}" } }'),
    findings: ["4:32 error helm-template"],
  },
  {
    name: "an event posted to Loki",
    yaml: dump("webhook: { endpoint: http://loki/loki/api/v1/push }"),
    findings: ["3:11 warning loki-push"],
  },
  {
    name: "Loki's values one level too flat",
    yaml: dump(
      'webhook:\n  endpoint: http://loki/loki/api/v1/push\n  layout:\n    streams:\n      - stream: { a: b }\n        values: ["1", "x"]',
    ),
    findings: ["3:11 warning loki-push"],
  },
  {
    name: "Loki's body",
    yaml: dump(
      'webhook:\n  endpoint: http://loki/loki/api/v1/push\n  layout:\n    streams:\n      - stream: { a: b }\n        values:\n          - - "1"\n            - "x"',
    ),
    findings: [],
  },
  {
    name: "Loki without labels, and a body of Loki's as a line",
    yaml: dump('loki: { url: "http://loki:3100", layout: { streams: [] } }'),
    findings: ["3:11 warning loki-stream-labels", "3:11 warning loki-layout"],
  },
  {
    name: "Loki by the keys that people invent",
    yaml: dump('loki: { endpoint: "http://loki:3100", extraLabels: { a: b } }'),
    findings: ["4:13 warning alias-key", "4:43 warning alias-key"],
  },
  {
    name: "Slack without a token",
    yaml: dump('slack: { channel: "#a" }'),
    findings: ["3:11 warning slack-no-address"],
  },
  { name: "Slack by webhook", yaml: dump('slack: { webhookUrl: "http://h/x" }'), findings: ["4:14 warning alias-key"] },
  // Values
  { name: "an undefined variable", yaml: `clusterName: \${NOPE}\n${REST}`, findings: ["1:14 warning env-undefined"] },
  { name: "a defined one", yaml: `clusterName: "a-\${TOKEN}-$TOKEN"\n${REST}`, findings: [] },
  {
    name: "a file that is not there",
    yaml: `clusterName: \${file:/nope}\n${REST}`,
    findings: ["1:14 warning file-missing"],
  },
  {
    name: "a secret's file that is not there",
    yaml: dump("webhook: { endpoint: http://x, proxy: { file: /nope } }"),
    findings: ["4:51 warning file-missing"],
  },
  // Syntax
  {
    name: "tab as indentation",
    yaml: `route:\n\tmatch:\n\t  - receiver: dump\n`,
    findings: [
      "1:1 warning no-receivers",
      "2:1 error tab-indentation",
      "3:1 error tab-indentation",
      "3:16 error undefined-receiver",
    ],
  },
  { name: "tab after a key", yaml: REST.replace("receivers:", "receivers:\t"), findings: ["4:11 warning tab"] },
  {
    name: "sibling indented too far",
    yaml: route("match:\n  - receiver: dump").replace("    stdout", "     stdout"),
    findings: ["6:6 error indentation"],
    starts: false,
  },
  {
    name: "… after a quoted name",
    yaml: REST.replace("dump\n    stdout", '"dump"\n     stdout'),
    findings: ["6:6 error indentation"],
    starts: false,
  },
  {
    name: "sibling not indented enough",
    yaml: REST.replace("    stdout", "   stdout"),
    findings: ["6:4 error indentation"],
    starts: false,
  },
  { name: "first line indented", yaml: ` logLevel: info\n${REST}`, findings: ["2:1 error indentation"], starts: false },
  {
    name: "full-width colon",
    yaml: REST.replace("route:", "route："),
    findings: ["1:6 error odd-character"],
    starts: false,
  },
  {
    name: "full-width colon after name",
    yaml: REST.replace("name: ", "name："),
    findings: ["5:9 error odd-character"],
    starts: false,
  },
  {
    name: "unquoted template",
    yaml: dump("stdout:\n  layout:\n    a: {{ .Reason }}\n    b: {{ .Kind }}/{{ .Name }}"),
    findings: ["6:12 error unquoted-template", "7:12 error unquoted-template"],
    starts: false,
  },
  { name: "template in a block", yaml: dump("stdout:\n  layout:\n    a: |\n      kind: {{ .Kind }}"), findings: [] },
  {
    name: "unrendered Helm",
    yaml: `{{- if .Values.events }}\n${REST}{{- end }}\n`,
    findings: ["1:1 error unquoted-template", "8:1 error unquoted-template"],
    starts: false,
  },
  {
    name: "unquoted placeholder",
    yaml: `clusterName: {name}\n${REST}`,
    findings: ["1:14 error wrong-type"],
    starts: false,
  },
  {
    name: "unquoted placeholder and more",
    yaml: `clusterName: {name}-x\n${REST}`,
    findings: ["1:14 error unquoted-value"],
    starts: false,
  },
  {
    name: "patterns between double quotes, as the exporter reads them",
    yaml: route('match:\n  - message: "\\d+ of \\d+ pods\\.$"\n    host: "a\\tb"\n    receiver: dump'),
    findings: ["3:17 warning bad-escape", "3:24 warning bad-escape", "3:32 warning bad-escape"],
    starts: true,
  },
  {
    name: "escape without its digits",
    yaml: `clusterName: "\\x4"\n${REST}`,
    findings: ["1:15 error yaml"],
    starts: false,
  },
  {
    name: "comment without a space before it",
    yaml: `clusterName: "a"#b\nlogFormat: json #c\n${REST}`,
    findings: ["1:17 warning close-comment"],
    starts: true,
  },
  {
    name: "text that YAML reserves, as the exporter reads it",
    yaml: `clusterName: @name\nlogFormat: json\nmetricsNamePrefix: x_\n${REST}`,
    findings: ["1:14 warning unquoted-value"],
    starts: true,
  },
  {
    name: "unquoted asterisk",
    yaml: route("drop:\n  - namespace: *test*\nmatch:\n  - receiver: dump"),
    findings: ["3:18 error yaml-alias", "3:18 error bad-pattern"],
    starts: false,
  },
  { name: "second colon", yaml: `clusterName: a: b\n${REST}`, findings: ["1:15 error unquoted-colon"], starts: false },
  { name: "open quote", yaml: `${REST}x-a: "b\n`, findings: ["8:1 error yaml"], starts: false },
  {
    name: "dead letters to nobody",
    yaml: `deadLetter: { receiver: dmup }\n${REST}    deadLetter:\n      receiver: other\n`,
    findings: ["1:25 error undefined-receiver", "9:17 error undefined-receiver"],
  },
  {
    name: "dead letters to oneself",
    yaml: `${REST}    deadLetter: { receiver: dump }\n`,
    findings: ["7:29 warning dead-letter-circle"],
  },
  {
    name: "a receiver for dead letters alone",
    yaml: `deadLetter: { receiver: attic }\n${REST}  - name: attic\n    stdout: {}\n`,
    findings: [],
  },
  { name: "second document", yaml: `${REST}---\nfoo: {{\n`, findings: ["7:1 warning several-documents"] },
  { name: "a list", yaml: "- a\n", findings: ["1:1 error wrong-type"], starts: false },
  { name: "an alias to itself", yaml: `x-a: &a [*a]\n${REST}`, findings: ["1:10 error yaml-alias"], starts: false },
];

describe("findings", () => {
  for (const row of ROWS) {
    test(row.name, () => {
      expect(findings(row.yaml)).toEqual([...row.findings]);
      expect(starts(row.yaml)).toBe(row.starts ?? true);
    });
  }
});

test("strict: true refuses to run with an error, and not with a warning", () => {
  expect(starts(`strict: true\nfoo: 1\n${REST}`)).toBe(false);
  expect(starts(`strict: true\nLogFormat: json\n${REST}`)).toBe(true);
});

test("ten different mistakes are ten findings, each with a cure", () => {
  const { findings } = parseConfig(
    `logLevl: info
maxEventAgeSeconds: "60"
metricsNamePrefix: mcgh
route:
  drop:
    - namespace: "*test*"
  match:
    - names: foo
      receiver: dmup
    - type: warning
      receiver: hook
receivers:
  - name: dump
    stdout:
      layout:
        kind: {{ .Kind }}
  - name: hook
    webhook:
      endpont: http://x
      layout: {}
`,
    { file: "c.yaml", env: {} },
  );
  expect(findings.map(({ line, severity, code }) => `${line} ${severity} ${code}`)).toEqual([
    "1 error unknown-key",
    "2 warning quoted-number",
    "3 error wrong-value",
    "6 error bad-pattern",
    "8 error unknown-key",
    "9 error undefined-receiver",
    "10 warning unknown-type",
    "16 error unquoted-template",
    "19 error unknown-key",
    "20 warning empty-layout",
  ]);
  expect(findings.filter(({ hint }) => hint === undefined)).toEqual([]);
});
