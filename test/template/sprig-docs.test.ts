import { describe, expect, test } from "bun:test";
import { sprigFuncs } from "../../src/template/funcs/sprig.ts";
import { compile } from "../../src/template/template.ts";
import { EXAMPLES } from "./sprig-docs.ts";

const functions = sprigFuncs({ environment: { FOO: "bar" } });

for (const page of new Set(EXAMPLES.map((one) => one.page))) {
  describe(`sprig's documentation, ${page}`, () => {
    const examples = EXAMPLES.filter((one) => one.page === page);
    test.each(examples.map((one) => [one.template, one] as const))("%s", (template, { documented, really }) => {
      expect(compile(template, { functions }).render({})).toBe(really?.[0] ?? documented);
      // A page that is right needs no excuse.
      if (really !== undefined) expect(really[0]).not.toBe(documented);
    });
  });
}
