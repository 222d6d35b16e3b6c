/** The clauses of the contract that a sink keeps together with the runtime: batches, retries, dead letters, order. */
import { expect } from "bun:test";
import { fields } from "../src/config/fields.ts";
import { createMetrics } from "../src/metrics.ts";
import { normalise } from "../src/normalise.ts";
import { identityOf } from "../src/pipeline/gates.ts";
import { createMeters } from "../src/pipeline/meters.ts";
import { createPipeline } from "../src/pipeline/pipeline.ts";
import type { RUNTIME_CLAUSES } from "./clauses.ts";
import { compileSimple, recordingLogger, until } from "./contract.ts";
import { type Clauses, limitsOf, type Subject } from "./contract-subject.ts";
import { aConfig, aReceiver } from "./harness.ts";

const AT = { line: 1, column: 1 };
const BUFFER = { events: 20_000, bytes: 64 * 1024 * 1024 };

/** A pipeline with the sink as its only receiver. */
async function running({ definition, config }: Subject) {
  const { logger, lines } = recordingLogger();
  const metrics = createMetrics();
  const meters = createMeters(metrics);
  const receiver = aReceiver("it", {
    sink: definition.name,
    config: definition.config(fields).parse(config) as Record<string, unknown>,
    batch: { lingerMs: 20 },
    updates: "all",
    timeoutMs: 5_000,
    retry: { minMs: 5, maxMs: 20 },
  });
  const pipeline = await createPipeline({
    config: aConfig({
      receivers: [receiver],
      route: { drop: [], match: [{ receiver: "it", at: AT }], routes: [], at: AT },
      buffer: BUFFER,
    }),
    sinks: new Map([[definition.name, definition]]),
    compileTemplate: compileSimple,
    logger,
    meters,
    env: {},
    lookup: () => undefined,
    now: () => performance.now(),
    random: () => 0.5,
  });
  const value = (name: string, labels = "") => {
    let sum = 0;
    for (const line of metrics.expose("prometheus").split("\n"))
      if (line.startsWith(`${name}{`) && line.includes(labels)) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
    return sum;
  };
  let version = 0;
  return {
    lines,
    delivered: () => value("petrel_events_delivered_total"),
    refused: () => value("petrel_events_dropped_total", 'reason="refused"'),
    dropped: () => value("petrel_events_dropped_total"),
    failed: () => value("petrel_events_failed_total"),
    sent: () => value("petrel_sent_bytes_total"),
    /** Events by their marks, each about an object of its own unless told otherwise. */
    put(marks: readonly string[], more: { readonly message?: string; readonly object?: string } = {}) {
      for (const mark of marks) {
        version++;
        const object = more.object ?? mark;
        const input = {
          metadata: { name: mark, namespace: "ns", uid: mark, resourceVersion: String(version) },
          involvedObject: { kind: "Pod", namespace: "ns", name: object, uid: `object-${object}`, apiVersion: "v1" },
          reason: "Tested",
          message: `${mark} ${more.message ?? ""}`,
          type: "Warning",
          count: 1,
          firstTimestamp: "2026-11-20T21:44:18Z",
          lastTimestamp: "2026-11-20T21:45:18Z",
        };
        const event = normalise(input);
        const bytes = Buffer.from(JSON.stringify(input));
        pipeline.receive(0, bytes, "added", version, identityOf(event.id), event);
      }
    },
    async [Symbol.asyncDispose]() {
      await pipeline.stop();
    },
  };
}

/** `a-0x` … : no mark is the start of another. */
const marked = (letter: string, count: number) => Array.from({ length: count }, (_, n) => `${letter}-${n}x`);
/** The marks in a text, the first of each kind. */
const markIn = (text: string) => /[a-z]-\d+x/.exec(text)?.[0] ?? text;
const marksIn = (texts: readonly string[]) => texts.map(markIn);

