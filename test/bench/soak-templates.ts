/** Random templates through Petrel's engine and through Go's own: what is the same, and what is not. */
import { appendFile, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compileEventTemplate } from "../../src/event-template/go.ts";
import { TemplateError } from "../../src/template/error.ts";
import { sprig } from "../../src/template/funcs/sprig.ts";
import type { Template } from "../../src/template/template.ts";
import { busyMs } from "../template/busy.ts";
import { mutate, randomFrom, randomTemplate } from "../template/grammar.ts";
import { randomEvent } from "../template/random-event.ts";
import { type EventEntry, eventOf, type Outcome } from "../template/vectors.ts";
import { askGo, type GoAnswer, goTemplate } from "../testbed/gotemplate.ts";

export type Verdict = "equal" | "parse errors" | "run errors" | "beyond limits" | "left to chance" | "different";

export interface Case {
  readonly template: string;
  readonly event: EventEntry;
}

export interface Judged extends Case {
  readonly verdict: Verdict;
  readonly ours: Outcome;
  readonly go: GoAnswer;
}

/** How a Go program prints where something lies in memory: in hexadecimal as %v does, and as a number. */
const ADDRESS = /\b(?:0x)?[0-9a-f]{9,12}\b/i;
const OUR_LIMIT =
  /more than \d+ (?:steps|ms|characters)|too many for the regular expression|nested too deeply|templates deep|too long/;

const EVENTS_FOR = 200;

/** The templates of a seed, each with its event. */
export function* cases(seed: number, count: number, known: readonly EventEntry[]): Generator<Case> {
  const random = randomFrom(seed);
  let event: EventEntry | undefined;
  for (let index = 0; index < count; index++) {
    if (event === undefined || index % EVENTS_FOR === 0)
      event = random.chance(0.6) ? random.pick(known) : randomEvent(random);
    const made = randomTemplate(random);
    yield { template: random.chance(0.12) ? mutate(random, made) : made, event };
  }
}

/** Asks both; `slow` hears of templates that took longer than 50 ms here. */
export async function judge(
  program: string,
  batch: readonly Case[],
  slow: (one: Case, ms: number) => void = () => {},
): Promise<Judged[]> {
  const ask = (some: readonly Case[]) => {
    let last: EventEntry | undefined;
    return askGo(
      program,
      some.map(({ template, event }) => {
        const same = event === last;
        last = event;
        return same ? { template } : { template, event };
      }),
    );
  };
  const answers = await ask(batch);
  const judged = batch.map((one, index): Judged => {
    const ours = outcomeOf(one);
    const ms = quickest(one);
    if (ms > 50) slow(one, ms);
    const go = answers[index] ?? {};
    return { ...one, ours, go, verdict: verdict(ours, go) };
  });
  // What differs may differ from itself: the clock moved on, memory lies elsewhere.
  const doubtful = judged.filter((one) => one.verdict === "different");
  if (doubtful.length === 0) return judged;
  await Bun.sleep(1_100);
  const chance = new Set<Judged>();
  for (let round = 0; round < 3; round++) {
    const again = await ask(doubtful);
    for (const [index, one] of doubtful.entries()) if (!Bun.deepEquals(one.go, again[index])) chance.add(one);
  }
  return judged.map((one) => (chance.has(one) ? { ...one, verdict: "left to chance" } : one));
}

/** As `compat: exporter` renders, within the limits that a config has without a word. */
function outcomeOf({ template, event }: Case): Outcome {
  let compiled: Template;
  try {
    compiled = compileEventTemplate(template, { functions: sprig, compat: true });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { is: "parseError", message: error.message, partial: "" };
  }
  try {
    return { is: "out", bytes: compiled.renderBytes(eventOf(event)) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { is: "execError", message: error.message, partial: error.partial };
  }
}

function quickest(one: Case): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4 && best > 50; round++)
    best = Math.min(
      best,
      busyMs(() => void outcomeOf(one)),
    );
  return best;
}

function verdict(ours: Outcome, go: GoAnswer): Verdict {
  if (go.limit !== undefined) return "beyond limits";
  if (ours.is !== "out" && ours.message.includes("getHostByName")) return "beyond limits";
  if (ours.is !== "out" && OUR_LIMIT.test(ours.message)) return "beyond limits";
  if (go.parseError !== undefined) return ours.is === "parseError" ? "parse errors" : "different";
  if (go.execError !== undefined) return ours.is === "execError" ? "run errors" : "different";
  if (ours.is !== "out") return "different";
  const wanted = go.out === undefined ? Buffer.from(go.outBase64 ?? "", "base64") : Buffer.from(go.out);
  if (Buffer.from(ours.bytes).equals(wanted)) return "equal";
  return ADDRESS.test(wanted.toString("latin1")) ? "left to chance" : "different";
}

