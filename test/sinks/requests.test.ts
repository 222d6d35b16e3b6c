/** How many requests a thousand events are; the exporter makes a thousand. */
import { expect, test } from "bun:test";
import elasticsearch from "../../sinks/elasticsearch.ts";
import loki from "../../sinks/loki.ts";
import opensearch from "../../sinks/opensearch.ts";
import splunk from "../../sinks/splunk.ts";
import { fields } from "../../src/config/fields.ts";
import type { SinkDefinition } from "../../src/sink.ts";
import { aConfig, anEventInput, aReceiver, eventually, startTestPetrel } from "../harness.ts";

const EVENTS = 1_000;
const ROWS = [
  [elasticsearch, (url: string) => ({ hosts: [url] })],
  [opensearch, (url: string) => ({ hosts: [url] })],
  [loki, (url: string) => ({ url, streamLabels: { a: "b" } })],
  [splunk, (url: string) => ({ url, token: "t" })],
] as const;

test("a thousand events are at most fifty requests to a store", async () => {
  const requests = new Map<string, number>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const name = new URL(request.url).pathname.split("/")[1] ?? "";
      requests.set(name, (requests.get(name) ?? 0) + 1);
      await request.text();
      return Response.json({ errors: false, code: 0 });
    },
  });
  const receivers = ROWS.map(([sink, settings]) => {
    const config = sink.config(fields).parse(settings(`http://127.0.0.1:${server.port}/${sink.name}`));
    return aReceiver(sink.name, { sink: sink.name, config, batch: { lingerMs: 50 } });
  });
  const at = { line: 1, column: 1 };
  const match = receivers.map(({ name }) => ({ receiver: name, at }));
  const config = aConfig({ receivers, route: { drop: [], match, routes: [], at } });
  {
    await using petrel = await startTestPetrel({
      sinks: ROWS.map(([sink]) => sink as unknown as SinkDefinition),
      config,
    });
    for (let n = 0; n < EVENTS; n++) petrel.server.put(anEventInput());
    await eventually(
      "all are delivered",
      () => petrel.count("petrel_events_delivered_total") === EVENTS * ROWS.length,
      8_000,
    );
  }
  await server.stop(true);
  for (const [{ name }] of ROWS) expect(requests.get(name) ?? 0).toBeWithin(1, 51);
});
