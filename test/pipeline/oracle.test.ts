/** Random destinations, random settings: whatever happens, nothing is lost silently, doubled or overtaken. */
import { expect, test } from "bun:test";
import { DeliveryError, REASONS, type Reason, type Refusal } from "../../src/errors.ts";
import type { Event } from "../../src/event.ts";
import { createLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics.ts";
import { normalise } from "../../src/normalise.ts";
import { createLog } from "../../src/pipeline/log.ts";
import { createMeters } from "../../src/pipeline/meters.ts";
import { createReceiver } from "../../src/pipeline/receiver.ts";
import type { ReceiverSettings } from "../../src/pipeline/receiver-host.ts";
import { forSeeds, type Random, seeded, type VirtualTime, withVirtualTime } from "./virtual-time.ts";

interface Offered {
  readonly seq: number;
  readonly object: string;
  readonly copies: number;
  /** Attempts that hold it and have not ended, as far as the receiver can know. */
  underWay: number;
  attempts: number;
  acknowledged: number;
  dead: number;
  /** The entry was pushed out of the log. */
  evicted: boolean;
}

interface Attempt {
  readonly events: readonly Offered[];
  readonly objects: ReadonlySet<string>;
}

const logger = createLogger({ level: "disabled", format: "json" });
/** Of an event, as this sink sends it. */
const BYTES = 20;
const REASON_NAMES = Object.keys(REASONS) as Reason[];

function randomSettings(random: Random): ReceiverSettings {
  return {
    name: "r",
    batch: {
      count: random.pick([1, 1, 2, 5, 20]),
      bytes: random.pick([1_000_000, 400]),
      lingerMs: random.pick([0, 0, 0, 30]),
    },
    concurrency: random.pick([1, 1, 2, 4]),
    partial: random.chance(0.3),
    timeoutMs: random.pick([50, 200]),
    retry: random.pick([
      { minMs: 10, maxMs: 500 },
      { minMs: 0, maxMs: 0 },
    ]),
    eventsPerSecond: random.pick([0, 0, 0, 100]),
    bytesPerSecond: random.pick([0, 0, 0, 2_000]),
    maxAgeMs: random.pick([0, 0, 400]),
  };
}

/** One story; `stopEarly` ends it with `stop` in the middle. */
function story(random: Random, time: VirtualTime): void {
  const settings = randomSettings(random);
  const roomy = random.chance(0.5);
  const stopEarly = random.chance(0.2);
  const limits = { events: roomy ? 10_000 : random.int(4, 60), bytes: 1_000_000 };
  const sickness = random.pick([0, 0.1, 0.5, 1]);
  const objects = random.int(1, 8);
  const duplicates = random.chance(0.15);
  let sick = true;
  let stoppedAt = Number.POSITIVE_INFINITY;

  const offered: Offered[] = [];
  const byMessage = new Map<string, Offered>();
  const running = new Set<Attempt>();
  const newest = new Map<string, number>();

  const log = createLog({
    ...limits,
    parse: (bytes) => normalise(JSON.parse(Buffer.from(bytes).toString())),
    evict(seq) {
      const event = offered[seq];
      if (event) event.evicted = true;
      receiver.evicted(seq);
    },
  });
  const meters = createMeters(createMetrics()).receiver("r", "memory");

  function begin(batch: readonly Event[], signal: AbortSignal): Attempt {
    expect(stoppedAt).toBe(Number.POSITIVE_INFINITY);
    expect(signal.aborted).toBe(false);
    const events = batch.map((event) => byMessage.get(event.message) as Offered);
    const attempt: Attempt = { events, objects: new Set(events.map((event) => event.object)) };
    expect(events.length).toBeGreaterThan(0);
    if (!duplicates) expect(events.length).toBeLessThanOrEqual(settings.batch.count);
    if (settings.partial && !duplicates) expect(attempt.objects.size).toBe(events.length);
    for (const other of running) {
      for (const object of attempt.objects) expect(other.objects.has(object)).toBe(false);
    }
    running.add(attempt);
    expect(running.size).toBeLessThanOrEqual(settings.concurrency);
    if (receiver.status().state === "open") expect(running.size).toBe(1);
    const before = new Set<Offered>();
    for (const event of events) {
      expect(event.copies).toBeGreaterThan(0);
      expect(event.acknowledged + event.dead).toBeLessThan(event.copies);
      event.underWay++;
      event.attempts++;
      before.add(event);
      // Nobody of the object who came earlier still waits, unless he is in front in this batch.
      for (let seq = event.seq - 1; seq >= Math.max(0, event.seq - 200); seq--) {
        const earlier = offered[seq];
        if (!earlier || earlier.object !== event.object || before.has(earlier)) continue;
        if (earlier.acknowledged + earlier.dead > 0 || earlier.attempts === 0) continue;
        // It was tried, and has no answer: only age may have ended it.
        if (settings.maxAgeMs === 0) throw new Error(`event ${event.seq} overtakes ${earlier.seq}`);
      }
    }
    return attempt;
  }

  function end(attempt: Attempt): boolean {
    if (!running.delete(attempt)) return false;
    for (const event of attempt.events) event.underWay--;
    return true;
  }

  function take(attempt: Attempt, taken: readonly Offered[]): void {
    watched(() => taking(attempt, taken));
  }

  function taking(attempt: Attempt, taken: readonly Offered[]): void {
    // What ends within the grace after a stop still counts.
    if (!end(attempt) || time.now() > stoppedAt + 1_000) return;
    for (const event of taken) {
      event.acknowledged++;
      expect(event.acknowledged + event.dead).toBeLessThanOrEqual(event.copies);
      expect(event.seq).toBeGreaterThanOrEqual(newest.get(event.object) ?? 0);
      newest.set(event.object, event.seq);
    }
  }

  function failure(): unknown {
    const reason = random.pick(REASON_NAMES);
    if (reason === "internal") return new TypeError("undefined is not a function");
    const retryAfterMs = random.pick([undefined, undefined, 0, 40, 2_000]);
    return new DeliveryError(reason, `says ${reason}`, { retryAfterMs });
  }

  function partly(attempt: Attempt): unknown {
    const refused: Refusal[] = [];
    const taken: Offered[] = [];
    attempt.events.forEach((event, index) => {
      if (random.chance(0.5)) taken.push(event);
      else refused.push({ index, reason: random.pick(REASON_NAMES), message: "refused" });
    });
    take(attempt, refused.length > 0 ? taken : attempt.events);
    if (refused.length === 0) return undefined;
    return new DeliveryError("rejected", "some were refused", { refused });
  }

  /** What the receiver did wrong; thrown inside a sink it would only be one more failed delivery. */
  let fault: unknown;
  const watched = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      fault ??= error;
      throw error;
    }
  };

  const startedAt = time.now();
  function deliver(batch: readonly Event[], signal: AbortSignal): Promise<void> {
    const attempt = watched(() => begin(batch, signal));
    // Nothing goes out before what went out is made up for, but for what a second gives at once.
    const seconds = 1 + (time.now() - startedAt) / 1_000;
    if (settings.bytesPerSecond > 0)
      watched(() => expect(meters.sent.value).toBeLessThanOrEqual(seconds * settings.bytesPerSecond));
    meters.sent.value += BYTES * batch.length;
    const healthy = !sick || !random.chance(sickness);
    const delay = random.pick([0, 0, 5, 30]);
    if (healthy && delay === 0) {
      // The receiver hears of it when the promise settles, so the order of the answers is the order of the calls.
      take(attempt, attempt.events);
      return Promise.resolve();
    }
    if (!healthy && random.chance(0.1)) {
      end(attempt);
      throw failure();
    }
    return new Promise((resolve, reject) => {
      const answer = (work: () => void) => time.later(delay, work);
      if (healthy) {
        answer(() => {
          take(attempt, attempt.events);
          resolve();
        });
      } else if (random.chance(0.2)) {
        // Hangs, and heeds the abort at once, late, with success, or never.
        const heeds = random.int(0, 3);
        time.later(settings.timeoutMs + 1_000, () => void (time.now() < stoppedAt && end(attempt)));
        signal.addEventListener("abort", () => {
          if (heeds === 0) {
            end(attempt);
            reject(signal.reason);
          } else if (heeds === 1) {
            time.later(500, () => {
              end(attempt);
              reject(signal.reason);
            });
          } else if (heeds === 2) {
            time.later(random.pick([100, 900]), () => {
              take(attempt, attempt.events);
              resolve();
            });
          } else {
            time.later(5_000, resolve);
          }
        });
      } else if (settings.partial && random.chance(0.5)) {
        answer(() => {
          const error = partly(attempt);
          if (error === undefined) resolve();
          else reject(error);
        });
      } else {
        answer(() => {
          end(attempt);
          reject(failure());
        });
      }
    });
  }

  const receiver = createReceiver(
    settings,
    { render: () => ({ body: "" }), deliver },
    {
      log,
      meters,
      logger,
      copies: (seq) => offered[seq]?.copies ?? 0,
      waits: () => 0,
      pushedOut: () => false,
      acknowledged: () => log.trim(receiver.low()),
      deadLetter(event) {
        const one = byMessage.get(event.message);
        if (one) one.dead++;
      },
      now: time.now,
      random: random.next,
    },
  );

  function offer(wanted?: number): void {
    const seq = log.head;
    const object = `o${random.int(1, objects)}`;
    const copies = wanted ?? (random.chance(0.2) ? 0 : duplicates && random.chance(0.3) ? 2 : 1);
    const one: Offered = { seq, object, copies, underWay: 0, attempts: 0, acknowledged: 0, dead: 0, evicted: false };
    offered.push(one);
    byMessage.set(`m${seq}`, one);
    const input = {
      metadata: { uid: `e${seq}`, resourceVersion: String(seq + 1) },
      involvedObject: { uid: object },
      message: `m${seq}`,
    };
    const entry = { watch: 0, version: seq + 1, receivedAt: time.now(), modified: false };
    log.append(Buffer.from(JSON.stringify(input)), entry, random.chance(0.5) ? normalise(input) : undefined);
    receiver.wake();
  }

  const lossless = roomy && settings.maxAgeMs === 0;
  function checkLow(): void {
    const low = receiver.low();
    expect(low).toBeLessThanOrEqual(log.head);
    if (!lossless) return;
    const oldest = offered.find((event) => event.acknowledged + event.dead < event.copies);
    if (oldest && low > oldest.seq) throw new Error(`low() is ${low}, but ${oldest.seq} is not acknowledged`);
    // Never more than waits, and what nobody wants is no backlog for long.
    const waiting = offered.filter((event) => event.acknowledged + event.dead < event.copies).length;
    expect(receiver.status().backlog).toBeGreaterThanOrEqual(waiting > 0 ? 1 : 0);
  }

  const steps = random.int(5, 60);
  for (let step = 0; step < steps; step++) {
    for (let n = random.int(0, random.pick([1, 3, 30])); n > 0; n--) offer();
    time.pass(random.pick([0, 1, 5, 20, 100, 400, 3_000]));
    if (fault) throw fault;
    checkLow();
  }
  if (stopEarly) {
    let ended = false;
    void receiver.stop().then(() => {
      ended = true;
    });
    stoppedAt = time.now();
    time.pass(10_000);
    expect(ended).toBe(true);
  } else {
    sick = false;
    for (let n = 0; n < 60 && receiver.low() < log.head; n++) time.pass(5_000);
    // Where all that waited was too old, only the next event shows that the destination is back.
    offer(1);
    for (let n = 0; n < 60 && receiver.low() < log.head; n++) time.pass(5_000);
    if (receiver.low() < log.head) throw new Error(`does not settle: ${JSON.stringify(receiver.status())}`);
    expect(receiver.status()).toMatchObject({ state: "up", backlog: 0, inFlight: 0 });
    expect(log.head - log.tail).toBe(0);
  }

  if (fault) throw fault;

  const sum = (of: (event: Offered) => number): number => offered.reduce((total, event) => total + of(event), 0);
  const { dropped } = meters;
  const delivered = sum((event) => event.acknowledged);
  const dead = sum((event) => event.dead);
  expect(meters.delivered.value).toBe(delivered);
  expect(dropped.refused.value).toBe(dead);
  const gone = dropped.overflow.value + dropped.stale.value + dropped.shutdown.value;
  expect(gone).toBe(sum((event) => event.copies) - delivered - dead);
  if (settings.maxAgeMs === 0) expect(dropped.stale.value).toBe(0);
  if (roomy) expect(dropped.overflow.value).toBe(0);
  if (!stopEarly) {
    expect(dropped.shutdown.value).toBe(0);
    for (const event of offered) {
      if (event.acknowledged + event.dead < event.copies && settings.maxAgeMs === 0) expect(event.evicted).toBe(true);
    }
    void receiver.stop();
    expect(dropped.shutdown.value).toBe(0);
    time.pass(10_000);
  }
  expect(time.pending).toBe(0);
}

