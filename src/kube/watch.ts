/**
 * One watch of events, for ever: a paged list, then a stream of changes from the list's resourceVersion.
 *
 * What a real API server does, and what follows from it (kubernetes.io/docs/reference/using-api/api-concepts):
 * events have no watch cache and no periodic bookmarks, so a quiet watch falls behind etcd's compaction (5–10 min) and
 * a reconnect answers 410: list again and keep what is above the position. A watch from the future answers 200 and is
 * silent for ever: only a list tells (504). A watch delivers in resourceVersion order, a list in key order.
 */
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import { tookIn } from "../memory.ts";
import type { Cell } from "../metrics.ts";
import { lastSeenMs, NotAnEvent, normalise } from "../normalise.ts";
import { GATE_REASONS, identityOf } from "../pipeline/gates.ts";
import { type ApiClient, ApiError, type ApiStream } from "./client.ts";
import { createItemScanner } from "./items.ts";
import { createLineScanner } from "./lines.ts";
import { withoutManagedFields } from "./managed-fields.ts";
import { createSortWindow, type SortWindow } from "./sort-window.ts";

/** How an event came: `listed` when a list told it, before or instead of a watch. */
export type Change = "added" | "modified" | "listed";

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

/** Why a watch was begun again. Closed: a metric label. */
export const RECONNECT_REASONS = ["closed", "gone", "error", "mute", "overdue", "history"] as const;
export type ReconnectReason = (typeof RECONNECT_REASONS)[number];

export interface WatchMeters {
  readonly errors: Cell;
  readonly reconnects: Readonly<Record<ReconnectReason, Cell>>;
  readonly discarded: Readonly<Record<DiscardReason, Cell>>;
  /** Listed events told out of resourceVersion order because they did not fit the sorting window. */
  readonly unordered: Cell;
}

export interface WatchTarget {
  /** `/api/v1/events` and the like. */
  readonly path: string;
  /** Selectors. */
  readonly query: Readonly<Record<string, string | undefined>>;
  /** For logs: `all namespaces`, `namespace shop`. */
  readonly name: string;
}

export interface WatchSettings {
  /** Applies to the first list only. */
  readonly maxEventAgeMs: number;
  readonly startFrom: "oldest" | "now";
  readonly clusterName: string;
  readonly clusterEnvironment: string;
  readonly excludeNamespaces: readonly string[];
}

export interface WatchHost {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly meters: WatchMeters;
  /**
   * Takes an event; `bytes` (the watch line, or the list item) are only valid during the call. A listed event comes
   * without its parsed form: it waited for its turn as bytes. `identity`: that of its uid, for the gate against repeats.
   * `unordered`: events of lower versions may follow.
   */
  receive(
    bytes: Uint8Array,
    change: Change,
    version: number,
    identity: number,
    event?: Event,
    unordered?: boolean,
  ): void;
  /** Everything up to this resourceVersion was received. */
  reached(version: number): void;
  /** What was reached is of a history that the API server has no more. */
  historyLost(): void;
  /** What a list is sorted in. Default: {@link WINDOW} in memory. */
  window?(): SortWindow;
  /** The resourceVersion to go on from; undefined: none is known. */
  readonly resumeAt?: number | undefined;
  /** Listed entries wait while receivers are behind; undefined: go on. */
  room(signal: AbortSignal): Promise<void> | undefined;
  /** Milliseconds since 1970. */
  now(): number;
  /** 0 <= x < 1. */
  random(): number;
  /** Replaces the timing in tests; milliseconds. */
  readonly timing?: Partial<typeof TIMING>;
}

export interface WatchStatus {
  readonly name: string;
  /** True while the API server answers this watch. */
  readonly open: boolean;
  /** The resourceVersion up to which everything was read; NaN before the first list. */
  readonly version: number;
  /** Milliseconds since 1970 of the last byte; 0 before the first. */
  readonly lastByteAt: number;
  readonly lastError: string | undefined;
}

