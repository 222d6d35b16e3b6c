/** Four receivers of the executable behind a network that is slow, that cuts connections, and that swallows what is sent. */
import { beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { freePorts } from "../testbed/process.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { type Flow, flow } from "./flow.ts";
import { natsStream } from "./nats-client.ts";
import { lokiIds, redisIds, searchIds } from "./read-back.ts";

const NAMES = ["loki", "nats", "opensearch", "redis"] as const;
type Name = (typeof NAMES)[number];
const PORTS = { loki: "http", nats: "users", opensearch: "http", redis: "redis" } as const;

/** @see https://github.com/Shopify/toxiproxy#toxics */
const TOXICS = {
  latency: { type: "latency", attributes: { latency: 300, jitter: 100 } },
  reset: { type: "reset_peer", attributes: { timeout: 0 } },
  timeout: { type: "timeout", attributes: { timeout: 0 } },
} as const;

describeReal("a bad network", ["toxiproxy", ...NAMES], () => {
  const servers = new Map<Name | "toxiproxy", Running>();
  /** Of this run: the components may be an earlier one's. */
  const run = crypto.randomUUID().slice(0, 8);
  beforeAll(async () => {
    for (const name of ["toxiproxy", ...NAMES] as const) servers.set(name, await component(name));
  }, 1_800_000);

  const server = (name: Name | "toxiproxy"): Running => {
    const found = servers.get(name);
    if (found === undefined) throw new Error(`${name} does not run`);
    return found;
  };

  async function toxi(method: string, path: string, body?: object): Promise<void> {
    const response = await fetch(`${server("toxiproxy").env.URL}${path}`, {
      method,
      signal: AbortSignal.timeout(5_000),
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`toxiproxy: ${method} ${path}: ${response.status} ${await response.text()}`);
  }

  /** A proxy before the server; the port that clients take. */
  async function before(name: Name): Promise<number> {
    const [port = 0] = await freePorts(1);
    const upstream = `127.0.0.1:${server(name).ports[PORTS[name]]}`;
    await toxi("POST", "/proxies", { name: `${name}-${run}`, listen: `127.0.0.1:${port}`, upstream, enabled: true });
    return port;
  }

  /** From now on every answer of every server is subject to it. */
  const poison = async (kind: keyof typeof TOXICS) => {
    for (const name of NAMES)
      await toxi("POST", `/proxies/${name}-${run}/toxics`, { name: kind, stream: "downstream", ...TOXICS[kind] });
  };
  const cure = async (kind: keyof typeof TOXICS) => {
    for (const name of NAMES) await toxi("DELETE", `/proxies/${name}-${run}/toxics/${kind}`);
  };

  /** Waits until each receiver has failed, and tried again, more often than before. */
  async function trouble(events: Flow, work: () => Promise<void>): Promise<void> {
    const retried = (name: Name) => events.petrel.metric("petrel_events_retried_total", `receiver="${name}"`);
    const earlier = new Map<Name, number>();
    for (const name of NAMES) earlier.set(name, await retried(name));
    await work();
    for (const name of NAMES)
      await eventually(`${name} is tried again`, 20_000, async () => {
        const now = await retried(name);
        return now > (earlier.get(name) ?? 0) ? undefined : `${now} retries`;
      });
  }

  test("every event arrives through latency, resets and silence", async () => {
    const ports = new Map<Name, number>();
    for (const name of NAMES) ports.set(name, await before(name));
    const url = (name: Name) => `http://127.0.0.1:${ports.get(name)}`;
    const subject = `kubernetes.events.${run}`;
    const stream = await natsStream(server("nats"), "users", { name: run, subjects: [subject] });
    const common = { timeout: "2s", retry: { min: "50ms", max: "500ms" } };
    await using events = await flow([
      { name: "loki", ...common, loki: { url: url("loki"), streamLabels: { job: run } } },
      {
        ...{ name: "nats", ...common },
        nats: {
          ...{ servers: `127.0.0.1:${ports.get("nats")}`, subject },
          ...{ username: "writer", password: server("nats").env.PASSWORD },
        },
      },
      { name: "opensearch", ...common, opensearch: { hosts: [url("opensearch")], index: run, deDot: true } },
      {
        ...{ name: "redis", ...common },
        redis: { address: `127.0.0.1:${ports.get("redis")}`, password: server("redis").env.PASSWORD, key: run },
      },
    ]);
    const all = async () => {
      for (const name of NAMES) await events.delivered(name);
    };
    events.write(200);
    await all();

    await poison("latency");
    events.write(200);
    await all();
    await cure("latency");

    for (const kind of ["reset", "timeout"] as const) {
      await trouble(events, async () => {
        await poison(kind);
        events.write(200);
      });
      await cure(kind);
      events.write(100);
      await all();
    }

    const ids = [...events.ids].sort();
    const read = {
      loki: await lokiIds(server("loki"), run),
      nats: (await stream.stored()).map(({ id }) => id),
      opensearch: await searchIds(server("opensearch"), run),
      redis: redisIds(server("redis"), run),
    };
    for (const name of NAMES) {
      expect([name, [...new Set(read[name])].sort()]).toEqual([name, ids]);
      expect(await events.petrel.metric("petrel_events_dropped_total", `receiver="${name}"`)).toBe(0);
    }
    // What was taken and not answered for is told by its id and stored once, where the store itself drops repeats.
    for (const name of ["loki", "nats", "opensearch"] as const)
      expect([name, read[name].length]).toEqual([name, ids.length]);
    console.log(`redis: ${read.redis.length - ids.length} of ${ids.length} came again, with the id they had`);
  }, 180_000);
});
