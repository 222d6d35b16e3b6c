/**
 * What no one would write: random templates, damaged templates, damaged configs, random regular expressions. Nothing
 * may hang, crash, or fail otherwise than with the error that is meant for it.
 *
 * PETREL_FUZZ_SECONDS says for how long (default 5; 60 with PETREL_REAL=1), PETREL_FUZZ_SEED where to begin.
 */
import { expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";
import type { Event } from "../../src/event.ts";
import { compileEventTemplate } from "../../src/event-template/go.ts";
import { LimitError } from "../../src/template/budget.ts";
import { TemplateError } from "../../src/template/error.ts";
import { SLOW_FUNCTIONS, sprigFuncs } from "../../src/template/funcs/sprig.ts";
import { compilePattern, PatternError } from "../../src/template/re2.ts";
import { busyMs } from "./busy.ts";
import { mutate, type Random, randomFrom, randomTemplate } from "./grammar.ts";
import { randomEvent } from "./random-event.ts";
import { randomPattern, randomText } from "./random-pattern.ts";
import { mutateYaml } from "./random-yaml.ts";
import { eventOf, readEvents } from "./vectors.ts";

const REAL = process.env.PETREL_REAL === "1";
const SECONDS = Number(process.env.PETREL_FUZZ_SECONDS ?? (REAL ? 60 : 5));
const SEED = process.env.PETREL_FUZZ_SEED === undefined ? Date.now() % 2 ** 31 : Number(process.env.PETREL_FUZZ_SEED);
const PARTS = 4;
const functions = sprigFuncs({ environment: { FOO: "bar", EMPTY: "" } });
const SLOW = new RegExp(SLOW_FUNCTIONS.join("|"));

/** Runs cases until the time is up; each has its own seed, so that one can be run alone. */
function fuzz(name: string, run: (random: Random) => string | undefined): void {
  test(
    name,
    () => {
      // Before anything else: a case that hangs says nothing more.
      console.log(`${name}: from seed ${SEED}`);
      const end = performance.now() + (SECONDS * 1_000) / PARTS;
      let seed = SEED;
      for (; performance.now() < end || seed === SEED; seed++) {
        let said: string | undefined;
        try {
          said = run(randomFrom(seed));
        } catch (error) {
          said = error instanceof Error ? (error.stack ?? error.message) : String(error);
        }
        if (said !== undefined) throw new Error(`PETREL_FUZZ_SEED=${seed} bun test -t '${name}': ${said}`);
      }
      console.log(`${name}: ${seed - SEED} cases`);
      expect(seed).toBeGreaterThan(SEED);
    },
    { timeout: SECONDS * 1_000 + 20_000 },
  );
}

/** The shortest of some runs, as long as they are too long: the first one compiles, and any may meet a collection. */
function quickest(limitMs: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4 && best > limitMs; round++) best = Math.min(best, busyMs(work));
  return best;
}

const MAX_MS = 50;

/** Compiles and renders; what is wrong, if anything is. */
function tryTemplate(text: string, event: Event, compat: boolean): string | undefined {
  let wrong: string | undefined;
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (error instanceof TemplateError && error.message !== "" && error.line >= 1 && error.column >= 1) return;
      wrong = `${text}\n${error instanceof Error ? error.stack : String(error)}`;
    }
  };
  const ms = quickest(MAX_MS, () =>
    guarded(() => {
      const template = compileEventTemplate(text, { functions, compat });
      const out = template.render(event);
      if (!out.isWellFormed()) wrong = `${text}\nlone surrogates in ${JSON.stringify(out)}`;
    }),
  );
  if (ms > MAX_MS && !SLOW.test(text)) return `${ms.toFixed(0)} ms: ${text}`;
  return wrong;
}

const events = [...(await readEvents()).values()];

const anyEvent = (random: Random): Event => (random.chance(0.7) ? random.pick(events) : eventOf(randomEvent(random)));

fuzz("random templates", (random) => tryTemplate(randomTemplate(random), anyEvent(random), random.chance(0.5)));

fuzz("damaged templates", (random) => {
  let text = mutate(random, randomTemplate(random));
  if (random.chance(0.4)) {
    const bytes = Buffer.from(text);
    for (let count = random.below(5); count > 0 && bytes.length > 0; count--)
      bytes[random.below(bytes.length)] = random.below(256);
    text = bytes.toString(random.chance(0.5) ? "utf8" : "latin1");
  }
  // Half of a pair, as a text cut anywhere has it.
  if (random.chance(0.1))
    text = text.slice(0, random.below(text.length)) + String.fromCharCode(0xd800 + random.below(0x800));
  return tryTemplate(text, anyEvent(random), random.chance(0.5));
});

const configs: string[] = [];
for await (const file of new Bun.Glob("configs/*.yaml").scan(`${import.meta.dir}/../..`)) {
  configs.push(await Bun.file(`${import.meta.dir}/../../${file}`).text());
}

fuzz("damaged configs", (random) => {
  const text = mutateYaml(random, random.pick(configs));
  let said: string | undefined;
  const ms = quickest(1_000, () => {
    const { config, findings } = parseConfig(text, {
      file: "c.yaml",
      env: { TOKEN: "t" },
      compat: random.chance(0.3),
      readFile: () => undefined,
    });
    if (config === undefined && !findings.some((one) => one.severity === "error"))
      said = `no config and no error: ${text}`;
    for (const { line, column, message } of findings) {
      if (message === "" || !(line >= 1 && column >= 1)) said = `a finding without words or place: ${text}`;
    }
  });
  return ms > 1_000 ? `${ms.toFixed(0)} ms: ${text}` : said;
});

fuzz("random regular expressions", (random) => {
  const source = randomPattern(random);
  const text = randomText(random);
  let wrong: string | undefined;
  const ms = quickest(MAX_MS, () => {
    try {
      const pattern = compilePattern(source);
      const found = pattern.find(text);
      if (pattern.test(text) !== (found !== undefined)) wrong = "test and find disagree";
      if (found !== undefined && !text.includes(found)) wrong = `found what is not there: ${JSON.stringify(found)}`;
    } catch (error) {
      if (!(error instanceof PatternError || error instanceof LimitError)) throw error;
    }
  });
  const shown = `${JSON.stringify(source)} on ${JSON.stringify(text.slice(0, 200))} (${text.length} characters)`;
  if (ms > MAX_MS) return `${ms.toFixed(0)} ms: ${shown}`;
  return wrong === undefined ? undefined : `${wrong}: ${shown}`;
});
