/** Events that no watch told: posted, or read from a stream. Each is taken once per id, and no position depends on it. */
import type { Source } from "../config/sources.ts";
import type { Config } from "../config/types.ts";
import type { Event } from "../event.ts";
import { normalise, normalisePosted } from "../normalise.ts";
import { type Gate, identityOf, type Seen } from "./gates.ts";
import type { Keeper } from "./keeper.ts";
import { type Entry, OWN_WATCH } from "./log.ts";
import type { PipelineMeters } from "./pipeline-options.ts";
import { createRecentIds, idHash, type RecentIds } from "./recent-ids.ts";

/** An event that no watch told. */
export interface Posted {
  /** As it came: JSON data. */
  readonly input: unknown;
  /** What whoever posted it calls it; undefined: the event itself says. */
  readonly id: string | undefined;
  /** It is another state of an event that was told before. */
  readonly modified: boolean;
}

/** The same, ready to be taken. */
export interface Prepared {
  readonly event: Event;
  readonly bytes: Uint8Array;
}

/** Keys of sources that are no watches: those of watches are paths. */
const KEYS: ReadonlySet<string> = new Set(["http", "stdin", "file"] satisfies Source[]);

/** The object of its events may be of another cluster: what is known of it comes with the event. */
export function isPosted(keys: readonly string[], watch: number): boolean {
  return watch !== OWN_WATCH && KEYS.has(keys[watch] ?? "");
}

/** An entry of the log: a line of a watch, an event as it was posted, or an event alone. */
interface Line {
  /** The id that whoever posted it gave; empty: none. Absent: nobody posted it. */
  readonly posted?: unknown;
  readonly type?: unknown;
  readonly object?: unknown;
  readonly metadata?: unknown;
}

/** Throws NotAnEvent, and SyntaxError for what is no JSON. */
export function parseEntry(text: string, config: Config): Event {
  const line: Line = JSON.parse(text);
  const enveloped = line.metadata === undefined && line.object !== undefined;
  const modified = enveloped && line.type === "MODIFIED";
  if (typeof line.posted === "string" && enveloped) {
    return normalisePosted(line.object, line.posted === "" ? undefined : line.posted, config, modified);
  }
  return normalise(enveloped ? line.object : line, config, modified);
}

function formatEntry({ input, id, modified }: Posted): Buffer {
  const line: Line = { posted: id ?? "", type: modified ? "MODIFIED" : "ADDED", object: input };
  return Buffer.from(JSON.stringify(line));
}

/** What the pipeline lends. */
export interface PostingHost {
  config(): Config;
  gate(): Gate | undefined;
  readonly seen: Seen;
  readonly keeper: Pick<Keeper, "recentIds" | "recentId"> | undefined;
  readonly meters: Pick<PipelineMeters, "discarded">;
  /** Appends to the log. */
  enter(bytes: Uint8Array, entry: Entry, event: Event, identity: number): void;
  /** Milliseconds since 1970, steady. */
  now(): number;
}

export interface Posting {
  /** As {@link import("./entrance.ts").Entrance.prepare}. */
  prepare(posted: Posted): Prepared;
  /** As {@link import("./entrance.ts").Entrance.fits}. */
  fits(events: readonly Prepared[]): boolean;
  /** As {@link import("./entrance.ts").Entrance.post}. */
  post(watch: number, events: readonly Prepared[]): readonly string[] | undefined;
  forget(): void;
}

/** Of sources that have no setting for it. */
const WINDOW_MS = 600_000;

export function createPosting(host: PostingHost): Posting {
  const { keeper, seen, meters } = host;
  /** Made when something is posted, which nothing is to most Petrels. */
  let recent: RecentIds | undefined;

  function repeated(event: Event, identity: number, now: number): boolean {
    recent ??= createRecentIds(() => host.config().http?.dedupWindowMs ?? WINDOW_MS, keeper?.recentIds());
    const hash = idHash(event.id);
    const { uid = "", resourceVersion = "" } = event.metadata;
    const version = Number(resourceVersion);
    // A watch may have told it.
    if (event.id === `${uid}.${version}` && seen.repeated(identity, version)) return true;
    if (recent.has(hash, now)) return true;
    recent.add(hash, now);
    keeper?.recentId(hash, now);
    return false;
  }

  function fits(events: readonly Prepared[]): boolean {
    const { buffer } = host.config();
    const size = events.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return events.length <= buffer.events && size <= buffer.bytes;
  }

  return {
    prepare: (posted) => ({
      event: normalisePosted(posted.input, posted.id, host.config(), posted.modified),
      bytes: formatEntry(posted),
    }),
    fits,
    post(watch, taken) {
      const now = host.now();
      if (!fits(taken)) return undefined;
      for (const { event, bytes } of taken) {
        const identity = identityOf(event.metadata.uid || event.id);
        if (repeated(event, identity, now)) {
          meters.discarded.repeated.value++;
          continue;
        }
        const held = host.gate()?.holds(event, now);
        if (held !== undefined) meters.discarded[held].value++;
        else {
          const entry = { watch, version: Number.NaN, receivedAt: now, modified: false, unordered: true };
          host.enter(bytes, entry, event, identity);
        }
      }
      return taken.map(({ event }) => event.id);
    },
    forget: () => recent?.forget(),
  };
}
