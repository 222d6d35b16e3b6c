/** Leases, ConfigMaps and who leads, on a real API server, together with client-go's own leader election. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { resolve } from "node:path";
import { CheckpointTooLargeError } from "../../src/checkpoint-store.ts";
import { type ApiClient, createApiClient } from "../../src/kube/client.ts";
import { readClusterId } from "../../src/kube/cluster-id.ts";
import { configMapStore } from "../../src/kube/config-map-store.ts";
import { type Credentials, loadCredentials } from "../../src/kube/credentials.ts";
import type { Election } from "../../src/kube/election.ts";
import { createElection } from "../../src/kube/lease.ts";
import { MissingRightError } from "../../src/kube/missing-right.ts";
import { createMetrics } from "../../src/metrics.ts";
import { recordingLogger } from "../kube/api-server.ts";
import { electionProgram } from "../testbed/election.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";

const RBAC = resolve(import.meta.dir, "../../deploy/kubernetes/rbac.yaml");
const CONTENDER = resolve(import.meta.dir, "contender.ts");
const signal = new AbortController().signal;

interface Spec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

interface LeaseObject {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: Spec;
}

/** A process that takes part, and what it said, with the time. */
interface Contender extends Disposable {
  readonly said: { readonly at: number; readonly line: string }[];
  kill(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  readonly exited: Promise<number>;
}

describeReal("leader election against a real API server", ["kube", "election"], () => {
  let kube: Cluster;
  let goProgram: string;
  let namespace: string;
  let admin: { readonly client: ApiClient; readonly credentials: Credentials };

  const { logger } = recordingLogger();
  const open = async (kubeconfig: string) => {
    const credentials = await loadCredentials({ kubeconfig, env: {}, logger });
    return { client: createApiClient(credentials, { userAgent: "petrel/test" }), credentials };
  };

  beforeAll(async () => {
    kube = await cluster();
    goProgram = await electionProgram();
    namespace = `lease-${Date.now().toString(36)}`;
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
    await kube.api("POST", "/api/v1/namespaces", body);
    await kube.kubectl(["apply", "-f", RBAC]);
    admin = await open(kube.adminConfig);
  }, 120_000);

  afterAll(() => admin?.client.close());

  const leaseOf = async (name: string) =>
    (await kube.api("GET", `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`)) as LeaseObject;

  function begin(name: string, identity: string, client = admin.client, where = namespace) {
    const story: string[] = [];
    const stop = new AbortController();
    const election: Election = createElection({
      client,
      namespace: where,
      name,
      identity,
      logger,
      metrics: createMetrics(),
      now: () => performance.now(),
      date: Date.now,
      random: Math.random,
      onLeading: ({ checkpoint, regained }) => story.push(`${regained ? "leads again" : "leads"} from ${checkpoint}`),
      onLost: (reason) => story.push(`lost ${reason}`),
      onFollowing: (holder) => story.push(`sees ${holder}`),
    });
    const running = election.run(stop.signal);
    return {
      election,
      story,
      async kill() {
        stop.abort();
        await running;
      },
    };
  }

  function start(argv: readonly string[]): Contender {
    const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    const said: { at: number; line: string }[] = [];
    void (async () => {
      let rest = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) said.push({ at: Date.now(), line });
      }
    })();
    return {
      said,
      kill: (how) => child.kill(how),
      exited: child.exited,
      [Symbol.dispose]: () => child.kill("SIGKILL"),
    };
  }
  const clientGo = (name: string, identity: string, ...more: string[]) => {
    const where = ["-kubeconfig", kube.adminConfig, "-namespace", namespace];
    return start([goProgram, ...where, "-name", name, "-identity", identity, ...more]);
  };
  const petrel = (name: string, identity: string) =>
    start([process.execPath, CONTENDER, kube.adminConfig, namespace, name, identity]);

