/**
 * Two things of Go's syntax that the engine does not know: one name for several groups, and the loose spellings of
 * Unicode classes that Go 1.25 began to accept (`\p{greek}`, `\p{Lowercase_Letter}`, `\p{ASCII}`).
 */

type Token =
  | { readonly kind: "group"; readonly name: string | undefined; readonly from: number; readonly to: number }
  | {
      readonly kind: "class";
      readonly negated: boolean;
      readonly name: string;
      readonly inside: boolean;
      readonly from: number;
      readonly to: number;
    };

/** The names by group number (0 is the whole match, without name), for a pattern that compiles. */
export function namedGroups(source: string): (string | undefined)[] {
  const names: (string | undefined)[] = [undefined];
  for (const token of tokens(source)) if (token.kind === "group") names.push(token.name);
  return names;
}

/** The pattern in the engine's spelling, and what was put for what (to show the user's own text in an error). */
export interface Respelled {
  readonly source: string;
  readonly changes: readonly { readonly from: string; readonly to: string }[];
}

export function respell(source: string): Respelled {
  const changes: { from: string; to: string }[] = [];
  const used = new Set<string>();
  for (const token of tokens(source)) if (token.kind === "group" && token.name !== undefined) used.add(token.name);
  const seen = new Set<string>();
  let out = "";
  let done = 0;
  for (const token of tokens(source)) {
    let replacement: string | undefined;
    if (token.kind === "group") {
      if (token.name === undefined) continue;
      if (seen.has(token.name)) {
        let suffix = 2;
        while (used.has(`${token.name}_${suffix}`)) suffix++;
        const name = `${token.name}_${suffix}`;
        used.add(name);
        replacement = `(?P<${name}>`;
      }
      seen.add(token.name);
    } else {
      replacement = respellClass(token.name, token.negated, token.inside);
    }
    if (replacement === undefined) continue;
    changes.push({ from: source.slice(token.from, token.to), to: replacement });
    out += source.slice(done, token.from) + replacement;
    done = token.to;
  }
  return { source: out + source.slice(done), changes };
}

/** Names of unicode.CategoryAliases, in the form that Go compares: one capital, no separators. */
const ALIASES: Readonly<Record<string, string>> = {
  Casedletter: "LC",
  Closepunctuation: "Pe",
  Cntrl: "Cc",
  Combiningmark: "M",
  Connectorpunctuation: "Pc",
  Control: "Cc",
  Currencysymbol: "Sc",
  Dashpunctuation: "Pd",
  Decimalnumber: "Nd",
  Digit: "Nd",
  Enclosingmark: "Me",
  Finalpunctuation: "Pf",
  Format: "Cf",
  Initialpunctuation: "Pi",
  Letter: "L",
  Letternumber: "Nl",
  Lineseparator: "Zl",
  Lowercaseletter: "Ll",
  Mark: "M",
  Mathsymbol: "Sm",
  Modifierletter: "Lm",
  Modifiersymbol: "Sk",
  Nonspacingmark: "Mn",
  Number: "N",
  Openpunctuation: "Ps",
  Other: "C",
  Otherletter: "Lo",
  Othernumber: "No",
  Otherpunctuation: "Po",
  Othersymbol: "So",
  Paragraphseparator: "Zp",
  Privateuse: "Co",
  Punct: "P",
  Punctuation: "P",
  Separator: "Z",
  Spaceseparator: "Zs",
  Spacingmark: "Mc",
  Surrogate: "Cs",
  Symbol: "S",
  Titlecaseletter: "Lt",
  Unassigned: "Cn",
  Uppercaseletter: "Lu",
  Lc: "LC",
};

function respellClass(name: string, negated: boolean, inside: boolean): string | undefined {
  const caret = name.startsWith("^");
  const bare = (caret ? name.slice(1) : name).replace(/[_ -]/g, "");
  const canonical = bare.charAt(0).toUpperCase() + bare.slice(1).replace(/[A-Z]/g, (char) => char.toLowerCase());
  const outside = negated !== caret;
  if (canonical === "Ascii") {
    const ranges = outside ? "\\x{80}-\\x{10FFFF}" : "\\x00-\\x7F";
    return inside ? ranges : `[${ranges}]`;
  }
  const short = ALIASES[canonical] ?? canonical;
  // A script of several words keeps its underscores, as in the engine's tables and in Go before 1.25.
  if (/^\^?(?:[A-Z][a-z]+(?:_[A-Z][a-z]+)+|SignWriting)$/.test(name) && ALIASES[canonical] === undefined) {
    return undefined;
  }
  return short === name ? undefined : `\\${outside ? "P" : "p"}{${short}}`;
}

/** Capturing groups and Unicode classes in order, with their places. Broken syntax ends the walk: the engine reports it. */
function* tokens(source: string): Generator<Token> {
  let at = 0;
  while (at < source.length) {
    const char = source[at];
    if (char === "\\") {
      if (source[at + 1] === "Q") {
        const end = source.indexOf("\\E", at + 2);
        at = end < 0 ? source.length : end + 2;
        continue;
      }
      const token = unicodeClass(source, at, false);
      if (token !== undefined) yield token;
      at = token?.to ?? at + 2;
    } else if (char === "[") {
      at = yield* bracketed(source, at);
    } else if (char === "(") {
      const group = /^\((?:\?P?<([A-Za-z0-9_]+)>)?/.exec(source.slice(at, at + 260));
      const opening = group?.[0] ?? "(";
      if (opening !== "(" || source[at + 1] !== "?") {
        yield { kind: "group", name: group?.[1], from: at, to: at + opening.length };
      }
      at += opening.length;
    } else {
      at++;
    }
  }
}

/** Walks a bracket expression; returns the place behind it. */
function* bracketed(source: string, from: number): Generator<Token, number> {
  let at = from + 1;
  if (source[at] === "^") at++;
  // A closing bracket in the first place is a member.
  if (source[at] === "]") at++;
  while (at < source.length && source[at] !== "]") {
    if (source[at] === "\\") {
      const token = unicodeClass(source, at, true);
      if (token !== undefined) yield token;
      at = token?.to ?? at + 2;
    } else if (source.startsWith("[:", at)) {
      const end = source.indexOf(":]", at + 2);
      at = end < 0 ? at + 1 : end + 2;
    } else {
      at++;
    }
  }
  return at + 1;
}

function unicodeClass(source: string, from: number, inside: boolean): Token | undefined {
  const letter = source[from + 1];
  if (letter !== "p" && letter !== "P") return undefined;
  if (source[from + 2] !== "{") {
    const point = source.codePointAt(from + 2);
    if (point === undefined) return undefined;
    const name = String.fromCodePoint(point);
    return { kind: "class", negated: letter === "P", name, inside, from, to: from + 2 + name.length };
  }
  const end = source.indexOf("}", from);
  if (end < 0) return undefined;
  return { kind: "class", negated: letter === "P", name: source.slice(from + 3, end), inside, from, to: end + 1 };
}
