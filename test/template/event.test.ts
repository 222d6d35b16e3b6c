/** Templates over our events: names, proposals, what is found at load, and where the default is kinder than Go. */
import { describe, expect, test } from "bun:test";
import type { Event } from "../../src/event.ts";
import { eventJson, goJson } from "../../src/event-template/event-type.ts";
import { compileForEvent } from "../../src/event-template/go.ts";
import { parseTimestamp } from "../../src/event-template/time-type.ts";
import type { FuncMap } from "../../src/template/func.ts";
import { sprigFuncs } from "../../src/template/funcs/sprig.ts";
import { UTC } from "../../src/template/value.ts";
import { eventOf, readEvents } from "./vectors.ts";

const events = await readEvents();

function event(name: string) {
  const found = events.get(name);
  if (found === undefined) throw new Error(`no event called ${name}`);
  return found;
}

describe("a name that the event does not have", () => {
  const table: readonly (readonly [string, string])[] = [
    ["{{ .clusterName }}", "did you mean `.ClusterName`?"],
    ["{{ .involvedObject.kind }}", "did you mean `.InvolvedObject`?"],
    ["{{ .InvolvedObject.kind }}", "did you mean `.Kind`?"],
    ["{{ .ReportingComponent }}", "did you mean `.ReportingController`?"],
    ["{{ .Metadata }}", "did you mean `.ObjectMeta`?"],
    ["{{ .Host }}", "did you mean `.Source.Host`?"],
    ["{{ .InvolvedObject.ApiVersion }}", "did you mean `.APIVersion`?"],
    ["{{ .GetTimestampCK }}", "did you mean `.GetTimestampISO8601`?"],
    ["{{ .Mesage }}", "did you mean `.Message`?"],
    ["{{ .Zebra }}", "can't evaluate field Zebra in type *kube.EnhancedEvent"],
  ];
  test.each(table)("%s", (text, words) => {
    const render = compileForEvent(text);
    expect(render.problems.map((problem) => problem.error.message)).toEqual([expect.stringContaining(words)]);
    expect(() => render(event("rich"))).toThrow(words);
  });
});

describe("found at load", () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["{{ .Reason }}{{ .InvolvedObject.Labels.any }}", []],
    ["{{ if .Nope }}{{ end }}", ["certain: can't evaluate field Nope in type *kube.EnhancedEvent"]],
    ['{{ if eq .Type "x" }}{{ .Nope }}{{ end }}', ["can't evaluate field Nope in type *kube.EnhancedEvent"]],
    ["{{ with .Series }}{{ .Size }}{{ end }}", ["can't evaluate field Size in type *v1.EventSeries"]],
    ["{{ range .InvolvedObject.OwnerReferences }}{{ .Owner }}{{ end }}", ["in type v1.OwnerReference"]],
    ["{{ range $k, $v := .Labels }}{{ $k.x }}{{ end }}", ["can't evaluate field x in type string"]],
    ["{{ $s := .Source }}{{ $s.host }}", ["certain: can't evaluate field host in type v1.EventSource"]],
    ["{{ .UID | upper }}", ["certain: wrong type for value; expected string; got types.UID"]],
    ["{{ repeat .Count .Reason }}", ["certain: wrong type for value; expected int; got int32"]],
    ["{{ len }}", ["certain: wrong number of args for len: want 1 got 0"]],
    ["{{ .FirstTimestamp.Format }}", ["certain: wrong number of args for Format: want 1 got 0"]],
    ['{{ template "gone" . }}', ['certain: template "gone" not defined']],
    ["{{ or .Reason .Nope }}", ["can't evaluate field Nope"]],
    ['{{ define "t" }}{{ .Nope }}{{ end }}{{ template "t" . }}', []],
  ];
  test.each(table)("%s", (text, wanted) => {
    const { problems } = compileForEvent(text);
    const found = problems.map(({ error, certain }) => `${certain ? "certain" : "maybe"}: ${error.message}`);
    expect(found).toHaveLength(wanted.length);
    for (const [index, words] of wanted.entries()) {
      const [kind, ...rest] = words.startsWith("certain: ")
        ? words.split("certain: ").with(0, "certain")
        : ["maybe", words];
      expect(found[index]).toStartWith(`${kind}:`);
      expect(found[index]).toContain(rest.join(""));
    }
  });
});

