/** `bun run testbed`: real components to try Petrel against by hand. */
import { COMPONENTS, obtain, stopAll } from "./component.ts";

const HELP = `bun run testbed NAME...   starts components, leaves them running and prints how to use them
bun run testbed list      what there is
bun run testbed stop      ends them all

Tests that run meanwhile without the runner (PETREL_REAL=1 bun test test/e2e/kube.test.ts) use what runs.`;

async function main(names: readonly string[]): Promise<number> {
  const [first] = names;
  if (first === undefined || first === "help" || first === "--help" || first === "-h") {
    console.log(HELP);
    return first === undefined ? 2 : 0;
  }
  if (first === "list") {
    for (const one of COMPONENTS) {
      const reason = one.missing();
      console.log(
        `${one.name.padEnd(12)} ${one.summary}${reason === undefined ? "" : `\n${" ".repeat(13)}not here: ${reason}`}`,
      );
    }
    return 0;
  }
  if (first === "stop") {
    const stopped = await stopAll();
    console.log(stopped.length === 0 ? "nothing was running" : `stopped: ${stopped.join(", ")}`);
    return 0;
  }
  for (const name of names) {
    const begin = performance.now();
    const { running, started } = await obtain(name);
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    console.log(`${name}: ${started ? `started in ${seconds} s` : "was running"}, folder ${running.dir}`);
    for (const line of running.usage) console.log(`  ${line}`);
  }
  return 0;
}

process.exit(
  await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`testbed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }),
);
