/** Memory, for tests and for trying things. */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";

/** What each receiver of this kind was given, by its name; the tests' to read and to clear. */
export const received: Map<string, Event[]> = new Map();

const KEPT = 10_000;

export default defineSink({
  name: "inMemory",
  title: "Memory",
  summary: "Keeps the last 10,000 events in memory, for tests.",
  config: (field) =>
    field.object({ ref: field.text().optional().describe("Name to find the events by; by default the receiver's.") }),
  example: {},
  batch: { count: 1_000 },
  carriesId: true,
  updates: "all",
  create({ ref }, context) {
    const events: Event[] = [];
    received.set(ref ?? context.receiver, events);
    return {
      render: (batch) => ({ body: batch.map((event) => event.id).join("\n") }),
      async deliver(batch) {
        events.push(...batch);
        if (events.length > KEPT) events.splice(0, events.length - KEPT);
      },
    };
  },
});
