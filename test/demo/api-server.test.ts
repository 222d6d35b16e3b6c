import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type ApiServer, type ApiServerOptions, createApiServer } from "../../src/demo/api-server.ts";
import type { EventInput } from "../../src/demo/event-store.ts";

let server: ApiServer;
afterEach(() => server.stop());

async function start(options: ApiServerOptions = {}): Promise<void> {
  server = await createApiServer({ firstVersion: 100, now: () => Date.UTC(2026, 10, 21, 9), ...options });
}

const event = (name: string, namespace = "shop", more: Partial<EventInput> = {}): EventInput => ({
  metadata: { name, namespace },
  involvedObject: { kind: "Pod", namespace, name: "web" },
  reason: "BackOff",
  type: "Warning",
  source: { component: "kubelet", host: "node-1" },
  reportingComponent: "kubelet",
  ...more,
});

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of the API, asserted on right after
  body: any;
  headers: Headers;
}

async function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(server.url + path, { headers });
  const text = await response.text();
  const json = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  return { status: response.status, body: json ? JSON.parse(text) : text, headers: response.headers };
}

/** The lines of a watch as they come; ends with "EOF" or the error's code. */
async function* watch(query: string, path = "/api/v1/events"): AsyncGenerator<string> {
  const response = await fetch(`${server.url}${path}?watch=1&${query}`);
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk, { stream: true });
      for (let at = rest.indexOf("\n"); at >= 0; at = rest.indexOf("\n")) {
        yield rest.slice(0, at);
        rest = rest.slice(at + 1);
      }
    }
    yield `EOF${rest}`;
  } catch (error) {
    yield `${(error as { code?: string }).code}${rest === "" ? "" : ` after ${rest.length} bytes`}`;
  }
}

/** `TYPE name version` of a watch line; other lines as they are. */
function short(line: string | undefined): string {
  if (line === undefined || !line.startsWith("{")) return String(line);
  const { type, object } = JSON.parse(line);
  return type === "ERROR"
    ? `ERROR ${object.code}`
    : `${type} ${object.metadata.name} ${object.metadata.resourceVersion}`;
}

const next = async (lines: AsyncGenerator<string>) => short((await lines.next()).value);

/** A watch whose first line has been read, so that faults hit an open connection. */
async function opened(query = ""): Promise<AsyncGenerator<string>> {
  const from = server.version;
  const name = `opener-${from}`;
  server.put(event(name));
  const lines = watch(`resourceVersion=${from}${query}`);
  expect(await next(lines)).toBe(`ADDED ${name} ${from + 1}`);
  return lines;
}

