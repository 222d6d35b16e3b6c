/**
 * A fake broker that speaks just enough of the protocol: ApiVersions 1, Metadata 8, Produce 7, SASL. The real one is in
 * test/e2e/kafka.test.ts. @see https://kafka.apache.org/protocol
 */
import type { Socket } from "bun";
import {
  type Behaviour,
  type Delivery,
  type Fixture,
  lineOf,
  MARK,
  type ServerTls,
  serverTls,
  until,
} from "../contract.ts";
import { openRelay, type Relay } from "../relay.ts";
import { GOLDEN_LINE } from "./lines.ts";

const API = { produce: 0, metadata: 3, saslHandshake: 17, apiVersions: 18, saslAuthenticate: 36 } as const;
const UNSUPPORTED_VERSION = 35;
const MESSAGE_TOO_LARGE = 10;
/** The predecessor was content with the leader. */
const ALL_REPLICAS = -1;

/** Writes the protocol's types, version-less: INT16, INT32 …, STRING. */
function writer() {
  const parts: Buffer[] = [];
  const number = (bytes: number, write: (buffer: Buffer) => void) => {
    const buffer = Buffer.alloc(bytes);
    write(buffer);
    parts.push(buffer);
    return self;
  };
  const self = {
    int8: (value: number) => number(1, (b) => b.writeInt8(value)),
    int16: (value: number) => number(2, (b) => b.writeInt16BE(value)),
    int32: (value: number) => number(4, (b) => b.writeInt32BE(value)),
    int64: (value: number) => number(8, (b) => b.writeBigInt64BE(BigInt(value))),
    text(value: string) {
      self.int16(Buffer.byteLength(value));
      parts.push(Buffer.from(value));
      return self;
    },
    bytes: () => Buffer.concat(parts),
  };
  return self;
}

function reader(bytes: Buffer) {
  let at = 0;
  /** Goes on by `count` bytes and returns where it was. */
  const past = (count: number) => {
    at += count;
    return at - count;
  };
  const self = {
    skip(count: number) {
      at += count;
      return self;
    },
    int8: () => bytes.readInt8(past(1)),
    int16: () => bytes.readInt16BE(past(2)),
    int32: () => bytes.readInt32BE(past(4)),
    text() {
      const length = self.int16();
      return self.slice(length).toString();
    },
    /** Zigzag. */
    varint() {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes.readUInt8(at++);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      return Number((value >> 1n) ^ -(value & 1n));
    },
    slice(length: number) {
      const start = past(Math.max(0, length));
      return bytes.subarray(start, at);
    },
  };
  return self;
}

export interface Message {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The records of a batch that is not compressed. @see https://kafka.apache.org/documentation/#recordbatch */
function messagesOf(bytes: Buffer): { readonly message: Message; readonly bytes: Buffer }[] {
  const batch = reader(bytes).skip(8 + 4 + 4 + 1 + 4 + 2 + 4 + 8 + 8 + 8 + 2 + 4);
  const count = batch.int32();
  return Array.from({ length: count }, () => {
    batch.varint();
    batch.int8();
    batch.varint();
    batch.varint();
    const key = batch.slice(batch.varint()).toString();
    const bytes = Buffer.from(batch.slice(batch.varint()));
    const headers = Array.from({ length: batch.varint() }, () => [
      batch.slice(batch.varint()).toString(),
      batch.slice(batch.varint()).toString(),
    ]);
    return { message: { key, value: bytes.toString(), headers: Object.fromEntries(headers) }, bytes };
  });
}

/** `produce` gets the messages of a partition, and their values as bytes, and returns an error code, 0 for success, undefined for no answer. */
export function fakeBroker(options: {
  readonly produce: (messages: readonly Message[], partition: number, values: readonly Buffer[]) => number | undefined;
  /** Ports of the leaders of the topic's partitions. Default: this broker's, of one partition. */
  readonly leaders?: () => readonly number[];
  /** What is wrong with the credentials; undefined: nothing. */
  readonly denied?: () => string | undefined;
  readonly silent?: () => boolean;
  /** Where clients are sent. Default: here. */
  readonly advertised?: () => number;
  readonly tls?: ServerTls | undefined;
}) {
  const listener = Bun.listen<{ rest: Buffer }>({
    hostname: "127.0.0.1",
    port: 0,
    ...(options.tls && { tls: serverTls(options.tls) }),
    socket: {
      open(socket) {
        socket.data = { rest: Buffer.alloc(0) };
      },
      data(socket, bytes) {
        let rest = Buffer.concat([socket.data.rest, bytes]);
        while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
          const size = rest.readInt32BE(0);
          answer(socket, rest.subarray(4, 4 + size));
          rest = rest.subarray(4 + size);
        }
        socket.data.rest = Buffer.from(rest);
      },
    },
  });

  function answer(socket: Socket<{ rest: Buffer }>, request: Buffer): void {
    if (options.silent?.()) return;
    const input = reader(request);
    const [api, version, correlation] = [input.int16(), input.int16(), input.int32()];
    input.text();
    const body = respond(api, version, input);
    if (body === undefined) return;
    socket.write(
      writer()
        .int32(4 + body.length)
        .int32(correlation)
        .bytes(),
    );
    socket.write(body);
  }

