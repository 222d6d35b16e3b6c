import { expect, test } from "bun:test";
import type { Event } from "../../src/event.ts";
import { newestMs, newestNs, newestTime } from "../../src/wire/event-time.ts";
import { anEvent } from "../contract.ts";

const none = { firstTimestamp: null, lastTimestamp: null, eventTime: null };
const metadata = (resourceVersion?: string) => ({ ...(resourceVersion !== undefined && { resourceVersion }) });

const ROWS: readonly [string, Partial<Event>, string | undefined, string][] = [
  ["seconds hold the version's end", {}, "2026-11-20T21:45:18Z", "1795211118000000101"],
  ["a long version", { metadata: metadata("1234567890") }, "2026-11-20T21:45:18Z", "1795211118000567890"],
  ["no version", { metadata: {} }, "2026-11-20T21:45:18Z", "1795211118000000000"],
  ["a version that is no number", { metadata: metadata("1-2") }, "2026-11-20T21:45:18Z", "1795211118000000000"],
  [
    "microseconds hold three digits of it",
    { ...none, eventTime: "2026-11-20T21:46:34.727123Z", metadata: metadata("98765") },
    "2026-11-20T21:46:34.727123Z",
    "1795211194727123765",
  ],
  [
    "a series goes on after its beginning",
    {
      ...none,
      eventTime: "2026-11-20T21:46:34.5Z",
      series: { count: 2, lastObservedTime: "2026-11-20T21:50:00.000001Z" },
    },
    "2026-11-20T21:50:00.000001Z",
    "1795211400000001101",
  ],
  [
    "nothing but zeros is no time",
    { ...none, firstTimestamp: "0001-01-01T00:00:00Z", metadata: metadata("7") },
    undefined,
    "1700000000000000007",
  ],
];

for (const [name, change, time, ns] of ROWS) {
  test(name, () => {
    const event = anEvent(change);
    expect([newestTime(event), newestNs(event, 1_700_000_000_000)]).toEqual([time, ns]);
    expect(newestMs(event, 5)).toBe(time === undefined ? 5 : Date.parse(time));
  });
}
