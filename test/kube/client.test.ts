import { describe, expect, test } from "bun:test";
import { type ApiClient, ApiError, type ApiStream, createApiClient } from "../../src/kube/client.ts";
import { type Credentials, openServer, type RequestAuth } from "../../src/kube/credentials.ts";
import { CredentialsError } from "../../src/kube/credentials-error.ts";
import { countingMetrics, pem, serveApi } from "./api-server.ts";

function credentialsFor(server: string, auth: Partial<RequestAuth> = {}): Credentials {
  const whole: RequestAuth = { headers: {}, tls: { ca: pem("ca.crt") }, proxy: undefined, ...auth };
  return { ...openServer(server), request: async () => whole };
}

function clientFor(server: string, auth?: Partial<RequestAuth>): ApiClient {
  return createApiClient(credentialsFor(server, auth), { userAgent: "petrel/test" });
}

/** The first piece of a body, and how the rest of it ends. */
async function firstPiece(stream: ApiStream): Promise<{ readonly text: string; readonly rest: Promise<void> }> {
  const first = Promise.withResolvers<string>();
  const rest = stream.read((bytes) => {
    first.resolve(Buffer.from(bytes).toString());
    return undefined;
  });
  rest.catch(() => {});
  return { text: await first.promise, rest };
}

async function errorOf(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApiError)) throw new Error(`wanted an ApiError, got ${Bun.inspect(error)}`);
  return error;
}

const STATUS = {
  kind: "Status",
  reason: "Forbidden",
  message: 'events is forbidden: User "u" cannot list resource "events"',
  code: 403,
};

test("sends path, query and headers, and gives the JSON", async () => {
  using server = serveApi(() => Response.json({ kind: "EventList", items: [] }));
  const client = clientFor(`${server.url}/k8s/clusters/c-1`, { headers: { authorization: "Bearer t" } });
  const answer = await client.json("/api/v1/events", {
    verb: "list",
    query: { limit: 500, continue: "a+b/c=", fieldSelector: undefined, watch: false },
    accept: "application/json;v=1",
  });
  expect(answer).toEqual({ kind: "EventList", items: [] });
  const [seen] = server.requests;
  expect(seen?.line).toBe("GET /k8s/clusters/c-1/api/v1/events?limit=500&continue=a%2Bb%2Fc%3D&watch=false");
  expect(Object.fromEntries(seen?.headers ?? [])).toMatchObject({
    accept: "application/json;v=1",
    "accept-encoding": "identity",
    authorization: "Bearer t",
    "user-agent": "petrel/test",
  });
});

test("writes with the method and type of their verb, over the same connection, and errors name them", async () => {
  const bodies: string[] = [];
  using server = serveApi(async (request, url) => {
    bodies.push(await request.text());
    return url.pathname === "/bad" ? Response.json(STATUS, { status: 409 }) : Response.json({ done: true });
  });
  const client = clientFor(server.url);
  const body = { text: "grüße", big: "x".repeat(300_000) };
  for (const verb of ["create", "update", "patch"] as const) {
    expect(await client.json("/good", { verb, body })).toEqual({ done: true });
  }
  expect(await client.json("/good", { verb: "get" })).toEqual({ done: true });
  const error = await errorOf(client.json("/bad", { verb: "update", body: 1 }));
  expect(error.message).toStartWith("PUT /bad: HTTP 409: ");
  expect(error.status).toBe(409);
  expect(server.requests.map(({ line, headers }) => `${line} ${headers.get("content-type")}`)).toEqual([
    "POST /good application/json",
    "PUT /good application/json",
    "PATCH /good application/merge-patch+json",
    "GET /good null",
    "PUT /bad application/json",
  ]);
  expect(bodies).toEqual([...Array(3).fill(JSON.stringify(body)), "", "1"]);
  expect(server.connections()).toBe(1);
});

test("writes through a proxy too", async () => {
  using server = serveApi(async (request) => Response.json({ got: await request.json() }), { plain: true });
  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      fetch(request.url, { method: request.method, body: request.body, headers: request.headers, proxy: "" }),
  });
  try {
    const client = clientFor(server.url, { tls: undefined, proxy: `http://127.0.0.1:${proxy.port}` });
    expect(await client.json("/x", { verb: "update", body: { a: 1 } })).toEqual({ got: { a: 1 } });
    expect(server.requests[0]?.line).toBe("PUT /x");
    client.close();
  } finally {
    await proxy.stop(true);
  }
});

test("one connection serves many requests, and errors do not cost it", async () => {
  using server = serveApi((_, url) =>
    url.pathname === "/bad" ? Response.json(STATUS, { status: 403 }) : Response.json({}),
  );
  const client = clientFor(server.url);
  for (let i = 0; i < 20; i++) {
    await client.json("/good", { verb: "get" });
    await errorOf(client.json("/bad", { verb: "get" }));
  }
  expect(server.requests.length).toBe(40);
  expect(server.connections()).toBe(1);
});

