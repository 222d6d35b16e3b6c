/** What happened in a run, told by those who stood outside of Petrel. Times are milliseconds on one steady clock. */

/** One state of an event, as the API server keeps it. */
export interface State {
  /** `<uid>.<resourceVersion>`. */
  readonly id: string;
  readonly uid: string;
  readonly object: string;
  readonly version: number;
}

/** An event that was removed: from this version on the API server lists nothing of it. */
export interface Removal {
  readonly uid: string;
  readonly version: number;
}

/**
 * A list that had to stand in for a watch: between these versions Petrel may know the last state of each event alone.
 * `from`: what was told up to here is known by an unbroken watch.
 */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** One request that a receiver's server got. */
export interface Attempt {
  readonly receiver: string;
  /** The process that sent it. */
  readonly life: number;
  readonly begun: number;
  /** When it may have been sent, at the earliest: a server that is busy reads it later. */
  readonly earliest: number;
  /** When it was answered or its connection ended; Infinity: neither has happened. */
  readonly ended: number;
  /** The whole answer was handed to the network. */
  readonly answered: boolean;
  /** In the order of the request. */
  readonly ids: readonly string[];
  /** Those that the server keeps, by index. */
  readonly taken: readonly number[];
  /** When it kept them. */
  readonly takenAt: number;
}

/** One process. */
export interface Life {
  readonly number: number;
  /** Infinity: it runs. */
  readonly ended: number;
  /** Told to end, and ended in good order; else it was killed. */
  readonly inOrder: boolean;
  /** When it was told to; Infinity: never. From then on it may cut off what it has no more time for. */
  readonly stopping: number;
  /** Receivers of which it said that it had no more time for what was under way. */
  readonly cutOff: readonly string[];
  /** What was acknowledged before this is on record, and survives the process. */
  readonly recordedUntil: number;
  /** What was acknowledged then was never on record: it was cut off, and another went on from what was. */
  readonly unrecorded: readonly (readonly [from: number, to: number])[];
  /** When its metrics were read last. */
  readonly readAt: number;
  /** When it was stopped by SIGSTOP or cut off, and went on. */
  readonly frozen: readonly (readonly [from: number, to: number])[];
}

/** What one process counted for one receiver, when its metrics were read last. */
export interface Counted {
  readonly life: number;
  readonly receiver: string;
  /** Events dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly ambiguous: number;
}

export interface Story {
  readonly receivers: readonly string[];
  readonly states: readonly State[];
  readonly removals: readonly Removal[];
  readonly gaps: readonly Gap[];
  /** By `begun`. */
  readonly attempts: readonly Attempt[];
  readonly lives: readonly Life[];
  readonly counts: readonly Counted[];
  /** After this an attempt is given up by Petrel. */
  readonly timeoutMs: number;
}
