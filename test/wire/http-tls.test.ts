import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { ConfigError } from "../../src/errors.ts";
import { createHttp, type Http } from "../../src/wire/http.ts";
import { tlsReader } from "../../src/wire/tls.ts";
import { refusalText, tlsFile } from "../contract.ts";

const material = {
  key: readFileSync(tlsFile("server.key"), "utf8"),
  cert: readFileSync(tlsFile("server.crt"), "utf8"),
};
const serve = (more: object = {}) =>
  Bun.serve({
    hostname: "0.0.0.0",
    port: 0,
    tls: { ...material, ...more },
    fetch: (request) => new Response(request.headers.get("host")),
  });
const open = serve();
const mutual = serve({ ca: readFileSync(tlsFile("ca.crt"), "utf8"), requestCert: true, rejectUnauthorized: true });
afterAll(() => Promise.all([open.stop(true), mutual.stop(true)]));

const clients: Http[] = [];
afterEach(() => {
  for (const http of clients.splice(0)) http[Symbol.dispose]();
});

const ca = { insecureSkipVerify: false, caFile: tlsFile("ca.crt") };
const pair = { certFile: tlsFile("client.crt"), keyFile: tlsFile("client.key") };

function send(port: number | undefined, tls: Parameters<typeof tlsReader>[0] | undefined, host = "127.0.0.1") {
  const http = createHttp({ tls });
  clients.push(http);
  const url = `https://${host}:${port}/`;
  return http.send({ method: "POST", url, headers: [], body: "x", signal: AbortSignal.timeout(2_000) });
}

test("a connection that is only tried waits for the server's verdict on the client", async () => {
  const reach = (tls: Parameters<typeof tlsReader>[0]) => {
    const http = createHttp({ tls });
    clients.push(http);
    return http.reach(`https://127.0.0.1:${mutual.port}/token`, AbortSignal.timeout(2_000));
  };
  await reach({ ...ca, ...pair });
  expect(await refusalText(reach(ca))).toBe(
    `network: a connection to https://127.0.0.1:${mutual.port} was closed after the TLS handshake: ` +
      "does it want a client certificate, or another one?",
  );
});

describe("TLS", () => {
  const accepted: readonly [string, number | undefined, Parameters<typeof tlsReader>[0], string?][] = [
    ["own authority, by address", open.port, ca],
    ["own authority, by name", open.port, ca, "localhost"],
    ["a name that is not the host's", open.port, { ...ca, serverName: "kubernetes.test" }],
    ["anything, by order", open.port, { insecureSkipVerify: true }],
    ["any name, by order", open.port, { ...ca, insecureSkipVerify: true }, "127.0.0.2"],
    ["client certificate", mutual.port, { ...ca, ...pair }],
  ];
  for (const [name, port, tls, host] of accepted) {
    test(`accepts: ${name}`, async () => {
      expect((await send(port, tls, host)).status).toBe(200);
    });
  }

  const refused: readonly [string, number | undefined, Parameters<typeof tlsReader>[0] | undefined, string, string?][] =
    [
      ["an authority that nobody knows", open.port, undefined, "SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO"],
      ["another authority", open.port, { ...ca, caFile: tlsFile("other-ca.crt") }, "UNABLE_TO|SELF_SIGNED"],
      ["a certificate without this address", open.port, ca, "ERR_TLS_CERT_ALTNAME_INVALID", "127.0.0.2"],
      [
        "a certificate without this name",
        open.port,
        { ...ca, serverName: "nope.example" },
        "ERR_TLS_CERT_ALTNAME_INVALID",
      ],
      ["no client certificate where one is wanted", mutual.port, ca, "network: "],
    ];
  for (const [name, port, tls, code, host] of refused) {
    test(`refuses: ${name}`, async () => {
      const text = await refusalText(send(port, tls, host));
      expect(text).toStartWith(`network: POST https://${host ?? "127.0.0.1"}:${port} `);
      expect(text).toMatch(new RegExp(code));
    });
  }

  test("to a server without it is a network error", async () => {
    const plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("plain") });
    for (const tls of [ca, { insecureSkipVerify: true }]) {
      expect(await refusalText(send(plain.port, tls))).toStartWith("network: ");
    }
    await plain.stop(true);
  });

  test("keeps its connections", async () => {
    const peers = new Set<string>();
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: material,
      fetch(request, it) {
        peers.add(String(it.requestIP(request)?.port));
        return new Response("ok");
      },
    });
    const http = createHttp({ tls: ca });
    clients.push(http);
    const url = `https://127.0.0.1:${server.port}/`;
    const body = "x".repeat(1_000_000);
    for (let i = 0; i < 3; i++) {
      await http.send({ method: "POST", url, headers: [], body, signal: AbortSignal.timeout(2_000) });
    }
    expect(peers.size).toBe(1);
    await server.stop(true);
  });
});

describe("TLS files", () => {
  test("are read again after a change, at most once a second", async () => {
    const folder = mkdtempSync(`${tmpdir()}/petrel-tls-`);
    const caFile = `${folder}/ca.crt`;
    let now = 0;
    const read = tlsReader({ insecureSkipVerify: false, caFile }, () => now);
    expect(await refusalText(Promise.try(read))).toBe(`unauthorized: the TLS file ${caFile} cannot be read: ENOENT`);
    copyFileSync(tlsFile("other-ca.crt"), caFile);
    const first = read();
    copyFileSync(tlsFile("server.crt"), caFile);
    expect(read()).toBe(first);
    now += 1_000;
    expect(read().ca).toBe(material.cert);
    now += 1_000;
    expect(read()).toBe(read());
    rmSync(folder, { recursive: true });
  });

  test("of half a client certificate are a config error", () => {
    for (const half of [{ certFile: "a" }, { keyFile: "a" }]) {
      expect(() => createHttp({ tls: { insecureSkipVerify: false, ...half } })).toThrow(ConfigError);
    }
  });
});
