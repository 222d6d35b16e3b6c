/** Real servers as far ends, read back by their own APIs and clients. */
import { eventually } from "../../e2e/eventually.ts";
import { natsAddress, natsStream } from "../../e2e/nats-client.ts";
import { lokiIds, redisIds, searchIds } from "../../e2e/read-back.ts";
import { arrivedFrom, fileEnd, pipeEnd, syslogEnd, udpEnd, webhookEnd } from "../../e2e/receivers.ts";
import { component, type Running } from "../../testbed/component.ts";
import { command } from "../../testbed/place.ts";
import type { End } from "./end.ts";

/** Of this run: a server may be an earlier one's. */
const RUN = crypto.randomUUID().slice(0, 8);

const titleOf = ({ versions }: Running) =>
  Object.entries(versions)
    .map(([server, version]) => `${server} ${version}`)
    .join(", ");

/** Asks until there are so many, and gives what there is then. */
async function until(count: number, read: () => Promise<readonly string[]>): Promise<readonly string[]> {
  let ids: readonly string[] = [];
  await eventually(`${count} events are there`, 60_000, async () => {
    ids = await read();
    return new Set(ids).size >= count ? undefined : `${ids.length}`;
  });
  return ids;
}

async function search(name: "elasticsearch" | "opensearch"): Promise<End> {
  const server = await component(name);
  return {
    name,
    server: titleOf(server),
    receiver: { [name]: { hosts: [server.env.URL], index: RUN, deDot: true } },
    ids: (count) => until(count, () => searchIds(server, RUN)),
  };
}

async function loki(): Promise<End> {
  const server = await component("loki");
  return {
    name: "loki",
    server: titleOf(server),
    receiver: { loki: { url: server.env.URL, streamLabels: { job: RUN } } },
    ids: (count) => until(count, () => lokiIds(server, RUN)),
  };
}

async function redis(): Promise<End> {
  const server = await component("redis");
  return {
    name: "redis",
    server: titleOf(server),
    receiver: { redis: { address: `127.0.0.1:${server.ports.redis}`, password: server.env.PASSWORD, key: RUN } },
    ids: (count) => until(count, async () => redisIds(server, RUN)),
  };
}

async function nats(): Promise<End> {
  const server = await component("nats");
  const { PASSWORD: password } = server.env;
  const subject = `kubernetes.events.${RUN}`;
  const stream = await natsStream(server, "users", { name: RUN, subjects: [subject] });
  return {
    name: "nats",
    server: titleOf(server),
    receiver: { nats: { servers: natsAddress(server, "users"), username: "writer", password, subject } },
    ids: (count) => until(count, async () => (await stream.stored()).map(({ id }) => id)),
  };
}

async function kafka(): Promise<End> {
  const server = await component("kafka");
  const brokers = [`127.0.0.1:${server.ports.plain}`];
  return {
    name: "kafka",
    server: titleOf(server),
    receiver: { kafka: { brokers, topic: RUN } },
    ids: async () => {
      const text = await command(
        [
          ...["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", String(server.env.CLASSES)],
          ...["-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "org.apache.kafka.tools.consumer.ConsoleConsumer"],
          ...["--bootstrap-server", brokers[0] ?? "", "--topic", RUN, "--from-beginning", "--timeout-ms", "5000"],
        ],
        { deadlineMs: 120_000 },
      );
      const lines = text.split("\n").filter((line) => line.startsWith("{"));
      return lines.map((line) => arrivedFrom(line).id);
    },
  };
}

async function graphite(): Promise<End> {
  const server = await component("graphite");
  const title = "{{ .UID }}.{{ .ResourceVersion }}";
  return {
    name: "grafana",
    server: titleOf(server),
    receiver: {
      concurrency: 4,
      grafana: { url: `${server.env.URL}/events/`, format: "graphite", title, tags: [RUN] },
    },
    ids: (count) =>
      until(count, async () => {
        const events = await fetch(`${server.env.URL}/events/get_data?from=-1h&tags=${RUN}`);
        return ((await events.json()) as { what: string }[]).map(({ what }) => what);
      }),
  };
}

async function influxdb(): Promise<End> {
  const server = await component("influxdb");
  const { URL: url = "", USER: username = "", PASSWORD: password = "" } = server.env;
  const database = `bench_${RUN.replaceAll("-", "_")}`;
  const query = async (q: string, db = "") => {
    const response = await fetch(`${url}/query?${new URLSearchParams({ db, q })}`, {
      method: "POST",
      headers: { Authorization: `Basic ${btoa(`${username}:${password}`)}` },
    });
    const { results } = (await response.json()) as { results: { series?: { values: string[][] }[] }[] };
    return results[0]?.series?.[0]?.values ?? [];
  };
  // The first request may make the administrator; with one there it is a repeat, by that administrator.
  await query(`CREATE USER ${username} WITH PASSWORD '${password}' WITH ALL PRIVILEGES`);
  return {
    name: "influxdb",
    server: titleOf(server),
    receiver: { influxdb: { url, username, password, database } },
    ids: (count) =>
      until(count, async () => (await query("SELECT event_id FROM k8s_events", database)).map(([, id]) => String(id))),
  };
}

async function pubsub(): Promise<End> {
  const server = await component("pubsub");
  const project = "petrel-bench";
  const ask = async (method: string, path: string, body: unknown) => {
    const response = await fetch(`http://${server.env.EMULATOR}/v1/projects/${project}/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return (await response.json()) as {
      receivedMessages?: { ackId: string; message: { data: string; attributes: Record<string, string> } }[];
    };
  };
  const topic = `t-${RUN}`;
  await ask("PUT", `topics/${topic}`, {});
  await ask("PUT", `subscriptions/${topic}`, { topic: `projects/${project}/topics/${topic}`, ackDeadlineSeconds: 600 });
  const ids: string[] = [];
  return {
    name: "pubsub",
    server: titleOf(server),
    receiver: { pubsub: { gcloud_project_id: project, topic } },
    env: { PUBSUB_EMULATOR_HOST: String(server.env.EMULATOR) },
    ids: (count) =>
      until(count, async () => {
        const { receivedMessages = [] } = await ask("POST", `subscriptions/${topic}:pull`, {
          ...{ maxMessages: 1_000, returnImmediately: true },
        });
        if (receivedMessages.length === 0) return ids;
        for (const { message } of receivedMessages)
          ids.push(arrivedFrom(Buffer.from(message.data, "base64").toString()).id);
        await ask("POST", `subscriptions/${topic}:acknowledge`, {
          ackIds: receivedMessages.map(({ ackId }) => ackId),
        });
        return ids;
      }),
  };
}

/** What the machine itself has, and rsyslog. */
async function local(folder: string): Promise<End[]> {
  const rsyslog = await component("rsyslog");
  const far = [webhookEnd(), fileEnd(folder), await pipeEnd(folder), await udpEnd(), syslogEnd(rsyslog, RUN)];
  return far.map((end) => {
    const { name: _, ...receiver } = end.receiver;
    return {
      name: end.name,
      server: end.name === "syslog" ? titleOf(rsyslog) : "this machine",
      receiver,
      ids: (count) => until(count, async () => end.arrived().map(({ id }) => id)),
      close: end.close,
    };
  });
}

/** The far ends with a real server, AWS excepted; they are started when they do not run. */
export async function realEnds(folder: string): Promise<End[]> {
  const stores = [await search("elasticsearch"), await search("opensearch"), await loki(), await influxdb()];
  return [
    ...stores,
    await kafka(),
    await nats(),
    await redis(),
    await pubsub(),
    await graphite(),
    ...(await local(folder)),
  ];
}
