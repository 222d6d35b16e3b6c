import { describe, expect, test } from "bun:test";
import { HttpSyntaxError, ResponseReader } from "../../src/wire/http-response.ts";

interface Row {
  readonly name: string;
  readonly method?: string;
  readonly bytes: string;
  readonly status: number;
  readonly body?: string;
  readonly reusable: boolean;
  /** The answer ends with the connection. */
  readonly atEnd?: true;
}

const rows: readonly Row[] = [
  {
    name: "length",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    status: 200,
    body: "hello",
    reusable: true,
  },
  { name: "no reason phrase", bytes: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", status: 200, reusable: true },
  {
    name: "bare line feeds",
    bytes: "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    status: 200,
    body: "hi",
    reusable: true,
  },
  {
    name: "equal lengths",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    status: 200,
    body: "hi",
    reusable: true,
  },
  {
    name: "chunks with extension and trailer",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-T: v\r\n\r\n",
    status: 200,
    body: "hello!",
    reusable: true,
  },
  {
    name: "chunks and length at once",
    bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    status: 200,
    body: "hi",
    reusable: false,
  },
  {
    name: "until close",
    bytes: "HTTP/1.1 500 Oops\r\n\r\nall of it",
    status: 500,
    body: "all of it",
    reusable: false,
    atEnd: true,
  },
  {
    name: "connection: close",
    bytes: "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nhi",
    status: 200,
    body: "hi",
    reusable: false,
  },
  {
    name: "HTTP/1.0",
    bytes: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    status: 200,
    body: "hi",
    reusable: false,
  },
  {
    name: "HTTP/1.0 kept",
    bytes: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    status: 200,
    body: "hi",
    reusable: true,
  },
  { name: "204", bytes: "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", status: 204, reusable: true },
  { name: "HEAD", method: "HEAD", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", status: 200, reusable: true },
  {
    name: "100 before",
    bytes:
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n!",
    status: 201,
    body: "!",
    reusable: true,
  },
  {
    name: "surplus",
    bytes: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n",
    status: 200,
    body: "hi",
    reusable: false,
  },
];

describe("an answer", () => {
  for (const { name, method = "POST", bytes, status, body = "", reusable, atEnd } of rows) {
    test(`${name}: whole, and cut at every byte, and byte by byte`, () => {
      const all = Buffer.from(bytes);
      const cuts = Array.from({ length: all.length - 1 }, (_, at) => [all.subarray(0, at + 1), all.subarray(at + 1)]);
      const single = Array.from(all, (_, at) => all.subarray(at, at + 1));
      for (const pieces of [[all], single, ...cuts]) {
        const reader = new ResponseReader(method);
        for (const piece of pieces) reader.push(Buffer.from(piece));
        expect(reader.done).toBe(atEnd === undefined);
        expect(reader.end()).toBe(true);
        expect([reader.status, reader.body().toString(), reader.reusable]).toEqual([status, body, reusable]);
      }
    });
  }

  test("joins repeated headers and knows them in lower case", () => {
    const reader = new ResponseReader("POST");
    reader.push(Buffer.from("HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:2 \r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"));
    expect([...reader.headers]).toEqual([
      ["x-a", "1, 2"],
      ["retry-after", "5"],
      ["content-length", "0"],
    ]);
  });

  for (const cut of [
    "HTTP/1.1 20",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  ]) {
    test(`is not whole when the connection ends after ${JSON.stringify(cut.slice(-12))}`, () => {
      const reader = new ResponseReader("POST");
      expect(reader.push(Buffer.from(cut))).toBe(false);
      expect(reader.end()).toBe(false);
    });
  }

  const malformed: readonly [string, string][] = [
    ["SSH-2.0-OpenSSH_9.2\r\n", "no HTTP answer"],
    ["\u0015\u0003\u0001\u0000\u0002", "no HTTP answer"],
    ["HTTP/2 200 OK\r\n\r\n", "a status line that is not HTTP/1"],
    ["HTTP/1.1 OK\r\n\r\n", "a status line that is not HTTP/1"],
    ["HTTP/1.1 101 Switching\r\n\r\n", "a change of protocol that nobody asked for"],
    ["HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "a line among the headers that is none"],
    ["HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", "a line among the headers that is none"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n", "a Content-Length that is no number"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "a Content-Length that is no number"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "a transfer coding other than chunked"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "a chunk size that is no number"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "a chunk that is longer than it says"],
    [
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(9_000)}`,
      "a chunk header of more than 8 KiB",
    ],
    [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`, "headers of more than 64 KiB"],
    [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}\r\n\r\n`, "headers of more than 64 KiB"],
    ["HTTP/1.1 100 Continue\r\n\r\n".repeat(3_000), "headers of more than 64 KiB"],
    [`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(16 * 1024 * 1024 + 1)}`, "a body of more than 16 MiB"],
  ];
  for (const [bytes, message] of malformed) {
    test(`that is ${message} is refused: ${JSON.stringify(bytes.slice(0, 40))}`, () => {
      expect(() => new ResponseReader("POST").push(Buffer.from(bytes))).toThrow(new HttpSyntaxError(message));
    });
  }
});
