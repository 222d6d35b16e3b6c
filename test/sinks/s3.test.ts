import { expect, test } from "bun:test";
import s3 from "../../sinks/s3.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { CREDENTIALS } from "./aws-fake.ts";

async function setUp(answer: (path: string) => Response, settings: object = {}) {
  const puts: { path: string; type: string | null; encoding: string | null; body: string }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const encoding = request.headers.get("content-encoding");
      const bytes = await request.bytes();
      const body = Buffer.from(encoding === "gzip" ? Bun.gunzipSync(new Uint8Array(bytes)) : bytes).toString();
      const { pathname } = new URL(request.url);
      puts.push({ path: pathname, type: request.headers.get("content-type"), encoding, body });
      return answer(pathname);
    },
  });
  const config = s3.config(fields).parse({
    ...{ bucket: "b", region: "eu-central-1", credentials: CREDENTIALS, forcePathStyle: true },
    ...{ endpoint: `http://127.0.0.1:${server.port}`, layout: { m: "{{ .Message }}" }, prefix: "{{ .Reason }}/" },
    ...settings,
  });
  const { logger } = recordingLogger();
  const options = { receiver: "s", logger, compat: false, compileTemplate: compileSimple, env: {} };
  const sink = await s3.create(config, createSinkContext(options));
  const deliver = (...rows: [string, string][]) => {
    const batch = rows.map(([id, reason]) => anEvent({ id, reason, message: `m ${id}` })) as unknown as Batch;
    return sink.deliver(batch, AbortSignal.timeout(2_000));
  };
  const close = async () => {
    await sink[Symbol.asyncDispose]?.();
    await server.stop(true);
  };
  return { sink, deliver, puts, [Symbol.asyncDispose]: close };
}

test("s3: an object for each prefix, compressed, whose key a repeat has again and other events have not", async () => {
  await using to = await setUp(() => new Response());
  await to.deliver(["1", "A"], ["2", "B"], ["3", "A"]);
  await to.deliver(["1", "A"], ["2", "B"], ["3", "A"]);
  await to.deliver(["4", "A"]);
  expect(to.puts.map(({ body, encoding, type }) => [body, encoding, type])).toEqual(
    ['{"m":"m 1"}\n{"m":"m 3"}\n', '{"m":"m 2"}\n', '{"m":"m 1"}\n{"m":"m 3"}\n', '{"m":"m 2"}\n', '{"m":"m 4"}\n'].map(
      (body) => [body, "gzip", "application/x-ndjson"],
    ),
  );
  const paths = to.puts.map(({ path }) => path);
  expect(paths[0]).toMatch(/^\/b\/A\/2026\/11\/20\/21\/20261120T214518\.000Z-[0-9a-f]{16}\.ndjson\.gz$/);
  expect(paths.slice(2, 4)).toEqual(paths.slice(0, 2));
  expect(paths[4]).not.toBe(paths[0]);
});

test("s3: keys as eventrouter had them, which a repeat has again and other events have not", async () => {
  await using to = await setUp(() => new Response(), { keys: "eventrouter", gzip: false, prefix: "dir/" });
  for (const id of ["1", "2", "1"]) await to.deliver([id, "A"]);
  const [first, second, again] = to.puts;
  // The runner's zone is UTC, and the event of 2026-11-20T21:45:18Z.
  const seconds = Date.parse("2026-11-20T21:45:18Z") / 1_000;
  expect(first?.path).toMatch(new RegExp(`^/b/dir/2026/11/20/${seconds}\\d{9}\\.txt$`));
  expect(first?.type).toBe("text/plain; charset=utf-8");
  expect(second?.path).not.toBe(first?.path);
  expect(again).toEqual(first);
  await using packed = await setUp(() => new Response(), { keys: "eventrouter" });
  await packed.deliver(["1", "A"]);
  expect(packed.puts[0]?.path).toEndWith(".txt.gz");
});

test("s3: of two objects, only the events of the one that failed are refused", async () => {
  await using to = await setUp((path) => new Response("", { status: path.startsWith("/b/B/") ? 503 : 200 }));
  const { reason, refused } = await refusalOf(to.deliver(["1", "A"], ["2", "B"], ["3", "B"]));
  expect([reason as string, refused?.map((one) => [one.index, one.reason])]).toEqual([
    "unavailable",
    [
      [1, "unavailable"],
      [2, "unavailable"],
    ],
  ]);
});

test("s3: a check without the right to list says so; a bucket that is not there is refused", async () => {
  await using without = await setUp(() => new Response(null, { status: 403 }));
  expect(await without.sink.check?.(AbortSignal.timeout(2_000))).toContain("the right to HeadBucket is missing");
  await using absent = await setUp(() => new Response(null, { status: 404 }));
  const { reason } = await refusalOf(absent.sink.check?.(AbortSignal.timeout(2_000)) ?? Promise.resolve());
  expect(reason).toBe("not_found");
});
