/**
 * A process of its own that misuses the port that events are posted to: `attacker.ts PORT KIND SECONDS`. Says that it is
 * ready, waits for a message, repeats one kind of attack for so long (once at least), and tells how often it got which answer.
 */
import { ATTACKS } from "./attacks.ts";

export interface Answers {
  /** Times by status; `closed`, `nothing` and `waiting` are none. */
  readonly statuses: Readonly<Record<string, number>>;
}

const [port = "", kind = "", seconds = ""] = process.argv.slice(2);
const tell = (told: "ready" | Answers): void => {
  process.send?.(told);
};
const attack = ATTACKS[kind]?.make(Number(port));
if (!attack) throw new Error(`there are: ${Object.keys(ATTACKS).join(", ")}`);
process.on("message", async () => {
  const statuses: Record<string, number> = {};
  const ends = performance.now() + Number(seconds) * 1_000;
  for (let round = 0; round === 0 || performance.now() < ends; round++) {
    await attack((status) => {
      statuses[status] = (statuses[status] ?? 0) + 1;
    }, round);
  }
  tell({ statuses });
  process.disconnect?.();
});
tell("ready");
