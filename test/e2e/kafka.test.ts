/** The kafka receiver of the executable against a real broker, read back by Kafka's own console consumer. */
import { beforeAll, expect, test } from "bun:test";
import { Consumer } from "@platformatic/kafka";
import { type Schema, Type } from "avsc";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { disorder, flow, idsOf } from "./flow.ts";
import { consumed } from "./kafka-consumer.ts";

describeReal("a real Kafka", ["kafka"], () => {
  let kafka: Running;
  /** Of this run: the component may be an earlier one's. */
  const run = Date.now().toString(36);
  beforeAll(async () => {
    kafka = await component("kafka");
  }, 300_000);

  const consume = (start: string) => consumed(kafka, start);
  const plain = () => [`127.0.0.1:${kafka.ports.plain}`];

  test("a thousand events arrive by every way in, with every codec", async () => {
    const { CA: caFile, CLIENT_CERT: certFile, CLIENT_KEY: keyFile, USER, PASSWORD } = kafka.env;
    const { SCRAM_USER, SCRAM_PASSWORD } = kafka.env;
    const tls = { enable: true, caFile };
    const scram = { enable: true, username: SCRAM_USER, password: SCRAM_PASSWORD };
    const encrypted = [`localhost:${kafka.ports.saslSsl}`];
    const claims = { sub: "petrel", iat: Math.floor(Date.now() / 1_000), exp: Math.floor(Date.now() / 1_000) + 3_600 };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "none" })}.${part(claims)}.`;
    const ways: Record<string, object> = {
      none: { brokers: plain() },
      plain: { brokers: encrypted, tls, sasl: { enable: true, username: USER, password: PASSWORD } },
      hubs: {
        ...{ brokers: encrypted, tls, compressionCodec: "gzip" },
        sasl: {
          ...{ enable: true, username: "$$ConnectionString" },
          password: kafka.env.CONNECTION_STRING,
        },
      },
      sha256: { brokers: encrypted, tls, sasl: { ...scram, mechanism: "sha256" }, compressionCodec: "snappy" },
      sha512: { brokers: encrypted, tls, sasl: { ...scram, mechanism: "sha512" }, compressionCodec: "lz4" },
      mtls: {
        brokers: [`localhost:${kafka.ports.ssl}`],
        ...{ tls: { ...tls, certFile, keyFile }, compressionCodec: "zstd" },
      },
      oauth: {
        brokers: [`127.0.0.1:${kafka.ports.saslPlain}`],
        sasl: { enable: true, mechanism: "oauthbearer", token },
      },
    };
    const names = Object.keys(ways);
    await using events = await flow(
      names.map((name) => ({
        name,
        kafka: { topic: `a${run}-${name}`, headers: { topic: name }, key: "{{ .InvolvedObject.Name }}", ...ways[name] },
      })),
    );
    events.write(1_000);
    for (const name of names) await events.delivered(name);
    const topics = await consume(`a${run}`);
    expect([...topics.keys()].sort()).toEqual([...names].sort());
    const ids = [...events.ids].sort();
    for (const name of names) {
      const read = topics.get(name) ?? [];
      expect(read.map(({ id }) => id).sort()).toEqual(ids);
      expect(idsOf(read.map(({ value }) => value))).toEqual(read.map(({ id }) => id));
      // The key is the object, so its events are in one partition.
      expect(disorder(read.map(({ value }) => value))).toBeUndefined();
    }
  });

  test.each([
    ["exporter's", "00112233445566778899aabbccddeeff"],
    ["registry's", "0000002a"],
  ])(
    "Avro with the %s header is read back with the schema",
    async (_, schemaID) => {
      const topic = `d${run}-${schemaID}`;
      const text = { type: ["null", "string"], default: null };
      const metadata = {
        type: "record",
        name: "M",
        fields: ["uid", "resourceVersion"].map((name) => ({ name, ...text })),
      };
      const fields = [
        { name: "message", type: "string" },
        { name: "metadata", type: metadata },
      ];
      const schema = { type: "record" as const, name: "Event", fields };
      const avro = { schemaID, schema: JSON.stringify(schema) };
      await using events = await flow([{ name: "avro", kafka: { brokers: plain(), topic, avro } }]);
      events.write(100);
      await events.delivered("avro");
      // The console consumer shows text alone.
      const consumer = new Consumer({ groupId: topic, clientId: "test", bootstrapBrokers: plain() });
      const type = Type.forSchema(schema as Schema, { wrapUnions: false });
      const found: string[] = [];
      try {
        const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
        const late = setTimeout(() => stream.destroy(new Error("no more messages came")), 20_000);
        for await (const { value } of stream) {
          const header = 1 + schemaID.length / 2;
          expect(value.subarray(0, header).toString("hex")).toBe(`00${schemaID}`);
          const event = type.fromBuffer(value.subarray(header));
          expect(event.message).toMatch(/^message \d+ <ü> 日本$/);
          found.push(`${event.metadata.uid}.${event.metadata.resourceVersion}`);
          if (found.length === events.ids.length) break;
        }
        clearTimeout(late);
      } finally {
        await consumer.close(true);
      }
      expect(found.sort()).toEqual([...events.ids].sort());
    },
    60_000,
  );

  test("a wrong password, a wrong mechanism and an unknown authority keep the events and say why", async () => {
    const { CA: caFile, STRANGER_CA, USER, PASSWORD } = kafka.env;
    const brokers = [`localhost:${kafka.ports.saslSsl}`];
    const topic = `b${run}`;
    const sasl = { enable: true, username: USER, password: PASSWORD };
    const tls = { enable: true, caFile };
    await using events = await flow([
      { name: "password", kafka: { brokers, topic, tls, sasl: { ...sasl, password: "wrong-password" } } },
      { name: "authority", kafka: { brokers, topic, tls: { ...tls, caFile: STRANGER_CA }, sasl } },
      { name: "good", kafka: { brokers, topic, tls, sasl } },
    ]);
    events.write(10);
    await events.delivered("good");
    const log = events.petrel.stderr();
    for (const [name, reason] of [
      ["password", "unauthorized"],
      ["authority", "network"],
    ]) {
      const found = log.split("\n").filter((line) => line.includes(`"receiver":"${name}"`));
      expect(`${name}: ${found}`).toContain(`"reason":"${reason}"`);
    }
    expect(log).not.toContain("wrong-password");
    expect((await consume(topic)).get("")?.map(({ id }) => id)).toHaveLength(10);
  });

  test("what is written while the broker is dead arrives when it is back", async () => {
    const topic = `c${run}`;
    await using events = await flow([
      { name: "kafka", retry: { min: "100ms", max: "1s" }, kafka: { brokers: plain(), topic } },
    ]);
    events.write(400);
    await events.delivered("kafka");
    await kafka.kill("kafka");
    events.write(300);
    await Bun.sleep(500);
    await kafka.start("kafka");
    events.write(300);
    await events.delivered("kafka", 90_000);
    const read = (await consume(topic)).get("") ?? [];
    expect([...new Set(read.map(({ id }) => id))].sort()).toEqual([...events.ids].sort());
  });
});
