/** CloudEvents as they arrive: the sinks that have modes for them, and the others, whose text is one. */
import { afterEach, describe, expect, test } from "bun:test";
import { gunzipSync } from "bun";
import kafka from "../../sinks/kafka.ts";
import stdout from "../../sinks/stdout.ts";
import webhook from "../../sinks/webhook.ts";
import { BATCH_TYPE, STRUCTURED_TYPE } from "../../src/cloudevents.ts";
import { fields } from "../../src/config/fields.ts";
import type { ReceiverConfig } from "../../src/config/types.ts";
import { formOf } from "../../src/form.ts";
import { friendlyCloudEvent } from "../../src/friendly/parse.ts";
import { eventJson } from "../../src/payload.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch, SinkDefinition } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger } from "../contract.ts";
import { fakeBroker, type Message } from "./kafka.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

type Asked = Pick<ReceiverConfig, "format" | "mode" | "friendly">;
const NOW = "2026-11-21T00:00:00.000Z";

async function create(definition: SinkDefinition, settings: object, asked: Asked) {
  const { logger, lines } = recordingLogger();
  const context = createSinkContext({
    receiver: "r",
    logger,
    compat: false,
    compileTemplate: compileSimple,
    env: {},
    form: formOf(asked, definition),
    friendly: friendlyCloudEvent,
    clock: () => Date.parse(NOW),
  });
  const sink = await definition.create(definition.config(fields).parse(settings), context);
  open.push(() => sink[Symbol.asyncDispose]?.());
  return { sink, lines };
}

async function webhookSetUp(asked: Asked, settings: object = {}, status = 204) {
  const requests: { headers: Record<string, string>; body: string }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const headers = Object.fromEntries(request.headers);
      const bytes = new Uint8Array(await request.arrayBuffer());
      const body = new TextDecoder().decode(headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes);
      requests.push({ headers, body });
      return new Response(null, { status });
    },
  });
  open.push(() => server.stop(true));
  const endpoint = `http://127.0.0.1:${server.port}/`;
  const { sink, lines } = await create(webhook, { endpoint, ...settings }, { format: "cloudevents", ...asked });
  const deliver = (...events: ReturnType<typeof anEvent>[]) =>
    sink.deliver(events as unknown as Batch, AbortSignal.timeout(2_000));
  return { sink, deliver, requests, lines };
}

const event = anEvent();
const crash = anEvent({ message: "Back-off restarting failed container", source: { component: "kubelet" } });

const ATTRIBUTES = {
  specversion: "1.0",
  id: event.id,
  source: "/clusters/unknown-cluster/namespaces/default",
  type: "Kubernetes.Events.Raw",
  subject: "Pod/web-1",
  time: "2026-11-20T21:45:18Z",
  dataschema: "urn:petrel:schema:Kubernetes.Events.Raw",
  recordedtime: NOW,
  severitytext: "WARN",
};
const RAW = {
  ...ATTRIBUTES,
  severitynumber: 13,
  datacontenttype: "application/json",
  data: JSON.parse(eventJson(event)),
};
const CRASH = {
  ...ATTRIBUTES,
  source: "/clusters/unknown-cluster/namespaces/default/kubelet",
  type: "Kubernetes.Workloads.Pod.V1.CrashLoopBackOff",
  dataschema: "urn:petrel:schema:Kubernetes.Workloads.Pod.V1.CrashLoopBackOff",
  severitynumber: 13,
  datacontenttype: "application/json",
  data: { pod: { name: "web-1", namespace: "default", labels: { app: "web", "app.kubernetes.io/name": "web" } } },
};

