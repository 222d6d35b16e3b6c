/** Who misuses the port that events are posted to is told so, and neither memory nor the watch pays for it. */
import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createApiServer } from "../../src/demo/api-server.ts";
import { anEventInput } from "../harness.ts";
import { core } from "../sources/posted.ts";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";
import { startExecutable } from "./executable.ts";

const JSON_TYPE = { "content-type": "application/json" };
const MAX_RSS_MB = 110;
const PER_SECOND = 100;

async function openScene() {
  const folder = await mkdtemp(join(tmpdir(), "petrel-door-"));
  const api = await createApiServer();
  const arrived = new Map<string, number>();
  const far = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { message } = (await request.json()) as { readonly message: string };
      arrived.set(message, performance.now());
      return new Response();
    },
  });
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
  const [port = 0] = await freePorts(1);
  const petrel = await startExecutable(
    folder,
    {
      sources: ["kubernetes", "http"],
      // As many new objects a second as here are more than are looked up.
      omitLookup: true,
      http: { address: `127.0.0.1:${port}` },
      route: { match: [{ receiver: "out" }] },
      receivers: [{ name: "out", webhook: { endpoint: `http://127.0.0.1:${far.port}/` } }],
    },
    kubeconfig,
  );
  const latencies: number[] = [];
  let written = 0;
  let peak = 0;
  /** Writes to the API server at a steady pace while `act` goes on, and watches the memory. */
  async function meanwhile(act: () => Promise<void>): Promise<void> {
    const sent = new Map<string, number>();
    const begun = performance.now();
    let count = 0;
    const load = setInterval(() => {
      while (count < ((performance.now() - begun) / 1_000) * PER_SECOND) {
        count++;
        const message = `watched ${written++}`;
        sent.set(message, performance.now());
        api.put(anEventInput({ message }));
      }
    }, 5);
    const look = setInterval(async () => {
      const status = await readFile(`/proc/${petrel.pid}/status`, "utf8").catch(() => "");
      peak = Math.max(peak, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024);
    }, 50);
    await act();
    clearInterval(load);
    await eventually("what was watched arrives", 20_000, () => {
      const missing = [...sent.keys()].filter((message) => !arrived.has(message));
      return missing.length === 0 ? undefined : `${missing.length} of ${sent.size} are missing`;
    });
    clearInterval(look);
    for (const [message, at] of sent) latencies.push((arrived.get(message) ?? 0) - at);
  }
  return {
    port,
    url: `http://127.0.0.1:${port}/events`,
    petrel,
    arrived,
    meanwhile,
    peak: () => peak,
    /** Milliseconds; the latencies begin anew. */
    percentile(share: number): number {
      const sorted = latencies.splice(0).sort((a, b) => a - b);
      return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
    },
    async [Symbol.asyncDispose]() {
      await petrel.stop();
      await far.stop(true);
      await api.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The status of the answer to what is written as it is. */
async function raw(port: number, pieces: readonly (string | Uint8Array)[], everyMs = 0): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let open = true;
  let drained = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, data) => resolve(/^HTTP\/1.1 (\d+)/.exec(Buffer.from(data).toString("latin1"))?.[1] ?? ""),
      drain: () => drained.resolve(),
      error: () => {},
      close() {
        open = false;
        drained.resolve();
        resolve("closed");
      },
    },
  });
  for (const piece of pieces) {
    let rest = Buffer.from(piece);
    while (open && rest.length > 0) {
      drained = Promise.withResolvers();
      const count = socket.write(rest);
      if (count < 0) break;
      rest = rest.subarray(count);
      if (rest.length > 0) await Promise.race([drained.promise, Bun.sleep(100)]);
    }
    if (everyMs > 0) await Bun.sleep(everyMs);
  }
  const first = await Promise.race([promise, Bun.sleep(40_000).then(() => "nothing")]);
  socket.end();
  return first;
}

const head = (length: number | "chunked", more = ""): string =>
  `POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}${length === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`}\r\n\r\n`;

test("hostile posts: a clear status, bounded memory, and the watch goes on", async () => {
  await using scene = await openScene();
  const { port, url } = scene;
  const post = async (body: string | Uint8Array, headers: Record<string, string> = {}): Promise<number> => {
    const response = await fetch(url, { method: "POST", headers: { ...JSON_TYPE, ...headers }, body });
    await response.arrayBuffer();
    return response.status;
  };
  await scene.meanwhile(() => Bun.sleep(2_000));
  const calm = scene.percentile(0.99);

  const megabyte = Buffer.alloc(1024 * 1024, 0x61);
  const chunk = Buffer.concat([Buffer.from("100000\r\n"), megabyte, Buffer.from("\r\n")]);
  const bomb = gzipSync(Buffer.alloc(100_000_000, 0x20));
  const deep = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;
  const answers: Record<string, unknown> = {};
  await scene.meanwhile(async () => {
    answers.declared = await raw(port, [head(100_000_000), ...Array.from({ length: 100 }, () => megabyte)]);
    answers.chunked = await raw(port, [head("chunked"), ...Array.from({ length: 100 }, () => chunk)]);
    answers.bomb = await post(bomb, { "content-encoding": "gzip" });
    answers.deep = await post(deep);
    answers.utf8 = await post(new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]));
    // Slow ones stand by while 1,000 post at once.
    const slow = Array.from({ length: 100 }, () => raw(port, [head(1_000_000), ..."{".repeat(20)], 100));
    const statuses = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => post(JSON.stringify(core(n, { message: `posted ${n}` })))),
    );
    answers.parallel = [...new Set(statuses)];
    answers.slow = [...new Set(await Promise.all(slow))].sort();
    const large = JSON.stringify(Array.from({ length: 4_000 }, (_, n) => core(n)));
    answers.large = [...new Set(await Promise.all(Array.from({ length: 100 }, () => post(large))))].sort();
  });
  const attacked = scene.percentile(0.99);
  process.stderr.write(
    `watch p99 ${calm.toFixed(1)} ms alone, ${attacked.toFixed(1)} ms under attack; RSS ${scene.peak().toFixed(1)} MB at most\n`,
  );
  expect(answers).toEqual({
    declared: "413",
    chunked: "413",
    bomb: 413,
    deep: 400,
    utf8: 400,
    parallel: [200],
    // Those beyond what may be held at once are told to come again.
    large: [200, 429],
    slow: ["408", "429"],
  });
  expect(
    Array.from({ length: 1_000 }, (_, n) => `posted ${n}`).filter((message) => !scene.arrived.has(message)),
  ).toEqual([]);
  expect(scene.peak()).toBeLessThan(MAX_RSS_MB);
}, 120_000);
