/** The demo as lines of text, for pipes, logs and `--plain`. Pure. */
import type { Entry, Ledger } from "./ledger.ts";
import { clip, megabytes, milliseconds } from "./view.ts";

const MESSAGE = 72;

/** What is said before the first event. */
export function opening(facts: {
  readonly api: string;
  readonly config: string;
  readonly receivers: readonly string[];
}) {
  return `petrel demo: a simulated cluster lives a day; the pipeline that watches it is the real one.
cluster    ${facts.api} (an API server inside this process)
config     ${facts.config}
receivers  ${facts.receivers.join(", ")}

`;
}

/** One line; `seconds` since the beginning of the day. */
export function entryLine(entry: Entry, receivers: readonly string[], seconds: number): string {
  const to = receivers.filter((_, index) => entry.routed[index]);
  const reason = entry.count > 1 ? `${entry.reason} x${entry.count}` : entry.reason;
  return `${seconds.toFixed(1).padStart(5)}s  ${entry.type === "Warning" ? "W" : "N"}  ${reason.padEnd(24)} ${entry.object}: ${clip(entry.message, MESSAGE, "...")}  -> ${to.join(" ") || "(dropped by the route)"}\n`;
}

/** A receiver goes down or comes back. */
export function outageLine(receiver: string, on: boolean, seconds: number): string {
  const what = on ? `${receiver} answers 503 from now on` : `${receiver} takes events again`;
  return `${seconds.toFixed(1).padStart(5)}s  -  ${what}\n`;
}

export interface Outcome {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** By receiver: events in deliveries that failed, and events sent once more. */
  readonly failed: readonly number[];
  readonly retried: readonly number[];
}

/** Counts what should have come against what came. */
export function summary(ledger: Ledger, outcome: Outcome): { readonly text: string; readonly whole: boolean } {
  const lost = ledger.tallies.reduce((sum, { routed, arrived }) => sum + routed - arrived, 0);
  const repeated = ledger.tallies.reduce((sum, one) => sum + one.repeated, 0);
  const stray = ledger.tallies.reduce((sum, one) => sum + one.stray, 0);
  const name = Math.max(8, ...ledger.receivers.map((receiver) => receiver.length)) + 2;
  const titles = ["routed", "delivered", "failed", "retried", "p50 ms", "p99 ms", "highest"];
  const row = (first: string, cells: readonly (string | number)[]) =>
    `${first.padEnd(name)}${cells.map((cell) => String(cell).padStart(10)).join("")}\n`;
  let text = `\n${row("receiver", titles)}`;
  for (const [index, tally] of ledger.tallies.entries()) {
    const { latencies } = tally;
    const times = [latencies.quantile(0.5), latencies.quantile(0.99), latencies.highest].map(milliseconds);
    const counts = [tally.routed, tally.arrived, outcome.failed[index] ?? 0, outcome.retried[index] ?? 0];
    text += row(ledger.receivers[index] ?? "", [...counts, ...times]);
  }
  const highest = Math.max(0, ...ledger.tallies.map(({ latencies }) => latencies.highest));
  text += `
events written  ${ledger.written}
lost            ${lost}
repeated        ${repeated}
highest latency ${milliseconds(highest)} ms, from the write to the receiver (the outage included)
memory          ${megabytes(outcome.memoryBytes)}, the simulated cluster and its receivers included
cpu             ${outcome.cpuSeconds.toFixed(2)} s in ${outcome.seconds.toFixed(1)} s
`;
  if (stray > 0) text += `stray           ${stray}: came to a receiver that the route does not name\n`;
  return { text, whole: lost === 0 && repeated === 0 && stray === 0 };
}

export const CLOSING = `
This cluster was simulated. To watch yours: petrel run --kubeconfig ~/.kube/config -c petrel.yaml
`;