describe("list", () => {
  test("shows every event once, in key order, with the version of the last write", async () => {
    await start();
    server.put(event("b"));
    server.put(event("a"));
    server.put(event("z", "infra"));
    const { body } = await get("/api/v1/events");
    expect(body.metadata).toEqual({ resourceVersion: "103" });
    expect(body.items.map((item: EventInput) => `${item.metadata.namespace}/${item.metadata.name}`)).toEqual([
      "infra/z",
      "shop/a",
      "shop/b",
    ]);
    expect(body.items[1]).toEqual({
      ...event("a"),
      metadata: {
        name: "a",
        namespace: "shop",
        uid: expect.any(String),
        resourceVersion: "102",
        creationTimestamp: "2026-11-21T09:00:00Z",
      },
      firstTimestamp: null,
      lastTimestamp: null,
      eventTime: null,
      reportingInstance: "",
    });
    expect((await get("/api/v1/namespaces/infra/events")).body.items).toHaveLength(1);
    expect((await get("/api/v1/namespaces/infra/events/z")).body.kind).toBe("Event");
  });

  test("the other API group shows the same event in its own words", async () => {
    await start();
    server.put(event("a", "shop", { message: "Back-off", count: 4, lastTimestamp: "2026-11-21T08:59:00Z" }));
    const { body } = await get("/apis/events.k8s.io/v1/namespaces/shop/events");
    expect(body.items[0]).toMatchObject({
      regarding: { kind: "Pod" },
      note: "Back-off",
      reportingController: "kubelet",
      deprecatedSource: { component: "kubelet", host: "node-1" },
      deprecatedCount: 4,
      deprecatedLastTimestamp: "2026-11-21T08:59:00Z",
      eventTime: null,
    });
    expect(body.items[0].message).toBeUndefined();
  });

  test("pages show one snapshot, whatever is written between them", async () => {
    await start();
    for (const name of ["a", "b", "c"]) server.put(event(name));
    const first = (await get("/api/v1/events?limit=1")).body;
    expect(first.metadata).toMatchObject({ resourceVersion: "103", remainingItemCount: 2 });
    server.put(event("b", "shop", { count: 2 }));
    server.remove("shop", "c");
    server.put(event("d"));
    const rest = (await get(`/api/v1/events?limit=5&continue=${first.metadata.continue}`)).body;
    expect(rest.metadata).toEqual({ resourceVersion: "103" });
    expect(rest.items.map((item: EventInput) => [item.metadata.name, item.metadata.resourceVersion])).toEqual([
      ["b", "102"],
      ["c", "103"],
    ]);
  });

  test("a token that a compaction outran gets 410 and a token for the rest as it is now", async () => {
    await start();
    for (const name of ["a", "b", "c"]) server.put(event(name));
    const first = (await get("/api/v1/events?limit=1")).body;
    server.remove("shop", "b");
    server.compact();
    const gone = await get(`/api/v1/events?limit=1&continue=${first.metadata.continue}`);
    expect([gone.status, gone.body.reason]).toEqual([410, "Expired"]);
    expect(gone.body.message).toStartWith("The provided continue parameter is too old");
    const rest = (await get(`/api/v1/events?continue=${gone.body.metadata.continue}`)).body;
    expect(rest.metadata.resourceVersion).toBe("104");
    expect(rest.items.map((item: EventInput) => item.metadata.name)).toEqual(["c"]);
  });

  test.each([
    ["resourceVersion=102&resourceVersionMatch=Exact", 200, ""],
    ["resourceVersion=101&resourceVersionMatch=Exact", 410, "The resourceVersion for the provided list is too old."],
    ["resourceVersion=101&limit=1", 410, "The resourceVersion for the provided list is too old."],
    ["resourceVersion=101", 200, ""],
    ["resourceVersion=999&resourceVersionMatch=Exact", 504, "Too large resource version: 999, current: 103"],
    ["resourceVersion=abc", 400, 'resourceVersion: Invalid value: "abc"'],
    ["resourceVersionMatch=Exact", 422, "ListOptions.meta.k8s.io"],
    ["fieldSelector=spec.nodeName%3Dx", 400, "field label not supported: spec.nodeName"],
  ])("?%s → %i", async (query, status, message) => {
    await start();
    for (const name of ["a", "b", "c"]) server.put(event(name));
    server.compact(102);
    const answer = await get(`/api/v1/events?${query}`);
    expect(answer.status).toBe(status);
    if (status !== 200) expect(answer.body).toMatchObject({ kind: "Status", status: "Failure", code: status });
    expect(answer.body.message ?? "").toStartWith(message);
  });

  test.each([
    ["fieldSelector=type!=Warning", ["calm"]],
    ["fieldSelector=involvedObject.kind=Node", ["calm"]],
    ["fieldSelector=source=kubelet,metadata.namespace=shop", ["loud"]],
    ["labelSelector=app%20in%20(web,api),!legacy", ["loud"]],
    ["labelSelector=app!=web", ["calm"]],
  ])("?%s", async (query, names) => {
    await start();
    server.put({ ...event("loud"), metadata: { name: "loud", namespace: "shop", labels: { app: "web" } } });
    server.put({ ...event("calm", "infra"), type: "Normal", involvedObject: { kind: "Node" } });
    const { body } = await get(`/api/v1/events?${query}`);
    expect(body.items.map((item: EventInput) => item.metadata.name)).toEqual(names);
  });

  test("an event outlives its TTL only when it is written again", async () => {
    let now = 0;
    await start({ now: () => now, ttlMs: 1_000 });
    server.put(event("old"));
    server.put(event("renewed"));
    now = 900;
    server.update("shop", "renewed", { count: 2 });
    now = 1_100;
    const { body } = await get("/api/v1/events");
    expect(body.items.map((item: EventInput) => item.metadata.name)).toEqual(["renewed"]);
  });

  test("large lists come gzipped to those who accept it", async () => {
    await start();
    for (let index = 0; index < 200; index++) server.put(event(`e${index}`, "shop", { message: "x".repeat(1_000) }));
    const zipped = await fetch(`${server.url}/api/v1/events`, {
      headers: { "Accept-Encoding": "gzip" },
      decompress: false,
    });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    const plain = await get("/api/v1/events", { "Accept-Encoding": "identity" });
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(plain.body.items).toHaveLength(200);
  });
});