export interface Watch {
  /** Runs until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  status(): WatchStatus;
}

/** Milliseconds. */
export const TIMING = {
  /** Silence after which a probe asks whether the watch is mute. */
  silence: 45_000,
  /** How long the probe's own watch looks. */
  peek: 1_000,
  /** How long the main watch has to bring what the probe saw. */
  patience: 5_000,
  /** The server ends a watch after its timeoutSeconds; this much later it is cut. */
  overdue: 30_000,
  /** A list's body may stand still this long. */
  stall: 60_000,
  minBackoff: 500,
  maxBackoff: 30_000,
  tick: 1_000,
};

const PAGE = 250;
const MAX_LINE = 16 * 1024 * 1024;
/** What of a list is held to be sorted. */
export const WINDOW = { events: 10_000, bytes: 16 * 1024 * 1024 } as const;
/** Listed events told between two turns of the event loop. */
const TURN = 250;

/** Ends one connection for a reason that is no error of the server. */
class Reconnect extends Error {
  override readonly name = "Reconnect";
  readonly reason: ReconnectReason;
  constructor(reason: ReconnectReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

type Json = Readonly<Record<string, unknown>>;

export function createWatch(target: WatchTarget, settings: WatchSettings, host: WatchHost): Watch {
  const { client, logger, meters } = host;
  const timing = { ...TIMING, ...host.timing };
  const excluded = new Set(settings.excludeNamespaces);

  let open = false;
  let version = host.resumeAt ?? Number.NaN;
  /** Where the next watch starts; undefined: list first. */
  let resume = host.resumeAt === undefined ? undefined : String(host.resumeAt);
  let lastByteAt = 0;
  let lastError: string | undefined;
  /** Times in a row that the API server said 403. */
  let denials = 0;
  /** It was said that watching fails. */
  let failed = false;
  let openedAt = 0;
  /** What a first list takes must have happened since then; undefined before the first attempt to list. */
  let oldest: number | undefined;

  const parseEvent = (bytes: Uint8Array): Event => normalise(JSON.parse(textOf(bytes)), settings);

  /** Selected by the config; moves nothing. */
  function wanted(event: Event): boolean {
    if (excluded.size > 0 && excluded.has(event.metadata.namespace ?? "")) {
      meters.discarded.namespace.value++;
      return false;
    }
    return true;
  }

  function malformed(what: string, error: unknown): void {
    meters.discarded.malformed.value++;
    meters.errors.value++;
    logger.error(`the API server sent ${what} that is no event, skipped`, {
      watch: target.name,
      error: error instanceof NotAnEvent ? error.message : "not JSON",
    });
  }

  function tooLong(): void {
    meters.discarded.too_long.value++;
    meters.errors.value++;
    logger.error("the API server sent an event of more than 16 MiB, skipped", { watch: target.name });
  }

  // The list -----------------------------------------------------------------------------------------------------

  async function list(signal: AbortSignal): Promise<string> {
    const first = Number.isNaN(version);
    if (first && settings.startFrom === "now") return newest(signal);
    const floor = version;
    // Not the time of this attempt: what happens while the API server cannot be reached is no old news.
    oldest ??= host.now() - settings.maxEventAgeMs;
    let paced = true;
    for (;;) {
      try {
        return await pages(first, floor, oldest, paced, signal);
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 410) || !paced) throw error;
        // The continue token outlived etcd's compaction because receivers were slow: once more, without waiting for them.
        // What was told already is known by its id.
        logger.warn("the list took longer than the API server keeps its place, listing again", { watch: target.name });
        paced = false;
      }
    }
  }

  /** Only the resourceVersion of now. */
  async function newest(signal: AbortSignal): Promise<string> {
    const page = (await client.json(target.path, {
      verb: "list",
      query: { ...target.query, limit: 1 },
      signal,
    })) as Json;
    return versionOf(page);
  }

  async function pages(
    first: boolean,
    floor: number,
    oldest: number,
    paced: boolean,
    signal: AbortSignal,
  ): Promise<string> {
    const window = host.window?.() ?? createSortWindow(WINDOW);
    try {
      return await sorted(window, first, floor, oldest, paced, signal);
    } finally {
      window.dispose?.();
    }
  }

