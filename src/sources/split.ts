/**
 * Where in a body its events are, found in its bytes as they come: each is then parsed alone, in a turn of its own if need
 * be, and what is nested too deep or holds too many is refused before any of it is parsed.
 */
import { Refused } from "./problem.ts";

/** Objects in objects: the API's own are at most 12 deep. */
export const MAX_DEPTH = 64;
/** Events of one request. */
export const MAX_EVENTS = 10_000;

/** `json`: one value. `lines`: one in each line. */
export type Form = "json" | "lines";

export interface Parts {
  /** Begin and end of each part, one after the other, blanks and all. */
  readonly bounds: readonly number[];
  /** Absent: the parts are lines, or the one value that there is. */
  readonly list?: List;
}

/** The list whose items are the parts. */
export interface List {
  /** Its begin and end, brackets and all. */
  readonly from: number;
  readonly to: number;
  /** It is not the value itself, but the member `items` of it. */
  readonly member: boolean;
}

export interface Splitter {
  /** @throws Refused with 400 or 413. */
  push(chunk: Uint8Array): void;
  /** Of all that was pushed. */
  end(): Parts;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const NEWLINE = 0x0a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const BLANK = 0x20;
/** Before the value it is nothing. */
const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];
/** `"items":` with some blanks. */
const KEY_LENGTH = 64;
/** Characters of what is no event. */
const SHOWN = 40;

export function createSplitter(form: Form): Splitter {
  const lines = form === "lines";
  const bounds: number[] = [];
  let offset = 0;
  let depth = 0;
  let quoted = false;
  let escaped = false;
  /** Where the line, the part of the list, or the value begins; -1: there was nothing but blanks. */
  let begin = -1;
  /** Depth at which the commas of the list are; 0: it has not begun, or is over. */
  let inside = 0;
  let from = -1;
  let to = -1;
  let member = false;
  /** The end of what came before. */
  let tail: Uint8Array = new Uint8Array();

  function part(start: number, end: number): void {
    bounds.push(start, end);
    if (bounds.length <= 2 * MAX_EVENTS) return;
    throw new Refused(413, { detail: `there are more than the ${MAX_EVENTS} events of one request` });
  }

  function tooDeep(): Refused {
    const index = lines ? { index: bounds.length / 2 } : {};
    return new Refused(400, { detail: `it is nested deeper than ${MAX_DEPTH} levels`, ...index });
  }

  /** Of a value that is no object and no list: no event can come of it, whatever is still to come. */
  function noJson(text: Uint8Array): Refused {
    const shown = Buffer.from(text.subarray(0, SHOWN)).toString().slice(0, SHOWN);
    return new Refused(400, { detail: `it is not JSON: ${JSON.stringify(shown)}` });
  }

  /** Where its closing quote is; the length of the chunk: not in it. */
  function endOfString(chunk: Uint8Array, start: number): number {
    for (let from = start; ; ) {
      const end = chunk.indexOf(QUOTE, from);
      const stop = end < 0 ? chunk.length : end;
      let before = stop;
      while (before > start && chunk[before - 1] === BACKSLASH) before--;
      // Each hides what comes after it; of those that end the chunk before, one may be left over.
      const odd = (stop - before + (before === start && escaped ? 1 : 0)) % 2 === 1;
      escaped = end < 0 && odd;
      if (end < 0 || !odd) return stop;
      from = end + 1;
    }
  }

  /** Of `items`, which opens at this place of the chunk. */
  function isMember(chunk: Uint8Array, index: number): boolean {
    const before = Buffer.concat([tail, chunk.subarray(Math.max(0, index - KEY_LENGTH), index)]);
    return /"items"\s*:\s*$/.test(before.toString("latin1"));
  }

  return {
    push(chunk) {
      const { length } = chunk;
      for (let index = 0; index < length; index++) {
        if (quoted) {
          // Strings are most of a body, and nothing in them matters.
          const end = endOfString(chunk, index);
          // In a line that is no JSON a quote may be left open.
          const cut = lines ? chunk.subarray(index, end).indexOf(NEWLINE) : -1;
          quoted = cut < 0 && end === length;
          index = cut < 0 ? end : index + cut;
          if (cut < 0) continue;
        }
        const byte = chunk[index] ?? 0;
        if (byte <= BLANK) {
          if (!lines || byte !== NEWLINE) continue;
          if (begin >= 0) part(begin, offset + index);
          begin = -1;
          depth = 0;
          quoted = false;
          escaped = false;
          continue;
        }
        if (inside > 0 && depth === inside && (byte === COMMA || byte === CLOSE_BRACKET)) {
          const at = offset + index;
          // `[]` has none, `[,]` two that are no JSON.
          if (byte === COMMA || begin >= 0 || bounds.length > 0) part(begin < 0 ? at : begin, at);
          begin = -1;
          if (byte === COMMA) continue;
          to = at + 1;
          inside = 0;
        }
        const first = begin < 0;
        if (first && byte !== BYTE_ORDER_MARK[offset + index]) {
          begin = offset + index;
          if (!lines && from < 0 && byte !== OPEN_BRACE && byte !== OPEN_BRACKET) throw noJson(chunk.subarray(index));
        }
        if (byte === QUOTE) quoted = true;
        else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
          if (++depth > MAX_DEPTH) throw tooDeep();
          const opens = byte === OPEN_BRACKET && !lines && from < 0;
          if (opens && ((depth === 1 && first) || (depth === 2 && isMember(chunk, index)))) {
            from = offset + index;
            member = depth === 2;
            inside = depth;
            begin = -1;
          }
        } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
      }
      tail = length < KEY_LENGTH ? Buffer.concat([tail, chunk]).subarray(-KEY_LENGTH) : chunk.slice(-KEY_LENGTH);
      offset += length;
    },
    end() {
      if (lines) {
        if (begin >= 0) part(begin, offset);
        return { bounds };
      }
      // What has no end is for the parser to refuse.
      if (to < 0) return { bounds: [0, offset] };
      return { bounds, list: { from, to, member } };
    },
  };
}
