/**
 * Random templates over events: every action, sprig's functions with arguments that fit and some that do not, printf
 * verbs, trim markers, nested templates. The same seed gives the same templates on every machine.
 */
import { EXACT, FORMATS, NUMBERS, PATHS, SIGNATURES, TEXTS, type TypeName } from "./grammar-words.ts";

export interface Random {
  /** 0 ≤ n < 1. */
  next(): number;
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T;
}

/** Mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick<T>(items: readonly T[]): T {
      const picked = items[below(items.length)];
      if (picked === undefined) throw new Error("nothing to pick from");
      return picked;
    },
  };
}

interface Scope {
  readonly variables: readonly string[];
  /** The dot is the event. */
  readonly root: boolean;
  readonly inRange: boolean;
  readonly templates: readonly string[];
  readonly depth: number;
}

const TYPES: readonly TypeName[] = ["s", "i", "n", "f", "b", "l", "d", "t", "a"];

/** One random template. */
export function randomTemplate(random: Random): string {
  const named = random.chance(0.12) ? ["one", "two"].slice(0, 1 + random.below(2)) : [];
  let text = "";
  let templates: readonly string[] = [];
  for (const name of named) {
    const scope: Scope = { variables: [], root: random.chance(0.5), inRange: false, templates, depth: 2 };
    text += `${open(random)}define ${JSON.stringify(name)}${close(random)}${body(random, scope)}${end(random)}`;
    templates = [...templates, name];
  }
  return text + body(random, { variables: [], root: true, inRange: false, templates, depth: 0 });
}

/** A template as a typing error, a bad merge or a bad copy would leave it. */
export function mutate(random: Random, text: string): string {
  const letters = [...text];
  const count = 1 + random.below(3);
  for (let round = 0; round < count; round++) {
    const at = random.below(letters.length + 1);
    const kind = random.below(5);
    if (kind === 0) letters.splice(at, 1 + random.below(3));
    else if (kind === 1) letters.splice(at, 0, random.pick(FRAGMENTS));
    else if (kind === 2) letters[at] = random.pick(FRAGMENTS);
    else if (kind === 3) letters.splice(at, 0, ...letters.slice(at, at + 1 + random.below(12)));
    else letters.length = at;
  }
  return letters.join("");
}

const FRAGMENTS: readonly string[] = [
  ..."{}()|.,$\"'`\\-:=!%*/#&@~^ \n\t0189aeinoxEX_é✓",
  "{{",
  "}}",
  "{{-",
  "-}}",
  " -}}",
  "{{- ",
  "/*",
  "*/",
  "{{end}}",
  "{{else}}",
  "{{ break }}",
  "\u0000",
  "\u00a0",
  "\ufeff",
  "nil",
  "true",
  "..",
  "$x",
  ":= ",
  "|",
  "\\x",
  "\\u12",
  "0x",
  "1e",
  "'a",
];

const open = (random: Random): string => (random.chance(0.12) ? "{{- " : random.chance(0.3) ? "{{" : "{{ ");
const close = (random: Random): string => (random.chance(0.12) ? " -}}" : random.chance(0.3) ? "}}" : " }}");
const end = (random: Random): string => `${open(random)}end${close(random)}`;

function body(random: Random, scope: Scope): string {
  let inner = scope;
  let text = "";
  const count = 1 + random.below(scope.depth > 1 ? 2 : 3);
  for (let index = 0; index < count; index++) {
    const [made, variable] = item(random, inner);
    text += made;
    if (variable !== undefined) inner = { ...inner, variables: [...inner.variables, variable] };
  }
  return text;
}

function item(random: Random, scope: Scope): readonly [text: string, declared?: string] {
  const roll = random.next();
  const deep = scope.depth >= 3;
  if (roll < 0.16) return [random.pick(PLAIN)];
  if (roll < 0.62 || deep) return [`${open(random)}${pipeline(random, scope, random.pick(TYPES), 3)}${close(random)}`];
  if (roll < 0.7) {
    const name = `$${random.pick(["x", "y", "item"])}`;
    const value = pipeline(random, scope, random.pick(TYPES), 2);
    if (scope.variables.length > 0 && random.chance(0.3)) {
      return [`${open(random)}${random.pick(scope.variables)} = ${value}${close(random)}`];
    }
    return [`${open(random)}${name} := ${value}${close(random)}`, name];
  }
  if (roll < 0.73)
    return [
      `${random.chance(0.5) ? "{{/* " : "{{- /* "}${random.pick(["a", "it's", "{{ . }}"])} */${random.pick(["}}", " -}}"])}`,
    ];
  if (roll < 0.76 && scope.inRange) return [`${open(random)}${random.pick(["break", "continue"])}${close(random)}`];
  if (roll < 0.79) {
    if (scope.templates.length > 0 && random.chance(0.9)) {
      const data = random.chance(0.8) ? ` ${operand(random, scope, "a", 1)}` : "";
      return [`${open(random)}template ${JSON.stringify(random.pick(scope.templates))}${data}${close(random)}`];
    }
    const inner: Scope = { ...scope, variables: [], root: false, inRange: false, depth: scope.depth + 1 };
    return [
      `${open(random)}block "b${random.below(3)}" ${operand(random, scope, "a", 1)}${close(random)}${body(random, inner)}${end(random)}`,
    ];
  }
  if (roll < 0.88) return [conditional(random, scope)];
  if (roll < 0.93) return [withBlock(random, scope)];
  return [rangeBlock(random, scope)];
}

