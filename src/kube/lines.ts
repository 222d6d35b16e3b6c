/** Bytes to lines: a watch is a stream of JSON texts, one a line (kubernetes.io/docs/reference/using-api/api-concepts, "watch"). */

export interface LineScanner {
  /** Calls `line` for every line that this chunk completes. The bytes are only valid during the call, as is the chunk. */
  push(chunk: Uint8Array): void;
  /** Bytes of the line that has not ended. */
  readonly pending: number;
}

export interface LineOptions {
  /** Longest line, in bytes; a longer one is thrown away up to its end, and told once. */
  readonly limit: number;
  line(bytes: Uint8Array): void;
  tooLong(): void;
}

const NEWLINE = 10;

export function createLineScanner(options: LineOptions): LineScanner {
  let pieces: Uint8Array[] = [];
  let pending = 0;
  let skipping = false;

  function keep(piece: Uint8Array): void {
    if (skipping || piece.length === 0) return;
    pending += piece.length;
    if (pending <= options.limit) {
      pieces.push(piece);
      return;
    }
    skipping = true;
    pieces = [];
    pending = 0;
    options.tooLong();
  }

  function finish(piece: Uint8Array): void {
    keep(piece);
    if (!skipping && pending > 0) {
      const [only] = pieces;
      options.line(pieces.length === 1 && only ? only : Buffer.concat(pieces, pending));
    }
    pieces = [];
    pending = 0;
    skipping = false;
  }

  return {
    push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        if (pending === 0 && !skipping && end - start <= options.limit) {
          if (end > start) options.line(chunk.subarray(start, end));
        } else {
          finish(chunk.subarray(start, end));
        }
        start = end + 1;
      }
      if (start < chunk.length) keep(Buffer.copyBytesFrom(chunk, start));
    },
    get pending() {
      return pending;
    },
  };
}
