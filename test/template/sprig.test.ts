/** sprig against what real Go gave: each vector's output, or its kind of error. */
import { expect, test } from "bun:test";
import { sprigFuncs } from "../../src/template/funcs/sprig.ts";
import { UTC } from "../../src/template/value.ts";
import { difference, readEvents, readVectors, run, sameWords } from "./vectors.ts";

/** The environment of the program that made the vectors, and the process's own clock and randomness. */
const functions = sprigFuncs({
  clock: { now: () => Date.now(), zone: { ...UTC, name: "Local" } },
  environment: { TZ: "UTC", FOO: "bar", EMPTY: "", USER_NAME: "ada" },
});

test("sprig.json: every vector", async () => {
  const events = await readEvents();
  const vectors = await readVectors("sprig.json");
  const wrong: string[] = [];
  let words = 0;
  let errors = 0;
  for (const vector of vectors) {
    const outcome = run(vector, events, functions);
    const got = difference(vector, outcome);
    if (got !== undefined)
      wrong.push(
        `${vector.id} ${vector.template}\n  got ${got}\n  want ${vector.out ?? vector.outBase64 ?? vector.match ?? vector.execError ?? vector.parseError}`,
      );
    else if (outcome.is !== "out") {
      errors += 1;
      if (sameWords(vector, outcome)) words += 1;
    }
  }
  console.log(
    `sprig.json: ${vectors.length - wrong.length} of ${vectors.length}; of ${errors} errors ${words} in Go's very words`,
  );
  expect(wrong).toEqual([]);
}, 60_000);
