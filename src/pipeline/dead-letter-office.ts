/** Where dead letters go, and how they come back. */
import { type DeliveryError, REASONS } from "../errors.ts";
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import type { Cell } from "../metrics.ts";
import type { NormaliseOptions } from "../normalise.ts";
import { type DeadLetterFile, openDeadLetterFile } from "./dead-letter-file.ts";
import { type DeadLetter, type DeadLetters, eventOfLetter, type RefusedEvent, shownLetter } from "./dead-letters.ts";

/** What happens to a receiver's dead letters, beside that they are kept. */
export interface DeadLetterConfig {
  /** Written to this file, too: a line of JSON for each. */
  readonly file?: string | undefined;
  /** Sent to the receiver of this name, too; one that it takes is kept no longer. */
  readonly receiver?: string | undefined;
}

export interface DeadLetterMeters {
  /** Dead letters that newer ones pushed out, or that could not be kept. */
  readonly forgotten: Cell;
  /** Dead letters that did not get into their file. */
  readonly unwritten: Cell;
}

/**
 * What became of a letter that was sent: `delivered` (and removed), `refused` again, `waiting` for its receiver, or
 * already on its way; `gone`: there is no such letter; `no-receiver`: nobody of that name takes it.
 */
export const SENT = ["delivered", "refused", "waiting", "gone", "no-receiver"] as const;
export type Sent = (typeof SENT)[number];

export interface DeadLetterOffice {
  readonly letters: DeadLetters;
  /** Keeps what a receiver refused for good, and does with it what the config says. Never throws. */
  take(refused: RefusedEvent, config: DeadLetterConfig | undefined, logger: Logger): void;
  /** Sends a letter to its receiver, or to another. Resolves when that took or refused it. Never rejects. */
  send(id: number, to?: string): Promise<Sent>;
  /** Letters on their way. */
  readonly underWay: number;
  /** Writes what is left to write, within seconds. */
  stop(): Promise<void>;
}

export interface DeadLetterOfficeOptions {
  readonly letters: DeadLetters;
  readonly logger: Logger;
  readonly meters: DeadLetterMeters;
  /** As they were read when the events came. */
  readonly normalise: NormaliseOptions;
  /** Undefined: no receiver has this name. */
  redeliver(receiver: string, event: Event): Promise<DeliveryError | undefined> | undefined;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Letters on their way to another receiver at once; beyond it they are kept, and wait for somebody to send them. */
const MAX_UNDER_WAY = 1_000;

export function createDeadLetterOffice(options: DeadLetterOfficeOptions): DeadLetterOffice {
  const { letters, meters, now } = options;
  const files = new Map<string, DeadLetterFile>();
  const underWay = new Set<number>();

  function write(path: string, letter: DeadLetter): void {
    let file = files.get(path);
    if (file === undefined) {
      file = openDeadLetterFile({ path, logger: options.logger, unwritten: meters.unwritten, now });
      files.set(path, file);
    }
    file.write(JSON.stringify(shownLetter(letter)));
  }

  function keep(refused: RefusedEvent, logger: Logger): number | undefined {
    try {
      return letters.add(refused);
    } catch (error) {
      meters.forgotten.value++;
      logger.error("a dead letter cannot be kept", { error: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  async function send(id: number, to?: string): Promise<Sent> {
    const letter = letters.get(id);
    if (letter === undefined) return "gone";
    if (underWay.has(id)) return "waiting";
    let event: Event;
    try {
      event = eventOfLetter(letter, options.normalise);
    } catch {
      return "refused";
    }
    underWay.add(id);
    try {
      const sending = options.redeliver(to ?? letter.receiver, event);
      if (sending === undefined) return "no-receiver";
      const error = await sending;
      if (error === undefined) {
        letters.remove(id);
        return "delivered";
      }
      // The receiver ends before it got to it.
      if (REASONS[error.reason] === "retry") return "waiting";
      const { reason, message } = error;
      letters.update(id, { reason, message, at: now(), attempts: letter.attempts + 1 });
      return "refused";
    } catch (error) {
      options.logger.error("a dead letter was sent, and the record of it failed", {
        id,
        error: error instanceof Error ? error.message : String(error),
      });
      return "waiting";
    } finally {
      underWay.delete(id);
    }
  }

  return {
    letters,
    take(refused, config, logger) {
      const id = keep(refused, logger);
      const { eventId, reason, message } = refused;
      logger.error("an event is refused for good", { event: eventId, reason, error: message, deadLetter: id });
      if (config?.file !== undefined) write(config.file, { ...refused, id: id ?? 0 });
      if (config?.receiver === undefined || id === undefined) return;
      if (underWay.size < MAX_UNDER_WAY) void send(id, config.receiver);
      else logger.warn("too many dead letters are on their way, this one is kept", { to: config.receiver });
    },
    send,
    get underWay() {
      return underWay.size;
    },
    async stop() {
      await Promise.all([...files.values()].map((file) => file.stop()));
    },
  };
}
