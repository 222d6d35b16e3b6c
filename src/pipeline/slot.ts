/** What a pipeline knows of each receiver, and of the config that it goes by. */
import type { Config, ReceiverConfig } from "../config/types.ts";
import { formOf } from "../form.ts";
import type { friendlyFor } from "../friendly/load.ts";
import type { SinkDefinition } from "../sink.ts";
import type { Enrichment } from "./enrichment.ts";
import type { Gate } from "./gates.ts";
import type { Position } from "./positions.ts";
import type { Receiver } from "./receiver.ts";
import type { ReceiverSettings } from "./receiver-host.ts";
import type { Routing } from "./routing.ts";

/** One config's way of routing. */
export interface Generation {
  readonly config: Config;
  readonly compat: boolean;
  readonly friendly: Awaited<ReturnType<typeof friendlyFor>>;
  readonly routing: Routing;
  readonly enrichment: Enrichment;
  /** Before the log. */
  readonly gate: Gate | undefined;
}

/** One receiver of the config, whatever carries it out: a reload may change both ends. */
export interface Slot {
  readonly name: string;
  settings: ReceiverConfig;
  /** Equal: a reload need not touch it. */
  key: string;
  generation: Generation;
  /** In the generation's order. */
  index: number;
  receiver: Receiver;
  gate: Gate | undefined;
  /** Entries from here on are not for it: it was removed. */
  end: number;
  /** What was done before this process began, by watch. */
  readonly before: Map<number, Position>;
}

const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** The config's wishes, within what the destination takes. */
export function receiverSettings(
  config: ReceiverConfig,
  definition: SinkDefinition,
  compat: boolean,
): ReceiverSettings {
  const { mode } = formOf(config, definition);
  const limits = definition.limits?.(config.config as never, compat, mode) ?? definition.batch;
  const { batch, rateLimit: { eventsPerSecond = 0, bytesPerSecond = 0 } = {} } = config;
  const mostBytes = limits.bytes ?? MAX_BATCH_BYTES;
  return {
    name: config.name,
    batch: {
      count: Math.min(batch?.count ?? limits.count, limits.count),
      // A thin link is not to be filled for longer than a second at a time.
      bytes: Math.min(batch?.bytes ?? (bytesPerSecond || mostBytes), mostBytes),
      lingerMs: batch?.lingerMs ?? limits.lingerMs ?? 0,
    },
    concurrency: config.concurrency ?? definition.concurrency ?? 1,
    partial: definition.partial ?? false,
    timeoutMs: config.timeoutMs,
    retry: config.retry,
    eventsPerSecond,
    bytesPerSecond,
    maxAgeMs: config.maxAgeMs ?? 0,
  };
}
