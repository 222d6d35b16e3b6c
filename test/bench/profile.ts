/** `bun run bench profile SCENARIO`: why a figure is what it is. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../parts.ts";
import { figures } from "./report.ts";
import type { Scenario } from "./scenarios.ts";
import { petrel } from "./subject.ts";

/**
 * One run from the sources, whose functions still have their names, and what Bun's profilers say of it: whole in
 * `folder`, the first lines of each table as the result. Settings are the executable's; being watched costs a part of the speed.
 */
export async function profileOf(
  name: string,
  scenario: Scenario,
  { top, folder }: { readonly top: number; readonly folder: string },
): Promise<string> {
  const out = join(folder, `profile-${name}`);
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const flags = ["--cpu-prof-md", `--cpu-prof-dir=${out}`, "--heap-prof-md", `--heap-prof-dir=${out}`];
  // Its metrics are not asked for: time at rest is put down to whatever ran last.
  const subject = { ...petrel([process.execPath, "--smol", ...flags, join(ROOT, "src/main.ts")]), dropped: undefined };
  const values = await scenario.measure(subject);
  const files = await readdir(out);
  const read = async (prefix: string) => {
    const file = files.find((one) => one.startsWith(prefix));
    if (file === undefined) throw new Error(`no ${prefix} profile was written to ${out}`);
    return await Bun.file(join(out, file)).text();
  };
  const [cpu, heap] = [await read("CPU."), await read("Heap.")];
  const measured = figures([values], [])
    .filter(({ median }) => Number.isFinite(median))
    .map(({ name, median, unit }) => `${name} ${median.toFixed(2)} ${unit}`);
  return `# Profile: ${scenario.title}

One run from the sources under the profilers (${measured.join(", ")}).
Time at rest is put down to the function that ran last.

## CPU time by function

${tableOf(cpu, "Hot Functions (Self Time)", top)}

## CPU time by call

${tableOf(cpu, "Call Tree (Total Time)", top)}

## Heap at the end, by type

${tableOf(heap, "Summary", top)}

${tableOf(heap, "Top 50 Types by Retained Size", top)}
`;
}

/** The table below a heading, its first rows, with paths from the root. */
export function tableOf(text: string, heading: string, top: number): string {
  const [, below] = text.split(`## ${heading}\n`);
  const lines = below
    ?.match(/^(\|.*\n)+/m)?.[0]
    .trimEnd()
    .split("\n");
  if (lines === undefined) throw new Error(`the profile has no table "${heading}"`);
  return lines
    .slice(0, top + 2)
    .map((line) => line.replaceAll(`${ROOT}/`, ""))
    .join("\n");
}
