/** The way of an event through one Petrel: gates, log, cursors, receivers. Wiring, and nothing but wiring. */
import type { Config, ReceiverConfig } from "../config/types.ts";
import type { Event, InvolvedObject, ObjectReference } from "../event.ts";
import { formOf } from "../form.ts";
import { friendlyFor } from "../friendly/load.ts";
import type { Change, DiscardReason } from "../kube/watch.ts";
import type { Logger } from "../logger.ts";
import { tookIn } from "../memory.ts";
import type { Cell, Metrics } from "../metrics.ts";
import { exporterSeenMs, normalise, withObjectMetadata } from "../normalise.ts";
import type { CompileTemplate } from "../payload.ts";
import type { SinkDefinition, Store } from "../sink.ts";
import { createSinkContext } from "./context.ts";
import { createDeadLetterOffice, type DeadLetterMeters, type DeadLetterOffice } from "./dead-letter-office.ts";
import { createDeadLetters, type DeadLetters, MEMORY_LIMITS, refusedEvent } from "./dead-letters.ts";
import { planEnrichment } from "./enrichment.ts";
import { createGate, createSeen, identityOf } from "./gates.ts";
import { createLog, type Entry, OWN_WATCH } from "./log.ts";
import {
  createReceiver,
  type HeldReason,
  type Receiver,
  type ReceiverMeters,
  type ReceiverSettings,
  type ReceiverStatus,
} from "./receiver.ts";
import { compileRoute } from "./route.ts";
import { startSummaries, type Telling } from "./summaries.ts";
import { createNewest, createUpdatesGate } from "./updates.ts";

/** What a look-up of the involved object found. */
export type Found = Pick<InvolvedObject, "labels" | "annotations" | "ownerReferences" | "deleted">;
/** Answers at once what it knows; undefined: nothing could be found out. Never rejects. */
export type Lookup = (object: ObjectReference) => Found | undefined | Promise<Found | undefined>;

export interface PipelineMeters extends DeadLetterMeters {
  readonly received: Readonly<Record<Change, Cell>>;
  readonly discarded: Readonly<Record<DiscardReason, Cell>>;
  /** Events of Petrel's own. */
  readonly own: Cell;
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
  /** What the receiver of this name may remember. Default: in memory. */
  readonly store?: ((receiver: string) => Store) | undefined;
  /** Where sinks show series of their own. Default: nowhere. */
  readonly metrics?: Metrics | undefined;
  /** Takes what receivers refuse for good. Default: the newest, in memory. */
  readonly deadLetters?: DeadLetters | undefined;
  /** Milliseconds since 1970, steady. */
  now(): number;
  /** 0 <= x < 1. */
  random(): number;
}

export interface PipelineStatus {
  readonly events: number;
  readonly bytes: number;
  readonly deadLetters: { readonly count: number; readonly bytes: number };
  readonly receivers: readonly (ReceiverStatus & {
    /**
     * Per watch, the resourceVersion up to which everything was acknowledged, as of what the log holds; NaN before the
     * watch's first event. A watch delivers in this order, so that it can be resumed here.
     */
    readonly positions: readonly number[];
  })[];
}

export interface Pipeline {
  /** What receivers refused for good. */
  readonly deadLetters: DeadLetterOffice;
  /** Takes an event; `bytes` (the watch line or the event's JSON) are copied. `event`: the same, if it is parsed already. */
  receive(watch: number, bytes: Uint8Array, change: Change, version: number, identity: number, event?: Event): void;
  /** A promise while receivers that take events are so far behind that a source which can wait should. */
  room(signal: AbortSignal): Promise<void> | undefined;
  status(): PipelineStatus;
  /** Longest overdue attempt in milliseconds, with its receiver; undefined when nothing is stuck. */
  stuck(): { readonly receiver: string; readonly ms: number } | undefined;
  /** Resolves true when everything taken was acknowledged, false when the signal came first. */
  drain(signal: AbortSignal): Promise<boolean>;
  /** Ends receivers. What they did not deliver is counted as dropped by `shutdown`, and returned by receiver. */
  stop(): Promise<readonly { readonly name: string; readonly left: number; readonly lastError: string | undefined }[]>;
}

const DEFAULT_BATCH_BYTES = 4 * 1024 * 1024;
/** Route decisions kept beside the log at most, for receivers that read the same entry. A power of two. */
const MAX_ROUTES = 65_536;
/** How long a source waits, in all, until nothing is left in the log: for receivers that keep others from work, and at all. */
const HOLD_BACK_OTHERS_MS = 10_000;
const HOLD_BACK_MS = 300_000;

