/** Templates that a config does not mention: their defaults are Go templates, whatever its own are written in. */
import { z } from "zod";
import { unwrap } from "./decode.ts";

/** The settings of a receiver in eta, with each default of a template marked as what it is. `given`: what is written. */
export function withGoDefaults(
  settings: Readonly<Record<string, unknown>>,
  given: unknown,
  schema: z.ZodObject,
): Record<string, unknown> {
  const written = new Set(typeof given === "object" && given !== null ? Object.keys(given) : []);
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => {
      const field = schema.shape[key] as z.ZodType | undefined;
      return [key, field === undefined || written.has(key) ? value : marked(value, field)];
    }),
  );
}

function marked(value: unknown, field: z.ZodType): unknown {
  const { schema, kind } = unwrap(field);
  if (kind === "template") return typeof value === "string" ? { go: value } : value;
  if (!(schema instanceof z.ZodRecord) || typeof value !== "object" || value === null) return value;
  const each = schema.def.valueType as z.ZodType;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, marked(one, each)]));
}
