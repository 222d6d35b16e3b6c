import { afterEach, describe, expect, test } from "bun:test";
import kafka from "../../sinks/kafka.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { fakeBroker, type Message } from "./kafka.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function setUp(
  settings: object,
  produce: (messages: readonly Message[], partition: number) => number | undefined = () => 0,
  compat = false,
  leaders?: (own: number) => readonly number[],
) {
  const requests: (readonly Message[])[] = [];
  const broker = fakeBroker({
    produce(messages, partition) {
      requests.push(messages);
      return produce(messages, partition);
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
  return { deliver, requests, lines };
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

  test("refuses Avro and half of an authentication clearly, and says that a connection is not encrypted", async () => {
    const avro = { avro: { schemaID: "a", schema: "{}" }, layout: undefined };
    await expect(setUp(avro)).rejects.toThrow("kafka.avro: Petrel sends JSON only");
    await expect(setUp({ sasl: { enable: true } })).rejects.toThrow("kafka.sasl.password is missing");
    await expect(setUp({ sasl: { enable: true, mechanism: "oauthbearer" } })).rejects.toThrow(
      "kafka.sasl.token is missing",
    );
    const { lines } = await setUp({ tls: { caFile: "/x" } });
    expect(lines.join()).toContain("the connection is not encrypted");
  });
});