  async function sorted(
    window: SortWindow,
    first: boolean,
    floor: number,
    oldest: number,
    paced: boolean,
    signal: AbortSignal,
  ): Promise<string> {
    let token: string | undefined;
    let listed: string | undefined;
    let flushed = false;
    let aged = 0;

    const flush = async (last: boolean): Promise<void> => {
      const unordered = flushed || !last;
      if (flushed) meters.unordered.value += window.size;
      let told = 0;
      for (const { bytes, version: at, identity } of window.take()) {
        const wait = paced ? host.room(signal) : undefined;
        if (wait) {
          await wait;
          signal.throwIfAborted();
        }
        // Receivers get their turn, so that the log stays small where they keep up.
        else if (++told % TURN === 0) await nextTurn();
        host.receive(bytes, "listed", at, identity, undefined, unordered);
        // In order, so that a restart in the middle of it goes on from here.
        if (!unordered && !Number.isNaN(at)) host.reached(at);
      }
    };

    const take = (item: Uint8Array): void => {
      const bytes = withoutManagedFields(item);
      let event: Event;
      try {
        event = parseEvent(bytes);
      } catch (error) {
        malformed("a listed item", error);
        return;
      }
      const at = Number(event.metadata.resourceVersion ?? Number.NaN);
      if (!first && at <= floor) return;
      if (!wanted(event)) return;
      if (first && lastSeenMs(event) < oldest) {
        meters.discarded.age.value++;
        aged++;
        return;
      }
      window.add(bytes, at, identityFor(event, at));
    };

    do {
      const stream = await client.stream(target.path, {
        verb: "list",
        query: { ...target.query, limit: PAGE, continue: token },
        signal,
      });
      const scanner = createItemScanner({ limit: MAX_LINE, item: take, tooLong });
      try {
        await eachChunk(stream, signal, (chunk) => {
          scanner.push(chunk);
          tookIn(chunk.length, true);
          if (!window.full) return undefined;
          const flushing = flush(false);
          flushed = true;
          return flushing;
        });
      } finally {
        stream.close();
      }
      const page = scanner.end() as Json;
      listed ??= versionOf(page);
      if (!first && Number(listed) < floor) throw otherHistory();
      const next = (page.metadata as Json | undefined)?.continue;
      token = typeof next === "string" && next !== "" ? next : undefined;
    } while (token !== undefined);
    if (flushed) {
      logger.warn("more events were listed than fit the sorting window; beyond it order is kept per event only", {
        watch: target.name,
        windowEvents: WINDOW.events,
      });
    }
    await flush(true);
    if (aged > 0) {
      logger.warn("events that were there at the start are older than maxEventAgeSeconds and not told", {
        watch: target.name,
        events: aged,
        maxEventAgeSeconds: settings.maxEventAgeMs / 1_000,
      });
    }
    return listed ?? "";
  }

  /** Reads a body that may not stand still for long. */
  async function eachChunk(
    stream: ApiStream,
    signal: AbortSignal,
    use: (chunk: Uint8Array) => Promise<void> | undefined,
  ): Promise<void> {
    let at = host.now();
    let stalled = false;
    const watchdog = setInterval(() => {
      if (host.now() - at <= timing.stall) return;
      stalled = true;
      stream.close();
    }, timing.tick);
    try {
      await stream.read((chunk) => {
        const wait = use(chunk);
        // Nothing is read while receivers are waited for.
        at = wait ? Number.POSITIVE_INFINITY : host.now();
        return wait?.finally(() => {
          at = host.now();
        });
      });
    } catch (error) {
      signal.throwIfAborted();
      if (stalled)
        throw new ApiError("timeout", `the body of ${target.path} stood still for ${timing.stall / 1_000} s`);
      throw error;
    } finally {
      clearInterval(watchdog);
    }
  }

  // The watch ----------------------------------------------------------------------------------------------------

