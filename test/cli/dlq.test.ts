import { Database } from "bun:sqlite";
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAdmin } from "../../src/admin.ts";
import { DeliveryError } from "../../src/errors.ts";
import { tryLock } from "../../src/journal/lock.ts";
import { createTables } from "../../src/journal/schema.ts";
import { createLogger } from "../../src/logger.ts";
import { openSecret } from "../../src/pipeline/context.ts";
import { openDeadLetters } from "../../src/pipeline/dead-letters-journal.ts";
import { aConfig, aReceiver, eventually, memorySink, startTestPetrel } from "../harness.ts";
import { petrel } from "./io.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "petrel-dlq-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const input = (n: number) => ({
  metadata: { name: `e${n}`, namespace: "shop", uid: `u${n}`, resourceVersion: String(n) },
  type: "Warning",
  reason: "BackOff",
  message: `message ${n}`,
  involvedObject: { kind: "Pod", namespace: "shop", name: `web-${n}` },
});

/** A state folder with letters 1 to 3: two of `hook`, then one of `gone`. */
function aState(name: string, more = 0): string {
  const path = join(FOLDER, name);
  mkdirSync(path);
  const db = new Database(join(path, "journal.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = OFF");
  createTables(db);
  const letters = openDeadLetters(db, { maxCount: 10_000, maxBytes: 1e9, forgotten: { value: 0 } });
  const receivers = ["hook", "hook", "gone", ...Array.from({ length: more }, () => "hook")];
  for (const [n, receiver] of receivers.entries()) {
    letters.add({
      receiver,
      eventId: `u${n}.${n}`,
      event: Buffer.from(JSON.stringify(input(n))),
      reason: "rejected",
      message: "HTTP 400",
      at: Date.parse("2026-01-02T03:04:05.678Z"),
      attempts: 1,
    });
  }
  db.close();
  return path;
}

/** A config whose `hook` is a file, or refuses everything. */
function aFileConfig(name: string, path = join(FOLDER, `${name}.json`)) {
  const config = join(FOLDER, `${name}.yaml`);
  writeFileSync(
    config,
    `route: { match: [{ receiver: hook }] }\nreceivers:\n  - name: hook\n    file: { path: ${path}, layout: { m: "{{ .Message }}" } }\n`,
  );
  return { config, lines: () => readFileSync(path, "utf8").trimEnd().split("\n") };
}

const dlq = (args: readonly string[], env: Record<string, string> = {}) => petrel(["dlq", ...args], { env });

describe("of a state folder", () => {
  test("are listed in words, oldest first, of one receiver, and at most so many", async () => {
    const state = aState("list");
    expect(await dlq(["list", "--state", state])).toEqual({
      code: 0,
      err: "",
      out: `1  hook  2026-01-02T03:04:05Z  rejected, 1 attempt: HTTP 400
   Warning BackOff Pod shop/web-0: message 0
2  hook  2026-01-02T03:04:05Z  rejected, 1 attempt: HTTP 400
   Warning BackOff Pod shop/web-1: message 1
3  gone  2026-01-02T03:04:05Z  rejected, 1 attempt: HTTP 400
   Warning BackOff Pod shop/web-2: message 2
3 shown, 3 dead letters in all
`,
    });
    const { out } = await dlq(["list", "--state", state, "--receiver", "hook", "--limit", "1"]);
    expect(out).toEndWith("1 shown of hook, 3 dead letters in all\n");
  });

  test("as JSON they are what other commands read", async () => {
    const { out } = await dlq(["list", "--state", aState("json"), "-o", "json"]);
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { id: 1, receiver: "hook", eventId: "u0.0", at: "2026-01-02T03:04:05.678Z", event: input(0) },
      { id: 2, event: input(1) },
      { id: 3, receiver: "gone", event: input(2) },
    ]);
    const { config } = aFileConfig("json");
    const route = await petrel(["route", "-c", config, "-o", "json", "-"], { stdin: out });
    expect(route.out.match(/"receivers":\["hook"\]/g)).toHaveLength(3);
  });

  test("are shown one by one", async () => {
    const { code, out, err } = await dlq(["show", "--state", aState("show"), "2", "9"]);
    expect([code, err]).toEqual([1, "petrel: there is no dead letter 9\n"]);
    expect(out).toStartWith("2  hook  2026-01-02T03:04:05Z  rejected, 1 attempt: HTTP 400\n");
    expect(JSON.parse(out.slice(out.indexOf("{")))).toEqual(input(1));
  });

  test("are dropped by ID, by receiver, and all", async () => {
    const state = aState("drop", 1_000);
    const left = async () =>
      (await dlq(["list", "--state", state, "--limit", "1"])).out.match(/(\d+) dead letter/)?.[1];
    expect(await dlq(["drop", "--state", state, "1", "9999"])).toEqual({
      code: 1,
      out: "1 dropped\n",
      err: "petrel: there is no dead letter 9999\n",
    });
    expect((await dlq(["drop", "--state", state, "--receiver", "gone"])).out).toBe("1 dropped\n");
    expect(await left()).toBe("1001");
    expect((await dlq(["drop", "--state", state, "--all", "-o", "json"])).out).toBe('{"dropped":1001,"missing":0}\n');
    expect(await left()).toBe("0");
  });

  test("are sent again to the receivers of a config, and gone when these took them", async () => {
    const state = aState("replay", 1_000);
    const { config, lines } = aFileConfig("replay");
    const { code, out, err } = await dlq(["replay", "--state", state, "-c", config, "--all"]);
    expect([code, out]).toEqual([1, "1002 delivered\n"]);
    expect(err).toBe("petrel: dead letter 3 is of a receiver that the config does not have\n");
    expect(new Set(lines()).size).toBe(1_002);
    expect(JSON.parse(lines()[0] ?? "")).toEqual({ m: "message 0" });
    expect((await dlq(["list", "--state", state])).out).toEndWith("1 shown, 1 dead letter in all\n");
  });

  test("stay when they are refused once more", async () => {
    const state = aState("again");
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no", { status: 422 }) });
    open.push(() => server.stop(true));
    const { config } = aFileConfig("again");
    const hook = `route: { match: [{ receiver: hook }] }\nreceivers: [{ name: hook, webhook: { endpoint: "http://127.0.0.1:${server.port}/" } }]\n`;
    writeFileSync(config, hook);
    const { code, out, err } = await dlq(["replay", "--state", state, "-c", config, "1"]);
    expect([code, out]).toEqual([1, "0 delivered, 1 refused\n"]);
    expect(err).toStartWith("petrel: dead letter 1 was refused again: rejected: POST http://127.0.0.1");
    expect((await dlq(["list", "--state", state])).out).toContain("rejected, 2 attempts: POST");
  });

  test("of a petrel that runs can be read, and not changed", async () => {
    const state = aState("locked");
    const lock = tryLock(state);
    open.push(() => lock?.release());
    expect(lock).toBeDefined();
    expect((await dlq(["list", "--state", state])).code).toBe(0);
    for (const action of ["drop", "replay"]) {
      const { code, err } = await dlq([action, "--state", state, "--all"]);
      expect([code, err]).toEqual([
        1,
        `petrel: a petrel uses the state folder ${state}: ask it with --admin URL, or stop it first\n`,
      ]);
    }
  });

  test("a journal without any, one of a newer petrel, and what is none", async () => {
    const path = join(FOLDER, "empty");
    mkdirSync(path);
    const db = new Database(join(path, "journal.db"), { create: true });
    createTables(db);
    expect((await dlq(["list", "--state", path])).out).toBe("0 shown, 0 dead letters in all\n");
    db.run("PRAGMA user_version = 99");
    db.close();
    expect((await dlq(["list", "--state", path])).err).toContain("is of a newer petrel (format 99, this one knows 1)");
    writeFileSync(join(path, "journal.db"), "no database".repeat(1_000));
    expect(await dlq(["list", "--state", path])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`the journal in ${path} cannot be opened: file is not a database`),
    });
    expect((await dlq(["list", "--state", FOLDER])).err).toContain("holds no journal.db");
  });
});

