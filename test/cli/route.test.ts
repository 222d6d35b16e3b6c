import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { petrel } from "./io.ts";

const CLI = join(import.meta.dir, "../fixtures/cli");
const OBSERVED = join(import.meta.dir, "../fixtures/exporter/event.json");
const TREE = join(CLI, "tree.yaml");

const anEvent = (namespace: string, more: object = {}) => ({
  metadata: { name: "e1", namespace, uid: "u1", resourceVersion: "7" },
  type: "Warning",
  reason: "BackOff",
  message: "Back-off\nrestarting",
  count: 4,
  involvedObject: { kind: "Pod", namespace, name: "web-1" },
  ...more,
});
const route = (stdin: string, ...flags: string[]) => petrel(["route", "-c", TREE, ...flags, "-"], { stdin });

describe("route explains in words", () => {
  test("who receives and who does not, with the lines of the rules", async () => {
    const { code, out, err } = await route(JSON.stringify(anEvent("prod")));
    expect(out).toBe(`Warning BackOff Pod prod/web-1: Back-off restarting
goes to: dump, alerts, prod
  dump    yes  line 16: asks nothing, so every event matches
  alerts  yes  line 21: kind "Pod" matches "Pod|Deployment"
               line 30: matches, too; a receiver gets an event once
  prod    yes  line 23: namespace "prod" matches "^prod$", count 4 reaches minCount 3
  spare   no   line 28: labels.tier: the labels of the object are not known
`);
    expect(code).toBe(0);
    expect(err).toBe("");
  });

  test("what a sub-route lacks to be entered, and several events apart", async () => {
    const events = [anEvent("default"), anEvent("kube-system")].map((event) => JSON.stringify(event)).join("\n");
    const { code, out } = await route(events);
    expect(out).toBe(`Warning BackOff Pod default/web-1: Back-off restarting
goes to: dump, alerts
  dump    yes  line 16: asks nothing, so every event matches
  alerts  yes  line 21: kind "Pod" matches "Pod|Deployment"
               line 30: not asked, because its route is entered only if the rule in line 23 matches, and it does not: namespace "default" does not match "^prod$"
  prod    no   line 23: namespace "default" does not match "^prod$"
  spare   no   line 28: not asked, because its route is entered only if the rule in line 23 matches, and it does not: namespace "default" does not match "^prod$"

Warning BackOff Pod kube-system/web-1: Back-off restarting
goes to: nobody
  dump    no   line 16: not asked, because the drop rule in line 14 matched: namespace "kube-system" matches "^kube-"
  alerts  no   line 21: not asked, because the drop rule in line 14 matched: namespace "kube-system" matches "^kube-"
               line 30: not asked, because the drop rule in line 14 matched: namespace "kube-system" matches "^kube-"
  prod    no   line 23: not asked, because the drop rule in line 14 matched: namespace "kube-system" matches "^kube-"
  spare   no   line 28: not asked, because the drop rule in line 14 matched: namespace "kube-system" matches "^kube-"
`);
    expect(code).toBe(0);
  });
});

test("route as JSON: receivers in order of delivery, and why", async () => {
  const events = [anEvent("prod"), anEvent("kube-system")].map((event) => JSON.stringify(event)).join("\n");
  const { code, out } = await route(events, "--output", "json");
  const [first, second, ...more] = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(more).toEqual([]);
  expect(code).toBe(0);
  expect(first.receivers).toEqual(["dump", "alerts", "prod"]);
  expect(first.event).toEqual({
    id: "u1.7",
    type: "Warning",
    reason: "BackOff",
    kind: "Pod",
    namespace: "prod",
    name: "web-1",
  });
  expect(first.why[3]).toEqual({
    receiver: "spare",
    receives: false,
    why: ["line 28: labels.tier: the labels of the object are not known"],
  });
  expect(first.route.routes[0].match[1]).toEqual({
    line: 23,
    outcome: "sent",
    receiver: "prod",
    conditions: [
      { field: "namespace", pattern: "^prod$", value: "prod", matched: true },
      { field: "minCount", pattern: 3, value: 4, matched: true },
    ],
  });
  expect(second.receivers).toEqual([]);
});

test("compat: exporter sends twice to a receiver that matches twice", async () => {
  const { out } = await route(JSON.stringify(anEvent("prod")), "-o", "json", "--compat", "exporter");
  expect(JSON.parse(out).receivers).toEqual(["dump", "alerts", "prod", "alerts"]);
});

