/** Petrels at the edge, each with a cluster of its own, that forward to a central one, and what came out of it there. */
import { Database } from "bun:sqlite";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, createApiServer } from "../../src/demo/api-server.ts";
import { eventually } from "../e2e/eventually.ts";
import { anEventInput } from "../harness.ts";
import { freePorts } from "../testbed/process.ts";
import { type Link, openLink } from "./link.ts";
import { type ChaosProcess, startChaosProcess } from "./process.ts";

const TOKEN = "s3cret";

export interface Delivery {
  readonly id: string;
  readonly cluster: string;
  readonly object: string;
  readonly version: number;
  readonly at: number;
}

/** One Petrel, and after it ended the next one in its place. */
export interface Part {
  readonly folder: string;
  start(): Promise<ChaosProcess>;
  kill(): Promise<void>;
  /** The exit code. */
  stop(): Promise<number>;
}

export interface ForwardingOptions {
  /** Default 2. */
  readonly edges?: number;
  /** Keys of an edge's config, of its receiver, and of its webhook, beside what forwarding needs. */
  readonly config?: (folder: string) => object;
  readonly receiver?: object;
  readonly webhook?: object;
  /** How long the clusters' API servers keep an event; default an hour, as a real one. */
  readonly ttlMs?: number;
}

export interface Forwarding extends AsyncDisposable {
  readonly central: Part;
  readonly edges: readonly Part[];
  /** Between all edges and the central one. */
  readonly link: Link;
  /** Ids, oldest first. */
  readonly written: Set<string>;
  /** What the central one's receiver got. */
  readonly deliveries: readonly Delivery[];
  /** Bytes of these, as JSON. */
  readonly delivered: () => number;
  /** Writes an event in the cluster of an edge; about one of so many objects, or one of its own. */
  write(edge: number, objects?: number): void;
  /** Writes so many events a second in turn, until what it returns is called. */
  load(perSecond: number, objects?: number): () => void;
  /** Until each id that was written is delivered. */
  settle(ms: number): Promise<void>;
  /** As often as each id was delivered beyond the first time, with when it was before. */
  repeats(): readonly { readonly id: string; readonly before: number }[];
  /** Deliveries that came behind a later state of their object. */
  disorder(): number;
  /** Ids that the central journal took, after the end. */
  taken(): number;
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

interface Sent {
  readonly clusterName: string;
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
  readonly involvedObject: { readonly uid: string };
}

export async function createForwarding(options: ForwardingOptions = {}): Promise<Forwarding> {
  const folder = mkdtempSync(join(tmpdir(), "petrel-forward-"));
  const deliveries: Delivery[] = [];
  let delivered = 0;
  const far = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const text = await request.text();
      delivered += text.length;
      const event: Sent = JSON.parse(text);
      deliveries.push({
        id: request.headers.get("idempotency-key") ?? "",
        cluster: event.clusterName,
        object: event.involvedObject.uid,
        version: Number(event.metadata.resourceVersion),
        at: performance.now(),
      });
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
  const link = await openLink(port);
  const { ttlMs } = options;
  const apis: ApiServer[] = await Promise.all(
    Array.from({ length: options.edges ?? 2 }, () => createApiServer(ttlMs === undefined ? {} : { ttlMs })),
  );
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
    const own = join(folder, `edge-${index}`);
    const webhook = { endpoint: `${link.url}/events`, bearerToken: { env: "POST_TOKEN" }, ...options.webhook };
    return part(
      own,
      {
        clusterName: `edge-${index}`,
        maxEventAgeSeconds: 3_600,
        state: { path: join(own, "state") },
        ...everything({ ...options.receiver, webhook }),
        ...options.config?.(own),
      },
      kubeconfig,
    );
  });
  const written = new Set<string>();

  function write(edge: number, objects?: number): void {
    const input = anEventInput();
    const uid = `object-${written.size % (objects ?? 1)}`;
    const stored = apis[edge]?.put(
      objects === undefined ? input : { ...input, involvedObject: { ...input.involvedObject, uid } },
    );
    if (stored) written.add(`${stored.event.metadata.uid}.${stored.version}`);
  }

  const loads = new Set<ReturnType<typeof setInterval>>();
  return {
    central,
    edges,
    link,
    written,
    deliveries,
    delivered: () => delivered,
    write,
    load(perSecond, objects) {
      const begun = performance.now();
      let count = 0;
      const timer = setInterval(() => {
        while (count < ((performance.now() - begun) / 1_000) * perSecond) write(count++ % apis.length, objects);
      }, 10);
      loads.add(timer);
      return () => clearInterval(timer);
    },
    async settle(ms) {
      await eventually("every id arrives", ms, () => {
        const got = new Set(deliveries.map(({ id }) => id));
        const missing = [...written].filter((id) => !got.has(id));
        return missing.length === 0 ? undefined : `${missing.length} of ${written.size} are missing`;
      });
    },
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
    disorder() {
      const newest = new Map<string, number>();
      let behind = 0;
      for (const { cluster, object, version } of deliveries) {
        const key = `${cluster} ${object}`;
        if (version < (newest.get(key) ?? 0)) behind++;
        else newest.set(key, version);
      }
      return behind;
    },
    taken() {
      using db = new Database(join(central.folder, "state/journal.db"), { readonly: true });
      return db.query<{ n: number }, []>("SELECT count(*) AS n FROM ids").get()?.n ?? -1;
    },
    async [Symbol.asyncDispose]() {
      for (const timer of loads) clearInterval(timer);
      await Promise.all([central.kill(), ...edges.map((edge) => edge.kill())]);
      await link.close();
      await far.stop(true);
      await Promise.all(apis.map((api) => api.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
