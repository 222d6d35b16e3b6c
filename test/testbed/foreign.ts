/**
 * Machines of other kinds, for executables that are built for them: qemu's user mode, and what such a machine has of
 * libraries. Of musl the version counts: Alpine has 1.2.5 since 3.20, and what Bun compiles crashes on 1.2.3.
 */
import { mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { command, debs, debVersion, once, place } from "./place.ts";

export interface Machine {
  /** As in the targets of `bun run release`. */
  readonly target: "linux-arm64" | "linux-x64-musl" | "linux-arm64-musl";
  readonly architecture: "amd64" | "arm64";
  readonly emulator: string;
}

export const MACHINES: readonly Machine[] = [
  { target: "linux-arm64", architecture: "arm64", emulator: "qemu-aarch64-static" },
  { target: "linux-x64-musl", architecture: "amd64", emulator: "qemu-x86_64-static" },
  { target: "linux-arm64-musl", architecture: "arm64", emulator: "qemu-aarch64-static" },
];

/** The first Debian with musl 1.2.5. */
const SUITE = "trixie";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** A package with musl's libstdc++ inside, which Alpine has as a package of its own and Debian has not. */
const WHEEL = "kiwisolver==1.5.1";
const NAMES = { amd64: "x86_64", arm64: "aarch64" } as const;

/** Where this machine has its own packages from. */
async function mirror(): Promise<string> {
  const known = await command(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
  const found = known.split("\n").find((uri) => uri !== "" && !uri.includes("security"));
  if (found === undefined) throw new Error("apt-get knows no mirror of Debian's packages");
  return found;
}

/** A root as the emulator wants it: the loader, the C library and, for musl, libstdc++. */
async function root({ architecture }: Machine): Promise<string> {
  const folder = place(`foreign-${architecture}`, SUITE, WHEEL);
  await once(folder, async (draft) => {
    const lists = join(draft, "lists");
    await mkdir(join(lists, "partial"), { recursive: true });
    await Bun.write(join(draft, "sources.list"), `deb [signed-by=${KEYRING}] ${await mirror()} ${SUITE} main\n`);
    const apt = [
      ...["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Dir::Etc::sourceparts=/dev/null"],
      ...["-o", `Dir::Etc::sourcelist=${join(draft, "sources.list")}`, "-o", "Dir::State::status=/dev/null"],
      ...["-o", `APT::Architecture=${architecture}`, "-o", `APT::Architectures=${architecture}`],
      ...["-o", `Dir::State::Lists=${lists}`, "-o", `Dir::Cache=${join(draft, "cache")}`],
    ];
    await command([...apt, "update"]);
    await command([...apt, "download", "libc6", "musl"], { cwd: draft });
    await command(
      [
        ...["python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", "3.12"],
        ...["--platform", `musllinux_1_2_${NAMES[architecture]}`, "-d", draft, WHEEL],
      ],
      { env: { PIP_DISABLE_PIP_VERSION_CHECK: "1", PIP_ROOT_USER_ACTION: "ignore" } },
    );
    for (const name of await readdir(draft)) {
      if (name.endsWith(".deb")) await command(["dpkg-deb", "-x", join(draft, name), join(draft, "root")]);
      if (name.endsWith(".whl"))
        await command(["python3", "-m", "zipfile", "-e", join(draft, name), join(draft, "wheel")]);
    }
    const libraries = join(draft, "wheel/kiwisolver.libs");
    const own = join(draft, `root/usr/lib/${NAMES[architecture]}-linux-musl`);
    for (const name of await readdir(libraries)) {
      // A wheel calls it by its content; what it needs itself, by the same name.
      const plain = name.startsWith("libstdc++") ? "libstdc++.so.6" : name;
      await rename(join(libraries, name), join(own, plain));
    }
    await symlink("usr/lib", join(draft, "root/lib"));
    // Debian and Alpine call it differently.
    await symlink("libc.so", join(own, `libc.musl-${NAMES[architecture]}.so.1`));
    for (const name of ["lists", "cache", "wheel"]) await rm(join(draft, name), { recursive: true, force: true });
  });
  return join(folder, "root");
}

/** What goes in front of an executable that is built for this machine. */
export async function emulated(machine: Machine): Promise<readonly string[]> {
  const emulator = join(await debs("qemu", ["qemu-user-static"]), "usr/bin", machine.emulator);
  return [emulator, "-L", await root(machine)];
}

/** Nothing runs: tests start it. */
export const foreign: Definition = {
  name: "foreign",
  summary: "qemu, and the libraries of machines of other kinds: arm64, musl",
  missing: () =>
    ["apt-get", "dpkg-deb", "python3"].some((name) => Bun.which(name) === null)
      ? "needs Debian's packages (apt-get, dpkg-deb) and Python with pip"
      : undefined,
  install: async () => {
    for (const machine of MACHINES) await emulated(machine);
  },
  plan: async () => ({
    ports: {},
    env: {},
    processes: [],
    versions: { qemu: await debVersion("qemu-user-static") },
    usage: await Promise.all(MACHINES.map(async (one) => `${one.target}: ${(await emulated(one)).join(" ")} EXE`)),
  }),
};
