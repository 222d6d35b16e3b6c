/** The way of an event through one Petrel: gates, log, cursors, receivers. Wiring, and nothing but wiring. */
import { receiverKey } from "../config/difference.ts";
import type { Config, ReceiverConfig } from "../config/types.ts";
import type { Event } from "../event.ts";
import { formOf } from "../form.ts";
import { friendlyFor } from "../friendly/load.ts";
import type { Journal } from "../journal/journal.ts";
import type { ClusterId } from "../kube/cluster-id.ts";
import type { DiscardReason } from "../kube/intake.ts";
import type { Change } from "../kube/watch.ts";
import type { Logger } from "../logger.ts";
import { tookIn } from "../memory.ts";
import type { Cell, Metrics } from "../metrics.ts";
import { exporterSeenMs, withObjectMetadata } from "../normalise.ts";
import type { CompileTemplate } from "../payload.ts";
import type { Sink, SinkDefinition } from "../sink.ts";
import { createSinkContext } from "./context.ts";
import type { Progress } from "./cursor.ts";
import { createDeadLetterOffice, type DeadLetterMeters, type DeadLetterOffice } from "./dead-letter-office.ts";
import { createDeadLetters, type DeadLetters, MEMORY_LIMITS, refusedEvent } from "./dead-letters.ts";
import { planEnrichment } from "./enrichment.ts";
import { createGate, createSeen, identityOf } from "./gates.ts";
import type { Keeper } from "./keeper.ts";
import { createLog, type Entry, OWN_WATCH } from "./log.ts";
import { createLookups, type Found, type Lookup } from "./lookups.ts";
import { createPlaces } from "./places.ts";
import type { Checkpoint, Position } from "./positions.ts";
import { createPosting, isPosted, type Posted, type Prepared, parseEntry } from "./posting.ts";
import { createPressure } from "./pressure.ts";
import { createReceiver, type Receiver, type ReceiverStatus } from "./receiver.ts";
import type { HeldReason, ReceiverHost, ReceiverMeters } from "./receiver-host.ts";
import type { Replacing } from "./replacing.ts";
import { compileRoute } from "./route.ts";
import { createRouting } from "./routing.ts";
import { type Generation, receiverSettings, type Slot } from "./slot.ts";
import { createStores } from "./store.ts";
import { startSummaries, type Telling } from "./summaries.ts";
import { createNewest, createUpdatesGate } from "./updates.ts";

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

export interface PipelineStatus {
  readonly events: number;
  readonly bytes: number;
  readonly deadLetters: { readonly count: number; readonly bytes: number };
  readonly receivers: readonly (ReceiverStatus & {
    /** By watch key; absent before the first event of that watch. */
    readonly positions: Readonly<Record<string, Position>>;
  })[];
}

export interface Pipeline {
  /** What receivers refused for good. */
  readonly deadLetters: DeadLetterOffice;
  /** Where receivers stood when another petrel, or this one before, stopped. Before anything is received. */
  restore(checkpoint: Checkpoint): void;
  /** The index of a watch, by its key: what it asks for. */
  watch(key: string): number;
  /** The resourceVersion that this watch goes on from; undefined: nothing is known, it begins anew. */
  resumeAt(watch: number): number | undefined;
  /**
   * Takes an event; `bytes` (the watch line or the event's JSON) are copied. `event`: the same, if it is parsed already.
   * `unordered`: events of lower versions may follow.
   */
  receive(
    watch: number,
    bytes: Uint8Array,
    change: Change,
    version: number,
    identity: number,
    event?: Event,
    unordered?: boolean,
  ): void;
  /**
   * Takes events that no watch told, all of them or none; one whose id came before is passed over. Returns their ids;
   * undefined when they are more than the buffer can hold.
   */
  post(watch: number, events: readonly Prepared[]): readonly string[] | undefined;
  /** The slow part of {@link post}, for one event at a time. Throws NotAnEvent. */
  prepare(posted: Posted): Prepared;
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
  const seen = createSeen();
  const stores = createStores((receiver, key, json) => keeper?.remember(receiver, key, json));
  const office = createDeadLetterOffice({
    letters: options.deadLetters ?? createDeadLetters({ ...MEMORY_LIMITS, forgotten: meters.forgotten }),
    logger,
    meters,
    normalise: options.config,
    redeliver: (name, event) => slots.find((slot) => slot.name === name)?.receiver.redeliver(event),
    now: options.now,
  });
  /** The newest entry of each event, if some receiver wants no other; and for whom events of Petrel's own are. */
  const newest = createNewest();
  let wantsLatest = false;
  const addressed = new Map<number, Slot>();
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
  /** Entries that memory lost while the disk took none, as ranges. */
  const holes: { readonly from: number; to: number }[] = [];
  function evict(seq: number): void {
    lookups.forget(seq);
    addressed.delete(seq);
    if (log.gone(seq)) return;
    if (keeper && seq >= keeper.written) {
      const last = holes.at(-1);
      if (last?.to === seq) last.to++;
      else holes.push({ from: seq, to: seq + 1 });
    }
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
    while (holes.length > 0 && (holes[0]?.to ?? 0) <= low) holes.shift();
    keeper?.changed();
    pressure.relieved(low === log.head);
  }

