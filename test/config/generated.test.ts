/** The files that come from the schema, and the examples beside them. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { loadSinks } from "../../sinks/index.ts";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { receiverSchema, routeSchema, ruleSchema, topSchema } from "../../src/config/schema.ts";
import type { Finding } from "../../src/errors.ts";
import { generate } from "../../src/gen.ts";

const ROOT = join(import.meta.dir, "../..");
const CONFIGS = join(ROOT, "configs");
const ENV = { POD_NAMESPACE: "shop", POD_NAME: "web-0", ALERTS_TOKEN: "t", API_KEY: "k" };

const sinks = await loadSinks();
const generated = await generate(ROOT);

/** An example's secrets are not on this machine. */
const besideSecrets = (findings: readonly Finding[]) =>
  findings.filter(({ code }) => code !== "env-undefined" && code !== "file-missing");

describe("generated files are what `bun run gen` writes", () => {
  for (const [path, text] of generated) test(path, () => expect(readFileSync(join(ROOT, path), "utf8")).toBe(text));
});

describe("examples", () => {
  for (const name of readdirSync(CONFIGS).filter((file) => file.endsWith(".yaml"))) {
    test(name, () => {
      const text = readFileSync(join(CONFIGS, name), "utf8");
      expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=./schema.json");
      const { config, findings } = loadConfig(join(CONFIGS, name), { env: ENV });
      expect(besideSecrets(findings)).toEqual([]);
      expect(config?.receivers.length).toBeGreaterThan(0);
    });
  }

  test("reference.yaml shows every key", () => {
    const text = readFileSync(join(CONFIGS, "reference.yaml"), "utf8");
    const keys = [topSchema, routeSchema, ruleSchema, receiverSchema].flatMap(({ shape }) => Object.keys(shape));
    expect(keys.filter((key) => !new RegExp(`^[\\s#-]*${key}:`, "m").test(text))).toEqual([]);
  });
});

describe("each sink's example is a receiver without a finding", () => {
  for (const { name, example } of sinks) {
    test(name, () => {
      const yaml = stringify({ route: { match: [{ receiver: "a" }] }, receivers: [{ name: "a", [name]: example }] });
      const { findings } = parseConfig(yaml, { file: "c.yaml", env: {}, readFile: () => "a file" });
      // Its secrets are not on this machine.
      expect(findings.filter(({ code }) => code !== "env-undefined")).toEqual([]);
    });
  }
});

interface Schema {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly { readonly required: readonly string[] }[];
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: unknown;
}

describe("schema.json", () => {
  const schema = JSON.parse(readFileSync(join(CONFIGS, "schema.json"), "utf8")) as Schema;

  test("every key has a description", () => {
    const missing: string[] = [];
    const visit = (one: Schema, path: string) => {
      for (const [key, below] of Object.entries(one.properties ?? {})) {
        if (!below.description && !("$ref" in below)) missing.push(`${path}.${key}`);
        visit(below, `${path}.${key}`);
      }
    };
    visit(schema, "");
    for (const [name, definition] of Object.entries(schema.definitions ?? {})) visit(definition, name);
    expect(missing).toEqual([]);
  });

  test("a receiver has one sink", () => {
    expect(schema.properties.receivers?.items?.oneOf?.map(({ required }) => required)).toEqual(
      sinks.map(({ name }) => [name]),
    );
  });

  test("durations and sizes are as a config writes them", () => {
    expect(schema.properties.shutdownTimeout).toMatchObject({ default: "25s", type: ["string", "number"] });
    expect(schema.properties.buffer?.properties.bytes).toMatchObject({ default: "16MiB", type: ["string", "integer"] });
  });

  test("holds nothing of ours alone", () => {
    expect(JSON.stringify(schema)).not.toMatch(
      /"(?:kind|secret|aliases)":(?:"(?:template|secret|pattern|layout|url|strings|duration|bytes)"|true|\[)/,
    );
  });
});
