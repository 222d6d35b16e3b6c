import { describe, expect, test } from "bun:test";
import { HTTP, Kafka, CloudEvent as Sdk } from "cloudevents";
import {
  BATCH_TYPE,
  batched,
  binaryHeaders,
  type CloudEvent,
  cloudEvent,
  kafkaHeaders,
  RAW_TYPE,
  STRUCTURED_TYPE,
  structured,
} from "../src/cloudevents.ts";
import type { Event } from "../src/event.ts";
import { eventJson } from "../src/payload.ts";
import { anEvent, HOSTILE } from "./contract.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");
const raw = (event: Event): CloudEvent => cloudEvent(event, { type: RAW_TYPE, json: eventJson(event) }, NOW);
const attributes = (change: Partial<Event>) => {
  const { data: _, ...rest } = JSON.parse(structured(raw(anEvent(change)))) as Record<string, unknown>;
  return rest;
};

const WEB = {
  specversion: "1.0",
  id: "ba30f343-3351.101",
  source: "/clusters/unknown-cluster/namespaces/default",
  type: "Kubernetes.Events.Raw",
  subject: "Pod/web-1",
  time: "2026-11-20T21:45:18Z",
  recordedtime: "2026-11-21T00:00:00.000Z",
  severitytext: "WARN",
  severitynumber: 13,
  datacontenttype: "application/json",
};

describe("attributes", () => {
  test("say what, where, about what and when", () => {
    expect(attributes({})).toEqual(WEB);
  });

  const nothing = { metadata: {}, involvedObject: { deleted: false }, lastTimestamp: null, firstTimestamp: null };
  const rows: readonly [string, Partial<Event>, Record<string, unknown>][] = [
    ["name the cluster", { clusterName: "prod eu" }, { source: "/clusters/prod%20eu/namespaces/default" }],
    [
      "are URIs whatever a name has in it",
      { clusterName: "a/b?\ud800ü" },
      { source: expect.stringContaining("a%2Fb%3F%EF%BF%BD%C3%BC/") },
    ],
    [
      "are fewer without namespace, object or time",
      nothing,
      { source: "/clusters/unknown-cluster", subject: undefined, time: undefined },
    ],
    [
      "have the object's name alone when its kind is not known",
      { involvedObject: { name: "x", deleted: false } },
      { subject: "x" },
    ],
    [
      "take the newest time, with its microseconds",
      { eventTime: "2026-11-20T22:00:00.123456Z" },
      { time: "2026-11-20T22:00:00.123456Z" },
    ],
    ["take no year that stands for none", { ...nothing, firstTimestamp: "0001-01-01T00:00:00Z" }, { time: undefined }],
    [
      "spell a time as RFC 3339",
      { ...nothing, metadata: { creationTimestamp: "2026-11-20" } },
      { time: "2026-11-20T00:00:00.000Z" },
    ],
    ["take Normal for INFO", { type: "Normal" }, { severitytext: "INFO", severitynumber: 9 }],
    [
      "give no severity to what has none",
      { type: "constructor" },
      { severitytext: undefined, severitynumber: undefined },
    ],
    [
      "have no control characters, noncharacters or lone surrogates",
      { id: "a\r\n\u0085\ufdd0\u{1ffff}\ud800b" },
      { id: `a${"\ufffd".repeat(6)}b` },
    ],
    ["are never empty", { id: "" }, { id: "-" }],
  ];
  for (const [name, change, expected] of rows) {
    test(name, () => {
      const found = attributes(change);
      for (const [key, value] of Object.entries(expected)) expect(found[key]).toEqual(value);
    });
  }

  test("tell another form of the same event by its source, schema and type", () => {
    const event = anEvent();
    const form = { type: "A.V1.B", dataschema: "urn:x:y", reporter: "kubelet", json: '{"a":1}' };
    const { id, source, type, dataschema, data } = cloudEvent(event, form, NOW);
    expect([id, source, type, dataschema, data]).toEqual([
      event.id,
      "/clusters/unknown-cluster/namespaces/default/kubelet",
      "A.V1.B",
      "urn:x:y",
      '{"a":1}',
    ]);
  });
});

