/** How a stored event is shown to clients: as an object, and as the lines of a watch. */
import { asEventsV1, type Change, type Stored } from "./event-store.ts";
import type { Selector } from "./selectors.ts";

/** What a request is for: the API group, "" for core, and which events. */
export interface Watched {
  readonly group: string;
  readonly matches: Selector;
}

export function objectOf(item: Stored, group: string): Record<string, unknown> {
  if (group === "") return { kind: "Event", apiVersion: "v1", ...item.event };
  return { kind: "Event", apiVersion: `${group}/v1`, ...asEventsV1(item.event) };
}

export const line = (type: string, item: Stored, group: string): string =>
  `${JSON.stringify({ type, object: objectOf(item, group) })}\n`;

/** What a write looks like to a watch with a selector: an event may come into its sight, or leave it. */
export function lineOf({ version, before, after }: Change, { matches, group }: Watched): string | undefined {
  const was = before !== undefined && matches(before.event);
  if (after !== undefined && matches(after.event)) return line(was ? "MODIFIED" : "ADDED", after, group);
  if (!was) return undefined;
  const metadata = { ...before.event.metadata, resourceVersion: String(version) };
  return line("DELETED", { ...before, event: { ...before.event, metadata } }, group);
}

/** `end`: the one that closes the initial events. */
export function bookmark(group: string, version: number, end: boolean): string {
  const annotations = end ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const metadata = { resourceVersion: String(version), creationTimestamp: null, ...annotations };
  const times = group === "" ? { firstTimestamp: null, lastTimestamp: null, eventTime: null } : { eventTime: null };
  const rest =
    group === ""
      ? { involvedObject: {}, source: {}, ...times, reportingComponent: "", reportingInstance: "" }
      : { ...times, regarding: {}, deprecatedSource: {} };
  const apiVersion = group === "" ? "v1" : `${group}/v1`;
  return `${JSON.stringify({ type: "BOOKMARK", object: { kind: "Event", apiVersion, metadata, ...rest } })}\n`;
}
