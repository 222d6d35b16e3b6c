/** How a leader takes its leave, so that a follower need not wait until the Lease expires. */
import { ApiError } from "./client.ts";
import type { LeaseAccess } from "./lease-access.ts";
import { type Lease, microTime, writtenLease } from "./lease-record.ts";
import { MissingRightError } from "./missing-right.ts";
import { createPause } from "./pause.ts";

export interface Release {
  readonly access: LeaseAccess;
  readonly identity: string;
  /** As it was read or written last. */
  readonly lease: Lease;
  /** Goes into the same write. */
  readonly checkpoint: string | undefined;
  /** Milliseconds since 1970. */
  readonly date: () => number;
  readonly now: () => number;
  /** For one request, and between two attempts. */
  readonly requestMs: number;
  readonly retryMs: number;
  /** For all of it. */
  readonly deadlineMs: number;
}

/**
 * The Lease as it was given up; undefined when it was another's already. Rejects with the last error at the deadline, or
 * the signal's reason.
 */
export async function releaseLease(release: Release, signal: AbortSignal): Promise<Lease | undefined> {
  const { access, identity, checkpoint, requestMs, now } = release;
  const pause = createPause();
  const deadline = now() + release.deadlineMs;
  const timeLeft = (): number => Math.max(1, Math.min(requestMs, deadline - now()));
  let lease: Lease | undefined = release.lease;
  while (lease?.record.holder === identity) {
    const at = microTime(release.date());
    const { transitions } = lease.record;
    // What client-go writes: one second, because the API server refuses none.
    const record = { holder: "", durationSeconds: 1, acquireTime: at, renewTime: at, transitions };
    try {
      const written = await access.update(writtenLease(lease, record, checkpoint), timeLeft(), signal);
      if (written) return written;
      // Somebody wrote it meanwhile: a write of ours whose answer was lost, or a person.
      lease = await access.get(timeLeft(), signal);
    } catch (error) {
      const temporary = error instanceof ApiError || error instanceof MissingRightError;
      if (signal.aborted || !temporary || now() + release.retryMs >= deadline) throw error;
      await pause.wait(release.retryMs, signal);
    }
  }
  return undefined;
}
