/** Saves how far receivers have come outside this process: at most every two seconds, when it has changed, and at the end. */
import { type CheckpointStore, NotLeadingError } from "./checkpoint-store.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

export interface Checkpointer {
  /** Saves what has changed since, if anything; false when that failed. */
  flush(signal: AbortSignal): Promise<boolean>;
  /** No more saves; waits for one under way. */
  stop(): Promise<void>;
}

export interface CheckpointerOptions {
  readonly store: CheckpointStore;
  /** The checkpoint as it is now. */
  readonly text: () => string;
  /** As the store has it. */
  readonly saved: string | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Default 2 s. */
  readonly everyMs?: number;
}

const EVERY_MS = 2_000;

export function startCheckpointer(options: CheckpointerOptions): Checkpointer {
  const { store, logger, metrics } = options;
  const saves = metrics.counter("petrel_checkpoint_saves_total", "Checkpoints that were saved.");
  const errors = metrics.counter("petrel_checkpoint_errors_total", "Checkpoints that could not be saved.");
  const control = new AbortController();
  let saved = options.saved;
  let failing = false;
  let saving: Promise<boolean> | undefined;

  async function save(signal: AbortSignal): Promise<boolean> {
    const text = options.text();
    if (text === saved) return true;
    try {
      await store.save(text, signal);
      saved = text;
      saves.value++;
      if (failing) logger.info("the checkpoint is saved again", { store: store.name });
      failing = false;
      return true;
    } catch (error) {
      if (signal.aborted || error instanceof NotLeadingError) return false;
      errors.value++;
      if (!failing) {
        logger.warn("the checkpoint cannot be saved: after a restart events are told again from the last one", {
          store: store.name,
          error: error instanceof Error ? error.message : String(error),
        });
      }
      failing = true;
      return false;
    }
  }

  const timer = setInterval(() => {
    saving ??= save(control.signal).finally(() => {
      saving = undefined;
    });
  }, options.everyMs ?? EVERY_MS);

  return {
    async flush(signal) {
      await saving;
      return await save(signal);
    },
    async stop() {
      clearInterval(timer);
      control.abort();
      await saving;
    },
  };
}
