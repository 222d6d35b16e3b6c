import { expect, test } from "bun:test";
import type { Event } from "../../src/event.ts";
import { compileForEvent } from "../../src/event-template/go.ts";
import { allPlain, PLAIN_FIELDS, plainTemplate } from "../../src/event-template/plain.ts";
import { normalise } from "../../src/normalise.ts";

const LIMIT = 1 << 20;

const plain = (text: string): ((event: Event) => string) => {
  const render = plainTemplate(text, LIMIT);
  if (render === undefined) throw new Error(`not plain: ${text}`);
  return render;
};

/** Odd on purpose: nothing at all, numbers at their ends, broken Unicode, what JSON, Go and HTML take for their own. */
const TEXTS = ["", "BackOff", "ünï ☃ 😀", "a\ud800b", "\udc00", 'q"<&>\\\n\u0000\u2028', "{{ .Reason }}"];
const events = TEXTS.flatMap((text) =>
  [0, 1, -7, 2_147_483_647].map((count) =>
    normalise({
      metadata: { name: text, namespace: text, uid: `u${text}`, resourceVersion: text },
      involvedObject: { kind: text, namespace: text, name: text, uid: text, apiVersion: text, fieldPath: text },
      source: { component: text, host: text },
      reason: text,
      message: text,
      type: text,
      action: text,
      reportingComponent: text,
      reportingInstance: text,
      clusterName: text,
      count,
    }),
  ),
);
events.push(normalise({ metadata: {}, involvedObject: {} }));

test("every field is what the engine makes of it, for every event", () => {
  for (const field of PLAIN_FIELDS) {
    for (const text of [`{{ .${field} }}`, `<{{.${field}}}>`]) {
      const [ours, engine] = [plain(text), compileForEvent(text)];
      for (const event of events) expect([field, ours(event)]).toEqual([field, engine(event)]);
    }
  }
});

const SAME = [
  "",
  "text",
  "}} text } {",
  "{ {.Reason} }",
  "{{.Reason}}}",
  "{{.Reason}}{{\t.Type }}/{{ .Source.Host  }}é",
  "a\ud800{{.Reason}}",
];
test.each(SAME)("plain, and the engine's text: %j", (text) => {
  const engine = compileForEvent(text);
  for (const event of events) expect(plain(text)(event)).toBe(engine(event));
});

const NOT_PLAIN = [
  "{{",
  "{{{.Reason}}",
  "{{ .Reason | upper }}",
  "{{- .Reason }}",
  "{{ .Reason -}}",
  "{{/* .Reason */}}",
  "{{ .Nope }}",
  "{{ .toString }}",
  "{{ .Source }}",
  "{{ .Source.Host.Length }}",
  "{{ .InvolvedObject.Labels.app }}",
  "{{ .LastTimestamp }}",
  "{{ .Reason .Type }}",
  "{{ . }}",
  "{{ $.Reason }}",
  '{{ "{{ .Reason }}" }}',
  "{{ .Reason }}{{ end }}",
];
test.each(NOT_PLAIN)("the engine's: %s", (text) => {
  expect(plainTemplate(text, LIMIT)).toBeUndefined();
  expect(allPlain({ layout: { a: ["{{ .Reason }}", text] } })).toBe(false);
});

test("settings of plain templates, of other texts and of none need no engine", () => {
  expect(allPlain([{ config: { layout: { a: "{{ .Reason }}", b: [1, null, true, { c: "{x}" }] } } }])).toBe(true);
});

test("output beyond the limit is refused, as by the engine", () => {
  const [event] = events;
  const text = `${"x".repeat(11)}{{ .Reason }}`;
  const words = "more than 10 characters of output: shorten the text, or raise template.limits.output";
  expect(() => plainTemplate(text, 10)?.(event as Event)).toThrow(words);
  expect(() => compileForEvent(text, { limits: { maxOutput: 10 } })(event as Event)).toThrow(words);
  expect(plainTemplate(text, 11)?.(event as Event)).toBe("xxxxxxxxxxx");
});
