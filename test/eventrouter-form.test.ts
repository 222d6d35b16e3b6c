/** eventrouter's frames and flat objects, against what the original wrote. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { compileEnvelope } from "../src/envelope.ts";
import type { Event } from "../src/event.ts";
import { flatEnvelope, glogLine, syslogFrame } from "../src/eventrouter-form.ts";
import { compileForm, type Form, type Format } from "../src/form.ts";
import { normalise } from "../src/normalise.ts";
import { recordingLogger } from "./contract.ts";

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

/** What glog 1.2.5 wrote, in UTC: its own lines, with the place in the source that eventrouter's have. */
test.each([
  [1_795_866_859_918.388, 32_163, "I1128 11:54:19.918388   32163 glogsink.go:42] {}"],
  [1_767_225_600_000, 1, "I0101 00:00:00.000000       1 glogsink.go:42] {}"],
  [1_767_225_600_007.5, 12_345_678, "I0101 00:00:00.007500 12345678 glogsink.go:42] {}"],
])("a line of glog's at %d", (at, pid, line) => {
  expect(glogLine("{}", at, pid)).toBe(line);
});

test("a flat object is the recorded one, byte for byte", () => {
  const envelope = compileEnvelope();
  const [first, second] = ["ADDED", "UPDATED"].map((begin) => eventOf(behind(begin)));
  if (first) envelope(first);
  expect(second && flatEnvelope(envelope(second))).toBe(behind("FLAT("));
});

test("a flat object in snake_case has the same values in the same number, and labels as they are", () => {
  const golden = JSON.parse(behind("FLAT(")) as Record<string, unknown>;
  const envelope = compileEnvelope();
  const [first, second] = ["ADDED", "UPDATED"].map((begin) => eventOf(behind(begin)));
  if (first) envelope(first);
  const snake = JSON.parse(second ? flatEnvelope(envelope(second), { snake: true }) : "{}") as Record<string, unknown>;
  expect(Object.keys(snake)).toEqual(Object.keys(snake).toSorted());
  expect(Object.keys(snake).filter((name) => /[A-Z]/.test(name))).toEqual([]);
  expect(snake).toMatchObject({
    ...{
      event_involved_object_field_path: "spec.containers{web}",
      event_metadata_creation_timestamp: "2026-11-20T10:00:00Z",
    },
    ...{ event_metadata_labels: null, old_event_last_timestamp: "2026-11-20T10:00:00Z", event_source_host: "node-1" },
  });
  expect(Object.values(snake).map(String).toSorted()).toEqual(Object.values(golden).map(String).toSorted());
  const labels = '{"event":{"metadata":{"labels":{"a.b/camelCase":"d"},"annotations":{"K":"v"}}}}';
  expect(JSON.parse(flatEnvelope(labels, { snake: true }))).toEqual({
    "event_metadata_labels_a.b/camelCase": "d",
    event_metadata_annotations_K: "v",
  });
});

test("the key of `wrap` is inside frames and behind prefixes", () => {
  const event = eventOf(behind("ADDED"));
  const { logger: log } = recordingLogger();
  const said = (format: Format, wrap?: string): string => {
    const form: Form = { format, mode: undefined, friendly: "off", ...(wrap !== undefined && { wrap }) };
    return compileForm(() => "", undefined, { form, log, now: () => 1_767_225_600_000, deDot: false })(event);
  };
  const json = said("eventrouter");
  const wrapped = lines.find((one) => one.startsWith('{"k8s":'));
  expect(said("eventrouter", "k8s")).toBe(wrapped ?? "no line under a key is recorded");
  expect(said("rfc5424", "k8s")).toBe(syslogFrame(event, `{"k8s":${json}}`));
  expect(said("glog", "k8s")).toBe(glogLine(`{"k8s":${json}}`, 1_767_225_600_000, process.pid));
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
