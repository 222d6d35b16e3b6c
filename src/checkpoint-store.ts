/** Where a checkpoint is kept outside this process, and why it could not be kept. The text is its owner's affair. */

export interface CheckpointStore {
  /** For logs and metrics: `Lease petrel/events`, `ConfigMap petrel/events-checkpoint`. */
  readonly name: string;
  /** The text that was saved last, by whomever; undefined when there is none. Rejects as `save` does, but for the size. */
  load(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Resolves when the text is kept. Rejects with CheckpointTooLargeError, NotLeadingError, MissingRightError, ApiError, or
   * the signal's reason; the text before it is then still there, or, when the answer was lost, this one.
   */
  save(text: string, signal: AbortSignal): Promise<void>;
}

/** The text does not fit beside what else the object holds. Nothing was sent. */
export class CheckpointTooLargeError extends Error {
  override readonly name = "CheckpointTooLargeError";
  readonly bytes: number;
  readonly limit: number;

  constructor(store: string, bytes: number, limit: number) {
    super(`the checkpoint has ${bytes} bytes, and the ${store} has room for ${limit}`);
    this.bytes = bytes;
    this.limit = limit;
  }
}

/** Only the leader writes, and this process is not the leader, or is no longer. */
export class NotLeadingError extends Error {
  override readonly name = "NotLeadingError";

  constructor(store: string) {
    super(`this process does not hold the ${store}, so it writes no checkpoint there`);
  }
}
