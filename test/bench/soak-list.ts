/** `bun run soak list`: a cluster that has kept far more events than any benchmark waits for. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { circumstances, figures, page } from "./report.ts";
import { list } from "./scenarios.ts";
import { EXECUTABLE, petrel } from "./subject.ts";

export async function soakList(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { events: { type: "string", default: "1000000" }, write: { type: "boolean", default: false } },
  });
  const events = Number(values.events);
  if (!Number.isInteger(events) || events < 1) throw new Error(`--events: want a whole number above 0, not ${events}`);
  Bun.spawnSync(["sync", EXECUTABLE]);
  const begun = circumstances(1, undefined);
  const { title, measure } = list(`${events.toLocaleString("en")} events stored at the start`, events);
  const measured = figures([await measure(petrel([EXECUTABLE]))], []);
  const report = { ...begun, scenarios: [{ scenario: "list", title, figures: measured }] };
  const text = page(report, "A long list at the start");
  console.log(text);
  if (values.write) await Bun.write(join(import.meta.dir, "soak-list.md"), text);
  return 0;
}
