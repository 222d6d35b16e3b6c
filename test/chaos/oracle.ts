/**
 * Judges a run by Petrel's promise: every obligation at least once, in order per object, a repeat only where the first
 * answer never reached the record, and every exception counted.
 *
 * An obligation is every state that an unbroken watch told; across a gap, the last state that the API server still lists.
 */
import type { Attempt, Life, State, Story } from "./story.ts";

export interface ReceiverVerdict {
  readonly receiver: string;
  /** States that it had to get. */
  readonly obligations: number;
  /** Of these, ids that never came. */
  readonly missing: readonly string[];
  /** Of the missing, more than Petrel counted as dropped, whatever the reason. */
  readonly uncounted: number;
  /** As Petrel counted them, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Second deliveries because a process ended before it could record the first. */
  readonly afterEnd: number;
  /** Second deliveries because the first one's answer did not come in time, or at all. */
  readonly ambiguous: number;
  /** Of these, more than Petrel counted. */
  readonly uncountedAmbiguous: number;
  /** Where, by life, if there are any. */
  readonly uncountedWhere: readonly string[];
  /** What no kill, freeze, timeout or reset explains. */
  readonly unexplained: readonly string[];
  /** An event that came, for the first time, after a later one of its object, or while an earlier one was on its way. */
  readonly disorder: readonly string[];
  /** Ids that nobody ever wrote. */
  readonly strays: readonly string[];
}

export interface Verdict {
  readonly receivers: readonly ReceiverVerdict[];
  /** States that nobody had to get: superseded or removed within a gap. */
  readonly superseded: number;
  /** What breaks the promise, in words; empty: nothing does. Events that are missing but counted are not in it. */
  readonly faults: readonly string[];
}

/** Answers this close to the deadline may have come too late for Petrel. */
const NEAR_DEADLINE_MS = 300;
/** An answer that the server has handed to the network, and that nobody may have read yet. */
const ON_ITS_WAY_MS = 50;

export function judge(story: Story): Verdict {
  const owed = obligations(story);
  const receivers = story.receivers.map((receiver) => judgeReceiver(story, receiver, owed));
  return { receivers, superseded: story.states.length - owed.length, faults: receivers.flatMap(faultsOf) };
}

/** The states that every receiver must get. */
export function obligations({ states, removals, gaps }: Pick<Story, "states" | "removals" | "gaps">): readonly State[] {
  if (gaps.length === 0) return states;
  /** By uid, ascending: versions at which the state before ended. */
  const ends = new Map<string, number[]>();
  for (const { uid, version } of [...states, ...removals]) {
    const versions = ends.get(uid) ?? [];
    versions.push(version);
    ends.set(uid, versions);
  }
  for (const versions of ends.values()) versions.sort((a, b) => a - b);
  return states.filter(({ uid, version }) => {
    const end = ends.get(uid)?.find((other) => other > version);
    return end === undefined || !gaps.some(({ from, to }) => version > from && end <= to);
  });
}

function judgeReceiver(story: Story, receiver: string, owed: readonly State[]): ReceiverVerdict {
  const attempts = story.attempts.filter((attempt) => attempt.receiver === receiver);
  const lives = new Map(story.lives.map((life) => [life.number, life]));
  const states = new Map(story.states.map((state) => [state.id, state]));
  const before = new Map<string, Attempt>();
  const newest = new Map<string, State>();
  const strays: string[] = [];
  const disorder: string[] = [];
  const unexplained: string[] = [];
  let afterEnd = 0;
  let ambiguous = 0;
  let unseen = 0;
  const toCount = new Map<number, string[]>();

  const kept = attempts.filter(({ taken }) => taken.length > 0).sort((a, b) => a.takenAt - b.takenAt);
  for (const attempt of kept) {
    for (const index of attempt.taken) {
      const id = attempt.ids[index] ?? "";
      const state = states.get(id);
      if (!state) {
        strays.push(id);
        continue;
      }
      const earlier = before.get(id);
      before.set(id, attempt);
      if (!earlier) {
        const last = newest.get(state.object);
        const lastAttempt = last && before.get(last.id);
        // Of what was never recorded nobody who goes on from the record can know.
        if (lastAttempt && unrecorded(lastAttempt, attempt, lives)) newest.set(state.object, state);
        else if (last && last.version > state.version) disorder.push(`${id} came after ${last.id} of its object`);
        else newest.set(state.object, state);
        continue;
      }
      const why = explain(earlier, attempt, lives, story.timeoutMs);
      if (why === "ended") afterEnd++;
      else if (why === undefined) unexplained.push(`${id} at ${words(earlier)}, and at ${words(attempt)}`);
      else {
        ambiguous++;
        if (why === "unseen") unseen++;
        else toCount.set(earlier.life, [...(toCount.get(earlier.life) ?? []), words(earlier)]);
      }
    }
  }
  disorder.push(...overlaps(attempts, states, lives));

  const missing = owed.filter(({ id }) => !before.has(id)).map(({ id }) => id);
  const counts = story.counts.filter((one) => one.receiver === receiver);
  const dropped: Record<string, number> = {};
  for (const one of counts) {
    for (const [reason, count] of Object.entries(one.dropped)) {
      if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
    }
  }
  const droppedInAll = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  const counted = counts.reduce((sum, one) => sum + one.ambiguous, 0);
  const countedBy = (life: number): number => counts.find((one) => one.life === life)?.ambiguous ?? 0;
  const uncountedWhere = [...toCount]
    .filter(([life, attempts]) => attempts.length > countedBy(life))
    .map(([life, attempts]) => {
      const looked = Math.round(lives.get(life)?.readAt ?? Number.NaN);
      return `counted ${countedBy(life)} when looked at ${looked}: ${attempts.slice(-3).join(", ")}`;
    });
  return {
    receiver,
    obligations: owed.length,
    missing,
    uncounted: Math.max(0, missing.length - droppedInAll),
    dropped,
    afterEnd,
    ambiguous,
    uncountedAmbiguous: Math.max(0, ambiguous - unseen - counted),
    uncountedWhere,
    unexplained,
    disorder,
    strays,
  };
}

