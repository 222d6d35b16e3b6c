import { afterEach, describe, expect, test } from "bun:test";
import { gunzipSync } from "bun";
import splunk from "../../sinks/splunk.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { createMemoryStore } from "../../src/pipeline/store.ts";
import type { Batch, Store } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

interface Got {
  readonly path: string;
  readonly channel: string | null;
  readonly text: string;
}

async function setUp(settings: object, answer: (got: Got) => Response, store?: Store) {
  const came: Got[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const bytes = new Uint8Array(await request.arrayBuffer());
      const plain = request.headers.get("content-encoding") === "gzip" ? gunzipSync(bytes) : bytes;
      const { pathname, search } = new URL(request.url);
      const channel = request.headers.get("x-splunk-request-channel");
      const got = { path: pathname + search, channel, text: new TextDecoder().decode(plain) };
      came.push(got);
      return answer(got);
    },
  });
  servers.push(server);
  const options = {
    receiver: "s",
    logger: recordingLogger().logger,
    compat: false,
    compileTemplate: compileSimple,
    env: {},
    store,
  };
  const url = `http://127.0.0.1:${server.port}`;
  const config = splunk
    .config(fields)
    .parse({ url, token: "t", host: "", layout: { m: "{{ .Message }}" }, ...settings });
  const sink = await splunk.create(config, createSinkContext(options));
  const deliver = (count = 1, ms = 1_000) => {
    const events = Array.from({ length: count }, (_, index) => anEvent({ id: `uid.${index}`, message: `m${index}` }));
    return sink.deliver(events as unknown as Batch, AbortSignal.timeout(ms));
  };
  return { sink, deliver, came };
}

describe("splunk", () => {
  test("knows the collector's codes", async () => {
    const rows = [
      [403, 1, "unauthorized"],
      [401, 3, "unauthorized"],
      [403, 4, "unauthorized"],
      [400, 5, "rejected"],
      [400, 6, "rejected"],
      [400, 7, "not_found"],
      [500, 8, "unavailable"],
      [503, 9, "unavailable"],
      [400, 10, "not_found"],
      [400, 12, "rejected"],
      [400, 14, "not_found"],
      [400, 15, "rejected"],
      [503, 18, "unavailable"],
      [503, 23, "unavailable"],
      [429, 26, "throttled"],
      [200, 24, undefined],
    ] as const;
    for (const [status, code, reason] of rows) {
      const { deliver } = await setUp({}, () => Response.json({ text: "x", code }, { status }));
      if (reason) expect([code, (await refusalOf(deliver())).reason as string]).toEqual([code, reason]);
      else await deliver();
    }
    const { deliver } = await setUp({}, () => new Response("<html>log in</html>"));
    expect((await refusalOf(deliver())).reason).toBe("unavailable");
  });

  test("refuses the one bad event of a batch and sends the others again", async () => {
    const answer = () =>
      Response.json({ text: "Event field cannot be blank", code: 13, "invalid-event-number": 1 }, { status: 400 });
    const { deliver } = await setUp({}, answer);
    const { refused } = await refusalOf(deliver(3));
    expect(refused?.map(({ index, reason }) => [index, reason as string])).toEqual([
      ...([
        [0, "unavailable"],
        [1, "rejected"],
        [2, "unavailable"],
      ] as [number, string][]),
    ]);
    expect((await refusalOf(deliver(1))).reason).toBe("rejected");
  });

  test("waits for the indexers' acknowledgement, on a channel of its own", async () => {
    let asked = 0;
    const { deliver, came } = await setUp({ ack: true, gzip: true }, ({ path }) =>
      path.startsWith("/services/collector/ack")
        ? Response.json({ acks: { 7: ++asked > 1 } })
        : Response.json({ text: "Success", code: 0, ackId: 7 }),
    );
    await deliver(2);
    const [push, first] = came;
    expect(push?.text.split("\n").map((line) => JSON.parse(line).event)).toEqual([{ m: "m0" }, { m: "m1" }]);
    expect(came.map(({ channel }) => channel)).toEqual(Array(3).fill(push?.channel));
    expect(push?.channel).toMatch(/^[0-9a-f-]{36}$/);
    expect([first?.path, first?.text]).toEqual([`/services/collector/ack?channel=${push?.channel}`, '{"acks":[7]}']);
  });

  test("without an acknowledgement the delivery times out; when it comes again it asks, and after five minutes sends", async () => {
    let done = false;
    const store = createMemoryStore();
    const { deliver, came } = await setUp(
      { ack: true },
      ({ path }) =>
        Response.json(path.includes("/ack") ? { acks: { 7: done } } : { text: "Success", code: 0, ackId: 7 }),
      store,
    );
    const pushes = () => came.filter(({ path }) => path.endsWith("/event")).length;
    for (let n = 0; n < 2; n++) expect((await refusalOf(deliver(1, 50))).reason).toBe("timeout");
    expect(pushes()).toBe(1);
    // Another batch is no repeat of this one.
    expect((await refusalOf(deliver(2, 50))).reason).toBe("timeout");
    expect(pushes()).toBe(2);
    const key = `ack ${new Bun.CryptoHasher("sha256").update("uid.0").digest("hex")}`;
    const kept = JSON.parse(store.get(key) ?? "");
    expect(Date.now() - kept.at).toBeWithin(0, 5_000);
    store.set(key, JSON.stringify({ ...kept, at: Date.now() - 301_000 }));
    done = true;
    await deliver(1);
    expect([pushes(), store.get(key)]).toEqual([3, undefined]);
  });

  test("takes a wrong index for the event's fault when each event names its own", async () => {
    const answer = () =>
      Response.json({ text: "Incorrect index", code: 7, "invalid-event-number": 1 }, { status: 400 });
    for (const [index, expected] of [
      ["k8s", undefined],
      [
        "{{ .Type }}",
        [
          [0, "unavailable"],
          [1, "rejected"],
        ],
      ],
      [
        { eta: "<%= it.Type %>" },
        [
          [0, "unavailable"],
          [1, "rejected"],
        ],
      ],
    ] as const) {
      const { deliver } = await setUp({ index }, answer);
      const error = await refusalOf(deliver(2));
      if (expected === undefined) expect([error.reason as string, error.refused]).toEqual(["not_found", undefined]);
      else expect(error.refused?.map((one) => [one.index, one.reason])).toEqual(expected as never);
    }
  });

  test("check tells a wrong token from a wrong address", async () => {
    const { sink } = await setUp({}, () => Response.json({ text: "Invalid token", code: 21 }, { status: 400 }));
    expect((await refusalOf(sink.check?.(AbortSignal.timeout(1_000)) ?? Promise.resolve())).reason).toBe(
      "unauthorized",
    );
  });
});
