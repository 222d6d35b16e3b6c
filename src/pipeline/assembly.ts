/** From a config to what carries it out: its way of routing, and for each receiver a sink, a gate and a cursor. */
import { receiverKey } from "../config/difference.ts";
import type { ReceiverConfig } from "../config/types.ts";
import type { Event } from "../event.ts";
import { formOf } from "../form.ts";
import { friendlyFor } from "../friendly/load.ts";
import type { Sink, SinkDefinition } from "../sink.ts";
import { createSinkContext } from "./context.ts";
import type { Progress } from "./cursor.ts";
import { planEnrichment } from "./enrichment.ts";
import { createGate } from "./gates.ts";
import type { EventLog } from "./log.ts";
import type { Lookups } from "./lookups.ts";
import type { PipelineOptions, Replacement } from "./pipeline-options.ts";
import type { Places } from "./places.ts";
import { isPosted } from "./posting.ts";
import { createReceiver, type Receiver } from "./receiver.ts";
import type { HeldReason, ReceiverHost } from "./receiver-host.ts";
import type { Recipients } from "./recipients.ts";
import { compileRoute } from "./route.ts";
import { createRouting } from "./routing.ts";
import { type Generation, receiverSettings, type Slot } from "./slot.ts";
import type { Stores } from "./store.ts";
import { createUpdatesGate } from "./updates.ts";

/** Why an event is a dead letter. */
export interface Burial {
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
}

/** What the pipeline lends. */
export interface AssemblyHost {
  readonly log: EventLog;
  readonly lookups: Lookups;
  readonly places: Places;
  readonly recipients: Recipients;
  readonly stores: Stores;
  /** As a receiver's. */
  pushedOut(seq: number): boolean;
  acknowledged(): void;
  /** Makes a dead letter of an event; `raw`: as the log holds it. */
  bury(slot: Slot, event: Event, raw: Uint8Array, why: Burial): void;
}

export interface Assembly {
  generationOf(by: Replacement): Promise<Generation>;
  openSink(settings: ReceiverConfig, by: Replacement, generation: Generation): Promise<Sink>;
  /** `start`: default at the log's head. */
  slotOf(
    settings: ReceiverConfig,
    index: number,
    generation: Generation,
    sink: Sink,
    by: Replacement,
    start?: Progress,
  ): Slot;
  receiverOf(slot: Slot, sink: Sink, by: Replacement, start: Progress | undefined): Receiver;
}

/** Until a receiver asks again whether it is known what is superseded. */
const LOOK_AGAIN_MS = 10;

export function createAssembly(options: PipelineOptions, host: AssemblyHost): Assembly {
  const { logger, meters } = options;
  const { log, lookups, places, recipients } = host;

  async function generationOf(by: Replacement): Promise<Generation> {
    const compat = by.config.compat === "exporter";
    const names = by.config.receivers.map((receiver) => receiver.name);
    const friendly = await friendlyFor(by.config);
    const router = compileRoute(by.config.route, names, { compat, eventType: friendly?.type });
    return {
      config: by.config,
      compat,
      friendly,
      routing: createRouting({ router, log, logger, unmatched: meters.unmatched, remembered: by.config.buffer.events }),
      enrichment: planEnrichment(by.config, (sink) => by.sinks.get(sink)?.wholeEvent ?? true),
      gate: createGate(by.config),
    };
  }

  async function openSink(settings: ReceiverConfig, by: Replacement, { compat, friendly }: Generation): Promise<Sink> {
    const definition = definitionOf(settings, by);
    const context = createSinkContext({
      receiver: settings.name,
      logger: logger.with({ receiver: settings.name }),
      compat,
      language: settings.language,
      form: formOf(settings, definition),
      friendly: friendly?.data,
      compileTemplate: by.compileTemplate,
      env: options.env,
      store: host.stores.of(settings.name),
      metrics: options.metrics,
      sent: meters.sent(settings.name, settings.sink),
    });
    return await definition.create(settings.config as never, context);
  }

  function definitionOf(settings: ReceiverConfig, by: Replacement): SinkDefinition {
    const definition = by.sinks.get(settings.sink);
    if (!definition) throw new Error(`no sink is called ${settings.sink}`);
    return definition;
  }

  function receiverOf(slot: Slot, sink: Sink, by: Replacement, start: Progress | undefined): Receiver {
    const { settings } = slot;
    const scoped = logger.with({ receiver: settings.name });
    const lent: ReceiverHost = {
      log,
      logger: scoped,
      meters: meters.receiver(settings.name, settings.sink),
      copies: (seq) => recipients.copies(slot, seq),
      superseded: settings.updates === "latest" ? (seq) => recipients.superseded(slot, seq) : undefined,
      waits(seq, now) {
        if (recipients.looking && settings.updates === "latest") return LOOK_AGAIN_MS;
        return isPosted(places.keys, log.watch(seq)) ? 0 : lookups.waits(seq, slot.generation, slot.index, now);
      },
      leads: options.leads,
      pushedOut: host.pushedOut,
      acknowledged: host.acknowledged,
      delivered(events) {
        if (slot.generation.config.logDeliveries) for (const event of events) scoped.info("delivered", shown(event));
      },
      deadLetter(event, reason, message, attempts, seq) {
        const there = seq >= log.tail && seq < log.head && !log.gone(seq);
        // An entry on its way may have been pushed out of the log: then what the receiver was given.
        const raw = there ? log.raw(seq).slice() : Buffer.from(JSON.stringify(event));
        host.bury(slot, event, raw, { reason, message, attempts });
      },
      now: options.now,
      random: options.random,
    };
    const definition = definitionOf(settings, by);
    const gate = createGate(settings);
    slot.gate = gate;
    const updates = createUpdatesGate(settings.updates ?? definition.updates);
    const holds = (event: Event, now: number, seq: number): HeldReason | undefined =>
      places.isOwn(log.watch(seq)) ? undefined : updates?.(event, now) ? "updates" : gate?.holds(event, now);
    return createReceiver(
      {
        ...receiverSettings(settings, definition, slot.generation.compat),
        holds: updates || gate ? holds : undefined,
      },
      sink,
      lent,
      start,
    );
  }

  function slotOf(
    settings: ReceiverConfig,
    index: number,
    of: Generation,
    sink: Sink,
    by: Replacement,
    start?: Progress,
  ): Slot {
    const slot: Slot = {
      name: settings.name,
      settings,
      key: receiverKey(settings, by.config),
      generation: of,
      index,
      end: Number.POSITIVE_INFINITY,
      before: new Map(),
      gate: undefined,
      receiver: undefined as never,
    };
    slot.receiver = receiverOf(slot, sink, by, start);
    return slot;
  }

  return { generationOf, openSink, slotOf, receiverOf };
}

/** An event in a line of the log. */
function shown({ id, reason, type, metadata, involvedObject }: Event) {
  const { kind, name } = involvedObject;
  return { event: id, type, reason, namespace: metadata.namespace, object: `${kind ?? ""}/${name ?? ""}` };
}
