import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTables } from "../../src/journal/schema.ts";
import { petrel } from "./io.ts";

let folder = "";
const servers: { stop(force: boolean): unknown }[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "petrel-replay-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  for (const server of servers) server.stop(true);
});

const anEvent = (n: number, more: object = {}) => ({
  metadata: { name: `e${n}`, namespace: "shop", uid: `u${n}`, resourceVersion: String(100 + n) },
  type: "Warning",
  reason: "BackOff",
  message: `message ${n}`,
  // Long ago: whoever sends events again knows that.
  lastTimestamp: "2020-01-01T00:00:00Z",
  involvedObject: { kind: "Pod", namespace: "shop", name: `web-${n}` },
  ...more,
});

/** A config with a file, and a webhook that answers with this status while `refuses` says so of the body. */
function aConfig(name: string, refuses: (body: string) => number, more = "") {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => new Response("", { status: refuses(await request.text()) }),
  });
  servers.push(server);
  const path = join(folder, `${name}.yaml`);
  writeFileSync(
    path,
    `${more}
route:
  drop:
    - reason: Noise
  match:
    - receiver: all
  routes:
    - match:
        - type: Warning
          receiver: hook
receivers:
  - name: all
    file: { path: ${join(folder, name)}.json, layout: { id: "{{ .Message }}", app: '{{ index .InvolvedObject.Labels "app" }}' } }
  - name: hook
    webhook: { endpoint: "http://127.0.0.1:${server.port}/" }
    retry: { min: 1ms, max: 5ms }
`,
  );
  return {
    at: `http://127.0.0.1:${server.port}`,
    path,
    written: () =>
      readFileSync(`${path.slice(0, -5)}.json`, "utf8")
        .trimEnd()
        .split("\n"),
  };
}

describe("replay delivers", () => {
  test("lists, lines and a watch's, once each, and says so", async () => {
    const { path, written } = aConfig("fine", () => 200);
    const stdin = `${JSON.stringify({ kind: "List", items: [anEvent(1), anEvent(2, { type: "Normal" })] }, null, 2)}
${JSON.stringify({ type: "ADDED", object: anEvent(3) })}
${JSON.stringify({ id: 1, eventId: "x", event: anEvent(4, { reason: "Noise" }) })}
${JSON.stringify(anEvent(1))}
`;
    const { code, out, err } = await petrel(["replay", "-c", path, "-"], { stdin });
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe("4 events, 1 more held back, 1 went nowhere\n  all   3 delivered\n  hook  2 delivered\n");
    expect(written().map((line) => JSON.parse(line).id)).toEqual(["message 1", "message 2", "message 3"]);
  });

  test("more than the buffer holds, with nothing pushed out", async () => {
    const { path, written } = aConfig("many", () => 200, "buffer: { events: 50, bytes: 1MiB }");
    const events = Array.from({ length: 1_000 }, (_, n) => JSON.stringify(anEvent(n))).join("\n");
    const file = join(folder, "many.ndjson");
    writeFileSync(file, events);
    const { code, out } = await petrel(["replay", "-c", path, "-o", "json", file]);
    expect(JSON.parse(out)).toMatchObject({
      events: 1_000,
      complete: true,
      receivers: [
        { name: "all", delivered: 1_000, dropped: 0, left: 0 },
        { name: "hook", delivered: 1_000, dropped: 0, left: 0 },
      ],
    });
    expect(code).toBe(0);
    expect(written()).toHaveLength(1_000);
  }, 30_000);

  test("what is refused for good, and what is no event, are told and fail it", async () => {
    const { path, at } = aConfig("picky", (body) => (body.includes("message 2") ? 400 : 200));
    const stdin = `${JSON.stringify(anEvent(1))}\nnonsense\n{"kind":"Pod"}\n${JSON.stringify(anEvent(2))}\n`;
    const { code, out, err } = await petrel(["replay", "-c", path, "--log-level", "disabled", "-"], { stdin });
    expect(code).toBe(1);
    expect(out).toBe(`2 events, 2 more could not be read, 0 went nowhere
  all   2 delivered
  hook  1 delivered, 1 refused
hook refused u2.102: rejected: POST ${at} answered 400: with no text
`);
    expect(err).toBe(
      'petrel: standard input:2: not JSON: "nonsense"\npetrel: standard input:3: expected an event with metadata\n',
    );
  });

  test("a receiver that takes nothing is given up, and what it has not got is left", async () => {
    const { path } = aConfig("dead", () => 503);
    const stdin = `${JSON.stringify(anEvent(1))}\n${JSON.stringify(anEvent(2))}\n`;
    const args = ["replay", "-c", path, "--log-level", "disabled", "--timeout", "200ms", "-"];
    const { code, out } = await petrel(args, { stdin });
    expect(code).toBe(1);
    expect(out).toContain("  all   2 delivered\n  hook  0 delivered, 2 left (unavailable: POST ");
  });

  test("what a journal holds that is not delivered, with what was looked up", async () => {
    const { path, written } = aConfig("journal", () => 200);
    const state = join(folder, "state");
    mkdirSync(state);
    const db = new Database(join(state, "journal.db"), { create: true });
    createTables(db);
    const insert = db.query("INSERT INTO entries VALUES (?, 1, ?, 0, 0, ?, ?)");
    const line = JSON.stringify({ type: "ADDED", object: anEvent(1) });
    insert.run(7, 101, Buffer.from(line), '{"labels":{"app":"web"},"deleted":false}');
    for (let n = 2; n <= 300; n++) insert.run(6 + n, 100 + n, Buffer.from(JSON.stringify(anEvent(n))), null);
    db.close();
    const { code, out } = await petrel(["replay", "-c", path, state]);
    expect([code, out]).toEqual([0, "300 events, 0 went nowhere\n  all   300 delivered\n  hook  300 delivered\n"]);
    expect(JSON.parse(written()[0] ?? "")).toEqual({ id: "message 1", app: "web" });
  });
});

