/** Regular expressions and the texts to search with them; one pattern in six is damaged. */
import { mutate, type Random } from "./grammar.ts";

const ATOMS: readonly string[] = [
  ...[
    "a",
    "b",
    "c",
    "ab",
    ".",
    "é",
    "💡",
    " ",
    "\\d",
    "\\w",
    "\\s",
    "\\D",
    "\\W",
    "\\S",
    "\\pL",
    "\\p{Greek}",
    "\\PN",
    "\\b",
    "\\B",
  ],
  ...[
    "^",
    "$",
    "\\A",
    "\\z",
    "[a-c]",
    "[^a]",
    "[]a]",
    "[[:alpha:]]",
    "[[:^space:]x]",
    "[\\d-z]",
    "\\x{e9}",
    "\\x41",
    "\\n",
    "\\.",
    "\\Qa.b\\E",
  ],
  ...[
    "{",
    "}",
    "-",
    "]",
    "(?i)k",
    "(?s).",
    "(?m)^",
    "(?U)a*",
    "\\1",
    "(?=a)",
    "[[.a.]]",
    "\\Z",
    "\\C",
    "[z-a]",
    "\\p{Nope}",
    "{,3}",
  ],
];
const QUANTIFIERS: readonly string[] = [
  "*",
  "+",
  "?",
  "*?",
  "+?",
  "??",
  "{2}",
  "{1,3}",
  "{2,}",
  "{0}",
  "{1000}",
  "{1001}",
  "{3,2}",
  "**",
];
const GROUPS: readonly string[] = ["(", "(", "(?:", "(?P<n>", "(?<m>", "(?i:", "(?s-i:", "(?im)("];

export function randomPattern(random: Random): string {
  const made = random.chance(0.04)
    ? random.pick(["(a+)+$", "(a|a)*b", "(.*)*x", "([a-z]+)*[0-9]$", "(a?){30}a{30}"])
    : alternation(random, 3);
  return random.chance(0.16) ? mutate(random, made) : made;
}

function alternation(random: Random, depth: number): string {
  let text = sequence(random, depth);
  while (random.chance(0.2)) text += `|${random.chance(0.1) ? "" : sequence(random, depth)}`;
  return text;
}

function sequence(random: Random, depth: number): string {
  let text = "";
  for (let count = 1 + random.below(4); count > 0; count--) {
    text +=
      depth > 0 && random.chance(0.25)
        ? `${random.pick(GROUPS)}${alternation(random, depth - 1)})`
        : random.pick(ATOMS);
    if (random.chance(0.35)) text += random.pick(QUANTIFIERS);
  }
  return text;
}

export function randomText(random: Random): string {
  if (random.chance(0.08)) return random.pick(["a", "ab", "a\n", "é", "x1 "]).repeat(1 + random.below(30_000));
  const letters = [..."aabbcc xyz019.-_\n\té💡ΩKſ"];
  let text = "";
  for (let count = random.below(60); count > 0; count--) text += random.pick(letters);
  return text;
}