  function respond(api: number, version: number, input: ReturnType<typeof reader>): Buffer | undefined {
    switch (api) {
      case API.apiVersions: {
        // The answer to a version that the broker does not know has version 0.
        if (version > 1) return writer().int16(UNSUPPORTED_VERSION).int32(1).int16(18).int16(0).int16(1).bytes();
        const known = [
          [API.produce, 7],
          [API.metadata, 8],
          [API.saslHandshake, 1],
          [API.saslAuthenticate, 1],
          [API.apiVersions, 1],
        ] as const;
        const out = writer().int16(0).int32(known.length);
        for (const [key, only] of known) out.int16(key).int16(only).int16(only);
        return out.int32(0).bytes();
      }
      case API.metadata: {
        const topics = Array.from({ length: input.int32() }, () => input.text());
        const leaders = options.leaders?.() ?? [options.advertised?.() ?? listener.port];
        const brokers = [...new Set(leaders)];
        const out = writer().int32(0).int32(brokers.length);
        for (const [index, port] of brokers.entries())
          out
            .int32(index + 1)
            .text("127.0.0.1")
            .int32(port)
            .int16(-1);
        out.text("cluster").int32(1).int32(topics.length);
        for (const topic of topics) {
          out.int16(0).text(topic).int8(0).int32(leaders.length);
          for (const [partition, port] of leaders.entries()) {
            const leader = brokers.indexOf(port) + 1;
            out.int16(0).int32(partition).int32(leader).int32(0).int32(1).int32(leader).int32(1).int32(leader).int32(0);
          }
          out.int32(0);
        }
        return out.int32(0).bytes();
      }
      case API.saslHandshake:
        return writer().int16(0).int32(1).text(input.text()).bytes();
      case API.saslAuthenticate: {
        const denied = options.denied?.();
        const out = writer();
        if (version < 2)
          return (denied === undefined ? out.int16(0).int16(-1) : out.int16(58).text(denied)).int32(0).int64(0).bytes();
        // The flexible form: an empty tag section in the header, compact lengths.
        out.int8(0);
        if (denied === undefined) out.int16(0).int8(0);
        else {
          out.int16(58);
          const text = Buffer.from(denied.slice(0, 100));
          out.int8(text.length + 1);
          return Buffer.concat([out.bytes(), text, writer().int8(1).int64(0).int8(0).bytes()]);
        }
        return out.int8(1).int64(0).int8(0).bytes();
      }
      case API.produce: {
        input.text();
        if (input.int16() !== ALL_REPLICAS) throw new Error("acks");
        input.skip(4);
        if (input.int32() !== 1) throw new Error("one topic");
        const topic = input.text();
        const count = input.int32();
        const out = writer().int32(1).text(topic).int32(count);
        for (let i = 0; i < count; i++) {
          const partition = input.int32();
          const records = messagesOf(input.slice(input.int32()));
          const [messages, values] = [records.map(({ message }) => message), records.map(({ bytes }) => bytes)];
          const code = options.produce(messages, partition, values);
          if (code === undefined) return undefined;
          out.int32(partition).int16(code).int64(0).int64(-1).int64(0);
        }
        return out.int32(0).bytes();
      }
      default:
        throw new Error(`API ${api}`);
    }
  }
  return { port: listener.port, stop: () => listener.stop(true) };
}

const SASL = { enable: true, username: "user", password: "pass" };

export default {
  async open(tls) {
    let how: Behaviour = "accept";
    const came: Message[] = [];
    const deliveries: Delivery[] = [];
    let relay: Relay | undefined;
    const broker = fakeBroker({
      tls,
      advertised: () => relay?.port ?? 0,
      silent: () => how === "hang",
      denied: () => (typeof how === "object" && "status" in how ? how.body : undefined),
      produce(messages) {
        const bytes = messages.reduce((sum, { value }) => sum + value.length, 0);
        if (typeof how === "object" && "tooLarge" in how && bytes > how.tooLarge) return MESSAGE_TOO_LARGE;
        came.push(...messages);
        deliveries.push({ texts: messages.map(({ value }) => value), bytes });
        return 0;
      },
    });
    relay = await openRelay(broker.port);
    const { port, behave, sent, close } = relay;
    return {
      config: { brokers: [`127.0.0.1:${port}`], topic: "events" },
      async behave(next) {
        how = next;
        await behave(lineOf(next));
      },
      async received(count) {
        await until(() => came.length >= count, `${count} messages came`);
        return came.map(({ key, value }) => `${key} ${value}`);
      },
      ids: () => came.map(({ headers }) => headers.id ?? ""),
      deliveries: () => deliveries,
      sent,
      async [Symbol.asyncDispose]() {
        await close();
        broker.stop();
      },
    };
  },
  tls: (settings) => ({ tls: { enable: true, ...settings } }),
  golden: `ba30f343-3351 ${GOLDEN_LINE.trimEnd()}`,
  json: (text) => text.slice(text.indexOf("{")),
  secrets: [{ sasl: { ...SASL, password: MARK } }, { sasl: { ...SASL, mechanism: "oauthbearer", token: MARK } }],
  about: {
    auth: "`sasl` with `username` and `password`, or with `token`; a client certificate in `tls`.",
    permissions: "ACLs `Write` and `Describe` on the topic; `Create` where brokers create topics by themselves.",
    limits:
      "1 MiB a batch of records (`max.message.bytes`) unless the topic says otherwise ([topic configs](https://kafka.apache.org/documentation/#topicconfigs_max.message.bytes))",
    order: "per key: the event, unless `key` says otherwise",
    id: "header `id`",
    retries: "Kafka's error codes; nothing goes out behind what failed",
    tested: [{ component: "kafka", server: "Kafka", version: "4.3.1" }],
  },
  templates: { avro: { unseen: "a schema and no template" } },
  gone: "network",
  skip: { statuses: "no HTTP; kafka.test.ts has Kafka's errors" },
} satisfies Fixture;
