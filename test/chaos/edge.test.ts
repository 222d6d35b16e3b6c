/** A Petrel at the edge whose link is thin, or down for long, with the compiled executable at both ends. */
import { expect, test } from "bun:test";
import { eventually } from "../e2e/eventually.ts";
import { createForwarding } from "./forwarding.ts";
import { outage } from "./outage.ts";

const SECONDS = 6;
const MAX_BYTES = 3 * 1024 * 1024;

test.each([
  { what: "compressed", cap: 20_000, events: 4_000, gzip: true, atLeast: 3 },
  { what: "as it is", cap: 60_000, events: 1_500, gzip: false, atLeast: 0.5 },
])(
  "what goes over the link keeps to rateLimit.bytesPerSecond, $what",
  async ({ cap, events, gzip, atLeast }) => {
    await using all = await createForwarding({
      edges: 1,
      receiver: { rateLimit: { bytesPerSecond: cap }, batch: { count: 100, bytes: 4_000 }, concurrency: 1 },
      webhook: { gzip, batch: { format: "ndjson" } },
    });
    for (let n = 0; n < events; n++) all.write(0);
    await all.central.start();
    const petrel = await all.edges[0]?.start();
    await eventually("the first second's worth is out", 20_000, () =>
      all.link.sent() > cap ? undefined : `${all.link.sent()} bytes`,
    );
    await Bun.sleep(500);
    const [from, at] = [all.link.sent(), performance.now()];
    await Bun.sleep(SECONDS * 1_000);
    const perSecond = (all.link.sent() - from) / ((performance.now() - at) / 1_000);
    // There is still something to send, so that it is the cap and nothing else that holds it back.
    expect(all.deliveries.length).toBeLessThan(events);
    expect(perSecond / cap).toBeWithin(0.9, 1.1);
    // What Petrel says that it sent is what came.
    await petrel?.read();
    expect((petrel?.metric("petrel_sent_bytes_total") ?? 0) / all.link.sent()).toBeWithin(0.9, 1.1);
    expect(all.delivered() / all.link.sent()).toBeGreaterThan(atLeast);
    expect(all.repeats()).toEqual([]);
  },
  60_000,
);

test("a link that is down for longer than the journal has room for: the oldest go, counted, the rest arrives in order", async () => {
  const seen = await outage({
    seconds: 12,
    perSecond: 1_500,
    maxBytes: MAX_BYTES,
    bytesPerSecond: 250_000,
    settleMs: 60_000,
  });
  const { written, overflow, otherDrops, delivered, repeated, disorder, missing, inHand } = seen;
  const { residentMb, journalBytes, linkBytes, jsonBytes } = seen;
  expect(overflow).toBeGreaterThan(written / 4);
  expect([otherDrops, repeated, disorder, missing]).toEqual([0, 0, 0, 0]);
  expect(delivered + overflow).toBe(written);
  // A thousand events wait for a retry at most; all else that arrives is what came last.
  expect(inHand).toBeLessThanOrEqual(1_001);
  expect(journalBytes).toBeLessThan(1.5 * MAX_BYTES);
  expect(Math.max(...residentMb)).toBeLessThan(125);
  const median = (from: number, to: number) =>
    residentMb.slice(from * residentMb.length, to * residentMb.length).sort((a, b) => a - b)[
      Math.floor((residentMb.length * (to - from)) / 2)
    ] ?? 0;
  expect(median(2 / 3, 1) - median(1 / 3, 2 / 3)).toBeLessThan(15);
  expect(linkBytes).toBeLessThan(jsonBytes / 5);
}, 180_000);
