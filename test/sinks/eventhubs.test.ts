import { afterEach, describe, expect, test } from "bun:test";
import eventhubs from "../../sinks/eventhubs.ts";
import { fields } from "../../src/config/fields.ts";
import { formOf } from "../../src/form.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { openEventHub, parseConnectionString } from "../../src/wire/eventhubs.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, refusalText } from "../contract.ts";
import { fakeBroker, type Message } from "./kafka.ts";

const soon = () => AbortSignal.timeout(3_000);
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function opened(settings: object = {}, asked: Parameters<typeof formOf>[0] = {}) {
  const messages: Message[] = [];
  const broker = fakeBroker({
    produce(some) {
      messages.push(...some);
      return 0;
    },
  });
  const { logger } = recordingLogger();
  const context = createSinkContext({
    ...{ receiver: "it", logger, compat: false, compileTemplate: compileSimple, env: {} },
    form: formOf(asked, eventhubs),
  });
  const connectionString = `Endpoint=sb://127.0.0.1:${broker.port}/;SharedAccessKeyName=k;SharedAccessKey=s;EntityPath=hub;UseDevelopmentEmulator=true`;
  const sink = await eventhubs.create(eventhubs.config(fields).parse({ connectionString, ...settings }), context);
  closing.push(
    () => broker.stop(),
    () => sink[Symbol.asyncDispose]?.(),
  );
  return { sink, messages };
}

describe("eventhubs", () => {
  const KEY = "SharedAccessKeyName=n;SharedAccessKey=a+b/c==";
  const STRINGS: readonly (readonly [string, string | undefined, string])[] = [
    [`Endpoint=sb://ns.servicebus.windows.net/;${KEY};EntityPath=hub`, undefined, "ns.servicebus.windows.net:9093/hub"],
    [`endpoint=sb://ns.servicebus.windows.net;${KEY};`, "other", "ns.servicebus.windows.net:9093/other"],
    [
      `Endpoint=sb://ns.servicebus.windows.net:5671/;${KEY};EntityPath=hub`,
      "mine",
      "ns.servicebus.windows.net:5671/mine",
    ],
    [
      `Endpoint=sb://localhost;${KEY};UseDevelopmentEmulator=true;EntityPath=hub`,
      undefined,
      "localhost:9092/hub plain",
    ],
    [
      "Endpoint=sb://ns.example/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y&se=1;EntityPath=hub",
      undefined,
      "ns.example:9093/hub",
    ],
  ];
  test("reads connection strings", () => {
    for (const [text, hub, expected] of STRINGS) {
      const { host, port, hub: name, isEmulator } = parseConnectionString(text, hub);
      expect(`${host}:${port}/${name}${isEmulator ? " plain" : ""}`).toBe(expected);
    }
  });

  test("says what is wrong with one, and not what is in it", async () => {
    for (const text of ["a-secret", "Endpoint=a-secret;SharedAccessKey=x", "Endpoint=sb://ns.example/;Key=a-secret"]) {
      const said = await refusalText(Promise.try(() => parseConnectionString(text, "hub")));
      expect(said).toStartWith("unauthorized: eventhubs.connectionString: expected Endpoint=sb://");
      expect(said).not.toContain("a-secret");
    }
    expect(
      await refusalText(Promise.try(() => parseConnectionString(`Endpoint=sb://ns.example/;${KEY}`, undefined))),
    ).toStartWith("not_found: eventhubs: which hub?");
  });

  test("gives each message the object as key and the id as property; or what templates say", async () => {
    const { sink, messages } = await opened({ layout: { m: "{{ .Message }}" } });
    await sink.deliver([anEvent({ id: "1", message: "x" })], soon());
    expect(messages).toEqual([{ key: "poduid-1", value: '{"m":"x"}', headers: { id: "1" } }]);
    const own = await opened({ partitionKey: "{{ .Reason }}", properties: { type: "{{ .Type }}" } });
    await own.sink.deliver([anEvent()], soon());
    expect(own.messages[0]).toMatchObject({ key: "BackOff", headers: { id: "ba30f343-3351.101", type: "Warning" } });
  });

  test("sends CloudEvents in binary mode", async () => {
    const { sink, messages } = await opened({}, { format: "cloudevents", mode: "binary" });
    await sink.deliver([anEvent()], soon());
    expect(messages[0]?.headers).toMatchObject({
      ce_type: "Kubernetes.Events.Raw",
      "content-type": "application/json",
    });
  });

  test("cuts at a million bytes, and refuses what alone is larger", async () => {
    const { sink, messages } = await opened({ layout: { m: "{{ .Message }}" } });
    const sized = (length: number) => anEvent({ message: "x".repeat(length) });
    const error = await refusalOf(
      sink.deliver([sized(600_000), sized(600_000), sized(1_000_000)] as unknown as Batch, soon()),
    );
    expect(error.refused?.map(({ index, reason }) => `${index} ${reason}`)).toEqual(["2 too_large"]);
    expect(messages).toHaveLength(2);
  });

  test("wants a connection string or a namespace", () => {
    expect(opened({ connectionString: "" })).rejects.toThrow("set connectionString, or namespace");
  });

  test("opens a new connection where Azure has forgotten the old one, or the string is another", async () => {
    let connections = 0;
    const broker = () =>
      fakeBroker({
        produce: () => 0,
        // Asked of every connection.
        denied() {
          connections++;
          return undefined;
        },
      });
    const [one, other] = [broker(), broker()];
    let port = one.port;
    let now = 0;
    const hub = openEventHub({
      connectionString: () =>
        `Endpoint=sb://127.0.0.1:${port}/;SharedAccessKey=s;EntityPath=hub;UseDevelopmentEmulator=true`,
      ...{ namespace: undefined, hub: undefined, now: () => now, tls: () => ({}) },
      tokens: () => {
        throw new Error("nobody asks");
      },
    });
    closing.push(
      () => one.stop(),
      () => other.stop(),
      () => hub.close(),
    );
    const message = { key: Buffer.from("k"), value: Buffer.from("v"), headers: new Map() };
    const send = () => hub.send([{ index: 0, value: message }], soon());
    const counted: number[] = [];
    for (const [at, to] of [
      [0, one],
      [179_000, one],
      [179_000 + 180_001, one],
      [179_000 + 180_001, other],
    ] as const) {
      now = at;
      port = to.port;
      connections = 0;
      await send();
      counted.push(Math.min(connections, 1));
    }
    expect(counted).toEqual([1, 0, 1, 1]);
  });
});
