import { describe, expect, test } from "bun:test";
import type { Event } from "../../src/event.ts";
import { createLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics.ts";
import { normalise } from "../../src/normalise.ts";
import { createLog } from "../../src/pipeline/log.ts";
import { createMeters } from "../../src/pipeline/meters.ts";
import { createCountedRate, createRate } from "../../src/pipeline/rate.ts";
import { createReceiver } from "../../src/pipeline/receiver.ts";
import { receiverSettings } from "../../src/pipeline/slot.ts";
import type { SinkDefinition } from "../../src/sink.ts";
import { aReceiver } from "../harness.ts";
import { type VirtualTime, withVirtualTime } from "./virtual-time.ts";

test("a second's worth at once, then so much a second; what was spent beyond is paid back", () => {
  const rate = createRate(10, 0);
  const taken = (now: number) => {
    let count = 0;
    for (; rate.wait(now) === 0; count++) rate.spend(1);
    return count;
  };
  expect(taken(0)).toBe(10);
  expect(rate.wait(0)).toBe(100);
  expect(taken(500)).toBe(5);
  expect(taken(60_000)).toBe(10);
  rate.spend(40);
  expect(rate.wait(60_000)).toBe(4_100);
  expect(taken(64_000)).toBe(0);
  expect(taken(64_100)).toBe(1);
});

test("less than one a second; none is no limit", () => {
  const slow = createRate(0.1, 0);
  expect(slow.wait(0)).toBe(0);
  slow.spend(1);
  expect(slow.wait(0)).toBe(10_000);
  const none = createRate(0, 0);
  none.spend(1e12);
  expect(none.wait(0)).toBe(0);
});

test("what others count is spent when it is looked at", () => {
  const counter = { value: 5_000 };
  const rate = createCountedRate(100, counter, 0);
  expect(rate.wait(0)).toBe(0);
  counter.value += 350;
  expect(rate.wait(0)).toBe(2_510);
  expect(rate.wait(2_511)).toBe(0);
});

/** A receiver whose sink sends so many bytes for an event. */
function capped(time: VirtualTime, bytesPerSecond: number, bytesOf: (event: Event) => number, concurrency = 1) {
  const log = createLog({
    events: 10_000,
    bytes: 10_000_000,
    parse: (bytes) => normalise(JSON.parse(Buffer.from(bytes).toString())),
    evict() {},
  });
  const meters = createMeters(createMetrics()).receiver("r", "memory");
  const deliveries: { readonly at: number; readonly events: number }[] = [];
  const began = time.now();
  const receiver = createReceiver(
    {
      ...{ name: "r", batch: { count: 100, bytes: 1_000, lingerMs: 0 }, concurrency, partial: false },
      ...{ timeoutMs: 1_000, retry: { minMs: 1, maxMs: 1 }, eventsPerSecond: 0, bytesPerSecond, maxAgeMs: 0 },
    },
    {
      render: () => ({ body: "" }),
      async deliver(batch) {
        deliveries.push({ at: time.now() - began, events: batch.length });
        for (const event of batch) meters.sent.value += bytesOf(event);
      },
    },
    {
      log,
      meters,
      logger: createLogger({ level: "disabled", format: "json" }),
      copies: () => 1,
      waits: () => 0,
      pushedOut: () => false,
      acknowledged: () => log.trim(receiver.low()),
      deadLetter() {},
      now: time.now,
      random: () => 0.5,
    },
  );
  return {
    deliveries,
    meters,
    receiver,
    offer(...messages: string[]) {
      for (const message of messages) {
        const version = log.head + 1;
        const metadata = { uid: `e${version}`, resourceVersion: `${version}` };
        const input = { metadata, involvedObject: { uid: `o${version}` }, message };
        const entry = { watch: 0, version, receivedAt: time.now(), modified: false, unordered: false };
        log.append(Buffer.from(JSON.stringify(input)), entry);
      }
      receiver.wake();
    },
    settled: () => receiver.low() === log.head,
  };
}

describe("bytesPerSecond", () => {
  test.each([1, 4])(
    "is kept over a minute, with %d deliveries at once, and no more is waited than it asks",
    (lanes) => {
      withVirtualTime((time) => {
        const { offer, meters, settled } = capped(time, 1_000, () => 100, lanes);
        offer(...Array.from({ length: 2_000 }, (_, n) => `m${n}`));
        time.pass(1_000);
        const first = meters.sent.value;
        time.pass(60_000);
        expect((meters.sent.value - first) / 60).toBeWithin(950, 1_050);
        time.pass(200_000);
        expect(settled()).toBe(true);
      });
    },
  );

  test("an event of many seconds' worth goes, and what comes after it waits until it is made up for", () => {
    withVirtualTime((time) => {
      const sizes: Readonly<Record<string, number>> = { large: 20_000, small: 10 };
      const { offer, deliveries } = capped(time, 1_000, ({ message }) => sizes[message] ?? 0);
      offer("large");
      time.pass(0);
      expect(deliveries).toEqual([{ at: 0, events: 1 }]);
      offer("small");
      time.pass(19_000);
      expect(deliveries).toHaveLength(1);
      time.pass(2_000);
      expect(deliveries).toEqual([
        { at: 0, events: 1 },
        { at: 19_001, events: 1 },
      ]);
    });
  });

  test.each([
    ["a second's worth by default", undefined, 64_000, 64_000],
    ["what the config says goes before", { bytes: 500_000 }, 64_000, 500_000],
    ["never more than the destination takes", undefined, 5_000_000, 1_000_000],
    ["without a limit what the destination takes", undefined, undefined, 1_000_000],
  ])("batches: %s", (_, batch, bytesPerSecond, bytes) => {
    const definition = { batch: { count: 10, bytes: 1_000_000 } } as SinkDefinition;
    const config = aReceiver("r", { ...(batch && { batch }), rateLimit: { bytesPerSecond } });
    expect(receiverSettings(config, definition, false).batch.bytes).toBe(bytes);
  });
});
