/** Many dead letters sent again, and what became of each. */
import type { DeadLetterOffice, Sent } from "./dead-letter-office.ts";

/** What became of one letter. */
export interface Replayed {
  readonly id: number;
  readonly outcome: Sent;
  /** Of one that was refused again. */
  readonly reason?: string;
  readonly message?: string;
}

export interface Replay {
  readonly delivered: number;
  readonly refused: number;
  /** Still on their way; they go on by themselves, as long as the process does. */
  readonly waiting: number;
  /** There is no such letter, or no such receiver. */
  readonly missing: number;
  /** Letters that are kept now. */
  readonly left: number;
  readonly results: readonly Replayed[];
}

/** How long receivers have to answer. */
const REPLAY_MS = 20_000;
/** Letters on their way at once. */
const AT_ONCE = 64;

/** Sends them in their order, and resolves within 20 s. */
export async function replayLetters(ids: readonly number[], office: DeadLetterOffice): Promise<Replay> {
  const outcomes = new Map<number, Sent>();
  const until = performance.now() + REPLAY_MS;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < ids.length && performance.now() < until) {
      const id = ids[next++] ?? -1;
      outcomes.set(id, await office.send(id));
    }
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, REPLAY_MS);
  });
  await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, work)), late]);
  clearTimeout(timer);
  const results = ids.map((id) => resultOf(id, outcomes.get(id) ?? "waiting", office));
  const of = (what: Sent): number => results.filter(({ outcome }) => outcome === what).length;
  return {
    delivered: of("delivered"),
    refused: of("refused"),
    waiting: of("waiting"),
    missing: of("gone") + of("no-receiver"),
    left: office.letters.count,
    results,
  };
}

function resultOf(id: number, outcome: Sent, { letters }: DeadLetterOffice): Replayed {
  const letter = outcome === "refused" ? letters.get(id) : undefined;
  return { id, outcome, ...(letter && { reason: letter.reason, message: letter.message }) };
}
