/**
 * A Lease as leader election reads and writes it, in the words of client-go: pure, and kind to what else it holds.
 * @see https://github.com/kubernetes/client-go/blob/master/tools/leaderelection/resourcelock/leaselock.go
 */
import { memberOf, textOf } from "./json.ts";

/** Holds a checkpoint, as JSON in one line. */
export const CHECKPOINT_ANNOTATION = "petrel.dev/checkpoint";

/** What the API server allows to keys and values of all annotations of an object. @see ValidateAnnotationsSize in k8s.io/apimachinery */
const ANNOTATIONS_MAX = 256 * 1024;

/** What an election goes by. Times are of the holder's clock, so nobody compares them; they only change. */
export interface LeaseRecord {
  /** Empty: given up. */
  readonly holder: string;
  readonly durationSeconds: number;
  /** metav1.MicroTime. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
}

/** The object as the API server gave it. */
export interface Lease {
  readonly object: Readonly<Record<string, unknown>>;
  readonly record: LeaseRecord;
  /** Of {@link CHECKPOINT_ANNOTATION}. */
  readonly checkpoint: string | undefined;
}

/** Anything at all is a Lease: what it lacks is empty or 0, and it then counts as expired, as client-go has it. */
export function readLease(object: unknown): Lease {
  const spec = memberOf(object, "spec");
  return {
    object: recordOf(object),
    record: {
      holder: textOf(spec, "holderIdentity") ?? "",
      durationSeconds: numberOf(spec, "leaseDurationSeconds"),
      acquireTime: textOf(spec, "acquireTime") ?? "",
      renewTime: textOf(spec, "renewTime") ?? "",
      transitions: numberOf(spec, "leaseTransitions"),
    },
    checkpoint: textOf(annotationsOf(object), CHECKPOINT_ANNOTATION),
  };
}

/** The same object with another record and checkpoint; labels, owners, other annotations and the resourceVersion stay. */
export function writtenLease(lease: Lease, record: LeaseRecord, checkpoint: string | undefined): unknown {
  const metadata = recordOf(memberOf(lease.object, "metadata"));
  const annotations = { ...annotationsOf(lease.object) };
  if (checkpoint !== undefined) annotations[CHECKPOINT_ANNOTATION] = checkpoint;
  return {
    ...lease.object,
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: specOf(record),
  };
}

export function newLease(
  namespace: string,
  name: string,
  record: LeaseRecord,
  checkpoint: string | undefined,
): unknown {
  const annotations = checkpoint === undefined ? undefined : { [CHECKPOINT_ANNOTATION]: checkpoint };
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace, ...(annotations && { annotations }) },
    spec: specOf(record),
  };
}

/** Bytes that a checkpoint may have beside the other annotations. */
export function roomForCheckpoint(lease: Lease): number {
  let room = ANNOTATIONS_MAX - CHECKPOINT_ANNOTATION.length;
  for (const [key, value] of Object.entries(annotationsOf(lease.object))) {
    if (key !== CHECKPOINT_ANNOTATION) room -= Buffer.byteLength(key) + Buffer.byteLength(String(value));
  }
  return room;
}

/** metav1.MicroTime: RFC 3339 with six digits, of milliseconds since 1970. */
export function microTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

function specOf(record: LeaseRecord): Record<string, unknown> {
  return {
    holderIdentity: record.holder,
    leaseDurationSeconds: record.durationSeconds,
    acquireTime: record.acquireTime,
    renewTime: record.renewTime,
    leaseTransitions: record.transitions,
  };
}

function annotationsOf(object: unknown): Readonly<Record<string, unknown>> {
  return recordOf(memberOf(memberOf(object, "metadata"), "annotations"));
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function numberOf(value: unknown, key: string): number {
  const number = memberOf(value, key);
  return typeof number === "number" ? number : 0;
}
