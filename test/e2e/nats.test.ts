/** The NATS receiver of the executable against real servers, read back by NATS's own client. */
import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DiscardPolicy, type StreamConfig } from "@nats-io/jetstream";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE, startExecutable } from "./executable.ts";
import { disorder, flow, idsOf } from "./flow.ts";
import { type NatsServer, type NatsStream, natsAddress, natsAdministrator, natsStream } from "./nats-client.ts";

describeReal("a real NATS", ["nats"], () => {
  let nats: Running;
  /** Of this run: the component may be an earlier one's. */
  const run = Date.now().toString(36);
  beforeAll(async () => {
    nats = await component("nats");
  }, 300_000);

  const address = (server: NatsServer) => natsAddress(nats, server);
  const writer = () => ({ servers: address("users"), username: "writer", password: nats.env.PASSWORD });
  const subject = (name: string) => `kubernetes.events.${run}.${name}`;

  /** Makes a stream of its own for `kubernetes.events.RUN.NAME.>`. */
  const stream = (server: NatsServer, name: string, settings: Partial<StreamConfig> = {}) =>
    natsStream(nats, server, { name: `${run}-${name}`, subjects: [`${subject(name)}.>`], ...settings });

  const sorted = (ids: readonly string[]) => [...ids].sort();

  test("a thousand events are stored once each and in order, as a user, by nkey, by credentials, and by token over TLS", async () => {
    const { CREDENTIALS: file, NKEY_SEED: nkeySeed, TOKEN: token } = nats.env;
    const { CA: caFile, CLIENT_CERT: certFile, CLIENT_KEY: keyFile } = nats.env;
    const receivers = {
      user: { server: "users", ...writer() },
      nkey: { server: "users", servers: address("users"), nkeySeed },
      creds: { server: "operator", servers: address("operator"), credentials: { file } },
      // The first is nobody's: the next is asked.
      tls: { server: "token", servers: ["localhost:1", address("token")], token, tls: { caFile, certFile, keyFile } },
    } as const;
    const streams = new Map<string, NatsStream>();
    for (const [name, { server }] of Object.entries(receivers)) streams.set(name, await stream(server, name));
    await using listener = await natsAdministrator(nats, "users");
    const heard: string[] = [];
    listener.subscribe(subject("core"), { callback: (_, message) => void heard.push(message.string()) });
    await listener.flush();
    await using events = await flow([
      ...Object.entries(receivers).map(([name, { server: _, ...settings }]) => ({
        name,
        nats: { ...settings, subject: `${subject(name)}.{{ .Namespace }}.{{ .Type }}.{{ .ClusterName }}` },
      })),
      { name: "core", nats: { ...writer(), subject: subject("core"), jetstream: false } },
    ]);
    events.write(1_000);
    for (const name of [...streams.keys(), "core"]) await events.delivered(name);
    for (const [name, { stored }] of streams) {
      const held = await stored();
      expect(sorted(held.map(({ id }) => id))).toEqual(sorted(events.ids));
      expect(idsOf(held.map(({ text }) => text))).toEqual(held.map(({ id }) => id));
      expect(disorder(held.map(({ text }) => text))).toBeUndefined();
      expect(sorted([...new Set(held.map(({ subject }) => subject))])).toEqual([
        `${subject(name)}.shop.Normal._`,
        `${subject(name)}.shop.Warning._`,
      ]);
    }
    await eventually("the listener heard all", 10_000, () =>
      heard.length >= 1_000 ? undefined : `${heard.length} of 1000`,
    );
    expect(sorted(idsOf(heard))).toEqual(sorted(events.ids));
    expect(disorder(heard)).toBeUndefined();
  }, 120_000);

  test("a Petrel that is killed in mid-stream, and a second receiver on the same subject, store nothing twice", async () => {
    const { stored } = await stream("users", "kill");
    const to = { ...writer(), subject: `${subject("kill")}.{{ .Namespace }}` };
    await using events = await flow([
      { name: "one", batch: { count: 50 }, nats: to },
      { name: "two", batch: { count: 50 }, nats: to },
    ]);
    const held = async () => (await stored()).length;
    let killedAt = 0;
    for (let n = 0; n < 20; n++) {
      events.write(100);
      await Bun.sleep(10);
      if (killedAt === 0 && n >= 8 && (await held()) > 0) {
        process.kill(events.petrel.pid, "SIGKILL");
        killedAt = events.ids.length;
      }
    }
    expect(killedAt).toBeGreaterThan(0);
    const before = await held();
    expect([before > 0, before < events.ids.length]).toEqual([true, true]);
    const config = JSON.parse(readFileSync(join(events.folder, "petrel.yaml"), "utf8"));
    const again = await startExecutable(
      events.folder,
      { ...config, maxEventAgeSeconds: 3_600 },
      join(events.folder, "kubeconfig"),
    );
    try {
      // It knows nothing of the first, and sends everything.
      for (const name of ["one", "two"])
        await eventually(`${name} took all`, 60_000, async () => {
          const taken = await again.metric("petrel_events_delivered_total", `receiver="${name}"`);
          return taken >= events.ids.length ? undefined : `${taken} of ${events.ids.length}`;
        });
    } finally {
      await again.stop();
    }
    const ids = (await stored()).map(({ id }) => id);
    expect(ids.length).toBe(events.ids.length);
    expect(sorted(ids)).toEqual(sorted(events.ids));
    console.log(`killed with ${before} of ${events.ids.length} stored; ${ids.length} at the end`);
  }, 180_000);

  test("what is written while the server is dead is stored once when it is back", async () => {
    const { stored } = await stream("users", "dead");
    await using events = await flow([
      {
        name: "nats",
        retry: { min: "50ms", max: "500ms" },
        nats: { ...writer(), subject: `${subject("dead")}.{{ .Type }}` },
      },
    ]);
    events.write(400);
    await events.delivered("nats");
    events.write(200);
    await nats.kill("users");
    events.write(200);
    await Bun.sleep(500);
    await nats.start("users");
    events.write(200);
    await events.delivered("nats");
    const held = await stored();
    expect(sorted(held.map(({ id }) => id))).toEqual(sorted(events.ids));
    expect(disorder(held.map(({ text }) => text))).toBeUndefined();
  }, 120_000);

  test("who may not, and where no stream is, keeps the events and says why; nothing waits in vain", async () => {
    const { stored } = await stream("users", "good");
    const { STRANGER_CA, CA, TOKEN: token, CREDENTIALS: file, CLIENT_CERT, CLIENT_KEY } = nats.env;
    const good = `${subject("good")}.x`;
    const client = { certFile: CLIENT_CERT, keyFile: CLIENT_KEY };
    const tls = { servers: address("token"), token, subject: good };
    const wrong: Record<string, readonly [settings: Record<string, unknown>, reason: string, says: string]> = {
      password: [{ ...writer(), password: "wrong-password", subject: good }, "unauthorized", "Authorization Violation"],
      token: [
        { ...tls, token: "wrong-token", tls: { caFile: CA, ...client } },
        "unauthorized",
        "Authorization Violation",
      ],
      publish: [{ ...writer(), subject: "elsewhere.x" }, "unauthorized", "Permissions Violation for Publish"],
      core: [
        { ...writer(), subject: "elsewhere.x", jetstream: false },
        "unauthorized",
        "Permissions Violation for Publish",
      ],
      listen: [
        { ...writer(), username: "deaf", subject: good },
        "unauthorized",
        "Permissions Violation for Subscription",
      ],
      creds: [
        { servers: address("operator"), credentials: { file }, subject: "elsewhere.x" },
        "unauthorized",
        "Permissions Violation for Publish",
      ],
      authority: [{ ...tls, tls: { caFile: STRANGER_CA, ...client } }, "network", "authority that is not trusted"],
      certificate: [{ ...tls, tls: { caFile: CA } }, "network", "failed"],
      plain: [tls, "network", "it wants TLS"],
      stream: [{ ...writer(), subject: subject("nowhere") }, "not_found", "found no stream"],
    };
    await using events = await flow([
      ...Object.entries(wrong).map(([name, [settings]]) => ({
        ...{ name, timeout: "20s", retry: { min: "100ms", max: "500ms" }, nats: settings },
      })),
      { name: "good", nats: { ...writer(), subject: good } },
    ]);
    const began = Date.now();
    events.write(10);
    await events.delivered("good");
    const failed = (name: string, reason: string) =>
      events.petrel
        .stderr()
        .split("\n")
        .find((line) => line.includes(`"receiver":"${name}"`) && line.includes(`"reason":"${reason}"`));
    for (const [name, [, reason, says]] of Object.entries(wrong)) {
      // A stream may be without a leader for ten seconds.
      await eventually(`${name} says why`, name === "stream" ? 30_000 : 10_000, () =>
        failed(name, reason) ? undefined : events.petrel.stderr().split("\n").slice(-3).join("\n"),
      );
      expect(`${name}: ${failed(name, reason)}`).toContain(says);
    }
    expect(Date.now() - began).toBeLessThan(40_000);
    const log = events.petrel.stderr();
    for (const secret of ["wrong-password", "wrong-token", `${nats.env.PASSWORD}`, `${token}`])
      expect(log).not.toContain(secret);
    expect(log).not.toContain('"reason":"timeout"');
    expect(await events.petrel.metric("petrel_events_dropped_total")).toBe(0);
    expect(sorted((await stored()).map(({ id }) => id))).toEqual(sorted(events.ids));
  }, 120_000);

  test("an event that is too large for the server, or for the stream, is refused alone, and no connection is lost", async () => {
    const { stored } = await stream("users", "large");
    const small = await stream("users", "small", { max_msg_size: 1_000 });
    const filled = (bytes: number) => ({
      message: "{{ .Message }}",
      filler: `{{ if eq .InvolvedObject.Name "pod-3" }}{{ repeat ${bytes} "x" }}{{ end }}`,
    });
    const { MAX_PAYLOAD } = nats.env;
    await using events = await flow([
      { name: "large", nats: { ...writer(), subject: `${subject("large")}.x`, layout: filled(Number(MAX_PAYLOAD)) } },
      { name: "small", nats: { ...writer(), subject: `${subject("small")}.x`, layout: filled(1_000) } },
    ]);
    events.write(10);
    const { petrel } = events;
    for (const [name, held] of [
      ["large", stored],
      ["small", small.stored],
    ] as const) {
      await eventually(`${name} took nine and refused one`, 30_000, async () => {
        const taken = await petrel.metric("petrel_events_delivered_total", `receiver="${name}"`);
        const refused = await petrel.metric("petrel_events_dropped_total", `receiver="${name}"`, 'reason="refused"');
        return taken === 9 && refused === 1 ? undefined : `${taken} taken, ${refused} refused`;
      });
      expect(sorted((await held()).map(({ id }) => id))).toEqual(sorted(events.ids.filter((_, n) => n !== 3)));
      const line = petrel
        .stderr()
        .split("\n")
        .find((one) => one.includes(`"receiver":"${name}"`));
      expect(`${name}: ${line}`).toContain("too_large");
    }
    expect(petrel.stderr()).not.toContain('"reason":"network"');
    expect(await petrel.metric("petrel_events_retried_total")).toBe(0);
  }, 90_000);

  test("a stream that is full is waited for", async () => {
    const full = await stream("users", "full", { max_msgs: 5, discard: DiscardPolicy.New });
    await using events = await flow([
      {
        name: "full",
        retry: { min: "50ms", max: "200ms" },
        nats: { ...writer(), subject: `${subject("full")}.x` },
      },
    ]);
    events.write(20);
    await eventually("it is full, and says so", 20_000, async () =>
      (await full.stored()).length === 5 && events.petrel.stderr().includes("10077")
        ? undefined
        : events.petrel.stderr(),
    );
    await full.update({ max_msgs: -1 });
    await events.delivered("full");
    expect(sorted((await full.stored()).map(({ id }) => id))).toEqual(sorted(events.ids));
  }, 90_000);

  test("`check --connect` tells a stream that is there from one that is not, and what it may not ask", async () => {
    await stream("users", "check");
    const admin = { ...writer(), username: "administrator" };
    const receivers = [
      { name: "there", nats: { ...admin, subject: `${subject("check")}.{{ .Namespace }}` } },
      { name: "missing", nats: { ...admin, subject: "nowhere.{{ .Namespace }}" } },
      { name: "unasked", nats: { ...writer(), subject: `${subject("check")}.{{ .Namespace }}` } },
      { name: "stranger", nats: { ...writer(), password: "wrong-password" } },
    ];
    const match = receivers.map(({ name }) => ({ receiver: name }));
    const file = join(nats.dir, `check-${run}.yaml`);
    await Bun.write(file, JSON.stringify({ route: { routes: [{ match }] }, receivers }));
    const child = Bun.spawn([EXECUTABLE, "check", "-c", file, "--connect"], {
      ...{ stdout: "pipe", stderr: "pipe", timeout: 60_000 },
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    const said = `${stdout}${stderr}`.split("\n");
    const line = (name: string) => said.find((one) => one.includes(name)) ?? said.join("\n");
    expect(line("there")).not.toContain("no stream");
    expect(line("missing")).toContain("no stream that takes nowhere.>");
    expect(line("unasked")).toContain("not checked");
    expect(line("stranger")).toContain("Authorization Violation");
    expect(said.join("\n")).not.toContain("wrong-password");
  }, 60_000);
});
