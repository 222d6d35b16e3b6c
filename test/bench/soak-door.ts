/** What each kind of attack at the port that events are posted to costs the watch, and memory. */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ATTACKS } from "../door/attacks.ts";
import { openScene, type Run } from "../door/scene.ts";

const CALM_SECONDS = 3;
const ATTACK_SECONDS = 4;
const ROUNDS = 3;

const ms = (value: number) => value.toFixed(1);

export async function soakDoor(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { write: { type: "boolean", default: false } },
  });
  const kinds = positionals.length > 0 ? positionals : Object.keys(ATTACKS).filter((kind) => kind !== "none");
  const rows: string[] = [];
  for (const kind of kinds) {
    const rounds: { readonly calm: Run; readonly hit: Run; readonly load: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await using scene = await openScene();
      await scene.attacked("none", 1);
      const calm = await scene.attacked("none", CALM_SECONDS);
      const hit = await scene.attacked(kind, ATTACK_SECONDS);
      rounds.push({ calm, hit, load: loadavg()[0] ?? Number.NaN });
    }
    const best = (runs: readonly Run[]) => runs.toSorted((a, b) => a.p99 - b.p99)[0];
    const calm = best(rounds.map((one) => one.calm));
    const hit = best(rounds.map((one) => one.hit));
    if (!calm || !hit) continue;
    const load = Math.min(...rounds.map((one) => one.load));
    const answers = Object.entries(hit.statuses).map(([status, count]) => `${count} × ${status}`);
    const peak = Math.max(...rounds.map((one) => one.hit.peak));
    const missing = rounds.reduce((sum, one) => sum + one.calm.missing + one.hit.missing, 0);
    const cells = [
      kind,
      answers.join(", "),
      `${ms(calm.p50)} / ${ms(calm.p99)}`,
      `${ms(hit.p50)} / ${ms(hit.p99)}`,
      (hit.p99 / calm.p99).toFixed(1),
      String(missing),
      peak.toFixed(0),
      `${(hit.cpu * 100).toFixed(0)} %`,
      load.toFixed(1),
    ];
    rows.push(`| ${cells.join(" | ")} |`);
    console.log(rows.at(-1));
  }
  const memory = /MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? "0";
  const report = `# The door under attack

\`bun run soak door --write\` makes this page. Three processes, each alone: the simulated API server with the receiver of what is watched
(200 events a second), the executable, and an attacker at the lowest priority, who repeats one kind of attack for
${ATTACK_SECONDS} s. Delays are those of the watch, in milliseconds from the write at the API server to the arrival at the receiver, half of
them and 99 of 100 below what is told; of ${ROUNDS} rounds of ${CALM_SECONDS} calm seconds and an attack the best calm and the best attack, as what else the machine
does can only make one worse. What is posted goes to a file, so that the receiver of what is watched has its queue for itself. Memory is
the largest of all rounds, resident. Load: of the machine in the last minute, with what others do on it.

What is refused costs the watch a millisecond or two at its worst. A thousand connections at once cost it some milliseconds: Bun serves all sockets that are
ready before it comes back to the watch, and a request takes 20 to 30 µs before Petrel sees it.

Machine: ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, ${(Number(memory) / 1e6).toFixed(0)} GB, Bun ${Bun.version}.

| attack | answers | calm p50 / p99 | attacked p50 / p99 | ratio | lost | MB | CPU | load |
|---|---|---|---|---|---|---|---|---|
${rows.join("\n")}

${Object.entries(ATTACKS)
  .map(([kind, { what }]) => `* **${kind}**: ${what}`)
  .join("\n")}
`;
  if (values.write) await Bun.write(join(import.meta.dir, "soak-door.md"), report);
  return 0;
}
