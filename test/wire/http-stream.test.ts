/** What the API server's streams rest on: pieces in order, a reader that may take its time, and every way to end. */
import { expect, test } from "bun:test";
import { ConnectionError, createStreams, type HttpStream } from "../../src/wire/http-stream.ts";
import { type RawAnswer, rawServer } from "./raw-server.ts";

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const soon = () => AbortSignal.timeout(2_000);

async function opened(answer: RawAnswer, signal = soon()): Promise<{ stream: HttpStream; [Symbol.dispose](): void }> {
  const server = rawServer(() => answer);
  const url = new URL(`http://127.0.0.1:${server.port}/x?y=1`);
  const stream = await createStreams().send({ url, headers: { a: "b" }, tls: undefined, signal });
  return { stream, [Symbol.dispose]: () => server[Symbol.dispose]() };
}

async function textOf(stream: HttpStream): Promise<string> {
  let text = "";
  await stream.read((bytes) => {
    text += Buffer.from(bytes).toString();
    return undefined;
  });
  return text;
}

const whole: readonly [string, RawAnswer, string][] = [
  ["chunks", [CHUNKED, "3\r\none\r\n", "3\r\ntwo\r", "\n0\r\n\r\n"], "onetwo"],
  ["a length", ["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none", "two"], "onetwo"],
  ["the end of the connection", ["HTTP/1.1 200 OK\r\n\r\none", "two", "close"], "onetwo"],
  ["nothing", ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], ""],
];
test.each(whole)("a body that ends by %s", async (_, answer, wanted) => {
  using made = await opened(answer);
  expect(await textOf(made.stream)).toBe(wanted);
});

test("a reader that takes its time gets one piece after the other, and none is lost", async () => {
  using made = await opened([CHUNKED, ..."abcdefgh".split("").map((one) => `1\r\n${one}\r\n`), "0\r\n\r\n"]);
  let text = "";
  let busy = false;
  await made.stream.read(async (bytes) => {
    expect(busy).toBe(false);
    busy = true;
    text += Buffer.from(bytes).toString();
    await new Promise((resolve) => setImmediate(resolve));
    busy = false;
  });
  expect(text).toBe("abcdefgh");
});

test("what the reader throws is what it gets, at once or later", async () => {
  const failure = new Error("no more");
  for (const take of [
    () => {
      throw failure;
    },
    () => Promise.reject(failure),
  ]) {
    using made = await opened([CHUNKED, "3\r\none\r\n"]);
    expect(await made.stream.read(take).catch((error: unknown) => error)).toBe(failure);
  }
});

const broken: readonly [string, RawAnswer, string][] = [
  ["a cut in the middle", [CHUNKED, "3\r\none\r\n", "reset"], "ECONNRESET"],
  ["an end before the last chunk", [CHUNKED, "3\r\none\r\n", "close"], "ECONNRESET"],
  ["a chunk that is none", [CHUNKED, "zz\r\n"], "it answered with a chunk size that is no number"],
];
test.each(broken)("%s is an error of the connection", async (_, answer, words) => {
  // It may come so early that there is no head to give.
  const error = await (async () => {
    using made = await opened(answer);
    return await textOf(made.stream);
  })().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConnectionError);
  expect((error as ConnectionError).message).toBe(words);
});

test("the signal ends the body with its reason", async () => {
  const control = new AbortController();
  using made = await opened([CHUNKED, "3\r\none\r\n"], control.signal);
  const reason = new Error("stop");
  const rest = textOf(made.stream).catch((thrown: unknown) => thrown);
  control.abort(reason);
  expect(await rest).toBe(reason);
});

test("a header value cannot end the header", async () => {
  using server = rawServer(() => ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
  const url = new URL(`http://127.0.0.1:${server.port}/`);
  const headers = { a: "b\r\nc: d" };
  const error = await createStreams()
    .send({ url, headers, tls: undefined, signal: soon() })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConnectionError);
  expect(server.connections.accepted).toBe(0);
});
