/** Values of several runs → medians with their spread, as JSON and as a page. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { z } from "zod";
import type { Measure, Value } from "./scenarios.ts";
import { EXECUTABLE } from "./subject.ts";

/** What `petrel version -o json` says. */
const VERSION = z.object({ version: z.string(), commit: z.string(), bun: z.string() });

/** Of all runs of one subject. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Figure extends Measure, Spread {
  /** Undefined: there is no budget. */
  readonly met?: boolean;
  readonly peer?: Spread;
  /** Petrel's median by the peer's. */
  readonly ratio?: number;
}

export interface Measured {
  readonly scenario: string;
  readonly title: string;
  readonly figures: readonly Figure[];
}

export interface Report {
  /** When it was begun, RFC 3339. */
  readonly time: string;
  /** That the executable was built from, by its own word. */
  readonly commit: string;
  readonly versions: { readonly petrel: string; readonly bun: string; readonly kernel: string };
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGB: number };
  /** Averages over 1, 5 and 15 minutes when it began: what else the machine did. */
  readonly load: readonly number[];
  readonly runs: number;
  /** Its command. */
  readonly peer?: string;
  readonly scenarios: readonly Measured[];
}

/** All of a report but its figures. */
export function circumstances(runs: number, peer: string | undefined): Omit<Report, "scenarios"> {
  const { stdout } = Bun.spawnSync([EXECUTABLE, "version", "-o", "json"]);
  const { version, commit, bun } = VERSION.parse(JSON.parse(stdout.toString()));
  return {
    time: new Date().toISOString(),
    commit,
    versions: {
      petrel: version,
      bun,
      kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    },
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGB: Math.round(totalmem() / 1e9),
    },
    load: loadavg().map((average) => Math.round(average * 10) / 10),
    runs,
    ...(peer !== undefined && { peer }),
  };
}

/** @param peers the same runs of a peer; empty: there is none. */
export function figures(runs: readonly (readonly Value[])[], peers: readonly (readonly Value[])[]): Figure[] {
  return (runs[0] ?? []).map(({ value: _, ...measure }, index) => {
    const at = (all: readonly (readonly Value[])[]) => spread(all.map((run) => run[index]?.value ?? Number.NaN));
    const own = at(runs);
    const met = isMet(measure, own.median);
    const peer = peers.length > 0 ? at(peers) : undefined;
    const ratio = peer && own.median / peer.median;
    return {
      ...measure,
      ...own,
      ...(met !== undefined && { met }),
      ...(peer && Number.isFinite(peer.median) && { peer }),
      ...(ratio !== undefined && Number.isFinite(ratio) && { ratio }),
    };
  });
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { median: at(sorted.length >> 1), min: at(0), max: at(sorted.length - 1) };
}

function isMet({ atMost, atLeast }: Measure, value: number): boolean | undefined {
  if (atMost !== undefined) return value <= atMost;
  return atLeast === undefined ? undefined : value >= atLeast;
}

const shown = (value: number): string => {
  if (!Number.isFinite(value)) return "–";
  if (value >= 1_000 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value.toFixed(value < 10 ? 2 : 1);
};

function cells({ median, min, max }: Spread, unit: string): string {
  const around = min === max ? "" : ` (${shown(min)}–${shown(max)})`;
  return `${shown(median)} ${unit}${around}`;
}

export const columns = (peer: boolean): readonly string[] => [
  ...["scenario", "figure", "median (min–max)", "budget", "met"],
  ...(peer ? ["peer", "ours : peer"] : []),
];

/** One scenario's lines of the table. */
export function rows({ title, figures }: Measured, peer: boolean): string[] {
  return figures.map((figure, index) => {
    const { atMost, atLeast, unit } = figure;
    const bound = atMost ?? atLeast;
    const budget = bound === undefined ? "–" : `${atMost === undefined ? "≥" : "≤"} ${bound.toLocaleString("en")}`;
    const met = figure.met === undefined ? "–" : figure.met ? "yes" : "**no**";
    const beside = [
      figure.peer ? cells(figure.peer, unit) : "–",
      figure.ratio === undefined ? "–" : figure.ratio.toFixed(2),
    ];
    const all = [index === 0 ? title : "…", figure.name, cells(figure, unit), budget, met, ...(peer ? beside : [])];
    return `| ${all.join(" | ")} |`;
  });
}

export function page(report: Report, title = "Benchmark"): string {
  const { machine, versions, peer } = report;
  const all = report.scenarios.flatMap(({ figures }) => figures).filter(({ met }) => met !== undefined);
  const missed = all.filter(({ met }) => met === false);
  const names = columns(peer !== undefined);
  const beside =
    peer === undefined ? "" : `\nThe peer, run by run in turn on the same loads and config files: \`${peer}\`.`;
  const many = report.runs === 1 ? "One run" : `Medians, with the least and the most, of ${report.runs} runs`;
  return `# ${title}

Petrel ${versions.petrel} (${report.commit.slice(0, 12)}${report.commit.endsWith("-dirty") ? ", changed since" : ""}), Bun ${versions.bun}, Linux ${versions.kernel}, ${machine.cores} × ${machine.cpu}, ${machine.memoryGB} GB;
${report.time}. ${many} of the compiled executable. The simulated API server and
the webhooks share these cores; load on the machine at the beginning: ${report.load.join(", ")}.${beside}

Memory is from /proc: resident counts the pages of the executable that the process has touched, anonymous does not. CPU
is the process's own ticks of 10 ms. Latency is from handing over a line of the watch to having its request whole.
Events per CPU-second are counted from the first byte of the watch to the last of the sink; stdout is /dev/null.

**${all.length - missed.length} of ${all.length} budgets are met.**

| ${names.join(" | ")} |
|${names.map(() => "---").join("|")}|
${report.scenarios.flatMap((one) => rows(one, peer !== undefined)).join("\n")}
`;
}
