/** What of the bytes of a watch, or of a list, is an event that the config selects; what is not is counted and said. */
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import type { Cell } from "../metrics.ts";
import { NotAnEvent, normalise } from "../normalise.ts";
import { GATE_REASONS, identityOf } from "../pipeline/gates.ts";

/** Why something that came was not taken. Closed: a metric label. */
export const DISCARD_REASONS = [
  "age",
  "repeated",
  "namespace",
  "modified",
  "malformed",
  "too_long",
  ...GATE_REASONS,
] as const;
export type DiscardReason = (typeof DISCARD_REASONS)[number];

export interface IntakeSettings {
  readonly clusterName: string;
  readonly clusterEnvironment: string;
  readonly excludeNamespaces: readonly string[];
}

export interface IntakeHost {
  readonly logger: Logger;
  readonly meters: { readonly errors: Cell; readonly discarded: Readonly<Record<DiscardReason, Cell>> };
}

export interface Intake {
  /** Throws for what is no JSON, and NotAnEvent. */
  parse(bytes: Uint8Array): Event;
  /** Selected by the config; moves nothing. */
  wanted(event: Event): boolean;
  /** `what`: `a line`, `a listed item`. */
  malformed(what: string, error: unknown): void;
  tooLong(): void;
}

export type Json = Readonly<Record<string, unknown>>;

/** Bytes of one line, or item, at most. */
export const MAX_LINE = 16 * 1024 * 1024;

/** `watch`: its name, for logs. */
export function createIntake(watch: string, settings: IntakeSettings, { logger, meters }: IntakeHost): Intake {
  const excluded = new Set(settings.excludeNamespaces);
  return {
    parse: (bytes) => normalise(JSON.parse(textOf(bytes)), settings),
    wanted(event) {
      if (excluded.size > 0 && excluded.has(event.metadata.namespace ?? "")) {
        meters.discarded.namespace.value++;
        return false;
      }
      return true;
    },
    malformed(what, error) {
      meters.discarded.malformed.value++;
      meters.errors.value++;
      logger.error(`the API server sent ${what} that is no event, skipped`, {
        watch,
        error: error instanceof NotAnEvent ? error.message : "not JSON",
      });
    },
    tooLong() {
      meters.discarded.too_long.value++;
      meters.errors.value++;
      logger.error("the API server sent an event of more than 16 MiB, skipped", { watch });
    },
  };
}

/** Without a version it is not the uid that tells one state from another. */
export function identityFor(event: Event, version: number): number {
  return identityOf(Number.isNaN(version) ? event.id : (event.metadata.uid ?? event.id));
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** Bun's fetch errors carry the URL in other fields; the message alone is fit for a log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