describe("EVENT", () => {
  const core = anEvent("prod");
  const modern = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: "m", namespace: "prod", uid: "u2", resourceVersion: "8" },
    regarding: { kind: "Deployment", name: "web", namespace: "prod" },
    note: "n",
    deprecatedCount: 3,
  };
  const rows: [string, string, string[]][] = [
    ["core/v1", JSON.stringify(core), ["u1.7"]],
    ["indented", JSON.stringify(core, null, 2), ["u1.7"]],
    ["events.k8s.io/v1", JSON.stringify(modern), ["u2.8"]],
    ["a list", JSON.stringify({ kind: "List", apiVersion: "v1", items: [core, modern] }), ["u1.7", "u2.8"]],
    ["an array", JSON.stringify([core, [modern]]), ["u1.7", "u2.8"]],
    ["lines", `${JSON.stringify(core)}\n${JSON.stringify(modern)}\n`, ["u1.7", "u2.8"]],
    [
      "what kubectl get --watch prints",
      [core, modern].map((event) => JSON.stringify(event, null, 4)).join("\n"),
      ["u1.7", "u2.8"],
    ],
    ["a watch", JSON.stringify({ type: "ADDED", object: core }), ["u1.7"]],
    ["the exporter's JSON", readFileSync(OBSERVED, "utf8"), ["ba30f343-3351.101"]],
    ["characters cut in two", JSON.stringify({ ...core, message: "ä€😀".repeat(9) }), ["u1.7"]],
  ];
  test.each(rows)("may be %s", async (_, stdin, ids) => {
    const { code, out } = await route(stdin, "-o", "json");
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).event.id),
    ).toEqual(ids);
    expect(code).toBe(0);
  });

  test("may be a file, from where the user stands", async () => {
    const cwd = join(import.meta.dir, "../fixtures");
    const { code, out } = await petrel(["route", "-c", "cli/tree.yaml", "exporter/event.json"], { cwd });
    expect(out).toStartWith('Warning BackOff Pod default/web-1: Back-off <restarting> failed & "container"\n');
    expect(code).toBe(0);
  });

  test("may be a YAML file of several documents", async () => {
    const { code, out } = await petrel(["route", "-c", "tree.yaml", "-o", "json", "events.yaml"], { cwd: CLI });
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).receivers),
    ).toEqual([["dump", "alerts", "prod"], ["dump"]]);
    expect(code).toBe(0);
  });

  test("that is none is told in its place, and the others are answered", async () => {
    const stdin = `${JSON.stringify(core)}\n{"kind":"Pod","metadata":{}}\nnonsense\n${JSON.stringify(modern)}`;
    const words = await route(stdin);
    expect(words.err).toBe(
      'petrel: standard input:2: expected involvedObject or regarding, in an object of kind Pod\npetrel: standard input:3: not JSON: "nonsense"\n',
    );
    expect(words.out.match(/^goes to/gm)).toHaveLength(2);
    expect(words.code).toBe(1);
    const json = await route(stdin, "-o", "json");
    expect(
      json.out
        .trimEnd()
        .split("\n")
        .map((line) => Object.keys(JSON.parse(line))[0]),
    ).toEqual(["receivers", "error", "error", "receivers"]);
    expect(json.code).toBe(1);
  });

  test.each([
    ["", "-", "no event in standard input"],
    ["", "nowhere.json", "there is no event file nowhere.json"],
    ["", "shop/nowhere.json", "there is no event file shop/nowhere.json"],
    ["", ".", "cannot read the event file . (EISDIR)"],
  ])("%j %s: %s", async (stdin, argument, message) => {
    const { code, err } = await petrel(["route", "-c", TREE, argument], { stdin });
    expect(err).toContain(message);
    expect(code).toBe(2);
  });
});

test.each([
  ["a config that is not there", ["-c", "nowhere.yaml"], "nowhere.yaml cannot be read (ENOENT)"],
  ["a config that nothing can run from", ["-c", "broken.yaml"], "broken.yaml:2:"],
])("%s", async (_, flags, message) => {
  const { code, out, err } = await petrel(["route", ...flags, OBSERVED], { cwd: CLI });
  expect(err).toContain(message);
  expect(out).toBe("");
  expect(code).toBe(2);
});