const STEP = 10_000;
const ROOT = import.meta.dir;

export async function soakTemplates(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      write: { type: "boolean", default: false },
      findings: { type: "string" },
    },
  });
  const [count, seed] = [Number(values.count), Number(values.seed)];
  Object.assign(process.env, { FOO: "bar", EMPTY: "", USER_NAME: "ada" });
  const program = await goTemplate();
  const known: EventEntry[] = await Bun.file(join(ROOT, "../fixtures/gotemplate/events.json")).json();
  if (values.findings !== undefined) await rm(values.findings, { force: true });
  const total: Record<Verdict, number> = {
    equal: 0,
    "parse errors": 0,
    "run errors": 0,
    "beyond limits": 0,
    "left to chance": 0,
    different: 0,
  };
  let words = 0;
  let errors = 0;
  const slow: string[] = [];
  const different: Judged[] = [];
  const begin = performance.now();
  const step = async (batch: readonly Case[]): Promise<void> => {
    const judged = await judge(program, batch, (one, ms) => slow.push(`${ms.toFixed(0)} ms: ${one.template}`));
    for (const one of judged) {
      total[one.verdict] += 1;
      if (one.ours.is !== "out" && (one.verdict === "parse errors" || one.verdict === "run errors")) {
        errors += 1;
        if (one.ours.message === (one.go.parseError ?? one.go.execError)) words += 1;
      }
      if (one.verdict !== "different") continue;
      different.push(one);
      if (values.findings !== undefined) await appendFile(values.findings, `${JSON.stringify(shown(one))}\n`);
    }
    const done = Object.values(total).reduce((sum, one) => sum + one, 0);
    console.log(`${done}: ${JSON.stringify(total)}, ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  };
  let batch: Case[] = [];
  for (const one of cases(seed, count, known)) {
    batch.push(one);
    if (batch.length === STEP) {
      await step(batch);
      batch = [];
    }
  }
  if (batch.length > 0) await step(batch);
  console.log(`${words} of ${errors} errors in Go's very words; ${slow.length} templates took longer than 50 ms`);
  for (const line of slow.slice(0, 20)) console.log(`  ${line}`);
  for (const one of different.slice(0, 20)) console.log(JSON.stringify({ ...shown(one), entry: undefined }, null, 1));
  if (values.write)
    await Bun.write(join(ROOT, "soak-templates.md"), report({ count, seed, total, words, errors, slow, different }));
  return different.length === 0 && slow.length === 0 ? 0 : 1;
}

function shown({ template, event, ours, go }: Judged): Record<string, unknown> {
  const text = ours.is === "out" ? { out: new TextDecoder().decode(ours.bytes) } : { [ours.is]: ours.message };
  return { template, event: event.name, ours: text, go, ...(event.name === "random" ? { entry: event } : {}) };
}

interface Report {
  readonly count: number;
  readonly seed: number;
  readonly total: Readonly<Record<Verdict, number>>;
  readonly words: number;
  readonly errors: number;
  readonly slow: readonly string[];
  readonly different: readonly Judged[];
}

function report({ count, seed, total, words, errors, slow, different }: Report): string {
  const number = (value: number): string => value.toLocaleString("en");
  return `# Templates beside real Go

\`bun run soak templates --count ${count} --seed ${seed} --write\` makes this page: random templates over events (\`test/template/grammar.ts\`,
one in eight of them damaged on purpose) through Petrel, as \`compat: exporter\` renders, and through Go's text/template with sprig
v3.3.0 (\`test/testbed/gotemplate\`). Machine: ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, Bun ${Bun.version}.

| outcome | templates |
|---|---|
| the same output, byte for byte | ${number(total.equal)} |
| both refuse to parse it | ${number(total["parse errors"])} |
| both fail on running it | ${number(total["run errors"])} |
| beyond the limits of one of the two programs | ${number(total["beyond limits"])} |
| Go differs from itself: the clock, addresses in memory | ${number(total["left to chance"])} |
| **different** | **${number(total.different)}** |
| all | ${number(count)} |

Of the ${number(errors)} errors, ${number(words)} have Go's very words. Templates that held the process for longer than 50 ms: ${slow.length}.
Earlier findings are test cases: \`test/template/differential.test.ts\`.

Known, and left as it is: \`deepCopy\` of a semantic version (Go's copy is 0.0.0, since it copies no private fields), \`now\` in whole
milliseconds (the clock has no more here), and the methods that Kubernetes' types have
for machines (protobuf, CBOR, gob, Swagger). Not asked for: zones like \`EST\` before 1970 (they depend on the zone data), values that print where they
lie in memory.
${different.map((one) => `\n\`\`\`json\n${JSON.stringify({ ...shown(one), entry: undefined }, null, 1)}\n\`\`\`\n`).join("")}`;
}
