/** Where a Petrel remembers how far it has come: what can be promised depends on it. */
export interface Setup {
  readonly name: string;
  /** Keys of the config; `folder` is one instance's own. */
  config(folder: string): Record<string, unknown>;
  /** What was acknowledged longer ago than this is on record, in milliseconds; undefined: nothing ever is. */
  readonly recordMs: number | undefined;
  /** What was told and not delivered yet is on record, too. */
  readonly keepsLog: boolean;
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
