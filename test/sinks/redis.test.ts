import { afterEach, describe, expect, test } from "bun:test";
import redis from "../../sinks/redis.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch, Sink } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, until } from "../contract.ts";
import { fakeRedis } from "./redis.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function setUp(settings: object, answer: (command: readonly string[]) => string | undefined = () => "+OK\r\n") {
  const commands: (readonly string[])[] = [];
  const server = fakeRedis((command) => {
    if (command[0] === "HELLO") return "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n";
    commands.push(command);
    return answer(command);
  });
  const { logger } = recordingLogger();
  const options = { receiver: "r", logger, compat: false, compileTemplate: compileSimple, env: {} };
  const config = redis.config(fields).parse({ address: `127.0.0.1:${server.port}`, layout: { a: "b" }, ...settings });
  const sink = await redis.create(config, createSinkContext(options));
  open.push(
    () => sink[Symbol.asyncDispose]?.(),
    () => server.stop(),
  );
  return { sink, commands, server };
}

const deliver = (sink: Sink, ...reasons: string[]) =>
  sink.deliver(
    reasons.map((reason, index) => anEvent({ id: `id${index}`, reason })) as unknown as Batch,
    AbortSignal.timeout(2_000),
  );

describe("redis", () => {
  const rows: readonly [object, string[]][] = [
    [{}, ["XADD kubernetes-events MAXLEN ~ 100000 * id id0 event {X}"]],
    [{ maxLength: 0, key: "k:{{ .Reason }}" }, ["XADD k:A * id id0 event {X}"]],
    [{ mode: "pubsub" }, ["PUBLISH kubernetes-events {X}"]],
    [{ mode: "list", maxLength: 5 }, ["RPUSH kubernetes-events {X}", "LTRIM kubernetes-events -5 -1"]],
    [{ mode: "list", maxLength: 0 }, ["RPUSH kubernetes-events {X}"]],
  ];
  for (const [settings, expected] of rows) {
    test(`sends ${expected.join("; ")}`, async () => {
      const { sink, commands } = await setUp(settings);
      await deliver(sink, "A");
      expect(commands.map((command) => command.join(" "))).toEqual(
        expected.map((line) => line.replace("{X}", '{"a":"b"}')),
      );
    });
  }

  const errors: readonly [string, string][] = [
    ["LOADING Redis is loading the dataset in memory", "unavailable"],
    ["READONLY You can't write against a read only replica.", "unavailable"],
    ["CLUSTERDOWN The cluster is down", "unavailable"],
    ["MISCONF Redis is configured to save RDB snapshots", "unavailable"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "quota"],
    ["NOPERM this user has no permissions to run the 'xadd' command", "unauthorized"],
    ["NOAUTH Authentication required.", "unauthorized"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "not_found"],
    ["ERR something about this entry", "rejected"],
  ];
  for (const [text, reason] of errors) {
    test(`understands ${text}`, async () => {
      const { sink } = await setUp({}, () => `-${text}\r\n`);
      const error = await refusalOf(deliver(sink, "A"));
      expect([error.reason as string, error.message]).toEqual([reason, expect.stringContaining(text.slice(0, 20))]);
    });
  }

  test("refuses a Cluster and a Sentinel, and says what to do", async () => {
    const cluster = await setUp({}, () => "-MOVED 3999 127.0.0.1:6381\r\n");
    expect(await refusalOf(deliver(cluster.sink, "A"))).toMatchObject({
      reason: "not_found",
      message: expect.stringContaining("a Redis Cluster, which Petrel does not follow"),
    });
    const sentinel = await setUp({}, () => "-ERR unknown command 'XADD', with args beginning with: 'k'\r\n");
    expect(await refusalOf(deliver(sentinel.sink, "A"))).toMatchObject({
      reason: "not_found",
      message: expect.stringContaining("is this a Sentinel?"),
    });
  });

  test("names exactly the events that failed", async () => {
    const { sink } = await setUp({}, (command) => (command.includes("id1") ? "-OOM no\r\n" : "$3\r\n1-0\r\n"));
    const { refused } = await refusalOf(deliver(sink, "A", "B", "C"));
    expect(refused).toEqual([{ index: 1, reason: "quota", message: expect.stringContaining("OOM no") }]);
  });

  test("comes back over a new connection after the old one broke", async () => {
    const { sink, commands, server } = await setUp({});
    await deliver(sink, "A");
    server.cut();
    // The loss may be noticed before the next delivery or by it.
    await deliver(sink, "B").catch(() => {});
    await deliver(sink, "C");
    await until(() => commands.length >= 2, "the second came");
  });
});