  const says = (who: Contender, wanted: string, ms: number) =>
    eventually(wanted, ms, () =>
      who.said.some(({ line }) => line === wanted)
        ? undefined
        : who.said
            .map(({ line }) => line)
            .slice(-5)
            .join(" | "),
    );
  const saidAt = (who: Contender, wanted: string) => who.said.find(({ line }) => line === wanted)?.at ?? Number.NaN;
  const leads = (election: Election, ms: number) =>
    eventually("to lead", ms, () => (election.leads() ? undefined : (election.status().lastError ?? "not yet")));

  test("writes a Lease that kubectl shows and that has what client-go writes", async () => {
    using other = clientGo("theirs", "go");
    const mine = begin("ours", "petrel_1");
    try {
      await leads(mine.election, 5_000);
      await says(other, "leads", 10_000);
      const [ours, theirs] = [await leaseOf("ours"), await leaseOf("theirs")];
      const shape = ({ spec }: LeaseObject) => ({
        ...spec,
        holderIdentity: "",
        acquireTime: spec.acquireTime.replace(/\d/g, "0"),
        renewTime: spec.renewTime.replace(/\d/g, "0"),
      });
      expect(shape(ours)).toEqual(shape(theirs));
      expect(ours.spec.holderIdentity).toBe("petrel_1");
      expect(Math.abs(Date.parse(ours.spec.renewTime) - Date.now())).toBeLessThan(10_000);
      await eventually("a renewal", 5_000, async () =>
        (await leaseOf("ours")).spec.renewTime > ours.spec.renewTime ? undefined : "none",
      );
      expect((await leaseOf("ours")).spec).toMatchObject({ acquireTime: ours.spec.acquireTime, leaseTransitions: 0 });
      const table = await kube.kubectl(["get", "lease", "-n", namespace]);
      expect(table).toMatch(/^NAME +HOLDER +AGE$/m);
      expect(table).toMatch(/^ours +petrel_1 +\d+s$/m);
      const described = await kube.kubectl(["describe", "lease", "ours", "-n", namespace]);
      expect(described).toContain(`Renew Time:`);
      expect(described).toMatch(/Acquire Time: +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/);
    } finally {
      await mine.kill();
    }
  }, 60_000);

  test("the checkpoint is in the Lease within a moment, survives edits, and goes over with the release", async () => {
    const first = begin("handover", "first");
    const second = begin("handover", "second");
    try {
      await eventually("one to lead", 5_000, () =>
        first.election.leads() !== second.election.leads() ? undefined : "none, or both",
      );
      const [leader, follower] = first.election.leads() ? [first, second] : [second, first];
      const beganAt = performance.now();
      await leader.election.checkpoint.save('{"a":"ä"}', signal);
      expect(performance.now() - beganAt).toBeLessThan(1_000);
      expect((await leaseOf("handover")).metadata.annotations).toEqual({ "petrel.dev/checkpoint": '{"a":"ä"}' });
      await kube.kubectl(["annotate", "lease", "handover", "note=hands off", "-n", namespace]);
      await leader.election.checkpoint.save("2", signal);
      expect((await leaseOf("handover")).metadata.annotations).toEqual({
        note: "hands off",
        "petrel.dev/checkpoint": "2",
      });
      expect(await follower.election.checkpoint.load(signal)).toBe("2");

      const room = 256 * 1024 - "petrel.dev/checkpoint".length - "notehands off".length;
      await leader.election.checkpoint.save("x".repeat(room), signal);
      expect(leader.election.checkpoint.save("x".repeat(room + 1), signal)).rejects.toThrow(CheckpointTooLargeError);

      await eventually("the follower to see the leader", 5_000, () =>
        follower.story.length > 0 ? undefined : "nothing",
      );
      const gaps: number[] = [];
      let [from, to] = [leader, follower];
      for (let round = 0; round < 5; round++) {
        const at = performance.now();
        expect(await from.election.release(`round ${round}`, signal)).toBe(true);
        await leads(to.election, 5_000);
        gaps.push(performance.now() - at);
        expect(to.story.at(-1)).toBe(`leads from round ${round}`);
        const next = begin("handover", `next ${round}`);
        await eventually("the next to follow", 5_000, () => (next.story.length > 0 ? undefined : "nothing"));
        [from, to] = [to, next];
      }
      console.log(`hand-over of the Lease: ${gaps.map((ms) => `${Math.round(ms)} ms`).join(", ")}`);
      expect(Math.max(...gaps)).toBeLessThan(2_000);
      expect((await leaseOf("handover")).spec.leaseTransitions).toBe(5);
      await Promise.all([from.kill(), to.kill()]);
    } finally {
      await Promise.all([first.kill(), second.kill()]);
    }
  }, 90_000);

