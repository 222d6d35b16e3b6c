import { describe, expect, test } from "bun:test";
import { DeliveryError, type Reason } from "../../src/errors.ts";
import type { Event } from "../../src/event.ts";
import { createLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics.ts";
import { normalise } from "../../src/normalise.ts";
import { createLog } from "../../src/pipeline/log.ts";
import { createMeters } from "../../src/pipeline/meters.ts";
import { createReceiver } from "../../src/pipeline/receiver.ts";
import type { ReceiverSettings } from "../../src/pipeline/receiver-host.ts";
import { worked } from "../../src/template/turn.ts";
import { eventually } from "../harness.ts";

const SETTINGS: ReceiverSettings = {
  name: "r",
  batch: { count: 1, bytes: 1_000_000, lingerMs: 0 },
  concurrency: 1,
  partial: false,
  timeoutMs: 500,
  retry: { minMs: 1, maxMs: 4 },
  eventsPerSecond: 0,
  bytesPerSecond: 0,
  maxAgeMs: 0,
};

type Deliver = (names: readonly string[], signal: AbortSignal) => Promise<void> | void;

/** A receiver on its own log. An event is called by its message, its object by the first letter of that. */
function aReceiver(
  deliver: Deliver,
  changes: Partial<ReceiverSettings> = {},
  { events = 1_000, receivedAt = () => performance.now() } = {},
) {
  const settings = { ...SETTINGS, ...changes };
  const delivered: string[] = [];
  const attempts: string[][] = [];
  const dead: [string, Reason][] = [];
  const log = createLog({
    events,
    bytes: 1_000_000,
    parse: (bytes) => normalise(JSON.parse(Buffer.from(bytes).toString())),
    evict: (seq) => receiver.evicted(seq),
  });
  const metrics = createMetrics();
  const meters = createMeters(metrics).receiver("r", "memory");
  const receiver = createReceiver(
    settings,
    {
      render: () => ({ body: "" }),
      async deliver(batch, signal) {
        const names = batch.map((event) => event.message);
        attempts.push(names);
        await deliver(names, signal);
        delivered.push(...names);
      },
    },
    {
      log,
      meters,
      logger: createLogger({ level: "disabled", format: "json" }),
      copies: (seq) => (log.event(seq).reason === "elsewhere" ? 0 : 1),
      pushedOut: () => false,
      waits: () => 0,
      acknowledged: () => log.trim(receiver.low()),
      deadLetter: (event, reason) => void dead.push([event.message, reason]),
      now: () => performance.now(),
      random: () => 0.5,
    },
  );
  let version = 0;
  function offer(...names: string[]): void {
    for (const name of names) {
      version++;
      const event: Event = normalise({
        metadata: { uid: `e${version}`, resourceVersion: String(version) },
        involvedObject: { uid: name.slice(0, 1) },
        message: name,
        reason: name.startsWith("-") ? "elsewhere" : "here",
      });
      const bytes = Buffer.from(
        JSON.stringify({
          metadata: event.metadata,
          involvedObject: { uid: name.slice(0, 1) },
          message: name,
          reason: event.reason,
        }),
      );
      log.append(bytes, { watch: 0, version, receivedAt: receivedAt(), modified: false }, event);
    }
    receiver.wake();
  }
  const settled = () => eventually("everything settled", () => receiver.low() === log.head);
  return { receiver, log, meters, delivered, attempts, dead, offer, settled };
}

const fails = (reason: Reason, options = {}) => new DeliveryError(reason, `says ${reason}`, options);

describe("order per object", () => {
  test("an event that waits for a retry holds its object back, and no other", async () => {
    let failures = 2;
    const { offer, settled, delivered, attempts } = aReceiver(
      ([name]) => {
        if (name === "a1" && failures-- > 0) throw fails("unavailable");
      },
      { concurrency: 2, retry: { minMs: 20, maxMs: 20 } },
    );
    offer("a1", "a2", "b1", "a3", "c1");
    await settled();
    expect(delivered.filter((name) => name.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
    expect(delivered.slice(0, 2).sort()).toEqual(["b1", "c1"]);
    expect(attempts.filter(([name]) => name === "a1")).toHaveLength(3);
  });

  test("never two events of one object under way, whatever the concurrency", async () => {
    const underWay = new Set<string>();
    let highest = 0;
    const { offer, settled, delivered } = aReceiver(
      async ([name = ""]) => {
        const object = name.slice(0, 1);
        expect(underWay.has(object)).toBe(false);
        underWay.add(object);
        highest = Math.max(highest, underWay.size);
        await Bun.sleep(Math.random() * 3);
        underWay.delete(object);
      },
      { concurrency: 4 },
    );
    const names = Array.from({ length: 100 }, (_, n) => `${"abc"[n % 3]}${n}`);
    offer(...names);
    await settled();
    for (const object of "abc") {
      const own = (list: readonly string[]) => list.filter((name) => name.startsWith(object));
      expect(own(delivered)).toEqual(own(names));
    }
    expect(highest).toBe(3);
  });

  test("batches of a destination that takes parts hold one event per object", async () => {
    const { offer, settled, delivered, attempts } = aReceiver(() => {}, {
      batch: { count: 10, bytes: 1_000_000, lingerMs: 0 },
      partial: true,
    });
    offer("a1", "a2", "b1", "a3", "b2");
    await settled();
    expect(attempts).toEqual([["a1", "b1"], ["a2", "b2"], ["a3"]]);
    expect(delivered).toHaveLength(5);
  });

  test("other batches hold what comes, in order", async () => {
    const { offer, settled, attempts } = aReceiver(() => {}, { batch: { count: 3, bytes: 1_000_000, lingerMs: 0 } });
    offer("a1", "a2", "-x", "b1", "a3");
    await settled();
    expect(attempts).toEqual([["a1", "a2", "b1"], ["a3"]]);
  });
});

describe("an event that the destination never takes", () => {
  test.each([1, 4])("holds up its own object only, with concurrency %d", async (concurrency) => {
    const { receiver, offer, delivered, attempts } = aReceiver(
      ([name]) => {
        if (name === "a1") throw fails("unavailable");
      },
      { concurrency, retry: { minMs: 2, maxMs: 10 } },
    );
    offer("a1");
    await eventually("doubts about the destination", () => receiver.status().state === "retrying");
    offer("a2", ...Array.from({ length: 50 }, (_, n) => `b${n}`));
    await eventually("the others", () => delivered.length === 50);
    expect(delivered).toEqual(Array.from({ length: 50 }, (_, n) => `b${n}`));
    expect(receiver.status().backlog).toBe(2);
    // Nor does their success hurry it.
    const tried = attempts.filter(([name]) => name === "a1").length;
    const begun = performance.now();
    offer(...Array.from({ length: 500 }, (_, n) => `c${n}`));
    await eventually("many more", () => delivered.length === 550);
    const most = 3 + (performance.now() - begun) / 1;
    expect(attempts.filter(([name]) => name === "a1").length - tried).toBeLessThan(most);
    await receiver.stop();
  });

  test("what waits behind it is counted as soon as it is pushed out", async () => {
    const { receiver, offer, delivered, meters } = aReceiver(
      ([name]) => {
        if (name === "a1") throw fails("unavailable");
      },
      { concurrency: 2 },
      { events: 10 },
    );
    offer("a1");
    await eventually("a failure", () => meters.retried.value > 0);
    for (let n = 0; n < 50; n++) {
      offer(`a${n + 2}`, `b${n}`);
      await eventually("the other object", () => delivered.includes(`b${n}`));
    }
    expect(meters.dropped.overflow.value).toBe(45);
    expect(receiver.status().backlog).toBe(6);
    await receiver.stop();
    expect(meters.dropped.shutdown.value).toBe(6);
  });
});

describe("refusals", () => {
  test("the event's: one goes to the dead letters, the others are delivered", async () => {
    const { offer, settled, delivered, dead, meters } = aReceiver(
      (names) => {
        if (names.includes("c1")) throw fails("rejected");
      },
      { batch: { count: 8, bytes: 1_000_000, lingerMs: 0 } },
    );
    offer("a1", "b1", "c1", "d1", "e1", "a2", "c2", "f1");
    await settled();
    expect(delivered).toEqual(["a1", "b1", "d1", "e1", "a2", "c2", "f1"]);
    expect(dead).toEqual([["c1", "rejected"]]);
    expect(meters.dropped.refused.value).toBe(1);
  });

  test("the same with several lanes and one object in both halves", async () => {
    const { offer, settled, delivered, dead } = aReceiver(
      (names) => {
        if (names.includes("a1")) throw fails("too_large");
      },
      { concurrency: 3, batch: { count: 4, bytes: 1_000_000, lingerMs: 0 } },
    );
    offer("a1", "b1", "a2", "b2", "a3", "b3", "c1");
    await settled();
    expect(dead).toEqual([["a1", "too_large"]]);
    for (const object of "ab") {
      expect(delivered.filter((name) => name.startsWith(object))).toEqual(
        ["1", "2", "3"].map((n) => object + n).filter((name) => name !== "a1"),
      );
    }
  });

  test("a part of a batch: taken, refused and retried each go their way", async () => {
    let round = 0;
    const { offer, settled, delivered, dead, attempts } = aReceiver(
      () => {
        if (round++ > 0) return;
        const refused = [
          { index: 1, reason: "rejected", message: "mapping" },
          { index: 2, reason: "throttled", message: "queue full" },
        ] as const;
        throw fails("rejected", { refused });
      },
      { batch: { count: 3, bytes: 1_000_000, lingerMs: 0 }, partial: true },
    );
    offer("a1", "b1", "c1", "c2");
    await settled();
    expect(dead).toEqual([["b1", "rejected"]]);
    expect(attempts).toEqual([["a1", "b1", "c1"], ["c1"], ["c2"]]);
    expect(delivered).toEqual(["c1", "c2"]);
  });

  test("without an answer, again and again: one event is the probe, and the rest of its batch follows it", async () => {
    let cut = true;
    const deliver: Deliver = () => {
      if (cut) throw new DeliveryError("network", "the connection was reset");
    };
    const { offer, attempts, delivered, receiver } = aReceiver(deliver, {
      batch: { count: 10, bytes: 1_000_000, lingerMs: 0 },
    });
    offer("a", "b", "c", "a");
    const sent = () => attempts.flat().length;
    await eventually("more than enough failures", () => attempts.length >= 12);
    // Five in a row are tried whole.
    expect(attempts.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => ["a", "b", "c", "a"]));
    const before = [attempts.length, sent()] as const;
    await eventually("probes", () => attempts.length >= before[0] + 5);
    expect(sent() - before[1]).toBe(attempts.length - before[0]);
    cut = false;
    await eventually("all", () => delivered.length === 4);
    expect(delivered).toEqual(["a", "b", "c", "a"]);
    expect(attempts.slice(-2)).toEqual([["a"], ["b", "c", "a"]]);
    await receiver.stop();
  });

  test("the receiver's: the circuit opens, nothing is lost, one probe at a time", async () => {
    let refusing = true;
    const { receiver, offer, settled, delivered, attempts, meters } = aReceiver(
      () => {
        if (refusing) throw fails("unauthorized", { retryAfterMs: 20 });
      },
      { concurrency: 4 },
    );
    offer("a1", "b1", "c1");
    await eventually("an open circuit", () => receiver.status().state === "open");
    expect(meters.up.value).toBe(0);
    const before = attempts.length;
    offer("d1", "e1");
    await eventually("a probe", () => attempts.length > before);
    expect(delivered).toEqual([]);
    refusing = false;
    await settled();
    expect(delivered.sort()).toEqual(["a1", "b1", "c1", "d1", "e1"]);
    expect(meters.up.value).toBe(1);
    expect(receiver.status()).toMatchObject({ state: "up", backlog: 0, lastError: undefined });
  });

  test("a bug in a sink is counted as internal and takes only its event", async () => {
    const { offer, settled, delivered, dead } = aReceiver(([name]) => {
      if (name === "b1") throw new TypeError("undefined is not a function");
    });
    offer("a1", "b1", "c1");
    await settled();
    expect(delivered).toEqual(["a1", "c1"]);
    expect(dead).toEqual([["b1", "internal"]]);
  });
});

describe("deadlines", () => {
  test("a hanging delivery is aborted and tried again", async () => {
    let hangs = 1;
    const { offer, settled, delivered, meters } = aReceiver(
      (_, signal) => {
        if (hangs-- <= 0) return;
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
      { timeoutMs: 30 },
    );
    offer("a1", "a2");
    await settled();
    expect(delivered).toEqual(["a1", "a2"]);
    expect(meters.failed.timeout.value).toBe(1);
  });

  test("one that ignores the abort loses its lane, and its late answer does not count", async () => {
    let hangs = 1;
    let finish: () => void = () => {};
    const { offer, settled, attempts, meters } = aReceiver(
      () => (hangs-- > 0 ? new Promise<void>((resolve) => (finish = resolve)) : undefined),
      { timeoutMs: 10 },
    );
    offer("a1");
    await settled();
    finish();
    await Bun.sleep(0);
    expect(attempts).toEqual([["a1"], ["a1"]]);
    expect(meters.delivered.value).toBe(1);
  });
});

describe("bounds", () => {
  test("a dead destination costs the oldest events, each counted", async () => {
    let dead = true;
    const { receiver, offer, settled, delivered, meters, log } = aReceiver(
      () => {
        if (dead) throw fails("network");
      },
      {},
      { events: 10 },
    );
    offer("a0");
    await eventually("a failure", () => meters.retried.value > 0);
    offer(...Array.from({ length: 30 }, (_, n) => `b${n}`));
    expect(log.head - log.tail).toBe(10);
    expect(meters.dropped.overflow.value).toBe(20);
    dead = false;
    await settled();
    // Which of two objects comes first is the timers' affair; of each, the order is kept.
    const of = (object: string) => delivered.filter((name) => name.startsWith(object));
    expect([of("a"), of("b")]).toEqual([["a0"], Array.from({ length: 10 }, (_, n) => `b${n + 20}`)]);
    expect(delivered).toHaveLength(11);
    expect(receiver.status().backlog).toBe(0);
  });

  test("parked events that are pushed out are counted, and the object goes on", async () => {
    let release: () => void = () => {};
    const { offer, settled, delivered, meters } = aReceiver(
      ([name]) => (name === "a0" ? new Promise<void>((resolve) => (release = resolve)) : undefined),
      { concurrency: 2 },
      { events: 5 },
    );
    offer("a0");
    await Bun.sleep(0);
    offer("a1", "a2", "b1");
    await eventually("the other object", () => delivered.includes("b1"));
    offer("c1", "c2", "c3", "c4", "c5");
    await eventually("the third", () => delivered.includes("c5"));
    offer("a3");
    release();
    await settled();
    expect(delivered.filter((name) => name.startsWith("a"))).toEqual(["a0", "a3"]);
    expect(meters.dropped.overflow.value).toBe(2);
  });

  test("what no rule sends here is no drop when it is pushed out", async () => {
    const { receiver, offer, meters } = aReceiver(() => new Promise(() => {}), {}, { events: 10 });
    offer("a1");
    await Bun.sleep(0);
    offer(...Array.from({ length: 30 }, (_, n) => (n % 3 === 0 ? `b${n}` : `-${n}`)));
    expect(receiver.status().inFlight).toBe(1);
    expect(meters.dropped.overflow.value).toBe(7);
  });

  test("what waited longer than maxAge is stale, tried before or not", async () => {
    const { offer, settled, delivered, meters } = aReceiver(
      ([name]) => {
        if (name?.startsWith("a")) throw fails("unavailable");
      },
      { maxAgeMs: 25, retry: { minMs: 20, maxMs: 20 } },
    );
    offer("a1", "a2", "b1");
    await settled();
    expect(delivered).toEqual(["b1"]);
    expect(meters.dropped.stale.value).toBe(2);
  });

  test("rateLimit spreads events", async () => {
    const begun = performance.now();
    const { offer, settled, delivered } = aReceiver(() => {}, { eventsPerSecond: 200 });
    offer(...Array.from({ length: 220 }, (_, n) => `a${n}`));
    await settled();
    expect(delivered).toHaveLength(220);
    expect(performance.now() - begun).toBeGreaterThan(80);
  });

  test("linger gathers a batch", async () => {
    const { offer, settled, attempts } = aReceiver(() => {}, { batch: { count: 10, bytes: 1_000_000, lingerMs: 30 } });
    offer("a1");
    await Bun.sleep(5);
    offer("b1");
    await settled();
    expect(attempts).toEqual([["a1", "b1"]]);
  });

  test("what came at a time that is still to come lingers no longer than others", async () => {
    const { offer, settled, delivered } = aReceiver(
      () => {},
      { batch: { count: 10, bytes: 1_000_000, lingerMs: 30 } },
      { receivedAt: () => performance.now() + 3_600_000 },
    );
    offer("a1");
    await settled();
    expect(delivered).toEqual(["a1"]);
  });

  test("a batch has a size in bytes", async () => {
    const { offer, settled, attempts } = aReceiver(() => {}, { batch: { count: 10, bytes: 250, lingerMs: 0 } });
    offer("a1", "b1", "c1", "d1", "e1");
    await settled();
    expect(attempts.map((batch) => batch.length)).toEqual([2, 2, 1]);
  });
});

test("a Retry-After stops the whole receiver for that long", async () => {
  let throttled = true;
  const times: number[] = [];
  const { offer, settled } = aReceiver(
    () => {
      times.push(performance.now());
      if (!throttled) return;
      throttled = false;
      throw fails("throttled", { retryAfterMs: 60 });
    },
    { concurrency: 1 },
  );
  offer("a1", "b1", "c1");
  await settled();
  const [first = 0, second = 0] = times;
  expect(second - first).toBeGreaterThan(50);
});

test.each([Number.NaN, -1, 1e15])(
  "a destination that asks to wait %d ms is asked again in its time",
  async (retryAfterMs) => {
    let refusing = true;
    const { receiver, offer, attempts } = aReceiver(() => {
      if (!refusing) return;
      refusing = false;
      throw fails("throttled", { retryAfterMs });
    });
    offer("a1");
    await eventually("the failure", () => attempts.length > 0);
    await Bun.sleep(10);
    // A wait beyond what a timer can hold would be none.
    expect(attempts.length).toBe(retryAfterMs > 0 ? 1 : 2);
    await receiver.stop();
  },
);

test("stop aborts what is under way and counts what is left", async () => {
  let aborted = false;
  const { receiver, offer, meters } = aReceiver(
    (_, signal) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => {
          aborted = true;
          reject(signal.reason);
        }),
      ),
  );
  offer("a1", "b1");
  await Bun.sleep(0);
  await receiver.stop();
  await receiver.stop();
  expect(aborted).toBe(true);
  expect(meters.dropped.shutdown.value).toBe(2);
});

describe("sent again", () => {
  const again = (name: string): Event =>
    normalise({ metadata: { uid: name, resourceVersion: "1" }, involvedObject: { uid: "a" }, message: name });

  test("what passes is tried until it is delivered, and keeps nothing from its way", async () => {
    let failures = 2;
    const { receiver, offer, settled, delivered, dead, meters } = aReceiver(([name]) => {
      if (name === "again" && failures-- > 0) throw fails("unavailable");
    });
    const answer = receiver.redeliver(again("again"));
    offer("a1", "a2", "b1");
    await settled();
    expect(await answer).toBeUndefined();
    expect([...delivered].sort()).toEqual(["a1", "a2", "again", "b1"]);
    expect(dead).toEqual([]);
    expect(meters.delivered.value).toBe(4);
    expect(receiver.status().backlog).toBe(0);
  });

  test.each([
    ["refused whole", () => fails("rejected")],
    ["refused in a batch", () => fails("rejected", { refused: [{ index: 0, reason: "rejected", message: "no" }] })],
  ])("what is refused once more is no new dead letter: %s", async (_, error) => {
    const { receiver, offer, settled, dead, delivered, meters } = aReceiver(([name]) => {
      if (name === "again") throw error();
    });
    expect((await receiver.redeliver(again("again")))?.reason).toBe("rejected");
    offer("a1");
    await settled();
    expect([dead, delivered, meters.dropped.refused.value]).toEqual([[], ["a1"], 0]);
    expect(meters.failed.rejected.value).toBe(1);
  });

  test("what is under way when another petrel takes over has its answer all the same", async () => {
    const { receiver } = aReceiver(
      (_, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    const answers = [receiver.redeliver(again("under way")), receiver.redeliver(again("waiting"))];
    await eventually("a delivery", () => receiver.status().inFlight === 1);
    receiver.pause();
    receiver.abandon();
    expect((await Promise.all(answers)).map((error) => error?.message)).toEqual([
      "the receiver stops",
      "the receiver stops",
    ]);
  });

  test("what is left when the receiver ends was not dropped: it is kept elsewhere", async () => {
    const { receiver, meters } = aReceiver(() => {
      throw fails("unauthorized");
    });
    const answers = [receiver.redeliver(again("one")), receiver.redeliver(again("two"))];
    await eventually("an open circuit", () => receiver.status().state === "open");
    expect(await receiver.stop()).toBe(0);
    expect((await Promise.all(answers)).map((error) => error?.message)).toEqual([
      "the receiver stops",
      "the receiver stops",
    ]);
    expect((await receiver.redeliver(again("three")))?.message).toBe("the receiver stops");
    expect(meters.dropped.shutdown.value).toBe(0);
  });
});

describe("templates that work for long", () => {
  test("let the event loop go round, and get fewer events in a delivery", async () => {
    let turns = 0;
    let spinning = true;
    const spin = (): void => {
      turns++;
      if (spinning) setImmediate(spin);
    };
    setImmediate(spin);
    const at: number[] = [];
    const { offer, attempts, settled } = aReceiver(
      (names) => {
        at.push(turns);
        // As the engine tells of renderings of 6 ms each.
        worked(6 * names.length);
      },
      { batch: { count: 100, bytes: 1_000_000, lingerMs: 0 }, concurrency: 8 },
    );
    offer(...Array.from({ length: 12 }, (_, index) => `e${index}`));
    await settled();
    offer("a0", "b0", "c0");
    await settled();
    spinning = false;
    expect(attempts.map((names) => names.length)).toEqual([12, 1, 1, 1]);
    // 6 ms are within a turn's share, 12 are beyond it.
    const [first = 0, second = 0, third = 0, fourth = 0] = at;
    expect(second).toBeGreaterThan(first);
    expect(third).toBe(second);
    expect(fourth).toBeGreaterThan(third);
  });
});
