/** Dead letters from end to end: refused, kept over a restart, looked at and sent again, with the executable alone. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { anEventInput } from "../harness.ts";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE, startExecutable } from "./executable.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "petrel-dlq-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]) {
  const child = Bun.spawn([EXECUTABLE, ...args], {
    cwd: folder,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

test("refused, kept over a restart, and sent again by hand", async () => {
  const api = await createApiServer();
  let refusing = true;
  const got: string[] = [];
  const hook = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { message } = (await request.json()) as { readonly message: string };
      if (refusing && message.startsWith("bad")) return new Response("not this one", { status: 422 });
      got.push(message);
      return new Response();
    },
  });
  const kubeconfig = join(folder, "kubeconfig");
  await Bun.write(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: api.url } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const config = {
    omitLookup: true,
    state: { path: join(folder, "state") },
    deadLetter: { file: join(folder, "letters.json") },
    route: { match: [{ receiver: "hook" }] },
    receivers: [{ name: "hook", webhook: { endpoint: `http://127.0.0.1:${hook.port}/` } }],
  };
  const [port = 0] = await freePorts(1);
  const start = () => startExecutable(folder, config, kubeconfig, { args: ["--admin-address", `127.0.0.1:${port}`] });
  const at = ["--admin", `http://127.0.0.1:${port}`];
  let petrel = await start();
  try {
    for (const message of ["good 1", "bad 1", "good 2", "bad 2", "bad 3"]) api.put(anEventInput({ message }));
    await eventually("everything to have an answer", 10_000, async () => {
      const refused = await petrel.metric("petrel_events_dropped_total", 'reason="refused"');
      return refused === 3 && got.length === 2 ? undefined : `${refused} refused, got ${got}`;
    });
    expect(await petrel.metric("petrel_dead_letters")).toBe(3);
    const listed = await run("dlq", "list", ...at);
    expect(listed.out).toContain("1  hook  ");
    expect(listed.out).toContain('answered 422: "not this one"\n   Warning BackOff Pod shop/pod-');
    expect(listed.out).toEndWith("3 shown, 3 dead letters in all\n");
    // In the folder of one that runs nothing is changed.
    const locked = await run("dlq", "drop", "--state", "state", "--all");
    expect([locked.code, locked.err]).toEqual([1, expect.stringContaining("a petrel uses the state folder state")]);
    const status = await (await fetch(`http://127.0.0.1:${port}/api/v1/status`)).json();
    expect(status).toMatchObject({
      ready: true,
      deadLetters: { count: 3 },
      receivers: [{ name: "hook", state: "up" }],
    });
    const schemas = (await (await fetch(`http://127.0.0.1:${port}/api/v1/schemas`)).json()) as { config: object };
    expect(schemas.config).toMatchObject({ title: "Petrel" });

    expect(await petrel.stop()).toBe(0);
    const offline = await run("dlq", "list", "--state", "state", "-o", "json");
    expect(
      offline.out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).event.message),
    ).toEqual(["bad 1", "bad 2", "bad 3"]);
    const inFile = await Bun.file(config.deadLetter.file).text();
    expect(inFile.trimEnd().split("\n")).toHaveLength(3);
    const rendered = await run("replay", "-c", "petrel.yaml", "--dry-run", "-o", "json", "letters.json");
    expect(JSON.parse(rendered.out)).toMatchObject({ events: 3, receivers: { hook: 3 } });
    expect((await run("dlq", "drop", "--state", "state", "2")).out).toBe("1 dropped\n");
    refusing = false;
    expect((await run("dlq", "replay", "--state", "state", "-c", "petrel.yaml", "1")).out).toBe("1 delivered\n");

    petrel = await start();
    expect(await run("dlq", "replay", ...at, "--receiver", "hook")).toEqual({ code: 0, out: "1 delivered\n", err: "" });
    expect(got).toEqual(["good 1", "good 2", "bad 1", "bad 3"]);
    expect(await petrel.metric("petrel_dead_letters")).toBe(0);
  } finally {
    await petrel.stop();
    await Promise.all([api.stop(), hook.stop(true)]);
  }
}, 60_000);
