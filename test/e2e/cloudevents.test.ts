/** What Petrel sends, read by both official SDKs for CloudEvents: every mode, by HTTP and through a real Kafka. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Consumer } from "@platformatic/kafka";
import { type CloudEventV1, HTTP, Kafka } from "cloudevents";
import {
  type CloudEvent,
  type ContentMode,
  cloudEvent,
  httpMessages,
  kafkaMessage,
  RAW_SCHEMA,
  RAW_TYPE,
} from "../../src/cloudevents.ts";
import { friendlyCloudEvent } from "../../src/friendly/parse.ts";
import { sampleEvent } from "../../src/friendly/sample.ts";
import { TABLE } from "../../src/friendly/table.ts";
import { eventJson } from "../../src/payload.ts";
import { anEvent, HOSTILE } from "../contract.ts";
import { bridgeSamples } from "../friendly/bridge.ts";
import { askGoSdk, type SdkAnswer, type SdkEvent, type SdkMessage } from "../testbed/cloudevents.ts";
import { component, type Running } from "../testbed/component.ts";
import { command } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";
import { type Flow, flow } from "./flow.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");

const micros = (time: string): string => {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  return `${new Date(time).toISOString().slice(0, 19)}.${fraction.padEnd(6, "0")}Z`;
};

/** As the Go SDK shows it. */
function shown(sent: CloudEvent): SdkEvent {
  const { id, source, type, subject, time, dataschema, recordedtime, severitytext, severitynumber, data } = sent;
  return {
    ...{ id, source, specversion: "1.0", type, datacontenttype: "application/json", data },
    ...(subject !== undefined && { subject }),
    ...(time !== undefined && { time: micros(time) }),
    ...(dataschema !== undefined && { dataschema }),
    extensions: {
      recordedtime,
      ...(severitytext !== undefined && { severitytext, severitynumber: String(severitynumber) }),
    },
  };
}

