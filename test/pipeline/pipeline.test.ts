import { describe, expect, test } from "bun:test";
import type { Config } from "../../src/config/types.ts";
import { DeliveryError } from "../../src/errors.ts";
import { createLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics.ts";
import { normalise } from "../../src/normalise.ts";
import { identityOf } from "../../src/pipeline/gates.ts";
import type { Lookup } from "../../src/pipeline/lookups.ts";
import { createMeters } from "../../src/pipeline/meters.ts";
import { createPipeline, type Pipeline } from "../../src/pipeline/pipeline.ts";
import type { SinkDefinition } from "../../src/sink.ts";
import { aConfig, aReceiver, type Deliver, eventually, memorySink } from "../harness.ts";

const AT = { line: 1, column: 1 };
const NEVER = new AbortController().signal;
const to = (receiver: string, reason?: string) => ({ receiver, ...(reason !== undefined && { reason }), at: AT });

/** A pipeline with one memory sink per receiver; `put` brings it events whose reason is their name. */
async function aPipeline(
  sinks: Readonly<Record<string, Deliver>>,
  options: {
    readonly config?: Partial<Config>;
    readonly definition?: Partial<SinkDefinition>;
    readonly lookup?: Lookup;
  } = {},
) {
  const names = Object.keys(sinks);
  const memories = names.map((name) => memorySink(sinks[name], { name, ...options.definition }));
  let skipped = 0;
  const metrics = createMetrics();
  const meters = createMeters(metrics);
  const pipeline = await createPipeline({
    config: aConfig({
      receivers: names.map((name) => aReceiver(name, { sink: name })),
      route: { drop: [], match: names.map((name) => to(name)), routes: [], at: AT },
      ...options.config,
    }),
    sinks: new Map(memories.map(({ definition }) => [definition.name, definition])),
    compileTemplate: (text) => () => text,
    logger: createLogger({ level: "disabled", format: "json" }),
    meters,
    env: {},
    lookup: options.lookup ?? (() => undefined),
    now: () => performance.now() + skipped,
    random: () => 0.5,
  });
  const watch = pipeline.watch("events");
  let version = 0;
  /** A state of an event. */
  function state(uid: string, reason: string, object = `o-${uid}`) {
    version++;
    const input = {
      metadata: { uid, resourceVersion: String(version) },
      involvedObject: { kind: "Pod", uid: object },
      reason,
    };
    pipeline.receive(watch, Buffer.from(JSON.stringify(input)), "added", version, identityOf(uid), normalise(input));
    pipeline.reached(watch, version);
  }
  return {
    pipeline,
    meters,
    delivered: (name: string) => memories[names.indexOf(name)]?.events.map((event) => event.reason) ?? [],
    events: (name: string) => memories[names.indexOf(name)]?.events ?? [],
    skip(ms: number) {
      skipped += ms;
    },
    state,
    put(...reasons: readonly string[]) {
      for (const reason of reasons) state(`e${version + 1}`, reason, `o${version + 1}`);
    },
  };
}

const position = (pipeline: Pipeline) => pipeline.status().receivers[0]?.positions.events;
const numbered = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`);
const hangs: Deliver = (_, signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
const refuses: Deliver = () => {
  throw new DeliveryError("unauthorized", "who are you");
};

describe("sources that can wait", () => {
  test("do so while a receiver that takes events has half of the buffer before it", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { pipeline, put, delivered } = await aPipeline(
      { slow: () => gate },
      { config: { buffer: { events: 100, bytes: 1_000_000 } }, definition: { batch: { count: 1 } } },
    );
    put(...numbered("a", 50));
    expect(pipeline.room(NEVER)).toBeUndefined();
    put("b");
    const room = pipeline.room(NEVER);
    expect(room).toBeDefined();
    release();
    await room;
    expect(delivered("slow").length).toBeGreaterThanOrEqual(26);
    await pipeline.stop();
  });

  test.each([
    ["events", { events: 100, bytes: 1_000_000 }],
    ["bytes", { events: 10_000, bytes: 12_000 }],
  ])("do not wait for one that takes none, be the buffer full of its %s", async (_, buffer) => {
    const { pipeline, put, delivered } = await aPipeline({ dead: refuses, well: () => {} }, { config: { buffer } });
    put("a");
    await eventually("an open circuit", () => pipeline.status().receivers[0]?.state === "open");
    put(...numbered("b", 90));
    await eventually("the other receiver", () => delivered("well").length === 91);
    expect(pipeline.status().events).toBeGreaterThan(60);
    expect(pipeline.room(NEVER)).toBeUndefined();
    await pipeline.stop();
  });

  test("wait 10 s and no longer where others have nothing to do", async () => {
    const { pipeline, put, delivered, skip } = await aPipeline(
      { slow: hangs, well: () => {} },
      {
        config: {
          buffer: { events: 100, bytes: 1_000_000 },
          receivers: ["slow", "well"].map((name) => aReceiver(name, { sink: name, timeoutMs: 60_000 })),
        },
      },
    );
    put(...numbered("a", 70));
    await eventually("the other receiver", () => delivered("well").length === 70);
    const room = pipeline.room(NEVER);
    expect(room).toBeDefined();
    let over = false;
    void room?.then(() => {
      over = true;
    });
    skip(9_000);
    put("b");
    await eventually("the other receiver", () => delivered("well").length === 71);
    await Bun.sleep(0);
    expect(over).toBe(false);
    skip(1_000);
    await room;
    expect(pipeline.room(NEVER)).toBeUndefined();
    await pipeline.stop();
  });

  test("end their waiting when they end", async () => {
    const { pipeline, put } = await aPipeline(
      { slow: hangs },
      { config: { buffer: { events: 10, bytes: 1_000_000 } } },
    );
    put(...numbered("a", 10));
    const stop = new AbortController();
    const room = pipeline.room(stop.signal);
    stop.abort();
    await room;
    await pipeline.room(stop.signal);
    await pipeline.stop();
  });
});

describe("what is counted", () => {
  test("an event that no rule wants counts once, however far receivers are apart", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { pipeline, put, delivered, meters } = await aPipeline(
      { slow: () => gate, well: () => {} },
      { config: { route: { drop: [], match: [to("slow", "^s"), to("well", "^w")], routes: [], at: AT } } },
    );
    put("s");
    for (let n = 0; n < 3_000; n++) put("nobody's", "w", "s");
    await eventually("the other receiver", () => delivered("well").length === 3_000);
    expect(meters.unmatched.value).toBe(3_000);
    release();
    await eventually("the slow one", () => delivered("slow").length === 3_001);
    expect(meters.unmatched.value).toBe(3_000);
    expect(pipeline.status()).toMatchObject({ events: 0, bytes: 0 });
    await pipeline.stop();
  });

  test("an event larger than the whole buffer is not taken in", async () => {
    const { pipeline, put, delivered, meters } = await aPipeline(
      { all: () => {} },
      { config: { buffer: { events: 10, bytes: 1_000 } } },
    );
    put("x".repeat(2_000), "a");
    await eventually("the other", () => delivered("all").length === 1);
    expect(meters.discarded.too_long.value).toBe(1);
    expect(meters.received.added.value).toBe(1);
    await pipeline.stop();
  });

  test("an event that no route can judge goes nowhere, and nothing stops", async () => {
    const { pipeline, put, delivered, meters } = await aPipeline(
      { all: () => {} },
      {
        config: {
          omitLookup: false,
          route: { drop: [], match: [{ receiver: "all", labels: { app: "^(a|b)+$" }, at: AT }], routes: [], at: AT },
        },
        lookup: ({ uid }) => ({ labels: { app: (uid === "o1" ? Symbol("odd") : "a") as string }, deleted: false }),
      },
    );
    put("odd", "fine");
    await eventually("the other", () => delivered("all").length === 1);
    expect(delivered("all")).toEqual(["fine"]);
    expect(meters.unmatched.value).toBe(1);
    await pipeline.stop();
  });

  test("overflow is only what a rule sends there", async () => {
    const receivers = ["dead", "well"].map((name) => aReceiver(name, { sink: name, timeoutMs: 60_000 }));
    const { pipeline, put, delivered } = await aPipeline(
      { dead: hangs, well: () => {} },
      {
        config: {
          buffer: { events: 100, bytes: 1_000_000 },
          receivers,
          route: { drop: [], match: [to("dead", "^d"), to("well")], routes: [], at: AT },
        },
      },
    );
    put("d");
    await eventually("a hanging delivery", () => pipeline.status().receivers[0]?.inFlight === 1);
    for (let n = 0; n < 200; n++) {
      put("d", ...numbered("other", 9));
      await Bun.sleep(0);
    }
    await eventually("the other receiver", () => delivered("well").length === 2_001);
    const [dead, well] = await pipeline.stop();
    // One hangs, ten are in the buffer.
    expect(dead).toMatchObject({ name: "dead", left: 11 });
    expect(well).toMatchObject({ name: "well", left: 0 });
  });
});

describe("the end", () => {
  test("what nobody wants is no reason to wait", async () => {
    const { pipeline, put } = await aPipeline(
      { all: () => {} },
      { config: { route: { drop: [], match: [to("all", "^never$")], routes: [], at: AT } } },
    );
    put("a", "b");
    expect(await pipeline.drain(AbortSignal.timeout(1_000))).toBe(true);
    expect(pipeline.status().events).toBe(0);
    await pipeline.stop();
  });

  test("an open circuit is waited for until the deadline, and what is left is told", async () => {
    const { pipeline, put } = await aPipeline({ dead: refuses }, { definition: { batch: { count: 1 } } });
    put("a", "b", "c");
    await eventually("an open circuit", () => pipeline.status().receivers[0]?.state === "open");
    expect(await pipeline.drain(AbortSignal.timeout(20))).toBe(false);
    expect(await pipeline.stop()).toEqual([{ name: "dead", left: 3, lost: 3, lastError: "unauthorized: who are you" }]);
  });

  test("of what is left where positions are kept elsewhere, only what was posted is lost: it is waited for, and counted", async () => {
    const { pipeline, put, meters } = await aPipeline({ dead: refuses }, { definition: { batch: { count: 1 } } });
    put("watched");
    await eventually("an open circuit", () => pipeline.status().receivers[0]?.state === "open");
    // The API server tells it again.
    expect(await pipeline.drain(AbortSignal.timeout(5_000), true)).toBe(false);
    const input = { metadata: { uid: "posted" }, involvedObject: { kind: "Pod", uid: "o-posted" }, reason: "posted" };
    pipeline.receive(
      pipeline.watch("http"),
      Buffer.from(JSON.stringify(input)),
      "added",
      Number.NaN,
      identityOf("posted"),
      normalise(input),
      true,
    );
    const begun = performance.now();
    expect(await pipeline.drain(AbortSignal.timeout(50), true)).toBe(false);
    expect(performance.now() - begun).toBeGreaterThan(40);
    expect(await pipeline.stop(true)).toEqual([
      { name: "dead", left: 2, lost: 1, lastError: "unauthorized: who are you" },
    ]);
    expect(meters.receiver("dead", "dead").dropped.shutdown.value).toBe(1);
  });

  test("a sink that fails to close is no failure to stop", async () => {
    const { pipeline } = await aPipeline(
      { odd: () => {} },
      {
        definition: {
          create: () => ({
            render: () => ({ body: "" }),
            deliver: async () => {},
            [Symbol.asyncDispose]: () => Promise.reject(new Error("cannot close")),
          }),
        },
      },
    );
    expect(await pipeline.stop()).toMatchObject([{ name: "odd", left: 0 }]);
  });
});

describe("look-ups", () => {
  const lookedUp = { omitLookup: false, lookupTimeoutMs: 40 };
  const layouts = { plain: { reason: "{{ .Reason }}" }, labelled: { labels: "{{ .InvolvedObject.Labels }}" } };
  const receivers = Object.entries(layouts).map(([name, layout]) =>
    aReceiver(name, { sink: name, config: { layout } }),
  );
  const sinks = { plain: () => {}, labelled: () => {} };

  test("one that never ends keeps those who need it for its time, and others not at all", async () => {
    const { pipeline, put, delivered } = await aPipeline(sinks, {
      config: { ...lookedUp, lookupTimeoutMs: 500, receivers },
      lookup: () => new Promise(() => {}),
    });
    const begun = performance.now();
    put("a", "b");
    await eventually("the receiver that needs none", () => delivered("plain").length === 2);
    expect(performance.now() - begun).toBeLessThan(450);
    await eventually("the other", () => delivered("labelled").length === 2);
    expect(performance.now() - begun).toBeGreaterThan(450);
    await pipeline.stop();
  });

  test("what one finds is in the event, and the order is kept", async () => {
    const found = { labels: { app: "shop" }, deleted: false };
    let asked = 0;
    const { pipeline, put, events, delivered } = await aPipeline(sinks, {
      config: { ...lookedUp, lookupTimeoutMs: 5_000, receivers },
      lookup: () => (asked++ === 0 ? Bun.sleep(10).then(() => found) : found),
    });
    put("a", "b", "c");
    await eventually("all three", () => delivered("labelled").length === 3);
    expect(delivered("labelled")).toEqual(["a", "b", "c"]);
    for (const event of events("labelled")) expect(event.involvedObject.labels).toEqual({ app: "shop" });
    await pipeline.stop();
  });
});

describe("refused for good", () => {
  test("is kept as it came, with what was looked up, and can be sent again", async () => {
    let refusing = true;
    const { pipeline, put, events, meters } = await aPipeline(
      {
        picky: () => {
          if (refusing) throw new DeliveryError("rejected", "HTTP 400");
        },
      },
      { config: { omitLookup: false }, lookup: () => ({ labels: { app: "web" }, deleted: false }) },
    );
    put("a");
    await eventually("a dead letter", () => pipeline.deadLetters.letters.count === 1);
    const [letter] = pipeline.deadLetters.letters.list({ limit: 10 });
    expect(letter).toMatchObject({
      receiver: "picky",
      eventId: "e1.1",
      reason: "rejected",
      message: "HTTP 400",
      attempts: 1,
      object: '{"labels":{"app":"web"},"deleted":false}',
    });
    expect(JSON.parse(Buffer.from(letter?.event ?? "").toString())).toMatchObject({ reason: "a" });
    expect(meters.receiver("picky", "picky").dropped.refused.value).toBe(1);
    const id = letter?.id ?? 0;
    expect(await pipeline.deadLetters.send(id)).toBe("refused");
    expect(pipeline.deadLetters.letters.get(id)?.attempts).toBe(2);
    expect(await pipeline.deadLetters.send(id, "nobody")).toBe("no-receiver");
    refusing = false;
    expect(await pipeline.deadLetters.send(id)).toBe("delivered");
    expect(await pipeline.deadLetters.send(id)).toBe("gone");
    expect(events("picky").map(({ id, involvedObject }) => [id, involvedObject.labels])).toEqual([
      ["e1.1", { app: "web" }],
    ]);
    expect(pipeline.status().deadLetters).toEqual({ count: 0, bytes: 0 });
    await pipeline.stop();
  });
});

describe("held back", () => {
  const throttle = [{ by: ["reason" as const], perSecond: 0.001, burst: 1, summary: true }];

  test("before all receivers: counted as discarded, and told by an event that the route sees", async () => {
    const { pipeline, put, delivered, events, meters, skip } = await aPipeline(
      { all: () => {}, told: () => {} },
      {
        config: {
          dedup: { by: ["reason"], windowMs: 10_000 },
          throttle,
          route: { drop: [], match: [to("all"), to("told", "PetrelThrottled")], routes: [], at: AT },
        },
      },
    );
    put("a", "a", "b", "b", "b");
    skip(10_000);
    put("a", "b", "b");
    await eventually("what passes", () => delivered("all").length === 2);
    expect([meters.discarded.dedup.value, meters.discarded.throttle.value]).toEqual([4, 2]);
    // All of it is behind the position: a restart asks for none of it again.
    expect(position(pipeline)).toEqual({ high: 8, open: [] });
    await pipeline.drain(AbortSignal.timeout(1_000));
    expect(delivered("all")).toEqual(["a", "b", "PetrelThrottled", "PetrelThrottled"]);
    expect(events("told").map(({ count, involvedObject }) => [count, involvedObject.uid])).toEqual([
      [1, "o6"],
      [1, "o7"],
    ]);
    expect(meters.own.value).toBe(2);
    expect(position(pipeline)).toEqual({ high: 8, open: [] });
    await pipeline.stop();
  });

  test("before one receiver: counted as held, told to it alone, and no concern of others", async () => {
    const { pipeline, put, delivered, meters } = await aPipeline(
      { chat: () => {}, store: () => {} },
      {
        config: {
          receivers: [
            aReceiver("chat", { sink: "chat", throttle, updates: "first" }),
            aReceiver("store", { sink: "store" }),
          ],
          route: { drop: [], match: [to("chat", "^[ab]$"), to("store")], routes: [], at: AT },
        },
      },
    );
    put("a", "a", "b", "a", "c");
    await eventually("the store", () => delivered("store").length === 5);
    await pipeline.drain(AbortSignal.timeout(1_000));
    expect(delivered("chat")).toEqual(["a", "b", "PetrelThrottled"]);
    expect(delivered("store")).toEqual(["a", "a", "b", "a", "c"]);
    expect(meters.receiver("chat", "chat").held.throttle.value).toBe(2);
    expect(meters.unmatched.value).toBe(0);
    await pipeline.stop();
  });

  test("updates: latest delivers the newest of the states that wait, if it goes there", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { pipeline, state, delivered, meters } = await aPipeline(
      { latest: () => gate },
      {
        config: {
          receivers: [aReceiver("latest", { sink: "latest", updates: "latest", concurrency: 2 })],
          route: { drop: [], match: [to("latest", "^[^x]")], routes: [], at: AT },
        },
        definition: { batch: { count: 1 } },
      },
    );
    state("one", "one-1");
    state("two", "two-1");
    await eventually("both on their way", () => pipeline.status().receivers[0]?.inFlight === 2);
    for (const n of [2, 3, 4]) state("one", `one-${n}`);
    for (const reason of ["two-2", "two-3", "x-4"]) state("two", reason);
    state("three", "three-1");
    release();
    await eventually("all of it", () => pipeline.status().receivers[0]?.backlog === 0);
    // The newest state of `two` goes elsewhere, so that it stands for no other.
    expect([...delivered("latest")].sort()).toEqual(["one-1", "one-4", "three-1", "two-1", "two-2", "two-3"]);
    expect(meters.receiver("latest", "latest").held.superseded.value).toBe(2);
    await pipeline.stop();
  });
});
