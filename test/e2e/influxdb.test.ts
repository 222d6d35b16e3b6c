/** The influxdb receiver against a real InfluxDB 1. */
import { beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { flow } from "./flow.ts";
import { thousand } from "./thousand.ts";

interface Answer {
  readonly results: readonly {
    readonly error?: string;
    readonly series?: readonly {
      readonly columns: readonly string[];
      readonly values: readonly (readonly string[])[];
    }[];
  }[];
}

describeReal("influxdb", ["influxdb"], () => {
  let server: Running;
  /** Of this run: the component may be an earlier one's. */
  const run = Date.now().toString(36);

  async function query(q: string, db = ""): Promise<Record<string, string>[]> {
    const { URL: url, USER, PASSWORD } = server.env;
    const response = await fetch(`${url}/query?${new URLSearchParams({ db, q })}`, {
      method: "POST",
      headers: { Authorization: `Basic ${btoa(`${USER}:${PASSWORD}`)}` },
      signal: AbortSignal.timeout(10_000),
    });
    const { results } = (await response.json()) as Answer;
    if (!response.ok || results[0]?.error) throw new Error(JSON.stringify(results));
    const { columns = [], values = [] } = results[0]?.series?.[0] ?? {};
    return values.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? ""])));
  }

  beforeAll(async () => {
    server = await component("influxdb");
    const { USER, PASSWORD } = server.env;
    // The first request may make the administrator; with one there it is a repeat, by that administrator.
    await query(`CREATE USER ${USER} WITH PASSWORD '${PASSWORD}' WITH ALL PRIVILEGES`);
  }, 300_000);

  const settings = (more: object) => ({
    ...{ url: server.env.URL, username: server.env.USER, password: server.env.PASSWORD },
    ...more,
  });

  test("a thousand events, with a server that dies in between", async () => {
    const database = `thousand_${run}`;
    const { repeated } = await thousand({
      server,
      process: "influxd",
      receiver: { batch: { count: 50, linger: "10ms" }, influxdb: settings({ database }) },
      stored: async () => {
        const points = await query("SELECT event_id, value, uid FROM k8s_events", database);
        for (const { event_id = "", value = "", uid } of points) {
          const { metadata, message } = JSON.parse(value);
          expect([event_id, uid]).toEqual([`${metadata.uid}.${metadata.resourceVersion}`, metadata.uid]);
          expect(message).toMatch(/^message \d+ <ü 😀> "quoted"\n$/);
        }
        return points.map(({ event_id = "" }) => event_id);
      },
    });
    // What was stored and not answered is written again, over itself.
    expect(repeated).toBe(0);
  }, 180_000);

  test("with fields; and what a wrong password, a missing right and an old event come to", async () => {
    const database = `fields_${run}`;
    await query(`CREATE DATABASE ${database} WITH DURATION 52w NAME "year"`);
    await query(`CREATE USER reader_${run} WITH PASSWORD 'reader-password'`);
    const reader = { username: `reader_${run}`, password: "reader-password" };
    await using events = await flow([
      { name: "good", influxdb: settings({ database, withFields: true, retentionPolicy: "year" }) },
      { name: "gzip", influxdb: settings({ database: `gzip_${run}`, withFields: true, gzip: true }) },
      { name: "password", influxdb: settings({ database, password: "wrong-password" }) },
      { name: "right", influxdb: settings({ database, ...reader }) },
    ]);
    events.write(200);
    const old = events.server.put({
      metadata: { name: "old.1", namespace: "shop", creationTimestamp: "2001-01-01T00:00:00Z" },
      involvedObject: { kind: "Pod", namespace: "shop", name: "old", uid: "old" },
      ...{ reason: "Old", message: "old", type: "Normal", count: 1 },
      ...{ firstTimestamp: "2001-01-01T00:00:00Z", lastTimestamp: "2001-01-01T00:00:00Z" },
      source: { component: "kubelet", host: "node-1" },
    } as Parameters<typeof events.server.put>[0]);
    await events.delivered("good");
    await events.delivered("gzip");
    for (const name of [database, `gzip_${run}`]) {
      const points = await query("SELECT event_id, message, kind, object_name FROM events", name);
      const ids = points.map(({ event_id = "" }) => event_id);
      const all = [...events.ids, ...(name === database ? [] : [`${old.event.metadata.uid}.${old.version}`])];
      expect(ids.sort()).toEqual(all.sort());
    }
    await eventually("the old event is refused", 20_000, async () => {
      const dropped = await events.petrel.metric("petrel_events_dropped_total", 'receiver="good"', 'reason="refused"');
      return dropped === 1 ? undefined : `${dropped}`;
    });
    for (const name of ["password", "right"]) {
      await eventually(`${name} is down`, 20_000, async () =>
        (await events.petrel.metric("petrel_receiver_up", `receiver="${name}"`)) === 0 ? undefined : "it is up",
      );
      const said = events.petrel
        .stderr()
        .split("\n")
        .filter((line) => line.includes(`"receiver":"${name}"`));
      expect(`${name}: ${said}`).toContain('"reason":"unauthorized"');
    }
    expect(events.petrel.stderr()).not.toMatch(/wrong-password|reader-password/);
  }, 120_000);
});

/** The way of InfluxDB 2, of which Debian has no server. It keeps tags, and of texts only that they were there. */
describeReal("influxdb 2's way, to VictoriaMetrics", ["victoriametrics"], () => {
  let server: Running;
  beforeAll(async () => {
    server = await component("victoriametrics");
  }, 300_000);

  test("a thousand events, with a token", async () => {
    const settings = { url: server.env.URL, org: "o", bucket: "b", token: "t", clusterName: `c${Date.now()}` };
    await using events = await flow([
      { name: "json", influxdb: settings },
      { name: "gzip", influxdb: { ...settings, withFields: true, gzip: true } },
    ]);
    events.write(1_000);
    for (const name of ["json", "gzip"]) await events.delivered(name);
    const uids = [...new Set(events.ids.map((id) => id.slice(0, id.lastIndexOf("."))))].sort();
    for (const name of ["k8s_events_value", "k8s_events_event_id", "events_message", "events_event_id"]) {
      await eventually(name, 20_000, async () => {
        await fetch(`${server.env.URL}/internal/force_flush`);
        const match = `${name}{cluster_name="${settings.clusterName}"}`;
        const response = await fetch(`${server.env.URL}/api/v1/export?${new URLSearchParams({ "match[]": match })}`);
        const lines = (await response.text()).split("\n").filter((line) => line !== "");
        const found = lines.map((line) => String(JSON.parse(line).metric.uid)).sort();
        return Bun.deepEquals(found, uids) ? undefined : `${found.length} of ${uids.length}`;
      });
    }
  }, 120_000);
});
