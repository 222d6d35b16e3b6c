import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ApiError, createApiClient } from "../../src/kube/client.ts";
import { type Credentials, type LoadOptions, loadCredentials } from "../../src/kube/credentials.ts";
import { CredentialsError } from "../../src/kube/credentials-error.ts";
import { createExecPlugin } from "../../src/kube/exec-plugin.ts";
import { pem, recordingLogger, serveApi, TLS } from "./api-server.ts";

const MARK = "s3cr3t-mark";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const CA = { "certificate-authority-data": base64(pem("ca.crt")) };

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "petrel-kube-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let files = 0;
function write(content: string | object, name = `file-${++files}`): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** JSON is YAML. */
function kubeconfig(cluster: object, user: object, context: object = {}): object {
  return {
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "k", user: "u", ...context } }],
    clusters: [{ name: "k", cluster }],
    users: [{ name: "u", user }],
  };
}

function load(options: Partial<LoadOptions>): Promise<Credentials> {
  return loadCredentials({ env: {}, home: join(dir, "nobody"), logger: recordingLogger().logger, ...options });
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CredentialsError)) throw new Error(`wanted a CredentialsError, got ${Bun.inspect(error)}`);
  expect(Bun.inspect(error)).not.toContain(MARK);
  return error.message;
}

const get = (credentials: Credentials): Promise<unknown> =>
  createApiClient(credentials, { userAgent: "t" }).json("/version", { verb: "get", timeoutMs: 5000 });

/** `sh` that prints this credential; each run adds a line to `runs`. */
function plugin(status: object, extra: object = {}, apiVersion = "client.authentication.k8s.io/v1") {
  const answer = write({ kind: "ExecCredential", apiVersion, status });
  const runs = write("");
  return {
    answer,
    runs: () => Bun.file(runs).text(),
    exec: {
      apiVersion,
      command: "sh",
      args: ["-c", `echo "$KUBERNETES_EXEC_INFO" >> ${runs}; cat ${answer}`],
      ...extra,
    },
  };
}

describe("each way to prove who one is, against a TLS server", () => {
  const CERT = { "client-certificate-data": base64(pem("client.crt")), "client-key-data": base64(pem("client.key")) };
  const rows: [string, () => object, Record<string, string>, boolean][] = [
    ["client certificate, data", () => CERT, {}, true],
    [
      "client certificate, files",
      () => ({ "client-certificate": join(TLS, "client.crt"), "client-key": join(TLS, "client.key") }),
      {},
      true,
    ],
    ["token", () => ({ token: MARK }), { authorization: `Bearer ${MARK}` }, false],
    ["token file", () => ({ tokenFile: write(`${MARK}\n`) }), { authorization: `Bearer ${MARK}` }, false],
    [
      "token file before token",
      () => ({ token: "no", tokenFile: write(MARK) }),
      { authorization: `Bearer ${MARK}` },
      false,
    ],
    ["password", () => ({ username: "u", password: MARK }), { authorization: `Basic ${base64(`u:${MARK}`)}` }, false],
    ["exec token", () => ({ exec: plugin({ token: MARK }).exec }), { authorization: `Bearer ${MARK}` }, false],
    [
      "exec v1beta1",
      () => ({ exec: plugin({ token: MARK }, {}, "client.authentication.k8s.io/v1beta1").exec }),
      { authorization: `Bearer ${MARK}` },
      false,
    ],
    [
      "exec certificate",
      () => ({ exec: plugin({ clientCertificateData: pem("client.crt"), clientKeyData: pem("client.key") }).exec }),
      {},
      true,
    ],
    [
      "impersonation",
      () => ({ ...CERT, as: "jane", "as-uid": "7", "as-groups": ["dev"], "as-user-extra": { "acme.com/Team": ["x"] } }),
      {
        "impersonate-user": "jane",
        "impersonate-uid": "7",
        "impersonate-group": "dev",
        "impersonate-extra-acme.com%2fteam": "x",
      },
      true,
    ],
    ["nothing", () => ({}), {}, false],
  ];
  for (const [name, user, headers, needsCertificate] of rows) {
    test(name, async () => {
      using server = serveApi(() => Response.json({}), needsCertificate ? { clientCa: pem("ca.crt") } : {});
      const path = write(kubeconfig({ server: server.url, ...CA }, user()));
      const credentials = await load({ kubeconfig: path });
      await get(credentials);
      const sent = Object.fromEntries(server.requests[0]?.headers ?? []);
      const shown = Object.keys(sent).filter((key) => key === "authorization" || key.startsWith("impersonate"));
      expect(Object.fromEntries(shown.map((key) => [key, sent[key]]))).toEqual(headers);
      expect(credentials.source).toBe(`kubeconfig ${path}, context c`);
    });
  }
});

