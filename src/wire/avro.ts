/** Events in Avro, as kubernetes-event-exporter encodes them: by linkedin/goavro from "standard JSON". */
import type { Fields } from "../config/fields.ts";
import { ConfigError, DeliveryError } from "../errors.ts";

export const avroSettings = (field: Fields) =>
  field.object({
    schemaID: field
      .text()
      .regex(/^(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{32})?$/, "expected 32 hexadecimal digits, or 8")
      .default("")
      .describe(
        "Id of the schema; its bytes go before each event, after a zero byte. 32 hexadecimal digits, as kubernetes-event-exporter has them, or 8: the number that Confluent's registry gave the schema, as `'0000002a'` for 42. Empty: no Avro.",
      ),
    schema: field.text().default("").describe("The schema, as JSON. Of a union's types no two may look alike in JSON."),
  });

interface Avro {
  readonly schemaID: string;
  readonly schema: string;
}

const EXCERPT = 256;

/**
 * Encodes an event's JSON: a zero byte, the bytes of the schema's id (the exporter's has 16, Confluent's 4, see
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format), then the event. Keys that the schema has not are left out, where goavro refused the event. Throws
 * ConfigError for a schema that is none; the result throws DeliveryError("rejected") for an event that does not fit.
 */
export async function avroEncoder({ schemaID, schema }: Avro): Promise<(json: string) => Buffer> {
  const { Type } = await import("avsc");
  const header = Buffer.concat([Buffer.alloc(1), Buffer.from(schemaID, "hex")]);
  let type: { toBuffer(value: unknown): Buffer };
  try {
    // A value of a union stands for itself in the JSON, so which of its types it has must be plain to see.
    type = Type.forSchema(JSON.parse(schema), { wrapUnions: false });
  } catch (error) {
    throw new ConfigError(`kafka.avro.schema: ${error instanceof Error ? error.message : error}`.slice(0, EXCERPT));
  }
  return (json) => {
    try {
      return Buffer.concat([header, type.toBuffer(JSON.parse(json))]);
    } catch (error) {
      const why = (error instanceof Error ? error.message : String(error)).slice(0, EXCERPT);
      throw new DeliveryError("rejected", `the event does not fit the schema: ${why}`);
    }
  };
}