/** In headers of HTTP what is no printable ASCII is percent-encoded, which this SDK leaves as it is. */
function encoded(sent: CloudEvent): CloudEvent {
  const encode = (text: string) => text.replace(/[^!-~]|["%]/gu, encodeURIComponent);
  const { id, source, subject, ...rest } = sent;
  return {
    ...rest,
    id: encode(id),
    source: encode(source),
    ...(subject !== undefined && { subject: encode(subject) }),
  };
}

/** Data compared as JSON: who reads a structured event may print it anew. A timestamp is the same in any spelling. */
function same(answer: SdkAnswer | undefined, sent: readonly CloudEvent[]): void {
  const normal = (event: SdkEvent) => {
    const { recordedtime = "", ...extensions } = event.extensions ?? {};
    return {
      ...event,
      data: JSON.parse(event.data),
      extensions: { ...extensions, recordedtime: Date.parse(recordedtime) },
    };
  };
  expect(answer?.error).toBeUndefined();
  expect(answer?.events?.map(normal)).toEqual(sent.map(shown).map(normal));
}

describeReal("the official SDKs read", ["cloudevents"], () => {
  const friendly = TABLE.flatMap((definition) =>
    definition.rows.map((row) => {
      const [wording] = row.wordings;
      if (wording === undefined) throw new Error(definition.type);
      const event = sampleEvent(definition, row, wording, "new");
      const data = friendlyCloudEvent(event);
      if (data === undefined) throw new Error(`${definition.type} is not understood`);
      return cloudEvent(event, data, NOW);
    }),
  );
  const raw = [anEvent({ clusterName: "prod eu/1" }), ...HOSTILE].map((event) =>
    cloudEvent(event, { type: RAW_TYPE, dataschema: RAW_SCHEMA, json: eventJson(event) }, NOW),
  );
  const all = [...raw, ...friendly];

  for (const mode of ["structured", "binary"] as const) {
    test(`Go: HTTP, ${mode}`, async () => {
      const messages = httpMessages(all, mode).map(
        ({ headers, body }): SdkMessage => ({ binding: "http", headers: Object.fromEntries(headers), body }),
      );
      const answers = await askGoSdk(messages);
      expect(answers).toHaveLength(all.length);
      for (const [index, answer] of answers.entries()) {
        expect(answer.mode ?? answer.error).toBe(mode);
        const sent = all[index] as CloudEvent;
        same(answer, [mode === "binary" ? encoded(sent) : sent]);
      }
    });

    test(`Go: Kafka, ${mode}`, async () => {
      const messages = all.map((event): SdkMessage => {
        const { headers, body } = kafkaMessage(event, mode);
        return { binding: "kafka", headers: Object.fromEntries(headers), body };
      });
      for (const [index, answer] of (await askGoSdk(messages)).entries()) {
        expect(answer.mode ?? answer.error).toBe(mode);
        same(answer, [all[index] as CloudEvent]);
      }
    });
  }

  test("Go: HTTP, batch, and an empty one", async () => {
    const messages = [all, []].flatMap((events) => httpMessages(events, "batch"));
    const [many, none] = await askGoSdk(
      messages.map(({ headers, body }) => ({ binding: "http", headers: Object.fromEntries(headers), body })),
    );
    expect([many?.mode, none?.mode, none?.events ?? []]).toEqual(["batch", "batch", []]);
    same(many, all);
  });

  test("Go refuses what is none, so that it is a judge at all", async () => {
    const wrong: SdkMessage[] = [
      {
        binding: "http",
        headers: { "Content-Type": "application/cloudevents+json" },
        body: '{"specversion":"1.0","id":"1"}',
      },
      {
        binding: "http",
        headers: { "Content-Type": "application/json", "ce-specversion": "1.0", "ce-type": "t", "ce-source": "/s" },
        body: "{}",
      },
      {
        binding: "http",
        headers: { "Content-Type": "application/cloudevents+json" },
        body: '{"specversion":"1.0","id":"1","type":"t","source":"/s","time":"yesterday"}',
      },
      { binding: "kafka", headers: { "content-type": "application/json" }, body: "{}" },
    ];
    for (const answer of await askGoSdk(wrong)) expect(answer.error).toMatch(/./);
  });
});

interface Taken {
  readonly receiver: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Events of either kind into the executable: one that is understood, and one that is not. */
function put(events: Flow): void {
  const at = `${new Date().toISOString().slice(0, 19)}Z`;
  const common = { type: "Warning", count: 1, firstTimestamp: at, lastTimestamp: at, source: { component: "kubelet" } };
  for (const [name, message] of Object.entries({
    crash: "Back-off restarting failed container app in pod crash_shop(u-crash)",
    other: 'nobody "knows"\n100 % <this> 日本',
  })) {
    events.server.put({
      ...{ metadata: { name: `${name}.1`, namespace: "shop" }, reason: "BackOff", message, ...common },
      involvedObject: { kind: "Pod", namespace: "shop", name, uid: `u-${name}` },
    } as Parameters<Flow["server"]["put"]>[0]);
  }
}

const CRASH = "Kubernetes.Workloads.Pod.V1.CrashLoopBackOff";
const SENT = { off: [RAW_TYPE, RAW_TYPE], only: [CRASH, RAW_TYPE], withRaw: [RAW_TYPE, CRASH, RAW_TYPE] } as const;
type Choice = keyof typeof SENT;
const CHOICES = Object.keys(SENT) as Choice[];

const list = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? one : [one as T]);

function checkJs(read: readonly CloudEventV1<unknown>[]): string[] {
  for (const event of read) {
    expect(event).toMatchObject({
      specversion: "1.0",
      datacontenttype: "application/json",
      dataschema: `urn:petrel:schema:${event.type}`,
    });
    expect(event.source).toStartWith("/clusters/unknown-cluster/namespaces/shop");
    expect(event.data).toBeObject();
  }
  expect(new Set(read.map(({ source, id }) => `${source} ${id}`)).size).toBe(read.length);
  return read.map(({ type }) => type);
}

describeReal("the executable sends CloudEvents", ["cloudevents"], () => {
  test("by HTTP, in every mode and form, which both SDKs read", async () => {
    const taken: Taken[] = [];
    await using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const receiver = new URL(request.url).pathname.slice(1);
        taken.push({ receiver, headers: Object.fromEntries(request.headers), body: await request.text() });
        return new Response(null, { status: 204 });
      },
    });
    const modes: readonly ContentMode[] = ["structured", "binary", "batch"];
    const ways = modes.flatMap((mode) => CHOICES.map((friendly) => ({ name: `${mode}-${friendly}`, mode, friendly })));
    await using events = await flow(
      ways.map(({ name, mode, friendly }) => ({
        ...{ name, format: "cloudevents", mode, friendly, concurrency: 1 },
        ...(mode === "batch" && { batch: { linger: "200ms" } }),
        webhook: { endpoint: `http://127.0.0.1:${server.port}/${name}` },
      })),
    );
    put(events);
    await eventually("all receivers took both events", 20_000, async () => {
      const done = await events.petrel.metric("petrel_events_delivered_total");
      return done >= 2 * ways.length ? undefined : `${done} of ${2 * ways.length}`;
    });
    for (const { name, mode, friendly } of ways) {
      const mine = taken.filter(({ receiver }) => receiver === name);
      const messages = mine.map(({ headers, body }): SdkMessage => ({ binding: "http", headers, body }));
      const answers = await askGoSdk(messages);
      expect([name, answers.map((answer) => answer.error ?? answer.mode)]).toEqual([name, mine.map(() => mode)]);
      expect([name, answers.flatMap((answer) => answer.events?.map(({ type }) => type) ?? [])]).toEqual([
        name,
        [...SENT[friendly]],
      ]);
      const read = mine.flatMap((message) => list(HTTP.toEvent(message) as CloudEventV1<unknown>));
      expect([name, checkJs(read)]).toEqual([name, [...SENT[friendly]]]);
      // One SDK invents an id, so it is looked for on the wire.
      const ids = mine.flatMap(({ headers, body }) =>
        mode === "binary" ? [headers["ce-id"]] : list(JSON.parse(body) as { id?: string }).map(({ id }) => id),
      );
      for (const id of ids) expect(id).toMatch(/^[\w-]+\.\d+$/);
    }
  }, 60_000);
});

