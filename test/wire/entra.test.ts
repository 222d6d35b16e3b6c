import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { type EntraSettings, entraTokens } from "../../src/wire/entra.ts";
import { createHttp } from "../../src/wire/http.ts";
import { compileSimple, recordingLogger, refusalText } from "../contract.ts";

const RESOURCE = "https://eventgrid.azure.net";
const soon = () => AbortSignal.timeout(2_000);
const VARIABLES = [
  ...[
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
  ],
  ...["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"],
];

describe("identities at Entra", () => {
  const kept = new Map(VARIABLES.map((name) => [name, process.env[name]]));
  const folder = mkdtempSync(join(tmpdir(), "petrel-entra-"));
  const seen: { path: string; headers: Headers; form: Record<string, string> }[] = [];
  let answer = () => Response.json({ access_token: "a-token", expires_in: 3_599, token_type: "Bearer" });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const form = Object.fromEntries(new URLSearchParams(await request.text()));
      seen.push({ path: pathname + search, headers: request.headers, form });
      return answer();
    },
  });
  server.unref();
  const host = `http://127.0.0.1:${server.port}`;
  beforeEach(() => {
    seen.length = 0;
    for (const name of VARIABLES) delete process.env[name];
    process.env.AZURE_AUTHORITY_HOST = `${host}/`;
    process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = host;
    answer = () => Response.json({ access_token: "a-token", expires_in: 3_599, token_type: "Bearer" });
  });
  afterEach(() => {
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  const file = (text: string) => {
    const path = join(folder, "token");
    writeFileSync(path, text);
    return path;
  };

  function source(settings: EntraSettings = {}, http = createHttp()) {
    const { logger } = recordingLogger();
    const context = createSinkContext({
      ...{ receiver: "it", logger, compat: false, compileTemplate: compileSimple, env: {} },
    });
    return entraTokens(settings, RESOURCE, http, context);
  }

  test("workload identity: the pod's token for one of the application, read anew each time", async () => {
    process.env.AZURE_TENANT_ID = "tenant";
    process.env.AZURE_CLIENT_ID = "client";
    process.env.AZURE_FEDERATED_TOKEN_FILE = file("the.pods.token\n");
    const tokens = source();
    expect(await tokens.current(soon())).toBe("a-token");
    expect(seen[0]?.path).toBe("/tenant/oauth2/v2.0/token");
    expect(seen[0]?.form).toEqual({
      grant_type: "client_credentials",
      client_id: "client",
      scope: "https://eventgrid.azure.net/.default",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: "the.pods.token",
    });
    file("a.newer.token");
    tokens.forget();
    await tokens.current(soon());
    expect(seen[1]?.form.client_assertion).toBe("a.newer.token");
  });

  test("a client secret of the config goes before the environment's token", async () => {
    process.env.AZURE_FEDERATED_TOKEN_FILE = "/nowhere";
    await source({ tenantId: "t", clientId: "c", clientSecret: "s" }).current(soon());
    process.env.AZURE_FEDERATED_TOKEN_FILE = "";
    process.env.AZURE_CLIENT_SECRET = "of the environment";
    await source({ tenantId: "t", clientId: "c" }).current(soon());
    const expected = { grant_type: "client_credentials", client_id: "c", scope: `${RESOURCE}/.default` };
    expect(seen.map(({ form }) => form)).toEqual([
      { ...expected, client_secret: "s" },
      { ...expected, client_secret: "of the environment" },
    ]);
  });

  test("managed identity: of the machine, one of several, and of App Service", async () => {
    await source().current(soon());
    await source({ clientId: "one of them" }).current(soon());
    expect(seen.map(({ path, headers }) => `${path} ${headers.get("metadata")}`)).toEqual([
      "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Feventgrid.azure.net true",
      "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Feventgrid.azure.net&client_id=one+of+them true",
    ]);
    process.env.IDENTITY_ENDPOINT = `${host}/msi/token`;
    process.env.IDENTITY_HEADER = "a-header";
    const soonOver = Math.floor(Date.now() / 1_000) + 100;
    answer = () => Response.json({ access_token: "service", expires_on: String(soonOver) });
    const tokens = source();
    expect(await tokens.current(soon())).toBe("service");
    expect(seen[2]?.path).toBe("/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Feventgrid.azure.net");
    expect(seen[2]?.headers.get("x-identity-header")).toBe("a-header");
    // It ends within minutes, so the next delivery asks again.
    await tokens.current(soon());
    expect(seen).toHaveLength(4);
  });

  test("a managed identity is asked for without the proxy, which cannot reach the machine's own address", async () => {
    const proxied = createHttp({ proxy: () => "http://127.0.0.1:1" });
    expect(await source({}, proxied).current(soon())).toBe("a-token");
    const identity = { tenantId: "t", clientId: "c", clientSecret: "s" };
    expect(await refusalText(source(identity, proxied).current(soon()))).toStartWith("network: ");
  });

  test("what cannot be is said, with the receiver's reason and no secret", async () => {
    expect(await refusalText(source({ clientSecret: "s", clientId: "c" }).current(soon()))).toBe(
      "unauthorized: entra: tenantId is missing",
    );
    expect(await refusalText(source({ tenantId: "t", clientId: "c", tokenFile: "/nowhere" }).current(soon()))).toBe(
      "unauthorized: the token file /nowhere cannot be read: ENOENT",
    );
    answer = () => Response.json({ error: "invalid_client", said: "a-client-secret" }, { status: 400 });
    const refused = await refusalText(
      source({ tenantId: "t", clientId: "c", clientSecret: "a-client-secret" }).current(soon()),
    );
    expect(refused).toStartWith(`unauthorized: POST ${host} answered 400: `);
    expect(refused).toContain("invalid_client");
    expect(refused).not.toContain("a-client-secret");
    answer = () => new Response("later", { status: 503 });
    expect(await refusalText(source({ tenantId: "t", clientId: "c", clientSecret: "s" }).current(soon()))).toStartWith(
      "unavailable: ",
    );
    process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:1";
    expect(await refusalText(source().current(soon()))).toStartWith("network: found no Azure credentials");
    rmSync(folder, { recursive: true });
  });
});
