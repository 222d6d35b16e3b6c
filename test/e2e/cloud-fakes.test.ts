/**
 * The receivers of the executable whose servers cannot be had, against the strict fakes of their fixtures, which die in
 * mid-stream: Azure Event Grid (with a key, and as an identity at Entra) and Google BigQuery.
 */
import { afterEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { bigQueryProject } from "../sinks/bigquery.ts";
import { takeGrid } from "../sinks/eventgrid.ts";
import { serviceAccount } from "../sinks/google-fake.ts";
import { EXECUTABLE } from "./executable.ts";
import { disorder, flow, idsOf } from "./flow.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that can be killed, with its connections, and started on the same port. */
function mortal(answer: (request: Request, text: string) => Response) {
  const faults: string[] = [];
  let requests = 0;
  const start = (port: number) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port,
      async fetch(request) {
        requests++;
        try {
          return answer(request, await request.text());
        } catch (error) {
          faults.push(String(error));
          return new Response(String(error), { status: 400 });
        }
      },
    });
  let server = start(0);
  const port = server.port ?? 0;
  closing.push(() => server.stop(true));
  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    requests: () => requests,
    kill: () => server.stop(true),
    restart() {
      server = start(port);
    },
  };
}

/** Writes 1,000 events, 300 of them to a dead server. */
async function throughDeath(receiver: Record<string, unknown>, server: ReturnType<typeof mortal>) {
  const events = await flow([{ name: "it", retry: { min: "50ms", max: "500ms" }, ...receiver }]);
  closing.unshift(() => events[Symbol.asyncDispose]());
  events.write(400);
  await events.delivered("it");
  await server.kill();
  events.write(300);
  await Bun.sleep(500);
  server.restart();
  events.write(300);
  await events.delivered("it");
  expect(server.faults).toEqual([]);
  expect(await events.petrel.metric("petrel_events_retried_total", 'receiver="it"')).toBeGreaterThan(0);
  expect(await events.petrel.metric("petrel_events_dropped_total", 'receiver="it"')).toBe(0);
  return events;
}

const reason = existsSync(EXECUTABLE) ? undefined : `no executable at ${EXECUTABLE}: bun run build`;

test.skipIf(reason !== undefined)(
  `Event Grid${reason ? ` (${reason})` : ""}`,
  async () => {
    for (const schema of ["cloudevents", "eventgrid"] as const) {
      const came: string[] = [];
      let asked = 0;
      const server = mortal((request, text) => {
        if (new URL(request.url).pathname === "/tenant/oauth2/v2.0/token") {
          asked++;
          return Response.json({ access_token: "a-token", expires_in: 3_599 });
        }
        if (schema === "cloudevents" && request.headers.get("aeg-sas-key") !== "a-key") throw new Error("aeg-sas-key");
        if (schema === "eventgrid" && request.headers.get("authorization") !== "Bearer a-token")
          throw new Error("token");
        const { texts, answer = new Response("") } = takeGrid(schema, request, text);
        came.push(...texts);
        return answer;
      });
      const identity = { tenantId: "tenant", clientId: "c", clientSecret: "s", authorityHost: server.url };
      const settings = schema === "cloudevents" ? { key: "a-key" } : { entra: identity, schema };
      const events = await throughDeath({ eventgrid: { endpoint: `${server.url}/api/events`, ...settings } }, server);
      const read = came.map((text) => JSON.parse(text) as { id: string; data: unknown });
      expect(read.map(({ id }) => id).sort()).toEqual([...events.ids].sort());
      const texts = read.map(({ data }) => JSON.stringify(data));
      expect(idsOf(texts)).toEqual(read.map(({ id }) => id));
      expect(disorder(texts)).toBeUndefined();
      expect(asked).toBe(schema === "cloudevents" ? 0 : 1);
      console.log(`Event Grid, ${schema}: 1000 events in ${server.requests() - asked} requests`);
    }
  },
  120_000,
);

test.skipIf(reason !== undefined)(
  `BigQuery${reason ? ` (${reason})` : ""}`,
  async () => {
    const project = bigQueryProject();
    const server = mortal((request, text) => project.answer(request, text).answer);
    const events = await throughDeath(
      {
        bigquery: {
          ...{
            project: "my-project",
            dataset: "kubernetes",
            table: "events",
            interval_seconds: 0.1,
            endpoint: server.url,
          },
          credentials: JSON.stringify(serviceAccount()),
        },
      },
      server,
    );
    expect(project.rows.map(({ insertId }) => insertId).sort()).toEqual([...events.ids].sort());
    expect(idsOf(project.rows.map(({ json }) => JSON.stringify(json)))).toEqual(
      project.rows.map(({ insertId }) => insertId),
    );
    expect(project.calls.filter((name) => name === "tables.insert").length).toBeLessThanOrEqual(2);
    console.log(`BigQuery: 1000 events in ${server.requests()} requests`);
  },
  120_000,
);