describe("the server's identity", () => {
  const rows: [string, object, object, "ok" | string][] = [
    ["CA file", { "certificate-authority": join(TLS, "ca.crt") }, {}, "ok"],
    ["CA bundle", { "certificate-authority-data": base64(pem("other-ca.crt") + pem("ca.crt")) }, {}, "ok"],
    ["wrong CA", { "certificate-authority": join(TLS, "other-ca.crt") }, {}, "authority that is not trusted"],
    ["no CA", {}, {}, "authority that is not trusted"],
    ["tls-server-name", { ...CA, "tls-server-name": "kubernetes.test" }, {}, "ok"],
    ["wrong tls-server-name", { ...CA, "tls-server-name": "other.test" }, {}, "for another name"],
    ["insecure", { "insecure-skip-tls-verify": true }, {}, "ok"],
    [
      "client certificate of a stranger",
      CA,
      { "client-certificate": join(TLS, "other-client.crt"), "client-key": join(TLS, "other-client.key") },
      "cannot reach",
    ],
  ];
  for (const [name, cluster, user, wanted] of rows) {
    test(name, async () => {
      using server = serveApi(() => Response.json({}), "client-key" in user ? { clientCa: pem("ca.crt") } : {});
      const { logger, lines } = recordingLogger();
      const path = write(kubeconfig({ server: server.url, ...cluster }, user));
      const result = await get(await load({ kubeconfig: path, logger })).catch((error: unknown) => error);
      if (wanted === "ok") expect(result).toEqual({});
      else expect(result instanceof ApiError ? result.message : result).toContain(wanted);
      expect(lines.filter(({ level }) => level === "warn").map(({ message }) => message.split(":")[0])).toEqual(
        name === "insecure" ? ["insecure-skip-tls-verify"] : [],
      );
    });
  }
});

test("proxy-url: the connection is made through it", async () => {
  using server = serveApi(() => Response.json({}));
  const asked: string[] = [];
  const proxy: Server = createServer((socket) => {
    socket.once("data", (head) => {
      asked.push(head.toString().split("\r\n")[0] ?? "");
      const onward = connect(server.port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(onward).pipe(socket);
      });
      onward.on("error", () => socket.destroy());
    });
    socket.on("error", () => {});
  });
  const listening = Promise.withResolvers<void>();
  proxy.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = proxy.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const path = write(
    kubeconfig({ server: server.url, ...CA, "proxy-url": `http://127.0.0.1:${port}` }, { token: "t" }),
  );
  await get(await load({ kubeconfig: path, env: { NO_PROXY: "127.0.0.1" } }));
  expect(asked).toEqual([`CONNECT 127.0.0.1:${server.port} HTTP/1.1`]);
  proxy.close();
});

