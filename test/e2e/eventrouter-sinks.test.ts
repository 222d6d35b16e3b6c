/** eventrouter's config.json for each destination that it had, before the real ones: its envelope, once per state. */
import { beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { consumed } from "./kafka-consumer.ts";
import { openRouter, type Router } from "./router.ts";

const EVENTS = 200;
const TEST_MS = 120_000;
/** Of this run: a component may be an earlier one's. */
const run = Date.now().toString(36);

interface Said {
  readonly verb: string;
  readonly event: CoreEvent;
  readonly old_event?: CoreEvent;
}

interface CoreEvent {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
  readonly involvedObject: { readonly kind: string; readonly name: string };
  readonly message: string;
  readonly count: number;
}

/** New events, each of which occurs once more; the id of each state, in order. */
function occur({ api }: Router): readonly string[] {
  const lastTimestamp = `${new Date().toISOString().slice(0, 19)}Z`;
  return Array.from({ length: EVENTS / 2 }, (_, n) => {
    const name = `pod-${n}.1`;
    const put = api.put({
      metadata: { name, namespace: "shop" },
      involvedObject: {
        kind: n % 4 === 0 ? "Deployment" : "Pod",
        namespace: "shop",
        name: `pod-${n}`,
        uid: `uid-${n}`,
      },
      ...{ reason: "BackOff", message: `message ${n} <ü> 日本`, type: "Warning", count: 1 },
      ...{ firstTimestamp: lastTimestamp, lastTimestamp, source: { component: "kubelet", host: "node-1" } },
    } as Parameters<typeof api.put>[0]);
    const again = api.update("shop", name, { count: 2 });
    return [put, again].map(({ event, version }) => `${event.metadata.uid}.${version}`);
  }).flat();
}

const idOf = ({ metadata }: CoreEvent): string => `${metadata.uid}.${metadata.resourceVersion}`;

/** Each state is there once, in whatever order, and who changed says what it was. */
function expectWhole(said: readonly Said[], ids: readonly string[]): void {
  expect(said.map(({ event }) => idOf(event)).sort()).toEqual([...ids].sort());
  for (const { verb, event, old_event, ...rest } of said) {
    expect(rest).toEqual({});
    expect(event.message).toMatch(/^message \d+ <ü> 日本$/);
    expect(verb).toBe(event.count === 2 ? "UPDATED" : "ADDED");
    expect(old_event?.count).toBe(event.count === 2 ? 1 : undefined);
    if (old_event) expect(old_event.metadata.uid).toBe(event.metadata.uid);
  }
}

const parsed = (texts: readonly string[]): Said[] => texts.map((text) => JSON.parse(text) as Said);

describeReal("eventrouter's kafka", ["kafka"], () => {
  let kafka: Running;
  beforeAll(async () => {
    kafka = await component("kafka");
  }, 300_000);

  /** What the topic holds of these, when all of it is there. */
  async function topicOf(topic: string, ids: readonly string[]) {
    const wanted = new Set(ids);
    let read: { readonly id: string; readonly key: string; readonly value: string }[] = [];
    await eventually("all are there", 60_000, async () => {
      read = ((await consumed(kafka, topic)).get("") ?? []).filter(({ id }) => wanted.has(id));
      return read.length >= ids.length ? undefined : `${read.length} of ${ids.length}`;
    });
    return read;
  }

  test(
    "by brokers in a text, and with a user",
    async () => {
      const { USER, PASSWORD } = kafka.env;
      const ways: Record<string, object> = {
        plain: { kafkaBrokers: `127.0.0.1:${kafka.ports.plain} 127.0.0.1:${kafka.ports.plain}`, kafkaAsync: false },
        sasl: {
          kafkaBrokers: [`127.0.0.1:${kafka.ports.saslPlain}`],
          ...{ kafkaSaslUser: USER, kafkaSaslPwd: PASSWORD, kafkaRetryMax: 5 },
        },
      };
      for (const [name, settings] of Object.entries(ways)) {
        const kafkaTopic = `r${run}-${name}`;
        await using router = await openRouter({ sink: "kafka", kafkaTopic, ...settings });
        const ids = occur(router);
        const read = await topicOf(kafkaTopic, ids);
        expectWhole(parsed(read.map(({ value }) => value)), ids);
        for (const { id, key, value } of read) {
          const { event } = JSON.parse(value) as Said;
          expect([id, key]).toEqual([idOf(event), event.involvedObject.name]);
        }
        expect(await router.stop()).toBe(0);
      }
    },
    TEST_MS,
  );

  test(
    "and eventhub, as far as a Kafka can be it, by the hub of its connection string",
    async () => {
      const eventHubConnectionString = String(kafka.env.CONNECTION_STRING);
      const hub = /EntityPath=([^;]+)/.exec(eventHubConnectionString)?.[1] ?? "";
      const settings = { sink: "eventhub", eventHubConnectionString, eventHubSinkBufferSize: 1_500 };
      // No key of it says which authority is trusted.
      await using router = await openRouter(settings, { env: { NODE_EXTRA_CA_CERTS: String(kafka.env.CA) } });
      const ids = occur(router);
      const read = await topicOf(hub, ids);
      expectWhole(parsed(read.map(({ value }) => value)), ids);
      for (const { id, value } of read) expect(id).toBe(idOf((JSON.parse(value) as Said).event));
      expect(await router.stop()).toBe(0);
    },
    TEST_MS,
  );
});

describeReal("eventrouter's s3sink", ["aws"], () => {
  let endpoint = "";
  const keys = { accessKeyId: "AKIDTESTBED0000", secretAccessKey: "testbed-secret-key" };
  const region = "eu-central-1";
  beforeAll(async () => {
    endpoint = `http://127.0.0.1:${(await component("aws")).ports.aws}`;
  }, 300_000);

  /** Objects of the bucket by their key. */
  async function stored(name: string, read: (router: Router) => Promise<void>, more: object) {
    const { S3Client, CreateBucketCommand, ListObjectsV2Command, GetObjectCommand } = await import(
      "@aws-sdk/client-s3"
    );
    const s3 = new S3Client({ endpoint, region, credentials: keys, forcePathStyle: true });
    const Bucket = `${name}-${run}`;
    const CreateBucketConfiguration = { LocationConstraint: region } as const;
    await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
    await using router = await openRouter(
      {
        ...{ sink: "s3sink", s3SinkAccessKeyID: keys.accessKeyId, s3SinkSecretAccessKey: keys.secretAccessKey },
        ...{ s3SinkRegion: region, s3SinkBucket: Bucket, s3SinkBucketDir: "cluster/events", ...more },
      },
      // Where another vendor's is, as AWS's own tools are told.
      { env: { AWS_ENDPOINT_URL_S3: endpoint, TZ: "Pacific/Kiritimati" } },
    );
    await read(router);
    // What waited for the interval goes out when it is stopped.
    expect(await router.stop()).toBe(0);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const objects = new Map<string, string>();
    for (const { Key = "" } of Contents) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      objects.set(Key, (await Body?.transformToString()) ?? "");
    }
    return objects;
  }

  /** `cluster/events/2026/11/8/<nanoseconds>.txt`, by the day in the process's own zone. */
  function expectKeys(keysOf: Iterable<string>): void {
    for (const key of keysOf) {
      const [, year, month, day, nanoseconds = "0"] =
        /^cluster\/events\/(\d{4})\/([1-9]\d?)\/([1-9]\d?)\/(\d{19})\.txt$/.exec(key) ?? [];
      const there = new Date(Number(BigInt(nanoseconds) / 1_000_000n) + 14 * 3_600_000);
      expect([key, year, month, day]).toEqual([
        key,
        ...[there.getUTCFullYear(), there.getUTCMonth() + 1, there.getUTCDate()].map(String),
      ]);
    }
  }

  test(
    "frames, under keys as it had them, the last of them at the stop",
    async () => {
      let ids: readonly string[] = [];
      const objects = await stored(
        "frames",
        async (router) => {
          ids = occur(router);
          await eventually("it has read them", 10_000, async () => {
            const read = (await router.metrics()).matchAll(/^petrel_events_received_total\S* (\d+)/gm);
            const sum = [...read].reduce((all, [, count]) => all + Number(count), 0);
            return sum >= EVENTS ? undefined : `${sum}`;
          });
        },
        {},
      );
      expectKeys(objects.keys());
      expect(objects.size).toBeGreaterThan(0);
      const said: string[] = [];
      for (const text of objects.values()) {
        const bytes = Buffer.from(text);
        for (let at = 0; at < bytes.length; ) {
          const space = bytes.indexOf(" ", at);
          const end = space + 1 + Number(bytes.subarray(at, space).toString());
          const [, json = ""] =
            /^<24>1 \S+ node-1 kubelet - - - (\{.*\})$/.exec(bytes.subarray(space + 1, end).toString()) ?? [];
          said.push(json);
          expect(bytes[end]).toBe(0x0a);
          at = end + 1;
        }
      }
      expectWhole(parsed(said), ids);
    },
    TEST_MS,
  );

  test(
    "flat objects, one to a line, when the interval has passed",
    async () => {
      let ids: readonly string[] = [];
      const objects = await stored(
        "flat",
        async (router) => {
          ids = occur(router);
          await eventually("they are stored", 20_000, async () => {
            const done = /^petrel_events_delivered_total\{receiver="sink"[^}]*\} (\d+)/m.exec(
              await router.metrics(),
            )?.[1];
            return Number(done) >= EVENTS ? undefined : done;
          });
        },
        { s3SinkOutputFormat: "flatjson", s3SinkUploadInterval: 1 },
      );
      expectKeys(objects.keys());
      const flat = [...objects.values()].flatMap((text) => text.trimEnd().split("\n")).map((line) => JSON.parse(line));
      expect(flat.map((one) => `${one.event_metadata_uid}.${one.event_metadata_resourceVersion}`).sort()).toEqual(
        [...ids].sort(),
      );
      for (const one of flat) {
        expect(Object.keys(one)).toEqual(Object.keys(one).sort());
        expect(one).toMatchObject({ event_metadata_labels: null, event_source_component: "kubelet" });
        expect([one.verb, one.old_event_count]).toEqual(one.event_count === 2 ? ["UPDATED", 1] : ["ADDED", undefined]);
      }
    },
    TEST_MS,
  );
});

