import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RouteConfig, RuleConfig } from "../../src/config/types.ts";
import type { Event } from "../../src/event.ts";
import { normalise } from "../../src/normalise.ts";
import { compileRoute } from "../../src/pipeline/route.ts";

const FIXTURES = join(import.meta.dir, "../fixtures/exporter");
const observed = normalise(JSON.parse(readFileSync(join(FIXTURES, "event.json"), "utf8")));

type RuleInput = Omit<RuleConfig, "at">;
interface RouteInput {
  readonly drop?: readonly RuleInput[];
  readonly match?: readonly RuleInput[];
  readonly routes?: readonly RouteInput[];
}

/** Lines count the routes and rules in the order in which they are written. */
function tree(input: RouteInput): RouteConfig {
  let line = 0;
  const at = () => ({ line: ++line, column: 1 });
  const build = ({ drop = [], match = [], routes = [] }: RouteInput): RouteConfig => ({
    at: at(),
    drop: drop.map((rule) => ({ ...rule, at: at() })),
    match: match.map((rule) => ({ ...rule, at: at() })),
    routes: routes.map(build),
  });
  return build(input);
}

function anEvent(fields: object = {}): Event {
  return normalise({
    metadata: { name: "e", namespace: "default", uid: "u", resourceVersion: "1" },
    involvedObject: {},
    ...fields,
  });
}

const RECEIVERS = ["a", "b", "c", "osman", "any"];

function received(input: RouteInput, event: Event, compat = false): string[] {
  const router = compileRoute(tree(input), RECEIVERS, { compat });
  const names = router.route(event).map((index) => RECEIVERS[index] ?? "?");
  expect(router.explain(event).receivers).toEqual(names);
  return names;
}

describe("a rule, as kubernetes-event-exporter was seen to decide", () => {
  const rows: { rule: Record<string, unknown>; matches: boolean }[] = JSON.parse(
    readFileSync(join(FIXTURES, "rules.json"), "utf8"),
  );
  const NAMES: Record<string, string> = { APIVersion: "apiVersion", MinCount: "minCount" };
  test.each(rows)("%j", ({ rule, matches }) => {
    const config = Object.fromEntries(
      Object.entries(rule).map(([key, value]) => [NAMES[key] ?? key.charAt(0).toLowerCase() + key.slice(1), value]),
    );
    for (const compat of [true, false]) {
      expect(received({ match: [{ ...config, receiver: "a" }] }, observed, compat)).toEqual(matches ? ["a"] : []);
    }
  });
});

