/** Events in Avro, as kubernetes-event-exporter encodes them: by linkedin/goavro from "standard JSON". */
import { ConfigError, DeliveryError } from "../errors.ts";

export interface AvroSettings {
  /** 32 hexadecimal digits. */
  readonly schemaID: string;
  /** JSON of a schema. */
  readonly schema: string;
}

const EXCERPT = 256;

/**
 * Encodes an event's JSON: a zero byte, the 16 bytes of the schema's id (which is not the header of Confluent's registry,
 * whose ids have 4), then the event. Keys that the schema has not are left out, where goavro refused the event. Throws
 * ConfigError for a schema that is none; the result throws DeliveryError("rejected") for an event that does not fit.
 */
export async function avroEncoder({ schemaID, schema }: AvroSettings): Promise<(json: string) => Buffer> {
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
