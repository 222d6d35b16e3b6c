/** The way of an event through one Petrel: gates, log, cursors, receivers. Wiring, and nothing but wiring. */
import type { Event } from "../event.ts";
import type { ClusterId } from "../kube/cluster-id.ts";
import { withObjectMetadata } from "../normalise.ts";
import { type Burial, createAssembly } from "./assembly.ts";
import { createDeadLetterOffice, type DeadLetterOffice } from "./dead-letter-office.ts";
import { createDeadLetters, MEMORY_LIMITS, refusedEvent } from "./dead-letters.ts";
import { createEntrance, type Entrance } from "./entrance.ts";
import { createHoles } from "./holes.ts";
import type { Keeper } from "./keeper.ts";
import { createLog } from "./log.ts";
import { createLookups, type Found } from "./lookups.ts";
import type { PipelineOptions, Replacement } from "./pipeline-options.ts";
import { createPlaces } from "./places.ts";
import type { Checkpoint, Position } from "./positions.ts";
import { parseEntry } from "./posting.ts";
import { createPressure } from "./pressure.ts";
import type { Receiver, ReceiverStatus } from "./receiver.ts";
import { createRecipients } from "./recipients.ts";
import type { Replacing } from "./replacing.ts";
import type { Slot } from "./slot.ts";
import { createStores } from "./store.ts";
import { startSummaries, type Telling } from "./summaries.ts";

export interface PipelineStatus {
  readonly events: number;
  readonly bytes: number;
  readonly deadLetters: { readonly count: number; readonly bytes: number };
  readonly receivers: readonly (ReceiverStatus & {
    /** By watch key; absent before the first event of that watch. */
    readonly positions: Readonly<Record<string, Position>>;
  })[];
}

export interface Pipeline extends Pick<Entrance, "receive" | "post" | "fits" | "prepare"> {
  /** What receivers refused for good. */
  readonly deadLetters: DeadLetterOffice;
  /** Where receivers stood when another petrel, or this one before, stopped. Before anything is received. */
  restore(checkpoint: Checkpoint): void;
  /** The index of a watch, by its key: what it asks for. */
  watch(key: string): number;
  /** The resourceVersion that this watch goes on from; undefined: nothing is known, it begins anew. */
  resumeAt(watch: number): number | undefined;
  /** Everything of this watch up to here has come in. */
  reached(watch: number, version: number): void;
  /** The API server of this watch has another history now: positions in the old one mean nothing. */
  forgetPositions(watch: number): void;
  forgetAllPositions(): void;
  /** Resolves when everything that came in so far is on disk, or done with; false when the disk does not take it. Without a journal true. */
  committed(): Promise<boolean>;
  /** How far all receivers have come. */
  checkpoint(cluster: ClusterId): Checkpoint;
  /** A promise while receivers that take events are so far behind that a source which can wait should. */
  room(signal: AbortSignal): Promise<void> | undefined;
  status(): PipelineStatus;
  /** Longest overdue attempt in milliseconds, with its receiver; undefined when nothing is stuck. */
  stuck(): { readonly receiver: string; readonly ms: number } | undefined;
  /** Delivers nothing until {@link resume}; what is under way is aborted, and delivered again then. */
  pause(): void;
  resume(): void;
  /** Receivers that are refused by their destination try again now: a secret may be another. */
  probe(): void;
  /** Forgets what waits, and all positions: another petrel goes on from the checkpoint. Only while paused. */
  abandon(): void;
  /**
   * Goes on by another config: what waits is routed anew, receivers whose settings are the same keep their place and
   * their connections, changed ones their place. One that is gone has `shutdownTimeout` to deliver what waits for it.
   * Rejects, having changed nothing, when a receiver cannot be made.
   */
  replace(by: Replacement): Promise<void>;
  /**
   * Resolves true when everything taken was acknowledged, false when the signal came first, or, if what is left is
   * `kept` (default: it is not), when only destinations that are down have not taken it.
   */
  drain(signal: AbortSignal, kept?: boolean): Promise<boolean>;
  /**
   * Ends receivers, and returns what they did not deliver. `kept`: the next start finds it again; else it is counted as
   * dropped by `shutdown`. Default: whether there is a journal. Without one, what was posted is lost in any case.
   */
  stop(kept?: boolean): Promise<readonly Ended[]>;
}

/** How a receiver ended. */
export interface Ended {
  readonly name: string;
  /** Events that it did not deliver, and those of them that nobody will tell again. */
  readonly left: number;
  readonly lost: number;
  readonly lastError: string | undefined;
}

const HOUSEKEEPING_MS = 10_000;
/** Of a checkpoint, which a Lease has room for beside the positions: UTF-16 units. */
const MAX_REMEMBERED = 48 * 1024;
const NO_LIMITS = { maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY };

