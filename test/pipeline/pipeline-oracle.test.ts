/** A cluster that misbehaves at random: what a watch, the gates, the log and a receiver make of it together. */
import { expect, test } from "bun:test";
import { createApiServer } from "../../src/demo/api-server.ts";
import * as status from "../../src/demo/status.ts";
import { anEventInput, eventually, memorySink, startTestPetrel } from "../harness.ts";
import { type Random, seeded } from "./virtual-time.ts";

const TIMING = { silence: 120, peek: 40, patience: 60, tick: 10, minBackoff: 2, maxBackoff: 30 };
const GARBAGE = [
  "{{{nonsense\n",
  '{"type":"ADDED","object":{"metadata":{"uid":"x","resourceVersion":"7"}}}\n',
  '{"type":"BOOKMARK","object":{"kind":"Event","metadata":{"resourceVersion":"1001"}}}\n',
  new Uint8Array([0, 255, 254, 1, 123, 34, 192, 175]),
  "\n\n",
];

interface Written {
  readonly id: string;
  readonly key: string;
  readonly version: number;
  superseded: boolean;
  /** Replaced or removed before a list: nobody who lists can tell of it. */
  lost: boolean;
}

async function story(random: Random): Promise<void> {
  const server = await createApiServer();
  const sink = memorySink(async () => {
    if (random.chance(0.3)) await Bun.sleep(random.int(0, 3));
  });
  const written: Written[] = [];
  const newest = new Map<string, Written>();

  function write(): void {
    const n = random.int(1, 12);
    const stored = server.put({
      ...anEventInput({ metadata: { name: `event-${n}`, namespace: "shop" } }),
      involvedObject: { kind: "Pod", namespace: "shop", name: "p", uid: `object-${n % 5}` },
    });
    const { uid, resourceVersion } = stored.event.metadata;
    const one = {
      id: `${uid}.${resourceVersion}`,
      key: stored.key,
      version: stored.version,
      superseded: false,
      lost: false,
    };
    const before = newest.get(one.key);
    if (before) before.superseded = true;
    newest.set(one.key, one);
    written.push(one);
  }

  function remove(): void {
    const [key, one] = random.pick([...newest]) ?? [];
    if (!key || !one || !server.remove("shop", key.split("/")[1] ?? "")) return;
    one.superseded = true;
    newest.delete(key);
  }

  for (let n = random.int(0, 300); n > 0; n--) write();
  let compactions = 0;
  let lists = 0;
  let trickles = false;
  server.intercept(({ query }) => {
    if (query.watch || query.limit === "1") return undefined;
    lists++;
    for (const one of written) one.lost = one.superseded;
    return undefined;
  });
  const { concurrency, count } = { concurrency: random.int(1, 4), count: random.pick([1, 5, 500]) };
  await using running = await startTestPetrel({
    server,
    sinks: [{ ...sink.definition, concurrency, batch: { count } }],
    timing: TIMING,
  });
  const faults: (() => unknown)[] = [
    () => server.cut(),
    // In the middle of what trickles, half a line would be garbage within a good one.
    () => server.cut({ midLine: !trickles }),
    () => server.closeWatches(),
    () => server.garbage(random.pick(GARBAGE)),
    () => server.freeze(),
    () => server.fail(random.int(1, 3), random.pick([status.unavailable, status.tooManyRequests(0)])),
    () => server.fail(1, { code: 504, reason: "", message: "Gateway Timeout" }),
    () => {
      server.compact();
      compactions++;
    },
    () => {
      const bytes = random.pick([0, 7, 400]);
      trickles = bytes > 0;
      server.trickle(bytes, 1);
    },
    remove,
  ];
  for (let step = 0; step < 60; step++) {
    for (let n = random.pick([0, 1, 2, 10]); n > 0; n--) write();
    if (random.chance(0.25)) await random.pick(faults)();
    await Bun.sleep(random.pick([0, 0, 1, 5, 20]));
  }
  server.trickle(0, 0);
  const told = () => new Set(sink.events.map((event) => event.id));
  const missing = () => {
    const ids = told();
    return written.filter((one) => !ids.has(one.id) && !one.lost);
  };
  await eventually("every state that the server could still tell", () => missing().length === 0, 20_000).catch(
    () => {},
  );
  expect(missing()).toEqual([]);
  // Nothing was told twice, nothing that was never written, and per object in the order of writing.
  expect(sink.events.length).toBe(told().size);
  const ids = new Set(written.map((one) => one.id));
  const last = new Map<string, number>();
  for (const event of sink.events) {
    expect(ids.has(event.id)).toBe(true);
    const at = Number(event.metadata.resourceVersion);
    expect(at).toBeGreaterThan(last.get(event.objectKey) ?? 0);
    last.set(event.objectKey, at);
  }
  // Only what is compacted is a reason to list again.
  expect(lists).toBeLessThanOrEqual(1 + compactions);
  expect(running.count("petrel_events_dropped_total")).toBe(0);
  expect(running.count("petrel_events_delivered_total")).toBe(sink.events.length);
}

const SEEDS = (process.env.PETREL_SEEDS ?? "1 2 3 4 5 6").split(" ").map(Number);

test.concurrent.each(SEEDS)("nothing is lost, doubled or overtaken: seed %d", (seed) => story(seeded(seed)), 40_000);
