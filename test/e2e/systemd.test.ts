/** The unit of deploy/systemd, by systemd's own judgement. That it is told of start, life and stop is in notify.test.ts. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { EXECUTABLE } from "./executable.ts";

const UNIT = resolve(import.meta.dir, "../../deploy/systemd/petrel.service");
const TITLE = "systemd finds nothing wrong with the unit, and little exposure";

if (Bun.which("systemd-analyze") === null) test.skip(`${TITLE} (needs systemd-analyze)`, () => {});
else {
  test(TITLE, () => {
    const folder = mkdtempSync(join(tmpdir(), "petrel-unit-"));
    try {
      const unit = join(folder, "petrel.service");
      // It wants the program to be there.
      writeFileSync(unit, readFileSync(UNIT, "utf8").replaceAll("/usr/bin/petrel", EXECUTABLE));
      const verified = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", unit], { timeout: 20_000 });
      expect({ code: verified.exitCode, said: verified.stderr.toString() }).toEqual({ code: 0, said: "" });
      const security = Bun.spawnSync(["systemd-analyze", "security", "--offline=yes", "--no-pager", unit], {
        timeout: 20_000,
      });
      const [, exposure = ""] =
        /Overall exposure level for petrel\.service: ([\d.]+)/.exec(security.stdout.toString()) ?? [];
      expect(Number(exposure)).toBeGreaterThan(0);
      expect(Number(exposure)).toBeLessThanOrEqual(2.5);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
}