  test("client-go and Petrel exclude each other, and hand over both ways", async () => {
    using go = clientGo("shared", "go", "-release");
    await says(go, "leads", 10_000);
    const one = begin("shared", "petrel_1");
    try {
      await eventually("to follow", 5_000, () => (one.story.length > 0 ? undefined : "nothing"));
      await Bun.sleep(17_000);
      // Longer than a Lease lasts: it is renewed, and that is seen.
      expect(one.story).toEqual(["sees go"]);
      go.kill("SIGTERM");
      await says(go, "stopped", 5_000);
      await leads(one.election, 2_000);
      expect(one.story).toEqual(["sees go", "leads from undefined"]);
      await one.election.checkpoint.save("kept by client-go", signal);

      using again = clientGo("shared", "go again", "-release");
      await says(again, "sees petrel_1", 10_000);
      await Bun.sleep(17_000);
      expect(again.said.map(({ line }) => line)).toEqual(["sees petrel_1"]);
      expect(await one.election.release(undefined, signal)).toBe(true);
      await says(again, "leads", 10_000);
      expect(await leaseOf("shared")).toMatchObject({
        metadata: { annotations: { "petrel.dev/checkpoint": "kept by client-go" } },
        spec: { holderIdentity: "go again", leaseTransitions: 2, leaseDurationSeconds: 15 },
      });
    } finally {
      await one.kill();
    }
  }, 120_000);

  test("a killed leader of either kind is followed by the other after 15 s, not before", async () => {
    using go = clientGo("killed", "go");
    await says(go, "leads", 10_000);
    using mine = petrel("killed", "petrel");
    await says(mine, "sees go", 10_000);
    go.kill("SIGKILL");
    const killedAt = Date.now();
    const renewed = Date.parse((await leaseOf("killed")).spec.renewTime);
    await says(mine, "leads", 25_000);
    expect(saidAt(mine, "leads") - renewed).toBeGreaterThan(15_000);
    expect(saidAt(mine, "leads") - killedAt).toBeLessThan(18_000);

    using next = clientGo("killed", "next");
    await says(next, "sees petrel", 10_000);
    mine.kill("SIGKILL");
    const last = Date.parse((await leaseOf("killed")).spec.renewTime);
    await says(next, "leads", 25_000);
    expect(saidAt(next, "leads") - last).toBeGreaterThan(15_000);
  }, 120_000);

  test("a leader that was frozen for longer than its Lease leads no more when it wakes", async () => {
    using mine = petrel("frozen", "petrel");
    await says(mine, "leads", 10_000);
    using go = clientGo("frozen", "go");
    await says(go, "sees petrel", 10_000);
    const ticks = () => mine.said.filter(({ line }) => line.startsWith("at "));
    await eventually("to see it lead", 5_000, () => (ticks().length > 10 ? undefined : `${ticks().length} times`));
    mine.kill("SIGSTOP");
    await says(go, "leads", 25_000);
    mine.kill("SIGCONT");
    await says(mine, "sees go", 10_000);
    const since = saidAt(go, "leads");
    expect(ticks().filter(({ line }) => Number(line.slice(3)) >= since)).toEqual([]);
    expect(mine.said.filter(({ line }) => !line.startsWith("at ")).map(({ line }) => line)).toEqual([
      "leads",
      "lost deadline",
      "sees go",
    ]);
  }, 90_000);

