/** `bun test/bench/template.ts [--write]`: the template engine beside Go's own, on the same machine in the same run. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { compileForEvent } from "../../src/event-template/go.ts";
import { sprig } from "../../src/template/funcs/sprig.ts";
import { type EventEntry, eventOf } from "../template/vectors.ts";
import { askGo, goTemplate } from "../testbed/gotemplate.ts";

const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const RUNS = Number(process.env.BENCH_RUNS ?? 3);

interface Subject {
  readonly name: string;
  readonly template: string;
  readonly goal?: number;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "three fields",
    template: "{{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}: {{ .Message }}",
    goal: 1_000_000,
  },
  {
    name: "ten fields, two of them with sprig",
    template: [
      '{"time":"{{ .GetTimestampISO8601 }}","message":{{ .Message | quote }},"reason":"{{ .Reason }}","type":"{{ .Type | upper }}",',
      '"count":{{ .Count }},"kind":"{{ .InvolvedObject.Kind }}","name":"{{ .InvolvedObject.Name }}",',
      '"namespace":"{{ .InvolvedObject.Namespace }}","component":"{{ .Source.Component }}","host":"{{ .Source.Host }}"}',
    ].join(""),
    goal: 150_000,
  },
  {
    name: "conditions, a loop over labels, printf, default",
    template:
      '{{ if eq .Type "Warning" }}:warning:{{ else }}:ok:{{ end }} {{ printf "%s (%d times)" .Reason .Count }} {{ range $key, $value := .InvolvedObject.Labels }}{{ $key }}={{ $value }},{{ end }} {{ .InvolvedObject.Annotations.nope | default "-" }} {{ .Message | trunc 40 | replace "\\n" " " }}',
  },
  { name: "the whole event as JSON", template: "{{ toJson . }}" },
];

interface Result extends Subject {
  readonly ours: number;
  readonly go: number;
  readonly goReparse: number;
  readonly bytes: number;
  readonly goBytes: number;
}

/** By the time of all threads, the collector's too: what else the machine does does not count. */
function perSecond(work: () => void): number {
  const until = performance.now() + SECONDS * 250;
  while (performance.now() < until) work();
  const begin = performance.now();
  const busy = process.cpuUsage();
  let count = 0;
  while (performance.now() - begin < SECONDS * 1_000) {
    for (let round = 0; round < 100; round++) work();
    count += 100;
  }
  const { user, system } = process.cpuUsage(busy);
  return (count / (user + system)) * 1e6;
}

/** Bytes that stay for one compiled template. */
function retained(template: string): number {
  const count = 5_000;
  const kept: unknown[] = new Array(count);
  Bun.gc(true);
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < count; index++) kept[index] = compileForEvent(template, { functions: sprig });
  Bun.gc(true);
  const after = process.memoryUsage().heapUsed;
  return kept.length === count ? (after - before) / count : Number.NaN;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function compare(program: string, event: EventEntry): Promise<readonly Result[]> {
  const native = eventOf(event);
  const results: Result[] = [];
  for (const subject of SUBJECTS) {
    const { template } = subject;
    const render = compileForEvent(template, { functions: sprig });
    const [same] = await askGo(program, [{ template, event }]);
    if (same?.out !== render(native))
      throw new Error(`not the same as Go: ${template}\n${render(native)}\n${same?.out}`);
    const rounds: { ours: number; go: number; goReparse: number; goBytes: number }[] = [];
    let sink = 0;
    for (let run = 0; run < RUNS; run++) {
      // One after the other, so that both have the machine for themselves.
      const ours = perSecond(() => {
        sink += render(native).length;
      });
      const [answer] = await askGo(program, [{ template, event, seconds: SECONDS }]);
      rounds.push({
        ours,
        go: 1e9 / (answer?.render ?? Number.NaN),
        goReparse: 1e9 / (answer?.reparse ?? Number.NaN),
        goBytes: answer?.retained ?? Number.NaN,
      });
    }
    if (sink === 0) throw new Error("nothing was rendered");
    results.push({
      ...subject,
      ours: median(rounds.map((one) => one.ours)),
      go: median(rounds.map((one) => one.go)),
      goReparse: median(rounds.map((one) => one.goReparse)),
      goBytes: median(rounds.map((one) => one.goBytes)),
      bytes: retained(template),
    });
  }
  return results;
}

interface Memory {
  readonly name: string;
  readonly rss: number;
  readonly anon: number;
}

