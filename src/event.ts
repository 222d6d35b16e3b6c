/** The one shape of an event behind the source, and what can be derived from it. */

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-reference/ */
export interface ObjectReference {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly apiVersion?: string;
  readonly resourceVersion?: string;
  readonly fieldPath?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** The object that the event is about, with what a look-up of its metadata added. */
export interface InvolvedObject extends ObjectReference {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  /** True when the object was gone, or going, when it was looked up. */
  readonly deleted: boolean;
}

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly selfLink?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string | null;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

/**
 * An event as the rest of Petrel sees it: core/v1 in the spelling of the exporter's JSON, whichever API it came from.
 * Timestamps are the API's strings (RFC 3339), null when unset. Built once by {@link normalise}, never mutated.
 */
export interface Event {
  /** Stable and unique per state: `<uid>.<resourceVersion>` for watched events. */
  readonly id: string;
  /** What order is kept by: the involved object's uid, else apiVersion/kind/namespace/name, else the event's uid. */
  readonly objectKey: string;

  readonly metadata: ObjectMeta;
  readonly reason: string;
  readonly message: string;
  readonly source: { readonly component?: string; readonly host?: string };
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  /** As written by the API server; 0 for new-style writers. {@link occurrences} is what people mean. */
  readonly count: number;
  readonly type: string;
  readonly eventTime: string | null;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string | null };
  readonly action: string;
  readonly related?: ObjectReference;
  readonly reportingComponent: string;
  readonly reportingInstance: string;
  readonly clusterName: string;
  /** As one fork of the exporter has it; absent unless the config or the event names it. */
  readonly clusterEnvironment?: string;
  readonly involvedObject: InvolvedObject;
  /** The API server told it as a change of an event that was there before. */
  readonly modified?: true;
}
