/** The list of parts, judged by CycloneDX's own schema, which its library brings. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import Ajv from "ajv";
import { packagesOf, sbom } from "../../src/release/lock.ts";
import { ROOT } from "../parts.ts";

const SCHEMAS = join(ROOT, "node_modules/@cyclonedx/cyclonedx-library/res/schema");
const schema = (name: string) => Bun.file(join(SCHEMAS, `${name}.SNAPSHOT.schema.json`)).json();

const ajv = new Ajv({
  strict: false,
  allErrors: true,
  // By the names that they call each other by there.
  schemas: Object.fromEntries(
    await Promise.all(
      ["spdx", "jsf-0.82"].map(async (name) => [
        `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`,
        await schema(name),
      ]),
    ),
  ),
  formats: {
    "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
    uri: (text: string) => URL.canParse(text),
    "iri-reference": (text: string) => URL.canParse(text, "https://example.org/"),
    "idn-email": /^[^@\s]+@[^@\s]+$/,
  },
});
const valid = ajv.compile(await schema("bom-1.6"));

interface Bom {
  metadata: { timestamp: string };
  components: { version?: unknown; licenses?: unknown; hashes?: unknown; type?: unknown }[];
}
const made = (): Bom => JSON.parse(sbom("1.2.3", packagesOf(ROOT), "2026-11-28T12:00:00.000Z"));

test("is valid by the schema of CycloneDX 1.6", () => {
  const ok = valid(made());
  expect(valid.errors ?? []).toEqual([]);
  expect(ok).toBe(true);
});

const broken: readonly (readonly [string, (bom: Bom) => void])[] = [
  ["a version that is a number", (bom) => Object.assign(bom.components[1] ?? {}, { version: 1 })],
  [
    "a licence that SPDX has not",
    (bom) => Object.assign(bom.components[1] ?? {}, { licenses: [{ license: { id: "Nope-1.0" } }] }),
  ],
  [
    "a hash of another length",
    (bom) => Object.assign(bom.components[1] ?? {}, { hashes: [{ alg: "SHA-512", content: "abc" }] }),
  ],
  ["a kind of component that there is not", (bom) => Object.assign(bom.components[1] ?? {}, { type: "thing" })],
  ["a time that is none", (bom) => Object.assign(bom.metadata, { timestamp: "yesterday" })],
];
test.each(broken)("%s is not, so the test above can fail", (_, change) => {
  const bom = made();
  change(bom);
  expect(valid(bom)).toBe(false);
});
