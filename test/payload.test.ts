import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Event } from "../src/event.ts";
import { normalise } from "../src/normalise.ts";
import { compileLayout, compileLayoutObject, deDot, eventJson } from "../src/payload.ts";
import { anEvent, compileSimple } from "./contract.ts";

const fixture = (name: string) => readFileSync(`${import.meta.dir}/fixtures/exporter/${name}`, "utf8").trim();
const parsed = (line: string): Event => ({ id: "", objectKey: "", ...JSON.parse(line) });

describe("event JSON", () => {
  const recorded = [fixture("event-shapes.jsonl"), fixture("stdout-sink.jsonl"), fixture("pipe-dedot.jsonl")];
  for (const [index, line] of recorded.join("\n").split("\n").entries()) {
    test(`is the exporter's for recorded event ${index}`, () => {
      expect(eventJson(parsed(line))).toBe(line);
    });
  }

  test("follows Go's ObjectMeta and never has managedFields or Petrel's own fields", () => {
    const metadata = {
      managedFields: [{ manager: "kubelet" }],
      finalizers: ["f"],
      ownerReferences: [{ uid: "u", name: "n", kind: "K", apiVersion: "v1" }],
      annotations: { b: "2", a: "1" },
      labels: {},
      deletionGracePeriodSeconds: 0,
      deletionTimestamp: "2026-01-01T00:00:00Z",
      creationTimestamp: null,
      generation: 2,
      resourceVersion: "1",
      uid: "u",
      selfLink: "/s",
      namespace: "ns",
      generateName: "g-",
      name: "g-1",
    };
    const json = eventJson({ ...anEvent(), metadata });
    expect(json.slice(0, json.indexOf(',"reason"'))).toBe(
      '{"metadata":{"name":"g-1","generateName":"g-","namespace":"ns","selfLink":"/s","uid":"u","resourceVersion":"1","generation":2,"creationTimestamp":null,"deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":0,"annotations":{"a":"1","b":"2"},"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":"u"}],"finalizers":["f"]}',
    );
    expect(json).not.toContain("objectKey");
  });

  test("omits what is empty and keeps what the exporter always sends", () => {
    const empty: Event = {
      id: "",
      objectKey: "",
      metadata: {},
      reason: "",
      message: "",
      source: {},
      firstTimestamp: null,
      lastTimestamp: null,
      count: 0,
      type: "",
      eventTime: null,
      series: {},
      action: "",
      reportingComponent: "",
      reportingInstance: "",
      clusterName: "",
      involvedObject: { deleted: false },
    };
    expect(eventJson(empty)).toBe(
      '{"metadata":{"creationTimestamp":null},"source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null,"series":{"lastObservedTime":null},"reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"deleted":false}}',
    );
  });

  test("has clusterEnvironment where one fork of the exporter has it, if at all", () => {
    const event = normalise({ metadata: {}, involvedObject: {} }, { clusterName: "c", clusterEnvironment: "staging" });
    expect(eventJson(event)).toEndWith(
      '"clusterName":"c","clusterEnvironment":"staging","involvedObject":{"deleted":false}}',
    );
    expect(normalise(JSON.parse(eventJson(event))).clusterEnvironment).toBe("staging");
    expect(eventJson(anEvent())).not.toContain("clusterEnvironment");
  });

  const spellings: readonly [string, string, string][] = [
    ["HTML", "<&>", "\\u003c\\u0026\\u003e"],
    ["line separators", "\u2028\u2029", "\\u2028\\u2029"],
    ["control characters", "\b\f\n\r\t\u0001", "\\u0008\\u000c\\n\\r\\t\\u0001"],
    ["backslash before b", "C:\\b\\f\\ud800<", "C:\\\\b\\\\f\\\\ud800\\u003c"],
    ["quotes", 'say "hi"', 'say \\"hi\\"'],
    ["a pair of surrogates", "😀<", "😀\\u003c"],
    ["lone surrogates", "a\ud83d b\udc00", "a\ufffd b\ufffd"],
    ["text that looks like an escape", "\\u003c", "\\\\u003c"],
  ];
  for (const [name, message, expected] of spellings) {
    test(`spells ${name} as Go does`, () => {
      const json = eventJson({ ...anEvent(), message });
      expect(json).toContain(`"message":"${expected}",`);
      expect(JSON.parse(json).message).toBe(message.toWellFormed());
    });
  }
});

test("deDot changes keys of the four maps, and the copy only", () => {
  const event = parsed(fixture("event.json"));
  const before = JSON.stringify(event);
  const { metadata, involvedObject } = deDot(event);
  expect(metadata.labels).toEqual({ a_b: "c" });
  expect(involvedObject.labels).toEqual({ app: "web", "app_kubernetes_io/name": "web", version: "dev" });
  expect(JSON.stringify(event)).toBe(before);
  expect(eventJson(deDot(parsed(fixture("stdout-sink.jsonl"))))).toBe(fixture("pipe-dedot.jsonl"));
});

describe("layout", () => {
  const layout = {
    z: "{{ .Reason }}",
    count: 5,
    f: 1.5,
    yes: true,
    nothing: null,
    html: "<b>&",
    list: [1, "a", "{{ .Reason }}", [2, "x"], { v: 3, k: "{{ .Message }}" }],
    nested: { b: { z: 9, c: "{{ .Reason }}" }, "10": "ten", "9": "nine" },
  };
  const event = { ...anEvent(), reason: "Back<Off", message: 'a "b"' };

  test("sorts keys, escapes, renders nested strings and keeps scalars", () => {
    expect(compileLayout(layout, { compile: compileSimple, compat: false, language: "go" })(event)).toBe(
      '{"count":5,"f":1.5,"html":"\\u003cb\\u003e\\u0026","list":[1,"a","Back\\u003cOff",[2,"x"],{"k":"a \\"b\\"","v":3}],"nested":{"10":"ten","9":"nine","b":{"c":"Back\\u003cOff","z":9}},"nothing":null,"yes":true,"z":"Back\\u003cOff"}',
    );
  });

  test("in compat makes other scalars null", () => {
    expect(compileLayout(layout, { compile: compileSimple, compat: true, language: "go" })(event)).toBe(
      '{"count":null,"f":null,"html":"\\u003cb\\u003e\\u0026","list":[null,"a","Back\\u003cOff",[null,"x"],{"k":"a \\"b\\"","v":null}],"nested":{"10":"ten","9":"nine","b":{"c":"Back\\u003cOff","z":null}},"nothing":null,"yes":null,"z":"Back\\u003cOff"}',
    );
  });

  test("as an object holds the same values", () => {
    for (const compat of [false, true]) {
      const text = compileLayout(layout, { compile: compileSimple, compat, language: "go" })(event);
      expect(compileLayoutObject(layout, { compile: compileSimple, compat, language: "go" })(event)).toEqual(
        JSON.parse(text),
      );
    }
  });

  test("that is empty or null is none, but `{}` is sent in compat", () => {
    const cases = [
      [undefined, false, eventJson(event)],
      [null, true, eventJson(event)],
      [{}, false, eventJson(event)],
      [{}, true, "{}"],
    ] as const;
    for (const [none, compat, expected] of cases) {
      expect(compileLayout(none, { compile: compileSimple, compat, language: "go" })(event)).toBe(expected);
    }
  });
});