test.each([
  { what: "tried with a thousand events at most", objects: 3_000, events: 3_000, count: 1, tried: 1_000, read: 1_000 },
  { what: "… in batches", objects: 3_000, events: 3_000, count: 20, tried: 1_000, read: 1_000 },
  // What waits behind an event of its own object is not held without end either: a journal may hold millions.
  { what: "read no further than 10,000", objects: 5, events: 30_000, count: 1, tried: 5, read: 10_000 },
])("a dead destination is $what", ({ objects, events, count, tried: most, read }) => {
  withVirtualTime((time) => {
    let dead = true;
    const tried = new Set<string>();
    const log = createLog({
      events: 40_000,
      bytes: 10_000_000,
      parse: (bytes) => normalise(JSON.parse(Buffer.from(bytes).toString())),
      evict() {},
    });
    const meters = createMeters(createMetrics()).receiver("r", "memory");
    const settings: ReceiverSettings = {
      ...randomSettings(seeded(1)),
      batch: { count, bytes: 1_000_000, lingerMs: 0 },
      concurrency: 1,
      partial: false,
      retry: { minMs: 10, maxMs: 20 },
      eventsPerSecond: 0,
      bytesPerSecond: 0,
      maxAgeMs: 0,
    };
    const sink = {
      render: () => ({ body: "" }),
      async deliver(batch: readonly Event[]) {
        for (const event of batch) tried.add(event.message);
        if (dead) throw new DeliveryError("unavailable", "down");
      },
    };
    const receiver = createReceiver(settings, sink, {
      log,
      meters,
      logger,
      copies: () => 1,
      waits: () => 0,
      pushedOut: () => false,
      acknowledged: () => log.trim(receiver.low()),
      deadLetter() {},
      now: time.now,
      random: () => 0.5,
    });
    for (let seq = 0; seq < events; seq++) {
      const involvedObject = { uid: `o${seq % objects}` };
      const input = { metadata: { uid: `e${seq}` }, involvedObject, message: `m${seq}` };
      const entry = { watch: 0, version: seq, receivedAt: time.now(), modified: false };
      log.append(Buffer.from(JSON.stringify(input)), entry);
    }
    receiver.wake();
    time.pass(100_000);
    expect(tried.size).toBe(most);
    expect(meters.retried.value).toBeGreaterThan(most);
    expect(receiver.progress().cursor).toBe(read);
    dead = false;
    time.pass(1_000);
    expect(meters.delivered.value).toBe(events);
    void receiver.stop();
    time.pass(5_000);
    expect(time.pending).toBe(0);
  });
});

test("every routed event is delivered once, in order per object, or counted once", () => {
  const [from, to] = (process.env.PETREL_SEEDS ?? "1-400").split("-").map(Number);
  forSeeds(from ?? 1, to ?? from ?? 1, (random) => withVirtualTime((time) => story(random, time)));
});
