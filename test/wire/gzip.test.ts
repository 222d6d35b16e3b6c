import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { gzipped } from "../../src/wire/gzip.ts";
import { createHttp } from "../../src/wire/http.ts";

const textOf = (packed: Uint8Array) => gunzipSync(packed).toString();

test("a small body is compressed at once, a large one beside the event loop", async () => {
  const small = gzipped("Häufig: ".repeat(10));
  expect(small).toBeInstanceOf(Uint8Array);
  expect(textOf(await small)).toBe("Häufig: ".repeat(10));

  // Nothing in it is there twice as far as gzip sees, so that it takes a while.
  const large = Buffer.from(crypto.getRandomValues(new Uint8Array(64 * 1024)))
    .toString("hex")
    .repeat(80);
  const packing = gzipped(large);
  expect(packing).toBeInstanceOf(Promise);
  // It is at work, and the loop turns all the same.
  const first = await Promise.race([packing, new Promise((resolve) => setImmediate(() => resolve("the loop")))]);
  expect(first).toBe("the loop");
  expect(textOf(await packing)).toBe(large);
});

test("a request says that its body is compressed, and one without a body says nothing", async () => {
  const seen: unknown[] = [];
  await using server = Bun.serve({
    port: 0,
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer());
      const coding = request.headers.get("content-encoding");
      seen.push([coding, coding === "gzip" ? textOf(body) : body.toString(), request.headers.get("content-length")]);
      return new Response("");
    },
  });
  using http = createHttp({ direct: true });
  const url = `http://127.0.0.1:${server.port}/`;
  const signal = AbortSignal.timeout(5_000);
  const body = "x".repeat(100_000);
  await http.send({ method: "POST", url, headers: [], body: "a", gzip: true, signal });
  await http.send({ method: "POST", url, headers: [], body, gzip: true, signal });
  await http.send({ method: "POST", url, headers: [], body: Buffer.from(body), gzip: true, signal });
  await http.send({ method: "POST", url, headers: [], body: "", gzip: true, signal });
  await http.send({ method: "GET", url, headers: [], gzip: true, signal });
  const length = expect.stringMatching(/^\d{2,3}$/);
  expect(seen).toEqual([
    ["gzip", "a", length],
    ["gzip", body, length],
    ["gzip", body, length],
    [null, "", "0"],
    [null, "", null],
  ]);
});
