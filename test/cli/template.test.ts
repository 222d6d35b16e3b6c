import { expect, test } from "bun:test";
import { join } from "node:path";
import { EXAMPLES } from "../template/sprig-docs.ts";
import { petrel } from "./io.ts";

const EVENT = join(import.meta.dir, "../fixtures/exporter/event.json");

test("prints every example of sprig's documentation as Go does", async () => {
  const wrong: unknown[] = [];
  for (const { template, documented, really } of EXAMPLES) {
    const ran = await petrel(["template", template, "--event", EVENT], { env: { FOO: "bar" } });
    if (ran.code !== 0 || ran.out !== (really?.[0] ?? documented)) wrong.push({ template, ran });
  }
  expect(wrong).toEqual([]);
});
