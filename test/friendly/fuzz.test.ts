/** Messages that somebody changed: nothing throws, and no number is read that does not stand there. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Event } from "../../src/event.ts";
import { friendlyCloudEvent, told } from "../../src/friendly/parse.ts";
import { TABLE } from "../../src/friendly/table.ts";
import { normalise } from "../../src/normalise.ts";

interface Worded {
  readonly component: string;
  readonly reason: string;
  readonly severity: string;
  readonly kind: string;
  readonly name: string;
  readonly message: string;
}

const WORDED: readonly Worded[] = readFileSync(`${import.meta.dir}/../fixtures/friendly/wordings.jsonl`, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

const SEED = 20_261_121;
const ROUNDS = 300;

/** https://en.wikipedia.org/wiki/Linear_congruential_generator */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const eventOf = (one: Worded, message: string): Event =>
  normalise({
    metadata: { namespace: "shop", uid: "u", resourceVersion: "1" },
    involvedObject: { kind: one.kind, name: one.name, ...(one.kind !== "Node" && { namespace: "shop" }) },
    reason: one.reason,
    type: one.severity,
    source: { component: one.component },
    message,
  });

const PIECES = [
  "0",
  "1",
  "9",
  "00",
  "-1",
  "1.5",
  "1e3",
  "9007199254740993",
  "١٢",
  "½",
  " ",
  "\n",
  '"',
  "{",
  "}",
  "[",
  "]",
  "->",
  ", ",
  ": ",
  "(max: ",
  "\u0000",
  "\ud800",
  "😀",
  " from ",
  " to ",
  "<",
  ">",
  "...",
];

function mutated(text: string, below: (n: number) => number): string {
  const at = below(text.length + 1);
  const end = Math.min(text.length, at + 1 + below(4));
  const piece = PIECES[below(PIECES.length)] ?? "";
  const other = WORDED[below(WORDED.length)]?.message ?? "";
  switch (below(8)) {
    case 0:
      return text.slice(0, at) + piece + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(end);
    case 2:
      return text.slice(0, at) + piece + text.slice(end);
    case 3:
      return text.slice(0, at) + other.slice(below(other.length + 1));
    case 4:
      return text.replace(/\d+/g, (digits) => (below(2) ? `${digits}${below(10)}` : String(below(1_000))));
    case 5:
      return text.replace(/\d/, () => piece);
    case 6:
      return text + piece;
    default:
      return text.slice(0, at) + text.slice(at, end).repeat(2) + text.slice(end);
  }
}

const N = "(0|[1-9][0-9]*)";
const GROUP = `\\{(\\S+) ${N}->${N} \\(max: ${N}\\)\\}`;
/**
 * The numbers of a message by other means than the parser's, as the sources of these components print them. A message
 * that none of these matches has no numbers.
 */
const NUMBERS: readonly (readonly [reason: string, RegExp, (...groups: readonly (string | undefined)[]) => unknown])[] =
  [
    [
      "ScalingReplicaSet",
      new RegExp(`^Scaled (?:up|down) replica set [^\\s"]+ from ${N} to ${N}$`),
      (old, now) => ({ replicas: { new: now, old } }),
    ],
    [
      "ScalingReplicaSet",
      new RegExp(`^Scaled (?:up|down) replica set [^\\s"]+ to ${N}(?: from ${N})?$`),
      (now, old) => ({ replicas: { new: now, ...(old && { old }) } }),
    ],
    [
      "ScaledUpGroup",
      new RegExp(
        `^Scale-up: (?:setting group [^\\s"]+ size to|group [^\\s"]+ size set to) ${N}(?: instead of ${N} \\(max: ${N}\\))?$`,
      ),
      (now, old, maximum) => ({ nodeGroup: { sizeInfo: { new: now, ...(old && { old, maximum }) } } }),
    ],
    [
      "MaxNodesTotalReached",
      new RegExp(`^Max total nodes in cluster reached: ${N}$`),
      (maximum) => ({ nodes: { maximum } }),
    ],
    ["ScaleUpFailed", new RegExp(`^Failed adding ${N} nodes to group [^\\s"]+ due to [^]+$`), (nodes) => ({ nodes })],
    [
      "KEDAScaleTargetDeactivated",
      new RegExp(`^Deactivated [^\\s"]+ [^\\s"/]+/[^\\s"]+ from ${N} to ${N}$`),
      (old, now) => ({ replicas: { new: now, old } }),
    ],
    ["KEDAJobsCreated", new RegExp(`^Created ${N} jobs$`), (jobs) => ({ jobs })],
    [
      "PodFailurePolicy",
      new RegExp(
        `^Container [^\\s"]+ for pod [^\\s"/]+/[^\\s"]+ failed with exit code ${N} matching FailJob rule at index [^\\s"]+$`,
      ),
      (exitCode) => ({ exitCode }),
    ],
  ];

const exact = (digits: string | undefined): boolean => digits === undefined || Number.isSafeInteger(Number(digits));

