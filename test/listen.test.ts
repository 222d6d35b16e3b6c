import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Listener, type ListenerOptions, parseAddress, prefersOpenMetrics, startListener } from "../src/listen.ts";
import { createLogger } from "../src/logger.ts";
import { createMetrics } from "../src/metrics.ts";
import { loadWebConfig } from "../src/web-config.ts";

const TLS = join(import.meta.dir, "fixtures/tls");
const pem = (name: string) => readFileSync(join(TLS, name), "utf8");

const started: Listener[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((listener) => listener.stop()));
});

function listen(options: Partial<ListenerOptions> = {}): Listener {
  const metrics = createMetrics();
  metrics.counter("a_total", "A.").value = 1;
  const listener = startListener({
    address: "127.0.0.1:0",
    metrics,
    healthy: () => undefined,
    ready: () => undefined,
    logger: createLogger({ level: "disabled", format: "json" }),
    ...options,
  });
  started.push(listener);
  return listener;
}

async function get(listener: Listener, path: string, init: RequestInit = {}) {
  const response = await fetch(`http://127.0.0.1:${listener.port}${path}`, {
    signal: AbortSignal.timeout(5_000),
    ...init,
  });
  return { status: response.status, type: response.headers.get("content-type"), body: await response.text() };
}

test.each([
  ["GET", "/-/healthy", 200, "OK"],
  ["GET", "/healthz", 200, "OK"],
  ["GET", "/-/ready", 503, "no watch is open yet\n"],
  ["GET", "/readyz", 503, "no watch is open yet\n"],
  ["GET", "/readyz?verbose", 503, "no watch is open yet\n"],
  ["HEAD", "/-/healthy", 200, ""],
  ["GET", "/debug/pprof", 404, "not found\n"],
  ["GET", "/-/reload", 404, "not found\n"],
  ["POST", "/-/reload", 405, "only GET and HEAD are served here\n"],
  ["GET", "/metrics", 200, "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"],
])("%s %s → %d", async (method, path, status, body) => {
  const answer = await get(listen({ ready: () => "no watch is open yet" }), path, { method });
  expect(answer).toMatchObject({ status, body });
});

test("the landing page names the paths", async () => {
  expect((await get(listen(), "/")).body).toContain("/-/ready");
});

test("probes are asked for the time of the request", async () => {
  let time = 5;
  const listener = listen({ now: () => time, healthy: (now) => (now > 10 ? `stuck since ${now}` : undefined) });
  expect((await get(listener, "/-/healthy")).status).toBe(200);
  time = 11;
  expect(await get(listener, "/-/healthy")).toMatchObject({ status: 503, body: "stuck since 11\n" });
});

test("a probe that throws is an error of its own request alone", async () => {
  const listener = listen({
    healthy: () => {
      throw new Error("inner secret");
    },
  });
  expect(await get(listener, "/-/healthy")).toMatchObject({ status: 500, body: "internal error\n" });
  expect((await get(listener, "/metrics")).status).toBe(200);
});

