/** The image of Kubernetes Event Grid Bridge swapped for Petrel's: its environment, its port's path, its CloudEvents. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bridgeSamples } from "../friendly/bridge.ts";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const NODE_GROUP = "Kubernetes.Autoscaling.ClusterAutoscaler.V1.NodeGroup.ScaleOut";
const DEPLOYMENT = "Kubernetes.Autoscaling.Deployment.V1.Scale";

/** What the bridge made of a sample, by its sources. */
function expected({ type, data, event, body }: ReturnType<typeof bridgeSamples>[number]) {
  if (type === NODE_GROUP) {
    const { nodeGroup } = data as { readonly nodeGroup: { readonly name: string } };
    return {
      type,
      source: "http://kubernetes/autoscaling/cluster-autoscaler",
      subject: `/production/node-groups/${nodeGroup.name}`,
      data,
    };
  }
  if (type?.startsWith(DEPLOYMENT)) {
    const { namespace, name } = event.involvedObject;
    return {
      type,
      source: "http://kubernetes/core/controllers/deployment",
      subject: `/production/namespaces/${namespace}/deployments/${name}`,
      data,
    };
  }
  const { reason, message } = body as { readonly reason: string; readonly message: string };
  return {
    type: "Kubernetes.Events.Raw",
    source: "http://kubernetes",
    subject: "/production/",
    data: expect.objectContaining({ reason, message }),
  };
}

test("its environment alone: all kinds of its samples go through", async () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-bridge-"));
  const sent: Sent[] = [];
  const keys = new Set<string | null>();
  using topic = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      keys.add(request.headers.get("aeg-sas-key"));
      sent.push(...((await request.json()) as Sent[]));
      return new Response();
    },
  });
  const [port = 0] = await freePorts(1);
  const child = Bun.spawn([EXECUTABLE], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      EventGridBridge_EventGrid_Topic_Uri: `http://127.0.0.1:${topic.port}/api/events`,
      EventGridBridge_EventGrid_Topic_Key: "a2V5",
      EventGridBridge_Kubernetes_Cluster_Name: "production",
      ASPNETCORE_URLS: `https://+:1;http://127.0.0.1:${port}`,
      AzureWebJobsStorage: "UseDevelopmentStorage=true",
      FUNCTIONS_WORKER_RUNTIME: "dotnet",
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const words = new Response(child.stderr).text();
  try {
    const url = `http://127.0.0.1:${port}/api/kubernetes/events/forward`;
    await eventually("it listens", 10_000, async () => {
      if (child.exitCode !== null) return `it ended with ${child.exitCode}: ${await words}`;
      return (await fetch(url)).status === 405 ? undefined : "something else answers";
    });
    const samples = bridgeSamples();
    for (const { name, event, body } of samples) {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      expect([name, response.status, await response.text(), response.headers.get("x-event-id")]).toEqual([
        name,
        200,
        "",
        event.id,
      ]);
    }
    await eventually("all arrive", 10_000, () =>
      sent.length >= samples.length ? undefined : `${sent.length} of ${samples.length}`,
    );
    const byId = new Map(sent.map((one) => [one.id, one]));
    for (const sample of samples) {
      const { type, source, subject, data } = byId.get(sample.event.id) ?? {};
      expect({ name: sample.name, type, source, subject, data } as object).toEqual({
        name: sample.name,
        ...expected(sample),
      });
    }
    expect(byId.size).toBe(34);
    expect([...keys]).toEqual(["a2V5"]);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(await words).not.toContain("a2V5");
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