// The cases of the exporter's rule_test.go, in our own words.
describe("a rule", () => {
  const labelled = (labels: object, annotations: object = {}) => ({ involvedObject: { labels, annotations } });
  const rows: [string, RuleInput, object, boolean][] = [
    ["that asks nothing matches", {}, {}, true],
    ["by namespace", { namespace: "kube-system" }, { metadata: { namespace: "kube-system" } }, true],
    ["by another namespace", { namespace: "kube-system" }, { metadata: { namespace: "default" } }, false],
    ["by a pattern", { namespace: "kube-*" }, { metadata: { namespace: "kube-public" } }, true],
    ["by the object's namespace does not", { namespace: "shop" }, { involvedObject: { namespace: "shop" } }, false],
    ["by a label", { labels: { version: "dev" } }, labelled({ version: "dev" }), true],
    ["by a label's pattern", { labels: { version: "alpha|beta" } }, labelled({ version: "beta" }), true],
    ["by a label with another value", { labels: { version: "dev" } }, labelled({ version: "prod" }), false],
    ["by one of many labels", { labels: { version: "dev" } }, labelled({ version: "dev", tier: "x" }), true],
    ["by two labels", { labels: { version: "dev", tier: "x" } }, labelled({ version: "dev", tier: "x" }), true],
    [
      "by two labels of which one differs",
      { labels: { version: "dev", tier: "y" } },
      labelled({ version: "dev", tier: "x" }),
      false,
    ],
    ["by a label that is missing", { labels: { version: "dev" } }, labelled({ age: "old" }), false],
    ["by a label of a prototype", { labels: { constructor: "" } }, labelled({ age: "old" }), false],
    ["by labels of an object that has none", { labels: { version: "" } }, {}, false],
    ["by an annotation", { annotations: { owner: "me" } }, labelled({}, { owner: "me" }), true],
    ["by an annotation that is missing", { annotations: { owner: "me" } }, labelled({ owner: "me" }), false],
    [
      "by everything at once",
      {
        namespace: "kube-*",
        apiVersion: "^v1$",
        kind: "Pod|Deployment",
        labels: { version: "alpha|beta" },
        annotations: { age: "very" },
        reason: "Fail",
        type: "Warning",
      },
      {
        metadata: { namespace: "kube-system" },
        reason: "Failed",
        type: "Warning",
        involvedObject: {
          apiVersion: "v1",
          kind: "Pod",
          labels: { version: "alpha" },
          annotations: { age: "very old" },
        },
      },
      true,
    ],
    [
      "by everything but one",
      { namespace: "kube-*", kind: "Pod|Deployment", labels: { version: "alpha|beta" } },
      { metadata: { namespace: "kube-system" }, involvedObject: { kind: "Service", labels: { version: "alpha" } } },
      false,
    ],
    ["by message", { message: "pulled" }, { message: 'Successfully pulled image "nginx"' }, true],
    ["by another message", { message: "pulled$" }, { message: "pulled image" }, false],
    ["by count", { minCount: 30 }, { count: 30 }, true],
    ["by a count too small", { minCount: 30 }, { count: 29 }, false],
    ["by an end of text that no newline hides", { message: "a$" }, { message: "a\n" }, false],
  ];
  test.each(rows)("%s", (_, rule, fields, matches) => {
    const metadata = "metadata" in fields ? fields.metadata : {};
    const event = anEvent({ ...fields, metadata: { name: "e", uid: "u", ...(metadata as object) } });
    for (const compat of [true, false]) {
      expect(received({ match: [{ ...rule, receiver: "a" }] }, event, compat)).toEqual(matches ? ["a"] : []);
    }
  });
});

describe("fall-backs for new-style events, which the exporter does not have", () => {
  const scheduled = anEvent({
    reportingComponent: "default-scheduler",
    reportingInstance: "sched-1",
    series: { count: 4 },
  });
  const rows: [string, RuleInput, Event, boolean, boolean][] = [
    ["component", { component: "^default-scheduler$" }, scheduled, true, false],
    ["host", { host: "sched-[0-9]" }, scheduled, true, false],
    ["a series counts", { minCount: 4 }, scheduled, true, false],
    ["a series that is too short", { minCount: 5 }, scheduled, false, false],
    ["what was seen was seen once", { minCount: 1 }, anEvent(), true, false],
    [
      "the source comes first",
      { component: "scheduler" },
      anEvent({ source: { component: "kubelet" }, reportingComponent: "scheduler" }),
      false,
      false,
    ],
  ];
  test.each(rows)("%s", (_, rule, event, matches, inCompat) => {
    expect(received({ match: [{ ...rule, receiver: "a" }] }, event)).toEqual(matches ? ["a"] : []);
    expect(received({ match: [{ ...rule, receiver: "a" }] }, event, true)).toEqual(inCompat ? ["a"] : []);
  });
});