/** What importing adds to a compiled executable that does nothing else. */
async function memoryAtStart(): Promise<readonly Memory[]> {
  const folder = await mkdtemp(join(tmpdir(), "petrel-bench-"));
  const source = join(import.meta.dir, "../../src");
  const wait = "setInterval(() => {}, 1_000_000); console.log('ready');";
  const use = (kept: string): string =>
    `import { compileForEvent } from ${JSON.stringify(join(source, "event-template/go.ts"))};\nglobalThis.keep = ${kept};\n${wait}`;
  const programs: Readonly<Record<string, string>> = {
    "nothing at all": wait,
    "the engine with all of sprig (src/event-template)": use("compileForEvent"),
    "the same, one template compiled": use('compileForEvent("{{ .Reason | upper }}")'),
    "the same, and the regular expressions loaded": use(
      `compileForEvent('{{ regexFind "(a|b)+" "ab" }}')({ metadata: {}, involvedObject: {}, source: {} })`,
    ),
  };
  try {
    const measured: Memory[] = [];
    for (const [name, text] of Object.entries(programs)) {
      const entry = join(folder, `main-${measured.length}.ts`);
      const outfile = join(folder, `exe-${measured.length}`);
      await Bun.write(entry, text);
      const built = await Bun.build({
        entrypoints: [entry],
        compile: { outfile },
        minify: true,
        splitting: true,
        format: "esm",
      });
      if (!built.success) throw new Error(built.logs.join("\n"));
      const runs: { rss: number; anon: number }[] = [];
      for (let run = 0; run < 5; run++) runs.push(await residentOf(outfile));
      measured.push({ name, rss: median(runs.map((one) => one.rss)), anon: median(runs.map((one) => one.anon)) });
    }
    return measured;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function residentOf(program: string): Promise<{ rss: number; anon: number }> {
  const child = Bun.spawn([program], { stdout: "pipe", stderr: "inherit" });
  await child.stdout.getReader().read();
  await Bun.sleep(300);
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  const field = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1_024;
  child.kill();
  await child.exited;
  return { rss: field("VmRSS"), anon: field("RssAnon") };
}

const whole = (value: number): string => Math.round(value).toLocaleString("en");

const program = await goTemplate();
const [event]: EventEntry[] = await Bun.file(new URL("../fixtures/gotemplate/events.json", import.meta.url)).json();
if (event === undefined) throw new Error("no event to render");
const results = await compare(program, event);
const memory = await memoryAtStart();
const base = memory[0];
const report = `# Speed and memory of templates

\`bun test/bench/template.ts --write\` makes this page. The same templates and the same event, first in Petrel, then in Go's text/template with
sprig v3.3.0 (\`test/testbed/gotemplate\`), ${RUNS} times in turn; medians.
A second is one of CPU time, of all threads of the process (so what else the machine does counts little). Machine: ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"},
Bun ${Bun.version}, ${(await Bun.$`go version`.text()).trim()}.

| template | Petrel, renders per CPU-second | goal | met | Go, renders per CPU-second | Petrel : Go | Go parsing each time | memory per template, Petrel | Go |
|---|---|---|---|---|---|---|---|---|
${results
  .map(
    ({ name, ours, goal, go, goReparse, bytes, goBytes }) =>
      `| ${name} | ${whole(ours)} | ${goal === undefined ? "–" : `≥ ${whole(goal)}`} | ${goal === undefined ? "–" : ours >= goal ? "yes" : "no"} | ${whole(go)} | ${(ours / go).toFixed(2)} | ${whole(goReparse)} | ${(bytes / 1_024).toFixed(1)} KiB | ${(goBytes / 1_024).toFixed(1)} KiB |`,
  )
  .join("\n")}

“Go parsing each time” is what an exporter does that parses its templates for every event.

Resident memory of a compiled executable that only imports, after 0.3 s:

| imports | resident | of it anonymous | more than nothing |
|---|---|---|---|
${memory.map(({ name, rss, anon }) => `| ${name} | ${rss.toFixed(1)} MB | ${anon.toFixed(1)} MB | ${(rss - (base?.rss ?? 0)).toFixed(1)} MB |`).join("\n")}

${SUBJECTS.map(({ name, template }) => `${name[0]?.toUpperCase()}${name.slice(1)}:\n\n\`\`\`\n${template}\n\`\`\``).join("\n\n")}
`;
console.log(report);
if (process.argv.includes("--write")) await Bun.write(join(import.meta.dir, "report-templates.md"), report);
