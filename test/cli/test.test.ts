import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { differences, diffLines } from "../../src/cli/test-value.ts";
import { petrel } from "./io.ts";

const CONFIGS = join(import.meta.dir, "../../configs");

describe("the tests in configs/ pass", () => {
  const tested = readdirSync(CONFIGS).filter(
    (name) => name.endsWith(".yaml") && /^tests:/m.test(readFileSync(join(CONFIGS, name), "utf8")),
  );
  test.each(tested)("%s", async (name) => {
    const { code, out } = await petrel(["test", "-c", join(CONFIGS, name)]);
    expect({ code, out: out.split("\n").at(-2) }).toEqual({
      code: 0,
      out: expect.stringMatching(/^\d+ passed, 0 failed$/),
    });
  });
  test("are there", () => expect(tested.length).toBeGreaterThan(1));
});

const folder = mkdtempSync(join(tmpdir(), "petrel-test-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "events"));
const event = { metadata: { name: "e", namespace: "shop" }, involvedObject: { kind: "Pod", name: "web-1" } };
writeFileSync(
  join(folder, "events/two.json"),
  ["Failed", "Killing"].map((reason) => JSON.stringify({ ...event, type: "Warning", reason, message: "m" })).join("\n"),
);

const REST = `route:
  match:
    - receiver: log
    - { reason: Failed, receiver: alerts }
receivers:
  - { name: log, stdout: { layout: { reason: "{{ .Reason }}", object: { name: "{{ .InvolvedObject.Name }}" } } } }
  - { name: alerts, syslog: { network: udp, address: "127.0.0.1:9" } }
  - { name: broken, stdout: { layout: { a: "{{ index .InvolvedObject.OwnerReferences 3 }}" } } }
tests:
`;

async function run(tests: string, ...flags: string[]) {
  writeFileSync(join(folder, "c.yaml"), REST + tests);
  return await petrel(["test", "-c", "c.yaml", ...flags], { cwd: folder });
}

test("each event of a file must meet what is expected", async () => {
  const { code, out } = await run(`  - name: both
    event: events/two.json
    expect: { receivers: [log, alerts] }
  - name: one
    event: { reason: Failed, metadata: {}, involvedObject: {} }
    expect: { receivers: [log, alerts], payload: { log: '{"object":{"name":""},"reason":"Failed"}' } }
`);
  expect(out).toBe(`FAIL  both (c.yaml:10)
  Warning Killing Pod web-1: m
    receivers: - expected, + got
      - log, alerts
      + log
      alerts does not: line 4: reason "Killing" does not match "Failed"
ok    one
1 passed, 1 failed
`);
  expect(code).toBe(1);
});

test("a payload's difference is shown in its lines", async () => {
  const { code, out } = await run(`  - name: payload
    event: { reason: Failed, message: m, metadata: {}, involvedObject: { name: web-1 } }
    expect:
      payload:
        log: { object: { name: web-2 }, reason: Failed }
        alerts: { .reason: Failed }
        broken: {}
        nobody: ""
  - name: paths
    event: [{ reason: Failed, metadata: {}, involvedObject: { name: web-1 } }]
    expect: { payload: { log: { .reason: Failed, .object.name: web-1, ".object.uid": u } } }
`);
  expect(out).toBe(`FAIL  payload (c.yaml:10)
  Failed web-1: m
    payload of log: - expected, + got
        {
          "object": {
      -     "name": "web-2"
      +     "name": "web-1"
          },
          "reason": "Failed"
        }
    payload of alerts: the payload is not JSON; expect its text
    payload of broken: the template "{{ index .InvolvedObject.OwnerReferences 3 }}" failed: template: template:1:3: executing "template" at <index .InvolvedObject.OwnerReferences 3>: error calling index: index out of range: 3
    payload of nobody: there is no receiver nobody
FAIL  paths (c.yaml:18)
  Failed web-1: 
    payload of log at .object.uid: the payload has nothing there
0 passed, 2 failed
`);
  expect(code).toBe(1);
});

test("events that are none, or not there, fail", async () => {
  const { out } = await run(`  - { name: none, event: { kind: Pod }, expect: {} }
  - { name: file, event: shop/web, expect: {} }
`);
  expect(out).toBe(`FAIL  none (c.yaml:10)
    event: event: expected an event with metadata
FAIL  file (c.yaml:11)
    event: there is no event file shop/web
0 passed, 2 failed
`);
});

test("one can be chosen, and programs can read it", async () => {
  const tests = `  - { name: first one, event: events/two.json, expect: { receivers: [log] } }
  - { name: second one, event: { metadata: {}, involvedObject: {} }, expect: { receivers: log } }
`;
  expect(await run(tests, "--filter", "second", "-o", "json")).toEqual({
    code: 0,
    out: '{"name":"second one","line":11,"passed":true,"failures":[]}\n',
    err: "",
  });
  const { out } = await run(tests, "--filter", "first", "-o", "json");
  expect(JSON.parse(out)).toMatchObject({
    passed: false,
    failures: [{ about: "receivers", expected: ["log"], actual: ["log", "alerts"] }],
  });
  expect(await run(tests, "--filter", "third")).toMatchObject({
    code: 2,
    err: 'petrel: test: none of the 2 tests has "third" in its name\nsee petrel test --help\n',
  });
  expect(await run("  []\n")).toMatchObject({ code: 2 });
});

test("a mistake in a test is a finding", async () => {
  const { code, err } = await run("  - { name: a, event: {}, expects: {} }\n");
  expect(code).toBe(2);
  expect(err).toContain("c.yaml has no tests");
  const check = async () => (await petrel(["check", "-c", "c.yaml"], { cwd: folder })).out;
  expect(await check()).toContain("did you mean `expect`?");
  await run("  - { name: a, event: {}, expect: { receivers: [lgo] } }\n");
  expect(await check()).toContain("there is no receiver `lgo`: this test fails");
});

const VALUES: readonly [string, unknown, string, number][] = [
  ["the text", "a\nb", "a\nb\n", 0],
  ["another text", "a", "b\n", 1],
  ["an object, in any order", { b: [1], a: null }, '{"a":null,"b":[1]}', 0],
  ["a list", [1, "2"], '[1,"2"]', 0],
  ["a number for a text", { a: 5 }, '{"a":"5"}', 1],
  ["a list's item", { ".a[1].b": 2 }, '{"a":[1,{"b":2}]}', 0],
  [
    "a key with dots",
    { '.l["app.kubernetes.io/name"]': "web", ".l.@x": 1 },
    '{"l":{"app.kubernetes.io/name":"web","@x":1}}',
    0,
  ],
  ["several paths", { ".a": 1, ".b": 2, ".c": 3 }, '{"a":1,"b":3}', 2],
  ["an empty object", {}, "{}", 0],
  ["a path of a prototype", { ".constructor": 1 }, "{}", 1],
];
test.each(VALUES)("compared: %s", (_, expected, payload, count) => {
  expect(differences(expected, payload)).toHaveLength(count);
});

test("long differences do not cost their square", () => {
  const long = Array.from({ length: 5_000 }, (_, index) => index);
  expect(diffLines(long, []).length).toBe(5_003);
});