describe("a file that changes", () => {
  test("is read again after a minute, after a 401 at once, and its last text outlives it", async () => {
    const file = write("one");
    let now = 0;
    const { logger, lines } = recordingLogger();
    const path = write(kubeconfig({ server: "https://127.0.0.1:1", ...CA }, { tokenFile: file }));
    const credentials = await load({ kubeconfig: path, now: () => now, logger });
    const token = async () => (await credentials.request()).headers.authorization;
    const first = await credentials.request();
    expect(await credentials.request()).toBe(first);
    writeFileSync(file, "two");
    now = 59_999;
    expect(await token()).toBe("Bearer one");
    now = 60_000;
    expect(await token()).toBe("Bearer two");
    writeFileSync(file, "three");
    expect(await token()).toBe("Bearer two");
    credentials.invalidate();
    expect(await token()).toBe("Bearer three");
    rmSync(file);
    credentials.invalidate();
    expect(await token()).toBe("Bearer three");
    expect(lines.map(({ message }) => message)).toEqual([
      `cannot read the token of user "u" from ${file}: no such file; keeping what was read before`,
    ]);
  });

  test("a token that was replaced heals a 401 within the request", async () => {
    const file = write("old");
    using server = serveApi((request) =>
      request.headers.get("authorization") === "Bearer new" ? Response.json({}) : new Response("", { status: 401 }),
    );
    const credentials = await load({
      kubeconfig: write(kubeconfig({ server: server.url, ...CA }, { tokenFile: file })),
    });
    writeFileSync(file, "new");
    expect(await get(credentials)).toEqual({});
  });
});