describe("replay --dry-run", () => {
  const STDIN = `${JSON.stringify(anEvent(1))}\n${JSON.stringify(anEvent(2, { type: "Normal" }))}\n${JSON.stringify(
    anEvent(3, { reason: "Noise" }),
  )}\n`;

  test("says who would get how many, by which rules, and sends nothing", async () => {
    const { path } = aConfig("dry", () => {
      throw new Error("something was sent");
    });
    const { code, out } = await petrel(["replay", "-c", path, "--dry-run", "-"], { stdin: STDIN });
    expect(code).toBe(0);
    expect(out).toBe(`3 events; nothing is sent

receivers
  all       2
  hook      1
  (nobody)  1

rules that matched
  line 4: drop          1
  line 6: match → all   2
  line 9: match → hook  1
`);
    expect(() => readFileSync(join(folder, "dry.json"))).toThrow();
  });

  test("as JSON, with what is no event", async () => {
    const { path } = aConfig("dry2", () => 200);
    const { code, out, err } = await petrel(["replay", "-c", path, "--dry-run", "-o", "json", "-"], {
      stdin: `${STDIN}{"kind":"Pod"}\n`,
    });
    expect([code, err]).toEqual([1, "petrel: standard input:4: expected an event with metadata\n"]);
    expect(JSON.parse(out)).toMatchObject({
      events: 3,
      unmatched: 1,
      problems: 1,
      receivers: { all: 2, hook: 1 },
      rules: [
        { line: 4, part: "drop", matched: 1 },
        { line: 6, part: "match", receiver: "all", matched: 2 },
        { line: 9, part: "match", receiver: "hook", matched: 1 },
      ],
    });
  });
});

test.each([
  [["nowhere.ndjson"], "there is no nowhere.ndjson"],
  [["/"], "/ holds no journal.db"],
  [["--timeout", "soon", "-"], '--timeout: "soon" is no time'],
  [[], "FILE missing"],
])("%j is refused", async (args, message) => {
  const { path } = aConfig("refused", () => 200);
  const { code, err } = await petrel(["replay", "-c", path, ...args]);
  expect([code, err]).toEqual([2, expect.stringContaining(message)]);
});
