/** An image without a container engine. @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Execute, fetchDebs, PINNED, type Pin, type Pins, pinsOf } from "./debian.ts";
import { type Entry, gzip, sha256, tar } from "./tar.ts";

export interface ImageOptions {
  readonly version: string;
  readonly commit: string;
  /** OCI's name: amd64, arm64. */
  readonly architecture: string;
  readonly files: readonly Entry[];
  /** Seconds since 1970. */
  readonly mtime: number;
}

const USER = "65532:65532";

/** The files of an image layout; in a tar they are what `docker load`, `podman load` and `skopeo` take. */
export function imageLayout({ version, commit, architecture, files, mtime }: ImageOptions): readonly Entry[] {
  const created = new Date(mtime * 1_000).toISOString();
  const layer = tar(files, mtime);
  const packed = gzip(layer);
  const config = JSON.stringify({
    created,
    architecture,
    os: "linux",
    config: {
      User: USER,
      ExposedPorts: { "2112/tcp": {} },
      Env: ["PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
      Entrypoint: ["/petrel"],
      Labels: {
        "org.opencontainers.image.title": "petrel",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created, created_by: "bun run release" }],
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
  });
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        ...descriptor("application/vnd.oci.image.manifest.v1+json", manifest),
        platform: { architecture, os: "linux" },
        annotations: { "org.opencontainers.image.ref.name": version, "io.containerd.image.name": `petrel:${version}` },
      },
    ],
  });
  const blob = (data: string | Uint8Array): Entry => ({ path: `blobs/sha256/${sha256(data)}`, data });
  return [
    { path: "oci-layout", data: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", data: index },
    ...[manifest, config, packed].map(blob),
  ];
}

function descriptor(mediaType: string, data: string | Uint8Array) {
  return { mediaType, digest: `sha256:${sha256(data)}`, size: Buffer.byteLength(data) };
}

/**
 * What the executable needs of a root: users, authorities, time zones, glibc; of Debian's packages, unpacked and not
 * installed. `newest`: not those that are pinned.
 */
export async function debianRoot(
  architecture: string,
  newest: boolean,
): Promise<{
  readonly files: readonly Entry[];
  readonly packages: readonly string[];
  readonly notes: readonly string[];
}> {
  return await inFolder(async (folder, run) => {
    const { files: debs, notes } = await fetchDebs(architecture, { folder, run, newest });
    for (const name of debs) run("dpkg-deb", "-x", name, "root");
    const root = join(folder, "root");
    const copies = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() || one.isSymbolicLink())
      .map((one) => join(one.parentPath, one.name).slice(root.length + 1))
      .sort();
    const entries: Entry[] = [];
    for (const path of copies) {
      const library = /(^|\/)(ld-linux[\w.-]*|lib(c|m|dl|pthread|rt|resolv|nss_dns|nss_files)[\d.-]*)\.so[\d.]*$/.test(
        path,
      );
      if (!library && !path.startsWith("usr/share/zoneinfo/") && !/^usr\/share\/doc\/[^/]+\/copyright$/.test(path))
        continue;
      if (/zoneinfo\/(right|posix)\//.test(path)) continue;
      // Nothing may point at what is not in the image.
      const file = followed(root, path);
      if (file === undefined) continue;
      const data = await Bun.file(file).bytes();
      entries.push({ path, data, mode: library ? 0o755 : 0o644 });
    }
    const authorities = [...new Bun.Glob("usr/share/ca-certificates/**/*.crt").scanSync({ cwd: root })].sort();
    const bundle = (await Promise.all(authorities.map((path) => Bun.file(join(root, path)).text()))).join("");
    return {
      packages: debs,
      notes,
      files: [
        { path: "etc/passwd", data: "root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n" },
        { path: "etc/group", data: "root:x:0:\nnonroot:x:65532:\n" },
        { path: "etc/nsswitch.conf", data: "hosts: files dns\n" },
        { path: "etc/ssl/certs/ca-certificates.crt", data: bundle },
        ...entries,
      ],
    };
  });
}

/** With a folder that is removed afterwards, and what runs a program in it. */
async function inFolder<T>(work: (folder: string, run: Execute) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-root-"));
  const run: Execute = (...argv) => {
    const { success, stdout, stderr } = Bun.spawnSync(argv, { cwd: folder, timeout: 300_000 });
    if (!success) throw new Error(`${argv[0]}: ${stderr.toString().trim().split("\n").slice(-3).join("; ")}`);
    return stdout.toString();
  };
  try {
    return await work(folder, run);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What this machine's mirror has now, for {@link Pins}; `now`: milliseconds since 1970. */
export async function newestPins(architectures: readonly string[], now: number): Promise<Pins> {
  const packages: Record<string, Pin[]> = {};
  for (const architecture of architectures) {
    packages[architecture] = await inFolder(async (folder, run) => {
      const { files } = await fetchDebs(architecture, { folder, run, newest: true });
      return [...(await pinsOf(folder, files))];
    });
  }
  const snapshot = `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  return { suite: PINNED.suite, snapshot, packages };
}

/**
 * Where the links of `path` end, as if `root` were the root: an absolute one would lead to this machine's own file.
 * Undefined: at a folder, or at what another package has.
 */
function followed(root: string, path: string): string | undefined {
  let at = join(root, path);
  for (let links = 0; links < 8 && lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink(); links++) {
    const target = readlinkSync(at);
    at = target.startsWith("/") ? join(root, target) : resolve(dirname(at), target);
  }
  if (!at.startsWith(`${root}/`)) throw new Error(`${path} leads out of its package`);
  return lstatSync(at, { throwIfNoEntry: false })?.isFile() ? at : undefined;
}
