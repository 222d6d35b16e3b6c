/**
 * How far a receiver has come, in the words of the API server, and checkpoints: all of these as text.
 *
 * A watch delivers in resourceVersion order, and the versions of one event store compare as integers, so a version and
 * the few exceptions below it say all: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions.
 */

import type { ClusterId } from "../kube/cluster-id.ts";
import type { Remembered } from "./store.ts";

/** Everything up to `high` is done with, but the versions in `open`; those ascend. */
export interface Position {
  readonly high: number;
  readonly open: readonly number[];
}

/** Versions that a position may list: beyond, its `high` is lower than it could be. */
export const MAX_OPEN = 256;

/** By watch key. */
export type Positions = ReadonlyMap<string, Position>;

export interface Checkpoint {
  readonly cluster: ClusterId;
  /** By receiver. */
  readonly receivers: ReadonlyMap<string, Positions>;
  /** What sinks remember. */
  readonly remembered: Remembered;
}

/** The position of at most {@link MAX_OPEN} exceptions that says no more than is true. */
export function boundedPosition(high: number, open: readonly number[]): Position {
  const limit = open[MAX_OPEN];
  return limit === undefined ? { high, open } : { high: limit - 1, open: open.slice(0, MAX_OPEN) };
}

export function isDone({ high, open }: Position, version: number): boolean {
  return version <= high && !open.includes(version);
}

/** Everything up to here is done with. */
export function lowOf({ high, open }: Position): number {
  return open.length === 0 ? high : Math.min(high, (open[0] ?? high) - 1);
}

/**
 * What is known from before and what was done since. `since` comes from events that were told again from below
 * `before.high`, so it counts for as far as it has come, and `before` beyond.
 */
export function combine(before: Position | undefined, since: Position | undefined): Position | undefined {
  if (!before || !since) return since ?? before;
  if (since.high >= before.high) return since;
  const open = new Set(before.open.filter((version) => version > since.high));
  for (const version of since.open) if (!isDone(before, version)) open.add(version);
  return boundedPosition(
    before.high,
    [...open].sort((a, b) => a - b),
  );
}

const FORMAT = 1;

/** Compact, and the same text for the same positions. */
export function formatCheckpoint({ cluster, receivers, remembered }: Checkpoint): string {
  const positions = [...receivers].map(([name, byWatch]) => [
    name,
    Object.fromEntries([...byWatch].map(([key, { high, open }]) => [key, open.length === 0 ? high : [high, ...open]])),
  ]);
  return JSON.stringify({
    format: FORMAT,
    cluster,
    receivers: Object.fromEntries(positions),
    ...(Object.keys(remembered).length > 0 && { remembered }),
  });
}

/** @throws Error that says what is wrong with it. */
export function parseCheckpoint(text: string): Checkpoint {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  const { format, cluster, receivers, remembered = {} } = objectOf(input, "it");
  if (format !== FORMAT) throw new Error(`its format is ${JSON.stringify(format)}, and this petrel knows ${FORMAT}`);
  return {
    cluster: typeof cluster === "object" && cluster !== null ? cluster : {},
    remembered: Object.fromEntries(
      Object.entries(objectOf(remembered, "remembered")).map(([name, entries]) => [name, entriesOf(entries)]),
    ),
    receivers: new Map(
      Object.entries(objectOf(receivers, "receivers")).map(([name, byWatch]) => [
        name,
        new Map(Object.entries(objectOf(byWatch, name)).map(([key, value]) => [key, positionOf(value, name)])),
      ]),
    ),
  };
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

/** What is no pair of texts is forgotten, as sinks must live with anyway. */
function entriesOf(value: unknown): (readonly [string, string])[] {
  const pairs: unknown[] = Array.isArray(value) ? value : [];
  return pairs.flatMap((pair): (readonly [string, string])[] => {
    const [key, json] = Array.isArray(pair) ? pair : [];
    return typeof key === "string" && typeof json === "string" ? [[key, json]] : [];
  });
}

function positionOf(value: unknown, receiver: string): Position {
  const [high, ...open] = Array.isArray(value) ? value : [value];
  const numbers = [high, ...open].every((one) => Number.isSafeInteger(one) && one >= 0);
  if (!numbers) throw new Error(`the position of ${receiver} is no resourceVersion`);
  return { high, open: open.sort((a: number, b: number) => a - b) };
}
