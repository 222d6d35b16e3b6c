/**
 * `bun run test`: everything that a bare machine can show; with PETREL_REAL=1 also what needs real components,
 * whose absence is then a failure.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { buildExecutable, commitOf } from "../src/build.ts";
import { bunTest, closing, type Part, part, ROOT, staticParts, testFiles } from "./parts.ts";
import { COMPONENTS, stopAll } from "./testbed/component.ts";
import { TESTBED } from "./testbed/place.ts";

const real = process.env.PETREL_REAL === "1";
const executable = join(ROOT, "dist/petrel");
const run = join(TESTBED, `run-${process.pid}`);
const parts: Part[] = [];

async function note(running: Promise<Part>): Promise<void> {
  const done = await running;
  parts.push(done);
  console.log(`${done.failed === 0 ? "ok" : "FAILED"}: ${done.name}, ${done.seconds.toFixed(1)} s`);
}

/** Fetches or builds every component before the tests, so that their time is their own. */
async function install(): Promise<void> {
  for (const one of COMPONENTS) {
    await note(
      part(`install ${one.name}`, async () => {
        const reason = one.missing();
        if (reason !== undefined) throw new Error(reason);
        await one.install();
        return { passed: 1, failed: 0, skipped: 0 };
      }),
    );
  }
}

async function everything(): Promise<void> {
  for (const one of staticParts()) await note(one);
  await note(part("unit tests", () => bunTest(testFiles("unit"), { timeoutMs: 10_000 })));
  await note(
    part("build", async () => {
      // A build that fails must not leave the tests with yesterday's executable.
      await rm(executable, { force: true });
      await buildExecutable({ entry: join(ROOT, "src/main.ts"), outfile: executable, commit: commitOf(ROOT) });
      return { passed: 1, failed: 0, skipped: 0 };
    }),
  );
  if (real) await install();
  const env = { PETREL_EXE: executable, PETREL_TESTBED_RUN: run };
  // One process per file: what one leaves behind is not the next one's surprise.
  for (const file of testFiles("slow")) {
    await note(part(file.replace(/^test\//, ""), () => bunTest([file], { timeoutMs: 120_000, env })));
  }
}

// Components outlive the processes that started them, whatever ends this one.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => void stopAll(run).finally(() => process.exit(code)));
}
if (!real) console.log("PETREL_REAL is not set: tests against real components are skipped\n");
try {
  await everything();
} finally {
  await stopAll(run);
}
const { text, code } = closing(parts);
console.log(`\n${text}`);
process.exit(code);
