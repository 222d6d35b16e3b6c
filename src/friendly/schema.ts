/** The JSON Schemas of what CloudEvents hold: one per type, draft 2020-12. */
import { RAW_TYPE, schemaId } from "../cloudevents.ts";
import type { Definition } from "./definition.ts";
import type { Field, Leaf, Shape } from "./shape.ts";
import { TABLE } from "./table.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const DRAFT = "https://json-schema.org/draft/2020-12/schema";
const TEXTS = { type: "object", additionalProperties: { type: "string" } };
const COUNT = { type: "integer", minimum: 0 };
const NAME = { type: "string", minLength: 1 };

/** Properties may be added without a new version, so that none but the known are described, and others are allowed. */
function objectOf(fields: Readonly<Record<string, JsonSchema>>, required: readonly string[]): JsonSchema {
  return { type: "object", ...(required.length > 0 && { required }), properties: fields };
}

function leafSchema({ kind }: Leaf): JsonSchema {
  switch (kind) {
    case "text":
      return NAME;
    case "integer":
      return COUNT;
    case "labels":
      return TEXTS;
    case "words":
      return { type: "array", items: NAME, minItems: 1 };
    case "counted":
      return { type: "array", items: objectOf({ count: COUNT, reason: NAME }, ["reason"]), minItems: 1 };
    case "groups": {
      const sizeInfo = objectOf({ new: COUNT, old: COUNT, maximum: COUNT }, ["new", "old", "maximum"]);
      return { type: "array", items: objectOf({ name: NAME, sizeInfo }, ["name", "sizeInfo"]), minItems: 1 };
    }
  }
}

function fieldSchema(field: Field): JsonSchema {
  const schema = field.kind === "object" ? shapeSchema(field.fields) : leafSchema(field);
  return { description: field.description, ...schema };
}

function shapeSchema(shape: Shape): JsonSchema {
  const fields = Object.entries(shape);
  return objectOf(
    Object.fromEntries(fields.map(([key, field]) => [key, fieldSchema(field)])),
    fields.filter(([, { optional }]) => !optional).map(([key]) => key),
  );
}

/** Of the data of one type. */
export function schemaOf({ type, summary, shape }: Definition): JsonSchema {
  return { $schema: DRAFT, $id: schemaId(type), title: type, description: summary, ...shapeSchema(shape) };
}

const TEXT = { type: "string" };
const TIME = { type: ["string", "null"], format: "date-time" };
const META = objectOf(
  {
    name: TEXT,
    namespace: TEXT,
    uid: TEXT,
    resourceVersion: TEXT,
    creationTimestamp: TIME,
    labels: TEXTS,
    annotations: TEXTS,
  },
  ["creationTimestamp"],
);
const REFERENCE = {
  kind: TEXT,
  namespace: TEXT,
  name: TEXT,
  uid: TEXT,
  apiVersion: TEXT,
  resourceVersion: TEXT,
  fieldPath: TEXT,
};
const OWNERS = { type: "array", items: objectOf({ apiVersion: TEXT, kind: TEXT, name: TEXT, uid: TEXT }, []) };

/** The event as `eventJson` writes it, which is as kubernetes-event-exporter does. */
const RAW: JsonSchema = {
  $schema: DRAFT,
  $id: schemaId(RAW_TYPE),
  title: RAW_TYPE,
  description: "The event itself, with the metadata of its object as far as it was looked up.",
  ...objectOf(
    {
      metadata: META,
      reason: TEXT,
      message: TEXT,
      source: objectOf({ component: TEXT, host: TEXT }, []),
      firstTimestamp: TIME,
      lastTimestamp: TIME,
      count: { type: "integer" },
      type: TEXT,
      eventTime: TIME,
      series: objectOf({ count: { type: "integer" }, lastObservedTime: TIME }, ["lastObservedTime"]),
      action: TEXT,
      related: objectOf(REFERENCE, []),
      reportingComponent: TEXT,
      reportingInstance: TEXT,
      clusterName: TEXT,
      clusterEnvironment: TEXT,
      involvedObject: objectOf(
        { ...REFERENCE, labels: TEXTS, annotations: TEXTS, ownerReferences: OWNERS, deleted: { type: "boolean" } },
        ["deleted"],
      ),
    },
    [
      "metadata",
      "source",
      "firstTimestamp",
      "lastTimestamp",
      "eventTime",
      "reportingComponent",
      "reportingInstance",
      "clusterName",
      "involvedObject",
    ],
  ),
};

/** All of them, by type. */
export function schemas(): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries([[RAW_TYPE, RAW], ...TABLE.map((definition) => [definition.type, schemaOf(definition)])]);
}
