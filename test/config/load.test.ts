import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadInChild } from "../../src/config/child.ts";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { countFindings, describeFindings, findingsJson } from "../../src/config/report.ts";
import { ConfigError } from "../../src/errors.ts";

const parse = (yaml: string, env: Record<string, string> = {}, files: Record<string, string> = {}) =>
  parseConfig(yaml, { file: "c.yaml", env, readFile: (path) => files[path] });

const BASE = "route: { match: [{ receiver: a }] }\n";

test("an empty file is a config with the defaults", () => {
  expect(parse("").config).toEqual({
    logLevel: "info",
    logFormat: "pretty",
    logDeliveries: false,
    maxEventAgeSeconds: 5,
    clusterName: "",
    clusterEnvironment: "",
    namespaces: [],
    excludeNamespaces: [],
    fieldSelector: "",
    labelSelector: "",
    watchReasons: [],
    sources: ["kubernetes"],
    api: "v1",
    startFrom: "oldest",
    kubeQPS: 50,
    kubeBurst: 100,
    omitLookup: false,
    cacheSize: 1024,
    cacheTtlMs: 300_000,
    lookupTimeoutMs: 2_000,
    metricsNamePrefix: "",
    leaderElection: { enabled: false, leaderElectionID: "kubernetes-event-exporter" },
    buffer: { events: 10_000, bytes: 16_777_216 },
    shutdownTimeoutMs: 25_000,
    template: {
      allow: ["env", "crypto", "eta"],
      limits: { output: 1_048_576, steps: 100_000, depth: 200 },
    },
    compat: "none",
    strict: false,
    route: { drop: [], match: [], routes: [], at: { line: 1, column: 1 } },
    receivers: [],
  });
});

test("a Lease without a name has the exporter's", () => {
  const { config } = parse('leaderElection: { enabled: true, leaderElectionID: "" }\n');
  expect(config?.leaderElection).toEqual({ enabled: true, leaderElectionID: "kubernetes-event-exporter" });
});

test("units become numbers, and rules and receivers know their place", () => {
  const { config } = parse(`namespace: one
namespaces: two
buffer: { events: 10, bytes: 1.5kB }
shutdownTimeout: 1m30s
route:
  drop:
    - type: ""
      labels: { app: "" }
  routes:
    - match:
        - receiver: a
          minCount: 3
receivers:
  - name: a
    batch: { count: 2, bytes: 1MiB, linger: 250ms }
    concurrency: 2
    timeout: 5
    retry: { max: 1h }
    rateLimit: 0.5
    maxAge: 1d
    updates: first
    webhook:
      endpoint: http://x
`);
  expect(config).toMatchObject({
    namespaces: ["one", "two"],
    buffer: { events: 10, bytes: 1_500 },
    shutdownTimeoutMs: 90_000,
  });
  expect(config).not.toHaveProperty("namespace");
  expect(config?.route).toEqual({
    drop: [{ labels: { app: "" }, at: { line: 7, column: 7 } }],
    match: [],
    routes: [
      {
        drop: [],
        match: [{ receiver: "a", minCount: 3, at: { line: 11, column: 11 } }],
        routes: [],
        at: { line: 10, column: 7 },
      },
    ],
    at: { line: 6, column: 3 },
  });
  expect(config?.receivers).toEqual([
    {
      name: "a",
      sink: "webhook",
      config: { endpoint: "http://x", method: "POST", headers: {}, gzip: false },
      batch: { count: 2, bytes: 1_048_576, lingerMs: 250 },
      concurrency: 2,
      timeoutMs: 5_000,
      retry: { minMs: 500, maxMs: 3_600_000 },
      rateLimit: { eventsPerSecond: 0.5 },
      maxAgeMs: 86_400_000,
      updates: "first",
      at: { line: 14, column: 11 },
    },
  ]);
});

test("layouts keep their types", () => {
  const { config } = parse(
    `${BASE}receivers: [{ name: a, stdout: { layout: { a: 5, b: 1.50, c: true, d: ~, e: 1e3, f: 2020-01-02, g: 0x10, h: 010, i: yes, j: [1, { k: "x" }], "@t": "5" } } }]\n`,
  );
  expect(config?.receivers[0]?.config.layout).toEqual({
    a: 5,
    b: 1.5,
    c: true,
    d: null,
    e: "1e3",
    f: "2020-01-02",
    g: 16,
    h: 8,
    i: "yes",
    j: [1, { k: "x" }],
    "@t": "5",
  });
});

