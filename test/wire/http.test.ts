import { afterEach, describe, expect, test } from "bun:test";
import { gzipSync } from "bun";
import { createHttp, type Http, type HttpRequest, retryAfterMs } from "../../src/wire/http.ts";
import { refusalOf, refusalText, until } from "../contract.ts";
import { type RawAnswer, type RawServer, rawServer } from "./raw-server.ts";

const cleanup: Disposable[] = [];
afterEach(() => {
  for (const one of cleanup.splice(0)) one[Symbol.dispose]();
});

function serve(answer: (index: number) => RawAnswer): RawServer {
  const server = rawServer(answer);
  cleanup.push(server);
  return server;
}

function client(options?: Parameters<typeof createHttp>[0]): Http {
  const http = createHttp(options);
  cleanup.push(http);
  return http;
}

function post(port: number, change: Partial<HttpRequest> = {}): HttpRequest {
  const url = `http://127.0.0.1:${port}/hook`;
  return { method: "POST", url, headers: [], body: "{}", signal: AbortSignal.timeout(2_000), ...change };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("requests", () => {
  test("say what they must, in UTF-8, and no header value ends early", async () => {
    const server = serve(() => [OK]);
    const headers = [
      ["Content-Type", "text/x"],
      ["X-Evil", "a\r\nX-Injected: 1\nb\u0000"],
      ["X-Umlaut", "grün"],
      ["Content-Length", "999"],
      ["Connection", "close"],
    ] as const;
    const url = `http://us%40er:p%3Aw@127.0.0.1:${server.port}/a%20b/ü?q=1#fragment`;
    const { status, text } = await client().send(post(server.port, { url, headers, body: "täxt" }));
    expect([status, text]).toEqual([200, "ok"]);
    expect(server.requests[0]?.body).toBe("täxt");
    expect(Buffer.from(server.requests[0]?.head ?? "", "latin1").toString()).toBe(
      [
        "POST /a%20b/%C3%BC?q=1 HTTP/1.1",
        "Content-Type: text/x",
        "X-Evil: a X-Injected: 1 b",
        "X-Umlaut: grün",
        `Authorization: Basic ${btoa("us@er:p:w")}`,
        "User-Agent: petrel",
        `Host: 127.0.0.1:${server.port}`,
        "Accept-Encoding: identity",
        "Content-Length: 5",
      ].join("\r\n"),
    );
  });

  test("of megabytes arrive whole", async () => {
    const server = serve(() => [OK]);
    const body = Buffer.alloc(5_000_000, "0123456789");
    await client().send(post(server.port, { body: body.toString() }));
    await client().send(post(server.port, { body }));
    expect(server.requests.map((request) => Buffer.from(request.body).equals(body))).toEqual([true, true]);
  });

  test("with a forbidden header name or URL are the receiver's refusal", async () => {
    expect(await refusalText(client().send(post(1, { headers: [["X Y", "1"]] })))).toStartWith(
      "not_found: the header name",
    );
    expect(await refusalText(client().send(post(1, { url: "ftp://secret-host/" })))).toStartWith("not_found: the URL");
  });
});

describe("connections", () => {
  test("are kept, and opened again after Connection: close", async () => {
    const closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    const server = serve((index) => [index === 2 ? closing : OK]);
    const http = client();
    for (let i = 0; i < 5; i++) await http.send(post(server.port));
    expect(server.requests.map((request) => request.connection)).toEqual([0, 0, 0, 1, 1]);
  });

  test("are as many as requests at once", async () => {
    const server = serve(() => [OK]);
    const http = client();
    await Promise.all([1, 2, 3].map(() => http.send(post(server.port))));
    await Promise.all([1, 2, 3].map(() => http.send(post(server.port))));
    expect(server.connections.accepted).toBe(3);
  });

  test("that were closed while idle are noticed", async () => {
    const server = serve((index) => (index === 0 ? [OK, "close"] : [OK]));
    const http = client();
    await http.send(post(server.port));
    await until(() => server.connections.open === 0, "the server closed");
    // Rested, and busy with something else when the other side's farewell came.
    for (const end = performance.now() + 10; performance.now() < end; );
    await http.send(post(server.port));
    expect(server.requests.map((request) => request.connection)).toEqual([0, 1]);
  });

  for (const how of ["close", "reset"] as const) {
    test(`that are ${how} under a request that sends events: the server may have them, so nobody sends them unseen`, async () => {
      const server = serve((index) => (index === 1 ? [how] : [OK]));
      const http = client();
      await http.send(post(server.port));
      expect(await refusalText(http.send(post(server.port)))).toMatch(
        /^network: POST http:\/\/127\.0\.0\.1:\d+ lost a connection that was kept, before an answer/,
      );
      await http.send(post(server.port));
      expect(server.requests.map((request) => request.connection)).toEqual([0, 0, 1]);
    });

    test(`that are ${how} under a question before a byte of the answer are replaced once`, async () => {
      const server = serve((index) => (index === 1 || index >= 4 ? [how] : [OK]));
      const http = client();
      const ask = (): HttpRequest => ({ ...post(server.port), method: "GET" });
      for (let i = 0; i < 3; i++) await http.send(ask());
      expect(server.requests.map((request) => request.connection)).toEqual([0, 0, 1, 1]);
      expect(await refusalText(http.send(ask()))).toMatch(
        /^network: GET http:\/\/127\.0\.0\.1:\d+ lost the connection before an answer/,
      );
      expect(server.requests).toHaveLength(6);
    });
  }

  test("with bytes that nobody asked for are not used again", async () => {
    const late: RawAnswer = [OK, "HTTP/1.1 500 Poison\r\nContent-Length: 0\r\n\r\n"];
    const server = serve((index) => (index === 0 ? [`${OK}garbage`] : index === 1 ? late : [OK]));
    const http = client();
    for (let i = 0; i < 3; i++) {
      await http.send(post(server.port));
      await Bun.sleep(0);
    }
    expect(server.requests.map((request) => request.connection)).toEqual([0, 1, 2]);
  });

  test("are closed with the client", async () => {
    const server = serve(() => [OK]);
    const http = createHttp();
    await http.send(post(server.port));
    expect(server.connections.open).toBe(1);
    http[Symbol.dispose]();
    http[Symbol.dispose]();
    await until(() => server.connections.open === 0, "the client closed");
    await http.send(post(server.port));
    http[Symbol.dispose]();
  });
});

describe("answers", () => {
  const statuses: readonly [number, string][] = [
    [400, "rejected"],
    [401, "unauthorized"],
    [402, "quota"],
    [403, "unauthorized"],
    [404, "not_found"],
    [408, "timeout"],
    [413, "too_large"],
    [422, "rejected"],
    [429, "throttled"],
    [500, "unavailable"],
    [503, "unavailable"],
  ];
  for (const [status, reason] of statuses) {
    test(`${status} is ${reason}`, async () => {
      const server = serve(() => [`HTTP/1.1 ${status} X\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nwhy`]);
      const error = await refusalOf(client().send(post(server.port)));
      expect([error.reason as string, error.retryAfterMs, error.message]).toEqual([
        reason,
        7_000,
        `POST http://127.0.0.1:${server.port} answered ${status}: "why"`,
      ]);
    });
  }

  const waits: readonly [string | undefined, number | undefined][] = [
    [undefined, undefined],
    ["0", 0],
    ["120", 120_000],
    ["1.5", 1_500],
    ["86400", 3_600_000],
    ["Sat, 21 Nov 2026 10:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 09:00:00 GMT", 0],
    ["soon", undefined],
  ];
  for (const [value, expected] of waits) {
    test(`Retry-After: ${value} waits ${expected} ms`, () => {
      expect(retryAfterMs(value, Date.parse("2026-11-21T10:00:00Z"))).toBe(expected);
    });
  }

  test("are quoted in short, on one line, without what they echo of our secrets", async () => {
    const echo = `no /hook/T0KEN-PATH?key=T0KEN-QUERY for T0KEN-HEADER:\r\n\t${"x".repeat(10_000)}`;
    const server = serve(() => [`HTTP/1.1 400 Bad\r\nContent-Length: ${echo.length}\r\n\r\n${echo}`]);
    const url = `http://T0KEN-USER:T0KEN-PASS@127.0.0.1:${server.port}/hook/T0KEN-PATH?key=T0KEN-QUERY`;
    const headers = [["Authorization", "Bearer T0KEN-HEADER"]] as const;
    const error = await refusalOf(client().send(post(server.port, { url, headers })));
    expect(Bun.inspect(error)).not.toContain("T0KEN");
    expect(error.message).toContain('answered 400: "no [secret] for [secret]: xxx');
    expect(error.message.length).toBeLessThan(330);
  });

  test("mean what the request's judge says, and quote neither its secrets nor its credentials", async () => {
    const teapot = "HTTP/1.1 418 Teapot\r\nRetry-After: 2\r\nContent-Length: 30\r\n\r\nu:pass-word and b0dy-s3cret :)";
    const judged = (judge: NonNullable<HttpRequest["judge"]>, answer = OK) =>
      client().send(
        post(serve(() => [answer]).port, {
          ...{ judge, secrets: ["b0dy-s3cret"], headers: [["Authorization", `Basic ${btoa("u:pass-word")}`]] },
        }),
      );
    expect((await judged(() => "taken", teapot)).status).toBe(418);
    expect((await judged(() => [])).status).toBe(200);
    expect((await judged(() => undefined)).text).toBe("ok");
    expect(await refusalText(judged(() => undefined, teapot))).toMatch(/^rejected: .* answered 418/);
    const whole = await refusalOf(judged(() => "quota", teapot));
    expect([whole.reason as string, whole.retryAfterMs]).toEqual(["quota", 2_000]);
    expect(whole.message).toEndWith('answered 418: "u:[secret] and [secret] :)"');
    const refused = [{ index: 3, reason: "rejected", message: "b0dy-s3cret\nis bad" }] as const;
    const partly = await refusalOf(judged(() => refused));
    expect(partly.refused).toEqual([{ index: 3, reason: "rejected", message: "[secret] is bad" }]);
    expect(partly.message).toEndWith(': 1 refused, the first with "[secret] is bad"');
  });

  test("that are packed all the same are unpacked", async () => {
    const packed = Buffer.from(gzipSync("hello hello"));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
    const server = serve((index) => [
      index === 0 ? Buffer.concat([Buffer.from(head), packed]) : head,
      packed.subarray(0, 9),
    ]);
    expect((await client().send(post(server.port))).text).toBe("hello hello");
  });

  test("that come before the whole request are answers", async () => {
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open(socket) {
          socket.pause();
          socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        },
        data() {},
      },
    });
    const work = client().send(post(listener.port, { body: "x".repeat(20_000_000) }));
    expect((await refusalOf(work)).reason).toBe("too_large");
    listener.stop(true);
  });

  const broken: readonly [string, RawAnswer, string][] = [
    [
      "cut in the body",
      ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", "close"],
      "lost the connection in mid-answer",
    ],
    ["cut in the head", ["HTTP/1.1 200", "close"], "lost the connection in mid-answer"],
    ["closed without a word", ["close"], "lost the connection before an answer"],
    ["another protocol", ["220 mail.example ESMTP\r\n"], "answered with no HTTP answer"],
    ["endless headers", [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`], "answered with headers of more than 64 KiB"],
  ];
  for (const [name, answer, message] of broken) {
    test(`that are ${name} are network errors`, async () => {
      const server = serve(() => answer);
      const text = await refusalText(client().send(post(server.port)));
      expect(text).toStartWith(`network: POST http://127.0.0.1:${server.port} ${message}`);
      await until(() => server.connections.open === 0, "nothing is left open");
    });
  }

  test("that never come end with the signal", async () => {
    const server = serve(() => []);
    const stop = new AbortController();
    const work = client().send(post(server.port, { signal: stop.signal }));
    await until(() => server.requests.length === 1, "the request came");
    stop.abort();
    expect(await refusalText(work)).toEndWith("was stopped before an answer");
    await until(() => server.connections.open === 0, "the connection was closed");
    expect(await refusalText(client().send(post(server.port, { signal: AbortSignal.timeout(5) })))).toStartWith(
      "timeout: ",
    );
    expect(await refusalText(client().send(post(server.port, { signal: stop.signal })))).toStartWith("timeout: ");
  });

  test("of nobody: a refused connection", async () => {
    const server = rawServer(() => []);
    server[Symbol.dispose]();
    expect(await refusalText(client().send(post(server.port)))).toBe(
      `network: POST http://127.0.0.1:${server.port} got no connection (ECONNREFUSED)`,
    );
  });
});