// The cases of the exporter's route_test.go and engine_test.go, and what was seen of the real program.
describe("a route", () => {
  const kube = { metadata: { namespace: "kube-system", uid: "u" } };
  const rows: [string, RouteInput, object, string[]][] = [
    ["that is empty sends nowhere", {}, {}, []],
    ["with a rule that matches", { match: [{ namespace: "kube-system", receiver: "osman" }] }, kube, ["osman"]],
    [
      "with a drop rule that matches",
      { drop: [{ namespace: "kube-system" }], match: [{ receiver: "osman" }] },
      kube,
      [],
    ],
    ["with an empty drop rule drops everything", { drop: [{}], match: [{ receiver: "any" }] }, {}, []],
    [
      "with two rules that match",
      { match: [{ namespace: "kube", receiver: "osman" }, { receiver: "any" }] },
      kube,
      ["osman", "any"],
    ],
    [
      "sends by each rule alone",
      { match: [{ namespace: "^x$", receiver: "osman" }, { receiver: "any" }] },
      kube,
      ["any"],
    ],
    [
      "leads to its sub-route",
      { match: [{ namespace: "kube-system" }], routes: [{ match: [{ receiver: "osman" }] }] },
      kube,
      ["osman"],
    ],
    [
      "sends at every level",
      {
        match: [{ namespace: "kube-*", receiver: "osman" }],
        routes: [{ match: [{ receiver: "any" }], routes: [{ match: [{ receiver: "a" }] }] }],
      },
      kube,
      ["osman", "any", "a"],
    ],
    [
      "that drops at the leaf keeps what its parents sent",
      {
        match: [{ namespace: "kube-*", receiver: "osman" }],
        routes: [
          {
            match: [{ receiver: "any" }],
            routes: [{ drop: [{ namespace: "kube-system" }], match: [{ receiver: "a" }] }],
          },
        ],
      },
      kube,
      ["osman", "any"],
    ],
    [
      "is not entered below when one of its rules fails",
      { match: [{ receiver: "osman" }, { namespace: "^x$" }], routes: [{ match: [{ receiver: "any" }] }] },
      kube,
      ["osman"],
    ],
    [
      "lets its siblings run whatever it does",
      {
        routes: [
          { drop: [{}], match: [{ receiver: "a" }] },
          { match: [{ receiver: "b" }] },
          { match: [{ receiver: "c" }] },
        ],
      },
      kube,
      ["b", "c"],
    ],
    [
      "that drops Normal and matches a reason",
      {
        routes: [
          { drop: [{ type: "Normal" }], match: [{ reason: "FailedCreatePodContainer", receiver: "osman" }] },
          { match: [{ reason: "Created", receiver: "a" }] },
        ],
      },
      { type: "Warning", reason: "FailedCreatePodContainer" },
      ["osman"],
    ],
    ["with a receiver that does not exist", { match: [{ receiver: "nobody" }, { receiver: "a" }] }, {}, ["a"]],
    [
      "with a pattern that is not RE2 never drops",
      { drop: [{ namespace: "*" }], match: [{ receiver: "a" }] },
      kube,
      ["a"],
    ],
    [
      "sends in the order of its rules",
      { match: [{ receiver: "c" }, { receiver: "a" }, { receiver: "b" }] },
      {},
      ["c", "a", "b"],
    ],
  ];
  test.each(rows)("%s", (_, route, fields, names) => {
    for (const compat of [true, false]) expect(received(route, anEvent(fields), compat)).toEqual(names);
  });

  test("sends once to a receiver that two rules name; the exporter twice", () => {
    const route = { match: [{ receiver: "a" }], routes: [{ match: [{ receiver: "b" }, { receiver: "a" }] }] };
    expect(received(route, anEvent())).toEqual(["a", "b"]);
    expect(received(route, anEvent(), true)).toEqual(["a", "b", "a"]);
  });
});

test("remembered answers stay right, and bounded, over any number of values", () => {
  const router = compileRoute(tree({ match: [{ reason: "(?i)^r[0-9]*7$", receiver: "a" }] }), ["a"], { compat: false });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3_000; i++) {
      const routed = router.route(anEvent({ reason: `R${i}` })).length;
      if (routed !== (i % 10 === 7 ? 1 : 0)) expect(`${round} ${i} ${routed}`).toBe("right");
    }
  }
  expect(router.route(anEvent({ reason: `R${"1".repeat(10_000)}7` }))).toEqual([0]);
});