  async function follow(from: string, signal: AbortSignal): Promise<never> {
    const seconds = 300 + Math.floor(host.random() * 301);
    const control = new AbortController();
    const abort = (): void => control.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    let ticker: ReturnType<typeof setInterval> | undefined;
    let stream: ApiStream | undefined;
    try {
      stream = await client.stream(target.path, {
        verb: "watch",
        query: { ...target.query, watch: 1, allowWatchBookmarks: true, resourceVersion: from, timeoutSeconds: seconds },
        signal: control.signal,
      });
      const began = host.now();
      openedAt = began;
      lastByteAt = began;
      open = true;
      lastError = undefined;
      if (failed) logger.info("events are watched again", { watch: target.name });
      failed = false;
      denials = 0;

      const scanner = createLineScanner({ limit: MAX_LINE, line: takeLine, tooLong });
      let probedAt = began;
      let probing = false;
      let probeFrom = from;
      ticker = setInterval(() => {
        const now = host.now();
        // A line that still trickles in is let in: begun again, it would be as slow.
        const arriving = scanner.pending > 0 && now - lastByteAt < timing.silence;
        if (now - began > seconds * 1_000 + timing.overdue && !arriving) {
          control.abort(new Reconnect("overdue", "the API server did not end the watch in time"));
        } else if (!probing && now - Math.max(lastByteAt, probedAt) >= timing.silence) {
          probing = true;
          // Not from where the watch began: that may be compacted long since, and then the probe would see nothing.
          probe(resume !== undefined && version > Number(probeFrom) ? resume : probeFrom, control.signal)
            .then((seen) => {
              probeFrom = seen;
            })
            .catch((error) => control.abort(error))
            .finally(() => {
              probing = false;
              probedAt = host.now();
            });
        }
      }, timing.tick);

      await stream.read((chunk) => {
        lastByteAt = host.now();
        scanner.push(chunk);
        return undefined;
      });
      if (scanner.pending > 0) logger.debug("the watch ended in the middle of a line", { watch: target.name });
      throw new Reconnect("closed", "the API server ended the watch");
    } catch (error) {
      signal.throwIfAborted();
      throw control.signal.aborted ? control.signal.reason : error;
    } finally {
      open = false;
      clearInterval(ticker);
      signal.removeEventListener("abort", abort);
      stream?.close();
      // A probe may still be under way.
      control.abort();
    }
  }

  function takeLine(received: Uint8Array): void {
    const bytes = withoutManagedFields(received);
    let parsed: unknown;
    let line = bytes;
    try {
      parsed = JSON.parse(textOf(bytes));
    } catch (error) {
      malformed("a line", error);
      // Garbage without an end swallows the line behind it: find where that one begins.
      const begin = textOf(bytes).lastIndexOf('{"type":"');
      if (begin <= 0) return;
      line = Buffer.from(textOf(bytes).slice(begin));
      try {
        parsed = JSON.parse(textOf(line));
      } catch {
        return;
      }
    }
    const { type, object } = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Json;
    if (type === "ERROR") throw statusError(object);
    const metadata = (object as Json | undefined)?.metadata as Json | undefined;
    const at = Number(metadata?.resourceVersion ?? Number.NaN);
    if (type === "BOOKMARK" || type === "DELETED") {
      advance(at, metadata);
      return;
    }
    if (type !== "ADDED" && type !== "MODIFIED") {
      malformed("a line", new NotAnEvent("expected type ADDED, MODIFIED, DELETED, BOOKMARK or ERROR"));
      return;
    }
    let event: Event;
    try {
      event = normalise(object, settings, type === "MODIFIED");
    } catch (error) {
      malformed("a line", error);
      // It was told: to meet it again after every reconnect would help nobody.
      advance(at, metadata);
      return;
    }
    if (wanted(event)) {
      host.receive(line, type === "ADDED" ? "added" : "modified", at, identityFor(event, at), event);
    }
    advance(at, metadata);
  }

