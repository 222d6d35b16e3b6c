import { describe, expect, test } from "bun:test";
import { tableOf } from "./profile.ts";
import { figures, page, type Report, rows, spread } from "./report.ts";
import { peer } from "./subject.ts";

describe("figures", () => {
  test("are medians with their spread, judged by their budget", () => {
    const run = (ms: number, rate: number, rss: number) => [
      { name: "latency", unit: "ms", atMost: 2, value: ms },
      { name: "rate", unit: "ev/s", atLeast: 100, value: rate },
      { name: "resident", unit: "MB", value: rss },
    ];
    expect(figures([run(1, 90, 7), run(9, 99, 8), run(2, 150, 9)], [])).toEqual([
      { name: "latency", unit: "ms", atMost: 2, median: 2, min: 1, max: 9, met: true },
      { name: "rate", unit: "ev/s", atLeast: 100, median: 99, min: 90, max: 150, met: false },
      { name: "resident", unit: "MB", median: 8, min: 7, max: 9 },
    ]);
  });

  test("stand beside a peer's, with the ratio of the medians; what a peer does not tell is not compared", () => {
    const run = (value: number, dropped: number) => [
      { name: "core", unit: "%", value },
      { name: "dropped", unit: "events", atMost: 0, value: dropped },
    ];
    const [core, dropped] = figures([run(5, 0)], [run(20, Number.NaN), run(10, Number.NaN)]);
    expect(core).toMatchObject({ peer: { median: 20, min: 10, max: 20 }, ratio: 0.25 });
    expect(dropped).toEqual({ name: "dropped", unit: "events", atMost: 0, median: 0, min: 0, max: 0, met: true });
  });

  test("a single run is its own spread", () => {
    expect(spread([4])).toEqual({ median: 4, min: 4, max: 4 });
  });
});

const REPORT: Report = {
  time: "2026-11-28T12:00:00.000Z",
  commit: "0123456789abcdef-dirty",
  versions: { petrel: "0.1.0", bun: "1.4.5", kernel: "6.1" },
  machine: { cpu: "CPU", cores: 2, memoryGB: 25 },
  load: [1, 0.5, 0.1],
  runs: 3,
  peer: "./exporter -conf={config}",
  scenarios: [
    {
      scenario: "s",
      title: "A load",
      figures: [
        {
          ...{ name: "core", unit: "%", atMost: 6, median: 9.04, min: 8, max: 12.5, met: false },
          ...{ peer: { median: 22, min: 21, max: 25 }, ratio: 0.41 },
        },
        { name: "rate", unit: "ev/s", atLeast: 100_000, median: 120_000.4, min: 1e5, max: 2e5, met: true },
        { name: "resident", unit: "MB", median: 60, min: 60, max: 60 },
      ],
    },
  ],
};

describe("the page", () => {
  test("has a line for each figure", () => {
    expect(REPORT.scenarios.flatMap((one) => rows(one, true))).toEqual([
      "| A load | core | 9.04 % (8–12.5) | ≤ 6 | **no** | 22 % (21–25) | 0.41 |",
      "| … | rate | 120,000 ev/s (100,000–200,000) | ≥ 100,000 | yes | – | – |",
      "| … | resident | 60 MB | – | – | – | – |",
    ]);
  });

  test("says of what it is, and how many budgets are met", () => {
    const text = page(REPORT);
    expect(text).toContain("Petrel 0.1.0 (0123456789ab, changed since), Bun 1.4.5, Linux 6.1, 2 × CPU, 25 GB;");
    expect(text).toContain("**1 of 2 budgets are met.**");
    expect(text).toContain("`./exporter -conf={config}`");
  });
});

test("a peer's line is filled in, quoted, and its shell steps aside", () => {
  const place = { config: "/tmp/a b/petrel.yaml", kubeconfig: "/k", url: "http://h:1", port: 9 };
  expect(peer("./x -conf={config} {kubeconfig} {url} :{port} {other}").command(place)).toEqual([
    ...["sh", "-c", "exec ./x -conf='/tmp/a b/petrel.yaml' '/k' 'http://h:1' :'9' {other}"],
  ]);
});

test("a table of a profile is cut to its first rows, and one that is missing is said", () => {
  const text = "# P\n\n## Hot\n\n| a | b |\n|---|---|\n| 1 | `x` |\n| 2 | `y` |\n\n## Next\n";
  expect(tableOf(text, "Hot", 1)).toBe("| a | b |\n|---|---|\n| 1 | `x` |");
  expect(() => tableOf(text, "Cold", 1)).toThrow('no table "Cold"');
});
