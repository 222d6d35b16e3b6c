/** Another config for a pipeline that runs: built whole, and only then in place of the one before. */
import { receiverKey } from "../config/difference.ts";
import type { Config, ReceiverConfig } from "../config/types.ts";
import type { Logger } from "../logger.ts";
import type { Sink } from "../sink.ts";
import type { Progress } from "./cursor.ts";
import type { EventLog } from "./log.ts";
import type { Replacement } from "./pipeline-options.ts";
import type { Pressure } from "./pressure.ts";
import type { Receiver } from "./receiver.ts";
import type { Generation, Slot } from "./slot.ts";

/** What the pipeline lends. */
export interface ReplacingHost {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly pressure: Pressure;
  slots(): readonly Slot[];
  /** Puts other slots, and another generation, in place. */
  install(slots: readonly Slot[], generation: Generation): void;
  /** Receivers are others than before. */
  changed(): void;
  generationOf(by: Replacement): Promise<Generation>;
  openSink(settings: ReceiverConfig, by: Replacement, generation: Generation): Promise<Sink>;
  slotOf(settings: ReceiverConfig, index: number, generation: Generation, sink: Sink, by: Replacement): Slot;
  receiverOf(slot: Slot, sink: Sink, by: Replacement, start: Progress): Receiver;
  /** Makes a dead letter of an entry that waits for this receiver; returns how many. */
  bury(slot: Slot, seq: number): number;
  /** A receiver is gone for good. */
  forget(receiver: string): void;
}

export interface Replacing {
  /** One after the other. Rejects, having changed nothing, when a receiver cannot be made. */
  replace(by: Replacement): Promise<void>;
  /** Receivers that were removed, and still have something to deliver. */
  leaving(): Iterable<Slot>;
}

interface Leave {
  readonly hasten: AbortController;
  readonly gone: Promise<void>;
}

export function createReplacing(host: ReplacingHost): Replacing {
  const { log, logger, pressure } = host;
  const leaving = new Map<Slot, Leave>();
  let turn: Promise<unknown> = Promise.resolve();

  async function replace(by: Replacement): Promise<void> {
    const before = host.slots();
    const known = new Map(before.map((slot) => [slot.name, slot]));
    const generation = await host.generationOf(by);
    const sinks = await openSinks(by, generation, known);
    // A name that comes back is another receiver.
    for (const [slot, { hasten, gone }] of leaving) {
      if (!sinks.has(slot.name)) continue;
      hasten.abort();
      await gone;
    }
    const changing: (readonly [Slot, ReceiverConfig, Sink])[] = [];
    const slots = by.config.receivers.map((settings, index) => {
      const slot = known.get(settings.name);
      const sink = sinks.get(settings.name);
      if (!slot) return host.slotOf(settings, index, generation, sink as Sink, by);
      slot.generation = generation;
      slot.index = index;
      if (sink) changing.push([slot, settings, sink]);
      return slot;
    });
    host.install(slots, generation);
    for (const slot of before) if (!slots.includes(slot)) leave(slot, by.config);
    host.changed();
    // Each changed one goes on where it was, as soon as what is under way has ended; the others do not wait for that.
    await Promise.all(
      changing.map(async ([slot, settings, sink]) => {
        const progress = await slot.receiver.retire();
        slot.settings = settings;
        slot.key = receiverKey(settings, by.config);
        slot.receiver = host.receiverOf(slot, sink, by, progress);
        host.changed();
      }),
    );
  }

  /** Of the receivers that are new, or others than before. */
  async function openSinks(by: Replacement, generation: Generation, known: ReadonlyMap<string, Slot>) {
    const sinks = new Map<string, Sink>();
    try {
      for (const settings of by.config.receivers) {
        if (known.get(settings.name)?.key === receiverKey(settings, by.config)) continue;
        sinks.set(settings.name, await host.openSink(settings, by, generation));
      }
    } catch (error) {
      await Promise.allSettled([...sinks.values()].map((sink) => sink[Symbol.asyncDispose]?.()));
      throw error;
    }
    return sinks;
  }

  /** A removed receiver delivers what was there before; what it does not deliver in time goes to the dead letters. */
  function leave(slot: Slot, { shutdownTimeoutMs }: Config): void {
    slot.end = log.head;
    const hasten = new AbortController();
    const deadline = AbortSignal.any([hasten.signal, AbortSignal.timeout(shutdownTimeoutMs)]);
    slot.receiver.hurry();
    const gone = pressure
      .until(() => slot.receiver.low() >= slot.end, deadline)
      .then(() => slot.receiver.retire())
      .then(({ cursor, open }) => {
        let deadLetters = 0;
        for (const seq of open) deadLetters += host.bury(slot, seq);
        for (let seq = cursor; seq < slot.end; seq++) deadLetters += host.bury(slot, seq);
        leaving.delete(slot);
        host.forget(slot.name);
        host.changed();
        const receiver = slot.name;
        if (deadLetters === 0) logger.info("a receiver is gone from the config, nothing waited for it", { receiver });
        else {
          const what = "a receiver is gone from the config; what waited for it is a dead letter now";
          logger.warn(what, { receiver, deadLetters });
        }
      });
    leaving.set(slot, { hasten, gone });
  }

  return {
    replace(by) {
      const next = turn.then(() => replace(by));
      turn = next.catch(() => {});
      return next;
    },
    leaving: () => leaving.keys(),
  };
}