  function advance(at: number, metadata: Json | undefined): void {
    if (Number.isNaN(at) || at <= version) return;
    version = at;
    resume = String(metadata?.resourceVersion);
    host.reached(at);
  }

  // Silence ------------------------------------------------------------------------------------------------------

  /**
   * Asks beside the silent watch whether there was something to tell: a second watch for a second, from where the
   * previous probe stood. Resolves with where the next probe starts; rejects with the reason to connect again.
   */
  async function probe(from: string, signal: AbortSignal): Promise<string> {
    let now: string;
    let seen = Number.NaN;
    try {
      now = await within(timing.patience * 2, signal, newest);
      if (Number(now) < version) throw otherHistory();
      seen = await peek(from, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Reconnect) throw error;
      if (error instanceof ApiError && error.kind === "status") {
        // What the watch may have kept from us is compacted: only a list can tell it.
        if (error.status === 410) throw error;
        // The server answers: too many requests, say, tell nothing about the watch.
        logger.debug("the probe of a silent watch was refused", { watch: target.name, error: error.message });
        return from;
      }
      throw new Reconnect("mute", `the probe of a silent watch failed: ${messageOf(error)}`);
    }
    if (seen > version) {
      await delay(timing.patience, signal);
      if (seen > version) throw new Reconnect("mute", "the watch does not bring what the API server has");
    }
    return now;
  }