test("an explanation tells every step", () => {
  const route = tree({
    drop: [{ namespace: "*test*" }, { type: "Normal" }],
    match: [
      { kind: "^Pod$", labels: { app: "web", tier: "gold" }, minCount: 9, receiver: "a" },
      { receiver: "b" },
      { receiver: "b" },
    ],
    routes: [{ drop: [{ reason: "Back" }], match: [{ receiver: "c" }] }, { match: [{ receiver: "nobody" }] }],
  });
  expect(compileRoute(route, RECEIVERS, { compat: false }).explain(observed)).toEqual({
    receivers: ["b"],
    route: {
      line: 1,
      entered: true,
      drop: [
        {
          line: 2,
          outcome: "unmatched",
          conditions: [
            {
              field: "namespace",
              pattern: "*test*",
              value: "default",
              matched: false,
              why: expect.stringContaining("is not RE2 and never matches: error parsing regexp: missing argument"),
            },
          ],
        },
        {
          line: 3,
          outcome: "unmatched",
          conditions: [{ field: "type", pattern: "Normal", value: "Warning", matched: false }],
        },
      ],
      match: [
        {
          line: 4,
          outcome: "unmatched",
          receiver: "a",
          conditions: [
            { field: "kind", pattern: "^Pod$", value: "Pod", matched: true },
            { field: "labels.app", pattern: "web", value: "web", matched: true },
            { field: "labels.tier", pattern: "gold", value: null, matched: false, why: "the object has no such label" },
            { field: "minCount", pattern: 9, value: 7, matched: false },
          ],
        },
        { line: 5, outcome: "sent", receiver: "b", conditions: [] },
        { line: 6, outcome: "again", receiver: "b", conditions: [] },
      ],
      routes: [
        {
          line: 7,
          entered: false,
          drop: [{ line: 8, outcome: "skipped", conditions: [] }],
          match: [{ line: 9, outcome: "skipped", receiver: "c", conditions: [] }],
          routes: [],
        },
        {
          line: 10,
          entered: false,
          drop: [],
          match: [{ line: 11, outcome: "skipped", receiver: "nobody", conditions: [] }],
          routes: [],
        },
      ],
    },
  });
});

describe("rule fields that the exporter does not have", () => {
  const web = {
    type: "Warning",
    reason: "BackOff",
    count: 4,
    reportingComponent: "kubelet",
    reportingInstance: "node-1",
    metadata: { name: "e", namespace: "kube-system", uid: "u", resourceVersion: "1" },
    involvedObject: { kind: "Pod", name: "web-1", labels: { tier: "gold" } },
  };
  const rows: [string, RuleInput, boolean][] = [
    ["name", { name: "^web-" }, true],
    ["another name", { name: "^db-" }, false],
    ["reportingComponent", { reportingComponent: "kubelet" }, true],
    ["another reportingComponent", { reportingComponent: "scheduler" }, false],
    ["reportingInstance", { reportingInstance: "^node-1$" }, true],
    ["maxCount", { maxCount: 4 }, true],
    ["maxCount exceeded", { maxCount: 3 }, false],
    ["between two counts", { minCount: 4, maxCount: 4 }, true],
    ["not, of one condition that holds", { not: { namespace: "^kube-" } }, false],
    ["not, of one that does not", { not: { namespace: "^shop-" } }, true],
    ["not, of two that both hold", { not: { namespace: "^kube-", reason: "BackOff" } }, false],
    ["not, of two of which one holds", { not: { namespace: "^kube-", reason: "Killing" } }, true],
    ["not, of a label", { not: { labels: { tier: "gold" } } }, false],
    ["not, of a label that is absent", { not: { labels: { team: "" } } }, true],
    ["not, of counts", { not: { minCount: 5 } }, true],
    ["a condition beside not", { type: "Warning", not: { name: "^db-" } }, true],
    ["a condition that fails beside not", { type: "Normal", not: { name: "^db-" } }, false],
    ["not, of nothing, never", { not: {} }, false],
  ];
  test.each(rows)("%s", (_, rule, matches) => {
    expect(received({ match: [{ ...rule, receiver: "a" }] }, normalise(web))).toEqual(matches ? ["a"] : []);
  });

  test("each has its say in an explanation", () => {
    const rule = { maxCount: 3, not: { namespace: "^kube-", labels: { tier: "gold" } }, receiver: "a" };
    const { route } = compileRoute(tree({ match: [rule] }), RECEIVERS, { compat: false }).explain(normalise(web));
    expect(route.match[0]?.conditions).toEqual([
      { field: "maxCount", pattern: 3, value: 4, matched: false },
      {
        field: "not",
        pattern: "",
        value: null,
        matched: false,
        conditions: [
          { field: "namespace", pattern: "^kube-", value: "kube-system", matched: true },
          { field: "labels.tier", pattern: "gold", value: "gold", matched: true },
        ],
      },
    ]);
  });

  test("reportingComponent alone is not the old-style source", () => {
    const old = anEvent({ source: { component: "kubelet" } });
    expect(received({ match: [{ reportingComponent: "kubelet", receiver: "a" }] }, old)).toEqual([]);
    expect(received({ match: [{ component: "kubelet", receiver: "a" }] }, old)).toEqual(["a"]);
  });
});