describe("in cluster", () => {
  const account = (files: Record<string, string>): string => {
    const folder = mkdtempSync(join(dir, "sa-"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  };

  test("address, CA, namespace and token come from the pod", async () => {
    using server = serveApi(() => Response.json({}));
    const credentials = await load({
      env: {
        KUBERNETES_SERVICE_HOST: "127.0.0.1",
        KUBERNETES_SERVICE_PORT: String(server.port),
        KUBECONFIG: "/nowhere",
      },
      serviceAccountDir: account({ token: "t1", "ca.crt": pem("ca.crt"), namespace: "monitoring\n" }),
    });
    await get(credentials);
    expect(credentials).toMatchObject({ server: server.url, namespace: "monitoring", source: "in cluster" });
    expect(server.requests[0]?.headers.get("authorization")).toBe("Bearer t1");
  });

  test("without a CA the system's authorities are trusted, and that is said", async () => {
    const { logger, lines } = recordingLogger();
    const credentials = await load({
      env: { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" },
      serviceAccountDir: account({ token: "t1" }),
      logger,
    });
    expect(credentials.server).toBe("https://[fd00::1]:443");
    expect((await credentials.request()).tls).toEqual({});
    expect(lines[0]?.message).toContain("ca.crt: no such file; trusting the system's authorities instead");
  });

  test("-kubeconfig goes before it", async () => {
    const path = write(kubeconfig({ server: "https://127.0.0.1:1" }, {}));
    const credentials = await load({
      kubeconfig: path,
      env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "2" },
      serviceAccountDir: account({ token: "t1" }),
    });
    expect(credentials.source).toBe(`kubeconfig ${path}, context c`);
  });

  test("a context that is named goes before it", async () => {
    const credentials = await load({
      context: "c",
      env: {
        KUBERNETES_SERVICE_HOST: "127.0.0.1",
        KUBERNETES_SERVICE_PORT: "2",
        KUBECONFIG: write(kubeconfig({ server: "https://named.test" }, {})),
      },
      serviceAccountDir: account({ token: "t1" }),
    });
    expect(credentials.server).toBe("https://named.test");
  });

  test("a pod without a token is told what it lacks", async () => {
    const options = {
      env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "2" },
      serviceAccountDir: account({}),
    };
    expect(await messageOf(load(options))).toContain("set automountServiceAccountToken: true");
  });
});

describe("KUBECONFIG and ~/.kube/config", () => {
  test("a list merges as kubectl merges: the first entry of a name, the first current-context, paths beside their file", async () => {
    const first = write(
      {
        clusters: [{ name: "k", cluster: { server: "https://first.test" } }],
        users: [{ name: "v", user: { token: "v" } }],
      },
      "one/config",
    );
    write("beside", "two/token");
    const second = write(
      {
        "current-context": "c",
        clusters: [{ name: "k", cluster: { server: "https://second.test", "tls-server-name": "x" } }],
        contexts: [{ name: "c", context: { cluster: "k", user: "u", namespace: "shop" } }],
        users: [{ name: "u", user: { tokenFile: "token" } }],
      },
      "two/config",
    );
    const third = write(
      { "current-context": "d", contexts: [{ name: "d", context: { cluster: "k", user: "v" } }] },
      "three/config",
    );
    const env = { KUBECONFIG: `${first}::${join(dir, "missing")}:${second}:${third}` };
    const credentials = await load({ env });
    expect(credentials).toMatchObject({ server: "https://first.test", namespace: "shop" });
    expect(await credentials.request()).toEqual({
      headers: { authorization: "Bearer beside" },
      tls: {},
      proxy: undefined,
    });
    const other = await load({ env, context: "d" });
    expect(other.namespace).toBe("default");
    expect((await other.request()).headers).toEqual({ authorization: "Bearer v" });
  });

  test("k3s and microk8s, when nothing else is there", async () => {
    const path = write(kubeconfig({ server: "https://node.test/" }, {}), "k3s.yaml");
    const distributions = [join(dir, "none.yaml"), path];
    expect(await load({ distributions })).toMatchObject({
      server: "https://node.test",
      source: `kubeconfig ${path}, context c`,
    });
    const home = write(kubeconfig({ server: "https://home.test/" }, {}), "at-home/.kube/config");
    expect(await load({ distributions, home: join(dir, "at-home") })).toMatchObject({
      source: `kubeconfig ${home}, context c`,
    });
  });

  test("~/.kube/config comes last", async () => {
    const path = write(kubeconfig({ server: "https://home.test/" }, {}), "home/.kube/config");
    expect(await load({ home: join(dir, "home"), env: { KUBECONFIG: "" } })).toMatchObject({
      server: "https://home.test",
      source: `kubeconfig ${path}, context c`,
    });
  });

  test("a bare server address is https when there are TLS settings", async () => {
    const server = async (cluster: object) => (await load({ kubeconfig: write(kubeconfig(cluster, {})) })).server;
    expect(await server({ server: "k.test:6443", ...CA })).toBe("https://k.test:6443");
    expect(await server({ server: "k.test:8080" })).toBe("http://k.test:8080");
    expect(await server({ server: "https://r.test/k8s/clusters/c-1/" })).toBe("https://r.test/k8s/clusters/c-1");
  });

  test("secrets in clear text over the network are said", async () => {
    const { logger, lines } = recordingLogger();
    await load({ kubeconfig: write(kubeconfig({ server: "http://k.test" }, { token: MARK })), logger });
    await load({ kubeconfig: write(kubeconfig({ server: "http://127.0.0.1" }, { token: MARK })), logger });
    expect(lines.map(({ message }) => message)).toEqual(["credentials go to http://k.test in clear text"]);
  });
});

describe("exec plugins", () => {
  test("get arguments, environment and cluster, are run once while the credential is good, and renewed before it ends", async () => {
    let now = Date.parse("2030-01-01T00:00:00Z");
    const { exec, runs, answer } = plugin(
      { token: "one", expirationTimestamp: "2030-01-01T01:00:00Z" },
      { provideClusterInfo: true, env: [{ name: "EXTRA", value: "e" }] },
    );
    const path = write(
      kubeconfig(
        {
          server: "https://k.test:6443/x",
          ...CA,
          "tls-server-name": "n",
          extensions: [{ name: "client.authentication.k8s.io/exec", extension: { audience: "a" } }],
        },
        { exec },
      ),
    );
    const credentials = await load({ kubeconfig: path, env: { PATH: Bun.env.PATH }, now: () => now });
    const token = async () => (await credentials.request()).headers.authorization;
    expect(await Promise.all([token(), token()])).toEqual(["Bearer one", "Bearer one"]);
    expect(await token()).toBe("Bearer one");
    expect(JSON.parse(await runs())).toEqual({
      kind: "ExecCredential",
      apiVersion: "client.authentication.k8s.io/v1",
      spec: {
        interactive: false,
        cluster: {
          server: "https://k.test:6443/x",
          "tls-server-name": "n",
          "certificate-authority-data": CA["certificate-authority-data"],
          config: { audience: "a" },
        },
      },
    });

    writeFileSync(answer, "");
    now = Date.parse("2030-01-01T00:59:30Z");
    expect(await token()).toBe("Bearer one");
    now = Date.parse("2030-01-01T01:00:00Z");
    expect(await token().catch((error: unknown) => String(error))).toBe(
      'CredentialsError: the exec plugin "sh" of user "u" printed 0 characters that are no JSON; wanted an ExecCredential',
    );
    expect((await runs()).trim().split("\n").length).toBe(3);
  });

  test("run again after a 401, but not more often than every ten seconds", async () => {
    let now = 0;
    const { exec, runs } = plugin({ token: "one" });
    const path = write(kubeconfig({ server: "https://k.test" }, { exec }));
    const credentials = await load({ kubeconfig: path, env: Bun.env, now: () => now });
    const times = async () => {
      await credentials.request();
      return (await runs()).trim().split("\n").length;
    };
    expect(await times()).toBe(1);
    now = 3_600_000;
    expect(await times()).toBe(1);
    credentials.invalidate();
    expect(await times()).toBe(2);
    credentials.invalidate();
    expect(await times()).toBe(2);
    now += 10_000;
    expect(await times()).toBe(3);
  });

  test("a command with a slash is found beside its kubeconfig", async () => {
    const script = write(
      `#!/bin/sh\necho '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$1$EXTRA'"}}'`,
      "plug/bin/login",
    );
    chmodSync(script, 0o755);
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./bin/login",
      args: ["a"],
      env: [{ name: "EXTRA", value: "b" }],
    };
    const path = write(kubeconfig({ server: "https://k.test" }, { exec }), "plug/config");
    const credentials = await load({ kubeconfig: path, env: Bun.env });
    expect((await credentials.request()).headers).toEqual({ authorization: "Bearer ab" });
  });

  test("one that hangs is ended, with what it started", async () => {
    const pid = write("");
    const hanging = createExecPlugin({
      config: {
        user: "u",
        apiVersion: "client.authentication.k8s.io/v1",
        command: "sh",
        args: ["-c", `sleep 60 & echo $! > ${pid}; wait`],
        env: {},
        installHint: undefined,
        provideClusterInfo: false,
      },
      cluster: {
        name: "k",
        server: "https://k.test",
        tlsServerName: undefined,
        insecureSkipTlsVerify: false,
        ca: undefined,
        proxyUrl: undefined,
        execConfig: undefined,
      },
      ca: undefined,
      env: Bun.env,
      now: Date.now,
      logger: recordingLogger().logger,
      timeoutMs: 300,
    });
    expect(await messageOf(Promise.resolve(hanging.get()))).toBe(
      'the exec plugin "sh" of user "u" gave no answer within 0.3 s',
    );
    const sleeper = Number(await Bun.file(pid).text());
    expect(sleeper).toBeGreaterThan(0);
    // A killed orphan may wait for init as a zombie.
    const state = async () =>
      Bun.file(`/proc/${sleeper}/stat`)
        .text()
        .catch(() => ") Z ");
    for (let i = 0; i < 100 && !(await state()).includes(") Z "); i++) await Bun.sleep(5);
    expect(await state()).toContain(") Z ");
  });

  test("ends with Petrel when it hangs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "petrel-plugin-"));
    try {
      const started = join(folder, "pid");
      const exec = { ...plugin({}).exec, args: ["-c", `echo $$ > ${started}; exec sleep 60`] };
      const kubeconfigFile = write(kubeconfig({ server: "https://k.test" }, { exec }));
      const script = `
        import { existsSync } from "node:fs";
        import { loadCredentials } from "./src/kube/credentials.ts";
        import { createLogger } from "./src/logger.ts";
        const logger = createLogger({ level: "error", format: "json" });
        const credentials = await loadCredentials({ kubeconfig: ${JSON.stringify(kubeconfigFile)}, env: process.env, logger });
        credentials.request();
        while (!existsSync(${JSON.stringify(started)})) await Bun.sleep(5);
        process.exit(0);`;
      const child = Bun.spawn([process.execPath, "-e", script], { cwd: join(import.meta.dir, "../..") });
      expect(await child.exited).toBe(0);
      const state = async () =>
        Bun.file(`/proc/${(await Bun.file(started).text()).trim()}/stat`)
          .text()
          .catch(() => ") Z ");
      for (let i = 0; i < 100 && !(await state()).includes(") Z "); i++) await Bun.sleep(5);
      expect(await state()).toContain(") Z ");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const rows: [string, object, string][] = [
    [
      "not installed",
      { command: "petrel-no-such-plugin", installHint: "install it\nwith care" },
      'cannot start the exec plugin "petrel-no-such-plugin" of user "u": no such file; install it with care',
    ],
    [
      "fails",
      { args: ["-c", "echo not logged in >&2; exit 3"] },
      'the exec plugin "sh" of user "u" failed with exit code 3: not logged in',
    ],
    [
      "prints its environment",
      { env: [{ name: "PIN", value: MARK }], args: ["-c", "env | grep PIN >&2; exit 3"] },
      "exit code 3: PIN=[secret]",
    ],
    ["no JSON", { args: ["-c", `echo ${MARK}`] }, "printed 12 characters that are no JSON"],
    ["other kind", { args: ["-c", `echo '{"kind":"List","apiVersion":"v1"}'`] }, 'printed kind "List" of "v1"; wanted'],
    ["no status", { exec: {} }, "without status.token and status.clientCertificateData"],
    ["half a pair", { exec: { clientCertificateData: MARK } }, "of which one is missing"],
    [
      "expired",
      { exec: { token: MARK, expirationTimestamp: "2020-01-01T00:00:00Z" } },
      "expired at 2020-01-01T00:00:00Z; log in again with it, or check the clocks",
    ],
    ["token with a space", { exec: { token: `${MARK} x` } }, "has spaces, line breaks or other characters"],
    ["no time", { exec: { token: MARK, expirationTimestamp: "soon" } }, "expirationTimestamp that is no time"],
  ];
  for (const [name, extra, wanted] of rows) {
    test(name, async () => {
      const exec = "exec" in extra ? plugin(extra.exec as object).exec : { ...plugin({}).exec, ...extra };
      const credentials = await load({
        kubeconfig: write(kubeconfig({ server: "https://k.test" }, { exec })),
        env: Bun.env,
      });
      expect(await messageOf(credentials.request())).toContain(wanted);
    });
  }
});

describe("mistakes", () => {
  const cluster = { server: "https://k.test" };
  const whole = kubeconfig(cluster, {});
  const rows: [string, string | object, string][] = [
    ["not YAML", `users: [{token: ${MARK}`, "is not valid YAML: Unexpected token"],
    ["a list", "- a", "its top level is no map"],
    ["empty", "", "has no current-context; set one (kubectl config use-context NAME); it has no contexts at all"],
    ["no current-context", { ...whole, "current-context": "" }, "use-context NAME); its contexts: c"],
    ["unknown context", { ...whole, "current-context": "d" }, 'has no context "d"; its contexts: c'],
    ["unknown cluster", { ...whole, clusters: [] }, 'context "c" names cluster "k", which is not there'],
    [
      "unknown user",
      { ...whole, users: [{ name: "w", user: {} }] },
      'names user "u", which is not there; its users: w',
    ],
    ["twice", { ...whole, users: [{ name: "u" }, { name: "u" }] }, 'users has two entries named "u"'],
    ["no server", kubeconfig({}, {}), 'cluster "k" has no server'],
    ["server of another kind", kubeconfig({ server: "ftp://k.test" }, {}), "server is no http or https URL"],
    ["number for a token", kubeconfig(cluster, { token: 12345 }), "token is no text; put it in quotes"],
    ["CA missing", kubeconfig({ ...cluster, "certificate-authority": "ca.pem" }, {}), "ca.pem: no such file"],
    ["CA a folder", kubeconfig({ ...cluster, "certificate-authority": "/tmp" }, {}), "/tmp: it is a directory"],
    [
      "CA no PEM",
      kubeconfig({ ...cluster, "certificate-authority": join(TLS, "README.md") }, {}),
      "holds no PEM certificate",
    ],
    [
      "CA data no base64",
      kubeconfig({ ...cluster, "certificate-authority-data": MARK }, {}),
      "is not base64 of PEM text",
    ],
    [
      "CA and insecure",
      kubeconfig({ ...cluster, ...CA, "insecure-skip-tls-verify": true }, {}),
      "has both a certificate-authority and insecure-skip-tls-verify: true; remove the latter",
    ],
    [
      "key for a certificate",
      kubeconfig(cluster, { "client-certificate": join(TLS, "client.key"), "client-key": join(TLS, "client.key") }),
      "holds no PEM certificate",
    ],
    [
      "key missing",
      kubeconfig(cluster, { "client-certificate": join(TLS, "client.crt") }),
      "has a client-certificate but no client-key",
    ],
    [
      "auth-provider",
      kubeconfig(cluster, { "auth-provider": { name: "gcp", config: { "access-token": MARK } } }),
      'user "u" uses the auth-provider "gcp", which Kubernetes has removed (1.26); use an exec plugin instead (gke-gcloud-auth-plugin)',
    ],
    ["socks proxy", kubeconfig({ ...cluster, "proxy-url": "socks5://p:1" }, {}), 'proxy-url has the scheme "socks5"'],
    [
      "exec v1alpha1",
      kubeconfig(cluster, { exec: { apiVersion: "client.authentication.k8s.io/v1alpha1", command: "x" } }),
      'exec.apiVersion is "client.authentication.k8s.io/v1alpha1"; it must be',
    ],
    [
      "exec that asks",
      kubeconfig(cluster, {
        exec: { apiVersion: "client.authentication.k8s.io/v1", command: "x", interactiveMode: "Always" },
      }),
      "exec.interactiveMode is Always, but there is nobody to answer",
    ],
    [
      "token of two lines",
      kubeconfig(cluster, { token: `${MARK}\n${MARK}` }),
      'token of user "u" has spaces, line breaks',
    ],
    ["several groups", kubeconfig(cluster, { as: "a", "as-groups": ["b", "c"] }), "as-groups has several groups"],
    [
      "token and password",
      kubeconfig(cluster, { token: MARK, username: "a" }),
      "has both username and token; keep one",
    ],
  ];
  for (const [name, content, wanted] of rows) {
    test(name, async () => {
      expect(await messageOf(load({ kubeconfig: write(content) }))).toContain(wanted);
    });
  }

  test("no file", async () => {
    const missing = join(dir, "missing");
    expect(await messageOf(load({ kubeconfig: missing }))).toBe(`cannot read kubeconfig ${missing}: no such file`);
    expect(await messageOf(load({ env: { KUBECONFIG: missing } }))).toBe(
      `cannot read kubeconfig ${missing}: no such file`,
    );
    expect(await messageOf(load({}))).toBe(
      `found no credentials: not in a pod, KUBECONFIG is not set, and there is no ${join(dir, "nobody/.kube/config")}; name a file with -kubeconfig`,
    );
  });
});
