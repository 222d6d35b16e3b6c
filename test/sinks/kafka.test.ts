import { afterEach, describe, expect, test } from "bun:test";
import kafka from "../../sinks/kafka.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import fixture, { fakeBroker, type Message } from "./kafka.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function setUp(
  settings: object,
  produce: Parameters<typeof fakeBroker>[0]["produce"] = () => 0,
  compat = false,
  leaders?: (own: number) => readonly number[],
) {
  const requests: (readonly Message[])[] = [];
  const broker = fakeBroker({
    produce(messages, partition, values) {
      requests.push(messages);
      return produce(messages, partition, values);
    },
    ...(leaders && { leaders: () => leaders(broker.port) }),
  });
  const { logger, lines } = recordingLogger();
  const options = { receiver: "k", logger, compat, compileTemplate: compileSimple, env: {} };
  const config = kafka
    .config(fields)
    .parse({ brokers: [`127.0.0.1:${broker.port}`], topic: "t", layout: { m: "{{ .Message }}" }, ...settings });
  const sink = await kafka.create(config, createSinkContext(options));
  open.push(
    () => broker.stop(),
    () => sink[Symbol.asyncDispose]?.(),
  );
  const deliver = (...messages: string[]) =>
    sink.deliver(
      messages.map((message, index) => anEvent({ id: `id${index}`, message })) as unknown as Batch,
      AbortSignal.timeout(3_000),
    );
  const render = (message: string) => sink.render([anEvent({ message })]).body;
  return { deliver, render, requests, lines };
}

