/** The elasticsearch and opensearch receivers against the real servers. */
import { beforeAll, describe, expect, test } from "bun:test";
import elasticsearch from "../../sinks/elasticsearch.ts";
import opensearch from "../../sinks/opensearch.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { thousand } from "./thousand.ts";

const SINKS = { elasticsearch, opensearch };

interface Hit {
  readonly _index: string;
  readonly _id: string;
  readonly _source: Readonly<Record<string, unknown>>;
}

async function api(server: Running, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${server.env.URL}${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    signal: AbortSignal.timeout(20_000),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

async function stored(server: Running, index: string): Promise<Hit[]> {
  await api(server, "POST", `/${index}/_refresh`);
  const { hits } = (await api(server, "POST", `/${index}/_search?size=5000`)) as { hits: { hits: Hit[] } };
  return hits.hits;
}

for (const name of ["elasticsearch", "opensearch"] as const) {
  describeReal(name, [name], () => {
    let server: Running;
    beforeAll(async () => {
      server = await component(name);
    }, 600_000);

    const newIndex = () => `i-${crypto.randomUUID().slice(0, 8)}`;

    async function aSink(settings: object) {
      const options = {
        receiver: "s",
        logger: recordingLogger().logger,
        compat: false,
        compileTemplate: compileSimple,
        env: {},
      };
      const sink = SINKS[name];
      const config = sink.config(fields).parse({ hosts: [server.env.URL], ...settings });
      const made = await sink.create(config as never, createSinkContext(options));
      const deliver = (...events: Event[]) => made.deliver(events as unknown as Batch, AbortSignal.timeout(20_000));
      return { made, deliver };
    }

    test("a thousand events, with a server that dies in between", async () => {
      const index = newIndex();
      const outcome = await thousand({
        server,
        process: name,
        receiver: { [name]: { hosts: [server.env.URL], indexFormat: `${index}-{2006.01}`, deDot: true, gzip: true } },
        stored: async () =>
          (await stored(server, `${index}-*`)).map(({ _id, _source }) => {
            const { uid, resourceVersion } = _source.metadata as { uid: string; resourceVersion: string };
            expect(_id).toBe(`${uid}.${resourceVersion}`);
            return _id;
          }),
      });
      expect(outcome.repeated).toBe(0);
    }, 180_000);

    test("stores a repeat once, and takes what the mapping refuses off the rest", async () => {
      const index = newIndex();
      await api(server, "PUT", `/${index}`, { mappings: { properties: { m: { type: "integer" } } } });
      const { deliver, made } = await aSink({ index, layout: { m: "{{ .Message }}" } });
      await made.check?.(AbortSignal.timeout(5_000));
      const events = ["1", "two", "3"].map((message, n) => anEvent({ id: `uid.${n}`, message }));
      const first = await refusalOf(deliver(...events));
      expect(first.refused?.map(({ index: at, reason }) => [at, reason as string])).toEqual([[1, "rejected"]]);
      expect(first.message).toContain("failed to parse field [m] of type [integer]");
      const again = await refusalOf(deliver(...events));
      expect(again.refused?.map(({ index: at }) => at)).toEqual([1]);
      const hits = await stored(server, index);
      expect(hits.map(({ _id, _source }) => [_id, _source.m]).sort()).toEqual([
        ["uid.0", "1"],
        ["uid.2", "3"],
      ]);
    }, 60_000);

    test("useEventID keeps the newest state, whatever comes last", async () => {
      const index = newIndex();
      const { deliver } = await aSink({ index, useEventID: true, layout: { m: "{{ .Message }}" } });
      const state = (version: string) =>
        anEvent({ id: `uid.${version}`, message: version, metadata: { uid: "uid", resourceVersion: version } });
      await deliver(state("9"));
      await deliver(state("11"));
      await deliver(state("10"));
      expect((await stored(server, index)).map(({ _id, _source }) => [_id, _source.m])).toEqual([["uid", "11"]]);
    }, 60_000);

    if (name === "opensearch") {
      describe("data streams", () => {
        test("take events that are created with a time, and say what is wrong otherwise", async () => {
          const index = newIndex();
          const template = {
            index_patterns: [index],
            data_stream: {},
            template: { settings: { number_of_replicas: 0 } },
          };
          await api(server, "PUT", `/_index_template/${index}`, template);
          const right = await aSink({ index, dataStream: true, deDot: true });
          const events = [1, 2, 3].map((n) => anEvent({ id: `uid.${n}` }));
          await right.deliver(...events);
          await right.deliver(...events);
          const hits = await stored(server, index);
          expect(hits.map(({ _id, _source }) => [_id, _source["@timestamp"]]).sort()).toEqual(
            events.map(({ id }) => [id, "2026-11-20T21:45:18Z"]),
          );
          const wrong = await aSink({ index, useEventID: true });
          const error = await refusalOf(wrong.deliver(anEvent()));
          expect([error.refused?.[0]?.reason as string, error.message]).toEqual([
            "not_found",
            expect.stringContaining("set dataStream: true"),
          ]);
        }, 60_000);
      });
    }
  });
}