test("binary mode percent-encodes exactly what HTTP needs, Kafka's nothing", () => {
  const event = raw(anEvent({ id: 'a b"c%d€😀~!' }));
  expect(Object.fromEntries(binaryHeaders(event))).toEqual({
    "Content-Type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "a%20b%22c%25d%E2%82%AC%F0%9F%98%80~!",
    "ce-source": "/clusters/unknown-cluster/namespaces/default",
    "ce-type": "Kubernetes.Events.Raw",
    "ce-subject": "Pod/web-1",
    "ce-time": "2026-11-20T21:45:18Z",
    "ce-recordedtime": "2026-11-21T00:00:00.000Z",
    "ce-severitytext": "WARN",
    "ce-severitynumber": "13",
  });
  expect(Object.fromEntries(kafkaHeaders(event))).toMatchObject({
    "content-type": "application/json",
    ce_id: 'a b"c%d€😀~!',
    ce_severitynumber: "13",
  });
});

/**
 * The official SDK as reader. What it is known not to do is not asked of it: it decodes no percent-encoding in headers,
 * invents a time that is missing, and reads no structured Kafka message without one.
 */
describe("the official JavaScript SDK reads", () => {
  const lower = (headers: readonly (readonly [string, string])[]) =>
    Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
  const events = [anEvent(), anEvent({ clusterName: "prod" }), ...HOSTILE];

  function check(read: Sdk<unknown>, event: Event, encoded: (text: string) => string = (text) => text): void {
    expect(read.validate()).toBe(true);
    const sent = raw(event);
    expect(read).toMatchObject({
      specversion: "1.0",
      id: encoded(sent.id),
      source: encoded(sent.source),
      type: sent.type,
      datacontenttype: "application/json",
      data: JSON.parse(eventJson(event)),
    });
    expect(read.subject).toBe(sent.subject as string);
    if (sent.time !== undefined) expect(Date.parse(read.time ?? "")).toBe(Date.parse(sent.time));
    if (sent.severitynumber !== undefined) expect(Number(read.severitynumber)).toBe(sent.severitynumber);
    expect(read.recordedtime).toBe(sent.recordedtime);
  }

  const one = (read: unknown): Sdk<unknown> => {
    if (!(read instanceof Sdk)) throw new Error("expected one");
    return read;
  };

  for (const [index, event] of events.entries()) {
    test(`event ${index} in every mode`, () => {
      const sent = raw(event);
      const text = structured(sent);
      // The SDK invents an id that is missing, so what is required is looked for in what was sent.
      for (const required of ["id", "source", "specversion", "type"]) {
        expect((JSON.parse(text) as Record<string, unknown>)[required]).toMatch(/./);
        expect(lower(binaryHeaders(sent))[`ce-${required}`]).toMatch(/^[!-~]+$/);
      }
      check(one(HTTP.toEvent({ headers: { "content-type": STRUCTURED_TYPE }, body: text })), event);
      const encoded = (value: string) => value.replace(/[^!-~]|["%]/gu, encodeURIComponent);
      check(one(HTTP.toEvent({ headers: lower(binaryHeaders(sent)), body: sent.data })), event, encoded);
      const kafka = { ...lower(kafkaHeaders(sent)) };
      check(one(Kafka.toEvent({ key: "k", headers: kafka, value: sent.data } as never)), event);
      if (sent.time !== undefined) {
        const message = { key: "k", headers: { "content-type": STRUCTURED_TYPE }, value: text };
        check(one(Kafka.toEvent(message as never)), event);
      }
    });
  }

  test("a batch, and an empty one", () => {
    const read = HTTP.toEvent({ headers: { "content-type": BATCH_TYPE }, body: batched(events.map(raw)) });
    if (!Array.isArray(read)) throw new Error("expected several");
    for (const [index, event] of events.entries()) check(one(read[index]), event);
    expect(HTTP.toEvent({ headers: { "content-type": BATCH_TYPE }, body: batched([]) })).toEqual([]);
  });
});
