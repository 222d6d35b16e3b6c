/** The redis receiver of the executable against a real server. */
import { beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { disorder, flow, idsOf } from "./flow.ts";

describeReal("a real Redis", ["redis"], () => {
  let redis: Running;
  /** Of this run: the component may be an earlier one's. */
  const run = Date.now().toString(36);
  beforeAll(async () => {
    redis = await component("redis");
  }, 120_000);

  /** Answers of Redis's own client. */
  function cli(...args: string[]): string[] {
    const { CLI = "", PASSWORD = "", LIBRARIES = "" } = redis.env;
    const argv = [CLI, "-p", String(redis.ports.redis), "--no-auth-warning", "--json", ...args];
    const { stdout, stderr, exitCode } = Bun.spawnSync(argv, {
      env: { REDISCLI_AUTH: PASSWORD, LD_LIBRARY_PATH: LIBRARIES },
    });
    if (exitCode !== 0) throw new Error(`redis-cli ${args.join(" ")}: ${stderr}`);
    return JSON.parse(stdout.toString());
  }
  /** Entries of a stream: id and event JSON. */
  const stream = (key: string) =>
    (cli("XRANGE", key, "-", "+") as unknown as [string, string[]][]).map(([, [, id = "", , event = ""]]) => ({
      id,
      event,
    }));
  const plain = () => ({ address: `127.0.0.1:${redis.ports.redis}`, password: redis.env.PASSWORD, maxLength: 0 });
  const encrypted = () => ({ ...plain(), address: `localhost:${redis.ports.tls}` });

  test("a thousand events arrive in streams and lists, plain, encrypted and with a client certificate", async () => {
    const { CA: caFile, CLIENT_CERT: certFile, CLIENT_KEY: keyFile, ACL_USER, ACL_PASSWORD } = redis.env;
    await using events = await flow([
      { name: "stream", redis: { ...plain(), key: `k1:${run}:stream` } },
      { name: "list", redis: { ...plain(), key: `k1:${run}:list`, mode: "list" } },
      { name: "tls", redis: { ...encrypted(), key: `k1:${run}:tls`, tls: { caFile } } },
      { name: "mtls", redis: { ...encrypted(), key: `k1:${run}:mtls`, tls: { caFile, certFile, keyFile } } },
      {
        name: `acl:${run}`,
        redis: { ...plain(), username: ACL_USER, password: ACL_PASSWORD, key: `acl:${run}:stream` },
      },
      { name: "short", redis: { ...plain(), key: `k1:${run}:short`, maxLength: 100 } },
    ]);
    events.write(1_000);
    for (const name of ["stream", "list", "tls", "mtls", `acl:${run}`, "short"]) await events.delivered(name);
    const ids = [...events.ids].sort();
    for (const key of [`k1:${run}:stream`, `k1:${run}:tls`, `k1:${run}:mtls`, `acl:${run}:stream`]) {
      const entries = stream(key);
      expect(entries.map(({ id }) => id).sort()).toEqual(ids);
      expect(idsOf(entries.map(({ event }) => event))).toEqual(entries.map(({ id }) => id));
      expect(disorder(entries.map(({ event }) => event))).toBeUndefined();
    }
    expect(idsOf(cli("LRANGE", `k1:${run}:list`, "0", "-1")).sort()).toEqual(ids);
    const kept = stream(`k1:${run}:short`).length;
    expect([kept >= 100, kept < 300]).toEqual([true, true]);
  });

  test("a wrong password, a right that is missing and an unknown authority keep the events and say why", async () => {
    const { STRANGER_CA: caFile, ACL_USER, ACL_PASSWORD } = redis.env;
    await using events = await flow([
      { name: "password", redis: { ...plain(), password: "wrong-password", key: `k2:${run}` } },
      { name: "right", redis: { ...plain(), username: ACL_USER, password: ACL_PASSWORD, key: `k2:${run}` } },
      { name: "authority", redis: { ...encrypted(), key: `k2:${run}`, tls: { caFile } } },
      { name: "good", redis: { ...plain(), key: `k2:${run}` } },
    ]);
    events.write(10);
    await events.delivered("good");
    for (const [name, reason] of [
      ["password", "unauthorized"],
      ["right", "unauthorized"],
      ["authority", "network"],
    ]) {
      const failed = events.petrel
        .stderr()
        .split("\n")
        .find((line) => line.includes(`"receiver":"${name}"`) && line.includes(`"reason":"${reason}"`));
      expect(`${name}: ${failed}`).toContain(`"reason":"${reason}"`);
    }
    expect(events.petrel.stderr()).not.toContain("wrong-password");
    expect(stream(`k2:${run}`).map(({ id }) => id)).toEqual([...events.ids]);
  });

  test("what is written while the server is dead arrives when it is back", async () => {
    await using events = await flow([
      { name: "redis", retry: { min: "50ms", max: "500ms" }, redis: { ...plain(), key: `k3:${run}` } },
    ]);
    events.write(400);
    await events.delivered("redis");
    await redis.kill("redis-server");
    events.write(300);
    await Bun.sleep(300);
    await redis.start("redis-server");
    events.write(300);
    await events.delivered("redis");
    const entries = stream(`k3:${run}`);
    const seen = new Set(entries.map(({ id }) => id));
    expect([...seen].sort()).toEqual([...events.ids].sort());
  });
});
