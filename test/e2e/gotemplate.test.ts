/** That the Go program which judges our templates judges as the recorded vectors do. */
import { expect, test } from "bun:test";
import { EXAMPLES } from "../template/sprig-docs.ts";
import { type EventEntry, readVectors } from "../template/vectors.ts";
import { available } from "../testbed/component.ts";
import { askGo, goTemplate } from "../testbed/gotemplate.ts";

const reason = available("gotemplate");

test.skipIf(reason !== undefined)(
  `real Go gives what was recorded${reason === undefined ? "" : ` (${reason})`}`,
  async () => {
    const program = await goTemplate();
    const file = new URL("../fixtures/gotemplate/events.json", import.meta.url);
    const events = new Map(((await Bun.file(file).json()) as EventEntry[]).map((one) => [one.name, one]));
    const wrong: string[] = [];
    let count = 0;
    for (const name of ["lang.json", "sprig.json", "event.json"]) {
      const vectors = await readVectors(name);
      const answers = await askGo(
        program,
        vectors.map(({ template, event, data }) => {
          if (event === undefined) return { template, data: data ?? null };
          const entry = events.get(event);
          return { template, ...(entry === undefined ? {} : { event: entry }) };
        }),
      );
      for (const [index, vector] of vectors.entries()) {
        const answer = answers[index] ?? {};
        count += 1;
        const same =
          vector.match === undefined
            ? answer.out === vector.out &&
              answer.outBase64 === vector.outBase64 &&
              answer.parseError === vector.parseError &&
              answer.execError === vector.execError
            : new RegExp(vector.match).test(answer.out ?? "");
        if (!same)
          wrong.push(
            `${vector.id} ${vector.template}\n  recorded ${JSON.stringify(vector)}\n  now ${JSON.stringify(answer)}`,
          );
      }
    }
    console.log(`real Go: ${count - wrong.length} of ${count} vectors`);
    expect(wrong).toEqual([]);
  },
);

test.skipIf(reason !== undefined)(
  "real Go gives what sprig's documentation says, or what we note beside it",
  async () => {
    const answers = await askGo(
      await goTemplate(),
      EXAMPLES.map(({ template }) => ({ template, data: {} })),
    );
    const wrong = EXAMPLES.flatMap(({ page, template, documented, really }, index) => {
      const answer = answers[index];
      return answer?.out === (really?.[0] ?? documented) ? [] : [{ page, template, documented, answer }];
    });
    expect(wrong).toEqual([]);
  },
);
