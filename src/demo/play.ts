/** Lets a day pass: what happens in it, at its time, at a chosen speed. */
import type { Occurrence } from "./recorder.ts";
import { type Day, OUTAGE } from "./stories.ts";

export interface Stage {
  /** `story` is the index of the story that tells it. */
  happens(occurrence: Occurrence, story: number): void;
  /** A receiver goes down, or comes back. */
  outage(receiver: string, on: boolean): void;
}

/** Resolves when the day is over, or at once when the signal aborts. `speed` 2 is twice as fast. */
export async function play(day: Day, stage: Stage, speed: number, signal: AbortSignal): Promise<void> {
  const script: { readonly at: number; readonly run: () => void }[] = day.stories.flatMap((story, index) =>
    story.occurrences.map((occurrence) => ({
      at: occurrence.at,
      run: () => stage.happens(occurrence, index),
    })),
  );
  script.push(
    { at: OUTAGE.from, run: () => stage.outage(OUTAGE.receiver, true) },
    { at: OUTAGE.to, run: () => stage.outage(OUTAGE.receiver, false) },
  );
  script.sort((a, b) => a.at - b.at);
  const start = performance.now();
  for (const { at, run } of script) {
    const wait = start + (at * 1_000) / speed - performance.now();
    if (wait > 0) await pause(wait, signal);
    if (signal.aborted) return;
    run();
  }
}

/** Never rejects: resolves after so many milliseconds, or when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
