/**
 * Loaded into the live executable (BUN_OPTIONS=--preload): how long its event loop was held at a time, in CPU time of its
 * thread, because what else the machine does is not its fault. Written when the process ends.
 */
import { writeFileSync } from "node:fs";

const busy = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

let turns = 0;
let last = busy();
const stalls = [];
setInterval(() => {
  turns++;
  const now = busy();
  if (now - last > 5) stalls.push(`${Date.now()} ${(now - last).toFixed(1)}`);
  last = now;
}, 1).unref();

process.on("exit", () => writeFileSync(process.env.STALL_PROBE, `${turns}\n${stalls.join("\n")}\n`));