  /** Appends an event to the log; returns its sequence number, or -1 for one that is too large, which is counted. */
  function enter(bytes: Uint8Array, entry: Entry, event: Event | undefined): number {
    const found = isPosted(places.keys, entry.watch) ? undefined : lookups.ask(event, current);
    const seq = log.append(bytes, entry, event);
    if (seq < 0) {
      meters.discarded.too_long.value++;
      const { version } = entry;
      logger.error("an event is larger than the whole buffer and dropped", { version, bytes: bytes.length });
      return seq;
    }
    if (found) lookups.attach(seq, found, entry.receivedAt + config.lookupTimeoutMs);
    // Before anything is committed: an entry on record that its watch may tell again would be there twice.
    if (!entry.unordered) places.reach(entry.watch, entry.version);
    keeper?.changed();
    for (const receiver of receivers) receiver.wake();
    return seq;
  }

  const posting = createPosting({
    config: () => config,
    gate: () => current.gate,
    seen,
    keeper,
    meters,
    enter(bytes, entry, event, identity) {
      const seq = enter(bytes, entry, event);
      if (seq < 0) return;
      meters.posted.value++;
      if (wantsLatest) newest.came(identity, seq);
      tookIn(bytes.length, false);
    },
    now: options.now,
  });

  /** Takes in an event of Petrel's own, which goes where the route says, or to this receiver. */
  function announce(input: Readonly<Record<string, unknown>>, to?: Slot): void {
    const bytes = Buffer.from(JSON.stringify(input));
    const entry = {
      watch: OWN_WATCH,
      version: Number.NaN,
      receivedAt: options.now(),
      modified: false,
      unordered: true,
    };
    const seq = enter(bytes, entry, parse(bytes));
    if (seq < 0) return;
    meters.own.value++;
    for (const past of addressed.keys()) if (past < log.tail) addressed.delete(past);
    if (to) addressed.set(seq, to);
  }

  /** A newer state of the entry's event waits in the log, and goes to the same receiver. */
  function isSuperseded(seq: number, slot: Slot): boolean {
    const { uid } = log.event(seq).metadata;
    const newer = uid === undefined ? undefined : newest.of(identityOf(uid));
    if (uid === undefined || newer === undefined || newer <= seq || newer >= log.head) return false;
    // Where it goes may depend on what is being looked up.
    if (slot.generation.enrichment.route && lookups.pending(newer)) return false;
    return log.event(newer).metadata.uid === uid && copiesFor(slot, newer) > 0;
  }

  /** How often the receiver gets the entry. */
  function copiesFor(slot: Slot, seq: number): number {
    if (seq >= slot.end) return 0;
    const to = addressed.size > 0 ? addressed.get(seq) : undefined;
    if (to) return to === slot ? 1 : 0;
    if (places.doneBefore(slot, seq)) return 0;
    let copies = 0;
    for (const index of slot.generation.routing.receiversOf(seq)) if (index === slot.index) copies++;
    return copies;
  }

