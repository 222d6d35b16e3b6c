import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { tokenSource } from "../../src/wire/access-token.ts";
import { googleTokens } from "../../src/wire/google-auth.ts";
import { createHttp } from "../../src/wire/http.ts";
import { compileSimple, recordingLogger, refusalText } from "../contract.ts";
import { PUBLIC_KEY, serviceAccount } from "../sinks/google-fake.ts";

const SCOPE = "https://www.googleapis.com/auth/pubsub";
const soon = () => AbortSignal.timeout(2_000);

interface Seen {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Everything that gives out tokens, and the workload's own surroundings. */
function surroundings() {
  const seen: Seen[] = [];
  let answer = (_: Seen): Response => Response.json({ access_token: "a-token", expires_in: 3_599 });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const one = { path: pathname + search, headers: request.headers, body: await request.text() };
      seen.push(one);
      return answer(one);
    },
  });
  const folder = mkdtempSync(join(tmpdir(), "petrel-google-"));
  return {
    url: `http://127.0.0.1:${server.port}`,
    host: `127.0.0.1:${server.port}`,
    seen,
    answers(by: typeof answer) {
      answer = by;
    },
    file(name: string, text: string) {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    },
    folder,
    async close() {
      await server.stop(true);
      rmSync(folder, { recursive: true });
    },
  };
}

const VARIABLES = ["GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GCE_METADATA_HOST"] as const;

