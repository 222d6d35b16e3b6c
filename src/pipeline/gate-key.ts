/** What makes two events the same to a gate that counts them together. */
import type { Event } from "../event.ts";

/** Parts of an event that gates tell events apart by. `involvedObject`: the object itself, by its uid if it has one. */
export const KEY_FIELDS = [
  "namespace",
  "involvedObject",
  "reason",
  "message",
  "type",
  "kind",
  "name",
  "component",
  "host",
] as const;
export type KeyField = (typeof KEY_FIELDS)[number];

const READ: Readonly<Record<KeyField, (event: Event) => string>> = {
  namespace: (event) => event.metadata.namespace ?? "",
  involvedObject: (event) => event.objectKey,
  reason: (event) => event.reason,
  message: (event) => event.message,
  type: (event) => event.type,
  kind: (event) => event.involvedObject.kind ?? "",
  name: (event) => event.involvedObject.name ?? "",
  component: (event) => event.source.component || event.reportingComponent,
  host: (event) => event.source.host || event.reportingInstance,
};

/** A longer text counts by its hash, so that what gates remember is bounded in bytes, too. */
const MAX_PART = 128;

/** The key of events that agree in these fields. */
export function keyOf(by: readonly KeyField[]): (event: Event) => string {
  const reads = by.map((field) => READ[field]);
  return (event) => {
    let key = "";
    for (const read of reads) {
      const part = read(event);
      key += `${part.length <= MAX_PART ? part : `#${Bun.hash.xxHash64(part).toString(36)}.${part.length}`}\0`;
    }
    return key;
  };
}
