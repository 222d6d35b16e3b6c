import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { arch } from "node:os";
import { basename, join, resolve } from "node:path";

/** Folder of everything fetched and built; `PETREL_TESTBED` moves it, for a cache that outlives the clone. */
export const TESTBED = resolve(process.env.PETREL_TESTBED ?? join(import.meta.dir, "../../.testbed"));

/** What is built or unpacked on one image may not run on another. */
function image(): string {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : process.platform;
  return `${release}${arch()}`;
}

/** A folder whose name changes with what it is made from, so that a stale one is never used and none is updated in place. */
export function place(name: string, ...parts: readonly string[]): string {
  const hash = createHash("sha256")
    .update([image(), ...parts].join("\0"))
    .digest("hex");
  return join(TESTBED, `${name}-${hash.slice(0, 12)}`);
}

/**
 * Runs `make` with a new folder and puts it at `folder` when it has succeeded; does nothing when `folder` is there.
 * A build that breaks off leaves nothing that looks finished.
 */
export async function once(folder: string, make: (folder: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return;
  const draft = `${folder}.${process.pid}`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  try {
    await make(draft);
    await rename(draft, folder);
  } catch (error) {
    // Another process that made the same thing at the same time is as good.
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Runs a command to its end and returns its standard output.
 * @param options deadlineMs default 10 minutes.
 * @throws Error with the command and the end of what it said.
 */
export async function command(
  argv: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Record<string, string>;
    readonly deadlineMs?: number;
    readonly input?: string;
  } = {},
): Promise<string> {
  const child = Bun.spawn([...argv], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, ...options.env },
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.deadlineMs ?? 600_000,
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) {
    const said = `${stderr}${stdout}`.trim().split("\n").slice(-15).join("\n");
    throw new Error(`${basename(argv[0] ?? "")} ${argv.slice(1).join(" ")}: exit code ${code}\n${said}`);
  }
  return stdout;
}

let listsUpdated: Promise<unknown> | undefined;

/** Debian's candidate versions, one `package version` a line; updates the package lists when they know none. */
async function candidates(packages: readonly string[]): Promise<string> {
  const policy = async () => {
    const text = await command(["apt-cache", "policy", ...packages], { env: { LC_ALL: "C" } });
    return text.match(/^ {2}Candidate: (?!\(none\)).*$/gm) ?? [];
  };
  let found = await policy();
  if (found.length < packages.length) {
    listsUpdated ??= command(["apt-get", "update", "-qq"]);
    await listsUpdated;
    found = await policy();
  }
  if (found.length < packages.length) throw new Error(`Debian's lists lack one of ${packages.join(", ")}`);
  return found.map((line, index) => `${packages[index]} ${line.trim()}`).join("\n");
}

/**
 * Debian packages and what they need that this machine lacks, unpacked but not installed:
 * no service starts, the machine stays as it was. Returns the root folder; keyed by version.
 */
export async function debs(name: string, packages: readonly string[]): Promise<string> {
  const folder = place(`deb-${name}`, await candidates(packages));
  await once(folder, async (draft) => {
    const archives = join(draft, "archives");
    await mkdir(join(archives, "partial"), { recursive: true });
    const download = () =>
      command([
        ...["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--download-only", "--reinstall"],
        ...["-o", `Dir::Cache::archives=${archives}`, "-o", "Debug::NoLocking=1", ...packages],
      ]);
    await download().catch(async () => {
      // The mirror has moved on from the versions that the lists name.
      listsUpdated ??= command(["apt-get", "update", "-qq"]);
      await listsUpdated;
      await download();
    });
    for (const file of await readdir(archives)) {
      if (file.endsWith(".deb")) await command(["dpkg", "-x", join(archives, file), join(draft, "root")]);
    }
    await rm(archives, { recursive: true });
  });
  return join(folder, "root");
}

/** Upstream's version of a Debian package: `7.0.15` of `5:7.0.15-1~deb12u10`. */
export async function debVersion(name: string): Promise<string> {
  const [, version = ""] = /Candidate: (?:\d+:)?([\w.+~]+)/.exec(await candidates([name])) ?? [];
  return version;
}

/** Version of a module in a go.mod, or of a dependency in a pom.xml, whose own name comes before. */
export function pinnedVersion(file: string, name: string): string {
  const text = readFileSync(file, "utf8");
  const pattern = file.endsWith("go.mod")
    ? `${RegExp.escape(name)} v(\\S+)`
    : `<artifactId>${RegExp.escape(name)}</artifactId><version>([^<]+)`;
  const version = [...text.matchAll(new RegExp(pattern, "g"))].at(-1)?.[1];
  if (version === undefined) throw new Error(`${file} has no version of ${name}`);
  return version;
}

/** Folders of shared libraries below an unpacked root, for LD_LIBRARY_PATH. */
export function libraries(root: string): string {
  const triplet = `${{ x64: "x86_64", arm64: "aarch64" }[arch() as string] ?? arch()}-linux-gnu`;
  return [`usr/lib/${triplet}`, `lib/${triplet}`, "usr/lib"].map((folder) => join(root, folder)).join(":");
}

/**
 * Programs of a Go module, built without cgo.
 * @param programs file name → package path.
 */
export async function goPrograms(
  name: string,
  module: string,
  programs: Readonly<Record<string, string>>,
  ldflags: string,
): Promise<string> {
  const files = (await readdir(module, { recursive: true })).filter((file) => /\.(go|mod|sum)$/.test(file)).sort();
  const key = files.map((file) => `${file}\n${readFileSync(join(module, file), "utf8")}`);
  const folder = place(name, ldflags, JSON.stringify(programs), ...key);
  await once(folder, async (draft) => {
    // Built from a copy: nothing may write into the clone.
    const copy = join(draft, "module");
    await cp(module, copy, { recursive: true });
    for (const [file, path] of Object.entries(programs)) {
      await command(["go", "build", "-trimpath", "-ldflags", ldflags, "-o", join(draft, file), path], {
        cwd: copy,
        env: { CGO_ENABLED: "0" },
        deadlineMs: 1_200_000,
      });
    }
    await rm(copy, { recursive: true });
  });
  return folder;
}
