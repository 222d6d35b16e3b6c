import { describe, expect, test } from "bun:test";
import type { Event } from "../../src/event.ts";
import { normalise } from "../../src/normalise.ts";
import { createLog } from "../../src/pipeline/log.ts";
import { forSeeds } from "./virtual-time.ts";

const anEvent = (message: string): Event => normalise({ metadata: { uid: message }, involvedObject: {}, message });
const ENTRY = { watch: 0, version: 1, receivedAt: 0, modified: false };

describe("a log against a list", () => {
  test("bounds hold, evictions are told in order, bytes stay what they were", () => {
    forSeeds(1, 80, (random) => {
      const limits = { events: random.int(1, 40), bytes: random.pick([64, 1_000, 300_000, 1_200_000]) };
      const large = Math.ceil(limits.bytes / random.int(1, 12));
      const evicted: number[] = [];
      const parsed: number[] = [];
      /** What the log should hold, oldest first. */
      let model: { seq: number; text: string; changed: number; version: number }[] = [];
      const log = createLog({
        ...limits,
        parse(bytes) {
          parsed.push(bytes.length);
          return anEvent(Buffer.from(bytes).toString());
        },
        evict: (seq) => void evicted.push(seq),
      });
      let gone = 0;
      for (let step = 0; step < 150; step++) {
        const action = random.next();
        if (action < 0.7) {
          const length = random.chance(0.05) ? limits.bytes + 1 : random.int(1, large);
          const text = String.fromCharCode(97 + (step % 26)).repeat(length);
          const at = log.head;
          evicted.length = 0;
          const version = random.int(1, 1e15);
          const entry = { watch: step % 7, version, receivedAt: step, modified: step % 2 === 0 };
          const seq = log.append(Buffer.from(text), entry, random.chance(0.5) ? anEvent(text) : undefined);
          if (length > limits.bytes) {
            expect(seq).toBe(-1);
            expect(evicted).toEqual([]);
            continue;
          }
          expect(seq).toBe(at);
          expect(evicted).toEqual(model.slice(0, evicted.length).map((one) => one.seq));
          model = model.slice(evicted.length);
          gone += evicted.length;
          model.push({ seq, text, changed: 0, version });
          expect(log.watch(seq)).toBe(step % 7);
          expect(log.receivedAt(seq)).toBe(step);
          expect(log.modified(seq)).toBe(step % 2 === 0);
        } else if (action < 0.8) {
          const upTo = random.int(log.tail, log.head + 3);
          log.trim(upTo);
          model = model.filter((one) => one.seq >= upTo);
        } else if (action < 0.9 && model.length > 0) {
          const one = random.pick(model);
          const changed = random.int(1, 9);
          one.changed = changed;
          log.attach(one.seq, (event) => ({ ...event, count: changed }));
          log.attach(log.tail - 1, () => anEvent("of an entry that is gone"));
        } else {
          log.shrink();
        }
        expect(log.head - log.tail).toBe(model.length);
        expect(log.tail).toBe(model[0]?.seq ?? log.head);
        expect(model.length).toBeLessThanOrEqual(limits.events);
        const bytes = model.reduce((sum, one) => sum + one.text.length, 0);
        expect(log.bytes).toBe(bytes);
        expect(bytes).toBeLessThanOrEqual(limits.bytes);
        expect(log.capacity).toBeLessThanOrEqual(limits.bytes);
        const looked = random.chance(0.1) ? model : model.slice(-1);
        for (const { seq, text, changed, version } of looked) {
          const event = log.event(seq);
          expect(event.message === text).toBe(true);
          expect(event.count).toBe(changed);
          expect(log.version(seq)).toBe(version);
          expect(log.size(seq)).toBe(text.length);
          expect(log.held(seq)).toBe(event);
        }
      }
      // Never more goes than the bounds ask for, but for the gap that a whole entry leaves at the buffer's end.
      if (limits.bytes > 40 * large) expect(gone).toBeLessThanOrEqual(150 - Math.min(limits.events, 40));
      expect(parsed.length).toBeGreaterThan(0);
    });
  });

  test("the newest 1,024 stay parsed, older ones are parsed again with what was attached", () => {
    let parses = 0;
    const log = createLog({
      events: 5_000,
      bytes: 1_000_000,
      parse(bytes) {
        parses++;
        return anEvent(Buffer.from(bytes).toString());
      },
      evict() {},
    });
    for (let n = 0; n < 3_000; n++) log.append(Buffer.from(`event ${n}`), ENTRY, anEvent(`event ${n}`));
    log.attach(5, (event) => ({ ...event, count: 7 }));
    expect(log.held(3_000 - 1_024)?.message).toBe(`event ${3_000 - 1_024}`);
    expect(log.held(3_000 - 1_025)).toBeUndefined();
    expect(log.event(2_999).message).toBe("event 2999");
    expect(parses).toBe(0);
    expect(log.event(5)).toMatchObject({ message: "event 5", count: 7 });
    expect(parses).toBe(1);
    log.trim(3_000);
    expect(log.held(2_999)).toBeUndefined();
    log.shrink();
    expect(log.capacity).toBeLessThanOrEqual(256 * 1024);
    expect(log.append(Buffer.from("after"), ENTRY)).toBe(3_000);
    expect(log.event(3_000).message).toBe("after");
  });
});