test("two clients share no connection, so no certificate is lent", async () => {
  using server = serveApi(() => Response.json({}), { clientCa: pem("ca.crt") });
  const trusted = clientFor(server.url, {
    tls: { ca: pem("ca.crt"), cert: pem("client.crt"), key: pem("client.key") },
  });
  await trusted.json("/", { verb: "get" });
  expect((await errorOf(clientFor(server.url).json("/", { verb: "get" }))).kind).toBe("network");
  await trusted.json("/", { verb: "get" });
  expect(server.connections()).toBe(1);
});

test("a stream is read piece by piece and ends with close()", async () => {
  const gone = Promise.withResolvers<void>();
  using server = serveApi(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue("one\n"),
          cancel: () => gone.resolve(),
        }),
      ),
  );
  const stream = await clientFor(server.url).stream("/watch", { verb: "watch", timeoutMs: 20_000 });
  expect((await firstPiece(stream)).text).toBe("one\n");
  stream.close();
  stream.close();
  await gone.promise;
});

test("the signal ends a stream and a waiting request with its own reason", async () => {
  using server = serveApi((_, url) =>
    url.pathname === "/hang"
      ? new Promise<Response>(() => {})
      : new Response(new ReadableStream({ start: (controller) => controller.enqueue("one\n") })),
  );
  const client = clientFor(server.url);
  const control = new AbortController();
  const stream = await client.stream("/watch", { verb: "watch", signal: control.signal });
  const { rest } = await firstPiece(stream);
  const hanging = client.json("/hang", { verb: "get", signal: control.signal });
  const reason = new Error("stop");
  control.abort(reason);
  expect(await hanging.catch((error: unknown) => error)).toBe(reason);
  expect(await rest.catch((error: unknown) => error)).toBe(reason);
  stream.close();
});

test("silence is a timeout, before the head and in the body", async () => {
  using server = serveApi((_, url) =>
    url.pathname === "/hang"
      ? new Promise<Response>(() => {})
      : new Response(new ReadableStream({ start: (controller) => controller.enqueue("{") })),
  );
  const { metrics, values } = countingMetrics();
  const client = createApiClient(credentialsFor(server.url), { userAgent: "t", metrics });
  for (const path of ["/hang", "/half"]) {
    const error = await errorOf(client.json(path, { verb: "get", timeoutMs: 50 }));
    expect(error).toMatchObject({ kind: "timeout", retryable: true });
    expect(error.message).toBe(`no answer to ${path} from ${server.url} in 0.05 s`);
  }
  expect(values()).toMatchObject({ 'petrel_kube_api_requests_total{verb="get",code="timeout"}': 2 });
});

describe("statuses", () => {
  const rows: [number, Record<string, string>, object | string, Partial<ApiError>][] = [
    [403, {}, STATUS, { reason: "Forbidden", retryable: false, message: `GET /x: HTTP 403: ${STATUS.message}` }],
    [
      404,
      {},
      { kind: "Status", reason: "NotFound", message: "pods not found" },
      { reason: "NotFound", retryable: false },
    ],
    [410, {}, { kind: "Status", reason: "Expired", message: "too old" }, { reason: "Expired", retryable: false }],
    [429, { "retry-after": "7" }, "", { retryAfterMs: 7000, retryable: true, message: "GET /x: HTTP 429" }],
    [429, {}, { kind: "Status", details: { retryAfterSeconds: 2 } }, { retryAfterMs: 2000, retryable: true }],
    [503, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, "<html>", { retryAfterMs: 0, retryable: true }],
    [
      500,
      {},
      `{"kind":"Status","message":"${"x".repeat(2000)}"}`,
      { message: `GET /x: HTTP 500: ${"x".repeat(500)}…` },
    ],
    [302, { location: "https://elsewhere.test/" }, "", { retryable: false, status: 302 }],
  ];
  for (const [status, headers, body, wanted] of rows) {
    test(`${status} ${JSON.stringify(headers)}`, async () => {
      using server = serveApi(
        () => new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }),
      );
      expect(await errorOf(clientFor(server.url).json("/x", { verb: "get" }))).toMatchObject({
        kind: "status",
        status,
        ...wanted,
      });
    });
  }
});

test("after a 401 the credentials are made anew, once", async () => {
  let token = "old";
  using server = serveApi((request) =>
    request.headers.get("authorization") === "Bearer new"
      ? Response.json({ ok: true })
      : Response.json({ kind: "Status", reason: "Unauthorized", message: "Unauthorized" }, { status: 401 }),
  );
  const invalidated: string[] = [];
  const credentials = (next: string): Credentials => ({
    ...openServer(server.url),
    request: async () => ({
      headers: { authorization: `Bearer ${token}` },
      tls: { ca: pem("ca.crt") },
      proxy: undefined,
    }),
    invalidate() {
      invalidated.push(token);
      token = next;
    },
  });
  const client = createApiClient(credentials("new"), { userAgent: "t" });
  expect(await client.json("/x", { verb: "get" })).toEqual({ ok: true });
  expect(invalidated).toEqual(["old"]);

  token = "old";
  const error = await errorOf(createApiClient(credentials("older"), { userAgent: "t" }).json("/x", { verb: "get" }));
  expect(error).toMatchObject({ status: 401, retryable: true });
  expect(error.message).toBe(`GET /x: HTTP 401: Unauthorized; check the credentials (${server.url})`);
  expect(server.requests.length).toBe(4);
});