  test("without its API server a leader stops in 10 s, and goes on when nobody else led", async () => {
    const one = begin("outage", "one");
    try {
      await leads(one.election, 5_000);
      await one.election.checkpoint.save("1", signal);
      await kube.killApiServer();
      const at = performance.now();
      await eventually("to lose the lead", 15_000, () => (one.election.leads() ? "leads" : undefined));
      expect(performance.now() - at).toBeLessThan(10_100);
      await kube.startApiServer();
      await leads(one.election, 20_000);
      expect(one.story).toEqual(["leads from undefined", "lost deadline", "leads again from 1"]);
    } finally {
      await one.kill();
    }
  }, 120_000);

  test("a ConfigMap takes a checkpoint, and what is in its way is told", async () => {
    const store = configMapStore({ client: admin.client, namespace, name: "events-checkpoint", logger });
    expect(await store.load(signal)).toBeUndefined();
    for (const text of ["1", "2", "x".repeat(1024 * 1024)]) {
      await store.save(text, signal);
      expect(await store.load(signal)).toBe(text);
    }
    expect(store.save("x".repeat(1024 * 1024 + 1), signal)).rejects.toThrow(CheckpointTooLargeError);
    await kube.kubectl(["delete", "configmap", "events-checkpoint", "-n", namespace]);
    await store.save("3", signal);
    await kube.kubectl(["label", "configmap", "events-checkpoint", "team=ops", "-n", namespace]);
    await store.save("4", signal);
    const kept = await kube.api("GET", `/api/v1/namespaces/${namespace}/configmaps/events-checkpoint`);
    expect(kept).toMatchObject({ metadata: { labels: { team: "ops" } }, data: { checkpoint: "4" } });
  }, 60_000);

  test("the rights of deploy/ are enough for all of it, and without them each is named", async () => {
    const { client, credentials } = await open(await kube.serviceAccountConfig("petrel", "petrel"));
    const uid = async (name: string) =>
      ((await kube.api("GET", `/api/v1/namespaces/${name}`)) as { metadata: { uid: string } }).metadata.uid;
    const id = await readClusterId({ client, credentials, namespace: "petrel" }, signal);
    expect(id).toEqual({ kubeSystem: await uid("kube-system"), own: expect.stringMatching(/^sha256-[0-9a-f]{32}$/) });
    for (const name of ["leases/kubernetes-event-exporter", "configmaps/kubernetes-event-exporter-checkpoint"]) {
      await kube.kubectl(["delete", ...name.split("/"), "-n", "petrel", "--ignore-not-found"]);
    }
    const one = begin("kubernetes-event-exporter", "petrel", client, "petrel");
    try {
      await leads(one.election, 5_000);
      await one.election.checkpoint.save("1", signal);
      expect(await one.election.release("2", signal)).toBe(true);
    } finally {
      await one.kill();
    }
    const name = "kubernetes-event-exporter-checkpoint";
    const store = configMapStore({ client, namespace: "petrel", name, logger });
    await store.save("1", signal);
    await store.save("2", signal);
    expect(await store.load(signal)).toBe("2");

    // Its own namespace, and no other name.
    const elsewhere = configMapStore({ client, namespace, name, logger });
    const refused = await elsewhere.load(signal).catch((error: unknown) => error);
    if (!(refused instanceof MissingRightError)) throw new Error(`wanted a MissingRightError, got ${refused}`);
    expect(refused.access).toEqual({ verb: "get", group: "", resource: "configmaps", object: name, namespace });
    expect(refused.message).toContain("system:serviceaccount:petrel:petrel");
    // To read any, and to create one, is granted: for look-ups, and because what is not there yet has no name.
    const stranger = begin("another-name", "petrel", client, "petrel");
    try {
      await eventually("a refusal", 5_000, () => (stranger.election.status().lastError ? undefined : "none"));
      expect(stranger.election.status().lastError).toEndWith(
        '; grant apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: ["another-name"], verbs: ["update"] by a Role in the namespace petrel',
      );
    } finally {
      await stranger.kill();
    }
    client.close();
  }, 60_000);
});
