/** The image of eventrouter swapped for Petrel's: its flags, its config.json, its lines and frames, its counters. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { anEventInput } from "../harness.ts";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";

async function openRouter(config: object) {
  const folder = mkdtempSync(join(tmpdir(), "petrel-router-"));
  const api = await createApiServer();
  const kubeconfig = join(folder, "kubeconfig");
  await Bun.write(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: api.url } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: {} }],
      "current-context": "c",
    }),
  );
  await Bun.write(join(folder, "router.json"), JSON.stringify(config));
  const [port = 0] = await freePorts(1);
  const child = Bun.spawn([EXECUTABLE, "-v", "3", "-logtostderr", `-listen-address=127.0.0.1:${port}`], {
    cwd: folder,
    env: { PATH: process.env.PATH, KUBECONFIG: kubeconfig, EVENTROUTER_CONFIG: join(folder, "router.json") },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const words = new Response(child.stderr).text();
  const lines: string[] = [];
  const reading = (async () => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    }
  })();
  await eventually("it watches", 10_000, async () => {
    if (child.exitCode !== null) return `it ended with ${child.exitCode}: ${await words}`;
    return (await fetch(`http://127.0.0.1:${port}/-/ready`)).status === 200 ? undefined : "not ready";
  });
  return {
    api,
    lines,
    metrics: async () => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    async stop(): Promise<number> {
      child.kill("SIGTERM");
      const code = await child.exited;
      await reading;
      return code;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test("stdout under a key, each state once, counted by type, and exit code 0", async () => {
  await using router = await openRouter({ sink: "stdout", stdoutJSONNamespace: "k8s", "resync-interval": "1s" });
  router.api.put(anEventInput({ metadata: { name: "one", namespace: "shop" }, reason: "BackOff", type: "Warning" }));
  router.api.update("shop", "one", { count: 2 });
  router.api.put(anEventInput({ reason: "Pulled", type: "Normal" }));
  await eventually("three lines", 10_000, () => (router.lines.length === 3 ? undefined : `${router.lines.length}`));
  const said = router.lines.map((line) => (JSON.parse(line) as { readonly k8s: Record<string, never> }).k8s);
  expect(said).toMatchObject([
    { verb: "ADDED", event: { reason: "BackOff", count: 1 } },
    { verb: "UPDATED", event: { count: 2 }, old_event: { count: 1 } },
    { verb: "ADDED", event: { reason: "Pulled" } },
  ]);
  expect(Object.keys(said[1] ?? {})).toEqual(["verb", "event", "old_event"]);
  let text = "";
  const count = (name: string, reason: string): number =>
    Number(new RegExp(`^heptio_eventrouter_${name}_total\\{.*reason="${reason}".*\\} (\\d+)$`, "m").exec(text)?.[1]);
  await eventually("they are counted", 5_000, async () => {
    text = await router.metrics();
    return count("warnings", "BackOff") === 2 && count("normal", "Pulled") === 1 ? undefined : text;
  });
  expect(text).toMatch(/^heptio_eventrouter_warnings_total\{.*involved_object_kind="Pod".*\}/m);
  expect(text).toMatch(/^heptio_eventrouter_warnings_total\{.*source="node-1".*\}/m);
  expect(await router.stop()).toBe(0);
}, 60_000);

test("http: frames, one after the other, in a body", async () => {
  let body = "";
  using far = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      body += await request.text();
      return new Response();
    },
  });
  await using router = await openRouter({ sink: "http", httpSinkUrl: `http://127.0.0.1:${far.port}/sink` });
  for (let n = 0; n < 20; n++) router.api.put(anEventInput({ message: `mëssage ${n}` }));
  const messages = (): readonly string[] => {
    const bytes = Buffer.from(body);
    const found: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(" ", at);
      const end = space + 1 + Number(bytes.subarray(at, space).toString());
      const frame = bytes.subarray(space + 1, end).toString();
      const [, json = "null"] = /^<24>1 \S+ node-1 kubelet - - - (\{.*\})$/.exec(frame) ?? [];
      found.push((JSON.parse(json) as { readonly event?: { readonly message: string } })?.event?.message ?? frame);
      // The sample receiver of the original reads the counted bytes, and throws one more away.
      expect(bytes[end]).toBe(0x0a);
      at = end + 1;
    }
    return found;
  };
  await eventually("twenty frames", 10_000, () => (messages().length === 20 ? undefined : body.slice(-200)));
  expect(messages()).toEqual(Array.from({ length: 20 }, (_, n) => `mëssage ${n}`));
  expect(await router.stop()).toBe(0);
}, 60_000);