describe("values from outside", () => {
  const ENV = { FOO: "bar", SECRET: "a: b # c", LINES: "l1\nl2: x", NUMBER: "60", FALSE: "false", QUOTES: "p$w'\"" };
  const value = (text: string) => parse(`clusterName: ${text}\n`, ENV, { "/t": "tok\n" }).config?.clusterName;

  const cases: Readonly<Record<string, string>> = {
    "\u0024{FOO}-$FOO": "bar-bar",
    "\u0024{SECRET}": "a: b # c",
    '"\u0024{LINES}"': "l1\nl2: x",
    "\u0024{QUOTES}": "p$w'\"",
    "\u0024{NUMBER}": "60",
    "\u0024{FALSE}": "false",
    "\u0024{file:/t}!": "tok!",
    "\u0024\u0024{FOO}": "\u0024{FOO}",
    a$$FOO: "a$FOO",
    "'^x$|^y$'": "^x$|^y$",
    a$1b$$: "a$1b$$",
    "'{{ $x := .Reason }}{{ $x }}$FOO'": "{{ $x := .Reason }}{{ $x }}bar",
    '\'{{ regexReplaceAll "a" .Message "\u0024{1}" }}\'': '{{ regexReplaceAll "a" .Message "\u0024{1}" }}',
  };
  for (const [text, expected] of Object.entries(cases)) test(text, () => expect(value(text)).toBe(expected));

  test("numbers and booleans are what they look like where they are wanted", () => {
    const { config, findings } = parse("maxEventAgeSeconds: $NUMBER\nomitLookup: \u0024{FALSE}\n", ENV);
    expect(config).toMatchObject({ maxEventAgeSeconds: 60, omitLookup: false });
    expect(findings.filter(({ code }) => code.startsWith("quoted"))).toEqual([]);
  });

  test("in flow maps, as if they were put in first", () => {
    const { config } = parse(
      `${BASE}receivers: [{ name: a, webhook: { endpoint: \u0024{U}, headers: { X: \u0024{FOO} } } }]\n`,
      {
        U: "http://u",
        FOO: "bar",
      },
    );
    expect(config?.receivers[0]?.config).toMatchObject({ endpoint: "http://u", headers: { X: "bar" } });
  });

  test("a secret from a file stays a reference", () => {
    const { config } = parse(
      `${BASE}receivers:\n  - name: a\n    webhook: { endpoint: http://x, proxy: "\u0024{file:/t}" }\n`,
      {},
      { "/t": "x" },
    );
    expect(config?.receivers[0]?.config.proxy).toEqual({ file: "/t" });
  });
});

test("anchors and merge keys", () => {
  const { config, findings } = parse(`x-hook: &hook { endpoint: http://x, headers: &h { A: b } }
route: { match: [{ receiver: a }, { receiver: b, type: Warning }] }
receivers:
  - name: a
    webhook: *hook
  - name: b
    webhook: { <<: *hook, headers: { <<: *h, C: d } }
`);
  expect(findings).toEqual([]);
  expect(config?.receivers.map(({ config }) => config.headers)).toEqual([{ A: "b" }, { A: "b", C: "d" }]);
});

test("aliases of aliases do not blow up", () => {
  const levels = Array.from(
    { length: 30 },
    (_, level) => `x-${level}: &a${level} [${level === 0 ? "1" : `*a${level - 1}, *a${level - 1}`}]`,
  );
  const { config, findings } = parse(`${levels.join("\n")}\n`);
  expect(config).toBeUndefined();
  expect(findings.map(({ code }) => code)).toContain("yaml-alias");
});

test("a key that would be a prototype is data", () => {
  const { config } = parse(
    `${BASE}receivers: [{ name: a, stdout: { layout: { __proto__: { b: 1 }, toString: x } } }]\nconstructor: 1\n`,
  );
  const layout = config?.receivers[0]?.config.layout as object;
  expect(Object.getPrototypeOf(layout)).toBe(Object.prototype);
  expect(Object.keys(layout)).toEqual(["toString"]);
});

