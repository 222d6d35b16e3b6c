/** `bun run bench`: the budgets, measured on the compiled executable; and what is missed, looked into. */
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../parts.ts";
import { circumstances, columns, figures, type Measured, page, type Report, rows } from "./report.ts";
import { SCENARIOS, type Value } from "./scenarios.ts";
import { EXECUTABLE, peer, petrel } from "./subject.ts";

const HELP = `bun run bench [SCENARIO…] [--runs N] [--peer 'CMD'] [--profile] [--out FOLDER] [--write]
    the executable (bun run build, or $BENCH_EXE) under ${Object.keys(SCENARIOS).length} loads: every figure with its budget, in report.md and report.json
    SCENARIO  ${Object.keys(SCENARIOS).join(", ")} (default: all)
    --runs    of each, for medians and spread; default 3
    --peer    another program on the same loads, run by run in turn, with ratios. {config}, {kubeconfig}, {url} (of the
              API server) and {port} (free, for its metrics) are filled in, KUBECONFIG is set. The config is YAML
              that kubernetes-event-exporter reads: --peer './kubernetes-event-exporter -conf={config} -kubeconfig={kubeconfig} -metrics-address=127.0.0.1:{port}'
    --profile what misses a budget is profiled afterwards, and the page ends with what that says
    --out     folder of the reports; default dist/bench
    --write   put them into test/bench
bun run bench profile SCENARIO [--top N] [--out FOLDER]
    one run from the sources under Bun's profilers: where CPU time goes, what the heap holds at the end; default 25 lines of each
bun run bench guard [--write]
    what CI guards: counts and a ratio, beside their record (test/bench/guard/record.json); --write records them
bun run bench receivers …
    every receiver at once, and each alone: see test/bench/receivers.ts`;

/** Lines of each table of a profile at the end of the page. */
const PROFILED = 8;

function numberOf(text: string, flag: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${flag}: want a whole number above 0, not ${text}`);
  return value;
}

async function bench(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "3" },
      peer: { type: "string" },
      profile: { type: "boolean", default: false },
      out: { type: "string", default: join(ROOT, "dist/bench") },
      write: { type: "boolean", default: false },
    },
  });
  const runs = numberOf(values.runs, "runs");
  const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
  const chosen = names.map((name) => {
    const found = SCENARIOS[name];
    if (!found) throw new Error(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(", ")}`);
    return { name, ...found };
  });
  // Pages of an executable that was just written count differently until they are on disk.
  Bun.spawnSync(["sync", EXECUTABLE]);
  const own = petrel([EXECUTABLE]);
  const other = values.peer === undefined ? undefined : peer(values.peer);
  const begun = circumstances(runs, values.peer);
  const scenarios: Measured[] = [];
  console.log(`| ${columns(other !== undefined).join(" | ")} |`);
  for (const { name, title, still, measure } of chosen) {
    const [mine, theirs]: [(readonly Value[])[], (readonly Value[])[]] = [[], []];
    // In turn, so that what the machine does beside it meets both.
    for (let run = 0; run < (still ? 1 : runs); run++) {
      mine.push(await measure(own));
      if (other && !still) theirs.push(await measure(other));
    }
    const measured: Measured = { scenario: name, title, figures: figures(mine, theirs) };
    scenarios.push(measured);
    for (const row of rows(measured, other !== undefined)) console.log(row);
  }
  const report: Report = { ...begun, scenarios };
  const folder = values.write ? import.meta.dir : values.out;
  const missed = chosen.filter(
    ({ name, still }) =>
      !still && scenarios.some((one) => one.scenario === name && one.figures.some(({ met }) => met === false)),
  );
  const profiles: string[] = [];
  for (const { name, ...scenario } of values.profile ? missed : []) {
    const { profileOf } = await import("./profile.ts");
    const text = await profileOf(name, scenario, { top: PROFILED, folder: values.out });
    profiles.push(`\n${text.replace(/^#/gm, "##")}`);
  }
  await mkdir(folder, { recursive: true });
  await Bun.write(join(folder, "report.md"), page(report) + profiles.join(""));
  await Bun.write(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\n${relative(process.cwd(), join(folder, "report.md"))}, and report.json beside it`);
  return 0;
}

async function profile(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      top: { type: "string", default: "25" },
      out: { type: "string", default: join(ROOT, "dist/bench") },
    },
  });
  const [name = ""] = positionals;
  const scenario = SCENARIOS[name];
  if (!scenario || scenario.still || positionals.length > 1)
    throw new Error(`want one scenario that runs, not ${positionals.join(" ") || "none"}`);
  const { profileOf } = await import("./profile.ts");
  console.log(await profileOf(name, scenario, { top: numberOf(values.top, "top"), folder: values.out }));
  console.log(`Whole: ${relative(process.cwd(), join(values.out, `profile-${name}`))}`);
  return 0;
}

async function main([first, ...rest]: readonly string[]): Promise<number> {
  switch (first) {
    case "profile":
      return await profile(rest);
    case "guard": {
      const { guard } = await import("./guard/guard.ts");
      return await guard(rest);
    }
    case "receivers": {
      const { benchReceivers } = await import("./receivers.ts");
      await benchReceivers(rest);
      return 0;
    }
    case "help":
    case "--help":
    case "-h":
      console.log(HELP);
      return 0;
    default:
      return await bench(first === undefined ? [] : [first, ...rest]);
  }
}

process.exit(await main(process.argv.slice(2)));
