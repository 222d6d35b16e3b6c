/**
 * Petrels at the edge forward to a central one, and either side is killed: nothing is lost, the central log takes each id
 * once, and its receiver gets nothing twice but what was on no record yet.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, createApiServer } from "../../src/demo/api-server.ts";
import { eventually } from "../e2e/eventually.ts";
import { anEventInput } from "../harness.ts";
import { seeded } from "../pipeline/virtual-time.ts";
import { freePorts } from "../testbed/process.ts";
import { type ChaosProcess, startChaosProcess } from "./process.ts";
import { JOURNAL } from "./setups.ts";

const TOKEN = "s3cret";
const PER_SECOND = 200;
const RECORD_MS = JOURNAL.recordMs ?? 0;

interface Delivery {
  readonly id: string;
  readonly cluster: string;
  readonly at: number;
}

interface Part {
  readonly folder: string;
  start(): Promise<ChaosProcess>;
  kill(): Promise<void>;
  stop(): Promise<number>;
}

function part(folder: string, config: object, kubeconfig?: string): Part {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "petrel.yaml");
  writeFileSync(file, JSON.stringify(config));
  let lives = 0;
  let running: ChaosProcess | undefined;
  return {
    folder,
    async start() {
      running = await startChaosProcess({
        number: lives++,
        folder,
        config: file,
        kubeconfig,
        receivers: [],
        env: { POST_TOKEN: TOKEN },
        now: () => performance.now(),
      });
      await running.ready();
      return running;
    },
    kill: async () => await running?.kill(performance.now()),
    stop: async () => (await running?.stop()) ?? -1,
  };
}

const everything = (receiver: object) => ({
  route: { match: [{ receiver: "out" }] },
  receivers: [{ name: "out", timeout: "3s", retry: { min: "20ms", max: "500ms" }, ...receiver }],
});

async function createForwarding() {
  const folder = mkdtempSync(join(tmpdir(), "petrel-forward-"));
  const deliveries: Delivery[] = [];
  const far = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const event = (await request.json()) as { readonly clusterName: string };
      const id = request.headers.get("idempotency-key") ?? "";
      deliveries.push({ id, cluster: event.clusterName, at: performance.now() });
      return new Response();
    },
  });
  const [port = 0] = await freePorts(1);
  const central = part(join(folder, "central"), {
    sources: ["http"],
    http: { address: `127.0.0.1:${port}`, token: { env: "POST_TOKEN" } },
    state: { path: join(folder, "central/state") },
    ...everything({ webhook: { endpoint: `http://127.0.0.1:${far.port}/` } }),
  });
  const apis: ApiServer[] = [await createApiServer(), await createApiServer()];
  const edges = apis.map((api, index) => {
    const kubeconfig = join(folder, `kubeconfig-${index}`);
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        clusters: [{ name: "c", cluster: { server: api.url } }],
        contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
        users: [{ name: "u", user: {} }],
        "current-context": "c",
      }),
    );
    return part(
      join(folder, `edge-${index}`),
      {
        clusterName: `edge-${index}`,
        maxEventAgeSeconds: 3_600,
        state: { path: join(folder, `edge-${index}/state`) },
        ...everything({ webhook: { endpoint: `http://127.0.0.1:${port}/events`, bearerToken: { env: "POST_TOKEN" } } }),
      },
      kubeconfig,
    );
  });
  const written = new Set<string>();
  const begun = performance.now();
  let count = 0;
  const load = setInterval(() => {
    while (count < ((performance.now() - begun) / 1_000) * PER_SECOND) {
      const edge = count++ % apis.length;
      const stored = apis[edge]?.put(anEventInput());
      if (stored) written.add(`${stored.event.metadata.uid}.${stored.version}`);
    }
  }, 10);
  return {
    central,
    edges,
    written,
    deliveries,
    stopLoad: () => clearInterval(load),
    async settle(ms: number) {
      await eventually("every id arrives", ms, () => {
        const got = new Set(deliveries.map(({ id }) => id));
        const missing = [...written].filter((id) => !got.has(id));
        return missing.length === 0 ? undefined : `${missing.length} of ${written.size} are missing`;
      });
    },
    /** As often as each id was delivered beyond the first time, with when it was before. */
    repeats() {
      const before = new Map<string, number>();
      const found: { readonly id: string; readonly before: number }[] = [];
      for (const { id, at } of deliveries) {
        const last = before.get(id);
        if (last !== undefined) found.push({ id, before: last });
        before.set(id, at);
      }
      return found;
    },
    /** Ids that the central journal took, after the end. */
    taken(): number {
      using db = new Database(join(central.folder, "state/journal.db"), { readonly: true });
      return db.query<{ n: number }, []>("SELECT count(*) AS n FROM ids").get()?.n ?? -1;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(load);
      await Promise.all([central.kill(), ...edges.map((edge) => edge.kill())]);
      await far.stop(true);
      await Promise.all(apis.map((api) => api.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** More on request: the figure of a long run. */
const KILLS = Number(process.env.PETREL_FORWARD_KILLS ?? 4);

test("kills at the edge: nothing lost, nothing twice at the central one", async () => {
  const random = seeded(21);
  await using all = await createForwarding();
  await all.central.start();
  await Promise.all(all.edges.map((edge) => edge.start()));
  for (let kill = 0; kill < KILLS; kill++) {
    await Bun.sleep(random.int(100, 600));
    const edge = random.pick(all.edges);
    await edge.kill();
    await edge.start();
  }
  all.stopLoad();
  await all.settle(30_000);
  expect(await Promise.all([...all.edges, all.central].map((one) => one.stop()))).toEqual([0, 0, 0]);
  expect(all.repeats()).toEqual([]);
  expect(new Set(all.deliveries.map(({ id }) => id))).toEqual(all.written);
  expect(all.taken()).toBe(all.written.size);
  expect([...new Set(all.deliveries.map(({ cluster }) => cluster))].sort()).toEqual(["edge-0", "edge-1"]);
}, 180_000);

test("kills of the central one: nothing lost, repeats only of what was on no record", async () => {
  const random = seeded(22);
  await using all = await createForwarding();
  await all.central.start();
  await Promise.all(all.edges.map((edge) => edge.start()));
  const kills: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await Bun.sleep(random.int(200, 900));
    kills.push(performance.now());
    await all.central.kill();
    await all.central.start();
  }
  all.stopLoad();
  await all.settle(40_000);
  expect(await Promise.all([...all.edges, all.central].map((one) => one.stop()))).toEqual([0, 0, 0]);
  const unexplained = all
    .repeats()
    .filter(({ before }) => !kills.some((at) => before > at - RECORD_MS && before < at + RECORD_MS));
  expect(unexplained).toEqual([]);
  expect(new Set(all.deliveries.map(({ id }) => id))).toEqual(all.written);
  expect(all.taken()).toBe(all.written.size);
}, 180_000);
