/** `bun run release`: everything that a version is published as, in dist/release. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildExecutable, commitOf } from "./build.ts";
import { completions } from "./release/completions.ts";
import { deb } from "./release/deb.ts";
import { packagesOf, sbom, thirdPartyLicences } from "./release/lock.ts";
import { debianRoot, imageLayout, newestPins } from "./release/oci.ts";
import { type Entry, sha256, tar, targz } from "./release/tar.ts";
import { version } from "./version.ts";

interface Target {
  /** In names of files. */
  readonly name: string;
  readonly bun: string;
  /** Debian's and OCI's architecture, where there are a package and an image. */
  readonly debian?: string;
}

const TARGETS: readonly Target[] = [
  { name: "linux-x64", bun: "bun-linux-x64", debian: "amd64" },
  { name: "linux-arm64", bun: "bun-linux-arm64", debian: "arm64" },
  { name: "linux-x64-musl", bun: "bun-linux-x64-musl" },
  { name: "linux-arm64-musl", bun: "bun-linux-arm64-musl" },
  { name: "darwin-arm64", bun: "bun-darwin-arm64" },
  { name: "darwin-x64", bun: "bun-darwin-x64" },
];

const HELP = `bun run release [--targets NAME,NAME] [--image [--newest-debian]] [--out FOLDER]
bun run release --pin-debian

  --targets   ${TARGETS.map(({ name }) => name).join(", ")} (default: all)
  --image     also OCI images for linux-x64 and linux-arm64; need apt-get and dpkg-deb, and no container engine
  --newest-debian
              images with what Debian's mirror has now, and not what is pinned: for yourself alone
  --pin-debian
              write that to src/release/debian.json, and make nothing
  --out       default dist/release`;

/** The commit's time, so that the same commit gives the same bytes; `SOURCE_DATE_EPOCH` wins. Seconds since 1970. */
function timeOf(root: string): number {
  if (process.env.SOURCE_DATE_EPOCH) return Number(process.env.SOURCE_DATE_EPOCH);
  const { stdout } = Bun.spawnSync(["git", "-C", root, "log", "-1", "--format=%ct"], { stderr: "ignore" });
  return Number(stdout.toString().trim()) || 0;
}

async function main(): Promise<number> {
  const root = resolve(import.meta.dir, "..");
  const { values } = parseArgs({
    options: {
      targets: { type: "string" },
      image: { type: "boolean", default: false },
      "newest-debian": { type: "boolean", default: false },
      "pin-debian": { type: "boolean", default: false },
      out: { type: "string", default: join(root, "dist/release") },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (values["pin-debian"]) {
    const pins = await newestPins(
      TARGETS.flatMap(({ debian }) => debian ?? []),
      Date.now(),
    );
    await Bun.write(join(root, "src/release/debian.json"), `${JSON.stringify(pins, null, 2)}\n`);
    console.log(
      Object.values(pins.packages)[0]
        ?.map(({ name, version }) => `${name} ${version}`)
        .join("\n"),
    );
    return 0;
  }
  const wanted = values.targets?.split(",") ?? TARGETS.map(({ name }) => name);
  const unknown = wanted.filter((name) => !TARGETS.some((target) => target.name === name));
  if (unknown.length > 0)
    throw new Error(`no target ${unknown.join(", ")}; there are ${TARGETS.map(({ name }) => name).join(", ")}`);
  const out = resolve(values.out);
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const mtime = timeOf(root);
  const commit = commitOf(root);
  const read = async (path: string) => Bun.file(join(root, path)).bytes();

  const packages = packagesOf(root);
  const shells = await completions();
  const licences = thirdPartyLicences(root, packages);
  const unit = await read("deploy/systemd/petrel.service");
  const documents: Entry[] = await Promise.all(
    ["README.md", "CHANGELOG.md", "LICENSE"].map(async (path) => ({ path, data: await read(path) })),
  );
  documents.push({ path: "THIRD_PARTY_LICENSES", data: licences });
  const example = await read("configs/minimal.yaml");
  await Bun.write(
    join(out, `petrel-${version}.cdx.json`),
    sbom(version, packages, new Date(mtime * 1_000).toISOString()),
  );

  for (const target of TARGETS.filter(({ name }) => wanted.includes(name))) {
    const outfile = join(out, "petrel");
    await buildExecutable({ entry: join(root, "src/main.ts"), outfile, commit, target: target.bun });
    const exe: Entry = { path: "petrel", data: await Bun.file(outfile).bytes(), mode: 0o755 };
    await rm(outfile);
    const folder = `petrel-${version}-${target.name}`;
    const files: Entry[] = [
      exe,
      ...documents,
      { path: "petrel.yaml", data: example },
      { path: "petrel.service", data: unit },
      ...Object.entries(shells).map(([name, data]) => ({ path: `completions/${name}`, data })),
    ];
    await write(
      `${folder}.tar.gz`,
      targz(
        files.map((entry) => ({ ...entry, path: `${folder}/${entry.path}` })),
        mtime,
      ),
    );
    if (target.debian === undefined) continue;
    const doc = "usr/share/doc/petrel";
    const installed: Entry[] = [
      { ...exe, path: "usr/bin/petrel" },
      ...documents.map((entry) => ({
        ...entry,
        path: `${doc}/${entry.path === "LICENSE" ? "copyright" : entry.path}`,
      })),
      { path: "etc/petrel/petrel.yaml", data: example },
      { path: "usr/lib/systemd/system/petrel.service", data: unit },
      ...(await Promise.all(
        ["k3s.conf", "microk8s.conf"].map(async (name) => ({
          path: `${doc}/examples/${name}`,
          data: await read(`deploy/systemd/${name}`),
        })),
      )),
      { path: "usr/share/bash-completion/completions/petrel", data: shells.petrel },
      { path: "usr/share/zsh/vendor-completions/_petrel", data: shells._petrel },
      { path: "usr/share/fish/vendor_completions.d/petrel.fish", data: shells["petrel.fish"] },
    ];
    const conffiles = ["etc/petrel/petrel.yaml"];
    await write(
      `petrel_${version}_${target.debian}.deb`,
      deb({ version, architecture: target.debian, files: installed, conffiles, mtime }),
    );
    if (!values.image) continue;
    const base = await debianRoot(target.debian, values["newest-debian"]);
    console.log([`image on ${base.packages.join(", ")}`, ...base.notes].join("\n"));
    const image = { version, commit, architecture: target.debian, files: [...base.files, exe, ...documents], mtime };
    await write(`petrel-${version}-linux-${target.debian}.oci.tar`, tar(imageLayout(image), mtime));
  }
  const sums = await Promise.all(
    (await readdir(out)).sort().map(async (name) => `${sha256(await Bun.file(join(out, name)).bytes())}  ${name}\n`),
  );
  await write("SHA256SUMS", Buffer.from(sums.join("")));
  return 0;

  async function write(name: string, bytes: Uint8Array): Promise<void> {
    await Bun.write(join(out, name), bytes);
    console.log(`${join(out, name)}: ${(bytes.length / 1e6).toFixed(1)} MB`);
  }
}

if (import.meta.main) process.exit(await main());
