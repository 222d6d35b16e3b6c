import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "bun";
import webhook from "../../sinks/webhook.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalText } from "../contract.ts";
import { type RawServer, rawServer } from "../wire/raw-server.ts";

const servers: RawServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server[Symbol.dispose]();
});

async function setUp(settings: object, compat = false) {
  const server = rawServer(() => ["HTTP/1.1 204 No Content\r\n\r\n"]);
  servers.push(server);
  const { logger, lines } = recordingLogger();
  const options = { receiver: "w", logger, compat, compileTemplate: compileSimple, env: {} };
  const config = webhook.config(fields).parse({ endpoint: `http://127.0.0.1:${server.port}/wh`, ...settings });
  const sink = await webhook.create(config, createSinkContext(options));
  const send = async (...ids: string[]) => {
    const batch = ids.map((id) => anEvent({ id, message: `message ${id}` })) as unknown as Batch;
    await sink.deliver(batch, AbortSignal.timeout(1_000));
    return { ...server.requests.at(-1), head: server.requests.at(-1)?.head.split("\r\n") ?? [] };
  };
  return { sink, send, config, lines };
}

const layout = { id: "{{ .Id }}" };

describe("webhook", () => {
  test("sends a batch as an array or as lines, if asked, and single events otherwise", async () => {
    const array = await (await setUp({ layout, batch: { format: "array" } })).send("a", "b");
    expect([array.body, array.head.includes("Content-Type: application/json")]).toEqual([
      '[{"id":"a"},{"id":"b"}]',
      true,
    ]);
    const lines = await (await setUp({ layout, batch: { format: "ndjson" } })).send("a", "b");
    expect([lines.body, lines.head.includes("Content-Type: application/x-ndjson")]).toEqual([
      '{"id":"a"}\n{"id":"b"}\n',
      true,
    ]);
    expect([...array.head, ...lines.head].join()).not.toContain("Idempotency-Key");
    const { config } = await setUp({ batch: { format: "array" } });
    expect(webhook.limits?.(config).count).toBe(1_000);
    expect(webhook.limits?.((await setUp({})).config).count).toBe(1);
  });

  test("says who it is, with what a file holds now", async () => {
    const folder = mkdtempSync(join(tmpdir(), "petrel-webhook-"));
    const file = join(folder, "token");
    try {
      writeFileSync(file, "t0ken\n");
      const { send, sink } = await setUp({ bearerToken: { file } });
      expect((await send("a")).head).toContain("Authorization: Bearer t0ken");
      expect(JSON.stringify(sink.render([anEvent()]))).not.toContain("t0ken");
      const basic = await setUp({ username: "alice", password: "hunter2" });
      expect((await basic.send("a")).head).toContain(`Authorization: Basic ${btoa("alice:hunter2")}`);
      const own = await setUp({ bearerToken: "t0ken", headers: { authorization: "Custom" } });
      expect((await own.send("a")).head.filter((line) => /^authorization/i.test(line))).toEqual([
        "authorization: Custom",
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("compresses, and uses another method", async () => {
    const received: unknown[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const body = new TextDecoder().decode(gunzipSync(await request.arrayBuffer()));
        received.push(request.method, request.headers.get("content-encoding"), body);
        return new Response();
      },
    });
    const endpoint = `http://127.0.0.1:${server.port}/`;
    const { sink } = await setUp({ layout, gzip: true, method: "PUT", endpoint });
    await sink.deliver([anEvent({ id: "a" })], AbortSignal.timeout(1_000));
    expect(received).toEqual(["PUT", "gzip", '{"id":"a"}']);
    await server.stop(true);
  });

  test("puts the user's headers in place of its own", async () => {
    const headers = { "content-type": "text/x", "Idempotency-Key": "{{ .Reason }}", "X-A": "{{ .Message }}" };
    const { head } = await (await setUp({ headers })).send("a");
    expect(head.filter((line) => /^(content-type|idempotency-key|x-a):/i.test(line))).toEqual([
      "content-type: text/x",
      "Idempotency-Key: BackOff",
      "X-A: message a",
    ]);
  });

  test("in compat adds them instead, and sends the text of a template that fails", async () => {
    const headers = { "Content-Type": "text/x", "X-Bad": "{{ .Nope }}" };
    const { head } = await (await setUp({ headers }, true)).send("a");
    expect(head.filter((line) => /^(content-type|x-bad):/i.test(line))).toEqual([
      "Content-Type: application/json",
      "Content-Type: text/x",
      "X-Bad: {{ .Nope }}",
    ]);
    const { send } = await setUp({ headers });
    expect(await refusalText(send("a"))).toStartWith("template: ");
  });

  test("says loudly that it verifies nothing", async () => {
    const { lines } = await setUp({ tls: { insecureSkipVerify: true } });
    expect(lines).toEqual(["warn certificates are not verified: tls.insecureSkipVerify is set {}"]);
  });
});