describe("redirects", () => {
  const to = (status: number, location: string) =>
    `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;

  for (const status of [307, 308]) {
    test(`${status} on the same host keeps method and body`, async () => {
      const server = serve((index) => [index === 0 ? to(status, "/other?x=1") : OK]);
      await client().send(post(server.port, { body: "kept" }));
      expect(server.requests.map(({ head, body }) => [head.split("\r\n")[0], body])).toEqual([
        ["POST /hook HTTP/1.1", "kept"],
        ["POST /other?x=1 HTTP/1.1", "kept"],
      ]);
    });
  }

  test("in a circle end", async () => {
    const server = serve(() => [to(307, "/again")]);
    expect(await refusalText(client().send(post(server.port)))).toEndWith("was redirected more than 3 times");
    expect(server.requests).toHaveLength(4);
  });

  const refused: readonly [number, string, string][] = [
    [301, "/new/T0KEN", "moved to another path of the same host"],
    [302, "https://login.example.com/T0KEN", "moved to https://login.example.com"],
    [303, "/done", "moved to another path of the same host"],
    [307, "http://other.example.com/T0KEN", "moved to http://other.example.com"],
    [308, "http://", "moved to nowhere"],
  ];
  for (const [status, location, message] of refused) {
    test(`${status} to ${location} is told, not followed`, async () => {
      const server = serve(() => [to(status, location)]);
      const text = await refusalText(client().send(post(server.port)));
      expect(text).toStartWith("not_found: ");
      expect(text).toContain(`answered ${status}: ${message}; put the new URL into the config`);
      expect(text).not.toContain("T0KEN");
      expect(server.requests).toHaveLength(1);
    });
  }
});

describe("proxies", () => {
  test("of the receiver get the whole URL", async () => {
    const server = serve(() => [OK]);
    const http = client({ proxy: () => `http://user:pass@127.0.0.1:${server.port}` });
    const { text } = await http.send(
      post(0, { url: "http://events.invalid/hook", headers: [["X-A", "ü"]], body: "via" }),
    );
    expect(text).toBe("ok");
    const [request] = server.requests;
    expect(request?.head).toStartWith("POST http://events.invalid/hook HTTP/1.1\r\n");
    expect(request?.head).toContain(`Proxy-Authorization: Basic ${btoa("user:pass")}`);
    expect(request?.head).toContain(`X-A: ${Buffer.from("ü").toString("latin1")}`);
    expect(request?.body).toBe("via");
  });

  test("of the environment are used, but not for loopback and NO_PROXY", async () => {
    const server = serve(() => [OK]);
    const before = { HTTP_PROXY: process.env.HTTP_PROXY, NO_PROXY: process.env.NO_PROXY };
    try {
      Object.assign(process.env, { HTTP_PROXY: `http://127.0.0.1:${server.port}`, NO_PROXY: "direct.invalid" });
      await client().send(post(0, { url: "http://events.invalid/hook" }));
      await client().send(post(server.port));
      const direct = client().send(post(0, { url: "http://direct.invalid/hook" }));
      expect((await refusalOf(direct)).reason).toBe("network");
      expect(server.requests.map(({ head }) => head.split("\r\n")[0])).toEqual([
        "POST http://events.invalid/hook HTTP/1.1",
        "POST /hook HTTP/1.1",
      ]);
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  test("that are down or refuse are told without the URL", async () => {
    const server = rawServer(() => []);
    server[Symbol.dispose]();
    const http = client({ proxy: () => `http://u:T0KEN-PASS@127.0.0.1:${server.port}` });
    const error = await refusalOf(http.send(post(0, { url: "http://events.invalid/T0KEN-PATH" })));
    expect(error.reason).toBe("network");
    expect(Bun.inspect(error)).not.toContain("T0KEN");
    const stopped = http.send(post(0, { url: "http://events.invalid/", signal: AbortSignal.abort() }));
    expect((await refusalOf(stopped)).reason).toBe("timeout");
  });
});