describe("a webhook", () => {
  test("is sent one structured CloudEvent in a request, by default", async () => {
    const { deliver, requests } = await webhookSetUp({});
    await deliver(event);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers["content-type"]).toBe(STRUCTURED_TYPE);
    expect(requests[0]?.headers["idempotency-key"]).toBeUndefined();
    expect(JSON.parse(requests[0]?.body ?? "")).toEqual(RAW);
  });

  test("is sent attributes as headers in binary mode, beside the user's own", async () => {
    const { deliver, requests } = await webhookSetUp(
      { mode: "binary" },
      { headers: { "X-R": "{{ .Reason }}" }, gzip: true },
    );
    await deliver(event);
    const { headers = {}, body } = requests[0] ?? {};
    const attributes = Object.entries(headers).filter(([name]) => name.startsWith("ce-"));
    expect(Object.fromEntries(attributes.map(([name, value]) => [name.slice(3), value]))).toEqual({
      ...ATTRIBUTES,
      severitynumber: "13",
    });
    expect([headers["content-type"], headers["x-r"], body]).toEqual(["application/json", "BackOff", eventJson(event)]);
  });

  test("is sent many in an array in batch mode", async () => {
    const { deliver, requests } = await webhookSetUp({ mode: "batch" });
    await deliver(event, anEvent({ id: "other" }));
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers["content-type"]).toBe(BATCH_TYPE);
    expect(JSON.parse(requests[0]?.body ?? "")).toEqual([RAW, { ...RAW, id: "other" }]);
  });

  test("takes as many at once as its mode lets it", () => {
    const config = webhook.config(fields).parse({ endpoint: "http://x" });
    const counts = (["structured", "binary", "batch"] as const).map(
      (mode) => webhook.limits?.(config, false, mode).count,
    );
    expect(counts).toEqual([1, 1, 1_000]);
  });

  test("is sent what happened instead of the event, or beside it, and the event where nobody knows", async () => {
    const only = await webhookSetUp({ friendly: "only" });
    await only.deliver(crash);
    await only.deliver(anEvent({ message: "who knows" }));
    expect(only.requests.map(({ body }) => JSON.parse(body).type)).toEqual([CRASH.type, RAW.type]);
    expect(JSON.parse(only.requests[0]?.body ?? "")).toEqual(CRASH);
    const both = await webhookSetUp({ friendly: "withRaw" });
    await both.deliver(crash);
    expect(both.requests.map(({ body }) => JSON.parse(body).type)).toEqual([RAW.type, CRASH.type]);
    const batch = await webhookSetUp({ friendly: "withRaw", mode: "batch" });
    await batch.deliver(crash, event);
    const sent = JSON.parse(batch.requests[0]?.body ?? "") as { type: string; source: string; id: string }[];
    expect(sent.map(({ type }) => type)).toEqual([RAW.type, CRASH.type, RAW.type]);
    // Two forms of one event are two CloudEvents.
    expect(new Set(sent.slice(0, 2).map(({ source, id }) => `${source} ${id}`)).size).toBe(2);
  });

  test("is sent what a layout makes as data, which follows no schema", async () => {
    const { deliver, requests } = await webhookSetUp({}, { layout: { why: "{{ .Reason }}" } });
    await deliver(event);
    expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject({ type: RAW.type, data: { why: "BackOff" } });
    expect(JSON.parse(requests[0]?.body ?? "").dataschema).toBeUndefined();
  });

  test("has its sender warned once of what others need not forward", async () => {
    const { deliver, lines } = await webhookSetUp({});
    await deliver(anEvent({ message: "x".repeat(70_000) }));
    await deliver(anEvent({ message: "x".repeat(70_000) }));
    expect(lines.filter((line) => line.includes("larger than what every intermediary must forward"))).toHaveLength(1);
  });

  test("cannot have settings that contradict the mode", async () => {
    expect(webhookSetUp({}, { batch: { format: "array" } })).rejects.toThrow("write `mode: batch`");
    expect(webhookSetUp({}, { headers: { "content-TYPE": "text/plain" } })).rejects.toThrow("remove it");
  });
});

describe("Kafka", () => {
  async function setUp(asked: Asked) {
    const messages: Message[] = [];
    const broker = fakeBroker({
      produce(sent) {
        messages.push(...sent);
        return 0;
      },
    });
    open.push(() => broker.stop());
    const settings = { brokers: [`127.0.0.1:${broker.port}`], topic: "t", headers: { own: "{{ .Reason }}" } };
    const { sink } = await create(kafka, settings, { format: "cloudevents", ...asked });
    const deliver = (...events: ReturnType<typeof anEvent>[]) =>
      sink.deliver(events as unknown as Batch, AbortSignal.timeout(3_000));
    return { deliver, messages };
  }

  test("is sent structured CloudEvents by default", async () => {
    const { deliver, messages } = await setUp({});
    await deliver(event);
    const [message] = messages;
    expect([message?.key, message?.headers]).toEqual([
      "ba30f343-3351",
      { id: event.id, own: "BackOff", "content-type": STRUCTURED_TYPE },
    ]);
    expect(JSON.parse(message?.value ?? "")).toEqual(RAW);
  });

  test("is sent attributes as headers in binary mode, each form as a record of its own", async () => {
    const { deliver, messages } = await setUp({ mode: "binary", friendly: "withRaw" });
    await deliver(crash, event);
    expect(messages.map(({ headers }) => headers.ce_type)).toEqual([RAW.type, CRASH.type, RAW.type]);
    const headers = Object.fromEntries(Object.entries(ATTRIBUTES).map(([name, value]) => [`ce_${name}`, value]));
    expect(messages[2]).toEqual({
      key: "ba30f343-3351",
      value: eventJson(event),
      headers: {
        id: event.id,
        own: "BackOff",
        "content-type": "application/json",
        ...headers,
        ce_severitynumber: "13",
      },
    });
  });
});

test("a sink without modes is sent the JSON of one, the friendly form where there is one", async () => {
  const { sink } = await create(stdout, {}, { format: "cloudevents", friendly: "only", mode: "binary" });
  expect(JSON.parse(sink.render([event]).body)).toEqual(RAW);
  expect(JSON.parse(sink.render([crash]).body)).toEqual(CRASH);
});