/**
 * Why an id came twice. `ended`: its process ended before it could record the answer; `ambiguous`: no answer came in
 * time; `unseen`: the same, but the process was killed before anybody could read its count. Undefined: no excuse.
 */
function explain(
  earlier: Attempt,
  later: Attempt,
  lives: ReadonlyMap<number, Life>,
  timeoutMs: number,
): "ended" | "ambiguous" | "unseen" | undefined {
  const life = lives.get(earlier.life);
  if (!life) return undefined;
  const sure = earlier.answered && earlier.ended - earlier.earliest < timeoutMs - NEAR_DEADLINE_MS;
  if (earlier.life !== later.life && later.begun > earlier.begun) {
    // In flight when the process ended, or acknowledged and not on record.
    if (!earlier.answered && earlier.ended >= Math.min(life.stopping, life.ended - ON_ITS_WAY_MS)) return "ended";
    if (life.cutOff.includes(earlier.receiver) && earlier.ended >= life.stopping) return "ended";
    if (unrecorded(earlier, later, lives)) return "ended";
  }
  const cutOff = life.frozen.some(([from, to]) => earlier.earliest <= to && earlier.ended + ON_ITS_WAY_MS >= from);
  if (sure && !cutOff) return undefined;
  // Petrel counts when it notices, which may be a moment after: what was due just before the last look at its counts.
  const due = Math.min(earlier.earliest + timeoutMs, earlier.ended);
  return due + NEAR_DEADLINE_MS >= life.readAt ? "unseen" : "ambiguous";
}

/** The first one's answer never reached the record that the process of the second one went on from. */
function unrecorded(earlier: Attempt, later: Attempt, lives: ReadonlyMap<number, Life>): boolean {
  const life = lives.get(earlier.life);
  if (!life || earlier.life === later.life || later.begun <= earlier.begun) return false;
  if (!life.inOrder && earlier.ended >= life.recordedUntil) return true;
  return life.unrecorded.some(([from, to]) => earlier.ended >= from && earlier.begun <= to);
}

/** Events of one object that were on their way at once. */
function overlaps(
  attempts: readonly Attempt[],
  states: ReadonlyMap<string, State>,
  lives: ReadonlyMap<number, Life>,
): string[] {
  const found: string[] = [];
  const under = new Map<string, { readonly attempt: Attempt; readonly state: State }>();
  for (const attempt of [...attempts].sort((a, b) => a.begun - b.begun)) {
    for (const id of attempt.ids) {
      const state = states.get(id);
      if (!state) continue;
      const other = under.get(state.object);
      if (other && other.attempt !== attempt && other.state.version < state.version) {
        // A process that is gone sends nothing any more, whatever its connections look like.
        const end = Math.min(other.attempt.ended, lives.get(other.attempt.life)?.ended ?? Number.POSITIVE_INFINITY);
        if (attempt.begun < end) found.push(`${id} was sent while ${other.state.id} of its object was on its way`);
      }
      under.set(state.object, { attempt, state });
    }
  }
  return found;
}

function faultsOf(one: ReceiverVerdict): string[] {
  const faults: string[] = [];
  const say = (what: string, list: readonly string[]) => {
    if (list.length > 0) faults.push(`${one.receiver}: ${list.length} ${what}, e.g. ${list.slice(0, 3).join("; ")}`);
  };
  if (one.uncounted > 0) {
    say(`lost, ${one.uncounted} of them without a count (dropped: ${JSON.stringify(one.dropped)})`, one.missing);
  }
  say("out of order", one.disorder);
  say("repeated without a reason", one.unexplained);
  say("that nobody wrote", one.strays);
  if (one.uncountedAmbiguous > 0) {
    const where = one.uncountedWhere.join("; ");
    faults.push(
      `${one.receiver}: ${one.uncountedAmbiguous} repeated after a lost answer that petrel did not count (${where})`,
    );
  }
  return faults;
}

function words({ life, begun, ended, answered }: Attempt): string {
  return `${Math.round(begun)}–${Math.round(ended)} from life ${life}${answered ? "" : " without an answer"}`;
}