  // Receivers ----------------------------------------------------------------------------------------------------

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
      store: stores.of(settings.name),
      metrics: options.metrics,
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
    const host: ReceiverHost = {
      log,
      logger: scoped,
      meters: meters.receiver(settings.name, settings.sink),
      copies: (seq) => copiesFor(slot, seq),
      superseded: settings.updates === "latest" ? (seq) => isSuperseded(seq, slot) : undefined,
      waits: (seq, now) =>
        isPosted(places.keys, log.watch(seq)) ? 0 : lookups.waits(seq, slot.generation, slot.index, now),
      leads: options.leads,
      pushedOut: (seq) => holes.some(({ from, to }) => from <= seq && seq < to),
      acknowledged,
      delivered(events) {
        if (slot.generation.config.logDeliveries) for (const event of events) scoped.info("delivered", shown(event));
      },
      deadLetter(event, reason, message, attempts, seq) {
        const there = seq >= log.tail && seq < log.head && !log.gone(seq);
        // An entry on its way may have been pushed out of the log: then what the receiver was given.
        const raw = there ? log.raw(seq).slice() : Buffer.from(JSON.stringify(event));
        bury(slot, event, raw, { reason, message, attempts });
      },
      now: options.now,
      random: options.random,
    };
    const definition = definitionOf(settings, by);
    const gate = createGate(settings);
    slot.gate = gate;
    const updates = createUpdatesGate(settings.updates ?? definition.updates);
    const holds = (event: Event, now: number, seq: number): HeldReason | undefined =>
      log.watch(seq) === OWN_WATCH ? undefined : updates?.(event, now) ? "updates" : gate?.holds(event, now);
    return createReceiver(
      {
        ...receiverSettings(settings, definition, slot.generation.compat),
        holds: updates || gate ? holds : undefined,
      },
      sink,
      host,
      start,
    );
  }

  function bury(
    slot: Slot,
    event: Event,
    raw: Uint8Array,
    why: { readonly reason: string; readonly message: string; readonly attempts: number },
  ): void {
    const { name, settings, generation } = slot;
    const letter = { receiver: name, at: options.now(), ...why, ...refusedEvent(event, raw) };
    office.take(letter, settings.deadLetter ?? generation.config.deadLetter, logger.with({ receiver: name }));
  }

  function tellersOf(): Telling[] {
    const { gate } = current;
    const own = slots.flatMap((slot) =>
      slot.gate
        ? [{ gate: slot.gate, scope: slot.name, announce: (input: object) => announce({ ...input }, slot) }]
        : [],
    );
    return gate ? [{ gate, scope: "", announce: (input) => announce(input) }, ...own] : own;
  }

  stores.restore(journal?.restored.remembered ?? {});

  // A new pipeline -----------------------------------------------------------------------------------------------

  const first: Replacement = options;
  let current = await generationOf(first);
  const opened: Slot[] = [];
  for (const [index, settings] of config.receivers.entries()) {
    const sink = await openSink(settings, first, current);
    opened.push(slotOf(settings, index, current, sink, first, keeper?.restored(settings.name)));
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

  let summaries = startSummaries(tellersOf(), options.now);
  const refreshTellers = (): void => {
    wantsLatest = slots.some(({ settings }) => settings.updates === "latest");
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
      generationOf,
      openSink,
      slotOf,
      receiverOf,
      bury(slot, seq) {
        if (seq >= slot.end || seq < log.tail || log.gone(seq) || copiesFor(slot, seq) === 0) return 0;
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
    receive(watch, bytes, change, version, identity, parsed, unordered = false) {
      const { compat, enrichment, gate } = current;
      if (compat && change === "modified") {
        meters.discarded.modified.value++;
        return;
      }
      const receivedAt = options.now();
      if (compat && receivedAt - exporterSeenMs(parsed ?? parse(bytes)) > config.maxEventAgeSeconds * 1_000) {
        meters.discarded.age.value++;
        return;
      }
      if (seen.repeated(identity, version)) {
        meters.discarded.repeated.value++;
        return;
      }
      const event = parsed ?? (enrichment.possible || gate ? parse(bytes) : undefined);
      const held = gate && event ? gate.holds(event, receivedAt) : undefined;
      if (held !== undefined) {
        meters.discarded[held].value++;
        return;
      }
      const entry = {
        watch,
        version,
        receivedAt,
        modified: change === "modified",
        unordered: unordered || Number.isNaN(version),
      };
      const seq = enter(bytes, entry, event);
      if (seq < 0) return;
      meters.received[change].value++;
      places.came(watch, seq);
      if (wantsLatest) newest.came(identity, seq);
      tookIn(bytes.length, change === "listed");
    },
    post: posting.post,
    prepare: posting.prepare,
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
      for (const slot of slots) slot.receiver.abandon(waitingPosted(slot));
      for (const { receiver } of leaving()) receiver.abandon();
      places.clear();
      holes.length = 0;
      lookups.clear();
      addressed.clear();
      // What was told us once may be told again, and then be ours.
      seen.forget();
      posting.forget();
      log.trim(log.head);
      keeper?.commit();
    },
    replace: async (by) => (replacing ?? (await openReplacing())).replace(by),
    async drain(signal, kept = false) {
      summaries.flush();
      // Nobody waits for a destination that is down when what is for it is not lost, as what was posted is without a disk.
      const patient = !kept || (!keeper && slots.some((slot) => waitingPosted(slot) > 0));
      const done = (): boolean =>
        receivers.every((receiver) => receiver.low() === log.head || (!patient && receiver.status().state !== "up"));
      for (const receiver of receivers) receiver.hurry();
      await pressure.until(done, signal);
      return receivers.every((receiver) => receiver.low() === log.head);
    },
    async stop(kept = keeper !== undefined) {
      clearInterval(housekeeping);
      summaries.stop();
      keeper?.commit();
      const ended = await Promise.all(
        receivers.map(async (receiver) => {
          const { name, lastError } = receiver.status();
          const left = await receiver.stop(kept);
          if (!kept || keeper) return { name, left, lost: kept ? 0 : left, lastError };
          const slot = slots.find((one) => one.receiver === receiver);
          const lost = slot ? waitingPosted(slot) : 0;
          if (slot) meters.receiver(name, slot.settings.sink).dropped.shutdown.value += lost;
          return { name, left, lost, lastError };
        }),
      );
      await office.stop();
      keeper?.close();
      return ended;
    },
  };

  function waitingPosted(slot: Slot): number {
    const { cursor, open } = slot.receiver.progress();
    const lost = (seq: number): number =>
      seq < log.tail || log.gone(seq) || !isPosted(places.keys, log.watch(seq)) ? 0 : copiesFor(slot, seq);
    let count = 0;
    for (const seq of open) count += lost(seq);
    for (let seq = cursor; seq < log.head; seq++) count += lost(seq);
    return count;
  }
}

/** An event in a line of the log. */
function shown({ id, reason, type, metadata, involvedObject }: Event) {
  const { kind, name } = involvedObject;
  return { event: id, type, reason, namespace: metadata.namespace, object: `${kind ?? ""}/${name ?? ""}` };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
