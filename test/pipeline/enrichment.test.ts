import { describe, expect, test } from "bun:test";
import type { RuleConfig } from "../../src/config/types.ts";
import { normalise } from "../../src/normalise.ts";
import { planEnrichment, readsObjectMetadata } from "../../src/pipeline/enrichment.ts";
import { aConfig, aReceiver } from "../harness.ts";

test.each([
  ["", false],
  ["no action. At all: $5", false],
  ["{{ .Reason }}: {{ .Message }}", false],
  ["{{.InvolvedObject.Namespace}}/{{ .InvolvedObject.Name }} in {{ .ClusterName }}", false],
  ["{{ .ObjectMeta.Name }} {{ .LastTimestamp.Unix }} {{ .Source.Component }}", false],
  ['{{ printf "%.2f of a dollar: $.x" .Count }} {{ `.Labels` }} {{ mul 1.5 2 }}', false],
  ["{{/* .InvolvedObject.Labels, it's }} a comment */}}{{ .Type }}", false],
  ["<%= it.reason %>", true],
  ["{{ .InvolvedObject.Labels.app }}", true],
  ['{{ index .InvolvedObject.Annotations "a.b/c" }}', true],
  ["{{ .InvolvedObject.OwnerReferences }}", true],
  ["{{ .InvolvedObject.Deleted }}", true],
  ["{{ toJson . }}", true],
  ["{{ . | toJson }}", true],
  ["{{ with .InvolvedObject }}{{ .Name }}{{ end }}", true],
  ["{{ range $key, $value := .InvolvedObject.Labels }}{{ $key }}{{ end }}", true],
  ["{{ $ }}", true],
  ['{{ printf "}}" }}{{ .InvolvedObject.Labels }}', true],
  ['{{ printf "}}%v" .InvolvedObject.Labels }}', true],
  ['{{ printf "\\"}}%v" .InvolvedObject.Labels }}', true],
  ["{{ printf `}}%v` .InvolvedObject.Labels }}", true],
  ["{{ print '\"' .InvolvedObject.Labels }}", true],
  ["{{ .ReasonOfLabels }}", true],
  ["{{ .Name }} {{ .InvolvedObject.Labels", true],
])("%s reads what a look-up finds: %p", (template, reads) => {
  expect(readsObjectMetadata(template)).toBe(reads);
});

describe("a plan", () => {
  const at = { line: 1, column: 1 };
  const about = (kind: string) => normalise({ metadata: { uid: "e" }, involvedObject: { kind } });
  const plan = (rule: Partial<RuleConfig>, layouts: readonly unknown[], omitLookup = false) =>
    planEnrichment(
      aConfig({
        omitLookup,
        route: { drop: [], match: [], routes: [{ drop: [{ ...rule, at }], match: [], routes: [], at }], at },
        receivers: layouts.map((layout, n) => aReceiver(`r${n}`, { config: layout === undefined ? {} : { layout } })),
      }),
    );

  test("asks nothing for a sink that sends no whole event", () => {
    const config = aConfig({
      omitLookup: false,
      receivers: [
        aReceiver("a", { sink: "people", config: { message: "{{ .Reason }}" } }),
        aReceiver("b", { sink: "people", config: { message: "{{ .InvolvedObject.Labels.app }}" } }),
        aReceiver("c", { sink: "store" }),
      ],
    });
    expect(planEnrichment(config, (sink) => sink === "store").receivers).toEqual([false, true, true]);
  });

  test("asks for what a rule deep in the tree reads, of the kinds that it may match", () => {
    const asked = plan({ kind: "^Pod$", labels: { app: "x" } }, [{ a: "{{ .Reason }}" }]);
    expect(asked).toMatchObject({ possible: true, route: true, receivers: [false] });
    expect([asked.needed(about("Pod")), asked.needed(about("Node"))]).toEqual([true, false]);
  });

  test("asks for everything when a receiver sends the whole event", () => {
    const asked = plan({}, [{ a: [{ b: "{{ .Reason }}" }] }, undefined, {}]);
    expect(asked).toMatchObject({ possible: true, route: false, receivers: [false, true, true] });
    expect(asked.needed(about("Node"))).toBe(true);
  });

  test("asks for nothing that nobody reads, or that omitLookup forbids", () => {
    const unread = plan({ kind: "Pod" }, [{ a: "{{ .Message }}", n: 5 }]);
    expect(unread).toMatchObject({ possible: false, route: false, receivers: [false] });
    const omitted = plan({ labels: { app: "x" } }, [undefined], true);
    expect(omitted).toMatchObject({ possible: false, route: false, receivers: [false] });
    expect(omitted.needed(about("Pod"))).toBe(false);
  });

  test("a kind that is no pattern matches nothing", () => {
    expect(plan({ kind: "(", annotations: { a: "b" } }, [{ a: "" }]).needed(about("Pod"))).toBe(false);
  });
});
