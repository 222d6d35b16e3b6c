import { afterEach, describe, expect, test } from "bun:test";
import elasticsearch from "../../sinks/elasticsearch.ts";
import opensearch from "../../sinks/opensearch.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { type RawServer, rawServer } from "./raw-server.ts";

const servers: RawServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server[Symbol.dispose]();
});

const reply = (value: unknown, status = "200 OK") => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};

function aServer(answer: unknown = { errors: false }): RawServer {
  const server = rawServer(() => [reply(answer)]);
  servers.push(server);
  return server;
}

const LAYOUT = { m: "{{ .Message }}" };

async function setUp(
  sink: typeof elasticsearch | typeof opensearch,
  settings: object,
  options: { compat?: boolean; answer?: unknown } = {},
) {
  const server = aServer(options.answer);
  const { logger, lines } = recordingLogger();
  const context = createSinkContext({
    ...{ receiver: "b", logger, compat: options.compat ?? false, compileTemplate: compileSimple, env: {} },
  });
  const config = sink
    .config(fields)
    .parse({ hosts: [`http://127.0.0.1:${server.port}/`], layout: LAYOUT, ...settings });
  const made = await sink.create(config as never, context);
  const deliver = (...messages: string[]) => {
    const events = messages.map((message, index) => anEvent({ id: `uid.${index}`, message }));
    return made.deliver(events as unknown as Batch, AbortSignal.timeout(1_000));
  };
  const lastBody = () =>
    (server.requests.at(-1)?.body ?? "")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { server, deliver, lastBody, lines, made };
}

