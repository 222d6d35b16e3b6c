/** One sink, made for a destination, as the clauses of the contract get it. */

import { fields } from "../src/config/fields.ts";
import type { Event } from "../src/event.ts";
import { formOf } from "../src/form.ts";
import type { Metrics } from "../src/metrics.ts";
import { createSinkContext } from "../src/pipeline/context.ts";
import type { Batch, Sink, SinkDefinition } from "../src/sink.ts";
import { anEvent, compileSimple, type Destination, type Fixture, recordingLogger } from "./contract.ts";

export interface Subject {
  readonly definition: SinkDefinition;
  readonly fixture: Fixture;
  readonly to: Destination;
  readonly config: Readonly<Record<string, unknown>>;
  readonly sink: Sink;
  /** What the sink has logged so far. */
  readonly logs: readonly string[];
  /** The JSON in what came. */
  readonly json: (text: string) => string;
}

export type Clauses<Name extends string> = Readonly<Record<Name, (subject: Subject) => Promise<void>>>;

/** A sink that logs where it can be seen. */
export function makeSink(
  definition: SinkDefinition,
  config: unknown,
  metrics?: Metrics,
): { sink: Promise<Sink>; logs: string[] } {
  const { logger, lines } = recordingLogger();
  const context = createSinkContext({
    receiver: "contract",
    logger,
    compat: false,
    compileTemplate: compileSimple,
    env: {},
    metrics,
    form: formOf({}, definition),
  });
  const parsed = definition.config(fields).parse(config);
  return { sink: Promise.try(() => definition.create(parsed, context)), logs: lines };
}

export async function dispose(sink: Sink): Promise<void> {
  await sink[Symbol.asyncDispose]?.();
}

export const soon = (ms = 2_000): AbortSignal => AbortSignal.timeout(ms);

export const batchOf = (events: readonly Event[]): Batch => events as unknown as Batch;

export const numbered = (index: number): Event => anEvent({ id: `uid.${index}`, message: `event ${index}` });

/** What one delivery may hold, by the definition and these settings. */
export function limitsOf({ definition, config }: Pick<Subject, "definition" | "config">) {
  const { mode } = formOf({}, definition);
  return definition.limits?.(definition.config(fields).parse(config), false, mode) ?? definition.batch;
}