  /** The highest resourceVersion that a short watch tells of; NaN for none. */
  async function peek(from: string, signal: AbortSignal): Promise<number> {
    let highest = Number.NaN;
    const control = new AbortController();
    const abort = (): void => control.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(abort, timing.peek * 2);
    let stream: ApiStream | undefined;
    const scanner = createLineScanner({
      limit: MAX_LINE,
      line(bytes) {
        const { type, object } = JSON.parse(textOf(bytes)) as Json;
        if (type === "ERROR") throw statusError(object);
        const at = Number(((object as Json).metadata as Json).resourceVersion);
        if (!(at <= highest)) highest = at;
      },
      tooLong() {},
    });
    try {
      const timeoutSeconds = Math.max(1, Math.round(timing.peek / 1_000));
      stream = await client.stream(target.path, {
        verb: "watch",
        query: { ...target.query, watch: 1, resourceVersion: from, timeoutSeconds },
        timeoutMs: timing.patience * 2,
        signal: control.signal,
      });
      await stream.read((chunk) => {
        scanner.push(chunk);
        return undefined;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!control.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      stream?.close();
    }
    return highest;
  }

  // For ever -----------------------------------------------------------------------------------------------------

  async function once(signal: AbortSignal, verify: boolean): Promise<never> {
    if (resume !== undefined && verify) await verifyHistory(resume, signal);
    if (resume === undefined) {
      resume = await list(signal);
      const at = Number(resume);
      if (!(at <= version)) version = at;
      if (!Number.isNaN(version)) host.reached(version);
    }
    return follow(resume, signal);
  }

  /** After a failure the server may have been restored from a backup; a watch from its future would be silent for ever. */
  async function verifyHistory(from: string, signal: AbortSignal): Promise<void> {
    try {
      await client.json(target.path, {
        verb: "list",
        query: { ...target.query, limit: 1, resourceVersion: from, resourceVersionMatch: "Exact" },
        signal,
      });
    } catch (error) {
      if (error instanceof ApiError && error.status === 410) {
        meters.reconnects.gone.value++;
        resume = undefined;
      } else if (error instanceof ApiError && error.status === 504 && Number(await newest(signal)) < Number(from)) {
        // A gateway's 504 says nothing of the history; nor does that of an API server which is slow.
        forgetHistory();
      } else throw error;
    }
  }

  function otherHistory(): Reconnect {
    return new Reconnect("history", "the API server's resourceVersion went back: it has another history now");
  }

  function forgetHistory(): void {
    logger.error("the API server has another history now (restored from a backup?): starting afresh from its events", {
      watch: target.name,
      position: String(version),
    });
    meters.reconnects.history.value++;
    resume = undefined;
    version = Number.NaN;
    host.historyLost();
    // Since the old history was last heard, the new one may have told something.
    oldest = (lastByteAt || host.now()) - settings.maxEventAgeMs;
  }

  function explain(error: ApiError): void {
    if (error.status !== 403) {
      failed = true;
      logger.warn("watching events failed, will retry", { watch: target.name, error: error.message });
      return;
    }
    // An API server that has just started forbids everything until it knows its own roles.
    denials++;
    if (denials !== 2) return;
    failed = true;
    const group = target.path.startsWith("/apis/") ? "events.k8s.io" : "";
    logger.error("the API server forbids watching events; grant Petrel this RBAC rule", {
      watch: target.name,
      rule: `{apiGroups: ["${group}"], resources: ["events"], verbs: ["list", "watch"]}`,
      error: error.message,
    });
  }

  return {
    async run(signal) {
      let failures = 0;
      // A watch from the future of a restored store would be silent for ever: only a list tells.
      let verify = resume !== undefined;
      while (!signal.aborted) {
        const before = version;
        try {
          await once(signal, verify);
        } catch (error) {
          if (signal.aborted) return;
          const lasted = openedAt > 0 ? host.now() - openedAt : 0;
          const fine = lasted >= timing.tick || !Object.is(version, before);
          openedAt = 0;
          let retryAfterMs: number | undefined;
          verify = true;
          if (error instanceof Reconnect) {
            if (error.reason === "history") forgetHistory();
            else meters.reconnects[error.reason].value++;
            if (error.reason !== "closed") {
              meters.errors.value++;
              lastError = error.message;
              logger.warn("watching events again", { watch: target.name, reason: error.reason, error: error.message });
            } else {
              verify = false;
            }
          } else if (error instanceof ApiError && error.status === 410) {
            meters.reconnects.gone.value++;
            logger.info("the watch fell behind the API server's history, listing", { watch: target.name });
            resume = undefined;
          } else {
            const failure = error instanceof ApiError ? error : new ApiError("network", messageOf(error));
            meters.reconnects.error.value++;
            meters.errors.value++;
            lastError = failure.message;
            retryAfterMs = failure.retryAfterMs;
            explain(failure);
          }
          failures = fine ? 0 : failures + 1;
          const ceiling = Math.min(timing.maxBackoff, timing.minBackoff * 2 ** Math.min(failures, 16));
          // An end in good order after a while is answered at once; everything else waits, with full jitter.
          const wait = fine && error instanceof Reconnect ? 0 : (retryAfterMs ?? host.random() * ceiling);
          await delay(wait, signal).catch(() => {});
        }
      }
    },
    status: () => ({ name: target.name, open, version, lastByteAt, lastError }),
  };
}

/** Without a version it is not the uid that tells one state from another. */
function identityFor(event: Event, version: number): number {
  return identityOf(Number.isNaN(version) ? event.id : (event.metadata.uid ?? event.id));
}

function versionOf(page: Json): string {
  const version = (page.metadata as Json | undefined)?.resourceVersion;
  if (typeof version === "string" && version !== "") return version;
  throw new ApiError("network", "the API server's list has no resourceVersion");
}

function statusError(object: unknown): ApiError {
  const status = (typeof object === "object" && object !== null ? object : {}) as Json;
  const code = typeof status.code === "number" ? status.code : 500;
  const message = typeof status.message === "string" ? status.message.slice(0, 512) : "no message";
  const seconds = (status.details as Json | undefined)?.retryAfterSeconds;
  return new ApiError("status", `the watch ended with status ${code}: ${message}`, {
    status: code,
    reason: typeof status.reason === "string" ? status.reason : "",
    retryAfterMs: typeof seconds === "number" ? seconds * 1_000 : undefined,
  });
}

/** Bun's fetch errors carry the URL in other fields; the message alone is fit for a log. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Rejects with the signal's reason. */
function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

async function within<T>(ms: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return work(AbortSignal.any([signal, AbortSignal.timeout(ms)]));
}
