/** When throttles tell of what they held back. */
import type { Gate } from "./gates.ts";
import { summaryInput } from "./throttle.ts";

/** A gate that may have something to tell. */
export interface Telling {
  readonly gate: Gate;
  /** Name of the receiver whose gate it is; empty: the one before all receivers. */
  readonly scope: string;
  /** Tells it: an event as an API server would bring it. */
  announce(input: Readonly<Record<string, unknown>>): void;
}

export interface Summaries {
  /** Tells everything now: no more events come. */
  flush(): void;
  stop(): void;
}

const EVERY_MS = 1_000;

/** Looks every second, if any of the gates ever tells. `now`: milliseconds since 1970. */
export function startSummaries(gates: readonly Telling[], now: () => number): Summaries {
  const telling = gates.filter(({ gate }) => gate.tells);
  const tell = (all: boolean): void => {
    for (const { gate, scope, announce } of telling) {
      for (const summary of gate.summaries(now(), all)) announce(summaryInput(summary, scope));
    }
  };
  const timer = telling.length === 0 ? undefined : setInterval(() => tell(false), EVERY_MS);
  return { flush: () => tell(true), stop: () => clearInterval(timer) };
}
