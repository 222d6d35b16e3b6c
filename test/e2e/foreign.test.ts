/** Executables for machines that this one is not: each starts, reads a config, keeps a journal, and delivers. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { emulated, MACHINES } from "../testbed/foreign.ts";
import { command } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";

const ROOT = resolve(import.meta.dir, "../..");

describeReal("on a machine of another kind", ["foreign"], () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-foreign-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(MACHINES)(
    "$target",
    async (machine) => {
      const home = join(folder, machine.target);
      mkdirSync(home);
      await command(
        [process.execPath, "src/build.ts", "--target", `bun-${machine.target}`, "--outfile", join(home, "petrel")],
        { cwd: ROOT },
      );
      const petrel = [...(await emulated(machine)), join(home, "petrel")];
      const run = (...args: string[]) => command([...petrel, ...args], { cwd: home, deadlineMs: 60_000, input: EVENT });

      const version = JSON.parse(await run("version", "-o", "json"));
      expect(version.platform).toBe(machine.architecture === "arm64" ? "linux/arm64" : "linux/x64");
      writeFileSync(join(home, "petrel.yaml"), CONFIG);
      expect(await run("check", "-c", "petrel.yaml")).toContain("no problems");
      const said = await run("run", "-c", "petrel.yaml", "--metrics-address", "127.0.0.1:0", "--admin-address", "off");
      expect(said).toBe('{"text":"BackOff in SHOP, 2026-01-02"}\n');
      expect(await Bun.file(join(home, "state/journal.db")).exists()).toBe(true);
    },
    180_000,
  );
});

const EVENT = `${JSON.stringify({
  kind: "Event",
  apiVersion: "v1",
  metadata: { name: "a", namespace: "shop", uid: "u", resourceVersion: "7" },
  involvedObject: { kind: "Pod", name: "web-1", namespace: "shop" },
  reason: "BackOff",
  message: "Back-off restarting failed container",
  type: "Warning",
  lastTimestamp: "2026-01-02T03:04:05Z",
})}\n`;

/** A pattern, functions of sprig, a time layout, a journal: what a platform may lack. */
const CONFIG = `sources: [stdin]
state: {path: state}
route:
  match: [{reason: "^Back(-)?[oO]ff$", receiver: out}]
receivers:
  - name: out
    stdout:
      layout:
        text: '{{ .Reason }} in {{ .Namespace | upper }}, {{ .LastTimestamp.Format "2006-01-02" }}'
`;