/** What the data must hold, as far as the rows above tell; `false`: no number at all. */
function expectedNumbers(reason: string, message: string): unknown {
  const text = message.toWellFormed().trimEnd();
  for (const [of, pattern, make] of NUMBERS) {
    if (of !== reason) continue;
    const groups = pattern.exec(text)?.slice(1);
    if (groups === undefined || !groups.every(exact)) continue;
    return JSON.parse(JSON.stringify(make(...groups)), (_, value) =>
      typeof value === "string" ? Number(value) : value,
    );
  }
  return false;
}

function numbersIn(data: unknown): number[] {
  if (typeof data === "number") return [data];
  return typeof data === "object" && data !== null ? Object.values(data).flatMap(numbersIn) : [];
}

test(`${WORDED.length} wordings, each changed ${ROUNDS} times`, () => {
  const below = random(SEED);
  const asked = new Set(NUMBERS.map(([reason]) => reason));
  let friendly = 0;
  let changed = 0;
  for (const one of WORDED) {
    for (let round = 0; round < ROUNDS; round++) {
      let message = one.message;
      for (let times = 1 + below(3); times > 0; times--) message = mutated(message, below);
      changed++;
      const made = friendlyCloudEvent(eventOf(one, message));
      const data = made && (JSON.parse(made.json) as Record<string, unknown>);
      if (made) friendly++;
      const numbers = numbersIn(data);
      // Whole runs of digits, none of a longer number, a fraction or a sign.
      for (const number of numbers) {
        if (number === 0 && message.includes("no nodes available")) continue;
        expect(Number.isSafeInteger(number) ? message : "").toMatch(new RegExp(`(?<![\\d])${number}(?!\\d)`));
      }
      if (!asked.has(one.reason)) continue;
      const expected = expectedNumbers(one.reason, message);
      if (expected === false) expect([message, numbers]).toEqual([message, []]);
      else if (data !== undefined) expect({ message, ...data }).toMatchObject({ message, ...(expected as object) });
      else throw new Error(`${JSON.stringify(message)} is well worded, and was not understood`);
    }
  }
  console.log(`fuzz: seed ${SEED}: ${changed} changed messages, ${friendly} of them still say something`);
  // Otherwise nothing was tried.
  expect(friendly).toBeGreaterThan(changed / 20);
  expect(friendly).toBeLessThan(changed);
});

test("node groups, changed one by one, are those that stand there or none", () => {
  const below = random(SEED + 1);
  const whole = new RegExp(`^pod triggered scale-up: \\[(${GROUP}(?: ${GROUP})*)\\]$`);
  const base = WORDED.find(({ reason }) => reason === "TriggeredScaleUp") as Worded;
  let understood = 0;
  for (let round = 0; round < 5_000; round++) {
    const count = 1 + below(4);
    const groups = Array.from(
      { length: count },
      (_, index) => `{pool-${index} ${below(9)}->${below(99)} (max: ${below(100)})}`,
    );
    let message = `pod triggered scale-up: [${groups.join(" ")}]`;
    if (below(2)) message = mutated(message, below);
    const made = friendlyCloudEvent(eventOf(base, message));
    const inner = whole.exec(message.toWellFormed().trimEnd())?.[1] ?? "";
    const stated = [...inner.matchAll(new RegExp(GROUP, "g"))].map(([, name, old, now, max]) => ({
      name,
      sizeInfo: { new: Number(now), old: Number(old), maximum: Number(max) },
    }));
    if (made === undefined) {
      // Raw is always safe; only what was not touched has to be understood.
      if (groups.join(" ") === inner) throw new Error(`${message} was not understood`);
      continue;
    }
    understood++;
    const data = JSON.parse(made.json) as { nodeGroup: unknown; nodeGroups?: unknown[] };
    expect([message, data.nodeGroup, data.nodeGroups ?? [data.nodeGroup]]).toEqual([message, stated[0], stated]);
  }
  expect(understood).toBeGreaterThan(2_000);
});

test("time is linear in the message, whatever it is made of", () => {
  const pieces = new Set(["a", " ", '"', "0", ", 1", "} {", "}", "{a 1->2 (max: 3)} ", "[", "]", ". "]);
  for (const { rows } of TABLE)
    for (const { wordings } of rows)
      for (const { text } of wordings) for (const part of text.split(/<[^>]*>/)) if (part !== "") pieces.add(part);
  let slowest = 0;
  for (const one of WORDED) {
    const [begin = ""] = one.message.split(/\d/);
    for (const piece of pieces) {
      const message = (begin + piece.repeat(Math.ceil(60_000 / piece.length))).slice(0, 60_000);
      const event = eventOf(one, message);
      const from = performance.now();
      told(event);
      slowest = Math.max(slowest, performance.now() - from);
    }
  }
  console.log(
    `fuzz: ${WORDED.length * pieces.size} messages of 60,000 characters, the slowest took ${slowest.toFixed(2)} ms`,
  );
  // What is quadratic takes seconds.
  expect(slowest).toBeLessThan(250);
});