describe("watch", () => {
  test("brings what was written after the version, then what is written, in order", async () => {
    await start();
    server.put(event("a"));
    server.put(event("b"));
    const lines = watch("resourceVersion=101");
    expect(await next(lines)).toBe("ADDED b 102");
    server.update("shop", "a", { count: 2 });
    server.remove("shop", "b");
    expect([await next(lines), await next(lines)]).toEqual(["MODIFIED a 103", "DELETED b 104"]);
    server.closeWatches();
    expect(await next(lines)).toBe("EOF");
  });

  test("opens on a quiet server: the headers do not wait for a line", async () => {
    await start();
    const response = await fetch(`${server.url}/api/v1/events?watch=1&resourceVersion=100`);
    expect(response.status).toBe(200);
    expect(server.watches).toBe(1);
    await response.body?.cancel();
  });

  test("an event that a selector stops to match is deleted for that watch", async () => {
    await start();
    const lines = watch("resourceVersion=100&fieldSelector=reason=BackOff");
    server.put(event("a"));
    expect(await next(lines)).toBe("ADDED a 101");
    server.update("shop", "a", { reason: "Failed" });
    server.update("shop", "a", { reason: "BackOff" });
    expect([await next(lines), await next(lines)]).toEqual(["DELETED a 102", "ADDED a 103"]);
  });

  test("a compacted version gets one ERROR line with status 410, a future one silence", async () => {
    await start();
    server.put(event("a"));
    server.put(event("b"));
    server.compact();
    const old = watch("resourceVersion=101");
    expect([await next(old), await next(old)]).toEqual(["ERROR 410", "EOF"]);
    const future = await fetch(`${server.url}/api/v1/events?watch=1&resourceVersion=9999&timeoutSeconds=0.02`);
    expect([future.status, await future.text()]).toEqual([200, ""]);
  });

  test("initial events end with their bookmark", async () => {
    await start();
    server.put(event("b"));
    server.put(event("a"));
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=";
    const lines = watch(query);
    expect([await next(lines), await next(lines)]).toEqual(["ADDED a 102", "ADDED b 101"]);
    const { type, object } = JSON.parse((await lines.next()).value ?? "");
    expect([type, object.metadata.annotations]).toEqual(["BOOKMARK", { "k8s.io/initial-events-end": "true" }]);
    expect((await get("/api/v1/events?watch=1&sendInitialEvents=true")).status).toBe(422);
    expect((await get("/api/v1/events?watch=1&resourceVersion=x")).status).toBe(500);
  });
});

test("bookmarks come only when the server is told to send them, to those who allow them", async () => {
  await start({ bookmarkMs: 5 });
  const lines = watch("resourceVersion=100&allowWatchBookmarks=true");
  const { type, object } = JSON.parse((await lines.next()).value ?? "");
  expect([type, object.metadata.resourceVersion, object.reportingComponent]).toEqual(["BOOKMARK", "100", ""]);
  expect(
    await (await fetch(`${server.url}/api/v1/events?watch=1&resourceVersion=100&timeoutSeconds=0.02`)).text(),
  ).toBe("");
});

test("over TLS it asks for a client certificate when it has a CA", async () => {
  const pem = (name: string) => Bun.file(join(import.meta.dir, "../fixtures/tls", name)).text();
  const [ca, cert, key] = await Promise.all(["ca.crt", "server.crt", "server.key"].map(pem));
  await start({ tls: { ca: ca ?? "", cert: cert ?? "", key: key ?? "" } });
  const client = { ca: ca ?? "", cert: await pem("client.crt"), key: await pem("client.key") };
  expect((await fetch(`${server.url}/version`, { tls: client })).status).toBe(200);
  expect(await fetch(`${server.url}/version`, { tls: { ca: client.ca } }).catch(() => "refused")).toBe("refused");
});

