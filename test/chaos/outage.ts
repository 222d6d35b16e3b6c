/**
 * A link that is down for longer than the journal at the edge has room for: what is pushed out is counted, and everything
 * else arrives, once and in order, as fast as the link may be used. In minutes, or compressed into seconds.
 */
import { createForwarding } from "./forwarding.ts";

export interface OutageOptions {
  /** How long the link is down, in seconds, and how many events a second come meanwhile. */
  readonly seconds: number;
  readonly perSecond: number;
  /** Of the journal at the edge. */
  readonly maxBytes: number;
  /** Of the link. */
  readonly bytesPerSecond: number;
  /** How long the rest may take to arrive, in milliseconds. */
  readonly settleMs: number;
}

export interface Outage {
  readonly written: number;
  readonly overflow: number;
  readonly otherDrops: number;
  readonly delivered: number;
  readonly repeated: number;
  readonly disorder: number;
  /** Neither delivered nor counted as pushed out. */
  readonly missing: number;
  /** What was in hand when the link went down is delivered, however long ago that is. */
  readonly inHand: number;
  /** Resident megabytes of the edge while the journal was full, in order. */
  readonly residentMb: readonly number[];
  /** The most while it caught up. */
  readonly catchingUpMb: number;
  /** Bytes of the journal's file, at its largest. */
  readonly journalBytes: number;
  /** From the link's return until everything had arrived. */
  readonly caughtUpSeconds: number;
  readonly linkBytes: number;
  /** The same, as the JSON that the central one delivered. */
  readonly jsonBytes: number;
}

const OBJECTS = 50;
const LOOK_MS = 100;

export async function outage(options: OutageOptions): Promise<Outage> {
  await using all = await createForwarding({
    edges: 1,
    ttlMs: 60_000,
    config: (folder) => ({ state: { path: `${folder}/state`, maxBytes: options.maxBytes } }),
    receiver: { rateLimit: { bytesPerSecond: options.bytesPerSecond }, batch: { count: 200, bytes: "64KiB" } },
    webhook: { gzip: true, batch: { format: "ndjson" } },
  });
  await all.central.start();
  const [edge] = all.edges;
  const petrel = await edge?.start();
  if (!edge || !petrel) throw new Error("there is no edge");
  const drops = (...labels: string[]) => petrel.metric("petrel_events_dropped_total", ...labels);

  // A link that works, and one event through it.
  all.write(0, OBJECTS);
  await all.settle(20_000);
  all.link.up(false);
  const stop = all.load(options.perSecond, OBJECTS);
  const until = performance.now() + options.seconds * 1_000;
  const residentMb: number[] = [];
  let catchingUpMb = 0;
  let journalBytes = 0;
  while (performance.now() < until) {
    if (drops('reason="overflow"') > 0) residentMb.push(petrel.memory().rss);
    journalBytes = Math.max(journalBytes, Bun.file(`${edge.folder}/state/journal.db`).size);
    await Bun.sleep(LOOK_MS);
  }
  stop();
  // What was written last is known to be in.
  while ((await petrel.read()) && petrel.metric("petrel_events_received_total") < all.written.size) {
    if (performance.now() > until + 20_000) throw new Error("the edge does not read what was written");
    await Bun.sleep(LOOK_MS);
  }
  const [linkBefore, jsonBefore] = [all.link.sent(), all.delivered()];
  const back = performance.now();
  all.link.up(true);
  // What is pushed out may still grow by what was on its way to the disk.
  const owed = (): number => all.written.size - drops('reason="overflow"');
  const arrived = () => new Set(all.deliveries.map(({ id }) => id)).size;
  while (arrived() < owed() && performance.now() < back + options.settleMs) {
    catchingUpMb = Math.max(catchingUpMb, petrel.memory().rss);
    await Bun.sleep(LOOK_MS);
  }
  const caughtUpSeconds = (performance.now() - back) / 1_000;
  const linkBytes = all.link.sent() - linkBefore;
  const jsonBytes = all.delivered() - jsonBefore;
  await petrel.read();
  const got = new Set(all.deliveries.map(({ id }) => id));
  const ids = [...all.written];
  // From the end: those without a hole before them are what the journal kept.
  let kept = 0;
  while (kept < ids.length && got.has(ids[ids.length - 1 - kept] ?? "")) kept++;
  const result = {
    written: ids.length,
    overflow: drops('reason="overflow"'),
    otherDrops: drops() - drops('reason="overflow"'),
    delivered: got.size,
    repeated: all.repeats().length,
    disorder: all.disorder(),
    missing: owed() - got.size,
    inHand: got.size - kept,
    ...{ residentMb, catchingUpMb, journalBytes, caughtUpSeconds, linkBytes, jsonBytes },
  };
  const codes = [await edge.stop(), await all.central.stop()];
  if (codes.some((code) => code !== 0)) throw new Error(`they ended with ${codes.join(" and ")}`);
  return result;
}
