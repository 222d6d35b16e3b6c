/** What a receiver is sent: which of its keys go together. */
import { expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";

const KAFKA = "kafka: { topic: t, brokers: [b] }";
const WEBHOOK = 'webhook: { endpoint: "http://x" }';

const parse = (keys: string, sink: string) =>
  parseConfig(
    `strict: true\nroute: { match: [{ receiver: a }] }\nreceivers:\n  - name: a\n    ${keys}\n    ${sink}\n`.replace(
      "    \n",
      "",
    ),
    { file: "c", env: {} },
  );

test("keys that go together are read, and defaults are not written down", () => {
  const { config, findings } = parse("format: cloudevents\n    mode: binary\n    friendly: withRaw", WEBHOOK);
  expect(findings).toEqual([]);
  expect(config?.receivers[0]).toMatchObject({ format: "cloudevents", mode: "binary", friendly: "withRaw" });
  const plain = parse("format: event\n    friendly: off", WEBHOOK).config?.receivers[0];
  expect([plain?.format, plain?.mode, plain?.friendly]).toEqual([undefined, undefined, undefined]);
});

const rows: readonly [string, string, string, string][] = [
  ["mode: batch", WEBHOOK, "not-cloudevents", "5:11"],
  ["friendly: only", WEBHOOK, "not-cloudevents", "5:15"],
  ["format: cloudevents\n    mode: batch", KAFKA, "unknown-mode", "6:11"],
  ["format: cloudevents\n    mode: binary", "stdout: {}", "unknown-mode", "6:11"],
  ["format: cloudevents\n    friendly: withRaw", "stdout: {}", "one-text", "6:15"],
  ["format: eventrouter\n    mode: binary", WEBHOOK, "not-cloudevents", "6:11"],
  ["format: eventrouter", "stdout: { layout: { a: b } }", "layout-unused", "5:13"],
  ["format: eventrouter", 'slack: { url: "http://x", message: m }', "format-unused", "5:13"],
  ["format: cloudevents", 'slack: { url: "http://x", message: m }', "format-unused", "5:13"],
];
for (const [keys, sink, code, place] of rows) {
  test(`${keys.replaceAll(/\s+/g, " ")} of ${sink.split(":")[0]}: ${code}`, () => {
    const { findings } = parse(keys, sink);
    expect(findings.map((one) => [one.severity, one.code, `${one.line}:${one.column}`])).toEqual([
      ["error", code, place],
    ]);
  });
}
