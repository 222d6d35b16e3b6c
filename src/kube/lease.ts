/**
 * Leader election by a Lease, as client-go does it, so that Petrel and any client-go program with the same Lease exclude
 * each other. Clocks of different machines are never compared: a Lease has expired when it was not seen to change for its
 * duration on our own steady clock, and a leader that could not renew steps down long before others see that.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/tools/leaderelection/leaderelection.go
 */
import { CheckpointTooLargeError, NotLeadingError } from "../checkpoint-store.ts";
import { ApiError } from "./client.ts";
import { DEFAULT_TIMING, type Election, type ElectionOptions, type LossReason } from "./election.ts";
import { createLeaseAccess } from "./lease-access.ts";
import { type Lease, type LeaseRecord, microTime, newLease, roomForCheckpoint, writtenLease } from "./lease-record.ts";
import { releaseLease } from "./lease-release.ts";
import { MissingRightError } from "./missing-right.ts";
import { createPause } from "./pause.ts";
import { createSaves } from "./saves.ts";

export function createElection(options: ElectionOptions): Election {
  const { identity, now, date, logger } = options;
  const { leaseMs, renewMs, retryMs } = options.timing ?? DEFAULT_TIMING;
  const storeName = `Lease ${options.namespace}/${options.name}`;
  const access = createLeaseAccess(options.client, options.namespace, options.name);
  const saves = createSaves();
  const leading = options.metrics.gauge("petrel_leader", "1 while this process holds the Lease and delivers.");
  const lost = (reason: LossReason) =>
    options.metrics.counter("petrel_leader_lost_total", "Terms that ended against our will, by how.", { reason });
  const losses: Readonly<Record<LossReason, { value: number }>> = {
    holder: lost("holder"),
    deadline: lost("deadline"),
  };
  /** A connection that answers no more shall not eat up all of the time in which others could be tried. */
  const requestMs = renewMs / 3;

  /** As it was read or written last: what the next write is based on. */
  let lease: Lease | undefined;
  let seen = "";
  let changedAt = 0;
  let seenAt: number | undefined;
  /** The annotation as it was seen last, or as we want it. */
  let checkpoint: string | undefined;
  let term: { until: number; timer: Timer } | undefined;
  /** By which the Lease of our last term is known: another who takes it changes both. */
  let lastTerm: string | undefined;
  let following: string | undefined;
  let lastError: string | undefined;
  let running: Promise<void> | undefined;
  let ending = false;
  const pause = createPause();

  const leads = (): boolean => term !== undefined && now() < term.until;

  const timeLeft = (): number => Math.max(1, Math.min(requestMs, (term?.until ?? Number.POSITIVE_INFINITY) - now()));

  const endTerm = (): void => {
    if (!term) return;
    clearTimeout(term.timer);
    term = undefined;
    leading.value = 0;
    saves.refuse(new NotLeadingError(storeName));
  };

  const lose = (reason: LossReason): void => {
    endTerm();
    losses[reason].value++;
    logger.warn(
      reason === "deadline"
        ? "leads no longer: the Lease could not be renewed in time"
        : "leads no longer: the Lease is not ours any more",
      { lease: storeName, holder: lease?.record.holder, error: lastError },
    );
    options.onLost(reason);
  };

  /** `startedAt`: when the write was sent that made or kept the Lease ours. From then on others count, at the earliest. */
  const won = (startedAt: number, { record }: Lease): void => {
    const until = startedAt + renewMs;
    const left = until - now();
    if (left <= 0) {
      // We were stopped while the answer was under way.
      if (term) lose("deadline");
      return;
    }
    if (ending) return;
    following = undefined;
    const timer = setTimeout(() => lose("deadline"), left);
    if (term) {
      clearTimeout(term.timer);
      term = { until, timer };
      return;
    }
    term = { until, timer };
    leading.value = 1;
    const mark = `${record.transitions} ${record.acquireTime}`;
    const regained = mark === lastTerm;
    lastTerm = mark;
    logger.info(regained ? "leads again: the Lease is still ours" : "leads: the Lease is ours", { lease: storeName });
    options.onLeading({ checkpoint, regained });
  };

  const observe = (found: Lease): void => {
    lease = found;
    seenAt = now();
    const text = JSON.stringify(found.record);
    if (text === seen) return;
    seen = text;
    changedAt = seenAt;
  };

  const recordAfter = ({
    holder,
    acquireTime,
    transitions,
  }: Pick<LeaseRecord, "holder" | "acquireTime" | "transitions">) => {
    const renewTime = microTime(date());
    const ours = holder === identity;
    return {
      holder: identity,
      durationSeconds: Math.round(leaseMs / 1_000),
      acquireTime: ours ? acquireTime : renewTime,
      renewTime,
      transitions: ours ? transitions : transitions + 1,
    };
  };

  const fits = (text: string, beside: Lease): boolean => Buffer.byteLength(text) <= roomForCheckpoint(beside);
  const tooLarge = (text: string, beside: Lease) =>
    new CheckpointTooLargeError(storeName, Buffer.byteLength(text), roomForCheckpoint(beside));

  /** Renews or takes the Lease as it was read. False: it is another by now. */
  const take = async (base: Lease, signal: AbortSignal): Promise<boolean> => {
    if (checkpoint !== undefined && !fits(checkpoint, base)) {
      // Somebody has annotated the Lease meanwhile. To lead is worth more than to save.
      saves.refuse(tooLarge(checkpoint, base));
      checkpoint = base.checkpoint;
    }
    const body = writtenLease(base, recordAfter(base.record), checkpoint);
    const mark = saves.mark();
    const startedAt = now();
    const written = await access.update(body, timeLeft(), signal);
    if (!written) return false;
    observe(written);
    saves.kept(mark);
    won(startedAt, written);
    return true;
  };

  /** With the checkpoint that was seen last: who deletes a Lease does not mean to have an hour of events delivered again. */
  const create = async (signal: AbortSignal): Promise<void> => {
    const record = recordAfter({ holder: "", acquireTime: "", transitions: -1 });
    const mark = saves.mark();
    const startedAt = now();
    const made = await access.create(newLease(options.namespace, options.name, record, checkpoint), timeLeft(), signal);
    if (!made) return;
    observe(made);
    saves.kept(mark);
    won(startedAt, made);
  };

  /** Renews what is ours, takes what is free, and looks who has it otherwise. */
  const attempt = async (signal: AbortSignal): Promise<void> => {
    if (term && lease && (await take(lease, signal))) return;
    const found = await access.get(timeLeft(), signal);
    if (!found) {
      await create(signal);
      return;
    }
    observe(found);
    const { holder, durationSeconds } = found.record;
    if (term && holder !== identity) lose("holder");
    if (!term) checkpoint = found.checkpoint;
    if (holder !== "" && holder !== identity && now() < changedAt + durationSeconds * 1_000) {
      if (following !== holder) {
        following = holder;
        logger.info("follows: another holds the Lease", { lease: storeName, holder });
        options.onFollowing(holder);
      }
      return;
    }
    // When it is another by now, somebody was quicker, which the next attempt sees.
    await take(found, signal);
  };

  /** Anything but a failed request is a bug of ours or of a callback's. */
  const failed = (error: unknown): void => {
    if (!(error instanceof ApiError || error instanceof MissingRightError)) throw error;
    if (error.message !== lastError) logger.warn("cannot reach the Lease", { lease: storeName, error: error.message });
    lastError = error.message;
  };

  /**
   * Followers of client-go look every 2 to 4.4 s; looking every 1 to 1.5 s makes a hand-over a matter of less than two.
   * A server that is asked too much may say how long to leave it alone.
   */
  const period = (retryAfterMs = 0): number =>
    term ? retryMs : Math.max((retryMs / 2) * (1 + options.random() / 2), Math.min(retryAfterMs, leaseMs));

  const loop = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && !ending) {
      const beganAt = now();
      let retryAfterMs: number | undefined;
      try {
        await attempt(signal);
        if (lastError !== undefined) logger.info("the Lease can be reached again", { lease: storeName });
        lastError = undefined;
        if (term && saves.waiting()) continue;
      } catch (error) {
        if (signal.aborted) break;
        failed(error);
        retryAfterMs = error instanceof ApiError ? error.retryAfterMs : undefined;
      }
      if (ending) break;
      const left = beganAt + period(retryAfterMs) - now();
      if (left > 0) await pause.wait(left, signal);
    }
    endTerm();
  };

  return {
    run(signal) {
      running ??= loop(signal);
      return running;
    },

    leads,

    status: () => ({
      leading: leads(),
      holder: lease?.record.holder ?? "",
      transitions: lease?.record.transitions ?? 0,
      seenAt,
      lastError,
    }),

    checkpoint: {
      name: storeName,
      load: async (signal) => (await access.get(requestMs, signal))?.checkpoint,
      async save(text, signal) {
        signal.throwIfAborted();
        if (!lease || !leads()) throw new NotLeadingError(storeName);
        if (!fits(text, lease)) throw tooLarge(text, lease);
        checkpoint = text;
        const kept = saves.wait(signal);
        pause.wake();
        await kept;
      },
    },

    async release(text, signal) {
      ending = true;
      endTerm();
      pause.wake();
      // What it rejects with is its caller's.
      await running?.catch(() => {});
      if (lease?.record.holder !== identity) return false;
      if (text !== undefined && fits(text, lease)) checkpoint = text;
      else if (text !== undefined) logger.error(tooLarge(text, lease).message, { lease: storeName });
      try {
        const given = await releaseLease(
          { access, identity, lease, checkpoint, date, now, requestMs, retryMs: retryMs / 4, deadlineMs: renewMs },
          signal,
        );
        if (!given) return false;
        observe(given);
        logger.info("has given the Lease up", { lease: storeName });
        return true;
      } catch (error) {
        signal.throwIfAborted();
        failed(error);
        return false;
      }
    },
  };
}
