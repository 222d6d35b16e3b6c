/** A small file whose content changes under us: a projected token, a rotated certificate. */
import type { Logger } from "../logger.ts";
import { CredentialsError, reasonOf } from "./credentials-error.ts";

export type ReadFile = (path: string) => Promise<string>;

/** A text that is read again when it is asked for and older than a minute. */
export interface Refreshed {
  /** The text now. A file that was readable once and is not any more keeps its last text, with a warning. */
  value(): string | Promise<string>;
  /** Makes the next `value()` read again. */
  invalidate(): void;
}

/** Kubelet swaps a projected token at 80 % of its life (an hour at least by default), so a minute is soon enough. */
const MAX_AGE_MS = 60_000;

export interface RefreshedFileOptions {
  readonly path: string;
  /** What the file is, for messages: `bearer token`. */
  readonly what: string;
  readonly readFile: ReadFile;
  readonly now: () => number;
  readonly logger: Logger;
  /** Throws CredentialsError when the text is not what it should be. */
  readonly check?: (text: string) => void | Promise<void>;
}

/** Reads the file at once; throws CredentialsError when that fails. */
export async function openRefreshedFile(options: RefreshedFileOptions): Promise<Refreshed> {
  const { path, what, now, logger } = options;

  const read = async (): Promise<string> => {
    let text: string;
    try {
      text = (await options.readFile(path)).trim();
    } catch (error) {
      throw new CredentialsError(`cannot read the ${what} from ${path}: ${reasonOf(error)}`);
    }
    if (text === "") throw new CredentialsError(`the ${what} file ${path} is empty`);
    await options.check?.(text);
    return text;
  };

  let text = await read();
  let readAt = now();
  let reading: Promise<string> | undefined;

  const reload = async (): Promise<string> => {
    try {
      text = await read();
    } catch (error) {
      logger.warn(`${error instanceof Error ? error.message : String(error)}; keeping what was read before`);
    }
    readAt = now();
    reading = undefined;
    return text;
  };

  return {
    value() {
      if (now() - readAt < MAX_AGE_MS) return text;
      reading ??= reload();
      return reading;
    },
    invalidate() {
      readAt = Number.NEGATIVE_INFINITY;
    },
  };
}

/** A text that never changes, in the same shape. */
export function fixedText(text: string): Refreshed {
  return { value: () => text, invalidate() {} };
}
