import { describe, expect, test } from "bun:test";
import { type Column, columnName, columnsOf, extended, fitted, rowOf } from "../../src/wire/bigquery-schema.ts";

/** `a:STRING b:[INTEGER] c:{d:FLOAT}`. */
function shown(columns: readonly Column[]): string {
  return columns
    .map(({ name, type, mode, fields }) => {
      const inner = fields ? `{${shown(fields)}}` : type;
      return `${name}:${mode === "REPEATED" ? `[${inner}]` : inner}`;
    })
    .join(" ");
}

describe("columns of BigQuery", () => {
  const NAMES = [
    ["reason", "reason"],
    ["app.kubernetes.io/name", "app_kubernetes_io_name"],
    ["0abc", "_0abc"],
    ["_private", "__private"],
    ["", "_"],
    ["größe", "gr__e"],
    ["x".repeat(400), "x".repeat(300)],
    ["-TABLE_x", "__TABLE_x"],
  ] as const;
  test("have names as the exporter wrote them", () => {
    expect(NAMES.map(([key]) => columnName(key))).toEqual(NAMES.map(([, name]) => name));
  });

  const ROWS: readonly (readonly [unknown, unknown, string])[] = [
    [{ a: null, b: {}, c: [], d: { e: null } }, {}, ""],
    [
      { count: 7, ratio: 0.5, deleted: false, m: "x" },
      { count: 7, ratio: 0.5, deleted: false, m: "x" },
      "count:INTEGER ratio:FLOAT deleted:BOOLEAN m:STRING",
    ],
    [{ "a.b": "1", a_b: "2", A_B: "3" }, { a_b: "3" }, "a_b:STRING"],
    [
      { l: ["x", null, 1], n: [1, 2.5], o: [[1], "y"] },
      { l: ["x", 1], n: [1, 2.5], o: ["[1]", "y"] },
      "l:[STRING] n:[FLOAT] o:[STRING]",
    ],
    [
      { refs: [{ kind: "A" }, { uid: "u", kind: "B" }] },
      { refs: [{ kind: "A" }, { uid: "u", kind: "B" }] },
      "refs:[{kind:STRING uid:STRING}]",
    ],
    [{ text: "lone \ud800" }, { text: "lone \ufffd" }, "text:STRING"],
    ["no object", {}, ""],
  ];
  test("are those of the row", () => {
    for (const [value, row, columns] of ROWS) {
      const found = rowOf(value);
      expect(found).toEqual(row as typeof found);
      expect(shown(columnsOf(found, false))).toBe(columns);
    }
  });

  test("hold times where the event's own JSON has them, and text where a layout has", () => {
    const row = rowOf({
      lastTimestamp: "2026-11-20T21:44:18Z",
      metadata: { creationTimestamp: "2026-11-20T21:44:18Z", name: "2026-11-20T21:44:18Z" },
      labels: { lastTimestamp: "x" },
    });
    expect(shown(columnsOf(row, true))).toBe(
      "lastTimestamp:TIMESTAMP metadata:{creationTimestamp:TIMESTAMP name:STRING} labels:{lastTimestamp:STRING}",
    );
    expect(shown(columnsOf(row, false))).not.toContain("TIMESTAMP");
  });

  test("grow by what is new, at any depth, and by nothing else", () => {
    const known = columnsOf(rowOf({ a: "x", labels: { app: "web" } }), false);
    expect(extended(known, columnsOf(rowOf({ A: 1, labels: { APP: "web" } }), false))).toBeUndefined();
    const more = extended(known, columnsOf(rowOf({ labels: { tier: "x" }, b: 1 }), false));
    expect(shown(more ?? [])).toBe("a:STRING labels:{app:STRING tier:STRING} b:INTEGER");
  });

  test("take values of another type where they can", () => {
    const columns: Column[] = [
      { name: "Text", type: "STRING" },
      { name: "list", type: "STRING", mode: "REPEATED" },
      { name: "labels", type: "STRING" },
      { name: "json", type: "JSON" },
      { name: "record", type: "RECORD", fields: [{ name: "n", type: "STRING" }] },
    ];
    const row = { text: 7, list: "one", labels: { a: "b" }, json: "x", record: { n: true }, other: 1 };
    expect(fitted(row, columns)).toEqual({
      ...{ Text: "7", list: ["one"], labels: '{"a":"b"}', json: '"x"', record: { n: "true" }, other: 1 },
    });
  });
});
