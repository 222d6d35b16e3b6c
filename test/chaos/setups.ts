/** Where a Petrel remembers how far it has come: what can be promised depends on it. */
export interface Setup {
  readonly name: string;
  /** Keys of the config; `folder` is one instance's own. */
  config(folder: string): Record<string, unknown>;
  /** What was acknowledged longer ago than this is on record, in milliseconds; undefined: nothing ever is. */
  readonly recordMs: number | undefined;
  /** What was told and not delivered yet is on record, too. */
  readonly keepsLog: boolean;
  /** It runs as in a pod: with the token and the namespace of a service account. */
  readonly inCluster?: boolean;
}

/**
 * A group is committed after 10 ms; the rest is what a machine of two cores, shared with an API server and three
 * destinations, may need until the timer fires.
 */
const JOURNAL_RECORD_MS = 250;

export const JOURNAL: Setup = {
  name: "journal",
  config: (folder) => ({ state: { path: `${folder}/state` } }),
  recordMs: JOURNAL_RECORD_MS,
  keepsLog: true,
};

export const NONE: Setup = { name: "none", config: () => ({}), recordMs: undefined, keepsLog: false };

/**
 * A checkpoint is saved every two seconds, with what was acknowledged by then; its request takes a moment, and so may the
 * one after it.
 */
const CHECKPOINT_RECORD_MS = 2_750;

const election = { leaderElection: { enabled: true, leaderElectionID: "petrel" } };

export const LEASE: Setup = {
  name: "Lease",
  config: () => election,
  recordMs: CHECKPOINT_RECORD_MS,
  keepsLog: false,
};

/** Each replica has a journal of its own; what they share is the Lease. */
export const LEASE_AND_JOURNAL: Setup = {
  name: "Lease and journal",
  config: (folder) => ({ ...election, state: { path: `${folder}/state` } }),
  recordMs: CHECKPOINT_RECORD_MS,
  keepsLog: false,
};

export const CONFIG_MAP: Setup = {
  name: "ConfigMap",
  config: () => ({}),
  recordMs: CHECKPOINT_RECORD_MS,
  keepsLog: false,
  inCluster: true,
};
