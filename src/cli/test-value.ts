/** What a test of a config expects of a payload, held against what would be sent. */
import { isDeepStrictEqual } from "node:util";

export interface Difference {
  /** Of a value inside the payload: `.metadata.name`. */
  readonly path?: string;
  /** Why, when there is no telling by the two values. */
  readonly problem?: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
}

/**
 * `expected`: a text is compared with the payload's text, a map whose keys begin with `.` is values by path, anything
 * else is compared with the payload's JSON. One newline at the end of a payload does not count.
 */
export function differences(expected: unknown, payload: string): Difference[] {
  if (typeof expected === "string") {
    const [wanted, sent] = [expected, payload].map((text) => text.replace(/\n$/, ""));
    return wanted === sent ? [] : [{ expected: wanted, actual: sent }];
  }
  const parsed = parse(payload);
  if (parsed === undefined) {
    const shown = payload.length > 200 ? `${payload.slice(0, 200)}…` : payload;
    return [{ problem: "the payload is not JSON; expect its text", expected, actual: shown }];
  }
  if (!isPaths(expected)) {
    return isDeepStrictEqual(expected, parsed.value) ? [] : [{ expected, actual: parsed.value }];
  }
  return Object.entries(expected).flatMap(([path, value]): Difference[] => {
    const steps = stepsOf(path);
    if (steps === undefined) return [{ path, problem: "this is no path; write it like .metadata.name or .items[0]" }];
    const actual = follow(parsed.value, steps);
    if (actual === undefined) return [{ path, problem: "the payload has nothing there", expected: value }];
    return isDeepStrictEqual(value, actual) ? [] : [{ path, expected: value, actual }];
  });
}

function isPaths(expected: unknown): expected is Readonly<Record<string, unknown>> {
  if (typeof expected !== "object" || expected === null || Array.isArray(expected)) return false;
  const keys = Object.keys(expected);
  return keys.length > 0 && keys.every((key) => key.startsWith("."));
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

const STEP = /\.([\w@$-]+)|\[(\d+)\]|\.?\["((?:[^"\\]|\\.)*)"\]/y;

/** `.a.b[0]["c.d"]`; undefined when it is none. */
function stepsOf(path: string): (string | number)[] | undefined {
  const steps: (string | number)[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (!match) return undefined;
    const [, name, index, quoted] = match;
    steps.push(index === undefined ? (name ?? quoted?.replace(/\\(.)/g, "$1") ?? "") : Number(index));
  }
  return steps;
}

/** Undefined when there is nothing. */
function follow(value: unknown, steps: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of steps) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return at;
}

const MAX_LINES = 400;

/** Two values as lines: `-` only expected, `+` only sent, both with their neighbours. */
export function diffLines(expected: unknown, actual: unknown): string[] {
  const [a, b] = [linesOf(expected), linesOf(actual)];
  if (a.length > MAX_LINES || b.length > MAX_LINES)
    return [...a.map((line) => `- ${line}`), ...b.map((line) => `+ ${line}`)];
  // Lengths of the longest common subsequences of what follows.
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = common[i];
    for (let j = b.length - 1; j >= 0; j--) {
      if (row) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`  ${a[i]}`);
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) lines.push(`- ${a[i++]}`);
    else lines.push(`+ ${b[j++]}`);
  }
  return lines;
}

/** Keys sorted, so that order alone is no difference. */
function linesOf(value: unknown): string[] {
  if (typeof value === "string") return value.split("\n");
  return JSON.stringify(sorted(value), undefined, 2).split("\n");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, below]) => [key, sorted(below)]));
}