describe("kinder than Go, unless compat", () => {
  const table: readonly (readonly [template: string, kind: string, compat: string])[] = [
    ['{{ hasKey .InvolvedObject.Labels "app" }}', "true", "expected map[string]interface {}; got map[string]string"],
    ['{{ get .Labels "team" }}', "payments", "expected map[string]interface {}; got map[string]string"],
    ['{{ dig "app" "x" .InvolvedObject.Labels }}', "web", "interface conversion"],
    ['{{ .FirstTimestamp | date "2006-01-02 15:04" }}', "2026-11-20 21:44", ""],
    ["{{ unixEpoch .FirstTimestamp }}", "1795211058", "expected time.Time; got v1.Time"],
    ["{{ .LastTimestamp.Time.Sub .FirstTimestamp }}", "1m30s", "expected time.Time; got v1.Time"],
  ];
  test.each(table)("%s", (text, kind, words) => {
    const rich = event("rich");
    expect(compileForEvent(text)(rich)).toBe(kind);
    const strict = compileForEvent(text, { compat: true });
    if (words === "") expect(strict(rich)).not.toBe(kind);
    else expect(() => strict(rich)).toThrow(words);
  });

  test("changing a label in a template changes no event", () => {
    const rich = event("rich");
    const render = compileForEvent('{{ $_ := set .Labels "team" "x" }}{{ .Labels.team }}');
    expect(render(rich)).toBe("payments");
    expect(rich.metadata.labels?.team).toBe("payments");
  });
});

test("the 114 templates that the exporter itself was seen to render", async () => {
  const fixture = (file: string) => Bun.file(new URL(`../fixtures/exporter/${file}`, import.meta.url)).json();
  const { involvedObject, clusterName, ...rest } = await fixture("event.json");
  const seen = eventOf({ name: "", event: { ...rest, involvedObject }, clusterName, object: involvedObject });
  const cases: readonly { readonly T: string; readonly Out: string; readonly Err: string }[] =
    await fixture("templates.json");
  const wrong: string[] = [];
  // Two print today's date and an age: they were seen on the event's own day, minutes after it.
  const now = Date.parse("2026-11-20T21:46:00Z");
  const functions = sprigFuncs({ clock: { now: () => now, zone: UTC }, environment: { FOO: "bar" } });
  for (const { T: text, Out: out, Err: error } of cases) {
    const got = outcome(text, seen, functions);
    if (error === "" ? got !== out : !got.startsWith("error: "))
      wrong.push(`${text}\n  got ${got}\n  want ${out}${error}`);
  }
  expect(wrong).toEqual([]);
  expect(cases.length).toBe(114);
});

function outcome(text: string, seen: Event, functions: FuncMap): string {
  try {
    return compileForEvent(text, { compat: true, functions })(seen);
  } catch (error) {
    return `error: ${error instanceof Error ? error.message : ""}`;
  }
}

test("timestamps of the API", () => {
  const at = (text: string | null) => {
    const { seconds, nanos } = parseTimestamp(text);
    return [seconds, nanos];
  };
  expect(at("2026-11-20T21:44:18Z")).toEqual([1795211058, 0]);
  expect(at("2026-11-20T21:46:34.727123Z")).toEqual([1795211194, 727123000]);
  expect(at("2026-11-20T23:44:18.5+02:00")).toEqual([1795211058, 500000000]);
  expect(at(null)).toEqual([-62135596800, 0]);
  expect(at("yesterday")).toEqual([-62135596800, 0]);
});

test("the exporter's JSON", () => {
  expect(goJson(eventJson(event("series")))).toBe(
    '{"metadata":{"name":"db-0.17bb5e21","namespace":"data","uid":"9c2d7f10-55aa-4b1e-8a6b-1c2d3e4f5a6b","resourceVersion":"99120","creationTimestamp":"2026-11-20T21:46:34Z"},"reason":"FailedScheduling","message":"0/3 nodes are available:\\n\\t1 Insufficient cpu, 2 node(s) didn\'t match Pod\'s node affinity/selector.","source":{},"firstTimestamp":null,"lastTimestamp":null,"type":"Warning","eventTime":"2026-11-20T21:46:34.727123Z","series":{"count":3,"lastObservedTime":"2026-11-20T21:50:01.000450Z"},"action":"Scheduling","related":{"kind":"Node","name":"node-2","uid":"node-2-uid"},"reportingComponent":"default-scheduler","reportingInstance":"default-scheduler-cp-1","clusterName":"dev","involvedObject":{"kind":"Pod","namespace":"data","name":"db-0","uid":"5f4e3d2c-1b0a-4f9e-8d7c-6b5a49382716","apiVersion":"v1","resourceVersion":"99001","labels":{"app":"db","statefulset.kubernetes.io/pod-name":"db-0"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","uid":"77777777-8888-4999-8aaa-bbbbbbbbbbbb"},{"apiVersion":"example.com/v1","kind":"Database","name":"main","uid":"88888888-9999-4aaa-8bbb-cccccccccccc","controller":false}],"deleted":true}}',
  );
});
