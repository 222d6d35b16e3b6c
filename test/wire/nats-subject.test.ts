import { describe, expect, test } from "bun:test";
import { compileEta } from "../../src/event-template/eta.ts";
import { goCompiler } from "../../src/event-template/options.ts";
import type { TemplateText } from "../../src/sink.ts";
import { subjectTemplate } from "../../src/wire/nats-subject.ts";
import { anEvent } from "../contract.ts";
import { aConfig } from "../harness.ts";

const compileGo = goCompiler(aConfig({}), {});
const event = anEvent({ message: "Stopping container web.1 *now* > soon" });

function subjectOf(text: TemplateText): string {
  const { template, subject } = subjectTemplate(text);
  if (typeof template === "string") return subject(compileGo(template)(event));
  return subject("eta" in template ? compileEta(template.eta)(event) : compileGo(template.go)(event));
}

describe("subjects", () => {
  const rows: readonly (readonly [text: TemplateText, subject: string, pattern: string])[] = [
    ["kubernetes.events", "kubernetes.events", "kubernetes.events"],
    ["kubernetes.events.{{ .Namespace }}", "kubernetes.events.default", "kubernetes.events.>"],
    ["events.{{ .InvolvedObject.Kind }}-{{ .Type }}.x", "events.Pod-Warning.x", "events.>"],
    ["events.by-{{ .Reason }}.x", "events.by-BackOff.x", "events.>"],
    ["{{ .Reason }}.{{ .Name }}", "BackOff.web-1_17aa", ">"],
    ["a.{{ .Message }}", "a.Stopping_container_web_1__now____soon", "a.>"],
    ['a.{{ if eq .Type "Warning" }}w.{{ .Reason }}{{ else }}n{{ end }}.z', "a.w.BackOff.z", "a.>"],
    ['a.{{ if contains "web.1 *now*" .Message }}yes{{ end }}', "a.yes", "a.>"],
    ['a.{{ printf "%s.%s" .Type .Reason }}', "a.Warning_BackOff", "a.>"],
    ["a.{{ .ClusterName }}.b", "a._.b", "a.>"],
    ["a..b.", "a._.b._", "a._.b._"],
    ["a..{{ .Reason }}", "a._.BackOff", "a._.>"],
    [{ eta: "a.<%= it.reason %>.<%= it.message %>" }, "a.BackOff.Stopping_container_web_1__now____soon", "a.>"],
    [{ eta: "<% if (it.count > 1.5) { %>a.b<% } %>.c" }, "a.b.c", ">"],
    [{ go: "a.{{ .Reason }}" }, "a.BackOff", "a.>"],
  ];
  for (const [text, subject, pattern] of rows) {
    test(JSON.stringify(text), () => {
      expect([subjectOf(text), subjectTemplate(text).pattern]).toEqual([subject, pattern]);
    });
  }

  test("dots that an event says divide nothing, whatever is before and behind them", () => {
    const { template } = subjectTemplate("a.b");
    // What stands for a dot is another one for each template.
    expect(subjectTemplate("a.b").template).not.toBe(template);
  });

  for (const text of ["a.*", ">", { eta: "a.*.<%= it.reason %>" }]) {
    test(`${JSON.stringify(text)} is refused`, () => {
      expect(() => subjectTemplate(text)).toThrow("has a wildcard");
    });
  }
});
