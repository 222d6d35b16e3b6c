/** What `bun run test` and `bun run check` are made of: parts that run commands and count what passed. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const HANG_MS = 900_000;

export const ROOT = resolve(import.meta.dir, "..");

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Part extends Count {
  readonly name: string;
  readonly seconds: number;
  /** One line per skipped test. */
  readonly reasons: readonly string[];
}

/** Runs one part with its time; what it throws is a failure of that part, not of the runner. */
export async function part(name: string, run: () => Promise<Count & { reasons?: string[] }>): Promise<Part> {
  const begin = performance.now();
  const result = await run().catch((error: unknown) => {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return { passed: 0, failed: 1, skipped: 0 };
  });
  return { reasons: [], ...result, name, seconds: (performance.now() - begin) / 1000 };
}

/** A command whose exit code is the result; what it says is shown when it fails. */
export async function succeeds(argv: readonly string[]): Promise<Count> {
  const child = Bun.spawn([process.execPath, ...argv], { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) process.stderr.write(`${stdout}${stderr}`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

/** Format, lint and types, and that generated files are up to date; each counts as one test. */
export function staticParts(): Promise<Part>[] {
  return [
    part("format and lint", () =>
      succeeds([join(ROOT, "node_modules/@biomejs/biome/bin/biome"), "ci", "--colors=off", "."]),
    ),
    part("types", () => succeeds([join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "."])),
    part("generated files", () => succeeds(["src/gen.ts", "--check"])),
  ];
}

/** The oracle of the chaos tests is pure, and is itself tested. */
const SLOW = /^test\/(e2e\/|chaos\/(?!oracle)|build\.test)/;

/** Test files by tier: `unit` needs nothing, `slow` needs the executable or real components. */
export function testFiles(tier: "unit" | "slow"): string[] {
  const files = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: ROOT })].sort();
  return files.filter((file) => SLOW.test(file) === (tier === "slow"));
}

/** Reads the counts of a JUnit report, and the names of the tests that were skipped. */
export function readReport(xml: string): Count & { reasons: string[] } {
  const root = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const attribute = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const [tests, failed, skipped] = [attribute("tests"), attribute("failures"), attribute("skipped")];
  const reasons = [...xml.matchAll(/<testcase\b([^>]*)>\s*<skipped/g)].map(([, attributes = ""]) => {
    const text = (name: string) => decode(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    return `${text("file")}: ${[text("classname"), text("name")].filter((part) => part !== "").join(" > ")}`;
  });
  return { passed: tests - failed - skipped, failed, skipped, reasons };
}

function decode(text: string): string {
  const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(\w+);/g, (all, name: string) => entities[name] ?? all);
}

/**
 * `bun test` over some files.
 * @param options quiet: keeps its output back unless something failed; parallel: a process per core, each with some of the files.
 */
export async function bunTest(
  files: readonly string[],
  options: {
    readonly timeoutMs: number;
    readonly env?: Record<string, string>;
    readonly quiet?: boolean;
    readonly parallel?: boolean;
  },
): Promise<Count & { reasons: string[] }> {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0, reasons: [] };
  const folder = mkdtempSync(join(tmpdir(), "petrel-test-"));
  const report = join(folder, "report.xml");
  try {
    const child = Bun.spawn(
      [
        ...[process.execPath, "test", `--timeout=${options.timeoutMs}`, "--reporter=junit", "--only-failures"],
        ...(options.parallel ? ["--parallel"] : []),
        ...[`--reporter-outfile=${report}`, ...files.map((file) => `./${file}`)],
      ],
      {
        cwd: ROOT,
        env: { ...process.env, ...options.env },
        stdin: "ignore",
        stdout: options.quiet ? "pipe" : "inherit",
        stderr: options.quiet ? "pipe" : "inherit",
        // A loop that never yields cannot be ended by the timeout of its test.
        timeout: HANG_MS,
        killSignal: "SIGKILL",
      },
    );
    const output = options.quiet
      ? Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
      : Promise.resolve([]);
    const [said, code] = await Promise.all([output, child.exited]);
    const counted = existsSync(report) ? readReport(readFileSync(report, "utf8")) : readReport("");
    if (code !== 0) process.stderr.write(said.join(""));
    // A file that cannot be loaded, or a crash, is no test case in the report.
    return code !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a run ends with: the seconds of each part, why tests were skipped, the closing line; and the exit code. */
export function closing(parts: readonly Part[]): { readonly text: string; readonly code: number } {
  const sum = (key: keyof Count) => parts.reduce((total, one) => total + one[key], 0);
  const [passed, failed, skipped] = [sum("passed"), sum("failed"), sum("skipped")];
  const lines = parts.map((one) => {
    const counts = `${one.passed} passed, ${one.failed} failed, ${one.skipped} skipped`;
    return `${one.name.padEnd(24)} ${one.seconds.toFixed(1).padStart(7)} s   ${counts}`;
  });
  const reasons = parts.flatMap((one) => one.reasons);
  if (reasons.length > 0) lines.push("", "Skipped:", ...reasons.map((line) => `  ${line}`));
  if (passed + failed === 0) lines.push("", "nothing ran, which is a failure");
  lines.push("", `${passed} passed, ${failed} failed, ${skipped} skipped`);
  return { text: lines.join("\n"), code: failed > 0 || passed === 0 ? 1 : 0 };
}
