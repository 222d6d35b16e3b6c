import { describe, expect, test } from "bun:test";
import type { Event } from "../../src/event.ts";
import { normalise } from "../../src/normalise.ts";
import { createGate, createSeen, type Gate, type GateConfig, identityOf } from "../../src/pipeline/gates.ts";
import { type Summary, summaryInput, type ThrottleConfig } from "../../src/pipeline/throttle.ts";
import { forSeeds } from "./virtual-time.ts";

describe("what was seen", () => {
  test("against a set: never a new state taken for an old one, and a fresh repeat always known", () => {
    forSeeds(1, 20, (random) => {
      const seen = createSeen(8_192);
      const model = new Set<string>();
      const recent: [string, number][] = [];
      let version = random.int(1, 2 ** 40);
      let forgotten = 0;
      for (let step = 0; step < 5_000; step++) {
        const repeat = recent.length > 0 && random.chance(0.3);
        version += random.int(1, 5);
        const [uid, at] = repeat ? random.pick(recent) : ([`uid-${random.int(1, 500)}`, version] as const);
        const said = seen.repeated(identityOf(uid), at);
        if (!repeat) expect(said).toBe(false);
        else if (!said) forgotten++;
        model.add(`${uid}.${at}`);
        if (!repeat) recent.push([uid, at]);
        if (recent.length > 1_000) recent.shift();
      }
      expect(model.size).toBeGreaterThan(2_000);
      // Two states of a set of two; a third pushes one out. Rare while the table is eight times as large as what is asked.
      expect(forgotten).toBeLessThan(30);
    });
  });

  test("versions beyond 32 bits differ, and so do the states of one object", () => {
    const seen = createSeen();
    const identity = identityOf("a");
    for (const version of [1, 2, 2 ** 32 + 1, 2 ** 33 + 1, Number.MAX_SAFE_INTEGER]) {
      expect([seen.repeated(identity, version), seen.repeated(identity, version)]).toEqual([false, true]);
    }
    expect(seen.repeated(identityOf("b"), 2)).toBe(false);
  });
});

/** `object/reason: message`, a second apart unless it says `@seconds`. */
function eventsOf(text: string): readonly (readonly [event: Event, now: number])[] {
  let second = -1;
  return text.split(/\s*;\s*/).map((one) => {
    const [, object = "", reason = "", message = "", at] = /^(\w+)\/(\w+)(?::(\w+))?(?:@([\d.]+))?$/.exec(one) ?? [];
    second = at === undefined ? second + 1 : Number(at);
    const [namespace = ""] = object;
    return [
      normalise({
        metadata: { namespace },
        involvedObject: { uid: object, kind: "Pod", name: object },
        reason,
        message,
      }),
      second * 1_000,
    ] as const;
  });
}

const throttled = (perMinute: number, burst: number, changes: Partial<ThrottleConfig> = {}): GateConfig => ({
  throttle: [{ by: ["namespace", "reason"], perSecond: perMinute / 60, burst, summary: false, ...changes }],
});
const DEDUP: GateConfig = { dedup: { by: ["involvedObject", "reason"], windowMs: 10_000 } };

describe("gates", () => {
  test("nothing asked for is nothing to ask", () => {
    expect(createGate({})).toBeUndefined();
    expect(createGate({ throttle: [] })).toBeUndefined();
  });

  test.each<[string, GateConfig, string, string]>([
    ["dedup: the first of a window counts", DEDUP, "a/X; a/X; a/X; a/X@9.9; a/X@10; a/X@19; a/X@20", "+ddd+d+"],
    ["dedup: by these fields and no others", DEDUP, "a/X:one; a/X:two; a/Y; b/X", "+d++"],
    [
      "dedup: by the message, too",
      { dedup: { by: ["involvedObject", "message"], windowMs: 10_000 } },
      "a/X:one; a/Y:one; a/X:two",
      "+d+",
    ],
    [
      "throttle: so many at once, then at the rate",
      throttled(20, 3),
      "a/X@0; a/X@0; a/X@0; a/X@0; a/X@2.9; a/X@3; a/X@4",
      "+++tt+t",
    ],
    [
      "throttle: a pause gives the burst back, and no more",
      throttled(60, 2),
      "a/X@0; a/X@0; a/X@0; a/X@100; a/X@100; a/X@100",
      "++t++t",
    ],
    ["throttle: each key on its own", throttled(1, 1), "a1/X; a2/X; b1/X; a1/Y; b1/X", "+t++t"],
    [
      "throttle: a clock that goes back holds up nothing",
      throttled(60, 1),
      "a/X@10; a/X@5; a/X@10.5; a/X@11.5",
      "+t++",
    ],
    [
      "throttle: of two, what one holds back costs the other nothing",
      {
        throttle: [
          { by: ["namespace"], perSecond: 0.001, burst: 2, summary: false },
          { by: ["reason"], perSecond: 0.001, burst: 1, summary: false },
        ],
      },
      "a/X; a/X; a/X; a/Y; a/Z",
      "+tt+t",
    ],
    [
      "both: what is a repeat does not use up the rate",
      { ...DEDUP, ...throttled(1, 2) },
      "a/X; a/X; a/X; b/X; a/X@11; a/X@22",
      "+dd++t",
    ],
  ])("%s", (_, config, events, expected) => {
    const gate = createGate(config);
    const said = eventsOf(events).map(([event, now]) => gate?.holds(event, now)?.slice(0, 1) ?? "+");
    expect(said.join("")).toBe(expected);
  });

  test.each<[string, GateConfig]>([
    ["dedup", DEDUP],
    ["throttle", throttled(0.001, 1, { by: ["involvedObject"] })],
  ])("%s forgets the key longest unseen when there are too many", (_, config) => {
    const gate = createGate(config, 2);
    const said = eventsOf("a/X@0; b/X@0; a/X@0; b/X@0; c/X@0; b/X@0; c/X@0; a/X@0").map(
      ([event, now]) => gate?.holds(event, now)?.slice(0, 1) ?? "+",
    );
    // `a` is the one forgotten for `c`, and comes as new.
    expect(said.join("").replaceAll(/[dt]/g, "-")).toBe("++--+--+");
  });

  test("long texts are told apart", () => {
    const gate = createGate({ dedup: { by: ["message"], windowMs: 1_000 } });
    const event = (message: string) => normalise({ metadata: { name: "e" }, involvedObject: {}, message });
    const long = "x".repeat(5_000);
    expect([`${long}a`, `${long}b`, `${long}a`].map((message) => gate?.holds(event(message), 0))).toEqual([
      undefined,
      undefined,
      "dedup",
    ]);
  });
});

