/** What chaos tests show against a simulated API server, against a real one: restarts, kills, compaction, hand-overs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type FarEnd, openFarEnd } from "../chaos/far-end.ts";
import { judge } from "../chaos/oracle.ts";
import { type ChaosProcess, startChaosProcess } from "../chaos/process.ts";
import type { Gap, State } from "../chaos/story.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import type { KubeEvent } from "./receivers.ts";

const RBAC = resolve(import.meta.dir, "../../deploy/kubernetes/rbac.yaml");
const TIMEOUT_MS = 2_500;
/** Of a checkpoint in the Lease, which is saved every two seconds. */
const LEASE_RECORD_MS = 3_000;
const JOURNAL_RECORD_MS = 500;

describeReal("nothing lost against a real control plane", ["kube"], () => {
  let kube: Cluster;
  let kubeconfig = "";

  beforeAll(async () => {
    kube = await cluster();
    await kube.kubectl(["apply", "-f", RBAC]);
    kubeconfig = await kube.serviceAccountConfig("petrel", "petrel");
  }, 120_000);

  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  /** A namespace of its own, receivers, and processes one after the other or beside each other. */
  async function aPlace(name: string, setup: (folder: string) => Record<string, unknown>, recordMs: number) {
    const folder = mkdtempSync(join(tmpdir(), "petrel-e2e-"));
    folders.push(folder);
    const namespace = `${name}-${Date.now().toString(36)}`;
    await kube.api("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    const now = (): number => performance.now();
    const common = { timeoutMs: TIMEOUT_MS, now, earliest: () => now() - 50 };
    const ends: readonly FarEnd[] = await Promise.all([
      openFarEnd({ name: "single", shape: "single", ...common }),
      openFarEnd({ name: "lines", shape: "lines", ...common }),
    ]);
    const states: State[] = [];
    const gaps: Gap[] = [];
    const processes: ChaosProcess[] = [];
    let serial = 0;

    async function write(count: number): Promise<void> {
      for (let index = 0; index < count; index++) {
        serial++;
        const again = serial % 4 === 0;
        const path = `/api/v1/namespaces/${namespace}/events`;
        const event = (
          again
            ? await kube.api("PATCH", `${path}/event-${serial - 3}`, { count: 2, message: "again" })
            : await kube.api("POST", path, {
                metadata: { name: `event-${serial}`, namespace },
                involvedObject: {
                  apiVersion: "v1",
                  kind: "Pod",
                  namespace,
                  name: "web",
                  uid: `${namespace}-${serial % 5}`,
                },
                reason: "Tested",
                message: `number ${serial}`,
                type: "Normal",
                source: { component: "test" },
                count: 1,
              })
        ) as KubeEvent;
        const { uid, resourceVersion } = event.metadata;
        const object = `${namespace}-${(again ? serial - 3 : serial) % 5}`;
        states.push({ id: `${uid}.${resourceVersion}`, uid, object, version: Number(resourceVersion) });
      }
    }
    const delivered = (ms = 30_000) =>
      eventually("all at every receiver", ms, () => {
        const { receivers } = verdict();
        const lacking = receivers.filter(({ missing }) => missing.length > 0);
        return lacking.length === 0 ? undefined : lacking.map((one) => `${one.receiver}: ${one.missing.length}`).join();
      });
    const verdict = () =>
      judge({
        receivers: ends.map((end) => end.name),
        states,
        removals: [],
        gaps,
        attempts: ends.flatMap((end) => end.attempts),
        lives: processes.map((one) => one.life()),
        counts: processes.flatMap((one) => one.counted()),
        timeoutMs: TIMEOUT_MS,
      });
    return {
      states,
      gaps,
      write,
      delivered,
      verdict,
      now,
      ends,
      async start(instance: string): Promise<ChaosProcess> {
        const own = join(folder, instance);
        mkdirSync(own, { recursive: true });
        const number = processes.length + 1;
        const config = join(own, "petrel.yaml");
        const body = {
          namespaces: [namespace],
          omitLookup: true,
          maxEventAgeSeconds: 3_600,
          route: { match: ends.map((end) => ({ receiver: end.name })) },
          receivers: ends.map((end) => end.receiver(number)),
          ...setup(own),
        };
        writeFileSync(config, JSON.stringify(body));
        const receivers = ends.map((end) => end.name);
        const env = { POD_NAMESPACE: "petrel" };
        const one = await startChaosProcess({ number, folder: own, config, kubeconfig, receivers, env, now });
        processes.push(one);
        await one.ready(30_000);
        return one;
      },
      kill: (one: ChaosProcess) => one.kill(now() - recordMs - one.lag()),
      async close() {
        for (const one of processes) if (one.running) await one.kill(0);
        for (const end of ends) await end.close();
      },
    };
  }

  test("with a journal: restarts, kills, the API server down, compaction", async () => {
    const place = await aPlace("journal", (folder) => ({ state: { path: `${folder}/state` } }), JOURNAL_RECORD_MS);
    try {
      let petrel = await place.start("a");
      await place.write(60);
      for (let round = 0; round < 3; round++) {
        const writing = place.write(40);
        await Bun.sleep(100);
        expect(await petrel.stop()).toBe(0);
        petrel = await place.start("a");
        await writing;
      }
      await place.delivered();
      const repeats = place.verdict().receivers.map(({ afterEnd, ambiguous }) => afterEnd + ambiguous);
      expect(repeats).toEqual([0, 0]);
      for (let round = 0; round < 5; round++) {
        const writing = place.write(40);
        await Bun.sleep(150);
        await place.kill(petrel);
        petrel = await place.start("a");
        await writing;
      }
      await place.delivered();

      await kube.killApiServer();
      await Bun.sleep(1_000);
      await kube.startApiServer();
      await place.write(40);
      await place.delivered(60_000);

      // What was superseded while nobody watched, and is compacted, is told by nobody.
      const from = place.states.at(-1)?.version ?? 0;
      await place.kill(petrel);
      await place.write(60);
      await kube.compact();
      place.gaps.push({ from, to: place.states.at(-1)?.version ?? 0 });
      // The API server learns of the compaction from etcd when it asks for what is gone, and its own cache may still have it.
      await kube.killApiServer();
      await Bun.sleep(1_000);
      await kube.startApiServer();
      await kube.compact();
      petrel = await place.start("a");
      await petrel.read();
      await place.write(40);
      await place.delivered(60_000);
      await petrel.read();
      expect(petrel.metric("petrel_kube_api_requests_total", '="410"')).toBeGreaterThan(0);
      expect(await petrel.stop()).toBe(0);
      expect(place.verdict().faults).toEqual([]);
      expect(place.verdict().receivers.map(({ missing }) => missing)).toEqual([[], []]);
    } finally {
      await place.close();
    }
  }, 240_000);

  test("two with a Lease: handed over in good order, and after a kill", async () => {
    // By the name that deploy/ grants rights to.
    const place = await aPlace("lease", () => ({ leaderElection: { enabled: true } }), LEASE_RECORD_MS);
    const leads = (one: ChaosProcess, ms: number) =>
      eventually(`${one.number} leads`, ms, async () => {
        await one.read();
        return one.metric("petrel_leader") === 1 ? undefined : "it follows";
      });
    const nextFrom = async (one: ChaosProcess, after: number) => {
      let took = Number.NaN;
      await eventually("the other one delivers", 30_000, async () => {
        const attempts = place.ends.flatMap((end) => end.attempts);
        const first = attempts.find(({ life, begun }) => life === one.number && begun > after);
        took = (first?.begun ?? Number.NaN) - after;
        if (!first) await place.write(1);
        return first ? undefined : "nothing yet";
      });
      return took;
    };
    try {
      const first = await place.start("a");
      await leads(first, 20_000);
      const second = await place.start("b");
      await place.write(40);
      await place.delivered();
      const at = place.now();
      const [graceful, code] = await Promise.all([nextFrom(second, at), first.stop()]);
      expect(code).toBe(0);
      expect(graceful).toBeLessThan(2_500);
      const third = await place.start("a");
      await place.write(40);
      await place.delivered();
      expect(place.verdict().receivers.map(({ afterEnd, ambiguous }) => afterEnd + ambiguous)).toEqual([0, 0]);
      const killedAt = place.now();
      await place.kill(second);
      const killed = await nextFrom(third, killedAt);
      expect(killed).toBeLessThan(20_000);
      await place.write(40);
      await place.delivered();
      expect(await third.stop()).toBe(0);
      expect(place.verdict().faults).toEqual([]);
      expect(place.verdict().receivers.map(({ missing }) => missing)).toEqual([[], []]);
      process.stderr.write(
        `hand-over: ${Math.round(graceful)} ms in good order, ${Math.round(killed)} ms after a kill\n`,
      );
    } finally {
      await place.close();
    }
  }, 180_000);
});
