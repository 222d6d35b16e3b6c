import { afterEach, describe, expect, test } from "bun:test";
import { gunzipSync } from "bun";
import loki from "../../sinks/loki.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, tlsFile } from "../contract.ts";

interface Got {
  readonly path: string;
  readonly headers: Headers;
  readonly body: {
    streams: { stream: Record<string, string> | null; values: [string, string, Record<string, string>?][] }[];
  };
}

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

/** `answer` says what to answer to a push; undefined: 204. */
async function setUp(settings: object, compat = false, answer: (got: Got) => Response | undefined = () => undefined) {
  const came: Got[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const bytes = new Uint8Array(await request.arrayBuffer());
      const text = new TextDecoder().decode(
        request.headers.get("content-encoding") === "gzip" ? gunzipSync(bytes) : bytes,
      );
      const got = { path: new URL(request.url).pathname, headers: request.headers, body: JSON.parse(text) };
      came.push(got);
      return answer(got) ?? new Response(null, { status: 204 });
    },
  });
  servers.push(server);
  const { logger, lines } = recordingLogger();
  const options = { receiver: "l", logger, compat, compileTemplate: compileSimple, env: {} };
  const config = loki
    .config(fields)
    .parse({ url: `http://127.0.0.1:${server.port}`, layout: { m: "{{ .Message }}" }, ...settings });
  const sink = await loki.create(config, createSinkContext(options));
  const deliver = (...reasons: string[]) => {
    const events = reasons.map((reason, index) => anEvent({ id: `uid.${index}`, reason, message: `message ${index}` }));
    return sink.deliver(events as unknown as Batch, AbortSignal.timeout(1_000));
  };
  const check = async () => sink.check?.(AbortSignal.timeout(1_000));
  return { deliver, check, came, lines, config };
}

