/** The text of a config file, and the way back from edited text to where its author sees it. */
import type { Position } from "./types.ts";

export interface Source {
  readonly file: string;
  /** What is parsed. */
  readonly text: string;
  /** What stands in the file. */
  readonly original: string;
  /** Offset in `original` of an offset in `text`. */
  origin(offset: number): number;
}

/** Replaces `text[start, end)`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export function openSource(file: string, text: string): Source {
  return { file, text, original: text, origin: (offset) => offset };
}

/** The source with edits applied; they must be in order and must not overlap. */
export function editSource(source: Source, edits: readonly Edit[]): Source {
  if (edits.length === 0) return source;
  const moved: { from: number; to: number; origin: number }[] = [];
  let text = "";
  let last = 0;
  for (const edit of edits) {
    text += source.text.slice(last, edit.start);
    moved.push({ from: text.length, to: text.length + edit.text.length, origin: edit.start });
    text += edit.text;
    last = edit.end;
    moved.push({ from: text.length, to: Number.POSITIVE_INFINITY, origin: edit.end });
  }
  text += source.text.slice(last);
  return {
    file: source.file,
    text,
    original: source.original,
    origin(offset) {
      let mapped = offset;
      for (const piece of moved) {
        if (offset < piece.from) break;
        // Inside a replacement there is no better answer than its start.
        mapped = piece.to === Number.POSITIVE_INFINITY ? piece.origin + offset - piece.from : piece.origin;
      }
      return source.origin(mapped);
    },
  };
}

/** Turns offsets of a text into lines and columns. */
export function positions(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
