/** JSON values one after another out of a stream of any length: one per line, or indented, as `kubectl get --watch` prints them. */

export type StreamedValue =
  | { readonly line: number; readonly value: unknown }
  | { readonly line: number; readonly problem: string };

/** Largest single value, in characters: a list of everything that one cluster holds. */
const MAX_VALUE = 512 * 1024 * 1024;
const BLANK = 32;
const NEWLINE = 10;
const QUOTE = 34;
const BACKSLASH = 92;
const BYTE_ORDER_MARK = 0xfeff;

/** Lines count from 1. After a value that cannot be parsed it goes on with the next line. Rejects as the stream does. */
export async function* streamedValues(stream: AsyncIterable<Uint8Array>): AsyncGenerator<StreamedValue> {
  const decoder = new TextDecoder();
  /** What of the stream was read and is not told yet; it begins with a value, once one has begun. */
  let text = "";
  let line = 1;
  /** Of the value that has begun: how far it was looked at, and what is open there. */
  let at = 0;
  let depth = 0;
  let quoted = false;
  let skipped = false;

  function* take(end: number): Generator<StreamedValue> {
    const whole = text.slice(0, end);
    text = text.slice(end);
    at = 0;
    depth = 0;
    quoted = false;
    const begun = line;
    for (let from = whole.indexOf("\n"); from >= 0; from = whole.indexOf("\n", from + 1)) line += 1;
    let value: unknown;
    try {
      value = JSON.parse(whole);
    } catch {
      yield {
        line: begun,
        problem: `not JSON: ${JSON.stringify(whole.length > 40 ? `${whole.slice(0, 40)}…` : whole.trimEnd())}`,
      };
      // To the end of the line, which may not have come yet.
      skipped = !whole.endsWith("\n");
      return;
    }
    yield { line: begun, value };
  }

  function* scan(last: boolean): Generator<StreamedValue> {
    for (;;) {
      if (at === 0) {
        let start = 0;
        while (start < text.length) {
          const character = text.charCodeAt(start);
          if (character === NEWLINE) {
            line += 1;
            skipped = false;
          } else if (!skipped && character > BLANK && character !== BYTE_ORDER_MARK) break;
          start += 1;
        }
        text = text.slice(start);
        if (text === "") return;
      }
      const end = valueEnd();
      if (end < 0 && text.length > MAX_VALUE) throw new Error(`a single JSON value is larger than ${MAX_VALUE} bytes`);
      if (end < 0 && !last) return;
      yield* take(end < 0 ? text.length : end);
    }
  }

  /** End of the value that begins the text; -1 when it has not come yet. Not before the end of the line for what is no object. */
  function valueEnd(): number {
    for (; at < text.length; at++) {
      const character = text.charCodeAt(at);
      if (quoted) {
        if (character === BACKSLASH) at += 1;
        else if (character === QUOTE) quoted = false;
      } else if (character === QUOTE) quoted = true;
      else if (character === 0x7b || character === 0x5b) depth += 1;
      else if (character === 0x7d || character === 0x5d) {
        depth -= 1;
        if (depth <= 0) return at + 1;
      } else if (depth === 0 && character === NEWLINE) return at + 1;
    }
    return -1;
  }

  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    yield* scan(false);
  }
  text += decoder.decode();
  yield* scan(true);
}
