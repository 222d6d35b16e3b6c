/** The pubsub receiver of the executable against Google's own test server, read back by Pub/Sub's API. */
import { beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { disorder, flow, idsOf } from "./flow.ts";

const PROJECT = "petrel-test";
const TAKE_MS = 60_000;
const TEST_MS = 120_000;

interface Received {
  readonly ackId: string;
  readonly message: {
    readonly data: string;
    readonly attributes: Record<string, string>;
    readonly orderingKey: string;
    readonly messageId: string;
  };
}

describeReal("Pub/Sub", ["pubsub"], () => {
  let server: Running;
  let base = "";
  let env: Record<string, string> = {};
  /** Of this run: the component may be an earlier one's. */
  const run = Date.now().toString(36);
  beforeAll(async () => {
    server = await component("pubsub");
    base = `http://${server.env.EMULATOR}/v1/projects/${PROJECT}`;
    env = { PUBSUB_EMULATOR_HOST: String(server.env.EMULATOR) };
  }, 600_000);

  async function ask<T>(method: string, path: string, body: unknown): Promise<T> {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${base}/${path}`, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
  async function subscribed(name: string): Promise<void> {
    await ask("PUT", `topics/${name}`, {});
    const topic = `projects/${PROJECT}/topics/${name}`;
    await ask("PUT", `subscriptions/${name}`, { topic, ackDeadlineSeconds: 600 });
  }
  /** Takes `count` messages. */
  async function take(name: string, count: number) {
    const got: { text: string; attributes: Record<string, string>; orderingKey: string; at: number }[] = [];
    const deadline = Date.now() + TAKE_MS;
    while (got.length < count && Date.now() < deadline) {
      const { receivedMessages = [] } = await ask<{ receivedMessages?: Received[] }>(
        "POST",
        `subscriptions/${name}:pull`,
        {
          maxMessages: 1_000,
          returnImmediately: true,
        },
      );
      if (receivedMessages.length === 0) {
        await Bun.sleep(20);
        continue;
      }
      for (const { message } of receivedMessages) {
        const { data, attributes, orderingKey, messageId } = message;
        got.push({
          text: Buffer.from(data, "base64").toString(),
          attributes,
          orderingKey,
          at: Number(messageId.slice(1)),
        });
      }
      await ask("POST", `subscriptions/${name}:acknowledge`, { ackIds: receivedMessages.map(({ ackId }) => ackId) });
    }
    return got;
  }

  test(
    "a thousand events arrive, each with its id and attributes, and a topic is made once",
    async () => {
      const topic = `many-${run}`;
      await subscribed(topic);
      const settings = { gcloud_project_id: PROJECT, create_topic: true };
      await using events = await flow(
        [
          {
            name: "pubsub",
            pubsub: { ...settings, topic, attributes: { reason: "{{ .Reason }}", host: "{{ .Source.Host }}" } },
          },
          { name: "made", pubsub: { ...settings, topic: `made-${run}` } },
          { name: "missing", pubsub: { ...settings, create_topic: false, topic: `missing-${run}` } },
        ],
        env,
      );
      events.write(1_000);
      await events.delivered("pubsub");
      await events.delivered("made");
      const got = await take(topic, 1_000);
      expect(got.map(({ attributes }) => attributes.id).sort()).toEqual([...events.ids].sort());
      expect(idsOf(got.map(({ text }) => text))).toEqual(got.map(({ attributes }) => attributes.id ?? ""));
      expect(got[0]?.attributes).toMatchObject({ reason: "BackOff", host: "node-1" });
      expect(
        await ask<{ name: string }>("POST", `topics/made-${run}:publish`, { messages: [{ data: "aGk=" }] }),
      ).toBeObject();
      const said = events.petrel
        .stderr()
        .split("\n")
        .find((line) => line.includes('"receiver":"missing"'));
      expect(said).toContain('"reason":"not_found"');
      expect(said).toContain(`projects/${PROJECT}/topics/missing-${run}`);
      expect(await events.petrel.metric("petrel_events_delivered_total", 'receiver="missing"')).toBe(0);
    },
    TEST_MS,
  );

  test(
    "messages with ordering keys keep the order of each object",
    async () => {
      const topic = `ordered-${run}`;
      await subscribed(topic);
      await using events = await flow(
        [
          {
            name: "pubsub",
            pubsub: { gcloud_project_id: PROJECT, topic, orderingKey: "{{ .InvolvedObject.UID }}" },
          },
        ],
        env,
      );
      events.write(600);
      await events.delivered("pubsub");
      const got = await take(topic, 600);
      expect(got.map(({ attributes }) => attributes.id).sort()).toEqual([...events.ids].sort());
      expect(new Set(got.map(({ orderingKey }) => orderingKey)).size).toBe(200);
      for (const { text, orderingKey } of got) expect(JSON.parse(text).involvedObject.uid).toBe(orderingKey);
      // The server numbers messages as they are published; to a subscription that keeps order it gives a few a second.
      got.sort((a, b) => a.at - b.at);
      expect(disorder(got.map(({ text }) => text))).toBeUndefined();
    },
    TEST_MS,
  );

  test(
    "what is written while the server is dead arrives when it is back",
    async () => {
      const topic = `killed-${run}`;
      await subscribed(topic);
      await using events = await flow(
        [
          {
            name: "pubsub",
            retry: { min: "50ms", max: "500ms" },
            pubsub: { gcloud_project_id: PROJECT, topic },
          },
        ],
        env,
      );
      events.write(400);
      await events.delivered("pubsub");
      // The server keeps nothing over its death, so what it has is read before.
      const before = await take(topic, 400);
      await server.kill("pstest");
      events.write(300);
      await Bun.sleep(500);
      await server.start("pstest", ["-topics", `projects/${PROJECT}/topics/${topic}`]);
      events.write(300);
      await events.delivered("pubsub");
      const got = [...before, ...(await take(topic, 600))];
      expect(got.map(({ attributes }) => attributes.id).sort()).toEqual([...events.ids].sort());
      expect(await events.petrel.metric("petrel_events_retried_total", 'receiver="pubsub"')).toBeGreaterThan(0);
    },
    TEST_MS,
  );
});