const PLAIN: readonly [string, ...string[]] = [
  " ",
  "\n",
  "text",
  " - ",
  "a\n  b\t",
  "größer ✓",
  "}",
  "{ {",
  "\\n",
  '"',
  "%d",
  "\n\n",
];

const deeper = (scope: Scope, more: Partial<Scope> = {}): Scope => ({ ...scope, ...more, depth: scope.depth + 1 });

function conditional(random: Random, scope: Scope): string {
  const condition = pipeline(random, scope, random.chance(0.6) ? "b" : random.pick(TYPES), 2);
  let text = `${open(random)}if ${declare(random, condition)}${close(random)}${body(random, deeper(scope))}`;
  if (random.chance(0.25)) {
    text += `${open(random)}else if ${pipeline(random, scope, "b", 2)}${close(random)}${body(random, deeper(scope))}`;
  }
  if (random.chance(0.4)) text += `${open(random)}else${close(random)}${body(random, deeper(scope))}`;
  return text + end(random);
}

const declare = (random: Random, value: string): string => (random.chance(0.15) ? `$v := ${value}` : value);

function withBlock(random: Random, scope: Scope): string {
  const inner = deeper(scope, { root: false });
  let text = `${open(random)}with ${declare(random, pipeline(random, scope, random.pick(TYPES), 2))}${close(random)}`;
  text += body(random, inner);
  if (random.chance(0.2)) {
    text += `${open(random)}else with ${pipeline(random, scope, random.pick(TYPES), 2)}${close(random)}${body(random, inner)}`;
  }
  if (random.chance(0.3)) text += `${open(random)}else${close(random)}${body(random, deeper(scope))}`;
  return text + end(random);
}

function rangeBlock(random: Random, scope: Scope): string {
  const over = random.pick([
    () => pipeline(random, scope, "l", 2),
    () => pipeline(random, scope, "l", 2),
    () => pipeline(random, scope, "d", 2),
    () => pipeline(random, scope, random.pick(TYPES.filter((type) => type !== "n" && type !== "i")), 1),
    () => String(random.below(6)),
    () => `until ${random.below(6)}`,
  ])();
  const form = random.below(5);
  const names = form === 0 ? ["$i", "$e"] : form === 1 ? ["$e"] : [];
  const head = names.length > 0 ? `${names.join(", ")} := ` : "";
  const inner = deeper(scope, { root: false, inRange: true, variables: [...scope.variables, ...names] });
  let text = `${open(random)}range ${head}${over}${close(random)}${body(random, inner)}`;
  if (random.chance(0.3)) text += `${open(random)}else${close(random)}${body(random, deeper(scope))}`;
  return text + end(random);
}

/** A whole pipeline of about this type. */
function pipeline(random: Random, scope: Scope, type: TypeName, depth: number): string {
  return expression(random, scope, type, depth);
}

