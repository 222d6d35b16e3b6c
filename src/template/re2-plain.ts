/**
 * Patterns that need no regex engine: alternations of literals with `.*` between and anchors around (`^(A|B)$`, `Failed.*pull`).
 * Most routing rules are of this kind, and string operations answer them twenty times faster, without loading the engine.
 */

interface Branch {
  /** `^` before it. */
  readonly start: boolean;
  /** `$` after it. */
  readonly end: boolean;
  /** Literals with `.*` between each two; none of them holds a newline when there are several. Never empty. */
  readonly parts: readonly string[];
}

const META = "\\.+*?()|[]{}^$";
const QUANTIFIERS = "*+?{";

/** A test with the answer of Go's MatchString, or undefined when the pattern needs the engine (also when it may be wrong). */
export function plainTest(source: string): ((text: string) => boolean) | undefined {
  const branches = parsePlain(source);
  if (branches === undefined) return undefined;
  const [only] = branches;
  if (only !== undefined && branches.length === 1) return (text) => matchBranch(only, text);
  if (branches.every((branch) => branch.start && branch.end && branch.parts.length === 1)) {
    const texts = new Set(branches.map((branch) => branch.parts[0] ?? ""));
    return (text) => texts.has(text);
  }
  return (text) => {
    for (const branch of branches) if (matchBranch(branch, text)) return true;
    return false;
  };
}

function parsePlain(source: string): Branch[] | undefined {
  let body = source;
  let start = false;
  let end = false;
  const group = /^(\^?)\((?:\?:)?([^()]*)\)(\$?)$/.exec(source);
  if (group !== null) {
    body = group[2] ?? "";
    // `(a\)` : the closing parenthesis is escaped, so this is no group.
    if (body.endsWith("\\") || body.startsWith("?")) return undefined;
    start = group[1] === "^";
    end = group[3] === "$";
  }
  const branches: Branch[] = [];
  let at = 0;
  while (at <= body.length) {
    const scanned = scanBranch(body, at);
    if (scanned === undefined) return undefined;
    const branch = simplify(start || scanned.start, end || scanned.end, scanned.parts);
    if (branch.parts.length > 1 && branch.parts.some((part) => part.includes("\n"))) return undefined;
    branches.push(branch);
    at = scanned.next;
  }
  return branches;
}

/** One alternative from `at` to the next `|`; undefined when it holds anything but literals, `.*` and outer anchors. */
function scanBranch(
  body: string,
  at: number,
): { start: boolean; end: boolean; parts: string[]; next: number } | undefined {
  const parts: string[] = [];
  let literal = "";
  let start = false;
  let end = false;
  let index = at;
  if (body[index] === "^") {
    start = true;
    index++;
  }
  for (; index < body.length; index++) {
    let char = body.charAt(index);
    if (char === "|") break;
    if (end) return undefined;
    if (char === "$") {
      end = true;
      if (QUANTIFIERS.includes(body.charAt(index + 1)) && index + 1 < body.length) return undefined;
      continue;
    }
    if (char === ".") {
      if (body[index + 1] !== "*") return undefined;
      index += body[index + 2] === "?" ? 2 : 1;
      parts.push(literal);
      literal = "";
    } else {
      if (char === "\\") {
        index++;
        char = body.charAt(index);
        if (char === "" || char > "\x7f" || /[0-9A-Za-z]/.test(char)) return undefined;
      } else if (META.includes(char) || !char.isWellFormed()) {
        const pair = body.slice(index, index + 2);
        if (META.includes(char) || !pair.isWellFormed()) return undefined;
        char = pair;
        index++;
      }
      literal += char;
    }
    if (index + 1 < body.length && QUANTIFIERS.includes(body.charAt(index + 1))) return undefined;
  }
  parts.push(literal);
  // The place after the last branch is beyond the end, so that a trailing `|` still yields its empty branch.
  return { start, end, parts, next: index + 1 };
}

/** An outer `.*` without anchor can match nothing, and two in a row match what one does. */
function simplify(start: boolean, end: boolean, parts: readonly string[]): Branch {
  const kept = parts.filter((part, index) => part !== "" || index === 0 || index === parts.length - 1);
  if (!start) while (kept.length > 1 && kept[0] === "") kept.shift();
  if (!end) while (kept.length > 1 && kept.at(-1) === "") kept.pop();
  return { start, end, parts: kept };
}

function matchBranch(branch: Branch, text: string): boolean {
  const { start, end, parts } = branch;
  const first = parts[0] ?? "";
  if (parts.length === 1) {
    if (start) return end ? text === first : text.startsWith(first);
    return end ? text.endsWith(first) : text.includes(first);
  }
  // `.` does not match a newline, so all the parts lie in one line.
  const newline = text.indexOf("\n");
  if (newline < 0) return matchLine(branch, text, 0, text.length);
  if (start) return !end && matchLine(branch, text, 0, newline);
  if (end) return matchLine(branch, text, text.lastIndexOf("\n") + 1, text.length);
  let from = 0;
  while (from <= text.length) {
    const stop = text.indexOf("\n", from);
    const to = stop < 0 ? text.length : stop;
    if (matchLine(branch, text, from, to)) return true;
    from = to + 1;
  }
  return false;
}

function matchLine(branch: Branch, text: string, from: number, to: number): boolean {
  const { parts } = branch;
  const line = from === 0 && to === text.length ? text : text.slice(from, to);
  let at = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] ?? "";
    if (index === 0 && branch.start) {
      if (!line.startsWith(part)) return false;
      at = part.length;
    } else if (index === parts.length - 1 && branch.end) {
      return line.length - part.length >= at && line.endsWith(part);
    } else {
      const found = line.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
  }
  return true;
}
