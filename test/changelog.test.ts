import { expect, test } from "bun:test";
import { join } from "node:path";

const text = await Bun.file(join(import.meta.dir, "../CHANGELOG.md")).text();
const sections = text.split(/^(?=## )/m).slice(1);
const KINDS = ["CHANGE", "FEATURE", "ENHANCEMENT", "BUGFIX"];
/** `[KIND] scope, scope: Sentence.` */
const LINE = /^- \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX)\] [a-z0-9]+(?:[ -][a-z0-9]+)*(?:, [a-z0-9-]+)*: [A-Z`].*\.$/;

/** What is wrong with one section, a line each. */
function faults(section: string): string[] {
  const [head = "", ...lines] = section.split("\n");
  const entries = lines.filter((line) => line !== "");
  const released = /^## \d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)$/.test(head);
  const kinds = entries.map((line) => KINDS.indexOf(/\[(\w+)\]/.exec(line)?.[1] ?? ""));
  return [
    ...(released || head === "## Unreleased" ? [] : [`not a heading: ${head}`]),
    ...entries.filter((line) => !LINE.test(line)).map((line) => `not a line of a changelog: ${line}`),
    ...entries.filter((line, index) => entries.indexOf(line) !== index).map((line) => `twice: ${line}`),
    // Who reads of a version must not miss what breaks; lines that are not released yet are sorted with the release.
    ...(released && kinds.some((kind, index) => kind < (kinds[index - 1] ?? 0)) ? [`not in order: ${head}`] : []),
  ];
}

test("CHANGELOG.md keeps to its grammar", () => {
  expect(sections.length).toBeGreaterThan(0);
  expect(sections.flatMap(faults)).toEqual([]);
});

test.each([
  ["## Unreleased\n\n- [FEATURE] cli: Say it.\n", 0],
  ["## 1.0.0 (2026-01-02)\n\n- [CHANGE] cli: Say it.\n- [BUGFIX] leader election, lease: `X` it.\n", 0],
  ["## 1.0.0 (2026-01-02)\n\n- [BUGFIX] cli: Say it.\n- [CHANGE] cli: Say more.\n", 1],
  ["## Next\n\n- [FEATURE] cli: Say it.\n", 1],
  ["## Unreleased\n\n- [FEATURE] cli: say it.\n- [FIX] cli: Say it.\n- cli: Say it.\n- [BUGFIX] cli: Say it\n", 4],
  ["## Unreleased\n\n- [FEATURE] cli: Say it.\n- [FEATURE] cli: Say it.\n", 1],
])("%j has %d faults", (section, count) => {
  expect(faults(section)).toHaveLength(count);
});