describe("Google's credentials", () => {
  const kept = new Map(VARIABLES.map((name) => [name, process.env[name]]));
  let at: ReturnType<typeof surroundings>;
  beforeEach(() => {
    at = surroundings();
    process.env.CLOUDSDK_CONFIG = at.folder;
    process.env.GCE_METADATA_HOST = at.host;
    delete process.env.GOOGLE_APPLICATION_CREDENTIALS;
  });
  afterEach(async () => {
    await at.close();
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  function source(credentials?: unknown, credentialsPath?: string, http = createHttp()) {
    const { logger } = recordingLogger();
    const context = createSinkContext({
      ...{ receiver: "it", logger, compat: false, compileTemplate: compileSimple, env: {} },
    });
    const text = credentials === undefined ? undefined : JSON.stringify(credentials);
    return googleTokens({ credentials: text, credentialsPath }, SCOPE, http, context);
  }
  const key = () => ({ ...serviceAccount(), token_uri: `${at.url}/token` });

  test("a service account's key signs its own claim", async () => {
    expect(await source(key()).current(soon())).toBe("a-token");
    const form = new URLSearchParams(at.seen[0]?.body);
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [head = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
    const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
    expect(read(head)).toEqual({ alg: "RS256", typ: "JWT", kid: "key-1" });
    const { iat, exp, ...said } = read(claims);
    expect(said).toEqual({ iss: "petrel@my-project.iam.gserviceaccount.com", scope: SCOPE, aud: `${at.url}/token` });
    expect([Math.abs(iat - Date.now() / 1_000) < 5, exp - iat]).toEqual([true, 3_600]);
    expect(
      verify("RSA-SHA256", Buffer.from(`${head}.${claims}`), PUBLIC_KEY, Buffer.from(signature, "base64url")),
    ).toBe(true);
  });

  test("the metadata server speaks for the workload where no file is", async () => {
    expect(await source().current(soon())).toBe("a-token");
    const [{ path, headers } = { path: "", headers: new Headers() }] = at.seen;
    expect(path).toBe(
      `/computeMetadata/v1/instance/service-accounts/default/token?scopes=${encodeURIComponent(SCOPE)}`,
    );
    expect(headers.get("metadata-flavor")).toBe("Google");
  });

  test("the metadata server is asked without the proxy, which cannot reach it", async () => {
    const proxied = createHttp({ proxy: () => "http://127.0.0.1:1" });
    expect(await source(undefined, undefined, proxied).current(soon())).toBe("a-token");
    expect(await refusalText(source(key(), undefined, proxied).current(soon()))).toStartWith("network: ");
  });

  test("files are looked for where Google's tools look, in their order", async () => {
    const user = {
      type: "authorized_user",
      client_id: "c",
      client_secret: "s",
      refresh_token: "r",
      token_uri: `${at.url}/user`,
    };
    at.file("application_default_credentials.json", JSON.stringify(user));
    await source().current(soon());
    process.env.GOOGLE_APPLICATION_CREDENTIALS = at.file(
      "env.json",
      JSON.stringify({ ...key(), token_uri: `${at.url}/env` }),
    );
    await source().current(soon());
    await source(undefined, at.file("path.json", JSON.stringify({ ...key(), token_uri: `${at.url}/path` }))).current(
      soon(),
    );
    await source(key(), "/nowhere").current(soon());
    expect(at.seen.map(({ path }) => path)).toEqual(["/user", "/env", "/path", "/token"]);
    expect(Object.fromEntries(new URLSearchParams(at.seen[0]?.body))).toEqual({
      ...{ grant_type: "refresh_token", client_id: "c", client_secret: "s", refresh_token: "r" },
    });
  });

  test("workload identity federation exchanges the cluster's token, and may take on a service account", async () => {
    const expireTime = new Date(Date.now() + 3_600_000).toISOString();
    at.answers(({ path }) =>
      path === "/impersonate"
        ? Response.json({ accessToken: "another", expireTime })
        : Response.json({ access_token: "federated", expires_in: 3_600 }),
    );
    const audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k8s";
    const account = {
      ...{ type: "external_account", audience, token_url: `${at.url}/sts` },
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      credential_source: { file: at.file("token", "the.cluster.token\n") },
    };
    expect(await source(account).current(soon())).toBe("federated");
    expect(Object.fromEntries(new URLSearchParams(at.seen[0]?.body))).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
      ...{ audience, scope: SCOPE, subject_token: "the.cluster.token" },
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    });
    const inJson = { format: { type: "json", subject_token_field_name: "t" }, file: at.file("j", '{"t":"x"}') };
    const impersonating = {
      ...account,
      credential_source: inJson,
      service_account_impersonation_url: `${at.url}/impersonate`,
    };
    expect(await source(impersonating).current(soon())).toBe("another");
    expect(new URLSearchParams(at.seen[1]?.body).get("subject_token")).toBe("x");
    expect(at.seen[2]?.headers.get("authorization")).toBe("Bearer federated");
    expect(JSON.parse(at.seen[2]?.body ?? "")).toEqual({ scope: [SCOPE], lifetime: "3600s" });
  });

  test("what cannot be is said, with the receiver's reason and no secret", async () => {
    const aws = {
      type: "external_account",
      audience: "a",
      token_url: "u",
      subject_token_type: "s",
      credential_source: { environment_id: "aws1", url: "x" },
    };
    const rows: readonly (readonly [unknown, string])[] = [
      [aws, "unauthorized: credentials: credential_source names neither a file nor a URL"],
      [
        { type: "gdch_service_account" },
        'unauthorized: credentials: credentials of type "gdch_service_account" are not supported',
      ],
      [{ ...key(), private_key: "no key" }, "unauthorized: credentials: private_key is not an RSA key in PEM"],
      [{ ...key(), client_email: "" }, "unauthorized: credentials: client_email is missing"],
    ];
    for (const [credentials, said] of rows)
      expect(await refusalText(source(credentials).current(soon()))).toStartWith(said);
    expect(await refusalText(source(undefined, "/no/such.json").current(soon()))).toBe(
      "unauthorized: the credentials /no/such.json cannot be read: ENOENT",
    );
    at.answers(({ body }) => Response.json({ error: "invalid_grant", error_description: body }, { status: 400 }));
    const refused = await refusalText(source(key()).current(soon()));
    expect(refused).toContain("unauthorized: POST http://127.0.0.1");
    expect(refused).toContain("invalid_grant");
    at.answers(() => new Response("later", { status: 503 }));
    expect(await refusalText(source(key()).current(soon()))).toContain("unavailable: ");
    process.env.GCE_METADATA_HOST = "127.0.0.1:1";
    expect(await refusalText(source().current(soon()))).toStartWith("network: found no Google credentials");
  });

  test("a token is asked for once, kept until shortly before its end, and forgotten when it is refused", async () => {
    let now = 1_000_000;
    let asked = 0;
    const tokens = tokenSource(
      async () => ({ value: `token ${++asked}`, expiresAt: now + 3_600_000 }),
      () => now,
    );
    expect(await Promise.all([tokens.current(soon()), tokens.current(soon())])).toEqual(["token 1", "token 1"]);
    now += 3_600_000 - 225_001;
    expect(await tokens.current(soon())).toBe("token 1");
    now += 2;
    expect(await tokens.current(soon())).toBe("token 2");
    tokens.forget();
    expect(await tokens.current(soon())).toBe("token 3");
  });
});
