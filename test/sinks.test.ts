/** The contract: what every sink keeps, whatever it talks to. A clause that does not apply is in the fixture's `skip`. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import type { z } from "zod";
import { loadSinks, SINK_NAMES } from "../sinks/index.ts";
import { fields } from "../src/config/fields.ts";
import type { SinkDefinition } from "../src/sink.ts";
import { CLAUSES, type Clause, RUNTIME_CLAUSES, SINK_CLAUSES, TLS_CLAUSES } from "./clauses.ts";
import type { Fixture } from "./contract.ts";
import { runtimeClauses } from "./contract-runtime.ts";
import { sinkClauses } from "./contract-sink.ts";
import { dispose, makeSink, type Subject } from "./contract-subject.ts";
import { tlsClause } from "./contract-tls.ts";

const sinks = await loadSinks();
const SINKS = `${import.meta.dir}/../sinks`;
const counted = { kept: 0, inapplicable: 0 };
const fileName = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const sourceFiles = readdirSync(SINKS).filter((name) => name.endsWith(".ts") && name !== "index.ts");

describe("the registry", () => {
  test("holds every file of sinks/, under its own name, in alphabetical order", () => {
    expect(sinks.map(({ name }) => `${fileName(name)}.ts`)).toEqual(sourceFiles.sort());
    expect(sinks.map(({ name }) => name)).toEqual([...SINK_NAMES]);
  });

  test("loads what is asked for, and knows nothing of other names", async () => {
    const some = await loadSinks(["webhook", "file", "nobody", "file"]);
    expect(some.map(({ name }) => name)).toEqual(["file", "webhook"]);
  });

  test("holds files of at most 150 lines, 80 in the median", () => {
    const lines = sourceFiles.map((name) => readFileSync(`${SINKS}/${name}`, "utf8").split("\n").length - 1);
    expect(Math.max(...lines)).toBeLessThanOrEqual(150);
    expect(lines.sort((a, b) => a - b)[lines.length >> 1]).toBeLessThanOrEqual(80);
  });
});

/** Every field with its path, also those of objects in objects. */
function everyField(schema: z.ZodType, path: string): [string, z.ZodType][] {
  const inner = "unwrap" in schema && typeof schema.unwrap === "function" ? (schema.unwrap() as z.ZodType) : schema;
  if (inner !== schema) return everyField(inner, path);
  const shape = "shape" in schema ? (schema.shape as Record<string, z.ZodType>) : {};
  return Object.entries(shape).flatMap(([key, field]) => [
    [`${path}.${key}`, field] as [string, z.ZodType],
    ...everyField(field, `${path}.${key}`),
  ]);
}

/** What the field stands for, said by itself or by what it wraps. */
function kindOf(field: z.ZodType): unknown {
  const own = field.meta()?.kind;
  if (own !== undefined || !("unwrap" in field) || typeof field.unwrap !== "function") return own;
  return kindOf(field.unwrap() as z.ZodType);
}

/** Why a clause does not apply, as far as the definition itself says so. */
function inapplicable(definition: SinkDefinition, fixture: Fixture): Fixture["skip"] {
  const config = definition.config(fields);
  const has = (name: string) => name in config.shape;
  const reasons: Partial<Record<Clause, string>> = {};
  const skip = (clauses: readonly Clause[], reason: string) => {
    for (const clause of clauses) reasons[clause] = reason;
  };
  const { count, bytes } = definition.batch;
  if (!has("tls")) skip(TLS_CLAUSES, "no TLS");
  if (!has("proxy")) skip(["proxy"], "no proxy");
  if (!definition.carriesId) skip(["idempotent id"], fixture.about.id);
  if (!definition.partial || count === 1) skip(["partial failure"], "takes a delivery as a whole or not at all");
  if (bytes === undefined) skip(["more bytes than a delivery takes"], "no limit in bytes");
  if (fixture.secrets === undefined)
    skip(["no secret shown", "check tells credentials from address"], "no credentials");
  return { ...reasons, ...fixture.skip };
}

for (const definition of sinks) {
  const { default: fixture }: { default: Fixture } = await import(`./sinks/${fileName(definition.name)}.ts`);
  describe(definition.name, () => {
    test("is described: a sentence for itself and for each field", () => {
      expect(definition.summary).toMatch(/^[A-Z].*[^.]\.$/);
      const described = everyField(definition.config(fields), definition.name);
      for (const [path, field] of described) expect(`${path}: ${field.description}`).toMatch(/: [A-Z`].*\.$/s);
    });

    test("takes its own example and no unknown key", () => {
      const schema = definition.config(fields);
      expect(schema.safeParse(definition.example).success).toBe(true);
      const { error } = schema.safeParse({ ...definition.example, notAKey: 1 });
      expect(error?.issues.map((issue) => issue.code === "unrecognized_keys" && issue.keys)).toEqual([["notAKey"]]);
    });

    test("has a marked secret for every field that may hold one", () => {
      const marked = JSON.stringify(fixture.secrets ?? []);
      for (const [path, field] of everyField(definition.config(fields), definition.name)) {
        const kind = kindOf(field);
        if (kind === "secret" || kind === "url") expect(marked).toContain(`"${path.split(".").at(-1)}":`);
      }
    });

    test("says how it proves who it is, by every setting that holds a secret", () => {
      for (const [path, field] of everyField(definition.config(fields), definition.name)) {
        const name = path.split(".").at(-1) ?? "";
        if (kindOf(field) === "secret" && name !== "proxy") expect(fixture.about.auth).toContain(`\`${name}\``);
      }
    });

    test("says what the event's id is good for, or why it carries none, and what it was tried against", () => {
      expect(fixture.about.id.startsWith("none: ")).toBe(!definition.carriesId);
      expect(fixture.about.tested.length).toBeGreaterThan(0);
      const { permissions, ...short } = fixture.about;
      for (const text of Object.values(short)) expect(String(text)).not.toMatch(/[\n|]/);
      expect(permissions).toMatch(/^[A-Z]/);
    });

    const reasons = inapplicable(definition, fixture);
    const skipped = Map.groupBy(Object.entries(reasons), ([, reason]) => reason);
    for (const [reason, entries] of skipped) {
      test.skip(`${definition.name}: ${entries.map(([clause]) => clause).join(", ")} (${reason})`, () => {});
    }
    for (const clause of CLAUSES) counted[reasons[clause] === undefined ? "kept" : "inapplicable"]++;

    const holding = (clause: Clause, keep: (subject: Subject) => Promise<void>) => {
      if (reasons[clause] !== undefined) return;
      test(clause, async () => {
        await using to = await fixture.open();
        const { sink: made, logs } = makeSink(definition, to.config, to.metrics);
        const sink = await made;
        const json = fixture.json ?? ((text) => text);
        await keep({ definition, fixture, to, config: to.config, sink, logs, json });
        await dispose(sink);
      });
    };
    for (const clause of SINK_CLAUSES) holding(clause, sinkClauses[clause]);
    for (const clause of RUNTIME_CLAUSES) holding(clause, runtimeClauses[clause]);
    for (const clause of TLS_CLAUSES)
      if (reasons[clause] === undefined) test(clause, () => tlsClause(clause, { definition, fixture }));
  });
}

test("every clause was asked of every sink, or a reason is on record", () => {
  const { kept, inapplicable: others } = counted;
  expect(kept + others).toBe(CLAUSES.length * sinks.length);
  const which = `${CLAUSES.length} clauses for ${sinks.length} sinks`;
  console.log(`contract: ${which}: ${kept} asked, ${others} do not apply, each with its reason`);
});
