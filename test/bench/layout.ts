/** Layouts per second of CPU time, as the JSON text that a receiver sends. `bun test/bench/layout.ts [seconds each]` */
import { eventTemplates } from "../../src/event-template/compiler.ts";
import { compileLayout, compileLayoutObject } from "../../src/payload.ts";
import type { Layout } from "../../src/sink.ts";
import { aConfig, aReceiver } from "../harness.ts";
import { readEvents } from "../template/vectors.ts";

/** The ten fields of the chart's values, of which two call sprig. */
const TEN: Layout = {
  message: "{{ .Message }}",
  reason: "{{ .Reason }}",
  type: "{{ .Type }}",
  count: "{{ .Count }}",
  kind: "{{ .InvolvedObject.Kind }}",
  name: "{{ .InvolvedObject.Name }}",
  namespace: "{{ .Namespace | upper }}",
  component: "{{ .Source.Component }}",
  host: "{{ .Source.Host }}",
  labels: "{{ .InvolvedObject.Labels | toJson }}",
};
const PLAIN: Layout = { ...TEN, namespace: "{{ .Namespace }}", labels: "{{ .ClusterName }}" };
const NESTED: Layout = { app: "petrel", level: 5, details: TEN, list: ["{{ .Reason }}", "constant"] };

const seconds = Number(process.argv[2] ?? 1);
const event = (await readEvents()).get("rich");
if (event === undefined) throw new Error("no event called rich in test/fixtures/gotemplate/events.json");

const LAYOUTS = { "ten fields, two sprig calls": TEN, "ten fields": PLAIN, nested: NESTED };
const receivers = Object.entries(LAYOUTS).map(([name, layout]) => aReceiver(name, { config: { layout } }));
const compile = await eventTemplates(aConfig({ receivers }), {});
const options = { compile, compat: false, language: "go" } as const;
for (const [name, layout] of Object.entries(LAYOUTS)) {
  const object = compileLayoutObject(layout, options);
  measure(name, compileLayout(layout, options));
  measure(`${name}, by way of an object`, (one) => JSON.stringify(object(one)));
}

function measure(name: string, render: (one: NonNullable<typeof event>) => string): void {
  if (event === undefined) return;
  let length = 0;
  for (let i = 0; i < 20_000; i++) length += render(event).length;
  let count = 0;
  const start = process.cpuUsage();
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    for (let i = 0; i < 1000; i++) length += render(event).length;
    count += 1000;
  }
  // Of this process: the machine may be busy otherwise. Collecting garbage on other threads is in it.
  const { user, system } = process.cpuUsage(start);
  const rate = count / ((user + system) / 1e6);
  console.log(
    `${name.padEnd(50)} ${Math.round(rate).toLocaleString("en").padStart(12)}/s  ${Math.round(1e9 / rate)} ns`,
  );
  if (length === 0) throw new Error("nothing rendered");
}
