/**
 * The list before a watch: paged, read one item at a time, and told in resourceVersion order, which is not its own, as
 * far as the sorting window reaches.
 */
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import { tookIn } from "../memory.ts";
import type { Cell } from "../metrics.ts";
import { lastSeenMs } from "../normalise.ts";
import { type ApiClient, ApiError, type ApiStream } from "./client.ts";
import { type DiscardReason, type Intake, identityFor, type Json, MAX_LINE } from "./intake.ts";
import { createItemScanner } from "./items.ts";
import { withoutManagedFields } from "./managed-fields.ts";
import { otherHistory } from "./reconnect.ts";
import { createSortWindow, type SortWindow } from "./sort-window.ts";
import type { WatchTarget } from "./watch.ts";
import type { TIMING } from "./watch-timing.ts";

export interface ListHost {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly meters: {
    readonly discarded: Readonly<Record<DiscardReason, Cell>>;
    readonly unordered: Cell;
  };
  readonly intake: Intake;
  readonly timing: typeof TIMING;
  /** Takes an item; `bytes` are only valid during the call. `unordered`: items of lower versions may follow. */
  told(bytes: Uint8Array, version: number, identity: number, unordered: boolean): void;
  /** Every item up to this resourceVersion was told. */
  reached(version: number): void;
  /** What it is sorted in; undefined: {@link WINDOW} in memory. */
  window(): SortWindow | undefined;
  /** Items wait while receivers are behind; undefined: go on. */
  room(signal: AbortSignal): Promise<void> | undefined;
  /** Milliseconds since 1970. */
  now(): number;
}

/** What of a list is told. */
export interface Wanted {
  /** Items of this resourceVersion and below were told before; NaN: none was, this is the first list. */
  readonly floor: number;
  /** Of a first list, what happened since then; milliseconds since 1970. */
  readonly oldest: number;
  /** The same, for the log. */
  readonly maxAgeMs: number;
}

export interface List {
  /** Tells what is listed. Resolves with the list's resourceVersion; rejects with ApiError, Reconnect, or the signal's reason. */
  all(wanted: Wanted, signal: AbortSignal): Promise<string>;
  /** Only the resourceVersion of now. */
  newest(signal: AbortSignal): Promise<string>;
}

/** What of a list is held to be sorted. */
export const WINDOW = { events: 10_000, bytes: 16 * 1024 * 1024 } as const;
const PAGE = 250;
/** Listed events told between two turns of the event loop. */
const TURN = 250;

export function createList(target: WatchTarget, host: ListHost): List {
  const { client, logger, meters, intake, timing } = host;

  async function pages(wanted: Wanted, paced: boolean, signal: AbortSignal): Promise<string> {
    const window = host.window() ?? createSortWindow(WINDOW);
    try {
      return await sorted(window, wanted, paced, signal);
    } finally {
      window.dispose?.();
    }
  }

  async function sorted(
    window: SortWindow,
    { floor, oldest, maxAgeMs }: Wanted,
    paced: boolean,
    signal: AbortSignal,
  ): Promise<string> {
    const first = Number.isNaN(floor);
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
        host.told(bytes, at, identity, unordered);
        // In order, so that a restart in the middle of it goes on from here.
        if (!unordered && !Number.isNaN(at)) host.reached(at);
      }
    };

    const take = (item: Uint8Array): void => {
      const bytes = withoutManagedFields(item);
      let event: Event;
      try {
        event = intake.parse(bytes);
      } catch (error) {
        intake.malformed("a listed item", error);
        return;
      }
      const at = Number(event.metadata.resourceVersion ?? Number.NaN);
      if (!first && at <= floor) return;
      if (!intake.wanted(event)) return;
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
      const scanner = createItemScanner({ limit: MAX_LINE, item: take, tooLong: intake.tooLong });
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
        maxEventAgeSeconds: maxAgeMs / 1_000,
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

  return {
    async all(wanted, signal) {
      try {
        return await pages(wanted, true, signal);
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 410)) throw error;
        // The continue token outlived etcd's compaction because receivers were slow: once more, without waiting for them.
        // What was told already is known by its id.
        logger.warn("the list took longer than the API server keeps its place, listing again", { watch: target.name });
        return pages(wanted, false, signal);
      }
    },
    async newest(signal) {
      const query = { ...target.query, limit: 1 };
      return versionOf((await client.json(target.path, { verb: "list", query, signal })) as Json);
    },
  };
}

function versionOf(page: Json): string {
  const version = (page.metadata as Json | undefined)?.resourceVersion;
  if (typeof version === "string" && version !== "") return version;
  throw new ApiError("network", "the API server's list has no resourceVersion");
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
