import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Execute, fetchDebs, PINNED, type Pins } from "../../src/release/debian.ts";
import { sha256 } from "../../src/release/tar.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const NAME = "libc6_1%3a2.36-9_amd64.deb";
const pins: Pins = {
  suite: "bookworm",
  snapshot: "20261128T000000Z",
  packages: { amd64: [{ name: "libc6", version: "1:2.36-9", sha256: sha256("the package") }] },
};

/** Downloads succeed from that origin on; every command is kept. */
function machine(from: "lists" | "mirror" | "snapshot" | "nowhere", bytes = "the package", architecture = "amd64") {
  const folder = mkdtempSync(join(tmpdir(), "petrel-debian-"));
  folders.push(folder);
  const said: string[] = [];
  const run: Execute = (...argv) => {
    const line = argv.join(" ");
    said.push(line);
    if (argv[0] === "dpkg") return `${architecture}\n`;
    if (argv.includes("update")) return "";
    const origin = /\/(mirror|snapshot)\/lists/.exec(line)?.[1] ?? "lists";
    if (origin !== from) throw new Error(`Version not found in ${origin}`);
    writeFileSync(join(folder, NAME), bytes);
    return "";
  };
  return { folder, run, said };
}

describe("pinned packages", () => {
  test.each(["lists", "mirror", "snapshot"] as const)("come from the nearest place that has them: %s", async (from) => {
    const { folder, run, said } = machine(from);
    const got = await fetchDebs("amd64", { folder, run, newest: false, pins });
    expect(got).toEqual({ files: [NAME], notes: [] });
    expect(said.at(-1)).toEndWith("download libc6=1:2.36-9");
    if (from !== "snapshot") return;
    const list = await Bun.file(join(folder, "snapshot.list")).text();
    expect(list).toContain("snapshot.debian.org/archive/debian/20261128T000000Z/ bookworm main\n");
    expect(list).toContain("snapshot.debian.org/archive/debian-security/20261128T000000Z/ bookworm-security main\n");
  });

  test("of another architecture are not asked of this machine's lists", async () => {
    const { folder, run } = machine("lists", "the package", "arm64");
    await expect(fetchDebs("amd64", { folder, run, newest: false, pins })).rejects.toThrow("cannot get libc6=1:2.36-9");
  });

  test("that are not what they were are refused", async () => {
    const { folder, run } = machine("mirror", "another");
    await expect(fetchDebs("amd64", { folder, run, newest: false, pins })).rejects.toThrow(
      `${NAME} has the SHA-256 ${sha256("another")}, and ${sha256("the package")} is pinned`,
    );
  });

  test("that are nowhere are told with every place, and with what can be done", async () => {
    const { folder, run } = machine("nowhere");
    const failing = fetchDebs("amd64", { folder, run, newest: false, pins });
    await expect(failing).rejects.toThrow(
      /lists: Version not found.*\n.*mirror: .*\n.*snapshot\.debian\.org: .*\n.*--pin-debian/,
    );
  });

  test("are not what --newest-debian takes, which is said", async () => {
    const { folder, run, said } = machine("mirror", "another");
    const got = await fetchDebs("amd64", { folder, run, newest: true, pins });
    expect(got.notes).toEqual([`NOT the packages that are pinned: ${NAME}`]);
    expect(said.at(-1)).toEndWith("download ca-certificates libc6 tzdata");
  });

  test("are there for both architectures, in the same versions", () => {
    const versions = Object.entries(PINNED.packages).map(([architecture, all]) => ({
      architecture,
      all: all.map(({ name, version }) => `${name} ${version}`),
    }));
    expect(versions.map(({ architecture }) => architecture)).toEqual(["amd64", "arm64"]);
    expect(versions[0]?.all).toEqual(versions[1]?.all ?? []);
    expect(versions[0]?.all.map((one) => one.split(" ")[0])).toEqual(["ca-certificates", "libc6", "tzdata"]);
  });
});
