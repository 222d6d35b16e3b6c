/**
 * The packages of Debian that an image has, each pinned to a version and its SHA-256.
 *
 * A mirror drops a version when the next one comes, so that a pin outlives what it names: what is gone from the mirror is
 * asked of Debian's archive of all its days, and what cannot be had there either is not replaced in silence.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import pinned from "./debian.json" with { type: "json" };
import { sha256 } from "./tar.ts";

/** Glibc, time zones, authorities. */
const NAMES = ["ca-certificates", "libc6", "tzdata"];
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

const PINS = z.object({
  /** Debian's name of the release, for the archive. */
  suite: z.string(),
  /** A moment at which all of them were there, as snapshot.debian.org writes it. */
  snapshot: z.string().regex(/^\d{8}T\d{6}Z$/),
  packages: z.record(
    z.string(),
    z.array(z.object({ name: z.string(), version: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
  ),
});
export type Pins = z.infer<typeof PINS>;
export type Pin = Pins["packages"][string][number];

export const PINNED: Pins = PINS.parse(pinned);

/** Runs a program in the folder of the packages; what it prints. Throws an Error with what it complained of. */
export type Execute = (...argv: string[]) => string;

export interface Fetched {
  /** File names in the folder, in their order. */
  readonly files: readonly string[];
  /** For whoever builds: what is not as it was pinned. */
  readonly notes: readonly string[];
}

/** A place to get packages from, from the nearest to the farthest. */
interface Origin {
  readonly name: string;
  /** Options of apt-get, after its lists were brought up to date. Throws when they cannot be. */
  open(): Promise<readonly string[]>;
}

/**
 * Puts packages into `folder`: those that are pinned, or with `newest` those that the machine's mirror has now, which is
 * for trying something out and for raising the pins.
 * @throws Error when a pinned version can be had nowhere, or is not what was pinned.
 */
export async function fetchDebs(
  architecture: string,
  { folder, run, newest, pins = PINNED }: { folder: string; run: Execute; newest: boolean; pins?: Pins },
): Promise<Fetched> {
  const wanted = pins.packages[architecture];
  if (!wanted) throw new Error(`debian.json pins nothing for ${architecture}`);
  const names = newest ? NAMES : wanted.map(({ name, version }) => `${name}=${version}`);
  const failures: string[] = [];
  for (const { name, open } of origins(architecture, folder, run, pins, newest)) {
    try {
      run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", ...(await open()), "download", ...names);
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const files = (await readdir(folder)).filter((file) => file.endsWith(".deb")).sort();
    if (newest) return { files, notes: [`NOT the packages that are pinned: ${files.join(", ")}`] };
    await verify(folder, files, wanted);
    return { files, notes: [] };
  }
  throw new Error(
    `cannot get ${names.join(", ")} of Debian:\n  ${failures.join("\n  ")}\n` +
      "raise the pins with `bun run release --pin-debian`, or build for yourself with `--newest-debian`",
  );
}

function origins(
  architecture: string,
  folder: string,
  run: Execute,
  { suite, snapshot }: Pins,
  newest: boolean,
): readonly Origin[] {
  const own = async (name: string, sources: readonly string[]): Promise<readonly string[]> => {
    const place = join(folder, name);
    await mkdir(join(place, "lists/partial"), { recursive: true });
    const options = [
      `APT::Architecture=${architecture}`,
      `APT::Architectures=${architecture}`,
      `Dir::State::Lists=${place}/lists`,
      `Dir::Cache=${place}/cache`,
      "Dir::State::status=/dev/null",
      "Acquire::http::Timeout=20",
      "Acquire::Retries=1",
      ...sources,
    ].flatMap((option) => ["-o", option]);
    // Lists that are missing are no failure of its own otherwise.
    run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "APT::Update::Error-Mode=any", ...options, "update");
    return options;
  };
  const lists: Origin = { name: "this machine's lists", open: async () => [] };
  const mirror: Origin = { name: "its mirror", open: () => own("mirror", []) };
  const archive: Origin = {
    name: "snapshot.debian.org",
    async open() {
      const file = join(folder, "snapshot.list");
      const lines = [`debian ${suite}`, `debian-security ${suite}-security`].map((line) => {
        const [archive, release] = line.split(" ");
        const url = `http://snapshot.debian.org/archive/${archive}/${snapshot}/`;
        return `deb [check-valid-until=no signed-by=${KEYRING}] ${url} ${release} main\n`;
      });
      await Bun.write(file, lines.join(""));
      return await own("snapshot", [`Dir::Etc::sourcelist=${file}`, "Dir::Etc::sourceparts=-"]);
    },
  };
  // What the machine has on its lists may be old.
  if (newest) return [mirror];
  const native = run("dpkg", "--print-architecture").trim() === architecture;
  return [...(native ? [lists] : []), mirror, archive];
}

/** @throws Error when one is missing or its bytes are others. */
export async function verify(folder: string, files: readonly string[], pins: readonly Pin[]): Promise<void> {
  for (const { name, version, sha256: wanted } of pins) {
    // As apt names them: the colon of an epoch is escaped.
    const prefix = `${name}_${version.replaceAll(":", "%3a")}_`;
    const file = files.find((one) => one.startsWith(prefix));
    if (file === undefined) throw new Error(`no ${prefix}*.deb among ${files.join(", ")}`);
    const got = sha256(await Bun.file(join(folder, file)).bytes());
    if (got !== wanted) throw new Error(`${file} has the SHA-256 ${got}, and ${wanted} is pinned`);
  }
}

/** What the files in `folder` are, as it is pinned. */
export async function pinsOf(folder: string, files: readonly string[]): Promise<readonly Pin[]> {
  return await Promise.all(
    files.map(async (file) => {
      const [name = "", version = ""] = file.split("_");
      return {
        name,
        version: version.replaceAll("%3a", ":"),
        sha256: sha256(await Bun.file(join(folder, file)).bytes()),
      };
    }),
  );
}
