/** What leader election asks for and gives: one of several processes leads, and knows when it does not any more. */
import type { CheckpointStore } from "../checkpoint-store.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { ApiClient } from "./client.ts";

export interface ElectionTiming {
  /** What others must wait after the last change before they may take the Lease; whole seconds. */
  readonly leaseMs: number;
  /** The leader steps down so long after the start of its last successful renewal; less than `leaseMs`. */
  readonly renewMs: number;
  /** Between two renewals. */
  readonly retryMs: number;
}

/** Those of client-go's users, and of the exporter. */
export const DEFAULT_TIMING: ElectionTiming = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };

/** What begins when the Lease has become ours. */
export interface Term {
  /** The Lease's checkpoint when it was taken: nobody can have written another since. */
  readonly checkpoint: string | undefined;
  /** True: nobody else led since we did. What was kept when the lead was lost goes on; otherwise it is others' by now. */
  readonly regained: boolean;
}

/** `holder`: the Lease is another's, or nobody's. `deadline`: it could not be renewed in time, and may still be ours. */
export type LossReason = "holder" | "deadline";

export interface ElectionOptions {
  readonly client: Pick<ApiClient, "json">;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Ours, and of this process alone: `HOSTNAME_UUID`, as the exporter has it. */
  readonly identity: string;
  readonly timing?: ElectionTiming;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Steady milliseconds. They must go on while this process is stopped, as CLOCK_MONOTONIC does. */
  readonly now: () => number;
  /** Milliseconds since 1970: for people who read the Lease, of no effect here or elsewhere. */
  readonly date: () => number;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** From here on until `onLost` or `release` we lead. */
  onLeading(term: Term): void;
  /** Nothing may be delivered from here on. Others lead `leaseMs - renewMs` later at the earliest if it is the `deadline`. */
  onLost(reason: LossReason): void;
  /** Another holds the Lease, or holds it now instead of the one before. */
  onFollowing(holder: string): void;
}

export interface ElectionStatus {
  readonly leading: boolean;
  /** Who holds the Lease, as it was seen last. Empty: nobody, or it was not seen yet. */
  readonly holder: string;
  /** How often the Lease has changed hands. */
  readonly transitions: number;
  /** When it was read or written last, by `now`; undefined: never. */
  readonly seenAt: number | undefined;
  /** Why the last attempt failed; undefined when it did not. */
  readonly lastError: string | undefined;
}

export interface Election {
  /**
   * Takes part until the signal aborts, which leaves the Lease to expire, or until it is released. Call it once. Rejects
   * only with what the callbacks throw.
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Whether we lead at this moment, by the clock and not by what was called back: true for no process that was stopped
   * for longer than its Lease lasts. Cheap enough to be asked before every delivery.
   */
  leads(): boolean;
  status(): ElectionStatus;
  /** The Lease's annotation. Written by the leader alone, at once, each write being a renewal. */
  readonly checkpoint: CheckpointStore;
  /**
   * Leads no longer, and gives the Lease up with this checkpoint (undefined: the one it has) in one write, so that a
   * follower takes both within about a second. Tries for `renewMs` at most, after a renewal that is under way. False: the Lease was not ours, or could not
   * be reached, and expires. Rejects with the signal's reason.
   */
  release(checkpoint: string | undefined, signal: AbortSignal): Promise<boolean>;
}
