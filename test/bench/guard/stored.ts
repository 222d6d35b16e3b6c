/** A process of its own: bytes of memory, JavaScript's and buffers', that an event takes while it waits for a receiver. Prints them on stderr. */
import { heapStats } from "bun:jsc";
import { startInMemory, watched } from "./in-memory.ts";

const EVENTS = 8_000;

const petrel = await startInMemory(
  `
omitLookup: true
route: { match: [{ receiver: dead }] }
receivers: [{ name: dead, webhook: { endpoint: "http://127.0.0.1:1/" } }]
`,
  () => {
    throw new Error("nobody listens there");
  },
);

/** Of JavaScript's heap, and of the buffers that it holds. */
async function bytes(): Promise<number> {
  // What this turn still holds is garbage in the next one.
  await Bun.sleep(50);
  Bun.gc(true);
  return heapStats().heapSize;
}

async function fill(events: number): Promise<void> {
  for (let left = events; left > 0; left -= 500) await petrel.say(watched(Math.min(left, 500)));
}

// The code that takes events in is compiled by then.
await fill(1_000);
const before = await bytes();
await fill(EVENTS);
process.stderr.write(`${JSON.stringify(((await bytes()) - before) / EVENTS)}\n`);
process.exit(0);
