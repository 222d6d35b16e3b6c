import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { EXECUTABLE } from "./executable.ts";

interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

test("the config that deploy/kubernetes ships is one that `petrel check --strict` has nothing to say about", async () => {
  const path = resolve(import.meta.dir, "../../deploy/kubernetes/petrel.yaml");
  const manifests = Bun.YAML.parse(await Bun.file(path).text()) as Manifest[];
  const config = manifests.find(({ kind }) => kind === "ConfigMap")?.data?.["config.yaml"];
  const folder = mkdtempSync(join(tmpdir(), "petrel-deploy-"));
  try {
    await Bun.write(join(folder, "config.yaml"), config ?? "");
    const { exitCode, stdout } = Bun.spawnSync([EXECUTABLE, "check", "--strict", "-c", "config.yaml"], { cwd: folder });
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: "config.yaml: no problems\n" });
    expect(config).toMatch(/^strict: true$/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
