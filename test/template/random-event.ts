/** Events that no cluster would send but that an API server would take. */
import type { Random } from "./grammar.ts";
import type { EventEntry } from "./vectors.ts";

const TEXTS = [
  ...[
    "",
    "Pod",
    "kube-system",
    "a",
    "web-0",
    "größer ✓",
    "<b>&\"'</b>",
    "line\nline",
    "  x ",
    "{{ .Name }}",
    "💡",
    "日本語",
    "%s%d",
    "\\n",
    "\u0000",
  ],
  ...[
    "v1",
    "apps/v1",
    "spec.containers{web}",
    "Back-off restarting failed container",
    "10",
    "1.5",
    "true",
    "a.b.c/d",
    "&",
    "\u2028",
  ],
] as const;

const TIMES = [
  ...[
    "2026-11-20T21:44:18Z",
    "2024-02-29T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
  ],
  ...["2026-03-29T03:30:00+02:00", "2000-01-01T00:00:00-05:30", null, null],
] as const;

const MICRO_TIMES = [
  "2026-11-20T21:46:34.727123Z",
  "2026-11-20T21:46:34.000000Z",
  "2026-11-20T21:46:34.100000Z",
  null,
] as const;

/** Named `random`. */
export function randomEvent(random: Random): EventEntry {
  const text = (): string => random.pick(TEXTS);
  const maybe = <T>(make: () => T): T | undefined => (random.chance(0.6) ? make() : undefined);
  const texts = (): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: random.below(5) }, () => [
        random.pick(["app", "team", "a.b/c", "x", "", "É", "nope", "owner"]),
        text(),
      ]),
    );
  const reference = () => ({
    kind: text(),
    namespace: text(),
    name: text(),
    uid: text(),
    apiVersion: text(),
    resourceVersion: text(),
    fieldPath: text(),
  });
  const owner = () => ({
    apiVersion: text(),
    kind: text(),
    name: text(),
    uid: text(),
    ...(random.chance(0.5) ? { controller: random.chance(0.5) } : {}),
  });
  const given = <T extends object>(parts: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
    Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as {
      [K in keyof T]: Exclude<T[K], undefined>;
    };
  return {
    name: "random",
    clusterName: text(),
    event: given({
      metadata: given({
        name: text(),
        namespace: text(),
        uid: text(),
        resourceVersion: text(),
        // Never null: an API server sets it.
        creationTimestamp: random.pick(TIMES) ?? "2026-11-20T21:44:18Z",
        labels: maybe(texts),
        annotations: maybe(texts),
        generateName: maybe(text),
        generation: maybe(() => random.below(5)),
        ownerReferences: maybe(() => [owner()]),
        finalizers: maybe(() => [text(), text()]),
      }),
      involvedObject: random.chance(0.8) ? reference() : {},
      reason: maybe(text),
      message: maybe(text),
      source: random.chance(0.5) ? { component: text(), host: text() } : {},
      firstTimestamp: random.pick(TIMES),
      lastTimestamp: random.pick(TIMES),
      count: maybe(() => random.pick([0, 1, 2, 7, 2_147_483_647, -1])),
      type: maybe(() => random.pick(["Normal", "Warning", ""])),
      eventTime: random.pick(MICRO_TIMES),
      series: maybe(() => ({ count: random.below(10), lastObservedTime: random.pick(MICRO_TIMES) })),
      action: maybe(text),
      related: maybe(reference),
      reportingComponent: text(),
      reportingInstance: text(),
    }) as EventEntry["event"],
    object: given({
      labels: maybe(texts),
      annotations: maybe(texts),
      ownerReferences: maybe(() => [owner()]),
      deleted: random.chance(0.3),
    }),
  };
}