test.each([
  ["", false],
  ["*/*", false],
  ["text/plain;version=0.0.4;q=1,*/*;q=0.1", false],
  // what Prometheus 2 and 3 send
  [
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    true,
  ],
  [
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.3,*/*;q=0.2",
    true,
  ],
  ["application/openmetrics-text; version=2.0.0", false],
  ["application/openmetrics-text;q=0.1, text/plain;q=0.9", false],
])("accept %p: OpenMetrics %p", async (accept, open) => {
  expect(prefersOpenMetrics(accept)).toBe(open);
  const { type, body } = await get(listen(), "/metrics", { headers: { accept } });
  expect(type).toBe(
    open ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8",
  );
  expect(body.endsWith("# EOF\n")).toBe(open);
});

test.each([
  [":2112", { hostname: "", port: 2112 }],
  ["0.0.0.0:80", { hostname: "0.0.0.0", port: 80 }],
  ["[::1]:0", { hostname: "::1", port: 0 }],
  ["localhost:1", { hostname: "localhost", port: 1 }],
  ["2112", undefined],
  ["", undefined],
  ["::1:80", undefined],
  [":70000", undefined],
  [":http", undefined],
])("address %p", (address, parsed) => {
  if (parsed === undefined) expect(() => parseAddress(address)).toThrow("write it like :2112");
  else expect(parseAddress(address)).toEqual(parsed);
});

test("an address that is taken is said loudly", () => {
  const { port } = listen();
  expect(() => listen({ address: `127.0.0.1:${port}` })).toThrow(
    `cannot listen on 127.0.0.1:${port} for metrics and health: the address is in use; choose another with --metrics-address`,
  );
});

function webConfig(yaml: string): string {
  const folder = mkdtempSync(join(tmpdir(), "petrel-web-"));
  const path = join(folder, "web.yaml");
  writeFileSync(path, yaml);
  for (const name of ["server.crt", "server.key", "ca.crt"]) writeFileSync(join(folder, name), pem(name));
  return path;
}

function loaded(yaml: string): ReturnType<typeof loadWebConfig> {
  const path = webConfig(yaml);
  try {
    return loadWebConfig(path);
  } finally {
    rmSync(join(path, ".."), { recursive: true });
  }
}

const CERTIFICATE = "tls_server_config: {cert_file: server.crt, key_file: server.key";

test("a web config gives TLS", async () => {
  const { port } = listen(loaded(`${CERTIFICATE}}`));
  const response = await fetch(`https://localhost:${port}/-/healthy`, {
    tls: { ca: pem("ca.crt") },
    signal: AbortSignal.timeout(5_000),
  });
  expect(await response.text()).toBe("OK");
});

test("with client_ca_file only clients with its certificates are served", async () => {
  const { port } = listen(
    loaded(`${CERTIFICATE}, client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert}`),
  );
  const ask = (client: object) =>
    fetch(`https://localhost:${port}/-/healthy`, {
      tls: { ca: pem("ca.crt"), ...client },
      signal: AbortSignal.timeout(5_000),
    }).then(
      (response) => response.status,
      () => "refused",
    );
  expect(await ask({ cert: pem("client.crt"), key: pem("client.key") })).toBe(200);
  expect(await ask({})).toBe("refused");
  expect(await ask({ cert: pem("other-client.crt"), key: pem("other-client.key") })).toBe("refused");
});

test("with basic_auth_users only they are served, whatever the path", async () => {
  const hash = Bun.password.hashSync("hunter2", { algorithm: "bcrypt", cost: 4 }).replace("$2b$", "$2y$");
  const { port } = listen(loaded(`basic_auth_users: {alice: '${hash}'}`));
  const ask = async (user: string | undefined) => {
    const headers = user === undefined ? {} : { authorization: `Basic ${btoa(user)}` };
    const response = await fetch(`http://127.0.0.1:${port}/-/healthy`, { headers, signal: AbortSignal.timeout(5_000) });
    return `${response.status} ${response.headers.get("www-authenticate")}`;
  };
  expect(await ask("alice:hunter2")).toBe("200 null");
  expect(await ask("alice:hunter2")).toBe("200 null");
  for (const wrong of [undefined, "alice:hunter3", "bob:hunter2", "__proto__:x", "alice", "alice:hunter2 "]) {
    expect(await ask(wrong)).toBe("401 Basic");
  }
});

test.each([
  ["", undefined],
  ["tls_server_config: {cert_file: server.crt}", "needs both cert_file and key_file"],
  ["tls_server_config: [", "is not valid YAML"],
  ["foo: bar", "foo is not supported"],
  ["tls_server_config: {cert_file: missing.crt, key_file: server.key}", "cannot be read (ENOENT)"],
  ["basic_auth_users: {alice: $2y$10$abc}", "basic_auth_users.alice is no bcrypt hash"],
  [`${CERTIFICATE}, client_auth_type: VerifyClientCertIfGiven}`, "client_auth_type: VerifyClientCertIfGiven is not"],
  [`${CERTIFICATE}, client_ca_file: ca.crt}`, "belong together"],
  [`${CERTIFICATE}, min_version: TLS13}`, "min_version: TLS13 is not supported"],
  [`${CERTIFICATE}, min_version: TLS12, max_version: ""}\nhttp_server_config: {http2: false}`, "PEM"],
])("web config %p", (yaml, result) => {
  if (result === undefined) expect(loaded(yaml)).toEqual({});
  else if (result === "PEM") expect(loaded(yaml).tls).toEqual({ cert: pem("server.crt"), key: pem("server.key") });
  else expect(() => loaded(yaml)).toThrow(result);
});