describe("sidecar", () => {
  const sidecar = (yaml: string, env: Record<string, string>, files = {}) => parse(yaml, env, files).config?.sidecar;
  test("from the downward API", () => {
    expect(sidecar("sidecar: {}", { POD_NAMESPACE: "n", POD_NAME: "p" })).toEqual({ namespace: "n", pod: "p" });
  });
  test("from what every pod has", () => {
    const files = { "/var/run/secrets/kubernetes.io/serviceaccount/namespace": "n\n" };
    expect(sidecar("sidecar:", { HOSTNAME: "p" }, files)).toEqual({ namespace: "n", pod: "p" });
  });
  test("from the config", () => {
    expect(sidecar("sidecar: { namespace: n, pod: p }", {})).toEqual({ namespace: "n", pod: "p" });
  });
});

test("a receiver that cannot deliver is left out, and rules do not send to it", () => {
  const { config } = parse(`route: { match: [{ receiver: a }, { receiver: b }] }
receivers: [{ name: a, webhook: {} }, { name: b, stdout: }]
`);
  expect(config?.receivers.map(({ name }) => name)).toEqual(["b"]);
  expect(config?.route.match.map(({ receiver }) => receiver)).toEqual([undefined, "b"]);
});

test("a key of ours that is wrong is ignored, as the predecessor would", () => {
  const { config } = parse(`${BASE}buffer: 100
receivers: [{ name: a, retry: 3, timeout: 5s, webhook: { endpoint: http://x, method: POTS, gzip: true } }]
`);
  expect(config?.buffer).toEqual({ events: 10_000, bytes: 16_777_216 });
  expect(config?.receivers[0]).toMatchObject({
    timeoutMs: 5_000,
    retry: { minMs: 500, maxMs: 60_000 },
    config: { method: "POST", gzip: true },
  });
});

test.each([
  ["0.5", { eventsPerSecond: 0.5 }, undefined],
  ["{ bytesPerSecond: 64KiB }", { bytesPerSecond: 65_536 }, undefined],
  ["{ eventsPerSecond: 5, bytesPerSecond: 1kB }", { eventsPerSecond: 5, bytesPerSecond: 1_000 }, undefined],
  ["fast", undefined, '`rateLimit` must be a number or a map, not the text "fast"'],
  ["[1]", undefined, "`rateLimit` must be a number or a map, not a list"],
  [
    "{ bytesPerSecond: fast }",
    undefined,
    '`bytesPerSecond` of `rateLimit`: "fast" is not a number of bytes; write it like 16MiB',
  ],
  ["{ eventsPerSecond: many }", undefined, '`eventsPerSecond` of `rateLimit` must be a number, not the text "many"'],
  ["{ eventsPerSecond: 0 }", undefined, "`eventsPerSecond` must be more than 0"],
])("rateLimit: %s", (text, limit, finding) => {
  const { config, findings } = parse(
    `${BASE}receivers: [{ name: a, rateLimit: ${text}, webhook: { endpoint: http://x } }]\n`,
  );
  expect(config?.receivers[0]?.rateLimit).toEqual(limit);
  expect(findings[0]?.message).toBe(finding as string);
});

test("what a tab hides from the predecessor is hidden", () => {
  expect(parse("logLevel: debug\nroute:\n\tmatch:\n\t  - receiver: a\nclusterName: c\n").config).toMatchObject({
    logLevel: "debug",
    clusterName: "",
    route: { match: [] },
  });
});