describe("loki", () => {
  test("check tells credentials and tenant from the address by a push of nothing", async () => {
    const said = (status: number, text: string) => () => new Response(text, { status });
    const empty = "error at least one valid stream is required for ingestion";
    const tenant = { tenant: "one", bearerToken: "t" };
    const good = await setUp(tenant, false, said(422, empty));
    expect(await good.check()).toBeUndefined();
    const [got] = good.came;
    expect([got?.body, got?.headers.get("x-scope-orgid"), got?.headers.get("authorization")]).toEqual([
      ...[{ streams: [] }, "one", "Bearer t"],
    ]);
    for (const [status, text, reason] of [
      [401, "no org id", "unauthorized"],
      [404, "page not found", "not_found"],
      [503, "not ready", "unavailable"],
    ] as const) {
      const { check } = await setUp(tenant, false, said(status, text));
      expect((await refusalOf(check())).reason).toBe(reason);
    }
    const templated = await setUp({ tenant: "{{ .Type }}" });
    expect(await templated.check()).toContain("not checked");
    expect(templated.came).toHaveLength(0);
  });

  test("groups a batch into streams by rendered labels, and leaves empty ones out", async () => {
    const { deliver, came } = await setUp({
      streamLabels: { r: "{{ .Reason }}", a: "b" },
      structuredMetadata: { t: "{{ .Type }}" },
    });
    await deliver("x", "y", "x", "");
    const [push] = came;
    expect(push?.path).toBe("/loki/api/v1/push");
    expect(
      push?.body.streams.map(({ stream, values }) => [stream, values.map(([, line, more]) => [line, more])]),
    ).toEqual([
      [
        { a: "b", r: "x" },
        [
          ['{"m":"message 0"}', { t: "Warning", event_id: "uid.0" }],
          ['{"m":"message 2"}', { t: "Warning", event_id: "uid.2" }],
        ],
      ],
      [{ a: "b", r: "y" }, [['{"m":"message 1"}', { t: "Warning", event_id: "uid.1" }]]],
      [{ a: "b" }, [['{"m":"message 3"}', { t: "Warning", event_id: "uid.3" }]]],
    ]);
  });

  test("without labels uses one of its own and says so", async () => {
    const { deliver, came, lines } = await setUp({ eventId: false, gzip: true });
    await deliver("x");
    expect(came[0]?.body.streams).toEqual([
      { stream: { source: "petrel" }, values: [["1795211118000000101", '{"m":"message 0"}']] },
    ]);
    expect(lines.join()).toContain('{source="petrel"}');
  });

  test("sends a push for each tenant, and says which events were refused", async () => {
    const refuse = ({ headers }: Got) =>
      headers.get("x-scope-orgid") === "b"
        ? new Response("no", { status: 429, headers: { "Retry-After": "7" } })
        : undefined;
    const { deliver, came } = await setUp({ tenant: "{{ .Reason }}", streamLabels: { a: "b" } }, false, refuse);
    const error = await refusalOf(deliver("a", "b", "a", "b"));
    expect(came.map(({ headers }) => headers.get("x-scope-orgid"))).toEqual(["a", "b"]);
    expect([error.reason as string, error.retryAfterMs, error.refused?.map(({ index }) => index)]).toEqual([
      "throttled",
      7_000,
      [1, 3],
    ]);
  });

  test("finds the bad event by halving what Loki answers 400 to", async () => {
    const bad = ({ body }: Got) =>
      JSON.stringify(body).includes("message 2") ? new Response("bad", { status: 400 }) : undefined;
    const { deliver, came } = await setUp({ streamLabels: { a: "b" } }, false, bad);
    const error = await refusalOf(deliver("x", "x", "x", "x"));
    expect(error.refused?.map(({ index, reason }) => [index, reason as string])).toEqual([[2, "rejected"]]);
    expect(came).toHaveLength(5);
  });

  test("uses its TLS settings, which the exporter read and forgot", async () => {
    const tls = { key: Bun.file(tlsFile("server.key")), cert: Bun.file(tlsFile("server.crt")) };
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response(null, { status: 204 }) });
    servers.push(server);
    const url = `https://127.0.0.1:${server.port}`;
    await (await setUp({ url, tls: { caFile: tlsFile("ca.crt") } })).deliver("x");
    await (await setUp({ url, tls: { insecureSkipVerify: true } })).deliver("x");
    for (const settings of [{ url }, { url, tls: { caFile: tlsFile("other-ca.crt") } }])
      expect(["network", "unauthorized"]).toContain((await refusalOf((await setUp(settings)).deliver("x"))).reason);
  });

  test("takes 260 for what it is: nothing was stored", async () => {
    const { deliver } = await setUp({}, false, () => new Response("blocked", { status: 260 }));
    expect((await refusalOf(deliver("x"))).reason).toBe("unavailable");
  });

  test("in compat sends what the exporter sent: literal labels, whole seconds of now, templates in headers", async () => {
    const settings = {
      streamLabels: { foo: "bar", t: "{{ .Type }}" },
      headers: { "X-Scope-OrgID": "ten-{{ .Reason }}", "X-Bad": "{{ .Nope }}" },
    };
    const { deliver, came, config } = await setUp(settings, true);
    expect(loki.limits?.(config, true).count).toBe(1);
    const before = Math.floor(Date.now() / 1000);
    await deliver("x");
    const [push] = came;
    const [time = "", ...line] = push?.body.streams[0]?.values[0] ?? [];
    expect([push?.path, push?.body.streams[0]?.stream, line]).toEqual([
      "/",
      { foo: "bar", t: "{{ .Type }}" },
      ['{"m":"message 0"}'],
    ]);
    expect(time).toMatch(/^\d{10}0{9}$/);
    expect(Number(time.slice(0, 10)) - before).toBeLessThan(2);
    expect([push?.headers.get("x-scope-orgid"), push?.headers.get("x-bad")]).toEqual(["ten-x", "{{ .Nope }}"]);
    const none = await setUp({}, true);
    await none.deliver("x");
    expect(none.came[0]?.body.streams[0]?.stream).toBeNull();
  });
});
