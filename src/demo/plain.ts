/** The demo as lines of text, for pipes, logs and `--plain`. Pure. */
import type { Entry, Latencies } from "./ledger.ts";
import { clip, megabytes, milliseconds } from "./view.ts";

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

/** One line of at most `width` columns; `seconds` since the beginning of the day. */
export function entryLine(entry: Entry, receivers: readonly string[], seconds: number, width: number): string {
  const to = receivers.filter((_, index) => entry.routed[index]).join(" ");
  const reason = entry.count > 1 ? `${entry.reason} x${entry.count}` : entry.reason;
  const room = receivers.join(" ").length;
  const line = `${time(seconds)}  ${entry.type.padEnd(7)}  ${reason.padEnd(24)}  -> ${(to || "dropped").padEnd(room)}  ${entry.object}: ${entry.message}`;
  return `${clip(line, width, "...")}\n`;
}

const time = (seconds: number): string => `${seconds.toFixed(1).padStart(5)}s`;

/** A receiver goes down or comes back. */
export function outageLine(receiver: string, on: boolean, seconds: number): string {
  const what = on ? `${receiver} answers 503 from now on` : `${receiver} takes events again`;
  return `${time(seconds)}  ${what}\n`;
}

export interface Outcome {
  readonly written: number;
  readonly rows: readonly {
    readonly name: string;
    readonly routed: number;
    readonly delivered: number;
    /** Events in deliveries that failed. */
    readonly failed: number;
    readonly retried: number;
    readonly latencies: Latencies;
  }[];
  readonly lost: number;
  /** Undefined: not known. */
  readonly repeated: number | undefined;
  /** Events that came to a receiver that the route does not name; undefined: not known. */
  readonly stray: number | undefined;
}

export interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export function summary({ written, rows, lost, repeated, stray }: Outcome, cost: Cost): string {
  const width = Math.max(8, ...rows.map(({ name }) => name.length)) + 2;
  const line = (first: string, cells: readonly (string | number)[]) =>
    `${first.padEnd(width)}${cells.map((cell) => String(cell).padStart(10)).join("")}\n`;
  let text = `\n${line("receiver", ["routed", "delivered", "failed", "retried", "p50 ms", "p99 ms", "highest"])}`;
  for (const { name, routed, delivered, failed, retried, latencies } of rows) {
    const times = [latencies.quantile(0.5), latencies.quantile(0.99), latencies.highest || Number.NaN];
    text += line(name, [routed, delivered, failed, retried, ...times.map(milliseconds)]).trimEnd();
    text += "\n";
  }
  const highest = Math.max(0, ...rows.map(({ latencies }) => latencies.highest));
  text += `\nevents written   ${written}\nlost             ${lost}\n`;
  if (repeated !== undefined) text += `repeated         ${repeated}\n`;
  if (stray) text += `stray            ${stray}: came to a receiver that the route does not name\n`;
  if (highest > 0) {
    text += `highest latency  ${milliseconds(highest)} ms from the write to the receiver, the outage included\n`;
  }
  return `${text}memory           ${megabytes(cost.memoryBytes)}, the simulated cluster and its receivers included
cpu              ${cost.cpuSeconds.toFixed(2)} s in ${cost.seconds.toFixed(1)} s
`;
}

export const CLOSING = `
This cluster was simulated. To watch yours:
  petrel run --kubeconfig ~/.kube/config -c petrel.yaml
`;