test("requests are counted by verb and code", async () => {
  using server = serveApi((_, url) => new Response("{}", { status: url.pathname === "/gone" ? 404 : 200 }));
  const { metrics, values } = countingMetrics();
  const client = createApiClient(credentialsFor(server.url), { userAgent: "t", metrics });
  await client.json("/", { verb: "list" });
  await client.json("/", { verb: "list" });
  await errorOf(client.json("/gone", { verb: "get" }));
  await errorOf(
    createApiClient(credentialsFor("https://127.0.0.1:1"), { userAgent: "t", metrics }).json("/", { verb: "get" }),
  );
  expect(values()).toEqual({
    'petrel_kube_api_requests_total{verb="list",code="200"}': 2,
    'petrel_kube_api_requests_total{verb="get",code="404"}': 1,
    'petrel_kube_api_requests_total{verb="get",code="network"}': 1,
  });
});

describe("what cannot be reached is said in words, without the URL's query", () => {
  const rows: [string, Partial<RequestAuth>, (url: string) => string, string][] = [
    ["refused", {}, () => "https://127.0.0.1:1", "connection refused"],
    [
      "unknown authority",
      { tls: { ca: pem("other-ca.crt") } },
      (url) => url,
      "signed by an authority that is not trusted",
    ],
    ["no authority", { tls: {} }, (url) => url, "signed by an authority that is not trusted"],
    [
      "other name",
      { tls: { ca: pem("ca.crt"), serverName: "other.test" } },
      (url) => url,
      "check server and tls-server-name",
    ],
    ["http to https", { tls: undefined }, (url) => url.replace("https", "http"), "the connection was closed"],
    [
      "key of another certificate",
      { tls: { ca: pem("ca.crt"), cert: pem("client.crt"), key: pem("other-client.key") } },
      (url) => url,
      "belong together",
    ],
  ];
  for (const [name, auth, url, wanted] of rows) {
    test(name, async () => {
      using server = serveApi(() => Response.json({}));
      const error = await errorOf(
        clientFor(url(server.url), auth).json("/x", { verb: "get", query: { continue: "marked" } }),
      );
      expect(error).toMatchObject({ kind: "network", retryable: true });
      expect(error.message).toContain(wanted);
      expect(Bun.inspect(error)).not.toContain("marked");
    });
  }
});

test("credentials that cannot be had are their own kind of error", async () => {
  const client = createApiClient(
    { ...openServer("https://127.0.0.1:1"), request: () => Promise.reject(new CredentialsError("the plugin failed")) },
    { userAgent: "t" },
  );
  expect(await errorOf(client.json("/", { verb: "get" }))).toMatchObject({
    kind: "credentials",
    message: "the plugin failed",
    retryable: true,
  });
});

test("answers are bounded and must be JSON", async () => {
  using server = serveApi((_, url) => new Response(url.pathname === "/big" ? `"${"x".repeat(5000)}"` : "<html>"));
  const client = clientFor(server.url);
  expect((await errorOf(client.json("/big", { verb: "get", maxBytes: 4096 }))).message).toBe(
    "the answer to /big is larger than 4096 bytes",
  );
  expect((await errorOf(client.json("/html", { verb: "get" }))).message).toBe("the answer to /html is no JSON");
});

test("a body that breaks off is a network error to the stream's reader", async () => {
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
        socket.terminate();
      },
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const stream = await clientFor(url, { tls: undefined }).stream("/watch", { verb: "watch" });
  const error = await stream.read(() => undefined).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    kind: "network",
    retryable: true,
    message: `cannot reach ${url}: the connection was closed`,
  });
  stream.close();
});

test("a connection that the server closed while idle costs no error", async () => {
  let connections = 0;
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open() {
        connections++;
      },
      data(socket) {
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
      },
    },
  });
  const client = clientFor(`http://127.0.0.1:${server.port}`, { tls: undefined });
  for (let i = 0; i < 10; i++) expect(await client.json("/x", { verb: "get" })).toEqual({});
  expect(connections).toBe(10);
});

test("a proxy that does not answer is named, without its password", async () => {
  const client = clientFor("https://api.example.test", { proxy: "http://user:hunter2@127.0.0.1:1" });
  const error = await errorOf(client.json("/version", { verb: "get" }));
  expect(error.message).toBe("cannot reach https://api.example.test through the proxy 127.0.0.1:1: connection refused");
});
