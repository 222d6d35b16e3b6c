/**
 * The parts of Kubernetes' objects that events share with others (apimachinery meta/v1, references), as Go structs.
 *
 * @see https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#ObjectMeta
 */
import type { ObjectMeta, ObjectReference, OwnerReference } from "../event.ts";
import { BOOL, INT64, mapOf, ptrTo, STRING, sliceOf, stringType, structType } from "../template/types.ts";
import { type Field, Ptr, type Type, type Value } from "../template/value.ts";
import {
  addItself,
  compact,
  field,
  generated,
  mapText,
  method,
  nothing,
  pointerText,
  shown,
  sorted,
  text,
} from "./struct-type.ts";
import { META_TIME, parseTimestamp, timestamp } from "./time-type.ts";

export const UID: Type = stringType("types.UID");
export const LABELS: Type = mapOf(STRING);
const TEXTS: Type = sliceOf(STRING);

// --- group, version, kind --------------------------------------------------------------------------------------------

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const GROUP_VERSION_KIND: Type = structType(
  "schema.GroupVersionKind",
  [
    field("Group", STRING, (self: GroupVersionKind) => self.group),
    field("Version", STRING, (self: GroupVersionKind) => self.version),
    field("Kind", STRING, (self: GroupVersionKind) => self.kind),
  ],
  {
    String: {
      params: [],
      result: STRING,
      call: (self) => {
        const { group, version, kind } = self as GroupVersionKind;
        return `${group}/${version}, Kind=${kind}`;
      },
    },
  },
);

function groupVersionKind(self: { readonly apiVersion?: string; readonly kind?: string }): Value {
  const { apiVersion = "", kind = "" } = self;
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  return GROUP_VERSION_KIND.box({ group, version: apiVersion.slice(slash + 1), kind }, false);
}

/** Always empty: the exporter's client drops both. */
export const TYPE_META: Type = structType(
  "v1.TypeMeta",
  [field("Kind", STRING, () => ""), field("APIVersion", STRING, () => "")],
  {
    String: text(() => "&TypeMeta{Kind:,APIVersion:,}"),
    GroupVersionKind: method(GROUP_VERSION_KIND, () => groupVersionKind({})),
  },
  { json: () => ({}) },
);

addItself(TYPE_META, ["GetObjectKind"]);

// --- references ------------------------------------------------------------------------------------------------------

const REFERENCE_FIELDS: readonly Field[] = [
  field("Kind", STRING, (self: ObjectReference) => self.kind ?? ""),
  field("Namespace", STRING, (self: ObjectReference) => self.namespace ?? ""),
  field("Name", STRING, (self: ObjectReference) => self.name ?? ""),
  field("UID", UID, (self: ObjectReference) => self.uid ?? ""),
  field("APIVersion", STRING, (self: ObjectReference) => self.apiVersion ?? ""),
  field("ResourceVersion", STRING, (self: ObjectReference) => self.resourceVersion ?? ""),
  field("FieldPath", STRING, (self: ObjectReference) => self.fieldPath ?? ""),
];

export function referenceText(self: ObjectReference): string {
  return generated(
    "ObjectReference",
    REFERENCE_FIELDS.map(({ name, get }) => [name, String(get(self))]),
  );
}

export function referenceJson(self: ObjectReference): Record<string, unknown> {
  const { kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath } = self;
  return compact({ kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath });
}

export const OBJECT_REFERENCE: Type = structType(
  "v1.ObjectReference",
  REFERENCE_FIELDS,
  {
    String: text(referenceText),
    GroupVersionKind: method(GROUP_VERSION_KIND, groupVersionKind),
  },
  { json: (native) => referenceJson(native as ObjectReference) },
);
addItself(OBJECT_REFERENCE, ["GetObjectKind", "DeepCopy", "DeepCopyObject"]);

export function ownerJson(self: OwnerReference): Record<string, unknown> {
  const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = self;
  return {
    apiVersion,
    kind,
    name,
    uid,
    ...(controller === undefined ? {} : { controller }),
    ...(blockOwnerDeletion === undefined ? {} : { blockOwnerDeletion }),
  };
}

function ownerText(self: OwnerReference): string {
  return generated("OwnerReference", [
    ["Kind", self.kind],
    ["Name", self.name],
    ["UID", self.uid],
    ["APIVersion", self.apiVersion],
    ["Controller", pointerText(self.controller)],
    ["BlockOwnerDeletion", pointerText(self.blockOwnerDeletion)],
  ]);
}

export const OWNER_REFERENCE: Type = structType(
  "v1.OwnerReference",
  [
    field("APIVersion", STRING, (self: OwnerReference) => self.apiVersion),
    field("Kind", STRING, (self: OwnerReference) => self.kind),
    field("Name", STRING, (self: OwnerReference) => self.name),
    field("UID", UID, (self: OwnerReference) => self.uid),
    field("Controller", ptrTo(BOOL), (self: OwnerReference) => self.controller),
    field("BlockOwnerDeletion", ptrTo(BOOL), (self: OwnerReference) => self.blockOwnerDeletion),
  ],
  { String: text(ownerText) },
  { json: (native) => ownerJson(native as OwnerReference) },
);
export const OWNER_REFERENCES: Type = sliceOf(OWNER_REFERENCE);

