/** JSON values one after another: one, one per line, or as `kubectl get --watch -o json` prints them, indented. */

export type JsonValue =
  | { readonly line: number; readonly value: unknown }
  | { readonly line: number; readonly problem: string };

/** Lines count from 1. After a value that cannot be parsed it goes on with the next line. */
export function* jsonValues(text: string): Generator<JsonValue> {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const character = text.charCodeAt(at);
    if (character === NEWLINE) line += 1;
    if (character <= BLANK || character === BYTE_ORDER_MARK) {
      at += 1;
      continue;
    }
    const end = valueEnd(text, at);
    const parsed = parse(text.slice(at, end));
    if ("problem" in parsed) {
      yield { line, problem: parsed.problem };
      const next = text.indexOf("\n", at);
      at = next < 0 ? text.length : next;
    } else {
      yield { line, value: parsed.value };
      for (let index = at; index < end; index++) if (text.charCodeAt(index) === NEWLINE) line += 1;
      at = end;
    }
  }
}

const NEWLINE = 10;
const BLANK = 32;
const BYTE_ORDER_MARK = 0xfeff;

function parse(text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { problem: `not JSON: ${JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)}` };
  }
}

/** Where the object or array that begins at `start` ends; the end of the line when it is neither, or never closed. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let index = start; index < text.length; index++) {
    const character = text[index];
    if (quoted) {
      if (character === "\\") index += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth <= 0) return index + 1;
    } else if (depth === 0 && character === "\n") return index;
  }
  const line = text.indexOf("\n", start);
  return line < 0 || depth === 0 ? text.length : line;
}