describeReal("eventrouter's influxdb", ["influxdb"], () => {
  let server: Running;
  async function query(q: string, db = ""): Promise<Record<string, string>[]> {
    const { URL: url, USER, PASSWORD } = server.env;
    const response = await fetch(`${url}/query?${new URLSearchParams({ db, q })}`, {
      ...{ method: "POST", headers: { Authorization: `Basic ${btoa(`${USER}:${PASSWORD}`)}` } },
      signal: AbortSignal.timeout(10_000),
    });
    const { results } = (await response.json()) as {
      readonly results: readonly {
        readonly error?: string;
        readonly series?: readonly { readonly columns: readonly string[]; readonly values: readonly string[][] }[];
      }[];
    };
    if (!response.ok || results[0]?.error) throw new Error(JSON.stringify(results));
    const { columns = [], values = [] } = results[0]?.series?.[0] ?? {};
    return values.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? ""])));
  }
  beforeAll(async () => {
    server = await component("influxdb");
    const { USER, PASSWORD } = server.env;
    await query(`CREATE USER ${USER} WITH PASSWORD '${PASSWORD}' WITH ALL PRIVILEGES`);
  }, 300_000);

  async function written(influxdbName: string, influxdbWithFields: boolean) {
    const { URL: url, USER, PASSWORD } = server.env;
    await using router = await openRouter({
      ...{ sink: "influxdb", influxdbHost: new URL(String(url)).host, influxdbName, influxdbWithFields },
      ...{ influxdbUsername: USER, influxdbPassword: PASSWORD, influxdbRetentionPolicy: "0", influxdbConcurrency: 1 },
    });
    const ids = occur(router);
    let points: Record<string, string>[] = [];
    await eventually("all are there", 20_000, async () => {
      points = await query(`SELECT * FROM ${influxdbWithFields ? "events" : "k8s_events"}`, influxdbName).catch(
        () => [],
      );
      return points.length >= ids.length ? undefined : `${points.length}`;
    });
    expect(await router.stop()).toBe(0);
    expect(points.map(({ event_id = "" }) => event_id).sort()).toEqual([...ids].sort());
    return points;
  }

  test(
    "the event as a value",
    async () => {
      for (const { event_id, value = "", uid, hostname, cluster_name, pod_id, pod_name } of await written(
        `v_${run}`,
        false,
      )) {
        const event = JSON.parse(value) as CoreEvent;
        expect(idOf(event)).toBe(String(event_id));
        // The event alone, with what core/v1 has and nothing else.
        expect(Object.keys(event).slice(0, 4)).toEqual(["metadata", "involvedObject", "reason", "message"]);
        expect(value).not.toContain("clusterName");
        const pod = event.involvedObject.kind === "Pod";
        const of = pod ? [event.involvedObject.name.replace("pod-", "uid-"), event.involvedObject.name] : ["", ""];
        expect([uid, hostname, cluster_name, pod_id, pod_name] as unknown[]).toEqual([
          ...[event.metadata.uid, "node-1", "default"],
          ...of,
        ]);
      }
    },
    TEST_MS,
  );

  test(
    "the message, with what describes it as tags",
    async () => {
      for (const point of await written(`f_${run}`, true)) {
        expect(point).toMatchObject({
          ...{ message: expect.stringMatching(/^message \d+ <ü> 日本$/), type: "Warning", reason: "BackOff" },
          ...{ component: "kubelet", hostname: "node-1", namespace_name: "shop", cluster_name: "default" },
          ...{ object_name: expect.stringMatching(/^pod-\d+$/), kind: expect.stringMatching(/^(Pod|Deployment)$/) },
        });
      }
    },
    TEST_MS,
  );
});

