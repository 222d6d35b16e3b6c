/** What a pipeline is made from. */
import type { Config } from "../config/types.ts";
import type { Journal } from "../journal/journal.ts";
import type { DiscardReason } from "../kube/intake.ts";
import type { Change } from "../kube/watch.ts";
import type { Logger } from "../logger.ts";
import type { Cell, Metrics } from "../metrics.ts";
import type { CompileTemplate } from "../payload.ts";
import type { SinkDefinition } from "../sink.ts";
import type { DeadLetterMeters } from "./dead-letter-office.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Lookup } from "./lookups.ts";
import type { ReceiverMeters } from "./receiver-host.ts";

export interface PipelineMeters extends DeadLetterMeters {
  readonly received: Readonly<Record<Change, Cell>>;
  readonly discarded: Readonly<Record<DiscardReason, Cell>>;
  /** Events of Petrel's own. */
  readonly own: Cell;
  /** Events that no watch told. */
  readonly posted: Cell;
  /** Events that no rule sent anywhere. */
  readonly unmatched: Cell;
  receiver(name: string, sink: string): ReceiverMeters;
  /** The receiver's {@link ReceiverMeters.sent}, before there is a receiver. */
  sent(receiver: string, sink: string): Cell;
}

export interface PipelineOptions {
  readonly config: Config;
  readonly sinks: ReadonlyMap<string, SinkDefinition>;
  readonly compileTemplate: CompileTemplate;
  readonly logger: Logger;
  readonly meters: PipelineMeters;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly lookup: Lookup;
  /** Where sinks show series of their own. Default: nowhere. */
  readonly metrics?: Metrics | undefined;
  /** Takes what receivers refuse for good. Default: the newest, in memory. */
  readonly deadLetters?: DeadLetters | undefined;
  /** Keeps on disk what waits. Default: memory alone. */
  readonly journal?: Journal | undefined;
  /** False: nothing may be delivered at this moment. Default: always true. */
  readonly leads?: (() => boolean) | undefined;
  /** Milliseconds since 1970, steady. */
  now(): number;
  /** 0 <= x < 1. */
  random(): number;
}

/** What a reload brings. */
export type Replacement = Pick<PipelineOptions, "config" | "sinks" | "compileTemplate">;
