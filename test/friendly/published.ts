/**
 * The schemas that consumers have: a change must not give them what their schema refuses, or take what it promises.
 * `bun test/friendly/published.ts` adds what is new, and refuses what breaks.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type JsonSchema, schemas } from "../../src/friendly/schema.ts";

const FILE = `${import.meta.dir}/../fixtures/friendly/published-schemas.json`;

export const readPublished = (): Readonly<Record<string, JsonSchema>> => JSON.parse(readFileSync(FILE, "utf8"));

/** What says nothing about a document. */
const WORDS = new Set(["description", "title", "$schema", "examples"]);
/** A greater number is stricter. */
const BOUNDS = new Set(["minimum", "minLength", "minItems"]);

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

/** Where documents of `now` may break who relies on `before`; empty: nowhere. */
export function incompatibilities(before: JsonSchema, now: JsonSchema, at = ""): string[] {
  return Object.entries(before).flatMap(([keyword, old]) => {
    const value = now[keyword];
    if (WORDS.has(keyword)) return [];
    if (BOUNDS.has(keyword)) return Number(value) >= Number(old) ? [] : [`${at} ${keyword} is lower`];
    switch (keyword) {
      case "type":
      case "enum": {
        const more = listOf(value).filter((one) => !listOf(old).includes(one));
        const any = value === undefined ? ["anything"] : more;
        return any.map((one) => `${at} may be ${one}`);
      }
      case "required":
        return listOf(old)
          .filter((one) => !listOf(value).includes(one))
          .map((one) => `${at}.${one} may be absent`);
      case "properties":
        return Object.entries(isObject(old) ? old : {}).flatMap(([name, schema]) => {
          const other = isObject(value) ? value[name] : undefined;
          if (!isObject(other)) return [`${at}.${name} is gone`];
          return incompatibilities(schema as JsonSchema, other, `${at}.${name}`);
        });
      case "items":
      case "additionalProperties":
        if (isObject(old) && isObject(value)) return incompatibilities(old, value, `${at}[]`);
        return Bun.deepEquals(old, value) ? [] : [`${at} ${keyword} is another`];
      default:
        return Bun.deepEquals(old, value) ? [] : [`${at} ${keyword} is another`];
    }
  });
}

/** Of all types. */
export function breaking(
  published: Readonly<Record<string, JsonSchema>>,
  now: Readonly<Record<string, JsonSchema>>,
): string[] {
  return Object.entries(published).flatMap(([type, schema]) => {
    const current = now[type];
    if (current === undefined) return [`${type} is gone`];
    return incompatibilities(schema, current).map((what) => `${type}: ${what}`);
  });
}

if (import.meta.main) {
  const [published, now] = [readPublished(), schemas()];
  const broken = breaking(published, now);
  if (broken.length > 0) {
    console.error(`give these another version, beside the old one:\n${broken.join("\n")}`);
    process.exitCode = 1;
  } else writeFileSync(FILE, `${JSON.stringify(now, null, 1)}\n`);
}
