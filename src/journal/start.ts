/** A journal as a config asks for it, with its metrics. */
import type { Config } from "../config/types.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { TROUBLES, type Trouble } from "./error.ts";
import { examineInChild } from "./examine.ts";
import { type Journal, openJournal } from "./journal.ts";

/** Seconds of one commit: from a page in the cache to a disk that is busy. */
const COMMIT_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
] as const;
/** How long another petrel may take to let go of the folder: a rollout ends the old one within its grace period. */
const WAIT_MS = 60_000;

/** @throws JournalError */
export async function startJournal(
  { state }: Pick<Config, "state">,
  options: {
    readonly logger: Logger;
    readonly metrics: Metrics;
    /** Take up nothing: what is there is set aside. */
    readonly afresh: boolean;
    readonly signal: AbortSignal;
  },
): Promise<Journal> {
  const { logger, metrics, signal } = options;
  if (!state) throw new Error("the config asks for no journal");
  const errors = Object.fromEntries(
    TROUBLES.map((reason) => [
      reason,
      metrics.counter("petrel_journal_errors_total", "What the journal could not do, by reason.", { reason }),
    ]),
  ) as Readonly<Record<Trouble, { value: number }>>;
  const journal = await openJournal(
    {
      path: state.path,
      afresh: options.afresh,
      fsync: state.fsync,
      logger,
      meters: {
        commit: metrics.histogram(
          "petrel_journal_commit_seconds",
          "Time of one commit of the journal.",
          COMMIT_BUCKETS,
        ),
        errors,
      },
      waitMs: WAIT_MS,
      examine: (file) => examineInChild(file),
    },
    signal,
  );
  metrics.read("gauge", "petrel_journal_up", "1 while the journal can be written.", () =>
    journal.trouble === undefined ? 1 : 0,
  );
  metrics.read(
    "gauge",
    "petrel_journal_used_bytes",
    "Of the journal's file, what is in use.",
    () => journal.size().used,
  );
  metrics.read("gauge", "petrel_journal_file_bytes", "Size of the journal's file.", () => journal.size().file);
  return journal;
}