test.skipIf(!existsSync(EXECUTABLE))(
  `the executable tells the bridge's 34 kinds of samples${existsSync(EXECUTABLE) ? "" : " (no executable: bun run build)"}`,
  async () => {
    const read: { type: string; data: unknown }[] = [];
    await using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const body = await request.text();
        const [one] = list(
          HTTP.toEvent({ headers: Object.fromEntries(request.headers), body }) as CloudEventV1<unknown>,
        );
        if (one) read.push({ type: one.type, data: one.data });
        return new Response(null, { status: 200 });
      },
    });
    const folder = mkdtempSync(join(tmpdir(), "petrel-bridge-"));
    try {
      const samples = bridgeSamples();
      const receiver = { name: "hook", format: "cloudevents", friendly: "only", concurrency: 1 };
      const config = {
        omitLookup: true,
        route: { match: [{ receiver: "hook" }] },
        receivers: [{ ...receiver, webhook: { endpoint: `http://127.0.0.1:${server.port}/` } }],
      };
      await Bun.write(join(folder, "c.yaml"), JSON.stringify(config));
      await Bun.write(join(folder, "events"), samples.map(({ body }) => `${JSON.stringify(body)}\n`).join(""));
      await command([EXECUTABLE, "replay", "-c", "c.yaml", "events"], { cwd: folder, deadlineMs: 30_000 });
      const by = (one: { type: string; data: unknown }) => `${one.type} ${JSON.stringify(one.data)}`;
      const expected = samples.map(({ type, data, event }) => ({
        type: type ?? RAW_TYPE,
        data: data ?? JSON.parse(eventJson(event)),
      }));
      expect(read.map(by).sort()).toEqual(expected.map(by).sort());
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);

describeReal("the executable sends CloudEvents through a real Kafka", ["cloudevents", "kafka"], () => {
  let kafka: Running;
  beforeAll(async () => {
    kafka = await component("kafka");
  }, 300_000);

  test("in both modes and every form, which both SDKs read", async () => {
    const brokers = [`127.0.0.1:${kafka.ports.plain}`];
    const run = Date.now().toString(36);
    const modes = ["structured", "binary"] as const;
    const ways = modes.flatMap((mode) =>
      CHOICES.map((friendly) => ({ name: `ce${run}-${mode}-${friendly}`, mode, friendly })),
    );
    await using events = await flow(
      ways.map(({ name, mode, friendly }) => ({
        ...{ name, format: "cloudevents", mode, friendly },
        kafka: { brokers, topic: name, key: "one" },
      })),
    );
    put(events);
    await eventually("all receivers took both events", 60_000, async () => {
      const done = await events.petrel.metric("petrel_events_delivered_total");
      return done >= 2 * ways.length ? undefined : `${done}; ${events.petrel.stderr().slice(-500)}`;
    });
    for (const { name, mode, friendly } of ways) {
      const messages = await readTopic(brokers, name, SENT[friendly].length);
      const answers = await askGoSdk(messages);
      expect([name, answers.map((answer) => answer.error ?? answer.mode)]).toEqual([name, messages.map(() => mode)]);
      expect(answers.flatMap((answer) => answer.events?.map(({ type }) => type) ?? [])).toEqual([...SENT[friendly]]);
      const read = messages.map(({ headers, body }) => Kafka.toEvent({ key: "one", headers, value: body } as never));
      expect(checkJs(read.flatMap((one) => list(one as CloudEventV1<unknown>)))).toEqual([...SENT[friendly]]);
    }
  }, 180_000);
});

async function readTopic(brokers: string[], topic: string, count: number): Promise<SdkMessage[]> {
  const consumer = new Consumer({ groupId: topic, clientId: "test", bootstrapBrokers: brokers });
  const found: SdkMessage[] = [];
  try {
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
    const late = setTimeout(() => stream.destroy(new Error("no more messages came")), 20_000);
    for await (const { headers, value } of stream) {
      const named = [...headers].map(([name, text]) => [name.toString(), text.toString()]);
      found.push({ binding: "kafka", headers: Object.fromEntries(named), body: value.toString() });
      if (found.length === count) break;
    }
    clearTimeout(late);
  } finally {
    await consumer.close(true);
  }
  return found;
}
