/** Renders per second of event templates, on one core. `bun test/bench/template.ts [seconds per template]` */
import { compileForEvent } from "../../src/event-data.ts";
import { readEvents } from "../template/vectors.ts";

const NINE =
  "{{ .Message }}|{{ .Reason }}|{{ .Type }}|{{ .Count }}|{{ .InvolvedObject.Kind }}|{{ .InvolvedObject.Name }}|{{ .InvolvedObject.Namespace }}|{{ .Source.Component }}|{{ .Source.Host }}";
const TEMPLATES: Readonly<Record<string, string>> = {
  "one field": "{{ .Reason }}",
  "three fields": "{{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}: {{ .Message }}",
  "nine fields": NINE,
  "ten fields, two sprig calls": `${NINE}|{{ .Namespace | upper }}|{{ .InvolvedObject.Labels | toJson }}`,
  "a branch": '{{ if eq .Type "Warning" }}{{ .Message }}{{ else }}{{ .Reason }}{{ end }}',
  "a label": "{{ .InvolvedObject.Labels.app }}",
  "a time": '{{ .LastTimestamp.Format "2006-01-02T15:04:05Z" }}',
};

const seconds = Number(process.argv[2] ?? 1);
const event = (await readEvents()).get("rich");
if (event === undefined) throw new Error("no event called rich in test/fixtures/gotemplate/events.json");

for (const [name, text] of Object.entries(TEMPLATES)) {
  const render = compileForEvent(text);
  let length = 0;
  for (let i = 0; i < 20_000; i++) length += render(event).length;
  let count = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  while (performance.now() < end) {
    for (let i = 0; i < 1000; i++) length += render(event).length;
    count += 1000;
  }
  const rate = count / ((performance.now() - start) / 1000);
  console.log(
    `${name.padEnd(28)} ${Math.round(rate).toLocaleString("en").padStart(12)}/s  ${Math.round(1e9 / rate)} ns`,
  );
  if (length === 0) throw new Error("nothing rendered");
}