export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { logger, meters, journal } = options;
  const stores = createStores((receiver, key, json) => keeper?.remember(receiver, key, json));
  const office = createDeadLetterOffice({
    letters: options.deadLetters ?? createDeadLetters({ ...MEMORY_LIMITS, forgotten: meters.forgotten }),
    logger,
    meters,
    normalise: options.config,
    redeliver: (name, event) => slots.find((slot) => slot.name === name)?.receiver.redeliver(event),
    now: options.now,
  });
  let slots: readonly Slot[] = [];
  /** Removed by a reload, with something still to deliver. */
  let leaving: () => Iterable<Slot> = () => [];
  let receivers: readonly Receiver[] = [];
  const listReceivers = (): void => {
    receivers = [...slots, ...leaving()].map((slot) => slot.receiver);
  };

  const places = createPlaces(
    () => log,
    () => slots,
  );
  let config = options.config;
  const parse = (bytes: Uint8Array): Event => parseEntry(textOf(bytes), config);
  const holes = createHoles();
  function evict(seq: number): void {
    lookups.forget(seq);
    if (log.gone(seq)) return;
    if (keeper && seq >= keeper.written) holes.add(seq);
    for (const receiver of receivers) receiver.evicted(seq);
  }

  // Loaded only when it is used, as is what a reload needs.
  const { createKeeper } = journal ? await import("./keeper.ts") : {};
  const keeper: Keeper | undefined =
    journal &&
    createKeeper?.({
      journal,
      log: () => log,
      receivers: () => receivers,
      watchKeys: places.keys,
      reached: places.reached,
      watchOf: places.watchOf,
      parse(bytes, found) {
        const event = parse(bytes);
        return found === undefined ? event : withObjectMetadata(event, JSON.parse(found) as Found);
      },
      evict,
      limits: () => config.state ?? NO_LIMITS,
      fsync: config.state?.fsync ?? "group",
    });
  const log = createLog({
    events: config.buffer.events,
    bytes: config.buffer.bytes,
    parse,
    evict,
    first: journal?.next ?? 0,
    disk: keeper,
  });
  const lookups = createLookups({
    log,
    lookup: options.lookup,
    found: (seq, found) => keeper?.found(seq, JSON.stringify(found)),
    ended() {
      for (const receiver of receivers) receiver.wake();
    },
  });
  const recipients = createRecipients({ log, lookups, places });
  const pressure = createPressure({
    fill: () =>
      keeper && journal?.trouble === undefined
        ? keeper.fill()
        : Math.max((log.head - log.inMemory) / config.buffer.events, log.bytes / config.buffer.bytes),
    held: () => log.head - log.tail,
    receivers: () => receivers,
    logger,
    now: options.now,
  });

  function acknowledged(): void {
    let low = log.head;
    for (const receiver of receivers) low = Math.min(low, receiver.low());
    if (low > log.inMemory) log.trim(low);
    holes.forgetBelow(low);
    keeper?.changed();
    pressure.relieved(low === log.head);
  }

  const entrance = createEntrance(options, {
    config: () => config,
    current: () => current,
    parse,
    log,
    lookups,
    places,
    recipients,
    keeper,
    entered() {
      keeper?.changed();
      for (const receiver of receivers) receiver.wake();
    },
  });

  function bury(slot: Slot, event: Event, raw: Uint8Array, why: Burial): void {
    const { name, settings, generation } = slot;
    const letter = { receiver: name, at: options.now(), ...why, ...refusedEvent(event, raw) };
    office.take(letter, settings.deadLetter ?? generation.config.deadLetter, logger.with({ receiver: name }));
  }

  function tellersOf(): Telling[] {
    const { gate } = current;
    const own = slots.flatMap((slot) =>
      slot.gate
        ? [{ gate: slot.gate, scope: slot.name, announce: (input: object) => entrance.announce({ ...input }, slot) }]
        : [],
    );
    return gate ? [{ gate, scope: "", announce: (input) => entrance.announce(input) }, ...own] : own;
  }

  stores.restore(journal?.restored.remembered ?? {});

  // A new pipeline -----------------------------------------------------------------------------------------------

  const assembly = createAssembly(options, {
    log,
    lookups,
    places,
    recipients,
    stores,
    pushedOut: holes.has,
    acknowledged,
    bury,
  });
  let current = await assembly.generationOf(options);
  const opened: Slot[] = [];
  for (const [index, settings] of config.receivers.entries()) {
    const sink = await assembly.openSink(settings, options, current);
    opened.push(assembly.slotOf(settings, index, current, sink, options, keeper?.restored(settings.name)));
  }
  slots = opened;
  listReceivers();
  for (const [key, version] of journal?.restored.reached ?? []) {
    if (key === "") continue;
    const watch = places.watchOf(key);
    places.reach(watch, version);
    // Which of the entries are its own, nobody has looked at: it may be the last.
    if (log.tail < log.head) places.came(watch, log.head - 1);
  }
  for (const { name } of journal?.restored.progress ?? []) {
    if (!slots.some((slot) => slot.name === name)) keeper?.forget(name);
  }
  for (const receiver of receivers) receiver.wake();

  let summaries = startSummaries(tellersOf(), options.now);
  const refreshTellers = (): void => {
    recipients.changed(slots);
    summaries.stop();
    summaries = startSummaries(tellersOf(), options.now);
  };
  refreshTellers();
  const housekeeping = setInterval(() => {
    log.shrink();
    keeper?.housekeep(options.now());
  }, HOUSEKEEPING_MS);

  let replacing: Replacing | undefined;
  async function openReplacing(): Promise<Replacing> {
    const { createReplacing } = await import("./replacing.ts");
    replacing ??= createReplacing({
      log,
      logger,
      pressure,
      slots: () => slots,
      install(next, generation) {
        summaries.flush();
        slots = next;
        current = generation;
        config = generation.config;
        log.resize(config.buffer);
      },
      changed() {
        listReceivers();
        refreshTellers();
        for (const receiver of receivers) receiver.wake();
        acknowledged();
      },
      ...assembly,
      bury(slot, seq) {
        if (seq >= slot.end || seq < log.tail || log.gone(seq) || recipients.copies(slot, seq) === 0) return 0;
        const why = { reason: "removed", message: "the receiver is gone from the config", attempts: 0 } as const;
        bury(slot, log.event(seq), log.raw(seq).slice(), why);
        return 1;
      },
      forget(receiver) {
        keeper?.forget(receiver);
        options.metrics?.forget({ receiver });
        stores.forget(receiver);
      },
    });
    leaving = replacing.leaving;
    return replacing;
  }

  return {
    deadLetters: office,
    restore({ receivers: positions, remembered }) {
      stores.restore(remembered);
      places.restore(positions, (receiver) => keeper?.restored(receiver) !== undefined);
      for (const receiver of receivers) receiver.wake();
    },
    watch: places.watchOf,
    resumeAt: places.resumeAt,
    receive: entrance.receive,
    post: entrance.post,
    fits: entrance.fits,
    prepare: entrance.prepare,
    reached(watch, version) {
      if (places.reach(watch, version)) keeper?.changed();
    },
    forgetPositions(watch) {
      places.forget(watch);
      keeper?.changed();
    },
    forgetAllPositions() {
      for (const watch of places.keys.keys()) places.forget(watch);
      keeper?.changed();
    },
    committed: () => keeper?.committed(log.head) ?? Promise.resolve(true),
    checkpoint: (cluster) => ({
      cluster,
      receivers: new Map(slots.map((slot) => [slot.name, places.of(slot)])),
      remembered: stores.remembered(MAX_REMEMBERED),
    }),
    room: pressure.room,
    status: () => ({
      events: log.head - log.tail,
      bytes: log.bytes,
      deadLetters: { count: office.letters.count, bytes: office.letters.bytes },
      receivers: slots.map((slot) => ({
        ...slot.receiver.status(),
        get positions() {
          return Object.fromEntries(places.of(slot));
        },
      })),
    }),
    stuck() {
      const now = options.now();
      for (const receiver of receivers) {
        const ms = receiver.stuck(now);
        if (ms > 0) return { receiver: receiver.name, ms };
      }
      return undefined;
    },
    pause() {
      for (const receiver of receivers) receiver.pause();
    },
    resume() {
      for (const receiver of receivers) receiver.resume();
    },
    probe() {
      for (const receiver of receivers) receiver.probe();
    },
    abandon() {
      // A watch tells the next leader what is dropped here; what was posted to this one is lost.
      for (const slot of slots) slot.receiver.abandon(recipients.posted(slot));
      for (const { receiver } of leaving()) receiver.abandon();
      places.clear();
      holes.clear();
      lookups.clear();
      entrance.forget();
      log.trim(log.head);
      keeper?.commit();
    },
    replace: async (by) => (replacing ?? (await openReplacing())).replace(by),
    async drain(signal, kept = false) {
      summaries.flush();
      // Nobody waits for a destination that is down when what is for it is not lost, as what was posted is without a disk.
      const patient = !kept || (!keeper && slots.some((slot) => recipients.posted(slot) > 0));
      const done = (): boolean =>
        receivers.every((receiver) => receiver.low() === log.head || (!patient && receiver.status().state !== "up"));
      for (const receiver of receivers) receiver.hurry();
      await pressure.until(done, signal);
      return receivers.every((receiver) => receiver.low() === log.head);
    },
    async stop(kept = keeper !== undefined) {
      clearInterval(housekeeping);
      summaries.stop();
      recipients.stop();
      keeper?.commit();
      const ended = await Promise.all(
        receivers.map(async (receiver) => {
          const { name, lastError } = receiver.status();
          const left = await receiver.stop(kept);
          if (!kept || keeper) return { name, left, lost: kept ? 0 : left, lastError };
          const slot = slots.find((one) => one.receiver === receiver);
          const lost = slot ? recipients.posted(slot) : 0;
          if (slot) meters.receiver(name, slot.settings.sink).dropped.shutdown.value += lost;
          return { name, left, lost, lastError };
        }),
      );
      await office.stop();
      keeper?.close();
      return ended;
    },
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