describe("summaries", () => {
  const gateOf = (config: GateConfig, remembered?: number) => {
    const gate = createGate(config, remembered);
    if (!gate) throw new Error("no gate");
    return gate;
  };
  const ask = (gate: Gate, events: string) => {
    for (const [event, now] of eventsOf(events)) gate.holds(event, now);
  };
  const short = (summaries: readonly Summary[]) =>
    summaries.map(
      ({ key, count, fromMs, toMs }) => `${key.replaceAll("\0", " ")}${count} ${fromMs / 1_000}-${toMs / 1_000}`,
    );

  test("come a minute after the first event that was held back, once", () => {
    const gate = gateOf(throttled(1, 1, { summary: true }));
    expect(gate.tells).toBe(true);
    ask(gate, "a/X@0; a/X@10; b/Y@11; b/Y@12; a/X@30");
    expect(short(gate.summaries(69_999, false))).toEqual([]);
    expect(short(gate.summaries(70_000, false))).toEqual(["a X 2 10-30"]);
    expect(short(gate.summaries(70_000, false))).toEqual([]);
    expect(short(gate.summaries(72_000, false))).toEqual(["b Y 1 12-12"]);
  });

  test("come at once when no more events come, and of what is forgotten", () => {
    const gate = gateOf(throttled(1, 1, { summary: true }), 2);
    ask(gate, "a/X@0; a/X@1; b/X@2; b/X@3; c/X@4");
    expect(short(gate.summaries(5_000, false))).toEqual(["a X 1 1-1"]);
    expect(short(gate.summaries(5_000, true))).toEqual(["b X 1 3-3"]);
  });

  test("are not made unless they are asked for", () => {
    const gate = gateOf(throttled(1, 1));
    ask(gate, "a/X@0; a/X@1");
    expect([gate.tells, gate.summaries(1e9, true)]).toEqual([false, []]);
  });

  test("are events with ids of their own, the same for the same", () => {
    const gate = gateOf(throttled(20, 1, { summary: true }));
    ask(gate, "shop1/BackOff:one@0; shop1/BackOff:two@1; shop1/BackOff:three@2");
    const [summary] = gate.summaries(61_000, false);
    if (!summary) throw new Error("no summary");
    const event = normalise(summaryInput(summary, "chat"));
    expect(event).toMatchObject({
      reason: "PetrelThrottled",
      message:
        "2 events like BackOff held back within 1 s (at most 20 a minute, 1 at once, by namespace, reason), the first of them: two",
      count: 2,
      type: "",
      firstTimestamp: "1970-01-01T00:00:01Z",
      lastTimestamp: "1970-01-01T00:00:02Z",
      source: { component: "petrel" },
      reportingComponent: "petrel",
      involvedObject: { kind: "Pod", name: "shop1", uid: "shop1" },
      metadata: { namespace: "s" },
    });
    expect(event.id).toMatch(/^petrel-[0-9a-f]{32}\.2\.2000$/);
    expect(normalise(summaryInput(summary, "chat")).id).toBe(event.id);
    expect(normalise(summaryInput(summary, "")).id).not.toBe(event.id);
  });
});
