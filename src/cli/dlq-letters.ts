/** Dead letters, wherever they are. */
import type { Replay } from "../pipeline/dead-letter-replay.ts";
import type { ShownLetter } from "../pipeline/dead-letters.ts";

export interface Page {
  /** Letters that there are, of all receivers. */
  readonly count: number;
  readonly letters: readonly ShownLetter[];
  /** The `after` of the next page; null when this is the last. */
  readonly next: number | null;
}

/** What every call rejects with is for the user to read. */
export interface Letters {
  list(options: {
    readonly receiver: string | undefined;
    readonly after: number;
    readonly limit: number;
  }): Promise<Page>;
  get(id: number): Promise<ShownLetter | undefined>;
  replay(ids: readonly number[]): Promise<Replay>;
  /** False: there was none. */
  drop(id: number): Promise<boolean>;
  close(): Promise<void>;
}
