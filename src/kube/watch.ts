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
import type { Cell } from "../metrics.ts";
import { NotAnEvent, normalise } from "../normalise.ts";
import { type ApiClient, ApiError, type ApiStream } from "./client.ts";
import {
  createIntake,
  type DiscardReason,
  type IntakeSettings,
  identityFor,
  type Json,
  MAX_LINE,
  messageOf,
  textOf,
} from "./intake.ts";
import { createLineScanner } from "./lines.ts";
import { createList } from "./list.ts";
import { withoutManagedFields } from "./managed-fields.ts";
import { createProbe } from "./probe.ts";
import { Reconnect, type ReconnectReason, statusError } from "./reconnect.ts";
import type { SortWindow } from "./sort-window.ts";
import { backoffMs, delay, TIMING } from "./watch-timing.ts";

/** How an event came: `listed` when a list told it, before or instead of a watch. */
export type Change = "added" | "modified" | "listed";

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

export interface WatchSettings extends IntakeSettings {
  /** Applies to the first list only. */
  readonly maxEventAgeMs: number;
  readonly startFrom: "oldest" | "now";
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
  /** What a list is sorted in. Default: `WINDOW` of list.ts, in memory. */
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

export function createWatch(target: WatchTarget, settings: WatchSettings, host: WatchHost): Watch {
  const { client, logger, meters } = host;
  const timing = { ...TIMING, ...host.timing };
  const intake = createIntake(target.name, settings, host);

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
  /** Where the open watch began: it tells nothing from there or below, whatever an earlier process heard of it. */
  let begunAt = Number.NaN;
  /** What a first list takes must have happened since then; undefined before the first attempt to list. */
  let oldest: number | undefined;

  const list = createList(target, {
    client,
    logger,
    meters,
    intake,
    timing,
    told: (bytes, at, identity, unordered) => host.receive(bytes, "listed", at, identity, undefined, unordered),
    reached: (at) => host.reached(at),
    window: () => host.window?.(),
    room: (signal) => host.room(signal),
    now: () => host.now(),
  });
  const probe = createProbe({
    client,
    target,
    timing,
    version: () => version,
    newest: list.newest,
    refused: ({ message }) =>
      logger.debug("the probe of a silent watch was refused", { watch: target.name, error: message }),
  });

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
      begunAt = Number(from);
      lastByteAt = began;
      open = true;
      lastError = undefined;
      if (failed) logger.info("events are watched again", { watch: target.name });
      failed = false;
      denials = 0;

      const scanner = createLineScanner({ limit: MAX_LINE, line: takeLine, tooLong: intake.tooLong });
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
      intake.malformed("a line", error);
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
    if (at <= begunAt && (type === "ADDED" || type === "MODIFIED")) {
      meters.discarded.repeated.value++;
      return;
    }
    if (type === "BOOKMARK" || type === "DELETED") {
      advance(at, metadata);
      return;
    }
    if (type !== "ADDED" && type !== "MODIFIED") {
      intake.malformed("a line", new NotAnEvent("expected type ADDED, MODIFIED, DELETED, BOOKMARK or ERROR"));
      return;
    }
    let event: Event;
    try {
      event = normalise(object, settings, type === "MODIFIED");
    } catch (error) {
      intake.malformed("a line", error);
      // It was told: to meet it again after every reconnect would help nobody.
      advance(at, metadata);
      return;
    }
    if (intake.wanted(event)) {
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

  async function once(signal: AbortSignal, verify: boolean): Promise<never> {
    if (resume !== undefined && verify) await verifyHistory(resume, signal);
    if (resume === undefined) {
      const first = Number.isNaN(version);
      // Not the time of this attempt: what happens while the API server cannot be reached is no old news.
      if (first && settings.startFrom === "oldest") oldest ??= host.now() - settings.maxEventAgeMs;
      resume =
        first && settings.startFrom === "now"
          ? await list.newest(signal)
          : await list.all({ floor: version, oldest: oldest ?? 0, maxAgeMs: settings.maxEventAgeMs }, signal);
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
      } else if (
        error instanceof ApiError &&
        error.status === 504 &&
        Number(await list.newest(signal)) < Number(from)
      ) {
        // A gateway's 504 says nothing of the history; nor does that of an API server which is slow.
        forgetHistory();
      } else throw error;
    }
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
          // An end in good order after a while is answered at once; everything else waits.
          const wait =
            fine && error instanceof Reconnect ? 0 : (retryAfterMs ?? backoffMs(failures, host.random(), timing));
          await delay(wait, signal).catch(() => {});
        }
      }
    },
    status: () => ({ name: target.name, open, version, lastByteAt, lastError }),
  };
}