// --- metadata ----------------------------------------------------------------------------------------------------------

const MANAGED_FIELDS: Type = sliceOf(structType("v1.ManagedFieldsEntry", []));

const META_FIELDS = {
  Name: [STRING, (self: ObjectMeta) => self.name ?? ""],
  GenerateName: [STRING, (self: ObjectMeta) => self.generateName ?? ""],
  Namespace: [STRING, (self: ObjectMeta) => self.namespace ?? ""],
  SelfLink: [STRING, (self: ObjectMeta) => self.selfLink ?? ""],
  UID: [UID, (self: ObjectMeta) => self.uid ?? ""],
  ResourceVersion: [STRING, (self: ObjectMeta) => self.resourceVersion ?? ""],
  Generation: [INT64, (self: ObjectMeta) => self.generation ?? 0],
  CreationTimestamp: [META_TIME, (self: ObjectMeta) => parseTimestamp(self.creationTimestamp)],
  DeletionTimestamp: [
    ptrTo(META_TIME),
    (self: ObjectMeta) => (self.deletionTimestamp === undefined ? null : parseTimestamp(self.deletionTimestamp)),
  ],
  DeletionGracePeriodSeconds: [ptrTo(INT64), (self: ObjectMeta) => self.deletionGracePeriodSeconds],
  Labels: [LABELS, (self: ObjectMeta) => self.labels],
  Annotations: [LABELS, (self: ObjectMeta) => self.annotations],
  OwnerReferences: [OWNER_REFERENCES, (self: ObjectMeta) => self.ownerReferences],
  Finalizers: [TEXTS, (self: ObjectMeta) => self.finalizers],
  // Dropped by the exporter before anything sees the event.
  ManagedFields: [MANAGED_FIELDS, () => undefined],
} as const satisfies Readonly<Record<string, readonly [Type, (self: ObjectMeta) => unknown]>>;

function metaText(self: ObjectMeta): string {
  const plain = (name: keyof typeof META_FIELDS): readonly [string, string] => {
    const [type, get] = META_FIELDS[name];
    return [name, shown(type, get(self))];
  };
  const owners = (self.ownerReferences ?? []).map((owner) => `${ownerText(owner).slice(1)},`).join("");
  return generated("ObjectMeta", [
    plain("Name"),
    plain("GenerateName"),
    plain("Namespace"),
    plain("SelfLink"),
    plain("UID"),
    plain("ResourceVersion"),
    plain("Generation"),
    plain("CreationTimestamp"),
    plain("DeletionTimestamp"),
    ["DeletionGracePeriodSeconds", pointerText(self.deletionGracePeriodSeconds)],
    ["Labels", mapText(self.labels)],
    ["Annotations", mapText(self.annotations)],
    ["OwnerReferences", `[]OwnerReference{${owners}}`],
    plain("Finalizers"),
    ["ManagedFields", "[]ManagedFieldsEntry{}"],
  ]);
}

/** metadata as the exporter's JSON has it: a creation time that is not set is null. */
export function metaJson(self: ObjectMeta): Record<string, unknown> {
  const { name, generateName, namespace, selfLink, uid, resourceVersion, generation } = self;
  const { deletionTimestamp, deletionGracePeriodSeconds, labels, annotations, ownerReferences, finalizers } = self;
  return {
    ...compact({ name, generateName, namespace, selfLink, uid, resourceVersion, generation }),
    creationTimestamp: timestamp(parseTimestamp(self.creationTimestamp), 0),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: timestamp(parseTimestamp(deletionTimestamp), 0) }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    ...compact({
      labels: sorted(labels),
      annotations: sorted(annotations),
      ownerReferences: ownerReferences?.map(ownerJson),
      finalizers,
    }),
  };
}

export const OBJECT_META: Type = structType(
  "v1.ObjectMeta",
  Object.entries(META_FIELDS).map(([name, [type, get]]) => field(name, type, get)),
  { String: text(metaText) },
  { json: (native) => metaJson(native as ObjectMeta) },
);
for (const [name, [type, get]] of Object.entries(META_FIELDS)) {
  OBJECT_META.methods.set(
    `Get${name}`,
    method(type, (self: ObjectMeta) => type.box(get(self), false)),
  );
  OBJECT_META.methods.set(`Set${name}`, nothing(`Set${name}`, type));
}
OBJECT_META.methods.set(
  "GetObjectMeta",
  method(ptrTo(OBJECT_META), (self) => new Ptr(ptrTo(OBJECT_META), self)),
);