describeReal("the pubsub of eventrouter's fork", ["pubsub"], () => {
  const PROJECT = "petrel-test";
  let server: Running;
  beforeAll(async () => {
    server = await component("pubsub");
  }, 600_000);

  async function ask<T>(method: string, path: string, body: unknown): Promise<T> {
    const url = `http://${server.env.EMULATOR}/v1/projects/${PROJECT}/${path}`;
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url, {
      method,
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  test(
    "the envelope, with the object's kind as an attribute",
    async () => {
      const topic = `router-${run}`;
      await ask("PUT", `topics/${topic}`, {});
      const subscription = { topic: `projects/${PROJECT}/topics/${topic}`, ackDeadlineSeconds: 600 };
      await ask("PUT", `subscriptions/${topic}`, subscription);
      const settings = { sink: "pubsub", pubSubProjectID: PROJECT, pubSubTopic: topic, pubSubDeadLetterTopic: "dead" };
      await using router = await openRouter(settings, { env: { PUBSUB_EMULATOR_HOST: String(server.env.EMULATOR) } });
      const ids = occur(router);
      interface Pulled {
        readonly receivedMessages?: readonly {
          readonly ackId: string;
          readonly message: { readonly data: string; readonly attributes: Readonly<Record<string, string>> };
        }[];
      }
      const said: Said[] = [];
      await eventually("all are there", 30_000, async () => {
        const pull = { maxMessages: 1_000, returnImmediately: true };
        const { receivedMessages = [] } = await ask<Pulled>("POST", `subscriptions/${topic}:pull`, pull);
        for (const { message } of receivedMessages) {
          const one = JSON.parse(Buffer.from(message.data, "base64").toString()) as Said;
          expect(message.attributes).toEqual({ id: idOf(one.event), kind: one.event.involvedObject.kind });
          said.push(one);
        }
        const ackIds = receivedMessages.map(({ ackId }) => ackId);
        if (ackIds.length > 0) await ask("POST", `subscriptions/${topic}:acknowledge`, { ackIds });
        return said.length >= ids.length ? undefined : `${said.length}`;
      });
      expectWhole(said, ids);
      expect(await router.stop()).toBe(0);
    },
    TEST_MS,
  );
});
