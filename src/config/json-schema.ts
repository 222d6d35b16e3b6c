/** The config's JSON Schema: what an editor completes and checks. */
import { z } from "zod";
import type { SinkDefinition } from "../sink.ts";
import { fields } from "./fields.ts";
import { formatDuration } from "./format.ts";
import { receiverSchema, routeSchema, topSchema } from "./schema.ts";

export type JsonSchema = Record<string, unknown>;

const DURATION = "^\\d+(\\.\\d+)?(ms|s|m|h|d)(\\d+(\\.\\d+)?(ms|s|m|h|d))*$";
const RATE = "^\\d+(\\.\\d+)?(\\s*/\\s*(s|m|h|d))?$";
const BYTES = "^\\d+(\\.\\d+)?\\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?$";

/** Draft 7, which is what editors know best. */
export function configJsonSchema(sinks: readonly SinkDefinition[]): JsonSchema {
  const whole = convert(
    z.strictObject({ ...topSchema.shape, route: routeSchema.optional().describe("Which event goes where.") }),
  );
  const definitions: JsonSchema = { ...(whole.definitions as JsonSchema | undefined) };
  const receiver = convert(receiverSchema);
  const properties: JsonSchema = { ...(receiver.properties as JsonSchema) };
  for (const sink of sinks) {
    definitions[sink.name] = sinkJsonSchema(sink);
    // `stdout:` with nothing after it is `stdout: {}`.
    properties[sink.name] = {
      description: sink.summary,
      anyOf: [{ $ref: `#/definitions/${sink.name}` }, { type: "null" }],
    };
  }
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Petrel",
    description: "Takes Kubernetes events and delivers them to the places that people and systems watch.",
    type: "object",
    additionalProperties: false,
    patternProperties: { "^x-": { description: "Ignored: a place for anchors." } },
    properties: {
      ...(whole.properties as JsonSchema),
      receivers: {
        description: "Where events go. Rules of the route name them.",
        type: "array",
        items: {
          type: "object",
          additionalProperties: false,
          properties,
          required: ["name"],
          oneOf: sinks.map((sink) => ({ title: sink.title, required: [sink.name] })),
        },
      },
    },
    definitions,
  };
}

/** Of one sink's settings. */
export function sinkJsonSchema(sink: SinkDefinition): JsonSchema {
  const { $schema: _, ...schema } = convert(sink.config(fields));
  return { ...schema, title: sink.title, description: sink.summary, examples: [sink.example] };
}

function convert(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
    override({ jsonSchema }) {
      const json = jsonSchema as JsonSchema;
      switch (json.kind) {
        case "duration":
          delete json.anyOf;
          json.type = ["string", "number"];
          json.pattern = DURATION;
          if (typeof json.default === "number") json.default = formatDuration(json.default);
          break;
        case "bytes":
          delete json.anyOf;
          json.type = ["string", "integer"];
          json.pattern = BYTES;
          break;
        case "rate":
          delete json.anyOf;
          json.type = ["string", "number"];
          json.pattern = RATE;
          break;
        case "strings":
          delete json.type;
          delete json.items;
          json.anyOf = [{ type: "array", items: { type: "string" } }, { type: "string" }];
          break;
      }
      // What every number that JavaScript holds exactly fulfils says nothing.
      if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
      if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
      delete json.kind;
      delete json.secret;
      delete json.aliases;
      delete json.id;
    },
  }) as JsonSchema;
}