describe("kafka", () => {
  test("sends the uid as key and the id as header; or what templates say", async () => {
    const plain = await setUp({});
    await plain.deliver("a");
    expect(plain.requests).toEqual([[{ key: "ba30f343-3351", value: '{"m":"a"}', headers: { id: "id0" } }]]);
    const own = await setUp({ key: "{{ .Reason }}", headers: { reason: "{{ .Reason }}" } });
    await own.deliver("a");
    expect(own.requests[0]?.[0]).toMatchObject({ key: "BackOff", headers: { id: "id0", reason: "BackOff" } });
    const exporter = await setUp({}, () => 0, true);
    await exporter.deliver("a");
    expect(exporter.requests[0]?.[0]?.headers).toEqual({});
  });

  test("outlives a connection that is lost while it says who it is", async () => {
    await using to = await fixture.open(undefined);
    const { logger } = recordingLogger();
    const context = createSinkContext({
      receiver: "k",
      logger,
      compat: false,
      compileTemplate: compileSimple,
      env: {},
    });
    const sasl = { enable: true, username: "user", password: "pass" };
    const sink = await kafka.create(kafka.config(fields).parse({ ...to.config, sasl }), context);
    open.push(() => sink[Symbol.asyncDispose]?.());
    await to.behave("reset");
    expect((await refusalOf(sink.deliver([anEvent()], AbortSignal.timeout(3_000)))).reason).toBe("network");
    // An error that nobody hears comes after the delivery has failed, and fails this test.
    await Bun.sleep(50);
    await to.behave("accept");
    await sink.deliver([anEvent()], AbortSignal.timeout(3_000));
  });

  test("cuts a batch by bytes, in order, and refuses what is too large alone", async () => {
    const { deliver, requests } = await setUp({ maxMessageBytes: 1_000 });
    const { refused } = await refusalOf(deliver("a".repeat(400), "b".repeat(400), "c".repeat(2_000), "d"));
    expect(refused?.map(({ index, reason }) => [index, reason])).toEqual([[2, "too_large"]]);
    expect(requests.map((messages) => messages.map(({ headers }) => headers.id))).toEqual([["id0"], ["id1", "id3"]]);
  });

  test("sends nothing after a request that failed, so that order holds", async () => {
    let calls = 0;
    const { deliver, requests } = await setUp({ maxMessageBytes: 1_000 }, () => (++calls === 2 ? 19 : 0));
    const big = "x".repeat(700);
    const { refused } = await refusalOf(deliver(big, big, big));
    expect(refused?.map(({ index, reason }) => [index, reason])).toEqual([
      [1, "unavailable"],
      [2, "unavailable"],
    ]);
    expect(requests).toHaveLength(2);
  });

  describe("of a request that some partitions took", () => {
    const key = "{{ .Message }}";
    const letters = [..."abcdefgh"];
    /** By the keys' hash. */
    const inPartition1 = ["d", "f", "g", "h"];
    const placesOf = (those: readonly string[]) => those.map((letter) => letters.indexOf(letter));
    const sent = (requests: readonly (readonly Message[])[]) =>
      requests.map((one) => one.map(({ key }) => key).join(""));

    test("only what the others were to take is sent again, whether one broker leads them", async () => {
      let code = 6;
      const produce = (_: readonly Message[], partition: number) => (partition === 1 ? code : 0);
      const { deliver, requests } = await setUp({ key }, produce, false, (own) => [own, own]);
      const error = await refusalOf(deliver(...letters));
      expect(sent(requests)).toEqual(["abce", "dfgh"]);
      expect([error.reason as string, error.message]).toEqual(["unavailable", expect.stringContaining("NOT_LEADER")]);
      expect(error.refused?.map(({ index }) => index)).toEqual(placesOf(inPartition1));
      code = 0;
      await deliver(...inPartition1);
      expect(sent(requests)).toEqual(["abce", "dfgh", "dfgh"]);
    });

    test("or another does, that is gone", async () => {
      const other = fakeBroker({ produce: () => 0 });
      other.stop();
      const { deliver, requests } = await setUp(
        { key },
        () => 0,
        false,
        (own) => [own, other.port],
      );
      const error = await refusalOf(deliver(...letters));
      expect([error.reason as string, sent(requests)]).toEqual(["network", ["abce"]]);
      expect(error.refused?.map(({ index }) => index)).toEqual(placesOf(inPartition1));
    });

    test("nothing goes out after it, so that order holds", async () => {
      const produce = (_: readonly Message[], partition: number) => (partition === 1 ? 19 : 0);
      const { deliver, requests } = await setUp({ key, maxMessageBytes: 500 }, produce, false, (own) => [own, own]);
      const { refused } = await refusalOf(deliver(...letters));
      expect(sent(requests)).toEqual(["abce", "d"]);
      expect(refused?.map(({ index }) => index)).toEqual(placesOf(inPartition1));
    });

    test("an event that is refused is left with its partition alone", async () => {
      const produce = (messages: readonly Message[]) => (messages.some((one) => one.key === "d") ? 87 : 0);
      const { deliver, requests } = await setUp({ key }, produce, false, (own) => [own, own]);
      const first = await refusalOf(deliver(...letters));
      expect(first.refused?.map(({ reason }) => reason)).toEqual(inPartition1.map(() => "unavailable" as const));
      // Refused as a whole, so that the runtime halves it.
      const second = await refusalOf(deliver(...inPartition1));
      expect([second.reason as string, second.refused]).toEqual(["rejected", undefined]);
      expect(sent(requests)).toEqual(["abce", "dfgh", "dfgh"]);
    });
  });

  const errors: readonly [number, string, string][] = [
    [10, "MESSAGE_TOO_LARGE", "too_large"],
    [29, "TOPIC_AUTHORIZATION_FAILED", "unauthorized"],
    [19, "NOT_ENOUGH_REPLICAS", "unavailable"],
    [87, "INVALID_RECORD", "rejected"],
    [76, "UNSUPPORTED_COMPRESSION_TYPE", "not_found"],
    [44, "POLICY_VIOLATION", "rejected"],
  ];
  for (const [code, name, reason] of errors) {
    test(`understands ${name}`, async () => {
      const { deliver } = await setUp({}, () => code);
      const error = await refusalOf(deliver("a"));
      expect([error.reason as string, error.message]).toEqual([reason, expect.stringContaining(name)]);
    });
  }

  /** The bytes are goavro's (v2.12.0, NewCodecForStandardJSON), made once from the same schema and JSON. */
  test("encodes in Avro as the exporter does, unless there is a layout", async () => {
    const text = { type: ["null", "string"], default: null };
    const labels = { type: "map", values: "string" };
    const involvedObject = {
      ...{ type: "record", name: "Object" },
      fields: [
        { name: "kind", type: "string" },
        { name: "labels", type: ["null", labels], default: null },
        { name: "deleted", type: "boolean" },
      ],
    };
    const fields = [
      { name: "reason", type: "string" },
      { name: "message", type: "string", default: "none" },
      { name: "source", type: labels },
      { name: "lastTimestamp", ...text },
      { name: "eventTime", ...text },
      { name: "count", type: "long", default: 1 },
      { name: "type", type: { type: "enum", name: "Type", symbols: ["Normal", "Warning"] } },
      { name: "involvedObject", type: involvedObject },
    ];
    const schema = JSON.stringify({ type: "record", name: "Event", fields });
    const avro = { schemaID: "00112233445566778899aAbBcCdDeEfF", schema };
    const bytes: Buffer[] = [];
    const take = (_: unknown, __: unknown, values: readonly Buffer[]) => {
      bytes.push(...values);
      return 0;
    };
    const { deliver, render } = await setUp({ avro, layout: undefined }, take);
    await deliver("Back-off <ü> 日本");
    await deliver("");
    expect(bytes.map((one) => one.toString("hex"))).toEqual([
      "0000112233445566778899aabbccddeeff0e4261636b4f6666284261636b2d6f6666203cc3bc3e20e697a5e69cac0412636f6d706f6e656e740e6b7562656c657408686f73740c6e6f64652d31000228323032362d31312d32305432313a34353a31385a000e0206506f64020406617070067765622c6170702e6b756265726e657465732e696f2f6e616d65067765620000",
      "0000112233445566778899aabbccddeeff0e4261636b4f6666086e6f6e650412636f6d706f6e656e740e6b7562656c657408686f73740c6e6f64652d31000228323032362d31312d32305432313a34353a31385a000e0206506f64020406617070067765622c6170702e6b756265726e657465732e696f2f6e616d65067765620000",
    ]);
    expect(render("")).toBe(
      Buffer.from(
        "0000112233445566778899aabbccddeeff0e4261636b4f6666086e6f6e650412636f6d706f6e656e740e6b7562656c657408686f73740c6e6f64652d31000228323032362d31312d32305432313a34353a31385a000e0206506f64020406617070067765622c6170702e6b756265726e657465732e696f2f6e616d65067765620000",
        "hex",
      ).toString("base64"),
    );
    // As Confluent's readers want it: the number that its registry gave the schema.
    const registered = await setUp({ avro: { ...avro, schemaID: "0000002a" }, layout: undefined }, take);
    await registered.deliver("");
    expect(bytes.at(-1)?.subarray(0, 5).toString("hex")).toBe("000000002a");
    expect(bytes.at(-1)?.subarray(5)).toEqual(bytes.at(-2)?.subarray(17) ?? Buffer.alloc(0));
    const other = await setUp({ avro, layout: { m: "{{ .Message }}" } }, take);
    await other.deliver("a");
    expect(bytes.at(-1)?.toString()).toBe('{"m":"a"}');
    const misfit = JSON.stringify({ type: "record", name: "E", fields: [{ name: "nobody", type: "string" }] });
    const { deliver: refuse } = await setUp({ avro: { ...avro, schema: misfit }, layout: undefined });
    const error = await refusalOf(refuse("a"));
    expect([error.reason as string, error.message]).toEqual([
      "rejected",
      expect.stringContaining("the event does not fit the schema: "),
    ]);
  });

  test("refuses a schema that is none and half of an authentication clearly, and says that a connection is not encrypted", async () => {
    const schemaID = "0".repeat(32);
    for (const schema of ["{", "{}", '["null","int","long"]'])
      await expect(setUp({ avro: { schemaID, schema }, layout: undefined })).rejects.toThrow("kafka.avro.schema: ");
    for (const schemaID of ["1", "000000002a", "0000002g"]) {
      const avro = { schemaID, schema: "" };
      expect(kafka.config(fields).safeParse({ brokers: "b", topic: "t", avro }).success).toBe(false);
    }
    await expect(setUp({ sasl: { enable: true } })).rejects.toThrow("kafka.sasl.password is missing");
    await expect(setUp({ sasl: { enable: true, mechanism: "oauthbearer" } })).rejects.toThrow(
      "kafka.sasl.token is missing",
    );
    const { lines } = await setUp({ tls: { caFile: "/x" } });
    expect(lines.join()).toContain("the connection is not encrypted");
  });
});