describe("of a running petrel", () => {
  async function aRunning(token?: string) {
    let refusing = true;
    const sink = memorySink(
      () => {
        if (refusing) throw new DeliveryError("rejected", "HTTP 400");
      },
      { batch: { count: 1 } },
    );
    const running = await startTestPetrel({
      sinks: [sink.definition],
      config: aConfig({ receivers: [aReceiver("all")] }),
    });
    open.push(() => running[Symbol.asyncDispose]());
    for (let n = 0; n < 3; n++) running.server.put(input(n) as never);
    await eventually("dead letters", () => running.petrel.status().deadLetters.count === 3);
    const admin = startAdmin({
      address: "127.0.0.1:0",
      required: true,
      token: token === undefined ? undefined : openSecret(token, { env: {} }),
      petrel: () => running.petrel,
      generation: () => 1,
      config: () => undefined,
      schema: () => Promise.resolve("{}"),
      logger: createLogger({ level: "disabled", format: "json" }),
      startedAt: 0,
    });
    open.push(() => admin?.stop());
    const take = (): void => {
      refusing = false;
    };
    return { url: `http://127.0.0.1:${admin?.port}`, sink, running, take };
  }

  test("are listed, shown, sent again and dropped", async () => {
    const { url, sink, take } = await aRunning();
    const at = ["--admin", url];
    const { out } = await dlq(["list", ...at, "--limit", "2"]);
    expect(out).toContain("   Warning BackOff Pod shop/web-0: message 0\n");
    expect(out).toEndWith("2 shown, 3 dead letters in all\n");
    expect((await dlq(["show", ...at, "2", "-o", "json"])).out).toContain('"message":"message 1"');
    expect(await dlq(["show", ...at, "7"])).toMatchObject({ code: 1, err: "petrel: there is no dead letter 7\n" });
    expect(await dlq(["replay", ...at, "1"])).toEqual({
      code: 1,
      out: "0 delivered, 1 refused\n",
      err: "petrel: dead letter 1 was refused again: rejected: HTTP 400\n",
    });
    take();
    expect(await dlq(["drop", ...at, "1"])).toEqual({ code: 0, out: "1 dropped\n", err: "" });
    expect(await dlq(["replay", ...at, "--all", "-o", "json"])).toEqual({
      code: 0,
      out: '{"id":2,"outcome":"delivered"}\n{"id":3,"outcome":"delivered"}\n',
      err: "",
    });
    expect(sink.events.map(({ message }) => message).sort()).toEqual(["message 1", "message 2"]);
    expect((await dlq(["list", ...at])).out).toBe("0 shown, 0 dead letters in all\n");
  });

  test("a token is sent along, and its lack is told", async () => {
    const { url } = await aRunning("s3cret");
    expect((await dlq(["list", "--admin", url], { PETREL_ADMIN_TOKEN: "s3cret" })).code).toBe(0);
    expect(await dlq(["list", "--admin", url])).toMatchObject({
      code: 1,
      err: `petrel: petrel at ${url} answered 401: a bearer token is needed; set PETREL_ADMIN_TOKEN\n`,
    });
  });

  test("nobody there, and somebody else", async () => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>", { status: 404 }) });
    const url = `http://127.0.0.1:${other.port}`;
    expect((await dlq(["list", "--admin", url])).err).toBe(
      `petrel: what answers at ${url} is no petrel's admin port (HTTP 404)\n`,
    );
    await other.stop(true);
    expect((await dlq(["list", "--admin", url])).err).toContain(`no petrel can be asked at ${url} (ECONNREFUSED)`);
  });
});

test.each([
  [[], "say what to do: list, show, replay, drop"],
  [["purge"], "say what to do"],
  [["show"], "ID missing"],
  [["show", "one"], '"one" is no ID of a dead letter'],
  [["list", "1"], "list takes no IDs"],
  [["drop"], "name letters by their IDs"],
  [["replay", "--all", "1"], "name letters by their IDs"],
  [["list", "--limit", "0"], '--limit: "0" is no count'],
  [["list", "--admin", "localhost:2113"], "is no URL"],
  [["list", "--admin", "http://a", "--state", "b"], "give --admin or --state, not both"],
])("%j is refused", async (args, message) => {
  expect(await dlq(args)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
});
