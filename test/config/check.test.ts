/** What `petrel check` finds out by trying: templates on events, rules against each other. */
import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";

function said(yaml: string): string[] {
  const { findings } = parseConfig(yaml, { file: "c", env: { TOKEN: "hunter2" } });
  return findings.map(
    ({ line, column, severity, code, message }) => `${line}:${column} ${severity} ${code}: ${message}`,
  );
}

describe("a template", () => {
  const layout = (text: string, more = "") =>
    said(`route: { match: [{ receiver: a }] }
receivers:
  - name: a
    ${more}
    stdout: { layout: { x: ${JSON.stringify(text)} } }
`);
  const rows: [string, string, string[]][] = [
    ["that any event can be put in", "{{ .Reason }} {{ .LastTimestamp }} {{ .Series }} {{ .Related }}", []],
    [
      "that reads what few have, with care",
      "{{ with .Series }}{{ .Count }}{{ end }}{{ .InvolvedObject.Labels.app }}",
      [],
    ],
    [
      "with a field that there is not",
      "{{ .InvolvedObject.Nmae }}",
      ["5:47 error bad-field: no kube.EnhancedObjectReference has a field `.Nmae`: the template fails for every event"],
    ],
    [
      "that fails on an event without a series",
      "{{ .Series.Count }}",
      [
        "5:39 warning failing-template: template: nil pointer evaluating *v1.EventSeries.Count: it fails for an old-style event, with a count and for an event without times, about an object of which no labels or owners are known",
      ],
    ],
    [
      "that fails on every event",
      '{{ fromJson .Message | dig "a" "b" }}{{ mustFromJson .Message }}',
      ["5:52 error failing-template: "],
    ],
    [
      "that fails on labels nobody has here",
      "{{ index .InvolvedObject.OwnerReferences 7 }}",
      ["5:32 warning failing-template: "],
    ],
    ["that reads the environment", '{{ env "TOKEN" | trunc 4 }}', []],
    ["without end", "{{ range until 1000000000 }}{{ end }}", ["5:38 error failing-template: "]],
    [
      "that holds everybody up",
      '{{ genPrivateKey "rsa" }}',
      ["5:32 warning slow-function: `genPrivateKey` takes so long that every receiver waits for it, for each event"],
    ],
    ["that only speaks of slow functions", '{{ "genCA" }}{{/* genCA */}} genCA', []],
    [
      "in eta, in a receiver for Go's",
      "<%= it.reason %>",
      ["5:29 warning other-language: `<%` is text like any other in a Go template"],
    ],
  ];
  test.each(rows)("%s", (_, text, expected) => {
    const found = layout(text);
    expect(found).toHaveLength(expected.length);
    for (const [index, one] of expected.entries()) expect(found[index]).toStartWith(one);
  });

  const inEta: [string, string, string[]][] = [
    ["compiles", "<%= it.reason %>", []],
    ["is not run", "<% throw new Error('run') %>", []],
    ["does not compile", "<%= it.reason", ["5:29 error bad-template: template: eta: line 1: unclosed tag"]],
    [
      "is Go's",
      "{{ .Reason }}",
      ["5:29 warning other-language: this receiver's templates are in eta, where `{{` is text like any other"],
    ],
  ];
  test.each(inEta)("in eta %s", (_, text, expected) => expect(layout(text, "language: eta")).toEqual(expected));

  test("that needs what is not allowed", () => {
    const yaml = (text: string) => `route: { match: [{ receiver: a }] }
template: { allow: [] }
receivers: [{ name: a, stdout: { layout: { x: ${text} } } }]
`;
    expect(said(yaml(`'{{ env "TOKEN" }}'`))).toEqual([
      '3:51 error bad-template: template: function "env" is not available: template.allow does not list env',
    ]);
    expect(said(yaml(`{ eta: "<%= 1 %>" }`))).toEqual([
      "3:55 error bad-template: eta is used, and `template.allow` does not list it: the template fails for every event",
    ]);
  });
});

describe("a rule", () => {
  const route = (lines: string) =>
    said(
      `receivers: [{ name: a, stdout: {} }, { name: b, stdout: {} }]\nroute:\n${lines.replace(/^/gm, "  ")}\n`,
    ).filter((text) => !/receiver-twice|unused-receiver|idle-route|own-key/.test(text));
  const rows: [string, string, string[]][] = [
    [
      "for counts that there are not",
      "match:\n  - { minCount: 5, maxCount: 3, receiver: a }",
      ["4:7 warning never-matches: nothing occurs 5 times or more and 3 times or less: this rule never matches"],
    ],
    [
      "that takes back what it asks",
      "match:\n  - { kind: ^Pod$, not: { kind: Pod }, receiver: a }",
      ["4:7 warning never-matches: `not` asks for no more than the rule itself: this rule never matches"],
    ],
    [
      "with an empty not",
      "match:\n  - { kind: Pod, not: {}, receiver: a }",
      ["4:7 warning never-matches: `not` asks nothing, which always holds: this rule never matches"],
    ],
    ["with a not that leaves something", "match:\n  - { kind: Pod, not: { kind: ^Pod$ }, receiver: a }", []],
    [
      "for what is dropped",
      "drop:\n  - type: Normal\nmatch:\n  - { type: Normal, kind: Pod, receiver: a }",
      ["6:7 warning never-matches: what this rule asks for is dropped in line 4: it never matches"],
    ],
    [
      "for what is dropped above",
      "drop:\n  - namespace: ^kube-\nroutes:\n  - match:\n      - { namespace: ^kube-system$, receiver: a }",
      ["7:11 warning never-matches: what this rule asks for is dropped in line 4: it never matches"],
    ],
    [
      "for some of what is dropped",
      "drop:\n  - { type: Normal, kind: Pod }\nmatch:\n  - { type: Normal, receiver: a }",
      [],
    ],
    [
      "for what is dropped only when seldom",
      "drop:\n  - { type: Normal, maxCount: 3 }\nmatch:\n  - { type: Normal, receiver: a }",
      [],
    ],
    [
      "in a route for others",
      "match:\n  - namespace: ^shop$\nroutes:\n  - match:\n      - { namespace: ^prod$, receiver: a }",
      [
        "7:11 warning never-matches: no namespace matches `^prod$` and, as this route asks in line 4, `^shop$`: this rule never matches",
      ],
    ],
    [
      "in a route that matches it",
      "match:\n  - namespace: ^sh\nroutes:\n  - match:\n      - { namespace: ^shop$, receiver: a }",
      [],
    ],
    [
      "and another that send everything together",
      "match:\n  - { type: Warning, kind: Pod, receiver: a }\n  - { type: Normal, kind: Pod, receiver: a }",
      [
        "5:7 info complementary-rules: with the rule in line 4 this one sends `a` events of either type: together they do not ask for the type at all",
      ],
    ],
    [
      "and another for another receiver",
      "match:\n  - { type: Warning, receiver: a }\n  - { type: Normal, receiver: b }",
      [],
    ],
  ];
  test.each(rows)("%s", (_, lines, expected) => expect(route(lines)).toEqual(expected));
});
