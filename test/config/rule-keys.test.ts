/** The keys that rules have beside the exporter's. */
import { expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";

const yaml = `receivers: [{ name: a, stdout: {} }]
route:
  match:
    - name: ^web-
      maxCount: 3
      reportingComponent: kubelet
      reportingInstance: node
      not:
        namespace: ^kube-
        labels: { tier: gold }
        reason: ""
      receiver: a
`;

test("are read", () => {
  const { config, findings } = parseConfig(yaml, { file: "c", env: {} });
  expect(findings.map(({ line, severity, code, message }) => `${line} ${severity} ${code}: ${message}`)).toEqual([
    "5 info own-key: `maxCount` is a condition here; kubernetes-event-exporter ignored it",
  ]);
  expect(parseConfig(`strict: true\n${yaml}`, { file: "c", env: {} }).findings).toEqual([]);
  expect(config?.route.match[0]).toEqual({
    name: "^web-",
    maxCount: 3,
    reportingComponent: "kubelet",
    reportingInstance: "node",
    not: { namespace: "^kube-", labels: { tier: "gold" } },
    receiver: "a",
    at: { line: 4, column: 7 },
  });
});

test("are unknown to the exporter, so its rule is wider", () => {
  const { config, findings } = parseConfig(yaml, { file: "c", env: {}, compat: true });
  expect(config?.route.match[0]).toEqual({ receiver: "a", at: { line: 4, column: 7 } });
  expect(findings.map(({ line, severity, code }) => [line, severity, code])).toEqual(
    [4, 5, 6, 7, 8].map((line) => [line, "warning", "unknown-key"]),
  );
});

test("a mistake inside `not` is said like one in a rule", () => {
  const wrong = yaml.replace("^kube-", '"*kube*"').replace("reason:", "reasons:");
  const { findings } = parseConfig(wrong, { file: "c", env: {} });
  expect(findings.map(({ line, code }) => [line, code])).toEqual([
    [5, "own-key"],
    [9, "bad-pattern"],
    [11, "unknown-key"],
  ]);
});

test("a wrong value is ignored, as the exporter ignored the key", () => {
  for (const wrong of ["name: [a, b]", "maxCount: many", "not: [{ kind: Pod }, x]"]) {
    const { config, findings } = parseConfig(
      `receivers: [{ name: a, stdout: {} }]\nroute:\n  match:\n    - ${wrong}\n      receiver: a\n`,
      { file: "c", env: {} },
    );
    expect(findings.map(({ line, severity, code }) => [line, severity, code])).toEqual([[4, "error", "wrong-type"]]);
    expect(config?.route.match).toEqual([{ receiver: "a", at: { line: 4, column: 7 } }]);
  }
});

test("many reasons to watch are many watches", () => {
  const reasons = Array.from({ length: 11 }, (_, index) => `R${index}`).join(", ");
  const said = (more: string) => {
    const { findings } = parseConfig(`watchReasons: [${reasons}]\n${more}`, { file: "c", env: {} });
    return findings.filter(({ code }) => code === "many-watches").map(({ message }) => message);
  };
  expect(said("")).toEqual([]);
  expect(said("namespaces: [a, b]\n")).toEqual(["one watch for each reason of each namespace makes 22 of them"]);
});