/** Something that may stand as an argument. */
function operand(random: Random, scope: Scope, type: TypeName, depth: number): string {
  // A few do not fit.
  const wanted = random.chance(0.035) ? random.pick(TYPES) : type;
  if (depth <= 0 || random.chance(0.55)) return leaf(random, scope, wanted);
  const made = expression(random, scope, wanted, depth - 1);
  if (/^[\w.$"`-]+$/.test(made)) return made;
  return random.chance(0.06) ? `(${made}).${random.pick(["Name", "a", "Unix", "Labels", "x"])}` : `(${made})`;
}

function expression(random: Random, scope: Scope, type: TypeName, depth: number): string {
  if (depth <= 0 || random.chance(0.22)) return leaf(random, scope, type);
  const kind = type === "a" ? random.pick(TYPES) : type;
  const fitting = SIGNATURES.filter((one) => one.result === kind || (kind === "n" && one.result === "i"));
  const signature = fitting.length === 0 || random.chance(0.05) ? random.pick(SIGNATURES) : random.pick(fitting);
  if (signature.name === "printf") return print(random, scope, depth);
  const args: string[] = signature.params.map((param) => operand(random, scope, param, depth - 1));
  if (signature.rest !== undefined) {
    for (let more = random.below(4); more > 0; more--) args.push(operand(random, scope, signature.rest, depth - 1));
  }
  // Too few or too many.
  if (random.chance(0.015)) args.pop();
  if (random.chance(0.015)) args.push(leaf(random, scope, "a"));
  const wrap = signature.wrap ?? ((call: string) => call);
  const last = args.at(-1);
  if (last !== undefined && random.chance(0.35)) {
    return wrap([`${unwrapped(last)} |`, signature.name, ...args.slice(0, -1)].join(" "));
  }
  return wrap([signature.name, ...args].join(" "));
}

function unwrapped(text: string): string {
  // Only where the parentheses are one pair around the whole.
  return /^\([^()]*\)$/.test(text) ? text.slice(1, -1) : text;
}

function print(random: Random, scope: Scope, depth: number): string {
  let format = "";
  const args: string[] = [];
  for (let count = 1 + random.below(3); count > 0; count--) {
    format += random.pick(["", " ", "a", "=", "é"]);
    if (random.chance(0.5)) {
      format += random.pick(FORMATS);
    } else {
      const flags = random.pick(["", "", "", "+", "-", "#", " ", "0", "+#", "-0", "# ", "+0"]);
      const width = random.pick(["", "", "", "5", "12", "1", "*", "[1]*"]);
      const precision = random.pick(["", "", "", ".2", ".0", ".", ".5", ".*"]);
      format += `%${flags}${width}${precision}${random.pick([..."vvvTsqxXdbocUeEfgGtOFwz%!"])}`;
    }
    if (!random.chance(0.05)) args.push(operand(random, scope, "a", depth - 1));
  }
  return `printf ${quoted(random, format)} ${args.join(" ")}`.trimEnd();
}

function quoted(random: Random, text: string): string {
  return text.includes("`") || text.includes("\r") || random.chance(0.6) ? JSON.stringify(text) : `\`${text}\``;
}

function leaf(random: Random, scope: Scope, type: TypeName): string {
  // From the event, whatever the dot is here.
  const path = (of: keyof typeof PATHS): string => {
    const picked = random.pick(PATHS[of]);
    return (scope.root && random.chance(0.95)) || picked.startsWith("(") ? picked : `$${picked === "." ? "" : picked}`;
  };
  if (scope.variables.length > 0 && random.chance(0.15)) return random.pick(scope.variables);
  if (random.chance(0.004)) return "$nope";
  if (!scope.root && random.chance(0.12)) return random.pick([".", ".", ".Name", ".x", ".a"]);
  const fixed = EXACT[type];
  if (fixed !== undefined && !random.chance(0.1)) return random.pick(fixed);
  switch (type) {
    case "s":
      return random.chance(0.45) ? path("s") : text(random);
    case "i":
      return String(random.below(14) - 2);
    case "n":
      return random.chance(0.3) ? path("n") : random.pick(NUMBERS);
    case "f":
      return random.pick(["1.5", "0.1", "2.0", "-3.25", "1e3", "1e21", "1e-7", "100.0", "3.14159"]);
    case "b":
      return random.chance(0.2) ? `${scope.root ? "" : "$"}.InvolvedObject.Deleted` : random.pick(["true", "false"]);
    case "l":
      return random.chance(0.2)
        ? path("l")
        : `(list ${Array.from({ length: random.below(5) }, () => literal(random)).join(" ")})`;
    case "d":
      return random.chance(0.15)
        ? path("d")
        : `(dict ${Array.from({ length: random.below(4) }, () => `"${random.pick(["a", "b", "c", "x"])}" ${literal(random)}`).join(" ")})`;
    case "t":
      return path("t");
    default:
      return random.chance(0.4) ? path("a") : literal(random);
  }
}

function literal(random: Random): string {
  return random.pick([
    () => text(random),
    () => text(random),
    () => random.pick(NUMBERS),
    () => String(random.below(10)),
    () => random.pick(["true", "false", "nil"]),
    () => random.pick(["(list)", "(dict)", "(list 1 2)", '(dict "a" 1)', '(dict "a" (dict "b" (list 1 "x")))']),
  ])();
}

function text(random: Random): string {
  if (random.chance(0.7)) return random.pick(TEXTS);
  let made = "";
  for (let count = random.below(8); count > 0; count--) made += random.pick(LETTERS);
  return quoted(random, made);
}

const LETTERS: readonly string[] = [
  ..."abcXYZ019 .,-_/:@#%&<>\"'{}[]()*+?\\|\t\nßéİſK💡́İ…\u2028\u00a0",
  "ab",
  "foo",
  "é",
];
