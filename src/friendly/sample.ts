/** Events that are worded as the table says: for its docs, and for tests. */
import type { Event } from "../event.ts";
import { normalise } from "../normalise.ts";
import { type Definition, POD, type Row, type Wording } from "./definition.ts";
import { friendlyData, type Told, told } from "./parse.ts";

const first = (one: string | readonly string[]): string => (typeof one === "string" ? one : (one[0] ?? ""));

/** `style`: who wrote it, an old-style recorder (both components) or a new-style one (the reporting component alone). */
export function sampleEvent(definition: Definition, row: Row, wording: Wording, style: "old" | "new" = "old"): Event {
  const kind = row.on ?? definition.about?.kind ?? POD.kind;
  const component = first(row.component ?? "default-scheduler");
  const namespace = kind === "Node" ? {} : { namespace: "shop" };
  return normalise({
    metadata: { name: "sample.17aa", namespace: "shop", uid: "6a0f3d8e", resourceVersion: "1" },
    involvedObject: { kind, ...namespace, name: kind === "Node" ? "node-1" : "web-1", uid: "8a43" },
    reason: first(row.reason),
    message: wording.sample,
    type: row.severity ?? "Normal",
    reportingComponent: component,
    ...(style === "old"
      ? {
          source: { component },
          firstTimestamp: "2026-11-20T21:44:18Z",
          lastTimestamp: "2026-11-20T21:44:18Z",
          count: 1,
        }
      : { eventTime: "2026-11-20T21:44:18.000000Z" }),
  });
}

/** The data of a sample. Throws when the table does not hold for itself. */
export function sampleData(definition: Definition, row: Row, wording: Wording): Readonly<Record<string, unknown>> {
  const event = sampleEvent(definition, row, wording);
  const found: Told | undefined = told(event);
  if (found?.definition !== definition)
    throw new Error(`${definition.type}: ${wording.sample} is not understood as it`);
  return friendlyData(event, found);
}
