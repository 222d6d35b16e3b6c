/** `bun run bench` itself: a report of two programs on the same load, and a profile. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Report } from "../bench/report.ts";
import { command } from "../testbed/place.ts";
import { EXECUTABLE } from "./executable.ts";

const ROOT = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "petrel-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (...args: string[]) =>
  command([process.execPath, "test/bench/main.ts", ...args, "--out", folder], {
    cwd: ROOT,
    env: { BENCH_EXE: EXECUTABLE },
    deadlineMs: 100_000,
  });

async function report(): Promise<Report> {
  return await Bun.file(join(folder, "report.json")).json();
}

if (process.platform !== "linux") test.skip("bun run bench (measures by /proc)", () => {});
else {
  test("another build of Petrel is measured beside this one", async () => {
    const other = `${EXECUTABLE} run -c {config} --kubeconfig {kubeconfig} --metrics-address 127.0.0.1:{port} --admin-address off`;
    await bench("exe", "burst", "--runs", "1", "--peer", other);
    const { scenarios, peer, versions, machine, runs } = await report();
    expect({ peer, runs }).toEqual({ peer: other, runs: 1 });
    expect([versions.bun, machine.cores > 0]).toEqual([Bun.version, true]);
    const [exe, burst] = scenarios;
    expect(exe?.figures.map(({ name, peer, met }) => ({ name, peer, met: typeof met }))).toEqual([
      { name: "size", peer: undefined, met: "boolean" },
      { name: "size, gzip", peer: undefined, met: "boolean" },
    ]);
    const figure = (name: string) => burst?.figures.find((one) => one.name === name);
    // Of the same program on the same load: everything arrives, and the figures are alike but for noise.
    expect(figure("missing")).toMatchObject({ median: 0, met: true, peer: { median: 0 } });
    expect(figure("repeated")).toMatchObject({ median: 0, met: true, peer: { median: 0 } });
    const { ratio = 0 } = figure("peak resident") ?? {};
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
    expect(await Bun.file(join(folder, "report.md")).text()).toContain("| peer | ours : peer |");
  }, 110_000);

  test("a peer may be any program that reads KUBECONFIG and watches events", async () => {
    const script = join(folder, "peer.ts");
    await Bun.write(
      script,
      `const { clusters } = await Bun.file(process.env.KUBECONFIG).json();
      const watch = await fetch(clusters[0].cluster.server + "/api/v1/events?watch=true");
      for await (const chunk of watch.body);`,
    );
    await bench("start", "--runs", "1", "--peer", `${process.execPath} ${script}`);
    const [start] = (await report()).scenarios;
    expect(start?.figures[0]?.peer?.median).toBeGreaterThan(0);
    expect(start?.figures[0]?.ratio).toBeGreaterThan(0);
  }, 110_000);

  test("a peer that ends is told of with what it said", async () => {
    const failing = bench("start", "--runs", "1", "--peer", "sh -c 'echo not today >&2; exit 3'");
    await expect(failing).rejects.toThrow("peer ended with 3: not today");
  }, 110_000);

  test("a profile names functions of the sources and types on the heap", async () => {
    const said = await bench("profile", "burst", "--top", "15");
    expect(said).toMatch(/^\| Self% \|.*Function/m);
    expect(said).toMatch(/\| `[^`]*` \| `src\/[^`]+\.ts/);
    expect(said).toMatch(/^\| Rank \| Type \|.*\n.*\n\| 1 \|/m);
  }, 110_000);
}