describe("a template's fault is told in its place", () => {
  const place = (layout: string, line: number, column: number) => {
    const yaml = `${BASE}receivers:\n  - name: a\n    stdout:\n      layout:\n        t: ${layout}\n`;
    const { findings } = parseConfig(yaml, {
      file: "c",
      env: { FOO: "longer" },
      templateCheck: () => () => [{ code: "c", line, column, message: "x" }],
    });
    return findings.map((finding) => [finding.line, finding.column, finding.message]);
  };
  const rows: readonly (readonly [
    name: string,
    layout: string,
    at: readonly [number, number],
    expected: readonly [number, number],
  ])[] = [
    ["plain", "a {{ .X", [1, 3], [6, 14]],
    ["single quotes", "'it''s {{ .X'", [1, 6], [6, 19]],
    ["double quotes", '"a\\"b {{ .X"', [1, 5], [6, 18]],
    ["literal block", "|\n          a\n          b {{ .X", [2, 3], [8, 13]],
    ["folded block", ">-\n          a {{ .X", [1, 3], [7, 13]],
    ["after a variable", "$FOO {{ .X", [1, 8], [6, 12]],
  ];
  for (const [name, layout, [line, column], [wantedLine, wantedColumn]] of rows) {
    test(name, () => expect(place(layout, line, column)).toEqual([[wantedLine, wantedColumn, "x"]]));
  }
});

test("findings for people and for programs", () => {
  const loaded = parse(`foo: 1\n${BASE}receivers: [{ name: a, stdout: }]\nlogformat: json\n`);
  expect(describeFindings(loaded)).toBe(`c.yaml:1:1 error unknown-key: unknown key \`foo\` is ignored
 1 | foo: 1
   | ^
 hint: see \`petrel schema\` for the keys there are

c.yaml:4:1 warning alias-key: \`logformat\` is spelt \`logFormat\`
 4 | logformat: json
   | ^
 hint: write \`logFormat\`
`);
  expect(JSON.parse(findingsJson(loaded.findings))).toEqual([
    {
      severity: "error",
      code: "unknown-key",
      file: "c.yaml",
      line: 1,
      column: 1,
      message: "unknown key `foo` is ignored",
      hint: "see `petrel schema` for the keys there are",
    },
    {
      severity: "warning",
      code: "alias-key",
      file: "c.yaml",
      line: 4,
      column: 1,
      message: "`logformat` is spelt `logFormat`",
      hint: "write `logFormat`",
    },
  ]);
  expect(countFindings(loaded.findings)).toBe("1 error, 1 warning");
  expect(countFindings([])).toBe("no problems");
});

test("a hostile file makes a bounded answer", () => {
  const { findings } = parse(Array.from({ length: 5_000 }, (_, index) => `k${index}: 1`).join("\n"));
  expect(findings.length).toBe(500);
});

test("no text makes it throw, and nothing is refused without a reason", () => {
  const bits = [
    "\t",
    "{",
    "}",
    "]",
    ":",
    "- ",
    "\n",
    "  ",
    "'",
    '"',
    "*",
    "&a",
    "#",
    "|",
    "{{",
    "\u0024{",
    "：",
    "\r\n",
    "---\n",
    "<<: ",
    "@",
  ];
  const seed = readFileSync(join(import.meta.dir, "../../configs/webhook.yaml"), "utf8");
  let state = 1;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return (state >> 8) % below;
  };
  for (let round = 0; round < 150; round++) {
    let yaml = seed;
    for (let edits = random(4); edits >= 0; edits--) {
      const at = random(yaml.length);
      yaml = yaml.slice(0, at) + bits[random(bits.length)] + yaml.slice(at + random(10));
    }
    const { config, findings } = parse(yaml);
    if (!config)
      expect(
        findings.map(({ severity }) => severity),
        yaml,
      ).toContain("error");
    for (const { line, column } of findings) expect(Math.min(line, column), yaml).toBeGreaterThan(0);
  }
});

describe("a child", () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-config-"));
  const file = join(folder, "c.yaml");
  writeFileSync(file, "clusterName: $FOO\nfoo: 1\n");
  const command = [process.execPath, join(import.meta.dir, "../../src/main.ts")];
  const env = { ...process.env, FOO: "bar" };

  test("gives what loading it here gives", async () => {
    const loaded = await loadInChild({ file }, { command, env });
    expect(loaded).toEqual(loadConfig(file, { env }));
    expect(loaded.config?.clusterName).toBe("bar");
  });

  test("says why a file cannot be read", async () => {
    const error = await loadInChild({ file: join(folder, "nope") }, { command, env }).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain("cannot be read (ENOENT)");
  });

  test("that cannot be started is done without", async () => {
    const loaded = await loadInChild({ file }, { command: [join(folder, "no-such-program")], env });
    expect(loaded.config?.clusterName).toBe("bar");
    rmSync(folder, { recursive: true });
  });
});

