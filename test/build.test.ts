import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildExecutable } from "../src/build.ts";

const ROOT = resolve(import.meta.dir, "..");
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "petrel-build-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A folder in which a stranger has laid what Bun loads by itself. */
async function hostileFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await Bun.write(join(path, ".env"), "HOSTILE=environment\n");
  await Bun.write(join(path, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  await Bun.write(join(path, "preload.ts"), 'globalThis.hostile = "preload";\n');
  return path;
}

function run(executable: string, args: readonly string[], cwd: string): { code: number; out: string; error: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([executable, ...args], { cwd, stdin: "ignore", timeout: 20_000 });
  return { code: exitCode, out: stdout.toString(), error: stderr.toString() };
}

describe("hardening", () => {
  const tells = "console.log(JSON.stringify([process.env.HOSTILE ?? null, globalThis.hostile ?? null]));";
  const build = async (name: string, hardened: boolean) => {
    const path = await hostileFolder(name);
    const entry = join(folder, `${name}.ts`);
    await Bun.write(entry, tells);
    const outfile = join(path, "petrel");
    await buildExecutable({ entry, outfile, commit: "test", hardened });
    return { path, outfile };
  };

  test(".env and bunfig.toml of the working directory are not loaded, nor those beside the executable", async () => {
    const { path, outfile } = await build("hardened", true);
    expect(run(outfile, [], path).out).toBe("[null,null]\n");
    expect(run(outfile, [], folder).out).toBe("[null,null]\n");
    expect((await readdir(path)).sort()).toEqual([".env", "bunfig.toml", "petrel", "preload.ts"]);
  });

  test("an executable without the hardening does load them, so the test above can fail", async () => {
    const { path, outfile } = await build("soft", false);
    expect(run(outfile, [], path).out).toBe('["environment","preload"]\n');
  });

  test("petrel itself starts in a hostile folder as anywhere else", async () => {
    const executable = process.env.PETREL_EXE ?? join(ROOT, "dist/petrel");
    const path = await hostileFolder("petrel");
    await Bun.write(join(path, "preload.ts"), `require("node:fs").writeFileSync("loaded", "");\n`);
    const here = run(executable, ["version"], path);
    expect(here).toEqual(run(executable, ["version"], folder));
    expect(here.code).toBe(0);
    expect(here.out).toContain(require("../package.json").version);
    expect(existsSync(join(path, "loaded"))).toBe(false);
    // Its own use of the environment, too: the variable that .env sets stays unknown to the config.
    await Bun.write(join(path, "config.yaml"), "clusterName: $HOSTILE\n");
    expect(run(executable, ["check"], path).out).toContain("environment variable HOSTILE is not set");
  });
});

test("two clones in two folders build the same bytes", async () => {
  const copies = ["first", "a second/folder with another name"].map((name) => join(folder, name));
  const hashes = [];
  for (const copy of copies) {
    for (const name of ["src", "sinks", "configs", "package.json", "bun.lock", "tsconfig.json", "bunfig.toml"]) {
      if (existsSync(join(ROOT, name))) await cp(join(ROOT, name), join(copy, name), { recursive: true });
    }
    // The libraries too, not linked: where they lie must not matter either.
    const installed = run(process.execPath, ["install", "--frozen-lockfile", "--production", "--ignore-scripts"], copy);
    expect(installed).toMatchObject({ code: 0 });
    const built = run(process.execPath, ["run", "build", "--commit", "0123456"], copy);
    expect(built).toMatchObject({ code: 0 });
    const bytes = await Bun.file(join(copy, "dist/petrel")).bytes();
    hashes.push(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
    expect(Buffer.from(bytes).includes(folder)).toBe(false);
    expect(await readdir(join(copy, "dist"))).toEqual(["petrel"]);
  }
  expect(hashes[1]).toBe(hashes[0]);
});