describe("bulk", () => {
  test("writes versions as they are, however long, and none that is no plain number", async () => {
    const { made, server } = await setUp(elasticsearch, { useEventID: true });
    const versions = ["9007199254740993", "0", "007", "12a", "1".repeat(19)];
    const events = versions.map((resourceVersion) => anEvent({ metadata: { uid: 'u"1', resourceVersion } }));
    await made.deliver(events as unknown as Batch, AbortSignal.timeout(1_000));
    const actions = (server.requests[0]?.body ?? "").split("\n").filter((line) => line.startsWith('{"index"'));
    const start = '{"index":{"_index":"kube-events","_id":"u\\"1"';
    expect(actions).toEqual([
      `${start},"version":9007199254740993,"version_type":"external"}}`,
      `${start},"version":0,"version_type":"external"}}`,
      ...[`${start}}}`, `${start}}}`, `${start}}}`],
    ]);
  });

  const documents: readonly [string, object, unknown[]][] = [
    ["creates a document per state", {}, [{ create: { _index: "kube-events", _id: "uid.0" } }, { m: "x" }]],
    [
      "puts a time into the index, in several places",
      { indexFormat: "k-{2006}.{01}" },
      [{ create: { _index: "k-2026.11", _id: "uid.0" } }, { m: "x" }],
    ],
    ["renders the index", { index: "k-{{ .Type }}" }, [{ create: { _index: "k-Warning", _id: "uid.0" } }, { m: "x" }]],
    [
      "keeps the newest state of an event, by its version, in the index of its beginning",
      { useEventID: true, indexFormat: "k-{15:04}" },
      [{ index: { _index: "k-21:44", _id: "ba30f343-3351", version: 101, version_type: "external" } }, { m: "x" }],
    ],
    [
      "stamps what goes into a data stream",
      { dataStream: true },
      [{ create: { _index: "kube-events", _id: "uid.0" } }, { "@timestamp": "2026-11-20T21:45:18Z", m: "x" }],
    ],
    [
      "leaves a layout's own stamp alone, and ids out",
      { dataStream: true, documentId: "none", layout: { "@timestamp": "t" } },
      [{ create: { _index: "kube-events" } }, { "@timestamp": "t" }],
    ],
    [
      "has a type for old servers",
      { type: "_doc" },
      [{ create: { _index: "kube-events", _type: "_doc", _id: "uid.0" } }, { m: "x" }],
    ],
  ];
  for (const [name, settings, expected] of documents) {
    test(name, async () => {
      const { deliver, lastBody } = await setUp(elasticsearch, settings);
      await deliver("x");
      expect(lastBody()).toEqual(expected);
    });
  }

  test("says of each document what became of it", async () => {
    const error = (type: string, reason = "why") => ({ error: { type, reason } });
    const rows: readonly [number, object, string | undefined][] = [
      [201, {}, undefined],
      [409, error("version_conflict_engine_exception"), undefined],
      [400, error("mapper_parsing_exception"), "rejected"],
      [429, error("es_rejected_execution_exception"), "throttled"],
      [403, error("cluster_block_exception"), "unavailable"],
      [403, error("security_exception"), "unauthorized"],
      [404, error("index_not_found_exception"), "not_found"],
      [503, error("unavailable_shards_exception"), "unavailable"],
      [
        400,
        error("illegal_argument_exception", "only write ops with an op_type of create are allowed in data streams"),
        "not_found",
      ],
      [
        400,
        error("illegal_argument_exception", "Document ID is not supported in create/index operation request"),
        "not_found",
      ],
    ];
    const items = rows.map(([status, more]) => ({ create: { status, ...more } }));
    const { deliver } = await setUp(opensearch, {}, { answer: { errors: true, items } });
    const { refused } = await refusalOf(deliver(...rows.map((_, index) => `m${index}`)));
    const expected = rows.flatMap(([, , reason], index) => (reason ? [[index, reason]] : []));
    expect(refused?.map(({ index, reason }) => [index, reason as string])).toEqual(expected as [number, string][]);
    expect(refused?.[0]?.message).toBe("400 mapper_parsing_exception: why");
    expect(refused?.at(-1)?.message).toEndWith("set documentId: none");
  });

  test("takes nothing else for an answer", async () => {
    for (const answer of ["<html>log in</html>", "[]", { errors: true, items: [] }, {}]) {
      const { deliver } = await setUp(elasticsearch, {}, { answer });
      expect((await refusalOf(deliver("x"))).reason).toBe("unavailable");
    }
  });

  test("goes to the next host when one is gone, and in turns otherwise", async () => {
    const other = aServer();
    const gone = aServer();
    gone[Symbol.dispose]();
    const { deliver, server } = await setUp(elasticsearch, {
      hosts: [gone, other, gone].map(({ port }) => `http://127.0.0.1:${port}`),
    });
    await deliver("x");
    await deliver("y");
    expect([server.requests.length, other.requests.length]).toEqual([0, 2]);
    const { deliver: none } = await setUp(elasticsearch, { hosts: [`http://127.0.0.1:${gone.port}`] });
    expect((await refusalOf(none("x"))).reason).toBe("network");
  });

  test("says who it is", async () => {
    const seen = async (sink: typeof elasticsearch | typeof opensearch, settings: object, compat = false) => {
      const { deliver, server } = await setUp(sink, settings, { compat });
      await deliver("x");
      return /^authorization: (.*)$/im.exec(server.requests[0]?.head ?? "")?.[1];
    };
    expect(await seen(elasticsearch, { username: "u", password: "p" })).toBe("Basic dTpw");
    expect(await seen(elasticsearch, { apiKey: "id:key", username: "u" })).toBe("ApiKey aWQ6a2V5");
    expect(await seen(elasticsearch, { apiKey: "aWQ6a2V5" })).toBe("ApiKey aWQ6a2V5");
    expect(await seen(elasticsearch, { apiKey: "aWQ6a2V5" }, true)).toBe("APIKey aWQ6a2V5");
    expect(await seen(elasticsearch, { bearerToken: "t" })).toBe("Bearer t");
    process.env.AWS_ACCESS_KEY_ID = "AKID";
    process.env.AWS_SECRET_ACCESS_KEY = "secret";
    expect(await seen(opensearch, { aws: { region: "eu-west-1" } })).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/es\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
  });

  test("check takes a key that may only write for good, and a wrong one for bad", async () => {
    for (const [status, reason] of [
      ["403 Forbidden", undefined],
      ["401 Unauthorized", "unauthorized"],
      ["200 OK", undefined],
    ] as const) {
      const server = rawServer(() => [reply("", status)]);
      servers.push(server);
      const { made } = await setUp(elasticsearch, { hosts: [`http://127.0.0.1:${server.port}`] });
      const work = made.check?.(AbortSignal.timeout(1_000)) ?? Promise.resolve();
      if (reason) expect((await refusalOf(work)).reason).toBe(reason);
      else await work;
    }
  });

  test("finds a deployment in Elastic's cloud by its ID", async () => {
    const id = `prod:${Buffer.from("eu.aws.example$abc123$def").toString("base64")}`;
    const { made } = await setUp(elasticsearch, { cloudID: id, proxy: "http://127.0.0.1:1" });
    expect((await refusalOf(made.deliver([anEvent()], AbortSignal.timeout(1_000)))).message).toStartWith(
      "POST https://abc123.eu.aws.example failed",
    );
    expect(setUp(elasticsearch, { cloudID: "..." })).rejects.toThrow("elasticsearch.cloudID is not one");
  });
});
