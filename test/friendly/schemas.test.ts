/** The JSON Schemas hold for whatever is sent, and stay what consumers know. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";
import type { FriendlyEvents, FriendlyType } from "../../configs/schemas/index.d.ts";
import { type CloudEventData, RAW_TYPE } from "../../src/cloudevents.ts";
import type { Event } from "../../src/event.ts";
import { friendlyCloudEvent } from "../../src/friendly/parse.ts";
import { sampleEvent } from "../../src/friendly/sample.ts";
import { type JsonSchema, schemas } from "../../src/friendly/schema.ts";
import { TABLE } from "../../src/friendly/table.ts";
import { eventJson } from "../../src/payload.ts";
import { anEvent, HOSTILE } from "../contract.ts";
import { bridgeSamples } from "./bridge.ts";
import { breaking, incompatibilities, readPublished } from "./published.ts";

const all = schemas();
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, validateFormats: false });
const validators = new Map(Object.entries(all).map(([type, schema]) => [type, ajv.compile(schema)]));

function errors(type: string, data: unknown): string {
  const validate = validators.get(type);
  if (validate === undefined) return `no schema of ${type}`;
  return validate(data) ? "" : ajv.errorsText(validate.errors);
}

describe("every schema", () => {
  test("has a file, and no file is left of one that went", () => {
    const files = readdirSync(`${import.meta.dir}/../../configs/schemas`).filter((name) => name.endsWith(".json"));
    expect(files.sort()).toEqual(
      Object.keys(all)
        .map((type) => `${type}.json`)
        .sort(),
    );
  });

  for (const definition of TABLE) {
    test(`holds for each sample of ${definition.type}, and not without what it requires`, () => {
      for (const row of definition.rows) {
        for (const wording of row.wordings) {
          const made = friendlyCloudEvent(sampleEvent(definition, row, wording));
          expect(made?.type).toBe(definition.type);
          const data = JSON.parse(made?.json ?? "") as Record<string, unknown>;
          expect(errors(definition.type, data)).toBe("");
          for (const key of (all[definition.type]?.required ?? []) as string[]) {
            const { [key]: _, ...less } = data;
            expect(errors(definition.type, less)).toContain(key);
          }
        }
      }
    });
  }

  const raw: readonly Event[] = [anEvent(), ...HOSTILE, ...bridgeSamples().map(({ event }) => event)];
  test(`of ${RAW_TYPE} holds for ${raw.length} events, and of what is friendly of them`, () => {
    for (const event of raw) {
      expect(errors(RAW_TYPE, JSON.parse(eventJson(event)))).toBe("");
      const made: CloudEventData | undefined = friendlyCloudEvent(event);
      if (made) expect(errors(made.type, JSON.parse(made.json))).toBe("");
    }
    expect(errors(RAW_TYPE, { ...JSON.parse(eventJson(anEvent())), involvedObject: {} })).toContain("deleted");
  });
});

test("the declarations say the same", () => {
  const type: FriendlyType = "Kubernetes.Autoscaling.Deployment.V1.ScaleOut";
  const data: FriendlyEvents[typeof type] = {
    deployment: { name: "web", namespace: "shop", labels: {} },
    replicaSet: { name: "web-1" },
    replicas: { new: 3 },
  };
  expect(errors(type, data)).toBe("");
  const types: Record<FriendlyType, true> = Object.fromEntries(TABLE.map((one) => [one.type, true])) as never;
  expect(Object.keys(types)).toHaveLength(TABLE.length);
});

describe("what is published", () => {
  test("does not break", () => {
    expect(breaking(readPublished(), all)).toEqual([]);
  });

  test("is everything: `bun test/friendly/published.ts` adds what is new", () => {
    expect(readPublished()).toEqual(all);
  });

  const before: JsonSchema = {
    $id: "a",
    description: "x",
    type: "object",
    required: ["name"],
    properties: {
      name: { type: "string", minLength: 1 },
      old: { type: "integer", minimum: 0 },
      list: { type: "array", items: { type: "string" }, minItems: 1 },
      labels: { type: "object", additionalProperties: { type: "string" } },
      kind: { enum: ["a", "b"] },
    },
  };
  const properties = before.properties as Record<string, JsonSchema>;
  const changed = (change: Record<string, JsonSchema>) => ({ ...before, properties: { ...properties, ...change } });
  const { list: _, ...withoutList } = properties;
  const rows: readonly [string, JsonSchema, string[]][] = [
    ["nothing", before, []],
    ["other words", { ...before, description: "y", title: "t" }, []],
    ["another field", changed({ more: { type: "string" } }), []],
    ["a field that is always there now", { ...before, required: ["name", "old"] }, []],
    ["fewer values", changed({ kind: { enum: ["a"] } }), []],
    ["a tighter bound", changed({ old: { type: "integer", minimum: 1 } }), []],
    ["a field that went", { ...before, properties: withoutList }, [".list is gone"]],
    ["a field that may be absent now", { ...before, required: [] }, [".name may be absent"]],
    ["another type", changed({ old: { type: "string", minimum: 0 } }), [".old may be string"]],
    ["one more type", changed({ name: { type: ["string", "null"], minLength: 1 } }), [".name may be null"]],
    ["one more value", changed({ kind: { enum: ["a", "b", "c"] } }), [".kind may be c"]],
    ["no bound", changed({ old: { type: "integer" } }), [".old minimum is lower"]],
    ["an empty text", changed({ name: { type: "string", minLength: 0 } }), [".name minLength is lower"]],
    [
      "other items",
      changed({ list: { type: "array", items: { type: "integer" }, minItems: 1 } }),
      [".list[] may be integer"],
    ],
    ["other labels", changed({ labels: { type: "object", additionalProperties: {} } }), [".labels[] may be anything"]],
    ["another name", { ...before, $id: "b" }, [" $id is another"]],
  ];
  for (const [name, now, expected] of rows) {
    test(`${expected.length === 0 ? "may" : "must not"} become: ${name}`, () => {
      expect(incompatibilities(before, now)).toEqual(expected);
    });
  }

  test("must not lose a type", () => {
    expect(breaking({ a: before }, {})).toEqual(["a is gone"]);
  });
});