describe("on request it misbehaves", () => {
  test("cut: the connection breaks, in the middle of a line if asked", async () => {
    await start();
    const whole = await opened();
    await server.cut();
    expect(await next(whole)).toBe("ECONNRESET");
    const half = await opened();
    await server.cut({ midLine: true });
    expect(await next(half)).toMatch(/^ECONNRESET after \d+ bytes$/);
  });

  test("garbage comes between good lines", async () => {
    await start();
    const lines = await opened();
    server.garbage("\0\x01not json\n");
    server.put(event("good"));
    expect([await next(lines), await next(lines)]).toEqual(["\0\x01not json", "ADDED good 102"]);
  });

  test("freeze: nothing more, not even the end; a new watch is healthy", async () => {
    await start();
    const frozen = await opened("&timeoutSeconds=0.02");
    server.freeze();
    server.put(event("lost"));
    const healthy = await opened();
    let ended = false;
    void frozen.next().then(() => {
      ended = true;
    });
    server.closeWatches();
    expect(await next(healthy)).toBe("EOF");
    await Bun.sleep(30);
    expect(ended).toBe(false);
  });

  test("mute: watches bring nothing and end in time, lists are healthy", async () => {
    await start();
    const lines = await opened("&timeoutSeconds=0.03");
    server.mute(true);
    server.put(event("unseen"));
    expect((await get("/api/v1/events")).body.items).toHaveLength(2);
    expect(await next(lines)).toBe("EOF");
  });

  test("trickle: the bytes come in pieces and are all there", async () => {
    await start();
    const lines = await opened();
    server.trickle(100, 1);
    server.put(event("slow"));
    expect(await next(lines)).toBe("ADDED slow 102");
    server.trickle(0, 0);
  });

  test("fail, intercept, requireToken and hang decide what requests get", async () => {
    await start();
    server.fail(1, { code: 429, reason: "TooManyRequests", message: "slow down", retryAfter: 3 }, "/events");
    expect((await get("/version")).status).toBe(200);
    const refused = await get("/api/v1/events");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "3"]);
    expect((await get("/api/v1/events")).status).toBe(200);
    server.intercept(({ query }) =>
      query.limit === "1" ? { code: 500, reason: "InternalError", message: "no" } : undefined,
    );
    expect((await get("/api/v1/events?limit=1")).status).toBe(500);
    server.intercept(undefined);
    server.requireToken("s3cret");
    expect((await get("/api/v1/events")).body).toMatchObject({ code: 401, message: "Unauthorized" });
    expect((await get("/api/v1/events", { Authorization: "Bearer s3cret" })).status).toBe(200);
    server.hang(true);
    const hung = fetch(`${server.url}/version`, { signal: AbortSignal.timeout(30) });
    expect(hung).rejects.toThrow();
    await hung.catch(() => {});
    expect(server.requests.at(-1)?.path).toBe("/version");
  });
});

describe("objects and discovery", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "shop", uid: "u1", labels: { app: "web" } },
  };
  const accept = { Accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" };

  test("metadata of known objects, 404 in the API's words for others", async () => {
    await start();
    server.putObject(pod);
    const { body } = await get("/api/v1/namespaces/shop/pods/web", accept);
    expect(body).toEqual({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: pod.metadata });
    server.removeObject(pod);
    const gone = await get("/api/v1/namespaces/shop/pods/web", accept);
    expect(gone.body).toMatchObject({ message: 'pods "web" not found', details: { name: "web", kind: "pods" } });
    const deployment = await get("/apis/apps/v1/namespaces/shop/deployments/web");
    expect(deployment.body.message).toBe('deployments.apps "web" not found');
    expect((await get("/api/v1/namespaces/kube-system")).body.metadata.uid).toBe(
      "5e0d7c1e-9f4a-4a53-8b4c-6b1f5f0e7a11",
    );
    expect((await get("/nowhere")).body.message).toBe("the server could not find the requested resource");
  });

  test("aggregated and legacy discovery name the same kinds; a broken group is stale or unavailable", async () => {
    await start({ brokenGroups: ["batch"] });
    const aggregated = {
      Accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
    };
    const core = await get("/api", aggregated);
    expect(core.headers.get("content-type")).toContain("as=APIGroupDiscoveryList");
    expect(core.body.items[0].versions[0].resources.map((one: { resource: string }) => one.resource)).toContain("pods");
    const groups = (await get("/apis", aggregated)).body.items;
    expect(
      groups.map((one: { metadata: { name: string }; versions: { freshness: string }[] }) => [
        one.metadata.name,
        one.versions[0]?.freshness,
      ]),
    ).toEqual([
      ["apps", "Current"],
      ["batch", "Stale"],
      ["events.k8s.io", "Current"],
    ]);
    expect((await get("/api")).body).toEqual({ kind: "APIVersions", versions: ["v1"] });
    expect((await get("/apis")).body.groups).toHaveLength(3);
    expect((await get("/apis/apps/v1")).body.resources[0]).toMatchObject({ name: "deployments", kind: "Deployment" });
    expect((await get("/apis/batch/v1")).status).toBe(503);
  });
});
