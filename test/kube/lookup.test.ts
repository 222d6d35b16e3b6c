/** Credentials, client, discovery and look-ups together, against the simulated API server over TLS. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { createApiClient } from "../../src/kube/client.ts";
import { loadCredentials } from "../../src/kube/credentials.ts";
import { createDiscovery } from "../../src/kube/discovery.ts";
import { createEnricher } from "../../src/kube/enrich.ts";
import { countingMetrics, pem, recordingLogger, TLS } from "./api-server.ts";

const UID = "11111111-2222-4333-8444-555555555555";

test("a pod's metadata is found with client certificate and token, also after the token was changed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "petrel-lookup-"));
  const server = await createApiServer({
    tls: { key: pem("server.key"), cert: pem("server.crt"), ca: pem("ca.crt") },
    brokenGroups: ["apps"],
  });
  try {
    server.requireToken("first");
    const object = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web-0", namespace: "shop", uid: UID, labels: { app: "web" } },
    };
    server.putObject(object);
    writeFileSync(join(dir, "token"), "first");
    writeFileSync(
      join(dir, "config"),
      `
current-context: demo
contexts: [{name: demo, context: {cluster: demo, user: me}}]
clusters:
- name: demo
  cluster:
    server: ${server.url}
    certificate-authority: ${join(TLS, "ca.crt")}
users:
- name: me
  user:
    client-certificate: ${join(TLS, "client.crt")}
    client-key: ${join(TLS, "client.key")}
    tokenFile: token
`,
    );
    const { logger } = recordingLogger();
    const { metrics, values } = countingMetrics();
    const credentials = await loadCredentials({ kubeconfig: join(dir, "config"), env: {}, logger });
    const client = createApiClient(credentials, { userAgent: "t", metrics });
    const enricher = createEnricher({
      client,
      discovery: createDiscovery({ client, logger }),
      logger,
      metrics,
      reads: { hits: { value: 0 }, misses: { value: 0 } },
      ttlMs: 0,
      negativeTtlMs: 0,
    });
    const pod = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web-0", uid: UID };
    expect(await enricher.lookup(pod)).toEqual({ labels: { app: "web" }, deleted: false });

    server.requireToken("second");
    writeFileSync(join(dir, "token"), "second");
    expect(await enricher.lookup(pod)).toEqual({ labels: { app: "web" }, deleted: false });

    server.removeObject(object);
    expect(await enricher.lookup(pod)).toEqual({ labels: { app: "web" }, deleted: true });

    const scale = { apiVersion: "apps/v1", kind: "Scale", namespace: "shop", name: "x" };
    expect(await enricher.lookup(scale)).toBeUndefined();
    expect(values()).toMatchObject({
      'petrel_lookups_total{result="found"}': 2,
      'petrel_lookups_total{result="deleted"}': 1,
      'petrel_lookups_total{result="failed"}': 1,
      'petrel_kube_api_requests_total{verb="get",code="401"}': 1,
      'petrel_kube_api_requests_total{verb="discover",code="503"}': 1,
    });
    enricher.close();
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true });
  }
});
