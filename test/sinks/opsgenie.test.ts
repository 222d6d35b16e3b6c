import { describe, expect, test } from "bun:test";
import opsgenie from "../../sinks/opsgenie.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { rawServer } from "../wire/raw-server.ts";

async function setUp(settings: object, compat = false) {
  const options = { receiver: "o", logger: recordingLogger().logger, compat, compileTemplate: compileSimple, env: {} };
  const config = opsgenie.config(fields).parse({ apiKey: "k", message: "m", proxy: "http://127.0.0.1:1", ...settings });
  const sink = await opsgenie.create(config, createSinkContext(options));
  return {
    deliver: () => sink.deliver([anEvent()], AbortSignal.timeout(1_000)),
    alert: (change: Partial<Event> = {}) => JSON.parse(sink.render([anEvent(change)]).body),
    /** Where it would send, as the error says it: nobody listens behind that proxy. */
    address: async () =>
      /POST (\S+) /.exec((await refusalOf(sink.deliver([anEvent()], AbortSignal.timeout(1_000)))).message)?.[1],
  };
}

describe("opsgenie", () => {
  test("makes all states of an event one alert, unless told otherwise", async () => {
    expect((await setUp({})).alert()).toEqual({ message: "m", alias: "ba30f343-3351", priority: "P3" });
    expect((await setUp({ alias: "{{ .Reason }}" })).alert().alias).toBe("BackOff");
    expect((await setUp({}, true)).alert()).toEqual({ message: "m", priority: "P3" });
  });

  test("keeps within the limits, so that a long text is not a refused alert", async () => {
    const long = "{{ .Message }}";
    const tags = Array.from({ length: 25 }, () => long);
    const { alert } = await setUp({
      message: long,
      description: long,
      tags,
      details: { a: long, b: long },
      alias: long,
    });
    const got = alert({ message: "x".repeat(100_000) });
    const lengths = [got.message, got.description, got.tags, got.tags[0], got.details.a, got.alias].map(
      ({ length }) => length,
    );
    expect(lengths).toEqual([130, 15_000, 20, 50, 4_000, 512]);
    expect((await setUp({ message: long })).alert({ message: "" }).message).toBe("BackOff");
  });

  test("tells a key that is none from an alert that is refused, and waits as long as the limit is counted over", async () => {
    const rows = [
      ["422", '{"message":"Key format is not valid!"}', "unauthorized", undefined],
      ["422", '{"message":"Request body is not processable."}', "rejected", undefined],
      ["403", '{"code":40301,"message":"use an API key from an API integration."}', "unauthorized", undefined],
      ["429", '{"message":"You are making too many requests!"}', "throttled", 60_000],
    ] as const;
    for (const [status, text, reason, wait] of rows) {
      const more = `Content-Length: ${text.length}\r\nX-RateLimit-State: THROTTLED\r\nX-RateLimit-Period-In-Sec: 60`;
      using server = rawServer(() => [`HTTP/1.1 ${status} x\r\n${more}\r\n\r\n${text}`]);
      const { deliver } = await setUp({ URL: `http://127.0.0.1:${server.port}`, proxy: undefined });
      const error = await refusalOf(deliver());
      expect([text, error.reason as string]).toEqual([text, reason]);
      if (status === "429") expect(error.retryAfterMs).toBe(wait);
    }
  });

  test("knows where to go", async () => {
    const rows: readonly [object, string][] = [
      [{}, "https://api.opsgenie.com"],
      [{ URL: "api.eu.opsgenie.com" }, "https://api.eu.opsgenie.com"],
      [{ service: "jsm" }, "https://api.atlassian.com"],
      [{ URL: "http://gateway:8080/" }, "http://gateway:8080"],
    ];
    for (const [settings, address] of rows) expect(await (await setUp(settings)).address()).toBe(address);
  });
});
