/** The eventhubs receiver of the executable against a real Kafka, whose protocol the Kafka endpoint of Event Hubs speaks. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { disorder, flow, idsOf } from "./flow.ts";
import { consumed } from "./kafka-consumer.ts";

describeReal("Event Hubs, as far as a Kafka can be it,", ["kafka"], () => {
  let kafka: Running;
  /** Of this run: the component may be an earlier one's. */
  const run = Date.now().toString(36);
  beforeAll(async () => {
    kafka = await component("kafka");
  }, 300_000);

  /** Gives out tokens that the broker takes, for whoever has the right secret. */
  const asked: URLSearchParams[] = [];
  const entra = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const form = new URLSearchParams(await request.text());
      asked.push(form);
      if (form.get("client_secret") !== "a-client-secret")
        return Response.json({ error: "invalid_client" }, { status: 401 });
      const now = Math.floor(Date.now() / 1_000);
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const token = `${part({ alg: "none" })}.${part({ sub: "petrel", iat: now, exp: now + 3_600 })}.`;
      return Response.json({ access_token: token, expires_in: 3_599 });
    },
  });
  afterAll(() => entra.stop(true));

  const tls = () => ({ caFile: kafka.env.CA });
  const byKey = (eventHub: string) => ({ connectionString: kafka.env.CONNECTION_STRING, eventHub, tls: tls() });
  const identity = (clientSecret: string) => ({
    namespace: `localhost:${kafka.ports.saslSsl}`,
    entra: { tenantId: "tenant", clientId: "client", clientSecret, authorityHost: `http://127.0.0.1:${entra.port}` },
    tls: tls(),
  });

  test("a thousand events arrive in order per object, by connection string and as an identity at Entra", async () => {
    await using events = await flow([
      { name: "key", eventhubs: { ...byKey(`h${run}`), properties: { topic: "key" } } },
      {
        name: "entra",
        eventhub: { ...identity("a-client-secret"), eventHub: `h${run}`, properties: { topic: "entra" } },
      },
    ]);
    events.write(1_000);
    for (const name of ["key", "entra"]) await events.delivered(name);
    const topics = await consumed(kafka, `h${run}`);
    const ids = [...events.ids].sort();
    for (const name of ["key", "entra"]) {
      const read = topics.get(name) ?? [];
      expect(read.map(({ id }) => id).sort()).toEqual(ids);
      expect(idsOf(read.map(({ value }) => value))).toEqual(read.map(({ id }) => id));
      expect(disorder(read.map(({ value }) => value))).toBeUndefined();
      for (const { key, value } of read) expect(JSON.parse(value).involvedObject.uid).toBe(key);
    }
    expect(asked[0]?.get("scope")).toBe("https://localhost/.default");
  });

  test("a wrong key, a wrong secret and an unknown authority keep the events and say why", async () => {
    const eventHub = `w${run}`;
    const wrong = String(kafka.env.CONNECTION_STRING).replace("a-key-of-the-testbed", "a-wrong-key");
    await using events = await flow([
      { name: "key", eventhubs: { ...byKey(eventHub), connectionString: wrong } },
      { name: "secret", eventhubs: { ...identity("a-wrong-secret"), eventHub } },
      { name: "authority", eventhubs: { ...byKey(eventHub), tls: { caFile: kafka.env.STRANGER_CA } } },
      { name: "good", eventhubs: byKey(eventHub) },
    ]);
    events.write(10);
    await events.delivered("good");
    const log = events.petrel.stderr();
    for (const [name, reason] of [
      ["key", "unauthorized"],
      ["secret", "unauthorized"],
      ["authority", "network"],
    ]) {
      const found = log.split("\n").filter((line) => line.includes(`"receiver":"${name}"`));
      expect(`${name}: ${found}`).toContain(`"reason":"${reason}"`);
    }
    for (const secret of ["a-wrong-key", "a-wrong-secret"]) expect(log).not.toContain(secret);
    expect((await consumed(kafka, eventHub)).get("")?.map(({ id }) => id)).toHaveLength(10);
  });

  test("what is written while the broker is dead arrives when it is back", async () => {
    await using events = await flow([
      { name: "eventhubs", retry: { min: "100ms", max: "1s" }, eventhubs: byKey(`k${run}`) },
    ]);
    events.write(400);
    await events.delivered("eventhubs");
    await kafka.kill("kafka");
    events.write(300);
    await Bun.sleep(500);
    await kafka.start("kafka");
    events.write(300);
    await events.delivered("eventhubs", 90_000);
    const read = (await consumed(kafka, `k${run}`)).get("") ?? [];
    expect([...new Set(read.map(({ id }) => id))].sort()).toEqual([...events.ids].sort());
    expect(await events.petrel.metric("petrel_events_retried_total", 'receiver="eventhubs"')).toBeGreaterThan(0);
  });
});
