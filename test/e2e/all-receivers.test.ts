/** Every receiver at once, for a few seconds; `bun run bench receivers` has a minute of it, and measures. */
import { expect, test } from "bun:test";
import { allAtOnce } from "../bench/receivers.ts";
import { describeReal } from "../testbed/suite.ts";

const COMPONENTS = [
  "elasticsearch",
  "opensearch",
  "loki",
  "influxdb",
  "kafka",
  "nats",
  "redis",
  "pubsub",
  "graphite",
  "rsyslog",
];

describeReal("every receiver at once", [...COMPONENTS, "aws"], () => {
  test("all ids are everywhere", async () => {
    const { arrivals, events, dropped, end } = await allAtOnce(100, 4, []);
    expect(events).toBe(400);
    expect(arrivals.filter(({ missing }) => missing > 0)).toEqual([]);
    expect(dropped).toBe(0);
    console.log(`${arrivals.length} receivers: ${end.rss.toFixed(0)} MB resident`);
  }, 600_000);
});
