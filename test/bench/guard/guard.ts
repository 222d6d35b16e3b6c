/**
 * What must not get worse from one change to the next, in figures that hold on a busy machine: counts, and one ratio.
 * `record.json` beside it has what they were; `bun run bench guard --write` records what they are.
 */
import { readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "../../parts.ts";
import { SCENARIOS } from "../scenarios.ts";
import { EXECUTABLE, petrel } from "../subject.ts";

/** Worse by more than this is a failure. */
const ALLOWED = 0.1;
/**
 * Standard deviation of the ratio from process to process, beside others that keep the cores busy as well; it is given as
 * much in addition, for what the machine does differently on another day.
 */
const SCATTER = 0.02;
/** Processes are measured until their median is clear of the limit by 2.5 standard errors, or so many were. */
const [LEAST, MOST] = [3, 7];
const CLEAR = 2.5;
const RECORDED = 9;
const DEADLINE_MS = 120_000;

export interface Guard {
  readonly title: string;
  readonly unit: string;
  /** Default: more is. */
  readonly lessIsWorse?: true;
  /** Given in addition to {@link ALLOWED}. Default: nothing. */
  readonly scatter?: number;
  /** Comparable on one kind of CPU only. */
  readonly ofCpu?: true;
  /** As exactly as must be known to tell it from the limit, which 0 is always; without one, as exactly as can be. */
  measure(limit?: number): Promise<number>;
}

/** What the guard's processes run with: the compiler and the collector in their place, and not beside it when there is time. */
const IN_PLACE = { BUN_JSC_useConcurrentJIT: "0", BUN_JSC_useConcurrentGC: "0", BUN_JSC_numberOfGCMarkers: "1" };

/** The number that a program of this folder ends with. */
async function numberFrom(program: string, env: Readonly<Record<string, string>> = {}): Promise<number> {
  const child = Bun.spawn([process.execPath, "--smol", join(import.meta.dir, program)], {
    env: { ...process.env, ...IN_PLACE, ...env },
    stdin: "ignore",
    stdout: Bun.file("/dev/null"),
    stderr: "pipe",
    timeout: DEADLINE_MS,
  });
  const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
  const value = Number(said.trim().split("\n").at(-1));
  if (code !== 0 || !Number.isFinite(value)) throw new Error(`${program} ended with ${code}: ${said.trim()}`);
  return value;
}

/** @param extraPercent work put in on top, to show that it is seen. */
export function speed(extraPercent = 0): Guard {
  return {
    title: "events from a watch to a sink, in JSON texts parsed and written in the same CPU time",
    unit: "",
    lessIsWorse: true,
    scatter: SCATTER,
    ofCpu: true,
    async measure(limit) {
      const values: number[] = [];
      for (;;) {
        values.push(await numberFrom("speed.ts", { GUARD_EXTRA_PERCENT: String(extraPercent) }));
        const median = medianOf(values);
        if (values.length >= (limit === undefined ? RECORDED : MOST)) return median;
        if (limit === undefined || values.length < LEAST) continue;
        if (Math.abs(median / limit - 1) > (CLEAR * SCATTER) / Math.sqrt(values.length)) return median;
      }
    },
  };
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

export const GUARDS: Readonly<Record<string, Guard>> = {
  speed: speed(),
  stored: {
    title: "memory that an event takes while it waits for a receiver",
    unit: "bytes",
    measure: () => numberFrom("stored.ts"),
  },
  executable: {
    title: "what the executable has beside Bun",
    unit: "bytes",
    measure: async () => statSync(EXECUTABLE).size - statSync(process.execPath).size,
  },
  modules: {
    title: "modules that `petrel run` has loaded when it watches",
    unit: "",
    measure: async () => (await loadedAtStart()).length,
  },
  code: {
    title: "… their size without types, comments and blanks",
    unit: "bytes",
    async measure() {
      const transpiler = new Bun.Transpiler({ loader: "ts", minifyWhitespace: true });
      const sizeOf = (file: string): number => {
        const text = readFileSync(file, "utf8");
        return (/\.[cm]?[jt]s$/.test(file) ? transpiler.transformSync(text) : text).length;
      };
      return (await loadedAtStart()).reduce((sum, file) => sum + sizeOf(file), 0);
    },
  },
};

/** The files of a Petrel that runs from its sources with a webhook, after its first watch. */
export async function loadedAtStart(): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-loaded-"));
  const list = join(folder, "loaded.json");
  const program = ["env", `GUARD_LOADED=${list}`, process.execPath, "--preload", join(import.meta.dir, "loaded.ts")];
  try {
    await SCENARIOS.start?.measure({ ...petrel([...program, join(ROOT, "src/main.ts")]), dropped: undefined });
    const files = z.array(z.string()).parse(await Bun.file(list).json());
    return files.filter((file) => !file.startsWith(import.meta.dir));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const RECORD = z.object({ cpu: z.string(), values: z.record(z.string(), z.number()) });
const FILE = join(import.meta.dir, "record.json");

export type Verdict =
  | { readonly skipped: string }
  | { readonly value: number; readonly recorded: number; readonly limit: number; readonly met: boolean };

/** @param name of the record's value. @throws Error when there is none. */
export async function judge(name: string, guard: Guard): Promise<Verdict> {
  const record = RECORD.parse(await Bun.file(FILE).json());
  const recorded = record.values[name];
  if (recorded === undefined) throw new Error(`record.json has no ${name}: bun run bench guard --write`);
  const reason = notComparable(guard, record.cpu);
  if (reason !== undefined) return { skipped: reason };
  const limit = limitOf(guard, recorded);
  const meets = (value: number): boolean => (guard.lessIsWorse ? value >= limit : value <= limit);
  const value = await guard.measure(limit);
  return { value, recorded, limit, met: meets(value) };
}

export function limitOf(
  { lessIsWorse, scatter = 0 }: Pick<Guard, "lessIsWorse" | "scatter">,
  recorded: number,
): number {
  return recorded * (lessIsWorse ? (1 - ALLOWED) * (1 - scatter) : (1 + ALLOWED) * (1 + scatter));
}

/** Undefined: the record was made on such a CPU, or it does not matter. */
export function notComparable(guard: Guard, recordedOn: string): string | undefined {
  const here = cpu();
  return guard.ofCpu && here !== recordedOn ? `recorded on ${recordedOn}, and this is ${here}` : undefined;
}

/** Names alone are those of whole families of virtual machines. */
export function cpu(): string {
  const info = readFileSync("/proc/cpuinfo", "utf8");
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, "m").exec(info)?.[1] ?? "unknown";
  return `${field("model name")}, family ${field("cpu family")}, model ${field("model")}`;
}

/** The cpu field of the record, for tests that must know before they are run. */
export function recordedCpu(): string {
  return RECORD.parse(JSON.parse(readFileSync(FILE, "utf8"))).cpu;
}

/** `bun run bench guard [--write]`; the exit code. */
export async function guard(args: readonly string[]): Promise<number> {
  if (args.includes("--write")) {
    const values: Record<string, number> = {};
    for (const [name, { measure }] of Object.entries(GUARDS)) {
      values[name] = Number((await measure()).toPrecision(6));
      console.log(`${name}: ${values[name]}`);
    }
    await Bun.write(FILE, `${JSON.stringify({ cpu: cpu(), values }, null, 2)}\n`);
    return 0;
  }
  let code = 0;
  for (const [name, one] of Object.entries(GUARDS)) {
    const verdict = await judge(name, one);
    const said = "skipped" in verdict ? `not judged: ${verdict.skipped}` : told(one, verdict);
    if ("met" in verdict && !verdict.met) code = 1;
    console.log(`${name}: ${one.title}: ${said}`);
  }
  return code;
}

export function told(
  { unit, lessIsWorse }: Pick<Guard, "unit" | "lessIsWorse">,
  { value, recorded, limit, met }: Exclude<Verdict, { skipped: string }>,
): string {
  const shown = (number: number) => (number >= 1_000 ? Math.round(number).toLocaleString("en") : number.toPrecision(3));
  const figures = `${shown(value)} ${unit}`.trimEnd();
  const change = `${(100 * (value / recorded - 1)).toFixed(1)} %`;
  const better = lessIsWorse ? value > recorded * (1 + ALLOWED) : value < recorded * (1 - ALLOWED);
  const verdict = better ? "met, and so much better that it should be recorded" : met ? "met" : "WORSE";
  return `${figures}, recorded ${shown(recorded)} (${change}), limit ${shown(limit)}: ${verdict}`;
}
