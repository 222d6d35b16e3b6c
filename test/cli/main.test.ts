import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const MAIN = join(ROOT, "src/main.ts");
const TREE = join(ROOT, "test/fixtures/cli/tree.yaml");
const OBSERVED = join(ROOT, "test/fixtures/exporter/event.json");

function start(command: readonly string[], stdin?: string) {
  return Bun.spawn([process.execPath, ...command], {
    cwd: ROOT,
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: 10_000,
  });
}

test("a process writes all of its output before it ends, into pipes that are slower than it", async () => {
  const event = (await Bun.file(OBSERVED).text()).trimEnd();
  const child = start([MAIN, "route", "-c", TREE, "-o", "json", "-"], `${event}\n`.repeat(500));
  // Far more than a pipe holds: the child waits for its reader, and still ends with everything said.
  const lines = (await child.stdout.text()).trimEnd().split("\n");
  expect(lines).toHaveLength(500);
  expect(JSON.parse(lines[499] ?? "").receivers).toEqual(["dump", "alerts"]);
  expect(await child.exited).toBe(0);
});

test("a reader that goes away ends nothing but its own output", async () => {
  const event = (await Bun.file(OBSERVED).text()).trimEnd();
  const child = start([MAIN, "route", "-c", TREE, "-o", "json", "-"], `${event}\n`.repeat(500));
  await child.stdout.cancel();
  expect(await child.exited).toBe(0);
  expect(await child.stderr.text()).toBe("");
});

test("the exit code is the command's", async () => {
  const child = start([MAIN, "rout"]);
  expect(await child.stderr.text()).toBe('petrel: unknown command "rout"; did you mean route?\n');
  expect(await child.exited).toBe(2);
});

test("a hangup ends nothing, the first signal asks, the second ends at once", async () => {
  const script = `
    import { processIo } from "./src/cli/io.ts";
    const io = processIo((code) => process.exit(40 + code));
    io.stop().addEventListener("abort", () => io.stdout("stopping\\n"));
    io.hangup(() => io.stdout("hung up\\n"));
    setInterval(() => {}, 1_000);
    io.stdout("ready\\n");`;
  const child = start(["-e", script]);
  const reader = child.stdout.getReader();
  const said = async () => Buffer.from((await reader.read()).value ?? []).toString();
  expect(await said()).toBe("ready\n");
  child.kill("SIGHUP");
  expect(await said()).toBe("hung up\n");
  child.kill("SIGTERM");
  expect(await said()).toBe("stopping\n");
  child.kill("SIGINT");
  expect(await child.exited).toBe(41);
});

test("a folder that is gone keeps nobody from files that are named whole", async () => {
  const script = `
    import { mkdtempSync, rmdirSync } from "node:fs";
    import { tmpdir } from "node:os";
    const { processIo } = await import("./src/cli/io.ts");
    const folder = mkdtempSync(tmpdir() + "/petrel-gone-");
    process.chdir(folder);
    rmdirSync(folder);
    const io = processIo(() => {});
    io.stdout(JSON.stringify(io.cwd));`;
  expect(await start(["-e", script]).stdout.text()).toBe('""');
});
