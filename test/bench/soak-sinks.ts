/** Memory of each sink over many deliveries, one event each, to the destinations of the contract. */
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SINK_NAMES } from "../../sinks/index.ts";
import type { Fixture } from "../contract.ts";
import { measureFlat, WARM } from "../flat.ts";

const fileName = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);
const change = (from: number, to: number) => `${to < from ? "−" : "+"}${megabytes(Math.abs(to - from))}`;

export async function soakSinks(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { count: { type: "string", default: "50000" }, write: { type: "boolean", default: false } },
  });
  const count = Number(values.count);
  // Memory is what this one is for.
  const names = positionals.length > 0 ? positionals : SINK_NAMES.filter((name) => name !== "inMemory");
  const rows: string[] = [];
  for (const name of names) {
    const { default: fixture }: { default: Fixture } = await import(`../sinks/${fileName(name)}.ts`);
    const { warm, end } = await measureFlat(name, fixture, count);
    const cells = [
      name,
      megabytes(warm.heap),
      change(warm.heap, end.heap),
      megabytes(warm.anon),
      change(warm.anon, end.anon),
    ];
    rows.push(`| ${cells.join(" | ")} |`);
    console.log(rows.at(-1));
  }
  const report = `# Memory of sinks

\`bun run soak sinks --write\` makes this page: each sink alone in a process, with the test runner's Bun, delivers
${count.toLocaleString("en")} events one by one, each with its own id, object and message, to the destination of its contract
fixture. Megabytes of JavaScript's heap and of anonymous memory, both after a full collection: after ${WARM.toLocaleString("en")} deliveries, and how
much more after all. Machine: ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, Bun ${Bun.version}.

| sink | heap | later | anonymous | later |
|---|---|---|---|---|
${rows.join("\n")}
`;
  if (values.write) await Bun.write(join(import.meta.dir, "soak-sinks.md"), report);
  return 0;
}
