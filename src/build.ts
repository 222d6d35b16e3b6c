/**
 * `bun run build`: src/main.ts and all it reaches → one executable.
 *
 * The same sources give the same bytes wherever they lie: Bun embeds no path but the name of the file it writes.
 * The result must never be stripped: `strip` drops the payload and leaves a plain bun.
 */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { version } from "./version.ts";

export interface BuildOptions {
  /** The module that is run, absolute or from the current directory. */
  readonly entry: string;
  /** Where the executable goes; its folder is made. */
  readonly outfile: string;
  /** A Bun target such as `bun-linux-arm64`; default: the machine that builds. */
  readonly target?: string;
  /** What `petrel version` shows as the commit. */
  readonly commit: string;
  /** False only in the test that proves what hardening is good for. Default true. */
  readonly hardened?: boolean;
}

/**
 * Builds an executable and puts it in place in one step, so that one that runs is not disturbed.
 * @throws Error with the bundler's messages.
 */
export async function buildExecutable(options: BuildOptions): Promise<void> {
  const { entry, target, commit, hardened = true } = options;
  const outfile = resolve(options.outfile);
  await mkdir(dirname(outfile), { recursive: true });
  // Bun writes its source maps beside the executable although it embeds them, hence a folder of its own.
  const folder = await mkdtemp(join(dirname(outfile), ".build-"));
  try {
    const made = join(folder, basename(outfile));
    const result = await Bun.build({
      entrypoints: [resolve(entry)],
      minify: true,
      // Without it `await import()` delays only execution: every library is loaded and parsed at the start.
      splitting: true,
      sourcemap: "linked",
      target: "bun",
      define: { PETREL_VERSION: JSON.stringify(version), PETREL_COMMIT: JSON.stringify(commit) },
      throw: false,
      compile: {
        ...(target === undefined ? {} : { target: target as Bun.Build.CompileTarget }),
        outfile: made,
        // A folder that someone else may write to must not put settings or code into the process.
        autoloadDotenv: !hardened,
        autoloadBunfig: !hardened,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
        // Trades a little speed of garbage collection for a lower peak.
        execArgv: ["--smol"],
      },
    });
    if (!result.success) throw new Error(`cannot build ${entry}:\n${result.logs.join("\n")}`);
    await rename(made, outfile);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The commit of the clone at `root`, with `-dirty` when a file differs from it; `unknown` without git. */
export function commitOf(root: string): string {
  const git = (...args: string[]) => {
    try {
      const { success, stdout } = Bun.spawnSync(["git", "-C", root, ...args], { stderr: "ignore", timeout: 10_000 });
      return success ? stdout.toString().trim() : undefined;
    } catch {
      return undefined; // no git on this machine
    }
  };
  const commit = git("rev-parse", "HEAD");
  if (commit === undefined) return "unknown";
  return git("status", "--porcelain") === "" ? commit : `${commit}-dirty`;
}

const HELP = `bun run build [--outfile PATH] [--target TARGET] [--commit TEXT]

  --outfile   where the executable goes (default dist/petrel)
  --target    bun-linux-x64, bun-linux-arm64, bun-linux-x64-musl, bun-linux-arm64-musl, bun-darwin-arm64 …
              (default: this machine's)
  --commit    commit that \`petrel version\` shows (default: that of this clone)`;

async function main(): Promise<number> {
  const root = resolve(import.meta.dir, "..");
  const { values } = parseArgs({
    options: {
      outfile: { type: "string", default: join(root, "dist/petrel") },
      target: { type: "string" },
      commit: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const begin = performance.now();
  await buildExecutable({
    entry: join(root, "src/main.ts"),
    outfile: values.outfile,
    commit: values.commit ?? commitOf(root),
    ...(values.target === undefined ? {} : { target: values.target }),
  });
  const megabytes = (Bun.file(values.outfile).size / 1e6).toFixed(1);
  console.log(`${values.outfile}: ${megabytes} MB in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  return 0;
}

if (import.meta.main) process.exit(await main());
