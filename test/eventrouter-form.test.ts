/** eventrouter's frames and flat objects, against what the original wrote. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { compileEnvelope } from "../src/envelope.ts";
import type { Event } from "../src/event.ts";
import { flatEnvelope, syslogFrame } from "../src/eventrouter-form.ts";
import { normalise } from "../src/normalise.ts";

const lines = readFileSync(`${import.meta.dir}/fixtures/eventrouter/eventrouter-sinks.txt`, "utf8").split("\n");
const line = (begin: string): string => lines.find((one) => one.startsWith(begin)) ?? "";
const behind = (begin: string): string => line(begin).replace(/^\w+(?:\(.*?\))?: /, "");
const eventOf = (envelope: string): Event => normalise((JSON.parse(envelope) as { readonly event: unknown }).event);

test("a frame is the recorded one, byte for byte", () => {
  const golden = behind("RFC(");
  const envelope = behind("ADDED");
  expect(syslogFrame(eventOf(envelope), envelope)).toBe(golden);
});

test("one without names and lastTimestamp is the recorded one but for its time, which is the event's", () => {
  const golden = behind("RFCzero(");
  const envelope = golden.slice(golden.indexOf("{"));
  const message = golden.replace(/^\d+ /, "").replace("0001-01-01T00:00:00Z", "2026-11-20T10:00:00.123456Z");
  expect(syslogFrame(eventOf(envelope), envelope)).toBe(`${Buffer.byteLength(message)} ${message}`);
});

test("a name that does not fit is cut, and costs nobody else anything", () => {
  const event = normalise({
    metadata: {},
    involvedObject: {},
    source: { component: "a-very-long-component-name-that-exceeds-forty-eight-characters-x", host: "nö de" },
    lastTimestamp: "2026-11-20T10:00:00Z",
  });
  expect(syslogFrame(event, "{}")).toBe(
    "90 <24>1 2026-11-20T10:00:00Z n__de a-very-long-component-name-that-exceeds-forty-ei - - - {}",
  );
});

test("a flat object is the recorded one, byte for byte", () => {
  const envelope = compileEnvelope();
  const [first, second] = ["ADDED", "UPDATED"].map((begin) => eventOf(behind(begin)));
  if (first) envelope(first);
  expect(second && flatEnvelope(envelope(second))).toBe(behind("FLAT("));
});

test("labels and lists have a leaf each", () => {
  const json = '{"verb":"ADDED","event":{"metadata":{"labels":{"a.b/c":"d"},"finalizers":["x","y"]}}}';
  expect(JSON.parse(flatEnvelope(json))).toEqual({
    verb: "ADDED",
    "event_metadata_labels_a.b/c": "d",
    event_metadata_annotations: null,
    event_metadata_finalizers_0: "x",
    event_metadata_finalizers_1: "y",
  });
});