test.each([
  ["bad indentation", "route:\r\n    - type: Normal\r\n  match:\r\n    - receiver: a\r\n  x:\r\n"],
  ["tabs", "route:\r\n\tmatch:\r\n\t\t- receiver: a\r\n"],
  ["templates", "receivers:\r\n  - name: {{ x }}\r\n    stdout: {}\r\n"],
])("lines that end as on Windows: %s is mended as elsewhere", (_, text) => {
  const codes = (yaml: string) => parse(yaml).findings.map(({ code, line, column }) => [code, line, column]);
  expect(codes(text)).toEqual(codes(text.replaceAll("\r", "")));
});

test("an item of a list is called so, and a full-width colon in it is named", () => {
  const { findings } = parseConfig("route:\n  match:\n    - receiver：dump\n", { file: "c.yaml", env: {} });
  expect(findings.filter(({ code }) => code === "wrong-type")).toMatchObject([
    {
      line: 3,
      message: 'an item of `match` must be a map, not the text "receiver：dump"',
      hint: "`：` is a full-width colon; write `:` and a space",
    },
  ]);
});

test("a choice that may be empty is shown as one", () => {
  const yaml = "receivers:\n  - name: s\n    syslog: { network: foo }\n";
  const { findings } = parseConfig(yaml, { file: "c.yaml", env: {} });
  expect(findings.find(({ code }) => code === "wrong-value")?.message).toStartWith(
    '`network` must be one of "", udp, udp4,',
  );
});

test("gates: rates per second, windows in milliseconds, defaults where nothing is said", () => {
  const gates = `dedup: {}
throttle:
  - { rate: 30/m, summary: true }
  - { by: [involvedObject], rate: 0.5, burst: 2 }
`;
  const expected = {
    dedup: { by: ["namespace", "involvedObject", "reason", "message"], windowMs: 600_000 },
    throttle: [
      { by: ["namespace", "reason"], perSecond: 0.5, burst: 5, summary: true },
      { by: ["involvedObject"], perSecond: 0.5, burst: 2, summary: false },
    ],
  };
  const { config, findings } = parse(
    `${BASE}${gates}receivers:\n  - name: a\n    stdout: {}\n    updates: latest\n${gates.replace(/^/gm, "    ")}`,
  );
  expect(findings).toEqual([]);
  expect(config).toMatchObject(expected);
  expect(config?.receivers[0]).toMatchObject({ ...expected, updates: "latest" });
});

test.each([
  ["rate: 20/week", '`rate`: "20/week" is not a rate; write it like 20/m'],
  ["rate: 0", "`rate`: 0 is not a rate; write it like 20/m"],
  ["by: [], rate: 1/s", "`by` must be at least 1"],
  ["by: [uid], rate: 1/s", "an item of `by` must be one of namespace, involvedObject"],
  ["burst: 3", "`rate` is required"],
])("gates: %s", (written, message) => {
  const { findings } = parse(`${BASE}receivers: [{ name: a, stdout: {} }]\nthrottle: [{ ${written} }]\n`);
  expect(findings.map((finding) => finding.message).join()).toContain(message);
});

test("in a receiver in eta, what it does not mention keeps its default, which is a Go template", () => {
  const of = (sink: string) =>
    parse(`${BASE}receivers: [{ name: a, language: eta, ${sink} }]`).config?.receivers[0]?.config;
  expect(of('gotify: { url: "http://x", token: t, message: "<%= it.Reason %>", priority: 3 }')).toMatchObject({
    title: { go: "{{ .Reason }}: {{ .InvolvedObject.Name }}" },
    message: "<%= it.Reason %>",
    priority: "3",
    token: "t",
  });
  expect(of("prometheus: {}")?.labels).toMatchObject({ reason: { go: "{{ .Reason }}" } });
  expect(of('prometheus: { labels: { a: "{{ b }}" } }')?.labels).toEqual({ a: "{{ b }}" });
  expect(of("opsgenie: { apiKey: k, tags: [a] }")).toMatchObject({
    priority: { go: "P3" },
    tags: ["a"],
    service: "opsgenie",
  });
});
