/** The loki receiver against a real Loki. */
import { beforeAll, expect, test } from "bun:test";
import loki from "../../sinks/loki.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { thousand } from "./thousand.ts";

interface Line {
  readonly labels: Readonly<Record<string, string>>;
  readonly time: string;
  readonly line: string;
}

/** @see https://grafana.com/docs/loki/latest/reference/loki-http-api/#query-logs-within-a-range-of-time */
async function query(server: Running, selector: string): Promise<Line[]> {
  const start = `${Date.now() - 6 * 86_400_000}000000`;
  const parameters = new URLSearchParams({ query: selector, start, limit: "5000", direction: "forward" });
  const response = await fetch(`${server.env.URL}/loki/api/v1/query_range?${parameters}`, {
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`query_range answered ${response.status}: ${text}`);
  const { data } = JSON.parse(text) as {
    data: { result: { stream: Record<string, string>; values: [string, string][] }[] };
  };
  const lines = data.result.flatMap(({ stream, values }) =>
    values.map(([time, line]) => ({ labels: stream, time, line })),
  );
  return lines.sort((a, b) => (a.time < b.time ? -1 : 1));
}

const job = () => `j${crypto.randomUUID().slice(0, 8)}`;

async function aSink(server: Running, settings: object) {
  const { logger, lines } = recordingLogger();
  const options = { receiver: "l", logger, compat: false, compileTemplate: compileSimple, env: {} };
  const config = loki.config(fields).parse({ url: server.env.URL, layout: { m: "{{ .Message }}" }, ...settings });
  const sink = await loki.create(config, createSinkContext(options));
  const deliver = (events: readonly Event[]) => sink.deliver(events as unknown as Batch, AbortSignal.timeout(10_000));
  return { deliver, lines, sink };
}

const at = (secondsAgo: number) => `${new Date(Date.now() - secondsAgo * 1000).toISOString().slice(0, 19)}Z`;

function numbered(count: number, change: (n: number) => Partial<Event>): Event[] {
  return Array.from({ length: count }, (_, n) =>
    anEvent({
      id: `uid.${n}`,
      message: `message ${n}`,
      metadata: { uid: "uid", resourceVersion: `${1000 + n}` },
      ...change(n),
    }),
  );
}

describeReal("loki", ["loki"], () => {
  let server: Running;
  beforeAll(async () => {
    server = await component("loki");
  }, 1_800_000);

  test("a thousand events, with a server that dies in between", async () => {
    const label = job();
    const outcome = await thousand({
      server,
      process: "loki",
      receiver: {
        loki: {
          url: server.env.URL,
          streamLabels: { job: label, namespace: "{{ .InvolvedObject.Namespace }}" },
          gzip: true,
        },
      },
      stored: async () => {
        const lines = await query(server, `{job="${label}"}`);
        expect(new Set(lines.map(({ labels }) => labels.namespace))).toEqual(new Set(["ns-0", "ns-1", "ns-2"]));
        return lines.map(({ line, labels }) => {
          const { metadata } = JSON.parse(line);
          const id = `${metadata.uid}.${metadata.resourceVersion}`;
          expect(labels.event_id).toBe(id);
          return id;
        });
      },
    });
    expect(outcome.repeated).toBe(0);
  }, 180_000);

  test("keeps equal lines of one second apart and stores a repeat once", async () => {
    const label = job();
    const { deliver } = await aSink(server, { streamLabels: { job: label } });
    const time = at(10);
    const events = numbered(50, () => ({ message: "the same", lastTimestamp: time, firstTimestamp: time }));
    await deliver(events);
    await deliver(events);
    let lines: Line[] = [];
    await eventually("50 lines", 10_000, async () => {
      lines = await query(server, `{job="${label}"}`);
      return lines.length >= 50 ? undefined : `${lines.length}`;
    });
    expect(lines.map(({ labels }) => labels.event_id)).toEqual(events.map(({ id }) => id));
    expect(lines.map(({ line }) => line)).toEqual(events.map(() => '{"m":"the same"}'));
    expect(
      lines.map((line) => Number(line.time) / 1e9 - Date.parse(time) / 1e3).every((off) => off >= 0 && off < 0.001),
    ).toBe(true);
  });

  test("sends what comes too late with the time of now, and takes what is too long off the rest", async () => {
    const label = job();
    const { deliver } = await aSink(server, { streamLabels: { job: label } });
    const events = numbered(40, (n) => {
      const time = at(n === 7 ? 3 * 3_600 : n === 23 ? 30 * 86_400 : 40 - n);
      const message = n === 31 ? "x".repeat(300 * 1024) : `message ${n}`;
      return {
        message,
        lastTimestamp: time,
        firstTimestamp: time,
        metadata: { uid: "uid", resourceVersion: `${2000 + n}` },
      };
    });
    await deliver([anEvent({ id: "uid.first", message: "first", lastTimestamp: at(0), firstTimestamp: at(0) })]);
    const error = await refusalOf(deliver(events));
    expect(error.refused?.map(({ index, reason }) => [index, reason as string])).toEqual([[31, "too_large"]]);
    expect(error.message).toContain("max entry size");
    let lines: Line[] = [];
    await eventually("40 lines", 10_000, async () => {
      lines = await query(server, `{job="${label}"}`);
      return lines.length >= 40 ? undefined : `${lines.length}`;
    });
    const ids = lines.map(({ labels }) => labels.event_id);
    expect(ids.sort()).toEqual(["uid.first", ...events.map(({ id }) => id)].filter((id) => id !== "uid.31").sort());
    const late = lines.filter(({ labels }) => labels.event_time !== undefined);
    expect(late.map(({ labels }) => labels.event_time).sort()).toEqual(
      [events[7], events[23]].map((event) => String(event?.lastTimestamp)).sort(),
    );
  });

  test("labels that Loki refuses are no event's fault", async () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`l${n}`, "x"]));
    for (const streamLabels of [{ "a-b": "c" }, many]) {
      const { deliver } = await aSink(server, { streamLabels });
      const now = { lastTimestamp: at(0), firstTimestamp: at(0) };
      const error = await refusalOf(deliver([anEvent(now)]));
      expect([error.reason as string, error.message]).toEqual(["not_found", expect.stringContaining("answered 400")]);
    }
  });

  test("check proves that it is there and would take a push, with nothing left to check", async () => {
    const { sink } = await aSink(server, { tenant: "one" });
    expect(await sink.check?.(AbortSignal.timeout(5_000))).toBeUndefined();
  });
});
