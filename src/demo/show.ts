/** One demo: the simulated cluster, who must get what, and what is known of it at any moment. */
import type { Config } from "../config/types.ts";
import type { Metrics } from "../metrics.ts";
import { normalise, occurrences } from "../normalise.ts";
import { compileRoute } from "../pipeline/route.ts";
import type { ApiServer } from "./api-server.ts";
import type { Stored } from "./event-store.ts";
import { createLedger, type Entry, type Ledger } from "./ledger.ts";
import { createRecorder, type Occurrence, type Subject, seeded } from "./recorder.ts";
import { fieldSelector, labelSelector, type Selector } from "./selectors.ts";
import { type Day, tellDay } from "./stories.ts";
import type { ReceiverState, StoryState } from "./view.ts";

export interface Show {
  readonly ledger: Ledger;
  readonly stories: readonly StoryState[];
  readonly dayNumber: number;
  /** The next day: new names, the same plot. */
  begin(): Day;
  /** Writes what happens into the cluster; the entry says who must get it. */
  happens(occurrence: Occurrence, story: number): Entry;
}

export interface ShowOptions {
  readonly api: ApiServer;
  readonly config: Config;
  /** Milliseconds; steady. */
  readonly now: () => number;
  /** Names and uids come from it. */
  readonly seed: number;
}

export function createShow({ api, config, now, seed }: ShowOptions): Show {
  const names = config.receivers.map((receiver) => receiver.name);
  const router = compileRoute(config.route, names, { compat: config.compat === "exporter" });
  const ledger = createLedger(names);
  const watched = watchedBy(config);
  let day: Day | undefined;
  let dayNumber = 0;
  let stories: { title: string; told: number; total: number }[] = [];
  let record = createRecorder(api, { now: Date.now, random: seeded(seed) });

  function entryOf(stored: Stored, subject: Subject, writtenAt: number): Omit<Entry, "arrived"> {
    const plain = normalise(stored.event);
    const { labels = {} } = subject.metadata;
    const event = config.omitLookup ? plain : { ...plain, involvedObject: { ...plain.involvedObject, labels } };
    const routed = new Set(watched(stored.event) ? router.route(event) : []);
    const again = occurrences(event) > 1;
    return {
      id: event.id,
      writtenAt,
      object: `${subject.kind}/${subject.metadata.name}`,
      type: event.type,
      reason: event.reason,
      message: event.message,
      count: occurrences(event),
      routed: config.receivers.map(({ updates }, index) => routed.has(index) && !(again && updates === "first")),
    };
  }

  return {
    ledger,
    get stories() {
      return stories;
    },
    get dayNumber() {
      return dayNumber;
    },
    begin() {
      for (const object of day?.objects ?? []) api.removeObject(object);
      api.compact();
      const random = seeded(seed + dayNumber);
      day = tellDay(random);
      dayNumber++;
      record = createRecorder(api, { now: Date.now, random });
      stories = day.stories.map(({ title, occurrences }) => ({ title, told: 0, total: occurrences.length }));
      for (const object of day.objects) api.putObject(object);
      return day;
    },
    happens(occurrence, index) {
      const { on } = occurrence;
      // A pod of a StatefulSet has the name of the one that it replaces.
      if (on.kind === "Pod") api.putObject(on);
      const writtenAt = now();
      const entry = ledger.write(entryOf(record(occurrence), on, writtenAt));
      const story = stories[index];
      if (story) story.told++;
      return entry;
    },
  };
}

/** Which events a config's watches bring at all. */
function watchedBy(config: Config): Selector {
  const { sidecar, namespaces, excludeNamespaces } = config;
  const inside = sidecar ? [sidecar.namespace] : namespaces;
  const fields = fieldSelector(config.fieldSelector, config.api === "v1" ? "" : "events.k8s.io");
  const labels = labelSelector(config.labelSelector);
  return (event) =>
    (inside.length === 0 || inside.includes(event.metadata.namespace)) &&
    !excludeNamespaces.includes(event.metadata.namespace) &&
    (sidecar === undefined || event.involvedObject.name === sidecar.pod) &&
    fields(event) &&
    labels(event);
}

/** What Petrel's own metrics say of a receiver, all reasons and labels added up. */
export function readCounters(metrics: Metrics, receivers: readonly string[]): readonly Counters[] {
  const text = metrics.expose("prometheus");
  const sum = (metric: string, receiver: string) => {
    let total = 0;
    for (const [, labels = "", value] of text.matchAll(new RegExp(`^${metric}\\{([^}]*)\\} (\\S+)`, "gm"))) {
      if (labels.split(",").includes(`receiver=${JSON.stringify(receiver)}`)) total += Number(value);
    }
    return total;
  };
  return receivers.map((receiver) => ({
    delivered: sum("petrel_events_delivered_total", receiver),
    failed: sum("petrel_events_failed_total", receiver),
    retried: sum("petrel_events_retried_total", receiver),
    dropped: sum("petrel_events_dropped_total", receiver),
  }));
}

export type Counters = Pick<ReceiverState, "delivered" | "failed" | "retried" | "dropped">;
