/**
 * A process of its own: the simulated API server that Petrel watches and the receiver that it delivers to, so that what an
 * attacker or a test does with its own CPU is not measured as Petrel's delay. Talks by IPC: {@link Ask} and {@link Told}.
 */
import { createApiServer } from "../../src/demo/api-server.ts";

export type Ask =
  /** Writes so many events a second, until asked to stop. */
  { readonly ask: "begin"; readonly perSecond: number } | { readonly ask: "end" };

export type Told =
  | { readonly told: "open"; readonly api: string; readonly far: string }
  /** Milliseconds from the write to the arrival of each event, in order; `missing` never came. */
  | { readonly told: "latencies"; readonly latencies: readonly number[]; readonly missing: number };

const MISSING_AFTER_MS = 20_000;

const tell = (told: Told): void => {
  process.send?.(told);
};

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

let written = 0;
let sent = new Map<string, number>();
let pace: NodeJS.Timeout | undefined;

function begin(perSecond: number): void {
  sent = new Map();
  const begun = performance.now();
  let count = 0;
  pace = setInterval(() => {
    while (count < ((performance.now() - begun) / 1_000) * perSecond) {
      count++;
      const n = written++;
      const now = `${new Date().toISOString().slice(0, 19)}Z`;
      sent.set(`watched ${n}`, performance.now());
      api.put({
        metadata: { name: `pod-${n}.1`, namespace: "shop" },
        involvedObject: { kind: "Pod", namespace: "shop", name: `pod-${n}`, uid: `uid-${n}`, apiVersion: "v1" },
        reason: "Watched",
        message: `watched ${n}`,
        type: "Warning",
        count: 1,
        firstTimestamp: now,
        lastTimestamp: now,
        source: { component: "kubelet", host: "node-1" },
      } as Parameters<typeof api.put>[0]);
    }
  }, 5);
}

async function end(): Promise<void> {
  clearInterval(pace);
  const deadline = performance.now() + MISSING_AFTER_MS;
  const missing = () => [...sent.keys()].filter((message) => !arrived.has(message)).length;
  while (missing() > 0 && performance.now() < deadline) await Bun.sleep(20);
  const latencies = [...sent].flatMap(([message, at]) => {
    const came = arrived.get(message);
    return came === undefined ? [] : [came - at];
  });
  tell({ told: "latencies", latencies, missing: missing() });
}

process.on("message", (ask: Ask) => {
  if (ask.ask === "begin") begin(ask.perSecond);
  else void end();
});
process.on("disconnect", () => process.exit());
tell({ told: "open", api: api.url, far: `http://127.0.0.1:${far.port}/` });