async function settled(condition: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + 8_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what()}`);
    await Bun.sleep(2);
  }
}

export const runtimeClauses: Clauses<(typeof RUNTIME_CLAUSES)[number]> = {
  async "more events than a delivery takes"(subject) {
    const { to } = subject;
    const { count } = limitsOf(subject);
    await using it = await running(subject);
    const marks = marked("a", 2 * count + 1);
    it.put(marks);
    await settled(
      () => it.delivered() >= marks.length,
      () => `${it.delivered()} of ${marks.length}`,
    );
    const came = marksIn(await to.received(marks.length));
    expect(came.length).toBe(marks.length);
    expect(new Set(came).size).toBe(marks.length);
    for (const { texts } of to.deliveries?.() ?? []) expect(texts.length).toBeLessThanOrEqual(count);
    expect(it.dropped()).toBe(0);
  },

  async "more bytes than a delivery takes"(subject) {
    const { to } = subject;
    const { count, bytes = 0, eventBytes = bytes } = limitsOf(subject);
    await using it = await running(subject);
    // Three fit, and seven do not: neither by their bytes nor, where fewer than seven go together, by their count.
    const size = Math.floor(Math.min(bytes / 3.5, eventBytes - 10_000));
    const marks = marked("a", Math.min(7, count));
    it.put(marks, { message: "y".repeat(size) });
    await settled(
      () => it.delivered() + it.refused() >= marks.length,
      () => `${it.delivered()} of ${marks.length}`,
    );
    expect([it.delivered(), it.refused()]).toEqual([marks.length, 0]);
    expect(new Set(marksIn(await to.received(marks.length))).size).toBe(marks.length);
    // Encoding may add to what is counted: half as much again at most.
    for (const delivery of to.deliveries?.() ?? []) expect(delivery.bytes).toBeLessThanOrEqual(bytes * 1.5);
  },

  async "an event too large"(subject) {
    const { to } = subject;
    await to.behave({ tooLarge: 100_000 });
    await using it = await running(subject);
    it.put(marked("a", 3));
    it.put(marked("b", 1), { message: "z".repeat(150_000) });
    it.put(marked("c", 3));
    await settled(
      () => it.delivered() + it.refused() >= 7,
      () => `${it.delivered()} delivered, ${it.refused()} refused`,
    );
    expect([it.delivered(), it.refused()]).toEqual([6, 1]);
    expect(new Set(marksIn(await to.received(6)))).toEqual(new Set([...marked("a", 3), ...marked("c", 3)]));
    expect(it.lines.join("\n")).toMatch(/refused for good.*(too_large|rejected)/);
  },

  async "partial failure"(subject) {
    const { to, fixture } = subject;
    let later = 0;
    await to.behave({
      judge: (text) => {
        const mark = markIn(text);
        if (mark.startsWith("n-")) return "never";
        return mark.startsWith("l-") && later++ < 2 ? "again" : undefined;
      },
    });
    await using it = await running(subject);
    const never = fixture.refusesNone === undefined ? 1 : 0;
    it.put(["a-0x", ...marked("n", never), "l-0x", "a-1x"]);
    it.put(marked("o", 3), { object: "one" });
    await settled(
      () => it.delivered() + it.refused() >= 6 + never,
      () => `${it.delivered()} delivered, ${it.refused()} refused`,
    );
    expect([it.delivered(), it.refused()]).toEqual([6, never]);
    const came = marksIn(await to.received(6));
    // Exactly the failed come again, and the events of one object in their order.
    expect([...came].sort()).toEqual(["a-0x", "a-1x", "l-0x", "o-0x", "o-1x", "o-2x"]);
    expect(came.filter((mark) => mark.startsWith("o-"))).toEqual(marked("o", 3));
    const asked = (to.deliveries?.() ?? []).map(({ texts }) => marksIn(texts));
    const times = (mark: string) => asked.flat().filter((one) => one === mark).length;
    expect(["a-0x", "n-0x", "l-0x"].map(times)).toEqual([1, never, 3]);
    for (const marks of asked) expect(marks.filter((mark) => mark.startsWith("o-")).length).toBeLessThanOrEqual(1);
  },

  async restarted(subject) {
    const { to } = subject;
    await using it = await running(subject);
    it.put(marked("a", 3), { object: "one" });
    await settled(
      () => it.delivered() >= 3,
      () => `${it.delivered()} before`,
    );
    await to.behave("gone");
    it.put(marked("b", 3), { object: "one" });
    await settled(
      () => it.failed() > 0,
      () => "no failure was counted",
    );
    await to.behave("accept");
    it.put(marked("c", 3), { object: "one" });
    await settled(
      () => it.delivered() >= 9,
      () => `${it.delivered()} of 9`,
    );
    await until(() => it.delivered() >= 9, "all are delivered");
    const came = marksIn(await to.received(9));
    expect(came).toEqual([...marked("a", 3), ...marked("b", 3), ...marked("c", 3)]);
    expect(it.dropped()).toBe(0);
  },

  async "bytes counted"(subject) {
    const { to } = subject;
    await using it = await running(subject);
    it.put(marked("a", 3));
    await settled(
      () => it.delivered() >= 3,
      () => `${it.delivered()} of 3`,
    );
    const texts = await to.received(3);
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    // Whole requests, and no attempt twice: heads have 3 kB at most, sessions and tokens of clouds included.
    expect(it.sent()).toBeGreaterThanOrEqual(bytes);
    expect(it.sent()).toBeLessThan(3 * bytes + 3 * 3_000);
  },
};