export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { config, logger, meters } = options;
  const compat = config.compat === "exporter";
  const names = config.receivers.map((receiver) => receiver.name);
  const friendly = await friendlyFor(config);
  const router = compileRoute(config.route, names, { compat, eventType: friendly?.type });
  const enrichment = planEnrichment(config, (sink) => options.sinks.get(sink)?.wholeEvent ?? true);
  const seen = createSeen();
  const maxAgeMs = config.maxEventAgeSeconds * 1_000;
  const office = createDeadLetterOffice({
    letters: options.deadLetters ?? createDeadLetters({ ...MEMORY_LIMITS, forgotten: meters.forgotten }),
    logger,
    meters,
    normalise: config,
    redeliver: (name, event) => receivers.find((receiver) => receiver.name === name)?.redeliver(event),
    now: options.now,
  });
  const receivers: Receiver[] = [];
  const gate = createGate(config);
  const telling: Telling[] = gate ? [{ gate, scope: "", announce: (input) => announce(input) }] : [];
  const latest = config.receivers.some(({ updates }) => updates === "latest") ? createNewest() : undefined;
  /** Petrel's own events that are for some receivers and no others, whatever the route says. */
  const addressed = new Map<number, readonly number[]>();
  /** Entries whose look-up is under way, and until when cursors wait for it. */
  const lookups = new Map<number, number>();
  let waiters: (() => void)[] = [];

  /** Per watch, the highest version that entered the log. */
  const newest: number[] = [];
  function positionsFrom(low: number): number[] {
    const positions = [...newest];
    const found = new Set<number>();
    for (let seq = low; seq < log.head && found.size < newest.length; seq++) {
      const watch = log.watch(seq);
      if (watch === OWN_WATCH || found.has(watch)) continue;
      found.add(watch);
      positions[watch] = Math.min(log.version(seq) - 1, positions[watch] ?? Number.NaN);
    }
    return positions;
  }

  const parse = (bytes: Uint8Array): Event => normalise(eventOf(JSON.parse(textOf(bytes))), config);
  const log = createLog({
    events: config.buffer.events,
    bytes: config.buffer.bytes,
    parse,
    evict(seq) {
      lookups.delete(seq);
      addressed.delete(seq);
      for (const receiver of receivers) receiver.evicted(seq);
    },
  });

  let routes = 1024;
  while (routes < config.buffer.events && routes < MAX_ROUTES) routes *= 2;
  const routedSeq = new Float64Array(routes).fill(-1);
  const routed: (readonly number[])[] = new Array(routes).fill([]);
  /** One array for each set of receivers, however many events they get. */
  const sets: (readonly number[])[] = [];
  function shared(set: readonly number[]): readonly number[] {
    for (const known of sets) {
      if (known.length === set.length && known.every((receiver, at) => receiver === set[at])) return known;
    }
    if (sets.length < 16) sets.push(set);
    return set;
  }

  function routeOf(seq: number): readonly number[] {
    const to = addressed.size > 0 ? addressed.get(seq) : undefined;
    if (to !== undefined) return to;
    try {
      return router.route(log.event(seq));
    } catch (error) {
      // A bug, or a shape that no API server lets pass: it must not end the watch, nor the process.
      logger.error("an event cannot be routed and goes nowhere", {
        error: error instanceof Error ? error.message : String(error),
        version: log.version(seq),
      });
      return [];
    }
  }

  /** The newest entry that was ever routed: a slow receiver may ask again for what the cache forgot. */
  let routedUpTo = -1;
  function receiversOf(seq: number): readonly number[] {
    const at = seq & (routes - 1);
    if (routedSeq[at] === seq) return routed[at] ?? [];
    const found = shared(routeOf(seq));
    if (found.length === 0 && seq > routedUpTo) meters.unmatched.value++;
    routedUpTo = Math.max(routedUpTo, seq);
    routedSeq[at] = seq;
    routed[at] = found;
    return found;
  }

  function acknowledged(): void {
    let low = log.head;
    for (const receiver of receivers) low = Math.min(low, receiver.low());
    if (low > log.tail) log.trim(low);
    if (log.tail === log.head) {
      heldBack = 0;
      heldBackOthers = 0;
    }
    if (waiters.length === 0) return;
    const waiting = waiters;
    waiters = [];
    for (const check of waiting) check();
  }

  /** Receivers that take events have more than this share of the buffer before them: more may push out what they wait for. */
  function crowded(share: number): boolean {
    const held = log.head - log.tail;
    if (held <= config.buffer.events * share && log.bytes <= config.buffer.bytes * share) return false;
    // What a receiver that takes nothing leaves in the log is nothing to wait for.
    const many = Math.min(held / 2, config.buffer.events * share);
    return receivers.some((receiver) => receiver.backlog > many && receiver.status().state === "up");
  }

  /** For how long sources were held back since the log was empty; part of that while some receiver had nothing to do. */
  let heldBack = 0;
  let heldBackOthers = 0;
  const patient = (): boolean => heldBack < HOLD_BACK_MS && heldBackOthers < HOLD_BACK_OTHERS_MS;

  async function room(signal: AbortSignal): Promise<void> {
    let at = options.now();
    const over = (): boolean => {
      const now = options.now();
      heldBack += now - at;
      if (receivers.some((receiver) => receiver.backlog === 0)) heldBackOthers += now - at;
      at = now;
      // Further than where it began, so that there is room for some.
      return !crowded(1 / 4) || !patient();
    };
    await until(over, signal);
    if (!patient()) {
      logger.warn("receivers are too slow to wait for them any longer: what does not fit the buffer is dropped", {
        receivers: receivers.filter((receiver) => receiver.backlog > 0).map((receiver) => receiver.name),
      });
    }
  }

  /** Resolves when `over` says so, which is asked after every acknowledgement, or when the signal aborts. */
  function until(over: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (over() || signal.aborted) {
          signal.removeEventListener("abort", check);
          clearInterval(timer);
          resolve();
        } else {
          waiters.push(check);
        }
      };
      // Receivers may stop acknowledging altogether, and then nothing else would ask.
      const timer = setInterval(() => {
        waiters = waiters.filter((waiter) => waiter !== check);
        check();
      }, 250);
      signal.addEventListener("abort", check, { once: true });
      check();
    });
  }

  function enrich(seq: number, found: Found | undefined): void {
    lookups.delete(seq);
    if (found) log.attach(seq, (event) => withObjectMetadata(event, found));
  }

  /** Appends an event to the log; returns its sequence number, or -1 for one that is too large, which is counted. */
  function enter(bytes: Uint8Array, entry: Entry, event: Event | undefined): number {
    const lookup = event && enrichment.needed(event) ? options.lookup(event.involvedObject) : undefined;
    const ready = lookup !== undefined && !(lookup instanceof Promise);
    const seq = log.append(bytes, entry, event && ready ? withObjectMetadata(event, lookup) : event);
    if (seq < 0) {
      meters.discarded.too_long.value++;
      const { version } = entry;
      logger.error("an event is larger than the whole buffer and dropped", { version, bytes: bytes.length });
      return seq;
    }
    if (ready) {
      log.attach(seq, (parsed) => withObjectMetadata(parsed, lookup));
    } else if (lookup) {
      lookups.set(seq, entry.receivedAt + config.lookupTimeoutMs);
      void lookup.then((found) => {
        enrich(seq, found);
        for (const receiver of receivers) receiver.wake();
      });
    }
    for (const receiver of receivers) receiver.wake();
    return seq;
  }

  /** Takes in an event of Petrel's own, which goes where the route says, or to these receivers. */
  function announce(input: Readonly<Record<string, unknown>>, to?: readonly number[]): void {
    const bytes = Buffer.from(JSON.stringify(input));
    const entry = { watch: OWN_WATCH, version: Number.NaN, receivedAt: options.now(), modified: false };
    const seq = enter(bytes, entry, parse(bytes));
    if (seq < 0) return;
    meters.own.value++;
    for (const past of addressed.keys()) if (past < log.tail) addressed.delete(past);
    if (to) addressed.set(seq, to);
  }

  /** A newer state of the entry's event waits in the log, and goes to the same receiver. */
  function isSuperseded(seq: number, copies: (seq: number) => number): boolean {
    const { uid } = log.event(seq).metadata;
    const newer = uid === undefined ? undefined : latest?.of(identityOf(uid));
    if (uid === undefined || newer === undefined || newer <= seq || newer >= log.head) return false;
    // Where it goes may depend on what is being looked up.
    if (enrichment.route && lookups.has(newer)) return false;
    return log.event(newer).metadata.uid === uid && copies(newer) > 0;
  }

  for (const [index, settings] of config.receivers.entries()) {
    const definition = options.sinks.get(settings.sink);
    if (!definition) throw new Error(`no sink is called ${settings.sink}`);
    const scoped = logger.with({ receiver: settings.name });
    const context = createSinkContext({
      receiver: settings.name,
      logger: scoped,
      compat,
      language: settings.language,
      form: formOf(settings, definition),
      friendly: friendly?.data,
      compileTemplate: options.compileTemplate,
      env: options.env,
      store: options.store?.(settings.name),
      metrics: options.metrics,
    });
    const waitsForLookup = enrichment.route || enrichment.receivers[index] === true;
    const sink = await definition.create(settings.config as never, context);
    const gate = createGate(settings);
    if (gate) telling.push({ gate, scope: settings.name, announce: (input) => announce(input, [index]) });
    const updates = createUpdatesGate(settings.updates ?? definition.updates);
    const holds = (event: Event, now: number, seq: number): HeldReason | undefined =>
      log.watch(seq) === OWN_WATCH ? undefined : updates?.(event, now) ? "updates" : gate?.holds(event, now);
    const copies = (seq: number): number => {
      let copies = 0;
      for (const to of receiversOf(seq)) if (to === index) copies++;
      return copies;
    };
    receivers.push(
      createReceiver(
        { ...receiverSettings(settings, definition, compat), holds: updates || gate ? holds : undefined },
        sink,
        {
          log,
          logger: scoped,
          meters: meters.receiver(settings.name, settings.sink),
          copies,
          superseded: settings.updates === "latest" ? (seq) => isSuperseded(seq, copies) : undefined,
          waits(seq, now) {
            if (lookups.size === 0 || !waitsForLookup) return 0;
            const until = lookups.get(seq);
            return until === undefined ? 0 : Math.max(0, until - now);
          },
          acknowledged,
          deadLetter(event, reason, message, attempts, seq) {
            // An entry on its way may have been pushed out of the log: then what the receiver was given.
            const raw = seq >= log.tail && seq < log.head ? log.raw(seq).slice() : Buffer.from(JSON.stringify(event));
            const letter = { receiver: settings.name, reason, message, at: options.now(), attempts };
            office.take({ ...letter, ...refusedEvent(event, raw) }, settings.deadLetter ?? config.deadLetter, scoped);
          },
          now: options.now,
          random: options.random,
        },
      ),
    );
  }

  const summaries = startSummaries(telling, options.now);
  const housekeeping = setInterval(() => log.shrink(), 10_000);

  return {
    deadLetters: office,
    receive(watch, bytes, change, version, identity, parsed) {
      if (compat && change === "modified") {
        meters.discarded.modified.value++;
        return;
      }
      const receivedAt = options.now();
      if (compat && receivedAt - exporterSeenMs(parsed ?? parse(bytes)) > maxAgeMs) {
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
        if (!(version <= (newest[watch] ?? Number.NaN))) newest[watch] = version;
        return;
      }
      const seq = enter(bytes, { watch, version, receivedAt, modified: change === "modified" }, event);
      if (seq < 0) return;
      meters.received[change].value++;
      if (!(version <= (newest[watch] ?? Number.NaN))) newest[watch] = version;
      latest?.came(identity, seq);
      tookIn(bytes.length, change === "listed");
    },
    room: (signal) => (patient() && crowded(1 / 2) ? room(signal) : undefined),
    status: () => ({
      events: log.head - log.tail,
      bytes: log.bytes,
      deadLetters: { count: office.letters.count, bytes: office.letters.bytes },
      receivers: receivers.map((receiver) => ({ ...receiver.status(), positions: positionsFrom(receiver.low()) })),
    }),
    stuck() {
      const now = options.now();
      for (const receiver of receivers) {
        const ms = receiver.stuck(now);
        if (ms > 0) return { receiver: receiver.name, ms };
      }
      return undefined;
    },
    async drain(signal) {
      summaries.flush();
      const done = (): boolean => receivers.every((receiver) => receiver.low() === log.head);
      for (const receiver of receivers) receiver.hurry();
      await until(done, signal);
      return done();
    },
    async stop() {
      clearInterval(housekeeping);
      summaries.stop();
      const stopped = await Promise.all(
        receivers.map(async (receiver) => {
          const { name, lastError } = receiver.status();
          return { name, left: await receiver.stop(), lastError };
        }),
      );
      await office.stop();
      return stopped;
    },
  };
}

function receiverSettings(config: ReceiverConfig, definition: SinkDefinition, compat: boolean): ReceiverSettings {
  const { mode } = formOf(config, definition);
  const limits = definition.limits?.(config.config as never, compat, mode) ?? definition.batch;
  const { batch } = config;
  return {
    name: config.name,
    batch: {
      count: Math.min(batch?.count ?? limits.count, limits.count),
      bytes: Math.min(batch?.bytes ?? limits.bytes ?? DEFAULT_BATCH_BYTES, limits.bytes ?? DEFAULT_BATCH_BYTES),
      lingerMs: batch?.lingerMs ?? limits.lingerMs ?? 0,
    },
    concurrency: config.concurrency ?? definition.concurrency ?? 1,
    partial: definition.partial ?? false,
    timeoutMs: config.timeoutMs,
    retry: config.retry,
    rateLimit: config.rateLimit ?? 0,
    maxAgeMs: config.maxAgeMs ?? 0,
  };
}

/** A watch line is the event in an envelope; anything else is the event itself. */
function eventOf(parsed: { readonly type?: unknown; readonly object?: unknown; readonly metadata?: unknown }): unknown {
  return parsed.metadata === undefined && parsed.object !== undefined ? parsed.object : parsed;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
