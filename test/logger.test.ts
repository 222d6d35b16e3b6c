import { describe, expect, test } from "bun:test";
import { closeSync, constants, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Level, type LogFormat } from "../src/logger.ts";
import { boundedWriter } from "../src/standard-error.ts";

const TIME = Date.UTC(2026, 10, 21, 9, 0, 0);

function recorded(level: Level = "info", format: LogFormat = "json") {
  const lines: string[] = [];
  const clock = { now: TIME };
  const logger = createLogger({ level, format, write: (line) => lines.push(line), now: () => clock.now });
  return { logger, lines, clock };
}

const secret = { reveal: () => "hunter2" };

describe("a line", () => {
  const rows: [string, LogFormat, Record<string, unknown>, string][] = [
    [
      "JSON",
      "json",
      { receiver: "a", count: 3, on: true, none: undefined, nil: null },
      '{"level":"info","time":"2026-11-21T09:00:00.000Z","message":"m","receiver":"a","count":3,"on":true,"nil":null}\n',
    ],
    ["pretty", "pretty", { receiver: "a", text: "b c" }, '2026-11-21T09:00:00.000Z INF m receiver=a text="b c"\n'],
    [
      "secrets, wherever they are",
      "json",
      { token: secret, deep: [{ token: secret }] },
      '{"level":"info","time":"2026-11-21T09:00:00.000Z","message":"m","token":"[secret]","deep":[{"token":"[secret]"}]}\n',
    ],
    [
      "errors as their message",
      "json",
      { error: new Error("it broke") },
      '{"level":"info","time":"2026-11-21T09:00:00.000Z","message":"m","error":"it broke"}\n',
    ],
    [
      "reserved names",
      "json",
      { level: 1, time: 2, message: 3 },
      '{"level":"info","time":"2026-11-21T09:00:00.000Z","message":"m","level_":1,"time_":2,"message_":3}\n',
    ],
    [
      "what JSON cannot hold",
      "json",
      { big: 10n, nan: Number.NaN, map: new Map([["a", 1]]) },
      '{"level":"info","time":"2026-11-21T09:00:00.000Z","message":"m","big":"10","nan":"NaN","map":{"a":1}}\n',
    ],
    [
      "control characters of an event",
      "pretty",
      { message_of: "a\u001b[31mb\nc" },
      '2026-11-21T09:00:00.000Z INF m message_of="a\\u001b[31mb\\nc"\n',
    ],
  ];
  test.each(rows)("%s", (_, format, fields, line) => {
    const { logger, lines } = recorded("info", format);
    logger.info("m", fields);
    expect(lines).toEqual([line]);
  });

  test("is one line whatever the message holds", () => {
    const { logger, lines } = recorded("info", "pretty");
    logger.info("a\nb\u2028c");
    expect(lines).toEqual(["2026-11-21T09:00:00.000Z INF a\\nb\\u2028c\n"]);
  });

  test("is bounded", () => {
    const { logger, lines } = recorded();
    const round: Record<string, unknown> = {};
    round.self = round;
    logger.info("x".repeat(10_000), { list: new Array(1_000).fill("y".repeat(10)), round });
    expect(lines[0]?.length).toBeLessThan(6_000);
    expect(JSON.parse(lines[0] ?? "").message).toEndWith("… (5904 more characters)");
  });

  test("has the stack of an error at debug", () => {
    const { logger, lines } = recorded("debug");
    logger.error("m", { error: new Error("it broke") });
    expect(JSON.parse(lines[0] ?? "").error).toMatch(/^Error: it broke\n\s+at /);
  });
});

test.each<[Level, string[]]>([
  ["trace", ["debug", "info", "warn", "error"]],
  ["debug", ["debug", "info", "warn", "error"]],
  ["info", ["info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["error", ["error"]],
  ["fatal", []],
  ["disabled", []],
])("level %s prints %p", (level, printed) => {
  const { logger, lines } = recorded(level);
  for (const name of ["debug", "info", "warn", "error"] as const) logger[name](name);
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(printed);
});

test("a changed configuration reaches loggers that were made before", () => {
  const { logger, lines } = recorded("error");
  const scoped = logger.with({ receiver: "a" });
  logger.configure({ level: "info", format: "pretty" });
  scoped.info("m");
  expect(lines).toEqual(["2026-11-21T09:00:00.000Z INF m receiver=a\n"]);
});

describe("repetition", () => {
  test("beyond five lines in ten seconds is counted and told later", () => {
    const { logger, lines, clock } = recorded("info", "pretty");
    const scoped = logger.with({ receiver: "a" });
    for (let i = 0; i < 1_000; i++) scoped.error("cannot deliver", { attempt: i });
    expect(lines).toHaveLength(5);
    logger.flush();
    expect(lines).toHaveLength(5);
    clock.now += 10_000;
    logger.flush();
    expect(lines[5]).toBe("2026-11-21T09:00:10.000Z ERR cannot deliver (995 more in 10 s) receiver=a\n");
    scoped.error("cannot deliver");
    expect(lines).toHaveLength(7);
  });

  test("is told before the next line of its kind, and at the end", () => {
    const { logger, lines, clock } = recorded("info", "pretty");
    for (let i = 0; i < 6; i++) logger.warn("again");
    clock.now += 20_000;
    for (let i = 0; i < 7; i++) logger.warn("again");
    logger.flush("all");
    expect(lines.map((line) => line.slice(29).trimEnd())).toEqual([
      ...new Array(5).fill("again"),
      "again (1 more in 10 s)",
      ...new Array(5).fill("again"),
      "again (2 more in 10 s)",
    ]);
  });

  test("is apart by level, message, receiver and kind", () => {
    const { logger, lines } = recorded();
    for (let i = 0; i < 20; i++) {
      logger.info("a");
      logger.warn("a");
      logger.info("b", { receiver: "x" });
      logger.info("b", { receiver: "y" });
      logger.info("b", { kind: "Pod" });
    }
    expect(lines).toHaveLength(25);
  });

  test("of many different things costs a bounded memory and loses no count", () => {
    const { logger, lines } = recorded();
    for (let i = 0; i < 6; i++) logger.info("first");
    for (let i = 0; i < 5_000; i++) logger.info("other", { receiver: `r${i}` });
    expect(lines.filter((line) => line.includes("first (1 more in 10 s)"))).toHaveLength(1);
  });
});

test("a pipe that nobody reads costs lines, which are told when it is read again", () => {
  const path = join(tmpdir(), `petrel-logger-${process.pid}`);
  expect(Bun.spawnSync(["mkfifo", path]).success).toBe(true);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    const write = boundedWriter(writer);
    const line = `${"x".repeat(5_000)}\n`;
    for (let i = 0; i < 100; i++) write(line);
    const read = () => {
      const buffer = Buffer.alloc(1024 * 1024);
      let size = 0;
      try {
        for (let got = 1; got > 0; size += got) got = readSync(reader, buffer, size, buffer.length - size, null);
      } catch {
        // EAGAIN: empty now
      }
      return buffer.toString("latin1", 0, size);
    };
    const before = read();
    write("after\n");
    const lines = (before + read()).split("\n");
    const whole = lines.filter((text) => text === line.trimEnd()).length;
    expect(lines.slice(-3)).toEqual([
      `{"level":"warn","message":"log lines lost: nobody read standard error","lines":${100 - whole}}`,
      "after",
      "",
    ]);
    expect(whole).toBeGreaterThan(5);
    expect(lines).toHaveLength(whole + 3);
  } finally {
    closeSync(reader);
    closeSync(writer);
    rmSync(path);
  }
});
